#include "common/utf8.h"
#include "tests/unit/unit.h"

#include <string.h>

static void tells_characters_from_other_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"anna", true},
        {"J\xC3\xBCrgen", true},
        {"\xE2\x82\xAC", true},     /* U+20AC */
        {"\xF0\x9F\x98\x80", true}, /* U+1F600 */
        {"\xED\x9F\xBF", true},     /* U+D7FF, the last before the surrogates */
        {"\xF4\x8F\xBF\xBF", true}, /* U+10FFFF */
        {"\x80", false},
        {"\xC0\x80", false}, /* overlong NUL */
        {"\xC1\xBF", false},
        {"\xE0\x9F\xBF", false},     /* overlong */
        {"\xF0\x8F\xBF\xBF", false}, /* overlong */
        {"\xED\xA0\x80", false},     /* surrogate */
        {"\xF4\x90\x80\x80", false}, /* past U+10FFFF */
        {"\xF5\x80\x80\x80", false},
        {"\xFF", false},
        {"\xE2\x82", false},
        {"a\xC3", false},
        {"a\xC3z", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(utf8_valid(cases[i].text, strlen(cases[i].text)), cases[i].valid);
}

static void cuts_off_half_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *text, *cut;
    } cases[] = {
        {"", ""},
        {"anna", "anna"},
        {"J\xC3\xBC", "J\xC3\xBC"},
        {"J\xC3", "J"},
        {"J\xE2\x82", "J"},
        {"\xE2\x82\xAC", "\xE2\x82\xAC"},
        {"\xF0\x9F\x98", ""},
        {"\x80\x80", "\x80\x80"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16];
        strcpy(text, cases[i].text);
        utf8_cut(text);
        assert_string_equal(text, cases[i].cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_characters_from_other_bytes),
        cmocka_unit_test(cuts_off_half_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
