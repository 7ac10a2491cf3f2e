/* One session that two logs tell. Times are Unix seconds. */
#include "log_reading.h"

#include "tests/unit/unit.h"

#include "agent/ctl/sizing/windows_join.h"

#include <stdlib.h>
#include <string.h>

#define EVENT(second, event_type, ...)                                                  \
    {                                                                                   \
        .at_ms = 1000 * (second), .type = SIZING_##event_type, .host = "h", __VA_ARGS__ \
    }
#define ON(second, id, name, is_admin)                                          \
    EVENT(second, CONNECT, .session = (id), .user = (name), .route = ROUTE_RDP, \
          .administrator = ADMINISTRATOR_##is_admin)
#define AWAY(second, id) EVENT(second, DISCONNECT, .session = (id))
#define OFF(second, id)  EVENT(second, LOGOFF, .session = (id))

#define EVENTS_MAX 10

struct row {
    const char *what;
    struct sizing_event events[EVENTS_MAX]; /* up to one without a host */
    const char *heard;
};

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct repairs repairs = {0};
        char *text = NULL;
        size_t bytes = 0;
        FILE *file = open_memstream(&text, &bytes);
        const struct windows_join_settings settings = {write_event, file, &repairs, {1}};
        struct windows_join *join = windows_join_create(&settings);
        assert_non_null(join);
        print_message("# %s\n", rows[i].what);
        for (size_t k = 0; k < EVENTS_MAX && rows[i].events[k].host != NULL; k++)
            assert_int_equal(windows_join_take(join, &rows[i].events[k]), 0);
        assert_int_equal(windows_join_end(join), 0);
        windows_join_destroy(join);
        write_repairs(&repairs, file);
        assert_int_equal(fclose(file), 0);
        assert_string_equal(text, rows[i].heard);
        free(text);
    }
}

