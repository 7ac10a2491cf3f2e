/* fuzz_messages.c - anything as each message. What is read is written and read again without a difference. */
#include "common/messages.h"

#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void activation(const char *data, size_t size)
{
    struct activation_request request, again;
    if (activation_request_decode(data, size, &request, NULL, NULL) != 0)
        return;
    char *text = activation_request_encode(&request);
    require(text && activation_request_decode(text, strlen(text), &again, NULL, NULL) == 0);
    require(strcmp(request.license_key, again.license_key) == 0 &&
            strcmp(request.farm_name, again.farm_name) == 0);
    free(text);
}

static void activation_answer(const char *data, size_t size)
{
    struct activation_answer answer, again;
    if (activation_answer_decode(data, size, &answer, NULL) != 0)
        return;
    char *text = activation_answer_encode(&answer);
    require(text && activation_answer_decode(text, strlen(text), &again, NULL) == 0);
    require(strcmp(answer.entitlement, again.entitlement) == 0);
    free(text);
}

static void report(const char *data, size_t size)
{
    struct report_request *request = malloc(sizeof(*request)), *again = malloc(sizeof(*again));
    require(request && again);
    if (report_request_decode(data, size, request, NULL, NULL) == 0) {
        char *text = report_request_encode(request->farm_id, request->app_version, request->trusted_key,
                                           request->windows, request->window_count);
        require(text && report_request_decode(text, strlen(text), again, NULL, NULL) == 0);
        require(again->window_count == request->window_count &&
                memcmp(again->windows, request->windows, sizeof(request->windows)) == 0);
        free(text);
    }
    free(request);
    free(again);
}

static void report_answer(const char *data, size_t size)
{
    struct report_answer *answer = malloc(sizeof(*answer)), *again = malloc(sizeof(*again));
    require(answer && again);
    if (report_answer_decode(data, size, answer, NULL) == 0) {
        char *text = report_answer_encode(answer);
        require(text && report_answer_decode(text, strlen(text), again, NULL) == 0);
        require(again->refused_count == answer->refused_count &&
                again->server_time_ms == answer->server_time_ms);
        free(text);
    }
    free(answer);
    free(again);
}

static void keys(const char *data, size_t size)
{
    struct message_keys *read = malloc(sizeof(*read));
    require(read);
    if (message_keys_decode(data, size, read, NULL) == 0)
        for (size_t i = 0; i < read->count; i++)
            require(strlen(read->texts[i]) >= 1);
    free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct problem_answer problem;
    activation((const char *)data, size);
    activation_answer((const char *)data, size);
    report((const char *)data, size);
    report_answer((const char *)data, size);
    keys((const char *)data, size);
    if (problem_answer_decode((const char *)data, size, &problem) == 0)
        require(problem.code[0] && problem.moves_left >= -1);
    return 0;
}
