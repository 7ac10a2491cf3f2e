/* What `farmgate events` stands on: server-sent events in any pieces, commands that end, fail or hang, what
 * is wanted of an event, and where the last one is kept. */
#include "agent/ctl/event_cursor.h"
#include "agent/ctl/event_filter.h"
#include "agent/ctl/event_view.h"
#include "agent/ctl/hook.h"
#include "agent/ctl/sse.h"
#include "common/error.h"
#include "common/file.h"

#include "tests/unit/unit.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
        {"test \"$FARMGATE_CODE\" = gate_closed && test \"$(cat)\" = '{\"x\":1}'", 5000, HOOK_DONE, 0},
        {"true", 5000, HOOK_DONE, 0}, /* does not read its input */
        {"exit 3", 5000, HOOK_FAILED, 3},
        {"kill -TERM $$", 5000, HOOK_FAILED, -15},
        {"/nonexistent/command", 5000, HOOK_FAILED, 127},
        {"sleep 60", 100, HOOK_TIMED_OUT, 0},
        {"sleep 60 & sleep 60; wait", 100, HOOK_TIMED_OUT, 0},
        {"trap '' TERM; while :; do sleep 1; done", 100, HOOK_TIMED_OUT, 0}, /* wants to be killed */
    };
    const struct hook_variable variables[] = {{"FARMGATE_CODE", "gate_closed"}};
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

/* The number that a command has written into the pipe, as processes are told by. */
static pid_t read_pid(int fd)
{
    char text[32] = "";
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    return (pid_t)atol(text);
}

/* Killed; it may still wait for its parent to take notice. */
static bool is_gone(pid_t pid)
{
    char path[64], line[256] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file) {
        (void)fgets(line, sizeof(line), file);
        (void)fclose(file);
    }
    const char *end = strrchr(line, ')');
    return !end || end[2] == 'Z' || end[2] == 'X';
}

/* What a command has begun ends with it, heeded it SIGTERM or not: here the shell does, and its child does
 * not. */
static void test_the_whole_group_ends(void **state)
{
    char command[128];
    int ends[2], status = 0;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(command, sizeof(command), "(trap '' TERM; sh -c 'echo $$ >&%d; exec sleep 60') & wait",
                   ends[1]);
    assert_int_equal(hook_run(command, NULL, 0, "{}", 500, &status), HOOK_TIMED_OUT);
    pid_t child = read_pid(ends[0]);
    for (int i = 0; i < 100 && !is_gone(child); i++)
        (void)usleep(10000);
    assert_true(is_gone(child));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* Runs a hook in a process of its own, tells it to end while the command runs, and returns how it did. */
static int interrupt(int signal, bool ignored, int *ret_seconds)
{
    int ends[2], status = -1, how;
    char command[128];
    time_t began = time(NULL);
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(command, sizeof(command), "echo $$ >&%d; exec sleep 3", ends[1]);
    pid_t follower = fork();
    if (follower == 0) {
        struct sigaction action = {.sa_handler = ignored ? SIG_IGN : SIG_DFL};
        (void)sigaction(signal, &action, NULL);
        enum hook_result result = hook_run(command, NULL, 0, "{}", 10000, &status);
        _exit(result == HOOK_INTERRUPTED && status == signal ? 40 : result == HOOK_DONE ? 41 : 42);
    }
    (void)read_pid(ends[0]);
    assert_int_equal(kill(follower, signal), 0);
    assert_int_equal(waitpid(follower, &how, 0), follower);
    (void)close(ends[0]);
    (void)close(ends[1]);
    *ret_seconds = (int)(time(NULL) - began);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

static void test_a_follower_that_is_to_end_ends_its_command(void **state)
{
    int seconds;
    (void)state;
    assert_int_equal(interrupt(SIGTERM, false, &seconds), 40);
    assert_true(seconds < 3);
    assert_int_equal(interrupt(SIGINT, false, &seconds), 40);
    assert_int_equal(interrupt(SIGINT, true, &seconds), 41); /* as in the background of a script */
}

/* --- members, filters, cursors -------------------------------------------------------------- */

static void test_view(void **state)
{
    static const char json[] =
        "{\"id\":7,\"code\":\"x\",\"user\":\"\\u00fc\",\"expires_at\":null,\"flag\":true}";
    struct event_view view = {.count = 99};
    (void)state;
    assert_int_equal(event_view_read(json, &view), 0);
    assert_int_equal(view.count, 4);
    assert_string_equal(event_view_get(&view, "id"), "7");
    assert_string_equal(event_view_get(&view, "user"), "\xc3\xbc");
    assert_string_equal(event_view_get(&view, "flag"), "true");
    assert_string_equal(event_view_get(&view, "expires_at"), "");
    event_view_finish(&view);

    char many[1024] = "{\"a\":0";
    for (int i = 0; i < EVENT_MEMBERS_MAX; i++)
        (void)strcat(many, ",\"a\":0");
    (void)strcat(many, "}");
    assert_int_equal(event_view_read(many, &view), ERROR_TOO_LARGE);
    assert_int_equal(event_view_read("[]", &view), ERROR_INVALID);
}

static void test_filter(void **state)
{
    static const struct {
        const char *codes, *severity, *code, *of_severity;
        bool wanted;
    } rows[] = {
        {NULL, NULL, "gate_closed", "warning", true},
        {NULL, NULL, "of_a_later_agent", "trace", true},
        {"gate_closed", NULL, "gate_closed", "warning", true},
        {"gate_closed", NULL, "gate_opened", "notice", false},
        {"gate_opened,gate_closed", NULL, "gate_closed", "warning", true},
        {"gate_closed", NULL, "of_a_later_agent", "error", false},
        {NULL, "warning", "gate_closed", "warning", true},
        {NULL, "warning", "gate_closed", "error", true},
        {NULL, "warning", "gate_closed", "notice", false},
        {NULL, "warning", "of_a_later_agent", "trace", true},
        {"gate_closed", "error", "gate_closed", "warning", false},
    };
    static const struct {
        const char *codes, *severity, *wrong;
    } refused[] = {
        {"gate", NULL, "gate"},
        {"gate_closed,", NULL, ""},
        {"", NULL, ""},
        {"gate_closed,x", NULL, "x"},
        {"gate_closed gate_opened", NULL, "gate_closed gate_opened"},
        {NULL, "critical", "critical"},
        {"gate_closed", "4", "4"},
    };
    struct event_filter filter;
    char wrong[EVENT_FILTER_WORD_BYTES];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(event_filter_init(&filter, rows[i].codes, rows[i].severity, wrong));
        if (event_filter_wants(&filter, rows[i].code, rows[i].of_severity) != rows[i].wanted)
            fail_msg("row %zu", i);
    }
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_false(event_filter_init(&filter, refused[i].codes, refused[i].severity, wrong));
        assert_string_equal(wrong, refused[i].wrong);
    }
}

