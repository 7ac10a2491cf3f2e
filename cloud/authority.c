#include "cloud/authority.h"

#include "cloud/authority_admin.h"
#include "cloud/ledger/standing.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FARM_ID_RANDOM_BYTES 12
#define TOKEN_RANDOM_BYTES   32

/* Copies a text that fits by the callers' checks. */
static void copy(char *ret, size_t ret_bytes, const char *text)
{
    (void)snprintf(ret, ret_bytes, "%s", text);
}

/* --- tokens --------------------------------------------------------------------------------------------- */

static void hash_token(const char *token, unsigned char ret[ROWS_TOKEN_HASH_BYTES])
{
    (void)crypto_generichash(ret, ROWS_TOKEN_HASH_BYTES, (const unsigned char *)token, strlen(token), NULL,
                             0);
}

/* The last token that was used stays good until the fresh one is first used: the answer that carries it may
 * get lost, and more than once. */
static int give_token(struct rows *rows, const char *farm_id, char ret[MESSAGE_TOKEN_BYTES_MAX + 1],
                      struct error_detail *ret_detail)
{
    struct rows_tokens tokens;
    int error = rows_tokens(rows, farm_id, &tokens, ret_detail);
    if (error != 0)
        return error;
    unsigned char random[TOKEN_RANDOM_BYTES];
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2base64(ret, MESSAGE_TOKEN_BYTES_MAX + 1, random, sizeof random,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (sodium_is_zero(tokens.former, sizeof tokens.former))
        memcpy(tokens.former, tokens.newest, sizeof tokens.former);
    hash_token(ret, tokens.newest);
    return rows_tokens_put(rows, farm_id, &tokens, ret_detail);
}

/* Finds the farm if the token is its own. *ret_known false without an error: it is not. */
static int find_farm(struct rows *rows, const char *farm_id, const char *token, struct farm *ret_farm,
                     bool *ret_known, struct error_detail *ret_detail)
{
    struct rows_tokens tokens;
    unsigned char hash[ROWS_TOKEN_HASH_BYTES];

    *ret_known = false;
    int error = rows_tokens(rows, farm_id, &tokens, ret_detail);
    if (error != 0)
        return error == ERROR_NOT_FOUND ? 0 : error;
    hash_token(token, hash);
    bool newest = sodium_memcmp(hash, tokens.newest, sizeof hash) == 0;
    if (!newest && sodium_memcmp(hash, tokens.former, sizeof hash) != 0)
        return 0;
    if (newest && !sodium_is_zero(tokens.former, sizeof tokens.former)) {
        memset(tokens.former, 0, sizeof tokens.former);
        error = rows_tokens_put(rows, farm_id, &tokens, ret_detail);
        if (error != 0)
            return error;
    }
    error = rows_farm(rows, farm_id, ret_farm, ret_detail);
    *ret_known = error == 0;
    return error;
}

/* --- entitlements --------------------------------------------------------------------------------------- */

static int sign_standing(const struct authority *authority, const struct farm *farm,
                         const struct standing *standing, char *ret, struct error_detail *ret_detail)
{
    struct entitlement entitlement = {
        .serial = standing->serial,
        .status = standing->active ? ENTITLEMENT_STANDS : ENTITLEMENT_REVOKES,
        .limit = standing->limit,
        .purchases = standing->purchases,
        .trial = standing->trial,
        .expires_at_ms = standing->expires_ms,
        .issued_at_ms = standing->issued_ms,
        .refresh_by_ms = standing->refresh_by_ms,
    };
    copy(entitlement.farm_id, sizeof entitlement.farm_id, farm->id);
    copy(entitlement.installation_id, sizeof entitlement.installation_id, farm->installation_id);
    copy(entitlement.reason, sizeof entitlement.reason, standing->reason);
    int error = entitlement_sign(&entitlement, &authority->key, ret, ENTITLEMENT_BYTES_MAX + 1);
    if (error != 0)
        error_detail_set(ret_detail, "cannot sign the entitlement of farm %s", farm->id);
    return error;
}

/* Issues the farm's next entitlement and stores the farm with it. */
static int issue(const struct authority *authority, struct rows *rows, struct farm *farm, int64_t now_ms,
                 char ret[ENTITLEMENT_BYTES_MAX + 1], struct error_detail *ret_detail)
{
    struct licence licence;
    struct subscription subscription;
    struct standing standing;
    bool trial = farm->licence_id == 0;
    int error = 0;

    if (!trial)
        error = rows_licence(rows, farm->licence_id, &licence, ret_detail);
    if (error == 0 && !trial)
        error = rows_subscription(rows, licence.subscription_id, &subscription, ret_detail);
    if (error != 0)
        return error;
    standing_issue(farm, trial ? NULL : &subscription, trial ? NULL : &licence, authority->refresh_ms, now_ms,
                   &standing);
    error = rows_farm_put(rows, farm, ret_detail);
    return error != 0 ? error : sign_standing(authority, farm, &standing, ret, ret_detail);
}

/* --- activations ---------------------------------------------------------------------------------------- */

static void new_farm(const struct activation_request *request, int64_t licence_id, struct farm *ret)
{
    unsigned char random[FARM_ID_RANDOM_BYTES];
    char hex[2 * sizeof random + 1];

    *ret = (struct farm){.licence_id = licence_id};
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(hex, sizeof hex, random, sizeof random);
    (void)snprintf(ret->id, sizeof ret->id, "f-%s", hex);
    copy(ret->installation_id, sizeof ret->installation_id, request->installation_id);
}

/* The farm of the key (0: the trial) and the asking installation, stored or new. */
static int farm_of_request(struct rows *rows, const struct activation_request *request, int64_t licence_id,
                           struct farm *ret, struct error_detail *ret_detail)
{
    int error = rows_farm_of(rows, licence_id, request->installation_id, ret, ret_detail);
    if (error == ERROR_NOT_FOUND) {
        new_farm(request, licence_id, ret);
        return 0;
    }
    return error;
}

/* All that the decision needs beside the key itself. */
static int load_case(struct rows *rows, const struct activation_request *request,
                     struct activation_case *ret_case, struct error_detail *ret_detail)
{
    struct licence *licence = &ret_case->licence;
    int error = rows_subscription(rows, licence->subscription_id, &ret_case->subscription, ret_detail);
    if (error == 0)
        error = farm_of_request(rows, request, licence->id, &ret_case->farm, ret_detail);
    if (error != 0)
        return error;
    ret_case->held_elsewhere = licence->holder[0] != '\0' && strcmp(licence->holder, ret_case->farm.id) != 0;
    if (ret_case->held_elsewhere)
        error = rows_farm(rows, licence->holder, &ret_case->holder, ret_detail);
    return error;
}

static int store_case(struct rows *rows, struct activation_case *activation, struct error_detail *ret_detail)
{
    int error = rows_subscription_put(rows, &activation->subscription, ret_detail);
    if (error == 0)
        error = rows_licence_put(rows, &activation->licence, ret_detail);
    if (error == 0 && activation->held_elsewhere)
        error = rows_farm_put(rows, &activation->holder, ret_detail);
    return error;
}

static int end_activation(struct rows *rows, struct farm *farm, enum farm_reason reason, int64_t now_ms,
                          struct error_detail *ret_detail)
{
    struct licence licence;
    bool trial = farm->licence_id == 0;
    int error = trial ? 0 : rows_licence(rows, farm->licence_id, &licence, ret_detail);
    if (error != 0 || !activation_end(farm, trial ? NULL : &licence, reason, now_ms))
        return error;
    if (!trial)
        error = rows_licence_put(rows, &licence, ret_detail);
    return error != 0 ? error : rows_farm_put(rows, farm, ret_detail);
}

static int replace_trial(struct rows *rows, const char *installation_id, int64_t now_ms,
                         struct error_detail *ret_detail)
{
    struct farm trial;
    int error = rows_farm_of(rows, 0, installation_id, &trial, ret_detail);
    if (error != 0)
        return error == ERROR_NOT_FOUND ? 0 : error;
    return end_activation(rows, &trial, FARM_REASON_REPLACED, now_ms, ret_detail);
}

static int activate_key(struct rows *rows, const struct activation_request *request, int64_t now_ms,
                        struct authority_activation *ret, struct farm *ret_farm,
                        struct error_detail *ret_detail)
{
    struct activation_case activation = {.held_elsewhere = false};
    int error = rows_licence_by_key(rows, request->license_key, &activation.licence, ret_detail);
    if (error == ERROR_NOT_FOUND) {
        ret->verdict = ACTIVATION_UNKNOWN_KEY;
        return 0;
    }
    if (error == 0)
        error = load_case(rows, request, &activation, ret_detail);
    if (error != 0)
        return error;
    ret->verdict = activation_by_key(&activation, request->move, now_ms);
    ret->moves_left = activation_moves_left(&activation.licence);
    *ret_farm = activation.farm;
    if (ret->verdict != ACTIVATION_GRANTED)
        return 0;
    error = store_case(rows, &activation, ret_detail);
    return error != 0 ? error : replace_trial(rows, request->installation_id, now_ms, ret_detail);
}

static int activate_trial(const struct authority *authority, struct rows *rows,
                          const struct activation_request *request, int64_t now_ms,
                          struct authority_activation *ret, struct farm *ret_farm,
                          struct error_detail *ret_detail)
{
    int error = farm_of_request(rows, request, 0, ret_farm, ret_detail);
    if (error == 0)
        ret->verdict = activation_by_trial(ret_farm, authority->trial_limit, true, now_ms);
    return error;
}

int authority_activate(const struct authority *authority, struct rows *rows,
                       const struct activation_request *request, int64_t now_ms,
                       struct authority_activation *ret, struct error_detail *ret_detail)
{
    struct farm farm;
    int error = request->license_key[0] != '\0'
                    ? activate_key(rows, request, now_ms, ret, &farm, ret_detail)
                    : activate_trial(authority, rows, request, now_ms, ret, &farm, ret_detail);
    if (error != 0 || ret->verdict != ACTIVATION_GRANTED)
        return error;

