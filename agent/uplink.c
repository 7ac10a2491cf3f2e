#include "uplink.h"

#include "agent/core/reporter.h"
#include "common/http_client.h"
#include "common/json.h"
#include "common/messages.h"

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USER_AGENT_BYTES 64
#define FIELDS(array)    (sizeof(array) / sizeof((array)[0]))

static_assert(MESSAGE_WINDOWS_MAX >= REPORTER_BATCH_MAX, "a batch must fit into one report");

struct uplink {
    struct http_client *client; /* NULL without a url */
    char *url;                  /* without a slash at its end */
    char *farm_name, *version;
    struct entitlement_keyring keyring;
    void (*closed)(void *data);
    void *closed_data;
};

enum call_kind { CALL_ACTIVATE, CALL_REPORT, CALL_RELEASE };

/* One question under way. */
struct reading;
struct call {
    struct uplink *uplink;
    struct reading *reading; /* becomes the receiver's */
    enum call_kind kind;
    uplink_fn *done;
    void *data;
};

/* --- creation */

static void uplink_free(struct uplink *uplink)
{
    free(uplink->url);
    free(uplink->farm_name);
    free(uplink->version);
    free(uplink);
}

static const char *or_null(const char *text)
{
    return text && text[0] != '\0' ? text : NULL;
}

static struct http_client *create_client(uv_loop_t *loop, const struct uplink_settings *settings)
{
    char user_agent[USER_AGENT_BYTES];
    (void)snprintf(user_agent, sizeof(user_agent), "farmgated/%s", settings->version);
    const struct http_client_settings client = {
        .ca_file = or_null(settings->ca_file),
        .proxy = or_null(settings->proxy),
        .user_agent = user_agent,
        .total_ms = settings->answer_ms,
    };
    return http_client_create(loop, &client);
}

struct uplink *uplink_create(uv_loop_t *loop, const struct uplink_settings *settings,
                             const struct entitlement_keyring *keyring)
{
    struct uplink *uplink = calloc(1, sizeof(*uplink));
    if (!uplink)
        return NULL;
    uplink->url = strdup(settings->url);
    uplink->farm_name = strdup(settings->farm_name);
    uplink->version = strdup(settings->version);
    uplink->keyring = *keyring;
    bool made = uplink->url && uplink->farm_name && uplink->version;
    if (made && uplink->url[0] != '\0') {
        for (size_t end = strlen(uplink->url); end > 0 && uplink->url[end - 1] == '/'; end--)
            uplink->url[end - 1] = '\0';
        uplink->client = create_client(loop, settings);
        made = uplink->client != NULL;
    }
    if (made)
        return uplink;
    uplink_free(uplink);
    return NULL;
}

const struct entitlement_keyring *uplink_keyring(const struct uplink *uplink)
{
    return &uplink->keyring;
}

void uplink_trust(struct uplink *uplink, const struct entitlement_keyring *keyring)
{
    uplink->keyring = *keyring;
}

static void client_closed(void *data)
{
    struct uplink *uplink = data;
    void (*closed)(void *) = uplink->closed;
    void *closed_data = uplink->closed_data;
    uplink_free(uplink);
    closed(closed_data);
}

void uplink_close(struct uplink *uplink, void (*closed)(void *data), void *data)
{
    uplink->closed = closed;
    uplink->closed_data = data;
    if (uplink->client)
        http_client_close(uplink->client, client_closed, uplink);
    else
        client_closed(uplink);
}

/* --- answers */

void uplink_grant_of(const struct entitlement *entitlement, struct grant *ret)
{
    static_assert(sizeof(ret->farm_id) == sizeof(entitlement->farm_id) &&
                      sizeof(ret->installation_id) == sizeof(entitlement->installation_id) &&
                      sizeof(ret->reason) == sizeof(entitlement->reason),
                  "texts are copied whole");
    *ret = (struct grant){
        .serial = entitlement->serial,
        .status = entitlement->status == ENTITLEMENT_STANDS ? GRANT_ACTIVE : GRANT_DEACTIVATED,
        .limit = entitlement->limit,
        .purchases = entitlement->purchases,
        .trial = entitlement->trial,
        .expires_at_ms = entitlement->expires_at_ms,
        .issued_at_ms = entitlement->issued_at_ms,
        .refresh_by_ms = entitlement->refresh_by_ms,
    };
    memcpy(ret->farm_id, entitlement->farm_id, sizeof(ret->farm_id));
    memcpy(ret->installation_id, entitlement->installation_id, sizeof(ret->installation_id));
    memcpy(ret->reason, entitlement->reason, sizeof(ret->reason));
}

