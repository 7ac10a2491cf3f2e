/* What is unusual in a grant that is applied all the same. */
#include "tests/unit/unit.h"

#include "agent/core/grant.h"

#include <stdbool.h>
#include <string.h>

#define DAY    INT64_C(86400000)
#define ISSUED (INT64_C(20000) * DAY)
#define ABSURD (INT64_C(100) * 366 * DAY)

static void what_is_odd(void **state)
{
    (void)state;
    static const char ended[] = "its term had ended when it was issued", nobody[] = "its limit is 0: nobody",
                      late[] = "it had to be refreshed before it was issued",
                      absurd[] = "it ends more than a century after its issue",
                      both[] = "its limit is 0: nobody; its term had ended when it was issued";
    static const struct {
        struct grant grant;
        const char *oddity; /* NULL: none */
    } rows[] = {
        {{.limit = 1}, NULL},
        {{.limit = 1, .expires_at_ms = ISSUED + 1, .refresh_by_ms = ISSUED + 1}, NULL},
        {{.limit = 0}, nobody},
        {{.limit = 0, .status = GRANT_DEACTIVATED}, NULL}, /* nobody needs a limit then */
        {{.limit = 1, .expires_at_ms = ISSUED}, ended},
        {{.limit = 1, .expires_at_ms = 1}, ended},
        {{.limit = 1, .refresh_by_ms = ISSUED}, late},
        {{.limit = 1, .expires_at_ms = ISSUED + ABSURD}, NULL},
        {{.limit = 1, .expires_at_ms = ISSUED + ABSURD + 1}, absurd},
        {{.limit = 1, .refresh_by_ms = ISSUED + ABSURD + 1}, absurd},
        {{.limit = 0, .expires_at_ms = ISSUED - 1}, both},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char oddity[GRANT_ODDITY_BYTES] = "untouched";
        struct grant grant = rows[i].grant;
        grant.issued_at_ms = ISSUED;
        assert_int_equal(grant_is_odd(&grant, oddity), rows[i].oddity != NULL);
        assert_string_equal(oddity, rows[i].oddity != NULL ? rows[i].oddity : "untouched");
    }
}

static void all_oddities_at_once_fit(void **state)
{
    (void)state;
    char oddity[GRANT_ODDITY_BYTES];
    /* a term that ended and one that never will cannot be both */
    const struct grant grant = {
        .issued_at_ms = ISSUED, .expires_at_ms = 1, .refresh_by_ms = ISSUED + ABSURD + 1};
    assert_true(grant_is_odd(&grant, oddity));
    assert_string_equal(oddity, "its limit is 0: nobody; its term had ended when it was issued; "
                                "it ends more than a century after its issue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_odd),
        cmocka_unit_test(all_oddities_at_once_fit),
    };
    return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
