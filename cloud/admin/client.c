#include "cloud/admin/client.h"

#include "cloud/admin/admin.h"
#include "common/messages.h"

#include <stdio.h>
#include <string.h>

static int exit_code_of(int error)
{
    switch (error) {
    case ERROR_UNREACHABLE:
    case ERROR_TIMEOUT:
        return ADMIN_NO_AUTHORITY;
    case ERROR_FORBIDDEN:
        return ADMIN_FORBIDDEN;
    default:
        return ADMIN_FAILED;
    }
}

static int tell_problem(const struct local_client_answer *answer)
{
    struct problem_answer problem;
    if (problem_answer_decode(answer->body, answer->body_bytes, &problem) == 0)
        (void)fprintf(stderr, "farmgate-cloud: %s (%s)\n", problem.detail, problem.code);
    else
        (void)fprintf(stderr, "farmgate-cloud: the authority answered %d\n", answer->status);
    return answer->status == 400 ? ADMIN_DATA : ADMIN_FAILED;
}

int client_call(const char *socket_path, const char *method, const char *target, const char *body,
                struct local_client_answer *ret_answer)
{
    struct local_client_answer answer;
    struct error_detail detail = {""};
    struct local_client_request request = {
        .socket_path = socket_path,
        .method = method,
        .target = target,
        .content_type = body != NULL ? "application/json" : NULL,
        .body = body,
        .body_bytes = body != NULL ? strlen(body) : 0,
    };
    int error = local_client_request(&request, &answer, &detail);
    if (error != 0) {
        (void)fprintf(stderr, "farmgate-cloud: %s\n", detail.text);
        return exit_code_of(error);
    }
    if (answer.status < 200 || answer.status > 299) {
        int code = tell_problem(&answer);
        local_client_answer_finish(&answer);
        return code;
    }
    *ret_answer = answer;
    return ADMIN_OK;
}

int client_misunderstood(const char *target, const char *detail)
{
    (void)fprintf(stderr, "farmgate-cloud: the authority's answer to %s is not understood: %s\n", target,
                  detail);
    return ADMIN_FAILED;
}
