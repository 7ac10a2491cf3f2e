#include "cloud/admin/client.h"

#include "cloud/admin/admin.h"
#include "common/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says why nobody was asked, and what to do. */
static int tell_failure(int error, const char *detail)
{
    (void)fprintf(stderr, "farmgate-cloud: %s\n", detail);
    switch (error) {
    case ERROR_UNREACHABLE:
        (void)fprintf(stderr,
                      "farmgate-cloud: is the authority running? see systemctl status farmgate-cloud\n");
        return ADMIN_NO_AUTHORITY;
    case ERROR_TIMEOUT:
        return ADMIN_NO_AUTHORITY;
    case ERROR_FORBIDDEN:
        (void)fprintf(stderr, "farmgate-cloud: the admin socket is root's alone\n");
        return ADMIN_FORBIDDEN;
    default:
        return ADMIN_FAILED;
    }
}

#define NEEDS_CONFIRMATION "below_peak"

static int tell_problem(const struct local_client_answer *answer, const char *would)
{
    struct problem_answer problem;
    if (problem_answer_decode(answer->body, answer->body_bytes, &problem) == 0 && would != NULL &&
        strcmp(problem.code, NEEDS_CONFIRMATION) == 0)
        (void)fprintf(stderr,
                      "farmgate-cloud: %s (%s)\n%s\nNothing was changed. If that is meant, repeat the "
                      "command with --confirm.\n",
                      problem.detail, problem.code, would);
    else if (problem_answer_decode(answer->body, answer->body_bytes, &problem) == 0)
        (void)fprintf(stderr, "farmgate-cloud: %s (%s)\n", problem.detail, problem.code);
    else
        (void)fprintf(stderr, "farmgate-cloud: the authority answered %d\n", answer->status);
    return answer->status == 400 ? ADMIN_DATA : ADMIN_FAILED;
}

static int ask(const struct local_client_request *request, const char *would,
               struct local_client_answer *ret_answer)
{
    struct local_client_answer answer;
    struct error_detail detail = {""};
    int error = local_client_request(request, &answer, &detail);
    if (error != 0)
        return tell_failure(error, detail.text);
    if (answer.status < 200 || answer.status > 299) {
        int code = tell_problem(&answer, would);
        local_client_answer_finish(&answer);
        return code;
    }
    *ret_answer = answer;
    return ADMIN_OK;
}

int client_change(const char *socket_path, const char *method, const char *target, const char *body,
                  const char *would, struct local_client_answer *ret_answer)
{
    const struct local_client_request request = {
        .socket_path = socket_path,
        .method = method,
        .target = target,
        .content_type = body != NULL ? "application/json" : NULL,
        .body = body,
        .body_bytes = body != NULL ? strlen(body) : 0,
    };
    return ask(&request, would, ret_answer);
}

int client_send_text(const char *socket_path, const char *target, const char *text, size_t bytes,
                     struct local_client_answer *ret_answer)
{
    const struct local_client_request request = {
        .socket_path = socket_path,
        .method = "POST",
        .target = target,
        .content_type = "text/plain; charset=utf-8",
        .body = text,
        .body_bytes = bytes,
    };
    return ask(&request, NULL, ret_answer);
}

int client_call(const char *socket_path, const char *method, const char *target, const char *body,
                struct local_client_answer *ret_answer)
{
    return client_change(socket_path, method, target, body, NULL, ret_answer);
}

struct taken {
    int (*take)(void *data, const char *bytes, size_t count);
    void *data;
    bool refused;
};

static int take_piece(void *data, const char *bytes, size_t count)
{
    struct taken *taken = data;
    int error = taken->take(taken->data, bytes, count);
    taken->refused = error != 0;
    return error;
}

int client_stream(const char *socket_path, const char *method, const char *target,
                  int (*take)(void *data, const char *bytes, size_t count), void *data)
{
    struct local_client_answer answer;
    struct error_detail detail = {""};
    struct taken taken = {take, data, false};
    struct local_client_request request = {.socket_path = socket_path,
                                           .method = method,
                                           .target = target,
                                           .on_data = take_piece,
                                           .data = &taken,
                                           .timeout_ms = LOCAL_CLIENT_NO_TIMEOUT};
    int error = local_client_request(&request, &answer, &detail);
    if (error != 0)
        return taken.refused ? ADMIN_FAILED : tell_failure(error, detail.text);
    int code = answer.status < 200 || answer.status > 299 ? tell_problem(&answer, NULL) : ADMIN_OK;
    local_client_answer_finish(&answer);
    return code;
}

int client_send(const char *socket_path, const char *method, const char *target, struct json_writer *body,
                const char *would, struct local_client_answer *ret_answer)
{
    char *text = json_writer_take(body);
    if (text == NULL) {
        (void)fprintf(stderr, "farmgate-cloud: %s\n", error_text(ERROR_NO_MEMORY));
        return ADMIN_FAILED;
    }
    int code = client_change(socket_path, method, target, text, would, ret_answer);
    free(text);
    return code;
}

static bool put_encoded(char target[CLIENT_TARGET_BYTES], const char *before, const char *text,
                        const char *after)
{
    char encoded[CLIENT_TARGET_BYTES];
    size_t used = strlen(target);
    if (local_client_encode(text, encoded, sizeof encoded) == 0 &&
        (size_t)snprintf(target + used, CLIENT_TARGET_BYTES - used, "%s%s%s", before, encoded, after) <
            CLIENT_TARGET_BYTES - used)
        return true;
    (void)fprintf(stderr, "farmgate-cloud: too long: %.40s...\n", text);
    return false;
}

bool client_target(char ret[CLIENT_TARGET_BYTES], const char *prefix, const char *argument,
                   const char *suffix)
{
    ret[0] = '\0';
    return put_encoded(ret, prefix, argument, suffix);
}

bool client_parameter(char target[CLIENT_TARGET_BYTES], const char *name, const char *value)
{
    char before[64];
    (void)snprintf(before, sizeof before, "%c%s=", strchr(target, '?') != NULL ? '&' : '?', name);
    return value == NULL || put_encoded(target, before, value, "");
}

int client_read(const struct json_shape *shape, const char *target, struct local_client_answer *answer,
                void *ret)
{
    struct error_detail detail = {""};
    if (json_read(shape, answer->body, answer->body_bytes, ret, &detail, NULL) == 0)
        return ADMIN_OK;
    int code = client_misunderstood(target, detail.text);
    local_client_answer_finish(answer);
    return code;
}

int client_misunderstood(const char *target, const char *detail)
{
    (void)fprintf(stderr, "farmgate-cloud: the authority's answer to %s is not understood: %s\n", target,
                  detail);
    return ADMIN_FAILED;
}
