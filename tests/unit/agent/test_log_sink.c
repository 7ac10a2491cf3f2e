/* Where log events go when there is no journal: stderr, as people, machines or service managers read it. */
#include "agent/core/log_event.h"
#include "agent/event_json.h"
#include "agent/log_sink.h"
#include "common/log.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOON INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static struct log_event refusal(const char *detail)
{
    struct log_event event = {.code = LOG_settings_refused, .at_ms = NOON, .id = 9};
    log_event_text(&event, "detail", detail);
    return event;
}

static struct log_event arrival(void)
{
    struct log_event event = {.code = LOG_connection_opened, .at_ms = NOON, .id = 10};
    log_event_text(&event, "user", "alice");
    return event;
}

/* What is written for an event, newlines and all. */
static void write_event(enum log_format format, int severity_max, const struct log_event *event, bool json,
                        char ret[4096])
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const struct log log = {
        .format = format, .severity_max = severity_max, .fd = ends[1], .program = "farmgated"};
    char *line = event_json(event);
    log_sink_write(&log, event, json ? line : NULL);
    free(line);
    (void)close(ends[1]);
    ssize_t bytes = read(ends[0], ret, 4095);
    assert_true(bytes >= 0);
    ret[bytes] = '\0';
    (void)close(ends[0]);
}

static void test_each_format_has_its_line(void **state)
{
    (void)state;
    const struct log_event refused = refusal("line 3:\nno \x1b[31m such setting"), opened = arrival();
    const struct {
        enum log_format format;
        bool json; /* there was memory for it */
        const struct log_event *event;
        const char *wanted;
    } rows[] = {
        {LOG_FORMAT_HUMAN, true, &refused,
         "farmgated: error: the new configuration was refused, the old one stays: line 3:\\nno \\x1b[31m "
         "such "
         "setting\n"},
        {LOG_FORMAT_HUMAN, true, &opened, "farmgated: alice connected to ? (?: ? by ?), ?\n"},
        {LOG_FORMAT_JSON, true, &refused,
         "{\"id\":9,\"at\":\"2026-01-01T00:00:00.000Z\",\"code\":\"settings_refused\",\"severity\":\"error\","
         "\"text\":\"the new configuration was refused, the old one stays: line 3:\\nno \\u001B[31m such "
         "setting\",\"detail\":\"line 3:\\nno \\u001B[31m such setting\"}\n"},
        {LOG_FORMAT_SYSTEMD, true, &opened, "<6>alice connected to ? (?: ? by ?), ?\n"},
        {LOG_FORMAT_SYSTEMD, true, &refused,
         "<3>the new configuration was refused, the old one stays: line 3:\\nno \\x1b[31m such setting\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[4096];
        write_event(rows[i].format, SEVERITY_INFO, rows[i].event, rows[i].json, text);
        assert_string_equal(text, rows[i].wanted);
    }
}

static void test_json_without_memory_is_a_line_all_the_same(void **state)
{
    (void)state;
    char text[4096];
    const struct log_event refused = refusal("no");
    write_event(LOG_FORMAT_JSON, SEVERITY_INFO, &refused, false, text);
    assert_non_null(strstr(text, "\"text\":\"the new configuration was refused, the old one stays: no\"}\n"));
}

static void test_less_important_ones_are_left_out(void **state)
{
    (void)state;
    char text[4096];
    const struct log_event refused = refusal("no"), opened = arrival();
    for (int format = LOG_FORMAT_HUMAN; format <= LOG_FORMAT_SYSTEMD; format++) {
        write_event((enum log_format)format, SEVERITY_NOTICE, &opened, true, text);
        assert_string_equal(text, "");
        write_event((enum log_format)format, SEVERITY_ERROR, &refused, true, text);
        assert_true(strlen(text) > 0);
    }
}

int main(void)
{
    (void)unsetenv("JOURNAL_STREAM");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_format_has_its_line),
        cmocka_unit_test(test_json_without_memory_is_a_line_all_the_same),
        cmocka_unit_test(test_less_important_ones_are_left_out),
    };
    return cmocka_run_group_tests_name("log_sink", tests, NULL, NULL);
}
