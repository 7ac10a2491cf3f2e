/* A log event as the JSON object that API, store and log show. */
#include "agent/event_json.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define NOON INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */

static void test_texts_and_numbers_stand_beside_the_sentence(void **state)
{
    (void)state;
    struct log_event event = {.code = LOG_limit_exceeded, .at_ms = NOON + 7, .id = 42};
    log_event_number(&event, "users", 12);
    log_event_number(&event, "limit", -1);
    char *json = event_json(&event);
    assert_string_equal(json, "{\"id\":42,\"at\":\"2026-01-01T00:00:00.007Z\",\"code\":\"limit_exceeded\","
                              "\"severity\":\"warning\","
                              "\"text\":\"12 concurrent users exceed the limit of -1\","
                              "\"users\":12,\"limit\":-1}");
    free(json);
}

static void test_instants_are_written_as_such(void **state)
{
    (void)state;
    struct log_event event = {.code = LOG_entitlement_applied, .at_ms = NOON};
    log_event_number(&event, "serial", 3);
    log_event_number(&event, "limit", 10);
    log_event_number(&event, "expires_at", NOON);
    char *json = event_json(&event);
    assert_non_null(strstr(json, "\"serial\":3,\"limit\":10,\"expires_at\":\"2026-01-01T00:00:00.000Z\"}"));
    free(json);
    event.fields[2].number = 0;
    json = event_json(&event);
    assert_non_null(strstr(json, "\"expires_at\":null}"));
    free(json);
}

static void test_it_is_one_line_whatever_the_texts_hold(void **state)
{
    (void)state;
    struct log_event event = {.code = LOG_settings_refused, .at_ms = NOON};
    log_event_text(&event, "detail", "line one\nline \"two\"\t\\ \x01 ü \xff");
    char *json = event_json(&event);
    assert_non_null(json);
    for (const char *c = json; *c != '\0'; c++)
        assert_true((unsigned char)*c >= 0x20 && (unsigned char)*c != 0xff);
    assert_non_null(strstr(json, "\"detail\":\"line one\\nline \\\"two\\\"\\t\\\\ "));
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_and_numbers_stand_beside_the_sentence),
        cmocka_unit_test(test_instants_are_written_as_such),
        cmocka_unit_test(test_it_is_one_line_whatever_the_texts_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
