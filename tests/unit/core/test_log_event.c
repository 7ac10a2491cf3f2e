/* Log events and their sentences (DESIGN §10). */
#include "agent/core/log_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void one_table_yields_names_and_severities(void **state)
{
    (void)state;
    assert_string_equal(log_event_name(LOG_gate_closed), "gate_closed");
    assert_int_equal(log_event_severity(LOG_gate_closed), SEVERITY_WARNING);
    assert_string_equal(log_event_name(LOG_resources_failed), "resources_failed");
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        enum log_severity severity = log_event_severity((enum log_event_code)code);
        assert_true(strlen(log_event_name((enum log_event_code)code)) > 0);
        assert_true(strlen(log_severity_name(severity)) > 0);
    }
    assert_string_equal(log_severity_name(SEVERITY_ERROR), "error");
    assert_string_equal(log_severity_name(SEVERITY_DEBUG), "debug");
}

static void fields_are_put_into_the_sentence(void **state)
{
    (void)state;
    char text[128];
    struct log_event event = {.code = LOG_limit_exceeded};
    log_event_number(&event, "users", 12);
    log_event_number(&event, "limit", 10);
    size_t bytes = log_event_sentence(&event, text, sizeof(text));
    assert_string_equal(text, "12 concurrent users exceed the limit of 10");
    assert_int_equal(bytes, strlen(text));
}

static void a_missing_field_reads_a_question_mark(void **state)
{
    (void)state;
    char text[128];
    struct log_event event = {.code = LOG_limit_exceeded};
    log_event_number(&event, "limit", -3);
    log_event_sentence(&event, text, sizeof(text));
    assert_string_equal(text, "? concurrent users exceed the limit of -3");
}

static void instants_read_as_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {1, "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00Z"},
        {INT64_C(951868799999), "2000-02-29T23:59:59Z"},
        {INT64_C(951868800000), "2000-03-01T00:00:00Z"},
        {INT64_C(1704067199000), "2023-12-31T23:59:59Z"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00Z"},
        {0, "never"},
        {INT64_MAX, "never"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256], expected[256];
        struct log_event event = {.code = LOG_authority_unreachable};
        log_event_text(&event, "detail", "connection refused");
        log_event_number(&event, "retry_at", rows[i].ms);
        log_event_sentence(&event, text, sizeof(text));
        strcpy(expected, "the authority cannot be reached: connection refused; next try ");
        strcat(expected, rows[i].text);
        assert_string_equal(text, expected);
    }
}

static void a_sentence_is_cut_at_a_character(void **state)
{
    (void)state;
    struct log_event event = {.code = LOG_farm_deactivated};
    log_event_text(&event, "reason", "\xc3\xa4\xc3\xb6\xc3\xbc");
    char whole[128], text[128];
    size_t bytes = log_event_sentence(&event, whole, sizeof(whole));
    for (size_t room = 1; room <= bytes + 1; room++) {
        memset(text, 'x', sizeof(text));
        size_t written = log_event_sentence(&event, text, room);
        assert_true(written < room);
        assert_int_equal(text[written], '\0');
        assert_int_equal(text[room], 'x');
        assert_memory_equal(text, whole, written);
        assert_true(written + 2 >= room); /* no more is lost than a character */
        assert_true(((unsigned char)whole[written] & 0xc0) != 0x80);
    }
    assert_int_equal(log_event_sentence(&event, text, 0), 0);
}

static void braces_in_values_stay(void **state)
{
    (void)state;
    char text[128];
    struct log_event event = {.code = LOG_farm_deactivated};
    log_event_text(&event, "reason", "{reason} {x");
    log_event_sentence(&event, text, sizeof(text));
    assert_string_equal(text, "the authority deactivated this farm: {reason} {x");
}

static void no_text_is_an_empty_text(void **state)
{
    (void)state;
    struct log_event event = {.code = LOG_farm_deactivated};
    log_event_text(&event, "reason", NULL);
    assert_string_equal(event.fields[0].text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_table_yields_names_and_severities),
        cmocka_unit_test(fields_are_put_into_the_sentence),
        cmocka_unit_test(a_missing_field_reads_a_question_mark),
        cmocka_unit_test(instants_read_as_dates),
        cmocka_unit_test(a_sentence_is_cut_at_a_character),
        cmocka_unit_test(braces_in_values_stay),
        cmocka_unit_test(no_text_is_an_empty_text),
    };
    return cmocka_run_group_tests_name("log_event (DESIGN 10)", tests, NULL, NULL);
}
