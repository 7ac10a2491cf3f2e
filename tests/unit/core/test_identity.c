/* When two spellings are one user (RULES §2.5). */
#include "agent/core/connection.h"
#include "agent/core/identity.h"

#include "tests/unit/unit.h"

#include <string.h>

static const struct identity_alias aliases[] = {
    {"corp.example", "CORP"},
    {"\u00c9cole.example", "ecole"},
};

static void keys(void **state)
{
    (void)state;
    static const struct {
        const char *user, *key, *key_with_aliases;
    } rows[] = {
        /* Unix names: by bytes */
        {"alice", "alice", "alice"},
        {"Alice", "Alice", "Alice"},
        {"caf\u00c9", "caf\u00c9", "caf\u00c9"},
        {"corp.example", "corp.example", "corp.example"},
        /* Windows names: folded */
        {"HOST\\Bob", "host\\bob", "host\\bob"},
        {"CORP\\Bob", "corp\\bob", "corp\\bob"},
        {"bob@Elsewhere.Example", "bob@elsewhere.example", "bob@elsewhere.example"},
        /* aliases, in either form of name, folded themselves */
        {"Bob@CORP.example", "bob@corp.example", "corp\\bob"},
        {"corp.EXAMPLE\\bob", "corp.example\\bob", "corp\\bob"},
        {"x@\u00e9COLE.example", "x@\u00e9cole.example", "ecole\\x"},
        {"bob@sub.corp.example", "bob@sub.corp.example", "bob@sub.corp.example"},
        {"bob@corp.exampl", "bob@corp.exampl", "bob@corp.exampl"},
        {"bob@corp.example2", "bob@corp.example2", "bob@corp.example2"},
        /* the backslash comes first, the last at-sign is the one */
        {"CORP\\bob@corp.example", "corp\\bob@corp.example", "corp\\bob@corp.example"},
        {"b@b@corp.example", "b@b@corp.example", "corp\\b@b"},
        {"@corp.example", "@corp.example", "corp\\"},
        {"\\", "\\", "\\"},
        {"@", "@", "@"},
        /* simple folding, one character to one: status C and S, never F or T */
        {"d\\STRA\u1e9eE", "d\\stra\u00dfe", "d\\stra\u00dfe"},
        {"d\\stra\u00dfe", "d\\stra\u00dfe", "d\\stra\u00dfe"},
        {"d\\\u0130\u0131I", "d\\\u0130\u0131i", "d\\\u0130\u0131i"},
        {"d\\\u03a3\u03c3\u03c2", "d\\\u03c3\u03c3\u03c3", "d\\\u03c3\u03c3\u03c3"},
        {"d\\\u1f88\u1fbc", "d\\\u1f80\u1fb3", "d\\\u1f80\u1fb3"},
        {"d\\\ufb03", "d\\\ufb03", "d\\\ufb03"},
        {"d\\\u212a\u017f", "d\\ks", "d\\ks"},
        {"d\\\u0100\u0101\u0102", "d\\\u0101\u0101\u0103", "d\\\u0101\u0101\u0103"},
        {"d\\\u0410\u042f\u0401", "d\\\u0430\u044f\u0451", "d\\\u0430\u044f\u0451"},
        {"d\\\u13f8\uab70", "d\\\u13f0\u13a0", "d\\\u13f0\u13a0"},
        {"d\\\U00010400\U0001e921", "d\\\U00010428\U0001e943", "d\\\U00010428\U0001e943"},
        {"d\\\u00d7\u00f7", "d\\\u00d7\u00f7", "d\\\u00d7\u00f7"},
        {"d\\\u023a", "d\\\u2c65", "d\\\u2c65"},
        /* what is not UTF-8 stands for itself */
        {"d\\A\xff\xc3", "d\\a\xff\xc3", "d\\a\xff\xc3"},
        {"d\\\xed\xa0\x80\xc0\x80Z", "d\\\xed\xa0\x80\xc0\x80z", "d\\\xed\xa0\x80\xc0\x80z"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char key[IDENTITY_KEY_BYTES_MAX];
        size_t bytes = identity_key(rows[i].user, NULL, 0, key);
        assert_string_equal(key, rows[i].key);
        assert_int_equal(bytes, strlen(key));
        bytes = identity_key(rows[i].user, aliases, COUNT(aliases), key);
        assert_string_equal(key, rows[i].key_with_aliases);
        assert_int_equal(bytes, strlen(key));
    }
}

/* The same table is in farmgate.conf(5). */
static void the_cases_of_the_manual(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other;
        bool same;
        const char *because;
    } cases[] = {
#define IDENTITY_CASE(one, other, same, because) {one, other, same, because},
#include "agent/core/identity_cases.def"
#undef IDENTITY_CASE
    };
    static const struct identity_alias alias = {"corp.example", "CORP"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char one[IDENTITY_KEY_BYTES_MAX], other[IDENTITY_KEY_BYTES_MAX];
        identity_key(cases[i].one, &alias, 1, one);
        identity_key(cases[i].other, &alias, 1, other);
        if ((strcmp(one, other) == 0) != cases[i].same)
            fail_msg("%s and %s: %s", cases[i].one, cases[i].other, cases[i].because);
        for (size_t j = 0; j < i; j++) /* each is told once */
            assert_false(strcmp(cases[i].one, cases[j].one) == 0 &&
                         strcmp(cases[i].other, cases[j].other) == 0);
    }
}

