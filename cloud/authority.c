#include "cloud/authority.h"

#include "cloud/authority_internal.h"
#include "cloud/bookkeeping.h"
#include "cloud/ledger/calendar.h"
#include "cloud/ledger/standing.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FARM_ID_RANDOM_BYTES 12
#define TOKEN_RAW_BYTES      32
#define TOKEN_CONTEXT        "farmgate-farm-token-v1"

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

/* The token that follows the one used last, which only the authority's secret tells. A farm that is activated
 * again before it used its token gets the same once more: be the answer lost, or the request sent again by
 * somebody in between, the farm has the right one. */
static void next_token(const struct authority *authority, const char *farm_id,
                       const unsigned char used[ROWS_TOKEN_HASH_BYTES], char ret[MESSAGE_TOKEN_BYTES_MAX + 1])
{
    crypto_generichash_state state;
    unsigned char token[TOKEN_RAW_BYTES];
    (void)crypto_generichash_init(&state, authority->key.secret_key, sizeof authority->key.secret_key,
                                  sizeof token);
    (void)crypto_generichash_update(&state, (const unsigned char *)TOKEN_CONTEXT, sizeof TOKEN_CONTEXT);
    (void)crypto_generichash_update(&state, used, ROWS_TOKEN_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const unsigned char *)farm_id, strlen(farm_id));
    (void)crypto_generichash_final(&state, token, sizeof token);
    (void)sodium_bin2base64(ret, MESSAGE_TOKEN_BYTES_MAX + 1, token, sizeof token,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* The last token that was used stays good until the next one is first used: the answer that carries that may
 * get lost. */
static int give_token(const struct authority *authority, struct rows *rows, const char *farm_id,
                      char ret[MESSAGE_TOKEN_BYTES_MAX + 1], struct error_detail *ret_detail)
{
    struct rows_tokens tokens;
    int error = rows_tokens(rows, farm_id, &tokens, ret_detail);
    if (error != 0)
        return error;
    if (sodium_is_zero(tokens.former, sizeof tokens.former))
        memcpy(tokens.former, tokens.newest, sizeof tokens.former);
    next_token(authority, farm_id, tokens.former, ret);
    hash_token(ret, tokens.newest);
    return rows_tokens_put(rows, farm_id, &tokens, ret_detail);
}

/* The token itself, as it comes over the network. */
static bool is_token(const void *proof, const unsigned char hash[ROWS_TOKEN_HASH_BYTES])
{
    unsigned char given[ROWS_TOKEN_HASH_BYTES];
    hash_token(proof, given);
    return sodium_memcmp(given, hash, sizeof given) == 0;
}

/* Whether who asks has the farm's token. The first use of the newest one ends the one before. */
static int check_token(struct rows *rows, struct rows_contact *contact, authority_fits_fn *fits,
                       const void *proof, bool *ret_fits, struct error_detail *ret_detail)
{
    struct rows_tokens *tokens = &contact->tokens;

    bool newest = fits(proof, tokens->newest);
    *ret_fits = newest || fits(proof, tokens->former);
    if (!newest || sodium_is_zero(tokens->former, sizeof tokens->former))
        return 0;
    memset(tokens->former, 0, sizeof tokens->former);
    return rows_tokens_put(rows, contact->farm.id, tokens, ret_detail);
}

static bool is_forgotten(const struct farm *farm, int64_t now_ms)
{
    return farm->status == FARM_DEACTIVATED && now_ms - farm->deactivated_ms >= AUTHORITY_FORGETS_MS;
}

int authority_find_farm(struct rows *rows, const char *farm_id, authority_fits_fn *fits, const void *proof,
                        int64_t now_ms, struct farm *ret_farm, struct usage *ret_usage,
                        enum authority_access *ret_access, struct error_detail *ret_detail)
{
    struct rows_contact contact;
    bool may = false;
    *ret_access = AUTHORITY_STRANGER;
    int error = rows_contact(rows, farm_id, &contact, ret_usage, ret_detail);
    if (error == ERROR_NOT_FOUND)
        return 0;
    if (error == 0)
        error = check_token(rows, &contact, fits, proof, &may, ret_detail);
    if (error != 0 || !may)
        return error;
    *ret_farm = contact.farm;
    *ret_access = is_forgotten(ret_farm, now_ms) ? AUTHORITY_FORGOTTEN : AUTHORITY_KNOWN;
    return 0;
}

/* --- entitlements --------------------------------------------------------------------------------------- */

static struct entitlement entitlement_of(const struct farm *farm, const struct standing *standing)
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
    return entitlement;
}