    if (request->farm_name[0] != '\0')
        copy(farm.name, sizeof farm.name, request->farm_name);
    copy(farm.app_version, sizeof farm.app_version, request->app_version);
    copy(ret->answer.farm_id, sizeof ret->answer.farm_id, farm.id);
    error = issue(authority, rows, &farm, now_ms, ret->answer.entitlement, ret_detail);
    return error != 0 ? error : give_token(rows, farm.id, ret->answer.farm_token, ret_detail);
}

int authority_release(const struct authority *authority, struct rows *rows, const char *farm_id,
                      const char *token, int64_t now_ms, struct authority_release *ret,
                      struct error_detail *ret_detail)
{
    struct farm farm;
    int error = find_farm(rows, farm_id, token, &farm, &ret->known, ret_detail);
    if (error != 0 || !ret->known)
        return error;
    error = end_activation(rows, &farm, FARM_REASON_RELEASED, now_ms, ret_detail);
    return error != 0 ? error : issue(authority, rows, &farm, now_ms, ret->entitlement, ret_detail);
}

/* --- reports -------------------------------------------------------------------------------------------- */

static struct usage_window window_of(const struct report_window *reported)
{
    return (struct usage_window){
        .sequence = reported->sequence,
        .start_ms = reported->start_ms,
        .end_ms = reported->end_ms,
        .peak_at_ms = reported->peak_at_ms,
        .peak_users = reported->peak_users,
        .users_at_end = reported->users_at_end,
        .exempt_peak = reported->exempt_peak,
        .hosts = reported->hosts,
    };
}

struct intake { /* too large for a pool thread's stack */
    struct usage usage;
    struct usage_window windows[MESSAGE_WINDOWS_MAX];
};

static void answer_windows(const struct intake *intake, size_t count, struct report_answer *ret)
{
    ret->accepted_through = intake->usage.totals.accepted_through;
    ret->refused_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct usage_window *window = &intake->windows[i];
        if (window->refusal == USAGE_COUNTED)
            continue;
        struct refused_window *refused = &ret->refused[ret->refused_count++];
        refused->sequence = window->sequence;
        copy(refused->reason, sizeof refused->reason, usage_refusal_code(window->refusal));
    }
}

