#include "cloud/authority_offline.h"

#include "cloud/authority_internal.h"
#include "common/json.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy(char *ret, size_t ret_bytes, const char *text)
{
    (void)snprintf(ret, ret_bytes, "%s", text);
}

static void refuse(struct authority_offline *ret, int status, const char *code, const char *text,
                   const char *field)
{
    ret->status = status;
    ret->code = code;
    ret->text = text;
    ret->field = field;
}

/* --- activations ---------------------------------------------------------------------------------------- */

/* The licence key as it is written in the ledger. False: refused. */
static bool read_activation(const struct offline_request *request, struct activation_request *ret_activation,
                            struct authority_offline *ret)
{
    char canonical[LICENCE_KEY_TEXT_BYTES];
    *ret_activation = request->activation;
    if (!authority_takes_id(ret_activation->installation_id)) {
        refuse(ret, 400, "invalid_file", "installation-id: letters, digits and . _ : - only",
               "installation-id");
        return false;
    }
    if (ret_activation->trial)
        return true;
    if (!licence_key_parse(ret_activation->license_key, canonical)) {
        refuse(ret, 400, "invalid_key", "this is no key: look for a typing error", "license-key");
        return false;
    }
    memcpy(ret_activation->license_key, canonical, sizeof canonical);
    return true;
}

static int activate(const struct authority *authority, struct rows *rows,
                    const struct offline_request *request, int64_t now_ms, struct offline_answer *ret_answer,
                    struct authority_offline *ret, struct error_detail *ret_detail)
{
    struct activation_request activation;
    struct authority_activation outcome = {.moves_left = 0};
    if (!read_activation(request, &activation, ret))
        return 0;
    int error = authority_activate(authority, rows, &activation, "", now_ms, &outcome, ret_detail);
    if (error != 0)
        return error;
    if (outcome.verdict == ACTIVATION_KEY_IN_USE || outcome.verdict == ACTIVATION_MOVES_EXHAUSTED)
        ret->moves_left = (int)outcome.moves_left;
    if (outcome.verdict != ACTIVATION_GRANTED)
        refuse(ret, activation_http_status(outcome.verdict), activation_code(outcome.verdict),
               activation_text(outcome.verdict), "");
    ret->activated = true;
    copy(ret->farm_id, sizeof ret->farm_id, outcome.answer.farm_id);
    copy(ret_answer->farm_token, sizeof ret_answer->farm_token, outcome.answer.farm_token);
    copy(ret_answer->entitlement, sizeof ret_answer->entitlement, outcome.answer.entitlement);
    sodium_memzero(&outcome, sizeof outcome);
    return 0;
}

/* --- reports -------------------------------------------------------------------------------------------- */

struct intake { /* too large for a pool thread's stack */
    struct usage usage;
    struct usage_window windows[MESSAGE_WINDOWS_MAX];
};

static void note_refused(struct offline_answer *answer, const struct usage_window *window)
{
    const char *reason = usage_refusal_code(window->refusal);
    struct offline_refused *last =
        answer->refused_count > 0 ? &answer->refused_owned[answer->refused_count - 1] : NULL;
    if (last != NULL && last->last + 1 == window->sequence && strcmp(last->reason, reason) == 0) {
        last->last++;
        return;
    }
    answer->refused_owned[answer->refused_count++] =
        (struct offline_refused){window->sequence, window->sequence, reason};
}

/* In pieces as large as a report's, so that those which are kept are always enough to judge the next by. */
static void take_pieces(struct intake *intake, const struct offline_request *request, int64_t now_ms,
                        struct offline_answer *answer, struct authority_offline *ret)
{
    bool number_used = false;
    ret->refused = ret->used = 0;
    for (size_t at = 0; at < request->window_count;) {
        size_t count = 0;
        for (; count < MESSAGE_WINDOWS_MAX && at < request->window_count; count++, at++)
            intake->windows[count] = authority_window(&request->windows[at]);
        usage_report(&intake->usage, intake->windows, count, now_ms, &number_used);
        for (size_t i = 0; i < count; i++) {
            if (intake->windows[i].refusal == USAGE_COUNTED)
                continue;
            note_refused(answer, &intake->windows[i]);
            ++*(intake->windows[i].refusal == USAGE_NUMBER_USED ? &ret->used : &ret->refused);
        }
    }
}

static int take_windows(struct rows *rows, const struct offline_request *request, int64_t now_ms,
                        struct intake *intake, struct offline_answer *answer, struct authority_offline *ret,
                        struct error_detail *ret_detail)
{
    answer->refused_owned = calloc(request->window_count + 1, sizeof *answer->refused_owned);
    if (answer->refused_owned == NULL)
        return ERROR_NO_MEMORY;
    take_pieces(intake, request, now_ms, answer, ret);
    answer->refused = answer->refused_owned;
    answer->accepted_through = usage_through(&intake->usage, ret->used > 0);
    if (request->window_count > 0)
        answer->sent_through = request->windows[request->window_count - 1].sequence;
    ret->windows = request->window_count;
    return rows_usage_put(rows, request->farm_id, &intake->usage, ret_detail);
}

static bool proves(const void *request, const unsigned char hash[ROWS_TOKEN_HASH_BYTES])
{
    static_assert(ROWS_TOKEN_HASH_BYTES == OFFLINE_DIGEST_BYTES, "a token's hash is the key of its proof");
    return offline_request_proved(request, hash);
}