static int sign(const struct authority *authority, const struct entitlement *entitlement,
                char ret[ENTITLEMENT_BYTES_MAX + 1], struct error_detail *ret_detail)
{
    int error = entitlement_sign(entitlement, &authority->key, ret, ENTITLEMENT_BYTES_MAX + 1);
    if (error != 0)
        error_detail_set(ret_detail, "cannot sign the entitlement of farm %s", entitlement->farm_id);
    return error;
}

/* The farm's next entitlement, which the farm remembers: it is to be stored with it, before that is signed.
 */
static int make_entitlement(const struct authority *authority, struct rows *rows, struct farm *farm,
                            int64_t now_ms, struct entitlement *ret, struct error_detail *ret_detail)
{
    struct key key;
    struct subscription subscription;
    struct standing standing;
    bool trial = farm->key_id == 0;
    int error = 0;

    if (!trial)
        error = rows_key(rows, farm->key_id, &key, ret_detail);
    if (error == 0 && !trial)
        error = bookkeeping_subscription(rows, key.subscription_id, now_ms, &subscription, ret_detail);
    if (error == 0 && !trial)
        error = bookkeeping_close_if_cancelled(rows, &subscription, farm, now_ms, ret_detail);
    if (error != 0)
        return error;
    standing_issue(farm, trial ? NULL : &subscription, trial ? NULL : &key, authority->refresh_ms, now_ms,
                   &standing);
    *ret = entitlement_of(farm, &standing);
    return 0;
}

int authority_issue(const struct authority *authority, struct rows *rows, struct farm *farm, int64_t now_ms,
                    char ret[ENTITLEMENT_BYTES_MAX + 1], struct error_detail *ret_detail)
{
    struct entitlement entitlement;
    int error = make_entitlement(authority, rows, farm, now_ms, &entitlement, ret_detail);
    if (error == 0)
        error = rows_farm_put(rows, farm, ret_detail);
    return error != 0 ? error : sign(authority, &entitlement, ret, ret_detail);
}

/* --- activations ---------------------------------------------------------------------------------------- */

static void new_farm(const struct activation_request *request, int64_t key_id, struct farm *ret)
{
    unsigned char random[FARM_ID_RANDOM_BYTES];
    char hex[2 * sizeof random + 1];

    *ret = (struct farm){.key_id = key_id};
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(hex, sizeof hex, random, sizeof random);
    (void)snprintf(ret->id, sizeof ret->id, "f-%s", hex);
    copy(ret->installation_id, sizeof ret->installation_id, request->installation_id);
}

/* The farm of the key (0: the trial) and the asking installation, stored or new. */
static int farm_of_request(struct rows *rows, const struct activation_request *request, int64_t key_id,
                           struct farm *ret, struct error_detail *ret_detail)
{
    int error = rows_farm_of(rows, key_id, request->installation_id, ret, ret_detail);
    if (error == ERROR_NOT_FOUND) {
        new_farm(request, key_id, ret);
        return 0;
    }
    return error;
}

/* All that the decision needs beside the key itself. */
static int load_case(struct rows *rows, const struct activation_request *request, int64_t now_ms,
                     struct activation_case *ret_case, struct error_detail *ret_detail)
{
    struct key *key = &ret_case->key;
    int error =
        bookkeeping_subscription(rows, key->subscription_id, now_ms, &ret_case->subscription, ret_detail);
    if (error == 0)
        error = farm_of_request(rows, request, key->id, &ret_case->farm, ret_detail);
    if (error != 0)
        return error;
    ret_case->held_elsewhere = key->holder[0] != '\0' && strcmp(key->holder, ret_case->farm.id) != 0;
    if (ret_case->held_elsewhere)
        error = rows_farm(rows, key->holder, &ret_case->holder, ret_detail);
    return error;
}

