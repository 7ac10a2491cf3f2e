/* Which disconnected sessions may be ended, and what it would save: a few cases to read, the rest is the
 * property tests'. */
#include "agent/core/reclaim.h"
#include "agent/core/roster.h"
#include "tests/unit/unit.h"

static const struct tally_settings usual = {.count_disconnected = true,
                                            .routes_counted = ROUTES_COUNTED_DEFAULT};

static int set_up(void **state)
{
    *state = tally_create(&usual);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    tally_destroy(*state);
    return 0;
}

static void on(struct tally *tally, const char *host, const char *id, const char *user,
               enum connection_state state, enum administrator administrator)
{
    struct connection connection = {.host = host,
                                    .id = id,
                                    .user = user,
                                    .kind = KIND_DESKTOP,
                                    .route = ROUTE_RDP,
                                    .state = state,
                                    .administrator = administrator};
    assert_int_equal(tally_put(tally, &connection, 0), 0);
}

static void gone(struct tally *tally, const char *host, const char *id, const char *user)
{
    on(tally, host, id, user, CONNECTION_DISCONNECTED, ADMINISTRATOR_NO);
}

static void there(struct tally *tally, const char *host, const char *id, const char *user)
{
    on(tally, host, id, user, CONNECTION_ACTIVE, ADMINISTRATOR_NO);
}

static void which_may_be_ended(void **state)
{
    static const struct {
        const char *what;
        enum connection_state state;
        enum administrator administrator;
        enum tally_reason reason;
        unsigned reported_by;
        bool may_end;
    } rows[] = {
        {"forgotten", CONNECTION_DISCONNECTED, ADMINISTRATOR_NO, TALLY_COUNTED, REPORTED_BY_HOST, true},
        {"a broker speaks of it too", CONNECTION_DISCONNECTED, ADMINISTRATOR_NO, TALLY_COUNTED,
         REPORTED_BY_HOST | REPORTED_BY_BROKER, true},
        {"active", CONNECTION_ACTIVE, ADMINISTRATOR_NO, TALLY_COUNTED, REPORTED_BY_HOST, false},
        {"an administrator's", CONNECTION_DISCONNECTED, ADMINISTRATOR_YES, TALLY_COUNTED, REPORTED_BY_HOST,
         false},
        {"perhaps an administrator's", CONNECTION_DISCONNECTED, ADMINISTRATOR_UNKNOWN, TALLY_COUNTED,
         REPORTED_BY_HOST, false},
        {"exempt", CONNECTION_DISCONNECTED, ADMINISTRATOR_YES, TALLY_EXEMPT_FIRST, REPORTED_BY_HOST, false},
        {"not counted by route", CONNECTION_DISCONNECTED, ADMINISTRATOR_NO, TALLY_ROUTE_NOT_COUNTED,
         REPORTED_BY_HOST, false},
        {"not counted while disconnected", CONNECTION_DISCONNECTED, ADMINISTRATOR_NO,
         TALLY_DISCONNECTED_NOT_COUNTED, REPORTED_BY_HOST, false},
        {"only a broker's record", CONNECTION_DISCONNECTED, ADMINISTRATOR_NO, TALLY_COUNTED,
         REPORTED_BY_BROKER, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tally_entry entry = {
            .connection = {.state = rows[i].state, .administrator = rows[i].administrator},
            .reason = rows[i].reason,
            .tag = rows[i].reported_by};
        if (reclaim_may_end(&entry) != rows[i].may_end)
            fail_msg("%s", rows[i].what);
    }
}

static void who_has_only_disconnected_sessions_saves_one(void **state)
{
    struct tally *tally = *state;
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 0);
    gone(tally, "h1", "1", "alice");
    gone(tally, "h1", "2", "alice");
    gone(tally, "h2", "1", "alice");
    gone(tally, "h1", "3", "bob");
    there(tally, "h1", "4", "carol");
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 2);
    assert_true(reclaim_saves_user(tally, "alice", NULL));
    assert_false(reclaim_saves_user(tally, "carol", NULL));
    assert_false(reclaim_saves_user(tally, "nobody", NULL));
}

static void who_is_active_too_saves_none(void **state)
{
    struct tally *tally = *state;
    gone(tally, "h1", "1", "alice");
    there(tally, "h2", "1", "alice");
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 0);
}

static void what_does_not_count_keeps_nobody(void **state)
{
    struct tally *tally = *state;
    struct connection ssh = {
        .host = "h1", .id = "9", .user = "alice", .kind = KIND_DESKTOP, .route = ROUTE_SSH};
    gone(tally, "h1", "1", "alice");
    assert_int_equal(tally_put(tally, &ssh, 0), 0);
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 1);
}

/* An administrator's application, or the desktop of one who might be, consumes and stays. */
static void administrators_are_left_alone(void **state)
{
    struct tally *tally = *state;
    struct connection application = {.host = "h1",
                                     .id = "1",
                                     .user = "root",
                                     .kind = KIND_APPLICATION,
                                     .route = ROUTE_RDP,
                                     .state = CONNECTION_DISCONNECTED,
                                     .administrator = ADMINISTRATOR_YES};
    assert_int_equal(tally_put(tally, &application, 0), 0);
    on(tally, "h1", "2", "perhaps", CONNECTION_DISCONNECTED, ADMINISTRATOR_UNKNOWN);
    assert_int_equal(tally_level(tally)->concurrent_users, 2);
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 0);
    gone(tally, "h2", "1", "root"); /* not an administrator on every host */
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 0);
}

static void an_exempt_one_keeps_nobody(void **state)
{
    struct tally *tally = *state;
    on(tally, "h1", "1", "admin", CONNECTION_ACTIVE, ADMINISTRATOR_YES);
    gone(tally, "h2", "1", "admin");
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 1);
}

static void of_one_host_or_user(void **state)
{
    struct tally *tally = *state;
    gone(tally, "h1", "1", "alice");
    gone(tally, "h1", "2", "bob");
    gone(tally, "h2", "1", "bob");
    assert_int_equal(reclaim_saves(tally, NULL, "h1"), 1); /* bob has another on h2 */
    assert_int_equal(reclaim_saves(tally, NULL, "h2"), 0);
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 2);
    assert_int_equal(reclaim_saves(tally, "bob", NULL), 1);
    assert_int_equal(reclaim_saves(tally, "alice", "h2"), 0);
}

static void where_disconnected_ones_do_not_count_nothing_is_saved(void **state)
{
    struct tally *tally = *state;
    struct tally_settings off = usual;
    off.count_disconnected = false;
    gone(tally, "h1", "1", "alice");
    assert_int_equal(tally_reconfigure(tally, &off), 0);
    assert_int_equal(reclaim_saves(tally, NULL, NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_may_be_ended),
        TEST(who_has_only_disconnected_sessions_saves_one),
        TEST(who_is_active_too_saves_none),
        TEST(what_does_not_count_keeps_nobody),
        TEST(administrators_are_left_alone),
        TEST(an_exempt_one_keeps_nobody),
        TEST(of_one_host_or_user),
        TEST(where_disconnected_ones_do_not_count_nothing_is_saved),
    };
    return cmocka_run_group_tests_name("reclaim", tests, NULL, NULL);
}
