#include "agent/ctl/sizing/admins.h"
#include "tests/unit/unit.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint8_t seed[KEYED_HASH_SEED_BYTES] = {1, 2, 3};

static void names_compare_as_users_do(void **state)
{
    (void)state;
    struct admins admins;
    admins_init(&admins, seed);
    assert_false(admins_has(&admins, "alice"));
    assert_int_equal(admins_add(&admins, "alice,CORP\\Bob,carol@corp.example", NULL), 0);
    assert_true(admins_has(&admins, "alice"));
    assert_false(admins_has(&admins, "Alice")); /* a Unix name */
    assert_true(admins_has(&admins, "corp\\bOB"));
    assert_true(admins_has(&admins, "CAROL@corp.example"));
    assert_false(admins_has(&admins, "bob"));
    assert_int_equal(admins_add(&admins, "dora", NULL), 0);
    assert_true(admins_has(&admins, "dora") && admins_has(&admins, "alice"));
    admins_finish(&admins);
}

/* Whoever runs this is a member of his first group. */
static void a_group_stands_for_its_members(void **state)
{
    (void)state;
    struct admins admins;
    char list[600];
    const struct passwd *user = getpwuid(getuid());
    const struct group *group = user == NULL ? NULL : getgrgid(user->pw_gid);
    if (group == NULL)
        skip();
    (void)snprintf(list, sizeof list, "alice,@%s", group->gr_name);
    admins_init(&admins, seed);
    assert_int_equal(admins_add(&admins, list, NULL), 0);
    assert_true(admins_has(&admins, getpwuid(getuid())->pw_name));
    assert_true(admins_has(&admins, "alice"));
    assert_false(admins_has(&admins, "no-such-user-here"));
    admins_finish(&admins);
}

static void what_is_no_name_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        int code;
    } bad[] = {{"", ERROR_INVALID},     {"alice,", ERROR_INVALID},           {",alice", ERROR_INVALID},
               {"a\nb", ERROR_INVALID}, {"@no-such-group", ERROR_NOT_FOUND}, {"@", ERROR_NOT_FOUND}};
    char longest[600];
    struct admins admins;
    struct error_detail detail;
    admins_init(&admins, seed);
    for (size_t i = 0; i < COUNT(bad); i++) {
        detail.text[0] = '\0';
        assert_int_equal(admins_add(&admins, bad[i].list, &detail), bad[i].code);
        assert_string_not_equal(detail.text, "");
    }
    memset(longest, 'n', sizeof longest);
    longest[511] = '\0';
    assert_int_equal(admins_add(&admins, longest, NULL), 0);
    assert_true(admins_has(&admins, longest));
    longest[511] = 'n';
    longest[512] = '\0';
    assert_int_equal(admins_add(&admins, longest, NULL), ERROR_INVALID);
    admins_finish(&admins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_compare_as_users_do),
        cmocka_unit_test(a_group_stands_for_its_members),
        cmocka_unit_test(what_is_no_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