static int store_case(struct rows *rows, struct activation_case *activation, struct error_detail *ret_detail)
{
    int error = rows_subscription_put(rows, &activation->subscription, ret_detail);
    if (error == 0)
        error = rows_key_put(rows, &activation->key, ret_detail);
    if (error == 0 && activation->held_elsewhere)
        error = rows_farm_put(rows, &activation->holder, ret_detail);
    return error;
}

static int replace_trial(struct rows *rows, const struct audit_author *author, const char *installation_id,
                         struct error_detail *ret_detail)
{
    struct farm trial;
    int error = rows_farm_of(rows, 0, installation_id, &trial, ret_detail);
    if (error != 0)
        return error == ERROR_NOT_FOUND ? 0 : error;
    return bookkeeping_close_farm(rows, author, &trial, AUDIT_FARM_DEACTIVATE, FARM_REASON_REPLACED,
                                  ret_detail);
}

/* A case before and after it was decided; for a trial only the farms in it are used. */
struct decision {
    struct activation_case before, after;
};

static int activate_key(struct rows *rows, const struct activation_request *request, int64_t now_ms,
                        struct authority_activation *ret, struct decision *decision,
                        struct error_detail *ret_detail)
{
    struct activation_case *activation = &decision->after;
    int error = rows_key_by_text(rows, request->license_key, &activation->key, ret_detail);
    if (error == ERROR_NOT_FOUND) {
        ret->verdict = ACTIVATION_UNKNOWN_KEY;
        return 0;
    }
    if (error == 0)
        error = load_case(rows, request, now_ms, activation, ret_detail);
    if (error != 0)
        return error;
    decision->before = *activation;
    ret->verdict = activation_by_key(activation, request->move, now_ms);
    ret->moves_left = activation_moves_left(&activation->key);
    return ret->verdict != ACTIVATION_GRANTED ? 0 : store_case(rows, activation, ret_detail);
}

/* --- trials --------------------------------------------------------------------------------------------- */

static int may_begin_trial(const struct authority *authority, struct rows *rows, const char *source,
                           int64_t day, bool *ret_may, struct error_detail *ret_detail)
{
    int64_t begun, begun_here = 0;
    int error = rows_trials(rows, day, "", &begun, ret_detail);
    if (error == 0 && source[0] != '\0')
        error = rows_trials(rows, day, source, &begun_here, ret_detail);
    if (error == 0)
        *ret_may = begun < authority->trials_per_day && begun_here < authority->trials_per_day_and_source;
    return error;
}

static int count_trial(struct rows *rows, const char *source, int64_t day, struct error_detail *ret_detail)
{
    int error = rows_trials_count(rows, day, "", ret_detail);
    if (error == 0 && source[0] != '\0')
        error = rows_trials_count(rows, day, source, ret_detail);
    return error;
}

static int activate_trial(const struct authority *authority, struct rows *rows,
                          const struct activation_request *request, const char *source, int64_t now_ms,
                          struct authority_activation *ret, struct decision *decision,
                          struct error_detail *ret_detail)
{
    struct farm *farm = &decision->after.farm;
    int64_t day = calendar_day(now_ms);
    bool may_begin = true;

    int error = farm_of_request(rows, request, 0, farm, ret_detail);
    if (error == 0 && farm->status == FARM_NEW)
        error = may_begin_trial(authority, rows, source, day, &may_begin, ret_detail);
    if (error != 0)
        return error;
    decision->before = decision->after;
    ret->verdict = activation_by_trial(farm, authority->trial_limit, may_begin, now_ms);
    if (ret->verdict != ACTIVATION_GRANTED || decision->before.farm.status != FARM_NEW)
        return 0;
    return count_trial(rows, source, day, ret_detail);
}

/* --- both ----------------------------------------------------------------------------------------------- */