static void test_cursor(void **state)
{
    static const struct {
        const char *text;
        int error;
        const char *id;
    } rows[] = {
        {"7\n", 0, "7"},
        {"7", 0, "7"},
        {"123456789012345678\n", 0, "123456789012345678"},
        {"1234567890123456789\n", ERROR_INVALID, NULL},
        {"", ERROR_INVALID, NULL},
        {"\n", ERROR_INVALID, NULL},
        {"7\n\n", ERROR_INVALID, NULL},
        {"7\n8\n", ERROR_INVALID, NULL},
        {"-7\n", ERROR_INVALID, NULL},
        {"0x7\n", ERROR_INVALID, NULL},
        {"7 \n", ERROR_INVALID, NULL},
        {"7777777777777777777777777777777777777777777777777777777777777777777777777", ERROR_INVALID, NULL},
    };
    char place[] = "/tmp/farmgate-cursor-XXXXXX", path[64], id[EVENT_ID_BYTES] = "unset";
    struct error_detail detail = {""};
    (void)state;
    assert_non_null(mkdtemp(place));
    (void)snprintf(path, sizeof(path), "%s/cursor", place);
    assert_int_equal(event_cursor_load(path, id, &detail), 0);
    assert_string_equal(id, "");
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(file_replace(path, rows[i].text, strlen(rows[i].text), 0600, false, &detail), 0);
        detail.text[0] = '\0';
        if (event_cursor_load(path, id, &detail) != rows[i].error)
            fail_msg("\"%s\": %s", rows[i].text, detail.text);
        if (rows[i].id)
            assert_string_equal(id, rows[i].id);
        else
            assert_true(strstr(detail.text, path) && strstr(detail.text, "remove it"));
    }
    assert_int_equal(event_cursor_save(path, "42", &detail), 0);
    assert_int_equal(event_cursor_load(path, id, &detail), 0);
    assert_string_equal(id, "42");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_not_equal(event_cursor_load(path, id, &detail), 0);
    assert_int_not_equal(event_cursor_save(path, "43", &detail), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(place), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse),
        cmocka_unit_test(test_sse_too_long),
        cmocka_unit_test(test_hook),
        cmocka_unit_test(test_the_whole_group_ends),
        cmocka_unit_test(test_a_follower_that_is_to_end_ends_its_command),
        cmocka_unit_test(test_view),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_cursor),
    };
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