static void a_session_of_both_logs_counts_once(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"from log-on to log-off, Security first at each; readers of two files",
         {ON(10, "0/security:0x5#1", "D\\u", YES), ON(12, "1/lsm:2#1", "D\\u", UNKNOWN),
          AWAY(20, "0/security:0x5#1"), AWAY(21, "1/lsm:2#1"), ON(30, "0/security:0x5#1", "D\\u", YES),
          ON(31, "1/lsm:2#1", "D\\u", UNKNOWN), OFF(90, "0/security:0x5#1"), OFF(91, "1/lsm:2#1")},
         "10 connect h 0/security:0x5#1 D\\u rdp admin\n"
         "21 disconnect h 0/security:0x5#1\n"
         "31 connect h 0/security:0x5#1 D\\u rdp\n"
         "90 logoff h 0/security:0x5#1\n"
         "! DUPLICATE 4\n"},
        {"LSM first in the same second: the flag is still Security's",
         {ON(10, "lsm:2#1", "D\\u", UNKNOWN), ON(10, "security:0x5#2", "d\\U", YES),
          AWAY(20, "security:0x5#2"), OFF(90, "lsm:2#1"), OFF(91, "security:0x5#2")},
         "10 connect h lsm:2#1 D\\u rdp admin\n"
         "90 logoff h lsm:2#1\n"
         "! DUPLICATE 3\n"},
        {"LSM first by more than stamps are coarse: its session began without a flag",
         {ON(10, "lsm:2#1", "D\\u", UNKNOWN), ON(13, "security:0x5#2", "D\\u", YES)},
         "10 connect h lsm:2#1 D\\u rdp\n"
         "! DUPLICATE 1\n"},
        {"LSM's log begins while the session is on, waits and comes back",
         {ON(10, "security:0x5#1", "D\\u", NO), AWAY(4000, "security:0x5#1"),
          ON(9000, "lsm:2#1", "D\\u", UNKNOWN), ON(9001, "security:0x5#1", "D\\u", NO), OFF(9900, "lsm:2#1"),
          OFF(9901, "security:0x5#1")},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "4000 disconnect h security:0x5#1\n"
         "9000 connect h security:0x5#1 D\\u rdp no-admin\n"
         "9900 logoff h security:0x5#1\n"
         "! DUPLICATE 2\n"},
        {"LSM's log ends before the session does",
         {ON(10, "security:0x5#1", "D\\u", NO), ON(11, "lsm:2#1", "D\\u", UNKNOWN),
          OFF(9900, "security:0x5#1"), ON(9950, "security:0x6#2", "D\\u", NO)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "9900 logoff h security:0x5#1\n"
         "9950 connect h security:0x6#2 D\\u rdp no-admin\n"
         "! DUPLICATE 1\n"},
        {"a log-on that only finds the session to come back to ends nothing",
         {ON(10, "security:0x5#1", "D\\u", NO), ON(11, "lsm:2#1", "D\\u", UNKNOWN), OFF(12, "security:0x5#1"),
          AWAY(500, "lsm:2#1"), OFF(900, "lsm:2#1")},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "500 disconnect h security:0x5#1\n"
         "900 logoff h security:0x5#1\n"
         "! DUPLICATE 2\n"},
        {"such a log-on while LSM has known the session for long",
         {ON(10, "lsm:2#1", "D\\u", UNKNOWN), AWAY(500, "lsm:2#1"), ON(900, "security:0x5#2", "D\\u", NO),
          ON(901, "lsm:2#1", "D\\u", UNKNOWN), OFF(902, "security:0x5#2")},
         "10 connect h lsm:2#1 D\\u rdp\n"
         "500 disconnect h lsm:2#1\n"
         "900 connect h security:0x5#2 D\\u rdp no-admin\n"
         "901 connect h lsm:2#1 D\\u rdp\n"
         "902 logoff h security:0x5#2\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static void sessions_that_are_not_one_stay_apart(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"of two users",
         {ON(10, "security:0x5#1", "D\\u", NO), ON(11, "lsm:2#1", "D\\v", UNKNOWN), OFF(90, "lsm:2#1"),
          OFF(91, "security:0x5#1")},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "11 connect h lsm:2#1 D\\v rdp\n"
         "90 logoff h lsm:2#1\n"
         "91 logoff h security:0x5#1\n"},
        {"on two hosts",
         {ON(10, "security:0x5#1", "D\\u", NO),
          {.at_ms = 11000,
           .type = SIZING_CONNECT,
           .host = "i",
           .session = "lsm:2#1",
           .user = "D\\u",
           .route = ROUTE_RDP}},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "11 connect i lsm:2#1 D\\u rdp no-admin\n"},
        {"two of one user: each log-on with its own",
         {ON(10, "security:0x5#1", "D\\u", NO), ON(11, "lsm:2#1", "D\\u", UNKNOWN),
          ON(500, "security:0x6#2", "D\\u", NO), ON(501, "lsm:3#2", "D\\u", UNKNOWN), OFF(900, "lsm:2#1"),
          OFF(950, "lsm:3#2")},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "500 connect h security:0x6#2 D\\u rdp no-admin\n"
         "900 logoff h security:0x5#1\n"
         "950 logoff h security:0x6#2\n"
         "! DUPLICATE 2\n"},
        {"other logs' sessions pass, in order with what is held",
         {ON(10, "c1", "u", NO), ON(11, "lsm:2#1", "D\\u", UNKNOWN), ON(11, "c2", "v", NO), AWAY(12, "c2"),
          ON(12, "security:0x5#1", "D\\u", NO), OFF(12, "c1")},
         "10 connect h c1 u rdp no-admin\n"
         "11 connect h lsm:2#1 D\\u rdp no-admin\n"
         "11 connect h c2 v rdp no-admin\n"
         "12 disconnect h c2\n"
         "12 logoff h c1\n"
         "! DUPLICATE 1\n"},
        {"a host's end ends both",
         {ON(10, "security:0x5#1", "D\\u", NO), ON(11, "lsm:2#1", "D\\u", UNKNOWN),
          EVENT(50, HOST_END, .session = ""), OFF(51, "lsm:2#1"), ON(60, "lsm:2#2", "D\\u", NO)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "50 host_end h\n"
         "60 connect h lsm:2#2 D\\u rdp no-admin\n"
         "! DUPLICATE 2\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static int count_event(void *data, const struct sizing_event *event)
{
    (void)event;
    ++*(size_t *)data;
    return 0;
}

static struct windows_join *create(int (*take)(void *, const struct sizing_event *), void *data,
                                   struct repairs *repairs)
{
    const struct windows_join_settings settings = {take, data, repairs, {2}};
    struct windows_join *join = windows_join_create(&settings);
    assert_non_null(join);
    return join;
}

/* All in one instant: no more is held than may be. */
static void a_crowd_in_one_instant_is_not_held_without_bound(void **state)
{
    (void)state;
    struct repairs repairs = {0};
    size_t count = 0;
    char id[32], user[32];
    struct windows_join *join = create(count_event, &count, &repairs);
    for (int i = 0; i < 2 * WINDOWS_JOIN_HELD_MAX; i++) {
        (void)snprintf(id, sizeof id, "lsm:%d#1", i);
        (void)snprintf(user, sizeof user, "D\\u%d", i);
        const struct sizing_event event = ON(10, id, user, UNKNOWN);
        assert_int_equal(windows_join_take(join, &event), 0);
    }
    assert_int_equal(count, WINDOWS_JOIN_HELD_MAX);
    assert_int_equal(windows_join_end(join), 0);
    assert_int_equal(count, 2 * WINDOWS_JOIN_HELD_MAX);
    windows_join_destroy(join);
}

static int refuse(void *data, const struct sizing_event *event)
{
    (void)data;
    (void)event;
    return ERROR_FULL;
}

static void what_the_taker_says_is_handed_back(void **state)
{
    (void)state;
    struct repairs repairs = {0};
    static const struct sizing_event held = ON(10, "lsm:2#1", "D\\u", UNKNOWN), late = AWAY(20, "lsm:2#1");
    struct windows_join *join = create(refuse, NULL, &repairs);
    assert_int_equal(windows_join_take(join, &held), 0);
    assert_int_equal(windows_join_take(join, &late), ERROR_FULL);
    assert_int_equal(windows_join_take(join, &held), 0);
    assert_int_equal(windows_join_take(join, &held), 0);
    windows_join_destroy(join); /* with what it holds */
    windows_join_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_of_both_logs_counts_once),
        cmocka_unit_test(sessions_that_are_not_one_stay_apart),
        cmocka_unit_test(a_crowd_in_one_instant_is_not_held_without_bound),
        cmocka_unit_test(what_the_taker_says_is_handed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
