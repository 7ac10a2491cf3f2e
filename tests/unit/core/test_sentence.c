/* Sentences out of texts with {fields}. Instants and cuts are also in test_log_event.c. */
#include "agent/core/sentence.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static const struct sentence_field fields[] = {
    {.name = "user", .text = "dora"}, {.name = "none", .number = 0},           {.name = "one", .number = 1},
    {.name = "two", .number = 2},     {.name = "ends_at", .number = 86400000}, {.name = "word", .text = "1"},
};

static void fields_and_choices(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"", ""},
        {"no field", "no field"},
        {"{user} is on", "dora is on"},
        {"{one}{two}{user}", "12dora"},
        {"until {ends_at}.", "until 1970-01-02T00:00:00Z."},
        {"{who} is on", "? is on"},
        {"{one} {one?user:users}", "1 user"},
        {"{two} {two?user:users}", "2 users"},
        {"{none} {none?user:users}", "0 users"},
        {"{two} user{two?:s}, {one} user{one?:s}", "2 users, 1 user"},
        {"{word?one:many}, {who?one:many}", "many, many"}, /* no numbers */
        {"{two?only one}", ""},
        {"open {brace", "open {brace"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[128];
        size_t bytes =
            sentence_write(rows[i].text, fields, COUNT(fields), sentence_utc, NULL, text, sizeof(text));
        assert_string_equal(text, rows[i].sentence);
        assert_int_equal(bytes, strlen(text));
    }
}

static void cut_at_a_character_everywhere(void **state)
{
    (void)state;
    static const char text[] = "{one?\xc3\xa4\xc3\xb6:x} {two?x:\xc3\xbc\xe2\x82\xac} {user}";
    char whole[64], cut[64];
    size_t bytes = sentence_write(text, fields, COUNT(fields), sentence_utc, NULL, whole, sizeof(whole));
    assert_string_equal(whole, "\xc3\xa4\xc3\xb6 \xc3\xbc\xe2\x82\xac dora");
    for (size_t room = 1; room <= bytes + 1; room++) {
        size_t written = sentence_write(text, fields, COUNT(fields), sentence_utc, NULL, cut, room);
        assert_true(written < room && written + 3 >= room);
        assert_int_equal(strlen(cut), written);
        assert_memory_equal(cut, whole, written);
        assert_true(((unsigned char)whole[written] & 0xc0) != 0x80);
    }
    assert_int_equal(sentence_write(text, fields, COUNT(fields), sentence_utc, NULL, cut, 0), 0);
}

static void in_words(void *data, int64_t unix_ms, char ret[SENTENCE_INSTANT_BYTES])
{
    (void)snprintf(ret, SENTENCE_INSTANT_BYTES, "%s %d", (const char *)data, (int)(unix_ms / 86400000));
}

static void instants_read_as_the_caller_likes(void **state)
{
    (void)state;
    char text[64], day[] = "day";
    sentence_write("ends {ends_at}, not {one}", fields, COUNT(fields), in_words, day, text, sizeof(text));
    assert_string_equal(text, "ends day 1, not 1");
    assert_true(sentence_field_is_instant(&fields[4]));
    assert_false(sentence_field_is_instant(&fields[0]));
    assert_false(sentence_field_is_instant(&(struct sentence_field){.name = "_at"}));
    assert_false(sentence_field_is_instant(&(struct sentence_field){.name = "ends_at", .text = ""}));
}

static void lists_of_names(void **state)
{
    (void)state;
    assert_true(sentence_names("users limit", "users", 5));
    assert_true(sentence_names("users limit", "limit", 5));
    assert_false(sentence_names("users limit", "user", 4));
    assert_false(sentence_names("users limit", "users limit", 11));
    assert_false(sentence_names("users limit", "", 0));
    assert_false(sentence_names("", "users", 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_choices),
        cmocka_unit_test(cut_at_a_character_everywhere),
        cmocka_unit_test(instants_read_as_the_caller_likes),
        cmocka_unit_test(lists_of_names),
    };
    return cmocka_run_group_tests_name("sentence", tests, NULL, NULL);
}
