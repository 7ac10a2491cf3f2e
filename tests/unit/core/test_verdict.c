/* Is the gate open, and if not, why (RULES §3). */
#include "agent/core/core_error.h"
#include "agent/core/standing.h"
#include "agent/core/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_first_machine_that_closes_is_the_reason(void **state)
{
    (void)state;
    static const struct {
        enum activation_state activation;
        enum term_state term;
        enum contact_state contact;
        enum usage_state usage;
        bool copied;
        enum verdict_reason reason;
    } rows[] = {
        {ACTIVATION_ACTIVE, TERM_VALID, CONTACT_FRESH, USAGE_WITHIN, false, VERDICT_OPEN},
        {ACTIVATION_ACTIVE, TERM_EXPIRY_GRACE, CONTACT_FRESH, USAGE_SETTLING, false, VERDICT_OPEN},
        {ACTIVATION_ACTIVE, TERM_VALID, CONTACT_FRESH, USAGE_OVERUSE_GRACE, false, VERDICT_OPEN},
        {ACTIVATION_ACTIVE, TERM_VALID, CONTACT_FRESH, USAGE_ENFORCED, false, VERDICT_OPEN},
        {ACTIVATION_NONE, TERM_VALID, CONTACT_FRESH, USAGE_WITHIN, false, VERDICT_NOT_ACTIVATED},
        {ACTIVATION_NONE, TERM_EXPIRED, CONTACT_STALE, USAGE_OVER, true, VERDICT_COPIED},
        {ACTIVATION_REVOKED, TERM_EXPIRED, CONTACT_STALE, USAGE_OVER, false, VERDICT_REVOKED},
        {ACTIVATION_ACTIVE, TERM_EXPIRED, CONTACT_STALE, USAGE_OVER, false, VERDICT_EXPIRED},
        {ACTIVATION_ACTIVE, TERM_VALID, CONTACT_STALE, USAGE_OVER, false, VERDICT_STALE},
        {ACTIVATION_ACTIVE, TERM_VALID, CONTACT_FRESH, USAGE_OVER, false, VERDICT_OVER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct standing standing = {.activation = rows[i].activation,
                                    .term = rows[i].term,
                                    .contact = rows[i].contact,
                                    .usage = {.state = rows[i].usage},
                                    .copied = rows[i].copied};
        struct verdict verdict = verdict_of(&standing, 0, false);
        assert_int_equal(verdict.reason, rows[i].reason);
        assert_int_equal(verdict.open, rows[i].reason == VERDICT_OPEN);
    }
}

static void every_state_has_a_name(void **state)
{
    (void)state;
    for (int i = 0; i < VERDICT_REASON_MAX; i++) {
        assert_true(strlen(verdict_reason_name((enum verdict_reason)i)) > 0);
        assert_true(strlen(verdict_reason_text((enum verdict_reason)i)) > 20);
    }
    for (int i = 0; i < ACTIVATION_STATE_MAX; i++)
        assert_true(strlen(activation_state_name((enum activation_state)i)) > 0);
    for (int i = 0; i < TERM_STATE_MAX; i++)
        assert_true(strlen(term_state_name((enum term_state)i)) > 0);
    for (int i = 0; i < CONTACT_STATE_MAX; i++)
        assert_true(strlen(contact_state_name((enum contact_state)i)) > 0);
    for (int i = 0; i < USAGE_STATE_MAX; i++)
        assert_true(strlen(usage_state_name((enum usage_state)i)) > 0);
    assert_string_equal(verdict_reason_name(VERDICT_REVOKED), "revoked");
    assert_string_equal(usage_state_name(USAGE_SETTLING), "settling");
}

static struct grant grant_of(const char *farm, const char *installation, uint64_t serial,
                             int64_t issued_at_ms)
{
    struct grant grant = {.serial = serial, .issued_at_ms = issued_at_ms, .limit = 10};
    strcpy(grant.farm_id, farm);
    strcpy(grant.installation_id, installation);
    return grant;
}

static void only_ours_and_only_newer(void **state)
{
    (void)state;
    static const struct {
        const char *farm, *installation;
        uint64_t serial;
        int64_t issued_at_ms;
        int code;
    } rows[] = {
        {"farm", "inst", 5, 1000, 0}, /* the same once more */
        {"farm", "inst", 5, 2000, 0},
        {"farm", "inst", 6, 1000, 0},
        {"farm", "inst", 4, 2000, CORE_OUTDATED},
        {"farm", "inst", 6, 999, CORE_OUTDATED},
        {"other", "inst", 9, 9000, CORE_NOT_OURS},
        {"farm", "other", 9, 9000, CORE_NOT_OURS},
        {"", "inst", 9, 9000, CORE_NOT_OURS},
    };
    struct standing standing = {.activation = ACTIVATION_ACTIVE, .grant = grant_of("farm", "inst", 5, 1000)};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct grant grant =
            grant_of(rows[i].farm, rows[i].installation, rows[i].serial, rows[i].issued_at_ms);
        assert_int_equal(standing_check(&standing, "farm", "inst", &grant), rows[i].code);
    }
    struct grant first = grant_of("another", "inst", 1, 1); /* a new farm begins anew */
    assert_int_equal(standing_check(&standing, "another", "inst", &first), 0);
}

