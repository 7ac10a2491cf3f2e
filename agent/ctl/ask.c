#include "ask.h"

#include "shape.h"
#include "term.h"

#include "common/platform/hints.h"

#include <stdio.h>
#include <string.h>

int ask_failure(int error, const struct error_detail *detail)
{
    (void)fprintf(stderr, "farmgate: %s\n", detail->text);
    switch (error) {
    case ERROR_UNREACHABLE:
        (void)fprintf(stderr, "farmgate: is farmgated running? see %s\n", hint(HINT_agent_status));
        return COMMAND_NO_AGENT;
    case ERROR_FORBIDDEN:
        (void)fprintf(stderr, "farmgate: reading takes the group farmgate, changing farmgate-admin\n");
        return COMMAND_FORBIDDEN;
    case ERROR_INVALID:
        return COMMAND_DATA;
    default:
        return COMMAND_FAILED;
    }
}

int ask_quietly(const struct local_client_request *request, bool changes,
                struct local_client_answer *ret_answer, struct error_detail *ret_detail)
{
    struct local_client_request attempt = *request;
    if (!attempt.socket_path)
        attempt.socket_path = changes ? ASK_ADMIN_SOCKET : ASK_READER_SOCKET;
    int error = local_client_request(&attempt, ret_answer, ret_detail);
    if (error == ERROR_FORBIDDEN && !request->socket_path && !changes) {
        attempt.socket_path = ASK_ADMIN_SOCKET;
        error = local_client_request(&attempt, ret_answer, ret_detail);
    }
    return error;
}

int ask_with(const struct local_client_request *request, bool changes, struct local_client_answer *ret_answer)
{
    struct error_detail detail = {""};
    int error = ask_quietly(request, changes, ret_answer, &detail);
    return error ? ask_failure(error, &detail) : COMMAND_OK;
}

int ask_any(const struct ask *ask, struct local_client_answer *ret_answer)
{
    const struct local_client_request request = {
        .socket_path = ask->socket,
        .method = ask->method ? ask->method : "GET",
        .target = ask->target,
        .content_type = ask->body ? "application/json" : NULL,
        .body = ask->body,
        .body_bytes = ask->body ? strlen(ask->body) : 0,
        .timeout_ms = ASK_PATIENCE_MS,
    };
    return ask_with(&request, ask->method != NULL && !ask->reads, ret_answer);
}

int ask(const struct ask *ask, struct local_client_answer *ret_answer)
{
    int code = ask_any(ask, ret_answer);
    if (code != COMMAND_OK || (ret_answer->status >= 200 && ret_answer->status < 300))
        return code;
    code = ask_problem(ret_answer);
    local_client_answer_finish(ret_answer);
    return code;
}

struct problem {
    char code[64], detail[512];
    int64_t moves_left;
};

static const struct json_field problem_fields[] = {
    SHAPE_TEXT("code", struct problem, code),
    SHAPE_TEXT("detail", struct problem, detail),
    SHAPE_NUMBER("moves_left", struct problem, moves_left),
};
static const struct json_shape problem_shape = SHAPE_OF(problem_fields);

static int exit_code_of(int status)
{
    switch (status) {
    case 400:
        return COMMAND_DATA;
    case 401:
    case 403:
        return COMMAND_FORBIDDEN;
    default:
        return COMMAND_FAILED;
    }
}

int ask_problem(const struct local_client_answer *answer)
{
    struct problem problem = {.moves_left = -1};
    char clean[TERM_TEXT_BYTES];
    if (json_read(&problem_shape, answer->body, answer->body_bytes, &problem, NULL, NULL) < 0)
        problem = (struct problem){.moves_left = -1};
    if (problem.code[0])
        (void)fprintf(stderr, "farmgate: %s", problem.code);
    else
        (void)fprintf(stderr, "farmgate: the agent answered with status %d", answer->status);
    if (problem.detail[0])
        (void)fprintf(stderr, ": %s", term_clean(problem.detail, clean));
    if (problem.moves_left >= 0)
        (void)fprintf(stderr, " (moves left: %lld)", (long long)problem.moves_left);
    (void)fputc('\n', stderr);
    return exit_code_of(answer->status);
}

int ask_read(const struct local_client_answer *answer, const struct json_shape *shape, void *ret)
{
    struct error_detail detail = {""};
    int error = json_read(shape, answer->body, answer->body_bytes, ret, &detail, NULL);
    if (!error)
        return COMMAND_OK;
    (void)fprintf(stderr, "farmgate: the agent's answer is not as expected: %s\n", detail.text);
    return COMMAND_DATA;
}

void ask_print(const struct local_client_answer *answer)
{
    (void)fwrite(answer->body, 1, answer->body_bytes, stdout);
    if (answer->body_bytes == 0 || answer->body[answer->body_bytes - 1] != '\n')
        (void)fputc('\n', stdout);
}

static bool append(char target[ASK_TARGET_BYTES], const char *before, const char *text)
{
    size_t length = strlen(target) + strlen(before);
    if (length + 1 >= ASK_TARGET_BYTES)
        return false;
    (void)strcat(target, before);
    if (local_client_encode(text, target + length, ASK_TARGET_BYTES - length) == 0)
        return true;
    (void)fprintf(stderr, "farmgate: too long: %.40s…\n", text);
    return false;
}

bool ask_parameter(char target[ASK_TARGET_BYTES], const char *name, const char *value)
{
    char before[64];
    if (!value)
        return true;
    (void)snprintf(before, sizeof(before), "%c%s=", strchr(target, '?') ? '&' : '?', name);
    return append(target, before, value);
}

bool ask_segment(char target[ASK_TARGET_BYTES], const char *segment)
{
    return append(target, "/", segment);
}