static int take_windows(struct rows *rows, const struct report_request *request, int64_t now_ms,
                        struct report_answer *ret, struct error_detail *ret_detail)
{
    struct intake *intake = malloc(sizeof *intake);
    if (intake == NULL)
        return ERROR_NO_MEMORY;
    int error = rows_usage(rows, request->farm_id, &intake->usage, ret_detail);
    if (error == 0) {
        for (size_t i = 0; i < request->window_count; i++)
            intake->windows[i] = window_of(&request->windows[i]);
        usage_report(&intake->usage, intake->windows, request->window_count, now_ms);
        answer_windows(intake, request->window_count, ret);
        error = rows_usage_put(rows, request->farm_id, &intake->usage, ret_detail);
    }
    free(intake);
    return error;
}

int authority_report(const struct authority *authority, struct rows *rows,
                     const struct report_request *request, const char *token, int64_t now_ms,
                     struct authority_report *ret, struct error_detail *ret_detail)
{
    struct farm farm;
    int error = find_farm(rows, request->farm_id, token, &farm, &ret->known, ret_detail);
    if (error != 0 || !ret->known)
        return error;
    error = take_windows(rows, request, now_ms, &ret->answer, ret_detail);
    if (error != 0)
        return error;
    if (request->app_version[0] != '\0')
        copy(farm.app_version, sizeof farm.app_version, request->app_version);
    farm.reported_ms = now_ms;
    ret->answer.server_time_ms = now_ms;
    return issue(authority, rows, &farm, now_ms, ret->answer.entitlement, ret_detail);
}

/* --- keys ----------------------------------------------------------------------------------------------- */

int authority_create_key(struct rows *rows, const struct audit_author *author, uint32_t licences,
                         const struct term *term, const char *name, struct licence *ret,
                         struct error_detail *ret_detail)
{
    static const bool renews = false;
    struct admin_subscription bought;
    struct subscription_order wanted = {
        .name = name, .contract = "", .licences = licences, .term = *term, .renews = &renews};
    int error = authority_admin_buy(rows, author, &wanted, &bought, ret_detail);
    if (error == 0)
        *ret = bought.primary;
    return error;
}
