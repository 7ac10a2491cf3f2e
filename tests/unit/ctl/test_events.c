/* What `farmgate events` stands on: server-sent events in any pieces, and commands that end, fail or hang. */
#include "agent/ctl/hook.h"
#include "agent/ctl/sse.h"
#include "common/error.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct heard {
    char text[4096];
    int stop_after, count;
};

static int on_event(void *data, const char *id, const char *name, const char *text)
{
    struct heard *heard = data;
    size_t length = strlen(heard->text);
    (void)snprintf(heard->text + length, sizeof(heard->text) - length, "%s|%s|%s\n", id, name, text);
    return ++heard->count == heard->stop_after ? -7 : 0;
}

static void test_sse(void **state)
{
    static const char stream[] = "id: 4\n\n:\n\n: comment\nid: 5\nevent: gate_closed\ndata: {\"a\":1}\n\n"
                                 "event: store_failed\ndata: {}\n\n"
                                 "id:6\r\nevent:x\r\ndata:one\r\ndata:  two\r\nretry: 5\r\n\r\n"
                                 "data\n\nid: 7\ndata: cut off";
    static const char wanted[] = "4||\n5|gate_closed|{\"a\":1}\n5|store_failed|{}\n6|x|one\n two\n";
    struct sse *sse = malloc(sizeof(*sse));
    (void)state;
    for (size_t piece = 1; piece <= sizeof(stream); piece += 3) {
        struct heard heard = {.text = ""};
        sse_init(sse, on_event, &heard);
        for (size_t at = 0; at < sizeof(stream) - 1; at += piece) {
            size_t rest = sizeof(stream) - 1 - at;
            assert_int_equal(sse_feed(sse, stream + at, rest < piece ? rest : piece), 0);
        }
        assert_string_equal(heard.text, wanted);
    }
    struct heard heard = {.text = "", .stop_after = 2};
    sse_init(sse, on_event, &heard);
    assert_int_equal(sse_feed(sse, stream, sizeof(stream) - 1), -7);
    assert_int_equal(heard.count, 2);
    free(sse);
}

static void test_sse_too_long(void **state)
{
    struct sse *sse = malloc(sizeof(*sse));
    struct heard heard = {.text = ""};
    char *line = malloc(SSE_LINE_BYTES_MAX + 2);
    (void)state;
    memset(line, 'x', SSE_LINE_BYTES_MAX + 1);
    sse_init(sse, on_event, &heard);
    assert_int_equal(sse_feed(sse, line, SSE_LINE_BYTES_MAX + 1), ERROR_TOO_LARGE);
    memcpy(line, "data: ", 6);
    line[SSE_LINE_BYTES_MAX] = '\n';
    sse_init(sse, on_event, &heard);
    assert_int_equal(sse_feed(sse, line, SSE_LINE_BYTES_MAX + 1), 0);
    assert_int_equal(sse_feed(sse, line, SSE_LINE_BYTES_MAX + 1), ERROR_TOO_LARGE);
    free(line);
    free(sse);
}

static void test_hook(void **state)
{
    static const struct {
        const char *command;
        unsigned limit_ms;
        enum hook_result result;
        int status; /* exit status, or minus the signal; of HOOK_FAILED */
    } cases[] = {
        {"test \"$FARMGATE_EVENT_CODE\" = gate_closed && test \"$(cat)\" = '{\"x\":1}'", 5000, HOOK_DONE, 0},
        {"true", 5000, HOOK_DONE, 0}, /* does not read its input */
        {"exit 3", 5000, HOOK_FAILED, 3},
        {"kill -TERM $$", 5000, HOOK_FAILED, -15},
        {"/nonexistent/command", 5000, HOOK_FAILED, 127},
        {"sleep 60", 100, HOOK_TIMED_OUT, 0},
        {"sleep 60 & sleep 60; wait", 100, HOOK_TIMED_OUT, 0},
        {"trap '' TERM; while :; do sleep 1; done", 100, HOOK_TIMED_OUT, 0}, /* wants to be killed */
    };
    const struct hook_variable variables[] = {{"FARMGATE_EVENT_CODE", "gate_closed"}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = 0;
        time_t began = time(NULL);
        enum hook_result result =
            hook_run(cases[i].command, variables, 1, "{\"x\":1}", cases[i].limit_ms, &status);
        if (result != cases[i].result || time(NULL) - began > 10)
            fail_msg("%s: %d in %ld s", cases[i].command, (int)result, (long)(time(NULL) - began));
        if (result == HOOK_FAILED)
            assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), cases[i].status);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse),
        cmocka_unit_test(test_sse_too_long),
        cmocka_unit_test(test_hook),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
