/* The names that PAM may have for a user (RULES §4, `present`): none of them is another user (§2.5). */
#include "agent/core/connection.h"
#include "agent/core/spelling.h"

#include "tests/unit/unit.h"

#include <string.h>

#define SEEN_MAX 8

static const struct identity_alias aliases[] = {
    {"corp.example", "Corp"},
    {"old.example", "CORP"},
    {"\u00e9cole.example", "\u00c9COLE"},
};

struct seen {
    char names[SEEN_MAX][2048];
    size_t count;
};

static void see(void *data, const char *name)
{
    struct seen *seen = data;
    for (size_t i = 0; i < seen->count; i++)
        if (strcmp(seen->names[i], name) == 0)
            return;
    assert_true(seen->count < SEEN_MAX && strlen(name) < sizeof(seen->names[0]));
    strcpy(seen->names[seen->count++], name);
}

static void every_spelling_comes_once(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        const char *names[SEEN_MAX];
    } rows[] = {
        {"alice", {"alice"}},
        {"Alice", {"Alice"}},                /* a Unix name compares by bytes */
        {"c~{}\\x", {"c~{}\\x", "C~{}\\x"}}, /* what lies behind z stays as it is */
        {"HOST\\Bob", {"HOST\\Bob", "host\\bob", "HOST\\bob"}},
        {"Bob@Elsewhere.Example", {"Bob@Elsewhere.Example", "bob@elsewhere.example"}},
        {"Bob@CORP.example",
         {"Bob@CORP.example", "corp\\bob", "CORP\\bob", "Corp\\bob", "bob@corp.example", "bob@old.example"}},
        {"corp\\bob", {"corp\\bob", "CORP\\bob", "Corp\\bob", "bob@corp.example", "bob@old.example"}},
        {"x@\u00c9cole.example",
         {"x@\u00c9cole.example", "\u00e9cole\\x", "\u00e9COLE\\x", "\u00c9COLE\\x", "x@\u00e9cole.example"}},
        {"\\", {"\\"}},
        {"@", {"@"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct seen seen = {.count = 0};
        spelling_each(rows[i].user, aliases, COUNT(aliases), see, &seen);
        for (size_t j = 0; j < seen.count; j++)
            assert_string_equal(seen.names[j], rows[i].names[j] ? rows[i].names[j] : "(none)");
        assert_true(seen.count == SEEN_MAX || rows[i].names[seen.count] == NULL);
    }
}

static void all_are_one_user(void **state)
{
    (void)state;
    static const char *const users[] = {"corp\\Ann@x", "ANN@Corp.Example", "old.example\\ann",
                                        "CORP\\\u00c4nn"};
    for (size_t i = 0; i < COUNT(users); i++) {
        char key[IDENTITY_KEY_BYTES_MAX], other[IDENTITY_KEY_BYTES_MAX];
        struct seen seen = {.count = 0};
        identity_key(users[i], aliases, COUNT(aliases), key);
        spelling_each(users[i], aliases, COUNT(aliases), see, &seen);
        assert_true(seen.count > 2);
        for (size_t j = 0; j < seen.count; j++) {
            identity_key(seen.names[j], aliases, COUNT(aliases), other);
            assert_string_equal(other, key);
        }
    }
}

static void the_longest_name_fits(void **state)
{
    char user[CONNECTION_USER_BYTES_MAX + 1], domain[CONNECTION_HOST_BYTES_MAX + 1];
    const struct identity_alias longest[] = {{"l.example", domain}, {domain, "L"}};
    struct seen seen = {.count = 0};
    (void)state;
    memset(domain, 'd', sizeof(domain) - 1);
    domain[sizeof(domain) - 1] = '\0';
    memset(user, 'u', sizeof(user) - 1);
    memcpy(user, "l.example\\", strlen("l.example\\"));
    user[sizeof(user) - 1] = '\0';
    spelling_each(user, longest, COUNT(longest), see, &seen);
    assert_true(seen.count >= 4);
    for (size_t i = 1; i < seen.count; i++)
        assert_true(strlen(seen.names[i]) >= CONNECTION_USER_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_comes_once),
        cmocka_unit_test(all_are_one_user),
        cmocka_unit_test(the_longest_name_fits),
    };
    return cmocka_run_group_tests_name("spelling", tests, NULL, NULL);
}
