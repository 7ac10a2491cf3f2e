/* Sentences of the agent's answers as people read them. */
#include "agent/ctl/said.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOW INT64_C(1771074180000) /* Sat 2026-02-14T13:03:00Z, 14:03 in Berlin */

static void instants(void **state)
{
    static const struct {
        const char *zone;
        int64_t distance_ms;
        const char *instant, *cell;
    } rows[] = {
        {"Europe/Berlin", 0, "Sat 14:03 CET", "Sat 14:03"},
        {"Europe/Berlin", 60000, "Sat 14:04 CET", "Sat 14:04"},
        {"Europe/Berlin", -DAY_MS, "Fri 14:03 CET", "Fri 14:03"},
        {"Europe/Berlin", 6 * DAY_MS, "Fri 14:03 CET", "Fri 14:03"},
        {"Europe/Berlin", 6 * DAY_MS + 1, "2026-02-20 14:03 CET", "2026-02-20 14:03"},
        {"Europe/Berlin", -6 * DAY_MS - 1, "2026-02-08 14:02 CET", "2026-02-08 14:02"},
        {"Europe/Berlin", 180 * DAY_MS, "2026-08-13 15:03 CEST", "2026-08-13 15:03 CEST"}, /* summer */
        {"UTC", 0, "Sat 13:03 UTC", "Sat 13:03"},
        {"America/St_Johns", 0, "Sat 09:33 NST", "Sat 09:33"},
        {"Asia/Kathmandu", 0, "Sat 18:48 +0545", "Sat 18:48"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[SENTENCE_INSTANT_BYTES];
        int64_t now_ms = NOW;
        (void)setenv("TZ", rows[i].zone, 1);
        tzset();
        said_instant(&now_ms, NOW + rows[i].distance_ms, text);
        assert_string_equal(text, rows[i].instant);
        assert_string_equal(said_cell(NOW, NOW + rows[i].distance_ms, text), rows[i].cell);
    }
    char zone[SENTENCE_INSTANT_BYTES];
    (void)setenv("TZ", "Europe/Berlin", 1);
    tzset();
    assert_string_equal(said_zone(NOW, zone), "CET");
}

#define OPEN "{\"code\":\"gate_open\",\"text\":\"…\",\"fields\":{\"users\":1,\"limit\":1}}"
#define UNTIL                                                                                                \
    "{\"at\":\"2026-02-14T13:20:00.000Z\",\"code\":\"term_valid\",\"text\":\"\",\"fields\":{\"expires_at\":" \
    "\"2026-02-15T13:03:00.000Z\",\"news\":[]}}"
#define RULE                                                                                               \
    "{\"code\":\"ignored\",\"text\":\"\",\"fields\":{\"rule\":2,\"rule_text\":\"{ user = \\\"{rule}\\\"; " \
    "kind = \\\"ignore\\\"; }\"}}"
#define NEWER "{\"code\":\"moon_full\",\"text\":\"The {moon} is full.\",\"fields\":{\"moon\":1}}"

static void sentences(void **state)
{
    static const struct {
        const char *sentences[3];
        const char *text;
        int64_t at_ms;
    } rows[] = {
        {{OPEN}, "The gate is open: 1 of 1 licence is in use.", 0},
        {{OPEN, UNTIL},
         "The gate is open: 1 of 1 licence is in use. The licence runs until Sun 14:03 CET.",
         INT64_C(1771075200000)},
        {{RULE}, "Does not count: rule 2 ignores it, { user = \"{rule}\"; kind = \"ignore\"; }.", 0},
        {{NEWER, OPEN}, "The {moon} is full. The gate is open: 1 of 1 licence is in use.", 0},
        {{"{\"code\":7}", OPEN}, "The gate is open: 1 of 1 licence is in use.", 0},
        {{NULL}, "", 0},
    };
    struct said *said = said_create(NOW);
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json_span spans[3];
        size_t count = 0;
        for (; count < 3 && rows[i].sentences[count]; count++)
            spans[count] = (struct json_span){rows[i].sentences[count], strlen(rows[i].sentences[count])};
        assert_string_equal(said_text(said, spans, count), rows[i].text);
        if (count > 0)
            assert_int_equal(said_at_ms(said), rows[i].at_ms);
    }
    said_destroy(said);
    said_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(instants), cmocka_unit_test(sentences)};
    return cmocka_run_group_tests_name("said", tests, NULL, NULL);
}
