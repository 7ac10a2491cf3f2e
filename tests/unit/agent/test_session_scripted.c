#include "agent/sessions/script_line.h"
#include "heard.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char path[64];

static int make_file(void **state)
{
    (void)state;
    strcpy(path, "/tmp/farmgate-script-XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static void append(const char *text)
{
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct source *start(struct heard *heard)
{
    const struct source_settings settings = {.loop = &heard->loop, .host = "here", .scripted_file = path};
    const struct source_listener listener = heard_listener(heard);
    struct error_detail detail;
    struct source *source;

    heard_init(heard);
    assert_int_equal(source_scripted.start(&settings, &listener, &source, &detail), 0);
    return source;
}

static void lines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int error;
        const char *detail;
    } cases[] = {
        {"{\"ts\": 5, \"event\": \"connect\", \"host\": \"h\", \"session\": \"s\", \"user\": \"u\", "
         "\"admin\": true, "
         "\"kind\": \"application\", \"route\": \"ssh\"}",
         0, ""},
        {"{\"event\": \"logoff\", \"session\": \"s\", \"more\": [1]}", 0, ""},
        {"{\"speed\": 100}", 0, ""},
        {"{\"speed\": 0}", ERROR_INVALID, "speed"},
        {"{}", ERROR_INVALID, "event: missing"},
        {"{\"event\": \"connect\", \"session\": \"s\"}", ERROR_INVALID, "user: missing"},
        {"{\"event\": \"disconnect\"}", ERROR_INVALID, "session: missing"},
        {"{\"event\": \"wave\", \"session\": \"s\"}", ERROR_INVALID, "event"},
        {"{\"event\": \"logoff\", \"session\": 7}", ERROR_INVALID, "session"},
        {"{\"ts\": -1, \"event\": \"logoff\", \"session\": \"s\"}", ERROR_INVALID, "ts"},
        {"not json", ERROR_INVALID, ""},
    };
    struct json_reader *reader = json_reader_create();

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct script_line line = {.speed = -7};
        struct error_detail detail = {{0}};

        assert_int_equal(script_line_read(reader, cases[i].text, strlen(cases[i].text), &line, &detail),
                         cases[i].error);
        assert_non_null(strstr(detail.text, cases[i].detail));
        assert_int_equal(line.speed == -7, cases[i].error != 0);
    }
    struct script_line line;
    assert_int_equal(script_line_read(reader, cases[0].text, strlen(cases[0].text), &line, NULL), 0);
    assert_int_equal(line.ts_ms, 5);
    assert_string_equal(line.host, "h");
    assert_string_equal(line.user, "u");
    assert_true(line.admin);
    assert_int_equal(line.kind, KIND_APPLICATION);
    assert_int_equal(line.route, ROUTE_SSH);
    json_reader_destroy(reader);
}

