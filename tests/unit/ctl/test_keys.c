/* Keys out of a terminal's bytes, whole and in pieces. */
#include "agent/ctl/keys.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static void note(void *data, enum key key, const char *text)
{
    char *said = data;
    size_t used = strlen(said);
    if (key == KEY_TEXT)
        (void)snprintf(said + used, 256 - used, "%s", text);
    else
        (void)snprintf(said + used, 256 - used, "<%d>", key);
}

struct key_case {
    const char *bytes, *said;
};

/* Of each: the bytes at once, and one by one. */
static void check(const struct key_case *a_case, const char *wanted)
{
    char said[256] = "", one_by_one[256] = "";
    struct keys keys;
    keys_init(&keys, note, said);
    keys_feed(&keys, a_case->bytes, strlen(a_case->bytes));
    keys_end(&keys);
    assert_string_equal(said, wanted);
    keys_init(&keys, note, one_by_one);
    for (size_t i = 0; a_case->bytes[i]; i++)
        keys_feed(&keys, a_case->bytes + i, 1);
    keys_end(&keys);
    assert_string_equal(one_by_one, wanted);
}

static void test_known(void **state)
{
    static const struct {
        const char *bytes;
        enum key key;
    } cases[] = {
        {"\033[A", KEY_UP},      {"\033OA", KEY_UP},       {"\033[B", KEY_DOWN},       {"\033[C", KEY_RIGHT},
        {"\033[D", KEY_LEFT},    {"\033[5~", KEY_PAGE_UP}, {"\033[6~", KEY_PAGE_DOWN}, {"\033[H", KEY_HOME},
        {"\033[1~", KEY_HOME},   {"\033[F", KEY_END},      {"\033[Z", KEY_BACK_TAB},   {"\033", KEY_ESCAPE},
        {"\x03", KEY_INTERRUPT}, {"\x1a", KEY_SUSPEND},    {"\x0c", KEY_REDRAW},       {"\r", KEY_ENTER},
        {"\n", KEY_ENTER},       {"\t", KEY_TAB},          {"\x7f", KEY_BACKSPACE},    {"\b", KEY_BACKSPACE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char wanted[16];
        (void)snprintf(wanted, sizeof(wanted), "<%d>", cases[i].key);
        check(&(struct key_case){cases[i].bytes, NULL}, wanted);
    }
}

static void test_others(void **state)
{
    static const struct key_case cases[] = {
        {"qs/", "qs/"},
        {"J\xc3\xb6rg", "J\xc3\xb6rg"},
        {"\xe6\x9d\x8e", "\xe6\x9d\x8e"},
        {"\xf0\x9f\x98\x80!", "\xf0\x9f\x98\x80!"},
        {"\xc3", ""}, /* half a character */
        {"a\xff\xfe"
         "b",
         "ab"}, /* none at all */
        {"\xe0\x80\x80"
         "b",
         "b"},                                                /* not the shortest form */
        {"\033[1;5Cx", "x"},                                  /* Ctrl and an arrow: means nothing here */
        {"\033[200~x", "x"},                                  /* neither does pasting */
        {"\033xq", "q"},                                      /* nor Alt */
        {"\033[1234567890123456789012345mq", "6789012345mq"}, /* longer than any: let go */
        {"\x01\x02", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        check(&cases[i], cases[i].said);
}

static void test_pending(void **state)
{
    char said[256] = "";
    struct keys keys;
    (void)state;
    keys_init(&keys, note, said);
    assert_false(keys_pending(&keys));
    keys_feed(&keys, "\033", 1);
    assert_true(keys_pending(&keys));
    assert_string_equal(said, ""); /* it may be the beginning of an arrow */
    keys_feed(&keys, "[A", 2);
    assert_false(keys_pending(&keys));
    assert_string_equal(said, "<1>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_pending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