static int take_report(const struct authority *authority, struct rows *rows,
                       const struct offline_request *request, int64_t now_ms, struct intake *intake,
                       struct offline_answer *answer, struct authority_offline *ret,
                       struct error_detail *ret_detail)
{
    struct farm farm;
    enum authority_access access;
    int error = authority_find_farm(rows, request->farm_id, proves, request, now_ms, &farm, &intake->usage,
                                    &access, ret_detail);
    if (error == 0 && access == AUTHORITY_STRANGER)
        refuse(ret, 403, "not_proved", "no farm here has this id and has made this file", "proof");
    if (error == 0 && access == AUTHORITY_FORGOTTEN)
        refuse(ret, 404, "unknown_farm", "this farm was deactivated so long ago that it is unknown",
               "farm-id");
    if (error != 0 || access != AUTHORITY_KNOWN)
        return error;
    error = take_windows(rows, request, now_ms, intake, answer, ret, ret_detail);
    if (error != 0)
        return error;
    if (request->activation.app_version[0] != '\0')
        copy(farm.app_version, sizeof farm.app_version, request->activation.app_version);
    farm.reported_ms = now_ms;
    copy(ret->farm_id, sizeof ret->farm_id, farm.id);
    return authority_issue(authority, rows, &farm, now_ms, answer->entitlement, ret_detail);
}

static int report(const struct authority *authority, struct rows *rows, const struct offline_request *request,
                  int64_t now_ms, struct offline_answer *answer, struct authority_offline *ret,
                  struct error_detail *ret_detail)
{
    struct intake *intake = malloc(sizeof *intake);
    if (intake == NULL)
        return ERROR_NO_MEMORY;
    int error = take_report(authority, rows, request, now_ms, intake, answer, ret, ret_detail);
    free(intake);
    return error;
}

/* --- both ----------------------------------------------------------------------------------------------- */

/* All of them: a farm says nothing of the keys it knows, and a file is not sent every 20 minutes. */
static void bring_keys(const struct authority *authority, struct offline_answer *answer)
{
    const char *const *keys;
    answer->key_count = key_chain_after(authority->chain, "", &keys);
    for (size_t i = 0; i < answer->key_count; i++)
        copy(answer->keys[i], sizeof answer->keys[i], keys[i]);
}

/* What the entitlement that was just signed says is what the file says. */
static int complete(const struct authority *authority, const struct offline_request *request, int64_t now_ms,
                    struct offline_answer *answer, struct authority_offline *ret,
                    struct error_detail *ret_detail)
{
    const struct entitlement_keyring own = {.keys = {authority->key.key}, .count = 1};
    struct entitlement entitlement;
    int error =
        entitlement_verify(answer->entitlement, strlen(answer->entitlement), &own, &entitlement, ret_detail);
    if (error != 0)
        return error;
    copy(answer->request, sizeof answer->request, request->id);
    answer->request_made_ms = request->made_ms;
    answer->request_serial = request->serial;
    copy(answer->installation_id, sizeof answer->installation_id, entitlement.installation_id);
    copy(answer->farm_id, sizeof answer->farm_id, entitlement.farm_id);
    answer->made_ms = now_ms;
    bring_keys(authority, answer);
    answer->refresh_by_ms = ret->refresh_by_ms = entitlement.refresh_by_ms;
    ret->answer = offline_answer_encode(answer, &authority->key);
    return ret->answer != NULL ? 0 : ERROR_NO_MEMORY;
}

/* Who handed the file in, and what it was: an exchange is an administrator's doing. */
static int note_exchange(struct rows *rows, const struct audit_author *author,
                         const struct offline_request *request, const struct authority_offline *done,
                         struct error_detail *ret_detail)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return ERROR_NO_MEMORY;
    json_open_object(writer, NULL);
    json_text(writer, "kind", done->activated ? "activation" : "report");
    json_text(writer, "request", request->id);
    json_time(writer, "request_made_at", request->made_ms);
    json_integer(writer, "windows", (int64_t)done->windows);
    json_integer(writer, "refused", (int64_t)done->refused);
    if (done->used > 0)
        json_integer(writer, "to_be_numbered_anew", (int64_t)done->used);
    json_time(writer, "refresh_by", done->refresh_by_ms);
    json_close_object(writer);
    char *after = json_writer_take(writer);
    if (after == NULL)
        return ERROR_NO_MEMORY;
    int error = audit_line(rows, author, audit_change_name(AUDIT_FARM_EXCHANGE), done->farm_id, NULL, after,
                           ret_detail);
    free(after);
    return error;
}

int authority_offline(const struct authority *authority, struct rows *rows, const struct audit_author *author,
                      const struct offline_request *request, int64_t refresh_ms,
                      struct authority_offline *ret, struct error_detail *ret_detail)
{
    struct authority by_file = *authority;
    struct offline_answer *answer = calloc(1, sizeof *answer);
    *ret = (struct authority_offline){.field = "", .moves_left = -1};
    if (answer == NULL)
        return ERROR_NO_MEMORY;
    by_file.refresh_ms = refresh_ms;
    int error = request->farm_id[0] != '\0'
                    ? report(&by_file, rows, request, author->now_ms, answer, ret, ret_detail)
                    : activate(&by_file, rows, request, author->now_ms, answer, ret, ret_detail);
    if (error == 0 && ret->status == 0)
        error = complete(&by_file, request, author->now_ms, answer, ret, ret_detail);
    if (error == 0 && ret->status == 0)
        error = note_exchange(rows, author, request, ret, ret_detail);
    if (error != 0) {
        free(ret->answer);
        ret->answer = NULL;
    }
    offline_answer_finish(answer);
    free(answer);
    sodium_memzero(&by_file.key, sizeof by_file.key);
    return error;
}