static void takes_appended_lines(void **state)
{
    (void)state;
    struct heard heard;
    struct source *source = start(&heard);

    heard_until(&heard, "");
    append("{\"event\": \"connect\", \"session\": \"s1\", \"user\": \"alice\"}\n");
    heard_until(&heard, "s1 alice - - - active\n");
    append("{\"event\": \"disconnect\", \"session\": \"s1\"}\n{\"event\": \"conn");
    heard_until(&heard, "s1 alice - - - disconnected\n");
    append("ect\", \"session\": \"s2\", \"user\": \"bob\"}\n");
    heard_until(&heard, "s1 alice - - - disconnected\ns2 bob - - - active\n");
    append("{\"event\": \"connect\", \"session\": \"s1\", \"user\": \"alice\"}\n"
           "{\"event\": \"connect\", \"session\": \"s2\", \"user\": \"carol\"}\n");
    heard_until(&heard, "s1 alice - - - active\ns2 carol - - - active\n");
    append(
        "{\"event\": \"logoff\", \"session\": \"s1\"}\n{\"event\": \"logoff\", \"session\": \"unknown\"}\n");
    heard_until(&heard, "s2 carol - - - active\n");
    append("{\"event\": \"connect\", \"host\": \"there\", \"session\": \"s2\", \"user\": \"dave\"}\n");
    heard_until_sets(&heard, heard.sets + 1);
    assert_string_equal(heard.elsewhere, "there\ns2 dave - - - active\n");
    assert_string_equal(heard.set, "s2 carol - - - active\n");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void tells_of_this_host_when_all_others_are_told(void **state)
{
    (void)state;
    struct heard heard;

    append("{\"event\": \"connect\", \"session\": \"s1\", \"user\": \"alice\"}\n");
    for (int i = 0; i < 2500; i++) { /* more than one turn of the loop takes */
        char line[128];
        (void)snprintf(line, sizeof(line),
                       "{\"event\": \"connect\", \"host\": \"t%d\", \"session\": \"s\", \"user\": \"u\"}\n",
                       i % 3);
        append(line);
    }
    append("{\"event\": \"connect\", \"host\": \"t9\", \"session\": \"s\", \"user\": \"dave\"}\n");
    struct source *source = start(&heard);
    heard_until(&heard, "s1 alice - - - active\n");
    assert_int_equal(heard.sets, 5);
    assert_string_equal(heard.elsewhere, "t9\ns dave - - - active\n");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void names_file_and_line_of_an_error(void **state)
{
    (void)state;
    struct heard heard;
    char expected[128];

    append("{\"event\": \"connect\", \"session\": \"s1\", \"user\": \"alice\"}\n\nnonsense\n");
    struct source *source = start(&heard);
    heard_until_error(&heard, ERROR_INVALID);
    snprintf(expected, sizeof(expected), "%s:3: ", path);
    assert_int_equal(strncmp(heard.detail, expected, strlen(expected)), 0);
    heard_until(&heard, "s1 alice - - - active\n"); /* the others hold */
    append("{\"speed\": 3}\n");
    heard_until_sets(&heard, heard.sets);
    heard_run_ms(&heard, 100);
    snprintf(expected, sizeof(expected), "%s:4: speed: only in the first line", path);
    assert_string_equal(heard.detail, expected);
    append("{\"event\": \"logoff\", \"session\": \"s1\"}\n");
    heard_until_error(&heard, 0);
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void a_line_that_is_too_long_is_left_out(void **state)
{
    (void)state;
    struct heard heard;
    char *big = malloc(3 * SCRIPT_LINE_BYTES_MAX);

    memset(big, 'x', 3 * SCRIPT_LINE_BYTES_MAX - 1);
    big[3 * SCRIPT_LINE_BYTES_MAX - 1] = '\0';
    append(big);
    append("\n{\"event\": \"connect\", \"session\": \"s1\", \"user\": \"alice\"}\n");
    struct source *source = start(&heard);
    heard_until(&heard, "s1 alice - - - active\n");
    assert_int_equal(heard.healths, 2); /* said once, and that it works again */
    heard_stop(&heard, source);
    heard_finish(&heard);
    free(big);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void replays_in_time(void **state)
{
    (void)state;
    struct heard heard;
    int64_t before = now_ms();

    /* 30 s of script, a hundred times faster; the two events of one instant are two changes */
    append("{\"speed\": 100}\n"
           "{\"ts\": 1700000000000, \"event\": \"connect\", \"session\": \"s1\", \"user\": \"alice\"}\n"
           "{\"ts\": 1700000030000, \"event\": \"connect\", \"session\": \"s2\", \"user\": \"bob\"}\n"
           "{\"ts\": 1700000030000, \"event\": \"logoff\", \"session\": \"s2\"}\n"
           "{\"ts\": 1700000030000, \"event\": \"logoff\", \"session\": \"s1\"}\n");
    struct source *source = start(&heard);
    heard_until(&heard, "s1 alice - - - active\n");
    assert_in_range(now_ms() - before, 0, 250);
    assert_in_range(heard.began_ms, before, now_ms());
    unsigned sets = heard.sets;
    heard_until(&heard, "");
    assert_in_range(now_ms() - before, 295, 1500);
    assert_int_equal(heard.sets, sets + 3);
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void a_file_that_becomes_shorter_is_read_anew(void **state)
{
    (void)state;
    struct heard heard;

    append("{\"event\": \"connect\", \"session\": \"s1\", \"user\": \"alice\"}\n"
           "{\"event\": \"connect\", \"session\": \"s2\", \"user\": \"bob\"}\n");
    struct source *source = start(&heard);
    heard_until(&heard, "s1 alice - - - active\ns2 bob - - - active\n");
    assert_int_equal(truncate(path, 0), 0);
    heard_run_ms(&heard, 100);
    append("{\"event\": \"logoff\", \"session\": \"s2\"}\n");
    heard_until(&heard, "s1 alice - - - active\n");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void a_missing_file_is_refused(void **state)
{
    (void)state;
    struct heard heard;
    heard_init(&heard);
    const struct source_settings settings = {
        .loop = &heard.loop, .host = "here", .scripted_file = "/nowhere/script"};
    const struct source_listener listener = heard_listener(&heard);
    struct error_detail detail;
    struct source *source = NULL;

    assert_int_equal(source_scripted.start(&settings, &listener, &source, &detail), ERROR_NOT_FOUND);
    assert_string_equal(detail.text, "/nowhere/script: not found");
    assert_null(source);
    uv_run(&heard.loop, UV_RUN_DEFAULT);
    heard_finish(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test_setup_teardown(takes_appended_lines, make_file, remove_file),
        cmocka_unit_test_setup_teardown(tells_of_this_host_when_all_others_are_told, make_file, remove_file),
        cmocka_unit_test_setup_teardown(names_file_and_line_of_an_error, make_file, remove_file),
        cmocka_unit_test_setup_teardown(a_line_that_is_too_long_is_left_out, make_file, remove_file),
        cmocka_unit_test_setup_teardown(replays_in_time, make_file, remove_file),
        cmocka_unit_test_setup_teardown(a_file_that_becomes_shorter_is_read_anew, make_file, remove_file),
        cmocka_unit_test(a_missing_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
