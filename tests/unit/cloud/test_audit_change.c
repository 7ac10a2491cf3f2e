/* What is different between two states, in a line. */
#include "cloud/admin/audit_change.h"

#include "tests/unit/unit.h"

#include <string.h>

static struct json_span span_of(const char *text)
{
    return (struct json_span){text, text != NULL ? strlen(text) : 0};
}

static void test_changes(void **state)
{
    static const struct {
        const char *before, *after, *line;
    } cases[] = {
        {NULL, NULL, ""},
        {NULL, "{\"id\":1,\"name\":\"\",\"renews\":true,\"expires_at\":null}", "id 1, renews true"},
        {"{\"id\":1,\"licences\":10}", "{\"id\":1,\"licences\":15}", "licences 10 -> 15"},
        {"{\"name\":\"a\",\"at\":null}", "{\"name\":\"\",\"at\":\"b\"}", "name a -> -, at - -> b"},
        {"{\"name\":\"a\"}", "{\"name\":\"a\",\"note\":\"x\"}", "note - -> x"},
        {"{\"name\":\"a\"}", "{\"name\":\"a\"}", ""},
        {"{\"name\":\"a\"}", NULL, ""},
        {"no object", "{\"name\":\"a\"}", "name a"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct json_span before = span_of(cases[i].before), after = span_of(cases[i].after);
        char line[128];
        audit_change_format(&before, &after, line, sizeof line);
        if (strcmp(line, cases[i].line) != 0)
            fail_msg("case %zu: \"%s\", not \"%s\"", i, line, cases[i].line);
    }
}

/* Never past the room there is, never half a character. */
static void test_room(void **state)
{
    const struct json_span none = {NULL, 0}, after = span_of("{\"name\":\"äöüäöüäöüäöü\",\"more\":\"x\"}");
    (void)state;
    for (size_t room = 1; room < 48; room++) {
        char line[64];
        memset(line, 'x', sizeof line);
        audit_change_format(&none, &after, line, room);
        assert_true(strlen(line) < room);
        assert_int_equal(line[room], 'x');
        size_t bytes = strlen(line);
        assert_true(bytes == 0 || (unsigned char)line[bytes - 1] != 0xc3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_changes), cmocka_unit_test(test_room)};
    return cmocka_run_group_tests_name("audit_change", tests, NULL, NULL);
}