static void folding_twice_is_folding_once(void **state)
{
    (void)state;
    for (uint32_t character = 0x80; character < 0x20000; character++) {
        if (character >= 0xd800 && character < 0xe000)
            continue;
        char user[] = "\\????", once[IDENTITY_KEY_BYTES_MAX], twice[IDENTITY_KEY_BYTES_MAX];
        size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
        for (size_t i = length; i > 1; i--)
            user[i] = (char)(0x80 | (character >> (6 * (length - i)) & 0x3f));
        user[1] = (char)(0xf00 >> length | character >> (6 * (length - 1)));
        user[1 + length] = '\0';
        identity_key(user, NULL, 0, once);
        identity_key(once, NULL, 0, twice);
        assert_string_equal(once, twice);
    }
}

static void the_longest_name_fits(void **state)
{
    (void)state;
    char user[CONNECTION_USER_BYTES_MAX + 1], key[IDENTITY_KEY_BYTES_MAX];
    user[0] = '\\';
    for (size_t i = 1; i < CONNECTION_USER_BYTES_MAX; i += 2)
        memcpy(user + i, "\u023a", 2); /* two bytes become three */
    user[CONNECTION_USER_BYTES_MAX] = '\0';
    assert_int_equal(identity_key(user, NULL, 0, key), 1 + CONNECTION_USER_BYTES_MAX / 2 * 3);
}

static void an_alias_too_long_is_none(void **state)
{
    (void)state;
    char domain[CONNECTION_HOST_BYTES_MAX + 2], key[IDENTITY_KEY_BYTES_MAX];
    memset(domain, 'D', sizeof domain - 1);
    domain[sizeof domain - 1] = '\0';
    identity_key("a@b", &(struct identity_alias){"b", domain}, 1, key);
    assert_string_equal(key, "a@b");
    domain[CONNECTION_HOST_BYTES_MAX] = '\0';
    assert_int_equal(identity_key("a@b", &(struct identity_alias){"b", domain}, 1, key),
                     CONNECTION_HOST_BYTES_MAX + 2);
}

static void which_names_are_windows_names(void **state)
{
    (void)state;
    assert_true(identity_is_windows("A\\b"));
    assert_true(identity_is_windows("b@a"));
    assert_false(identity_is_windows("a/b.c"));
    assert_false(identity_is_windows(""));
}

static void domains(void **state)
{
    (void)state;
    static const struct {
        const char *one, *other;
        bool same;
    } rows[] = {
        {"CORP", "corp", true},
        {"\u00c9cole.Example", "\u00e9COLE.example", true},
        {"corp", "corp2", false},
        {"corp.example", "corp", false},
        {"stra\u00dfe", "strasse", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(identity_same_domain(rows[i].one, rows[i].other), rows[i].same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains),
        cmocka_unit_test(keys),
        cmocka_unit_test(the_cases_of_the_manual),
        cmocka_unit_test(folding_twice_is_folding_once),
        cmocka_unit_test(the_longest_name_fits),
        cmocka_unit_test(an_alias_too_long_is_none),
        cmocka_unit_test(which_names_are_windows_names),
    };
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
