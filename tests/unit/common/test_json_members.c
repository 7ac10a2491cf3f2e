/* The members of an object that nobody knows beforehand. */
#include "common/json.h"
#include "common/json_members.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

struct heard {
    char text[512];
    int stop_after, count;
};

static int on_member(void *data, const char *name, const char *value)
{
    struct heard *heard = data;
    size_t length = strlen(heard->text);
    (void)snprintf(heard->text + length, sizeof(heard->text) - length, "%s=%s;", name,
                   value ? value : "(null)");
    return ++heard->count == heard->stop_after ? -7 : 0;
}

static void test_members(void **state)
{
    static const struct {
        const char *text;
        int result;
        const char *heard;
    } rows[] = {
        {"{}", 0, ""},
        {" {\"a\":\"b\",\"n\":-12,\"x\":1.5e3,\"t\":true,\"f\":false,\"z\":null} ", 0,
         "a=b;n=-12;x=1.5e3;t=true;f=false;z=(null);"},
        {"{\"a\":\"\",\"\":\"no name\"}", 0, "a=;=no name;"},
        {"{\"a\":{\"b\":\"c\",\"d\":[1,{\"e\":2}]},\"g\":[\"h\",[]],\"i\":1}", 0, "a=(null);g=(null);i=1;"},
        {"{\"a\":\"\\u00fc\\n\\\"\"}", 0, "a=\xc3\xbc\n\";"},
        {"", ERROR_INVALID, ""},
        {"7", ERROR_INVALID, ""},
        {"\"a\"", ERROR_INVALID, ""},
        {"null", ERROR_INVALID, ""},
        {"[{\"a\":1}]", ERROR_INVALID, ""},
        {"{\"a\":1", ERROR_INVALID, "a=1;"},
        {"{\"a\":1}{}", ERROR_INVALID, "a=1;"},
        {"{\"a\":1} x", ERROR_INVALID, "a=1;"},
        {"{\"a\":\"\\u0000\"}", ERROR_INVALID, ""},
        {"{\"a\\u0000\":1}", ERROR_INVALID, ""},
        {"{\"a\":\"\xff\"}", ERROR_INVALID, ""},
        {"{\"a\":[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]}", 0, "a=(null);"},
        {"{\"a\":[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]}", ERROR_TOO_DEEP, "a=(null);"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct heard heard = {.text = ""};
        int result = json_members(rows[i].text, strlen(rows[i].text), on_member, &heard);
        if (result != rows[i].result || strcmp(heard.text, rows[i].heard) != 0)
            fail_msg("%s: %d, heard %s", rows[i].text, result, heard.text);
    }
}

static void test_the_listener_may_end_it(void **state)
{
    static const char text[] = "{\"a\":1,\"b\":{\"c\":2},\"d\":3}";
    (void)state;
    for (int after = 1; after <= 3; after++) {
        struct heard heard = {.stop_after = after};
        assert_int_equal(json_members(text, strlen(text), on_member, &heard), -7);
        assert_int_equal(heard.count, after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_the_listener_may_end_it),
    };
    return cmocka_run_group_tests_name("json_members", tests, NULL, NULL);
}