static void the_authority_deactivates_and_only_an_activation_opens(void **state)
{
    (void)state;
    struct standing standing = {0};
    struct grant grant = grant_of("farm", "inst", 1, 1000);
    standing_activate(&standing, &grant, 1000);
    assert_int_equal(standing.activation, ACTIVATION_ACTIVE);
    assert_int_equal(standing.last_contact_ms, 1000);
    grant.status = GRANT_DEACTIVATED;
    grant.serial = 2;
    standing_apply(&standing, &grant, 2000);
    assert_int_equal(standing.activation, ACTIVATION_REVOKED);
    grant.status = GRANT_ACTIVE;
    grant.serial = 3;
    standing_apply(&standing, &grant, 3000);
    assert_int_equal(standing.activation, ACTIVATION_REVOKED);
    assert_int_equal(standing.last_contact_ms, 3000);
    assert_int_equal(standing.grant.serial, 3);
    standing_activate(&standing, &grant, 4000);
    assert_int_equal(standing.activation, ACTIVATION_ACTIVE);
    grant.status = GRANT_DEACTIVATED;
    standing_activate(&standing, &grant, 5000);
    assert_int_equal(standing.activation, ACTIVATION_REVOKED);
}

static void a_limit_applies_when_it_arrives(void **state)
{
    (void)state;
    struct standing standing = {0};
    struct grant grant = grant_of("farm", "inst", 1, 1000);
    standing_activate(&standing, &grant, 1000);
    grant.limit = 3;
    standing_apply(&standing, &grant, 2000);
    assert_int_equal(standing.grant.limit, 3);
}

static void a_release_keeps_the_serial_and_an_activation_ends_a_copy(void **state)
{
    (void)state;
    struct standing standing = {.copied = true};
    struct grant grant = grant_of("farm", "inst", 7, 1000);
    standing_activate(&standing, &grant, 1000);
    assert_false(standing.copied);
    standing_release(&standing);
    assert_int_equal(standing.activation, ACTIVATION_NONE);
    struct grant older = grant_of("farm", "inst", 6, 1000);
    assert_int_equal(standing_check(&standing, "farm", "inst", &older), CORE_OUTDATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_machine_that_closes_is_the_reason),
        cmocka_unit_test(every_state_has_a_name),
        cmocka_unit_test(only_ours_and_only_newer),
        cmocka_unit_test(the_authority_deactivates_and_only_an_activation_opens),
        cmocka_unit_test(a_limit_applies_when_it_arrives),
        cmocka_unit_test(a_release_keeps_the_serial_and_an_activation_ends_a_copy),
    };
    return cmocka_run_group_tests_name("verdict (RULES 3)", tests, NULL, NULL);
}
