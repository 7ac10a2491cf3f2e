#include "cloud/admin/client.h"
#include "cloud/admin/commands.h"
#include "cloud/admin/fields.h"
#include "cloud/ledger/usage.h"
#include "common/file.h"
#include "common/offline.h"
#include "common/rfc3339.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MODE 0600 /* it may hold a farm's token */

static bool is_used(const struct offline_refused *refused)
{
    return strcmp(refused->reason, usage_refusal_code(USAGE_NUMBER_USED)) == 0;
}

/* Those whose number was used before are counted apart, for nothing is wrong with them. The spans are in the
 * order of the file, and what follows a used number waits with it. */
static void tell_windows(const struct offline_answer *answer)
{
    int64_t refused = 0, used = 0, through = answer->accepted_through;
    for (size_t i = 0; i < answer->refused_count; i++) {
        const struct offline_refused *span = &answer->refused[i];
        if (is_used(span) && used == 0)
            through = span->first - 1;
        *(is_used(span) ? &used : &refused) += span->last - span->first + 1;
    }
    (void)fprintf(stderr, "windows up to %" PRId64 " taken in, %" PRId64 " refused\n", through, refused);
    if (used > 0)
        (void)fprintf(stderr,
                      "%" PRId64
                      " to be numbered anew, for their numbers were used before: the farm does so when "
                      "it imports this, and sends them with its next file\n",
                      used);
}

struct farm_view {
    char status[FIELD_TEXT_BYTES_MAX + 1], reason[FIELD_TEXT_BYTES_MAX + 1];
};
static const struct json_field farm_fields[] = {FIELD_TEXT(struct farm_view, status),
                                                FIELD_TEXT(struct farm_view, reason)};
static const struct json_shape farm_shape = {farm_fields, FIELDS_COUNT(farm_fields)};

/* What the entitlement in the file says is sealed to us; the authority knows it, too. */
static int look_up(const char *socket_path, const char *farm_id, struct farm_view *ret)
{
    char target[CLIENT_TARGET_BYTES];
    struct local_client_answer answer;
    struct farm_view view = {.status = ""};
    if (!client_target(target, "/v1/admin/farms/", farm_id, ""))
        return ADMIN_FAILED;
    int code = client_call(socket_path, "GET", target, NULL, &answer);
    if (code == ADMIN_OK)
        code = client_read(&farm_shape, target, &answer, &view);
    if (code != ADMIN_OK)
        return code;
    local_client_answer_finish(&answer);
    *ret = view;
    return ADMIN_OK;
}

static void tell_standing(const char *socket_path, const struct offline_answer *answer)
{
    struct farm_view farm;
    char until[RFC3339_BYTES];
    if (look_up(socket_path, answer->farm_id, &farm) != ADMIN_OK)
        return; /* the answer is there all the same */
    if (strcmp(farm.status, "active") != 0)
        (void)fprintf(stderr, "farm %s is deactivated (%s): it closes when it has imported this\n",
                      answer->farm_id, farm.reason);
    else
        (void)fprintf(stderr, "farm %s %s; the next files are to be exchanged before %s\n", answer->farm_id,
                      answer->farm_token[0] != '\0' ? "is activated" : "has reported",
                      rfc3339_format(answer->refresh_by_ms, until));
}

/* For the administrator, beside the file: on stderr, for the file may go to stdout. */
static void tell_answer(const char *socket_path, const char *text, size_t bytes)
{
    struct offline_answer *answer = malloc(sizeof *answer);
    if (answer == NULL || offline_answer_decode(text, bytes, answer, NULL) != OFFLINE_GOOD) {
        free(answer);
        return; /* it is the daemon's own */
    }
    tell_standing(socket_path, answer);
    if (answer->sent_through > 0)
        tell_windows(answer);
    offline_answer_finish(answer);
    free(answer);
}

static int put_answer(const struct admin_options *options, const char *text, size_t bytes)
{
    struct error_detail detail = {""};
    int error = 0;
    if (options->output != NULL)
        error = file_replace(options->output, text, bytes, FILE_MODE, true, &detail);
    else if (fwrite(text, 1, bytes, stdout) != bytes || fflush(stdout) != 0)
        error = ERROR_IO;
    if (error == 0)
        return ADMIN_OK;
    (void)fprintf(stderr, "farmgate-cloud: the answer cannot be written: %s; run the command again\n",
                  detail.text[0] != '\0' ? detail.text : error_text(error));
    return ADMIN_FAILED;
}

static int read_request(const char *path, char **ret_text, size_t *ret_bytes)
{
    struct error_detail detail = {""};
    if (file_read(path, OFFLINE_REQUEST_BYTES_MAX, ret_text, ret_bytes, &detail) == 0)
        return ADMIN_OK;
    (void)fprintf(stderr, "farmgate-cloud: %s\n", detail.text);
    return ADMIN_DATA;
}

int command_activate_offline(const struct admin_options *options)
{
    char target[CLIENT_TARGET_BYTES] = "/v1/admin/offline", *request;
    struct local_client_answer answer;
    size_t bytes;
    if (options->days >= 0)
        (void)snprintf(target, sizeof target, "/v1/admin/offline?days=%" PRId64, options->days);
    int code = read_request(options->arguments[0], &request, &bytes);
    if (code != ADMIN_OK)
        return code;
    code = client_send_text(options->socket_path, target, request, bytes, &answer);
    sodium_memzero(request, bytes);
    free(request);
    if (code != ADMIN_OK)
        return code;
    code = put_answer(options, answer.body, answer.body_bytes);
    if (code == ADMIN_OK)
        tell_answer(options->socket_path, answer.body, answer.body_bytes);
    local_client_answer_finish(&answer);
    return code;
}