/* The line of a farm that the decision touched; a former state of FARM_NEW is none. */
static int audit_decision(struct rows *rows, const struct audit_author *author, enum audit_change change,
                          const struct farm *before, const struct farm *after,
                          const struct decision *decision, struct error_detail *ret_detail)
{
    bool trial = after->key_id == 0;
    const struct audit_farm_state was = {before, trial ? NULL : &decision->before.key};
    const struct audit_farm_state is = {after, trial ? NULL : &decision->after.key};
    return audit_farm(rows, author, change, before->status == FARM_NEW ? NULL : &was, &is, ret_detail);
}

/* An activation asked for again, because its answer got lost, changes nothing and has no line. */
static int audit_activation(struct rows *rows, const struct audit_author *author,
                            const struct decision *decision, struct error_detail *ret_detail)
{
    const struct activation_case *before = &decision->before, *after = &decision->after;
    enum audit_change change = AUDIT_FARM_ACTIVATE;
    if (after->farm.key_id == 0)
        change = AUDIT_FARM_TRIAL;
    else if (after->key.moves > before->key.moves)
        change = AUDIT_FARM_MOVE;
    if (before->farm.status == FARM_ACTIVE)
        return 0;
    int error = audit_decision(rows, author, change, &before->farm, &after->farm, decision, ret_detail);
    if (error == 0 && after->held_elsewhere)
        error = audit_decision(rows, author, AUDIT_FARM_DEACTIVATE, &before->holder, &after->holder, decision,
                               ret_detail);
    return error;
}

/* What follows from a granted activation: the farm as it is now, its line, its entitlement, its token. */
static int complete_activation(const struct authority *authority, struct rows *rows,
                               const struct activation_request *request, int64_t now_ms,
                               struct decision *decision, struct activation_answer *ret,
                               struct error_detail *ret_detail)
{
    struct farm *farm = &decision->after.farm;
    char who[AUDIT_WHO_BYTES_MAX + 1];
    const struct audit_author author = {who, now_ms};

    (void)snprintf(who, sizeof who, "farm %s", farm->id);
    if (request->farm_name[0] != '\0')
        copy(farm->name, sizeof farm->name, request->farm_name);
    copy(farm->app_version, sizeof farm->app_version, request->app_version);
    copy(ret->farm_id, sizeof ret->farm_id, farm->id);
    int error = authority_issue(authority, rows, farm, now_ms, ret->entitlement, ret_detail);
    if (error == 0)
        error = audit_activation(rows, &author, decision, ret_detail);
    if (error == 0 && farm->key_id != 0)
        error = replace_trial(rows, &author, request->installation_id, ret_detail);
    return error != 0 ? error : give_token(authority, rows, farm->id, ret->farm_token, ret_detail);
}