/* An answer being read: what comes of it, first, and what that leans on. */
struct reading {
    struct uplink_result result;
    struct error_detail detail;
    struct problem_answer problem;
    struct activation_answer activation;
    struct report_answer report;
    struct core_refused_window refused[MESSAGE_WINDOWS_MAX];
    struct message_keys keys;
    const char *new_keys[MESSAGE_KEYS_MAX];
    struct error_detail refused_key;
    struct entitlement_keyring keyring; /* the uplink's, and new keys: adopted if the entitlement holds */
};

static void fail(struct reading *reading, int error)
{
    reading->result.error = error;
    reading->result.detail = reading->detail.text;
}

/* A known key again is no news, and one that nobody we trust has signed is left out and told: the entitlement
 * decides about the answer. */
static int accept_keys(struct reading *reading, const struct http_client_answer *answer)
{
    struct uplink_result *result = &reading->result;
    int error = message_keys_decode(answer->body, answer->body_bytes, &reading->keys, &reading->detail);
    for (size_t i = 0; i < reading->keys.count && error == 0; i++) {
        const char *key = reading->keys.texts[i];
        size_t before = reading->keyring.count;
        struct error_detail why;
        if (entitlement_key_accept(key, strlen(key), &reading->keyring, &why) != 0)
            reading->refused_key = why;
        else if (reading->keyring.count > before)
            reading->new_keys[result->new_key_count++] = key;
    }
    result->new_keys = reading->new_keys;
    result->refused_key = reading->refused_key.text;
    return error;
}

static int verify(struct reading *reading, const struct http_client_answer *answer, const char *text)
{
    struct entitlement entitlement;
    int error = accept_keys(reading, answer);
    if (error == 0)
        error = entitlement_verify(text, strlen(text), &reading->keyring, &entitlement, &reading->detail);
    if (error != 0)
        return error;
    uplink_grant_of(&entitlement, &reading->result.grant);
    reading->result.has_grant = true;
    reading->result.entitlement = text;
    return 0;
}

static int read_activation(struct reading *reading, const struct http_client_answer *answer)
{
    struct activation_answer *activation = &reading->activation;
    int error = activation_answer_decode(answer->body, answer->body_bytes, activation, &reading->detail);
    if (error == 0)
        error = verify(reading, answer, activation->entitlement);
    reading->result.farm_id = activation->farm_id;
    reading->result.farm_token = activation->farm_token;
    return error;
}

static_assert(REPORTER_SEQUENCE_MAX <= MESSAGE_SEQUENCE_MAX / 2, "windows are numbered on to what is taken");

static int read_report(struct reading *reading, const struct http_client_answer *answer)
{
    struct report_answer *report = &reading->report;
    struct uplink_result *result = &reading->result;
    int error = report_answer_decode(answer->body, answer->body_bytes, report, &reading->detail);
    if (error != 0)
        return error;
    error = verify(reading, answer, report->entitlement);
    for (size_t i = 0; i < report->refused_count; i++)
        reading->refused[i] = (struct core_refused_window){.sequence = (uint64_t)report->refused[i].sequence,
                                                           .reason = report->refused[i].reason};
    result->accepted_through = (uint64_t)report->accepted_through;
    result->refused = reading->refused;
    result->refused_count = report->refused_count;
    result->server_time_ms = report->server_time_ms;
    return error;
}

/* Whatever carries a signed entitlement. */
static int read_signed(struct reading *reading, const struct http_client_answer *answer)
{
    static const struct json_field fields[] = {
        {.name = "entitlement",
         .type = JSON_TEXT,
         .offset = offsetof(struct report_answer, entitlement),
         .min = 1,
         .max = ENTITLEMENT_BYTES_MAX,
         .required = true},
    };
    static const struct json_shape shape = {fields, FIELDS(fields)};
    struct report_answer *report = &reading->report;
    int error = json_read(&shape, answer->body, answer->body_bytes, report, &reading->detail, NULL);
    if (error != 0)
        return error;
    return verify(reading, answer, report->entitlement);
}

