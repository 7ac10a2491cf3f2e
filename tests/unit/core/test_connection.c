/* The words for connections, and which texts may be names. */
#include "agent/core/connection.h"
#include "agent/core/core_error.h"
#include "agent/core/utf8.h"

#include "tests/unit/unit.h"

#include <string.h>

static void words_go_both_ways(void **state)
{
    (void)state;
    static const char *const kinds[] = {"desktop", "application"};
    static const char *const routes[] = {"broker", "rdp", "rdp-tunnel", "console", "ssh"};
    static const char *const states[] = {"active", "disconnected"};
    static const char *const administrators[] = {"no", "yes", "unknown"};
    assert_int_equal(COUNT(kinds), KIND_MAX);
    assert_int_equal(COUNT(routes), ROUTE_MAX);
    assert_int_equal(COUNT(states), CONNECTION_STATE_MAX);
    assert_int_equal(COUNT(administrators), ADMINISTRATOR_MAX);
    for (unsigned i = 0; i < KIND_MAX; i++) {
        enum connection_kind kind = KIND_MAX;
        assert_string_equal(connection_kind_name((enum connection_kind)i), kinds[i]);
        assert_true(connection_kind_parse(kinds[i], &kind));
        assert_int_equal(kind, i);
    }
    for (unsigned i = 0; i < ROUTE_MAX; i++) {
        enum connection_route route = ROUTE_MAX;
        assert_string_equal(connection_route_name((enum connection_route)i), routes[i]);
        assert_true(connection_route_parse(routes[i], &route));
        assert_int_equal(route, i);
    }
    for (unsigned i = 0; i < CONNECTION_STATE_MAX; i++) {
        enum connection_state connection_state = CONNECTION_STATE_MAX;
        assert_string_equal(connection_state_name((enum connection_state)i), states[i]);
        assert_true(connection_state_parse(states[i], &connection_state));
        assert_int_equal(connection_state, i);
    }
    for (unsigned i = 0; i < ADMINISTRATOR_MAX; i++)
        assert_string_equal(administrator_name((enum administrator)i), administrators[i]);
}

static void other_words_are_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"", "Desktop", "desktop ", "rdptunnel", "yes", "ACTIVE"};
    for (size_t i = 0; i < COUNT(words); i++) {
        enum connection_kind kind = KIND_MAX;
        enum connection_route route = ROUTE_MAX;
        enum connection_state connection_state = CONNECTION_STATE_MAX;
        assert_false(connection_kind_parse(words[i], &kind));
        assert_false(connection_route_parse(words[i], &route));
        assert_false(connection_state_parse(words[i], &connection_state));
        assert_int_equal(kind, KIND_MAX);
        assert_int_equal(route, ROUTE_MAX);
        assert_int_equal(connection_state, CONNECTION_STATE_MAX);
    }
}

static void no_bytes_are_no_character(void **state)
{
    (void)state;
    uint32_t untouched = 7;
    assert_int_equal(utf8_decode("a", 0, &untouched), 0);
    assert_int_equal(untouched, 7);
}

static void texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } rows[] = {
        {"a", true},
        {"CORP\\J\u00f6rg", true},
        {"srv01.corp.example", true},
        {"\U0010ffff", true},
        {"12345678", true},
        {"", false},
        {"123456789", false}, /* one byte too long */
        {"a\nb", false},
        {"\x7f", false},
        {"\xc2\x80", false}, /* C1 control */
        {"\xc2\x9f", false},
        {"\u00a0", true},
        {"\xff", false},
        {"\x80", false},     /* continuation first */
        {"\xc3", false},     /* cut short */
        {"\xc0\xaf", false}, /* overlong */
        {"\xe0\x80\xaf", false},
        {"\xf0\x80\x80\xaf", false},
        {"\xed\xa0\x80", false},     /* surrogate */
        {"\xf4\x90\x80\x80", false}, /* beyond Unicode */
        {"\xf5\x80\x80\x80", false},
        {"\xe2\x82z", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t bytes_max = strlen(rows[i].text) > 9 ? 255 : 8;
        assert_int_equal(connection_text_valid(rows[i].text, bytes_max), rows[i].valid);
    }
}

static void every_error_has_a_line(void **state)
{
    (void)state;
    static const int codes[] = {CORE_NO_MEMORY, CORE_FULL,     CORE_INVALID,    CORE_UNKNOWN,
                                CORE_NOT_OURS,  CORE_OUTDATED, CORE_NOT_ACTIVE, CORE_OK};
    for (size_t i = 0; i < COUNT(codes); i++)
        assert_string_not_equal(core_error_text(codes[i]), "unknown error");
    assert_string_equal(core_error_text(CORE_FULL), "the table has reached its limit");
    assert_string_equal(core_error_text(-1), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_go_both_ways),        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(no_bytes_are_no_character), cmocka_unit_test(texts),
        cmocka_unit_test(every_error_has_a_line),
    };
    return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