bool authority_takes_id(const char *installation_id)
{
    return installation_id[strspn(installation_id,
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")] ==
           '\0';
}

int authority_activate(const struct authority *authority, struct rows *rows,
                       const struct activation_request *request, const char *source, int64_t now_ms,
                       struct authority_activation *ret, struct error_detail *ret_detail)
{
    struct decision decision = {.after = {.held_elsewhere = false}};
    int error = request->license_key[0] != '\0'
                    ? activate_key(rows, request, now_ms, ret, &decision, ret_detail)
                    : activate_trial(authority, rows, request, source, now_ms, ret, &decision, ret_detail);
    if (error != 0 || ret->verdict != ACTIVATION_GRANTED)
        return error;
    ret->answer.key_count = key_chain_after(authority->chain, request->trusted_key, &ret->answer.keys);
    return complete_activation(authority, rows, request, now_ms, &decision, &ret->answer, ret_detail);
}

/* --- the key given back --------------------------------------------------------------------------------- */

int authority_release(const struct authority *authority, struct rows *rows, const char *farm_id,
                      const char *token, int64_t now_ms, struct authority_release *ret,
                      struct error_detail *ret_detail)
{
    struct farm farm;
    char who[AUDIT_WHO_BYTES_MAX + 1];
    const struct audit_author author = {who, now_ms};

    int error =
        authority_find_farm(rows, farm_id, is_token, token, now_ms, &farm, NULL, &ret->access, ret_detail);
    if (error != 0 || ret->access != AUTHORITY_KNOWN)
        return error;
    (void)snprintf(who, sizeof who, "farm %s", farm.id);
    error =
        bookkeeping_close_farm(rows, &author, &farm, AUDIT_FARM_RELEASE, FARM_REASON_RELEASED, ret_detail);
    ret->key_count = key_chain_after(authority->chain, "", &ret->keys);
    return error != 0 ? error : authority_issue(authority, rows, &farm, now_ms, ret->entitlement, ret_detail);
}

/* --- reports -------------------------------------------------------------------------------------------- */

struct usage_window authority_window(const struct report_window *reported)
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

static void note_refusals(const struct intake *intake, size_t count, struct authority_report *ret)
{
    ret->refused_count = ret->used_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct usage_window *window = &intake->windows[i];
        if (window->refusal != USAGE_COUNTED)
            ret->refused[ret->refused_count++] =
                (struct authority_refused){window->sequence, window->refusal};
        ret->used_count += window->refusal == USAGE_NUMBER_USED;
    }
}

/* Takes the windows in, and stores the farm with them. */
static int take_windows(struct rows *rows, const struct farm *farm, const struct report_request *request,
                        int64_t now_ms, struct intake *intake, struct authority_report *ret,
                        struct error_detail *ret_detail)
{
    bool number_used = false;
    for (size_t i = 0; i < request->window_count; i++)
        intake->windows[i] = authority_window(&request->windows[i]);
    usage_report(&intake->usage, intake->windows, request->window_count, now_ms, &number_used);
    ret->accepted_through = usage_through(&intake->usage, number_used);
    note_refusals(intake, request->window_count, ret);
    return rows_report_put(rows, farm, &intake->usage, ret_detail);
}

static int take_report(const struct authority *authority, struct rows *rows,
                       const struct report_request *request, const char *token, int64_t now_ms,
                       struct intake *intake, struct authority_report *ret, struct error_detail *ret_detail)
{
    struct farm farm;
    int error = authority_find_farm(rows, request->farm_id, is_token, token, now_ms, &farm, &intake->usage,
                                    &ret->access, ret_detail);
    if (error != 0 || ret->access != AUTHORITY_KNOWN)
        return error;
    if (request->app_version[0] != '\0')
        copy(farm.app_version, sizeof farm.app_version, request->app_version);
    farm.reported_ms = now_ms;
    ret->server_time_ms = now_ms;
    copy(ret->trusted_key, sizeof ret->trusted_key, request->trusted_key);
    error = make_entitlement(authority, rows, &farm, now_ms, &ret->entitlement, ret_detail);
    return error != 0 ? error : take_windows(rows, &farm, request, now_ms, intake, ret, ret_detail);
}

int authority_report(const struct authority *authority, struct rows *rows,
                     const struct report_request *request, const char *token, int64_t now_ms,
                     struct authority_report *ret, struct error_detail *ret_detail)
{
    struct intake *intake = malloc(sizeof *intake);
    if (intake == NULL)
        return ERROR_NO_MEMORY;
    int error = take_report(authority, rows, request, token, now_ms, intake, ret, ret_detail);
    free(intake);
    return error;
}

int authority_answer(const struct authority *authority, const struct authority_report *report,
                     struct report_answer *ret, struct error_detail *ret_detail)
{
    ret->accepted_through = report->accepted_through;
    ret->server_time_ms = report->server_time_ms;
    ret->key_count = key_chain_after(authority->chain, report->trusted_key, &ret->keys);
    ret->refused_count = report->refused_count;
    for (size_t i = 0; i < report->refused_count; i++) {
        ret->refused[i].sequence = report->refused[i].sequence;
        copy(ret->refused[i].reason, sizeof ret->refused[i].reason,
             usage_refusal_code(report->refused[i].reason));
    }
    return sign(authority, &report->entitlement, ret->entitlement, ret_detail);
}