/* The key is given back. Who says so with words signs them: a proxy's page with 200 is no answer. */
static int read_release(struct reading *reading, const struct http_client_answer *answer)
{
    return answer->body_bytes == 0 ? 0 : read_signed(reading, answer);
}

static void read_refusal(struct reading *reading, const struct http_client_answer *answer)
{
    struct problem_answer *problem = &reading->problem;
    if (problem_answer_decode(answer->body, answer->body_bytes, problem) != 0)
        *problem = (struct problem_answer){.moves_left = -1};
    error_detail_set(&reading->detail, "HTTP %d%s%s%s%s", answer->status, problem->code[0] ? " " : "",
                     problem->code, problem->detail[0] ? ": " : "", problem->detail);
    reading->result.code = problem->code;
    reading->result.moves_left = problem->moves_left;
    fail(reading, ERROR_REFUSED);
}

static void read_http_error(struct reading *reading, enum call_kind kind,
                            const struct http_client_answer *answer)
{
    /* A farm that was moved or deactivated may be told so with 403 or 410: what is signed counts. */
    if (kind == CALL_REPORT && read_signed(reading, answer) == 0)
        return;
    reading->result.new_key_count = 0;
    read_refusal(reading, answer);
}

static void read_success(struct reading *reading, enum call_kind kind,
                         const struct http_client_answer *answer)
{
    static int (*const readers[])(struct reading *, const struct http_client_answer *) = {
        [CALL_ACTIVATE] = read_activation,
        [CALL_REPORT] = read_report,
        [CALL_RELEASE] = read_release,
    };
    int error = readers[kind](reading, answer);
    if (error == 0)
        return;
    struct error_detail why = reading->detail;
    error_detail_set(&reading->detail, "the answer is not the authority's: %.*s",
                     (int)(ERROR_DETAIL_BYTES / 2), why.text);
    fail(reading, error);
}

static void read_answer(struct reading *reading, const struct call *call,
                        const struct http_client_answer *answer)
{
    reading->result = (struct uplink_result){
        .http_status = answer->status,
        .code = "",
        .detail = "",
        .refused_key = "",
        .moves_left = -1,
        .retry_after_ms = answer->retry_after_ms,
    };
    reading->keyring = call->uplink->keyring;
    if (answer->error != 0) {
        error_detail_set(&reading->detail, "%s", answer->detail ? answer->detail : error_text(answer->error));
        fail(reading, answer->error);
    } else if (answer->status >= 200 && answer->status < 300) {
        read_success(reading, call->kind, answer);
    } else {
        read_http_error(reading, call->kind, answer);
    }
    if (reading->result.error == 0)
        call->uplink->keyring = reading->keyring;
}

static void on_answer(void *data, const struct http_client_answer *answer)
{
    struct call *call = data;
    struct reading *reading = call->reading;
    read_answer(reading, call, answer);
    call->done(call->data, &reading->result);
    free(call);
}

static_assert(offsetof(struct reading, result) == 0, "a result is freed with what it leans on");

void uplink_result_free(struct uplink_result *result)
{
    free(result);
}

/* --- questions */

static int send_call(struct uplink *uplink, enum call_kind kind, struct http_client_request *request,
                     const char *path, uplink_fn *done, void *data)
{
    struct error_detail ignored;
    if (!uplink->client)
        return ERROR_CONFIGURATION;
    char *url = NULL;
    struct call *call = malloc(sizeof(*call));
    struct reading *reading = calloc(1, sizeof(*reading));
    if (!call || !reading || asprintf(&url, "%s%s", uplink->url, path) < 0) {
        free(reading);
        free(call);
        return ERROR_NO_MEMORY;
    }
    *call = (struct call){uplink, reading, kind, done, data};
    request->url = url;
    request->body_bytes = request->body ? strlen(request->body) : 0;
    int64_t sent = http_client_url_check(url, &ignored);
    if (sent == 0)
        sent = http_client_send(uplink->client, request, on_answer, call);
    if (sent < 0) {
        free(reading);
        free(call);
    }
    free(url);
    return sent < 0 ? (int)sent : 0;
}

/* The newest key of the ring: what follows it is news to us. */
static const char *trusted_key(const struct uplink *uplink)
{
    const struct entitlement_keyring *ring = &uplink->keyring;
    return ring->count > 0 ? ring->keys[ring->count - 1].kid : "";
}

int uplink_activate(struct uplink *uplink, const char *licence_key_or_null, const char *installation_id,
                    bool move, uplink_fn *done, void *data)
{
    struct activation_request message = {.trial = !licence_key_or_null, .move = move};
    (void)snprintf(message.license_key, sizeof(message.license_key), "%s",
                   licence_key_or_null ? licence_key_or_null : "");
    (void)snprintf(message.installation_id, sizeof(message.installation_id), "%s", installation_id);
    (void)snprintf(message.farm_name, sizeof(message.farm_name), "%s", uplink->farm_name);
    (void)snprintf(message.app_version, sizeof(message.app_version), "%s", uplink->version);
    (void)snprintf(message.trusted_key, sizeof(message.trusted_key), "%s", trusted_key(uplink));
    char *body = activation_request_encode(&message);
    if (!body)
        return ERROR_NO_MEMORY;
    struct http_client_request request = {.method = "POST", .body = body};
    int error = send_call(uplink, CALL_ACTIVATE, &request, "/v1/activations", done, data);
    free(body);
    return error;
}

struct report_window uplink_window(const struct window *window)
{
    return (struct report_window){
        .sequence = (int64_t)window->sequence,
        .start_ms = window->start_ms,
        .end_ms = window->end_ms,
        .peak_at_ms = window->peak_at_ms,
        .peak_users = window->peak_users,
        .users_at_end = window->users_at_end,
        .exempt_peak = window->exempt_peak,
        .hosts = window->hosts,
    };
}

int uplink_report(struct uplink *uplink, const char *farm_id, const char *farm_token,
                  const struct window *windows, size_t count, uplink_fn *done, void *data)
{
    size_t sent = count < MESSAGE_WINDOWS_MAX ? count : MESSAGE_WINDOWS_MAX;
    struct report_window *messages = calloc(sent + 1, sizeof(*messages));
    if (!messages)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < sent; i++)
        messages[i] = uplink_window(&windows[i]);
    char *body = report_request_encode(farm_id, uplink->version, trusted_key(uplink), messages, sent);
    free(messages);
    if (!body)
        return ERROR_NO_MEMORY;
    struct http_client_request request = {.method = "POST", .body = body, .bearer = farm_token};
    int error = send_call(uplink, CALL_REPORT, &request, "/v1/reports", done, data);
    free(body);
    return error;
}

/* The id came from the authority, but it must not become another path. */
static void path_of_farm(const char *farm_id, char *ret, size_t ret_bytes)
{
    size_t length = (size_t)snprintf(ret, ret_bytes, "/v1/activations/");
    for (const char *c = farm_id; *c != '\0' && length + 4 <= ret_bytes; c++) {
        bool plain = isascii((unsigned char)*c) && (isalnum((unsigned char)*c) || *c == '-' || *c == '_');
        length +=
            (size_t)snprintf(ret + length, ret_bytes - length, plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
}

int uplink_release(struct uplink *uplink, const char *farm_id, const char *farm_token, uplink_fn *done,
                   void *data)
{
    char path[sizeof("/v1/activations/") + 3 * GRANT_ID_BYTES_MAX];
    path_of_farm(farm_id, path, sizeof(path));
    struct http_client_request request = {.method = "DELETE", .bearer = farm_token};
    return send_call(uplink, CALL_RELEASE, &request, path, done, data);
}

bool uplink_is_unreachable(int error)
{
    return error == ERROR_UNREACHABLE || error == ERROR_TIMEOUT || error == ERROR_CERTIFICATE ||
           error == ERROR_CONFIGURATION || error == ERROR_CANCELLED || error == ERROR_NO_MEMORY;
}
