/* What the events of Windows logs come to, trap by trap. Times are Unix seconds. */
#include "log_reading.h"

#include "tests/unit/unit.h"

#include "agent/ctl/sizing/windows_sessions.h"

#include <stdlib.h>

/* EVENT(second, log, id, …): the rest as it comes. */
#define EVENT(second, log_name, event_id, ...)                                                          \
    {                                                                                                   \
        .at_ms = 1000 * (second), .log = WINDOWS_##log_name, .id = (event_id), .host = "h", __VA_ARGS__ \
    }
#define NAMED(name)                         .user = (name), .is_user = true
#define LSM(second, event_id, number, name) EVENT(second, LSM, event_id, .session = (number), NAMED(name))
#define LSM_HERE(second, event_id, number, name) \
    EVENT(second, LSM, event_id, .session = (number), NAMED(name), .is_local = true)
#define LSM_NUMBER(second, event_id, number) EVENT(second, LSM, event_id, .session = (number), .user = "")
#define LOGON(second, type, id, ...) \
    EVENT(second, SECURITY, 4624, .logon = (id), .logon_type = (type), NAMED("D\\u"), __VA_ARGS__)
#define LOGOFF(second, id) EVENT(second, SECURITY, 4634, .logon = (id), .logon_type = 10, NAMED("D\\u"))
#define SECURITY(second, event_id, id, ...) \
    EVENT(second, SECURITY, event_id, .logon = (id), NAMED("D\\u"), __VA_ARGS__)
#define BOOT(second, log, id) EVENT(second, log, id, .user = "")

#define EVENTS_MAX 8

struct row {
    const char *what;
    struct windows_event events[EVENTS_MAX]; /* up to one without an id */
    const char *heard;
};

static void expect_told(const struct reader_services *services, const struct windows_event *events,
                        size_t count, const char *expected)
{
    static const uint8_t seed[KEYED_HASH_SEED_BYTES] = {1};
    struct repairs repairs = {0};
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    const struct reader_sink sink = {write_event, file, &repairs};
    struct windows_sessions *sessions = windows_sessions_create(&sink, services, seed);
    assert_non_null(sessions);
    for (size_t i = 0; i < count && events[i].id != 0; i++) {
        const struct log_place place = {"log", i + 1, true};
        assert_int_equal(windows_sessions_take(sessions, &events[i], &place), 0);
    }
    windows_sessions_destroy(sessions);
    write_repairs(&repairs, file);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, expected);
    free(text);
}

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("# %s\n", rows[i].what);
        expect_told(NULL, rows[i].events, EVENTS_MAX, rows[i].heard);
    }
}

static void lsm_tells_sessions_by_number(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"log-on, shell, log-off and what comes behind it",
         {LSM(10, 21, 2, "D\\u"), LSM(10, 22, 2, "D\\u"), LSM(20, 23, 2, "D\\u"), LSM_NUMBER(20, 39, 2),
          LSM_NUMBER(20, 40, 2), LSM(21, 24, 2, "D\\u")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "20 logoff h lsm:2#1\n"},
        {"taken over by another client: 40, 24, 25",
         {LSM(10, 21, 2, "D\\u"), LSM_NUMBER(20, 40, 2), LSM(21, 24, 2, "D\\u"), LSM(22, 25, 2, "D\\u")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "20 disconnect h lsm:2#1\n"
         "22 connect h lsm:2#1 D\\u rdp no-admin\n"},
        {"disconnected by another session, ended while it was",
         {LSM(10, 21, 2, "D\\u"), LSM_NUMBER(20, 39, 2), LSM(30, 23, 2, "D\\u")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "20 disconnect h lsm:2#1\n"
         "30 logoff h lsm:2#1\n"},
        {"a shell without a log-on", {LSM(10, 22, 2, "D\\u")}, "10 connect h lsm:2#1 D\\u rdp no-admin\n"},
        {"a return to a session from before the log",
         {LSM_NUMBER(9, 40, 2), LSM(10, 25, 2, "D\\u")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"},
        {"the ends of sessions from before the log",
         {LSM(10, 23, 2, "D\\u"), LSM(11, 24, 3, "D\\v"), LSM_NUMBER(12, 40, 4)},
         "! LOGOFF_UNKNOWN 2\n"},
        {"a number that is used again",
         {LSM(10, 21, 2, "D\\u"), LSM(20, 21, 2, "D\\v")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "20 logoff h lsm:2#1\n"
         "20 connect h lsm:2#2 D\\v rdp no-admin\n"
         "! LINE_REUSED 1\n"},
        {"the same log-on twice, spelt differently",
         {LSM(10, 21, 2, "D\\u"), LSM(11, 21, 2, "d\\U")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "! CONNECT_REPEATED 1\n"},
        {"the console", {LSM_HERE(10, 21, 1, "D\\u")}, "10 connect h lsm:1#1 D\\u console no-admin\n"},
        {"from the console to a remote screen and back",
         {LSM_HERE(10, 21, 1, "D\\u"), LSM(20, 25, 1, "D\\u"), LSM_NUMBER(30, 40, 1),
          LSM_HERE(31, 25, 1, "D\\u")},
         "10 connect h lsm:1#1 D\\u console no-admin\n"
         "20 logoff h lsm:1#1\n"
         "20 connect h lsm:1#2 D\\u rdp no-admin\n"
         "30 disconnect h lsm:1#2\n"
         "31 logoff h lsm:1#2\n"
         "31 connect h lsm:1#3 D\\u console no-admin\n"},
        {"accounts that are no users, names that are none",
         {EVENT(10, LSM, 21, .session = 3, .user = "NT\\SYSTEM"),
          EVENT(11, LSM, 24, .session = 3, .user = "NT\\SYSTEM"), LSM(12, 21, 4, ""),
          LSM(13, 21, 5, "D\\a\tb")},
         "! NOT_A_USER 1\n"
         "! BAD_NAME 2\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static void security_tells_sessions_by_log_on(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"a log-on, its end twice over",
         {LOGON(10, 10, 5, .administrator = ADMINISTRATOR_NO), SECURITY(20, 4647, 5), LOGOFF(21, 5)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "20 logoff h security:0x5#1\n"},
        {"a user account control pair is one; either half names it, both end",
         {LOGON(10, 10, 5, .linked = 6, .administrator = ADMINISTRATOR_YES),
          LOGON(10, 10, 6, .linked = 5, .administrator = ADMINISTRATOR_YES), SECURITY(20, 4779, 6),
          SECURITY(30, 4778, 6), SECURITY(40, 4779, 5), LOGOFF(50, 6), LOGOFF(50, 5)},
         "10 connect h security:0x5#1 D\\u rdp admin\n"
         "20 disconnect h security:0x5#1\n"
         "30 connect h security:0x5#1 D\\u rdp admin\n"
         "40 disconnect h security:0x5#1\n"
         "50 logoff h security:0x5#1\n"
         "! LINKED_LOGON 1\n"},
        {"linked with itself",
         {LOGON(10, 10, 5, .linked = 5), LOGOFF(20, 5)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "20 logoff h security:0x5#1\n"},
        {"the linked log-on is another's that never ended",
         {LOGON(10, 10, 5), LOGON(20, 10, 7, .linked = 5), LOGOFF(30, 7)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "20 connect h security:0x7#2 D\\u rdp no-admin\n"
         "30 logoff h security:0x7#2\n"},
        {"a reconnect that 4778 does not tell, its own log-on ends at once",
         {LOGON(10, 10, 5), SECURITY(20, 4779, 5), LOGON(30, 7, 8), LOGON(30, 7, 9),
          EVENT(31, SECURITY, 4634, .logon = 8, .logon_type = 7, NAMED("D\\u"))},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "20 disconnect h security:0x5#1\n"
         "30 connect h security:0x5#1 D\\u rdp no-admin\n"},
        {"the session that waits comes back, not the one that is on",
         {LOGON(10, 10, 5), LOGON(11, 10, 6), SECURITY(20, 4779, 5), LOGON(30, 7, 8)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "11 connect h security:0x6#2 D\\u rdp no-admin\n"
         "20 disconnect h security:0x5#1\n"
         "30 connect h security:0x5#1 D\\u rdp no-admin\n"},
        {"an unlock at the screen",
         {LOGON(10, 10, 5), SECURITY(20, 4779, 5), LOGON(30, 7, 8, .is_local = true)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "20 disconnect h security:0x5#1\n"},
        {"returns to sessions from before the log",
         {SECURITY(10, 4778, 5), LOGON(11, 7, 6), SECURITY(12, 4779, 5), LOGOFF(13, 5)},
         "! LOGOFF_UNKNOWN 2\n"
         "! BEGUN_BEFORE 2\n"},
        {"fast user switching, network log-ons and service log-offs are none of ours",
         {SECURITY(10, 4778, 5, .is_local = true), SECURITY(11, 4779, 5, .is_local = true), LOGON(12, 3, 7),
          LOGON(13, 2, 8), SECURITY(14, 4647, 8),
          EVENT(15, SECURITY, 4634, .logon = 7, .logon_type = 3, NAMED("D\\u"))},
         ""},
        {"a log-on at the host's own address",
         {LOGON(10, 10, 5, .is_local = true)},
         "10 connect h security:0x5#1 D\\u console no-admin\n"},
        {"the same log-on twice",
         {LOGON(10, 10, 5), LOGON(10, 10, 5)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "! CONNECT_REPEATED 1\n"},
        {"no user",
         {EVENT(10, SECURITY, 4624, .logon = 5, .logon_type = 10, .user = "Window Manager\\DWM-2")},
         "! NOT_A_USER 1\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static void a_boot_ends_what_was_before_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"LSM: numbers begin again",
         {LSM(10, 21, 2, "D\\u"), BOOT(20, LSM, 32), LSM(30, 21, 2, "D\\u"), LSM(40, 23, 2, "D\\u")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "20 logoff h lsm:2#1\n"
         "30 connect h lsm:2#2 D\\u rdp no-admin\n"
         "40 logoff h lsm:2#2\n"
         "! ENDED_BY_BOOT 1\n"},
        {"Security: going down and coming up",
         {LOGON(10, 10, 5), BOOT(20, SECURITY, 1100), BOOT(30, SECURITY, 4608), LOGOFF(31, 5)},
         "10 connect h security:0x5#1 D\\u rdp no-admin\n"
         "20 logoff h security:0x5#1\n"
         "! ENDED_BY_BOOT 1\n"},
        {"System, of both logs",
         {LSM(10, 21, 2, "D\\u"), LOGON(11, 10, 5), BOOT(20, SYSTEM, 6006)},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "11 connect h security:0x5#2 D\\u rdp no-admin\n"
         "20 logoff h security:0x5#2\n"
         "20 logoff h lsm:2#1\n"
         "! ENDED_BY_BOOT 2\n"},
        {"another log's boot that comes late leaves what began behind it",
         {LSM(10, 21, 2, "D\\u"), LSM(30, 21, 3, "D\\v"), BOOT(20, SECURITY, 4608)},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "30 connect h lsm:3#2 D\\v rdp no-admin\n"
         "20 logoff h lsm:2#1\n"
         "! ENDED_BY_BOOT 1\n"},
        {"stamped ahead of what it ended, and of what follows it",
         {LSM(10, 21, 2, "D\\u"), BOOT(50, LSM, 32), LSM(20, 21, 2, "D\\u"), LSM(30, 23, 2, "D\\u")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "50 logoff h lsm:2#1\n"
         "20 connect h lsm:2#2 D\\u rdp no-admin\n"
         "30 logoff h lsm:2#2\n"
         "! ENDED_BY_BOOT 1\n"},
        {"another host's",
         {LSM(10, 21, 2, "D\\u"), {.at_ms = 20000, .log = WINDOWS_LSM, .id = 32, .host = "i", .user = ""}},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"},
        {"nothing was on", {BOOT(10, LSM, 32), BOOT(11, SYSTEM, 6005)}, ""},
    };
    expect_rows(rows, COUNT(rows));
}

static void a_clock_set_back_ends_no_session_before_it_began(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"LSM",
         {LSM(50, 21, 2, "D\\u"), LSM(20, 24, 2, "D\\u"), LSM(55, 25, 2, "D\\u"), LSM(30, 23, 2, "D\\u")},
         "50 connect h lsm:2#1 D\\u rdp no-admin\n"
         "50 disconnect h lsm:2#1\n"
         "55 connect h lsm:2#1 D\\u rdp no-admin\n"
         "55 logoff h lsm:2#1\n"
         "! CLOCK_BACK 2\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static void hosts_are_apart(void **state)
{
    (void)state;
#define ELSEWHERE(second, name)                                                                             \
    {                                                                                                       \
        .at_ms = 1000 * (second), .log = WINDOWS_LSM, .id = 21, .host = (name), .session = 2, NAMED("D\\u") \
    }
    static const struct row rows[] = {
        {"the same number on two hosts; a host without a name",
         {LSM(10, 21, 2, "D\\u"), ELSEWHERE(11, "i"), ELSEWHERE(12, ""), LSM(20, 23, 2, "D\\u")},
         "10 connect h lsm:2#1 D\\u rdp no-admin\n"
         "11 connect i lsm:2#2 D\\u rdp no-admin\n"
         "20 logoff h lsm:2#1\n"
         "! BAD_NAME 1\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static void a_service_picks_one_log_and_boots_are_everyones(void **state)
{
    (void)state;
    static const struct windows_event events[] = {LSM(10, 21, 2, "D\\u"), LOGON(11, 10, 5),
                                                  BOOT(20, SECURITY, 1100)};
    static const struct {
        const char *service, *heard;
    } rows[] = {
        {"LSM", "10 connect h lsm:2#1 D\\u rdp no-admin\n"
                "20 logoff h lsm:2#1\n"
                "! ENDED_BY_BOOT 1\n"},
        {"security", "11 connect h security:0x5#1 D\\u rdp no-admin\n"
                     "20 logoff h security:0x5#1\n"
                     "! ENDED_BY_BOOT 1\n"},
        {"sshd", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct reader_services services = {&rows[i].service, 1};
        expect_told(&services, events, COUNT(events), rows[i].heard);
    }
}

static int count_event(void *data, const struct sizing_event *event)
{
    ((size_t *)data)[event->type]++;
    return 0;
}

/* Thousands on at once, each found again by either half, the room of those that ended used again. */
static void a_crowd_is_kept_apart(void **state)
{
    (void)state;
    static const uint8_t seed[KEYED_HASH_SEED_BYTES] = {2};
    enum { CROWD = 5000, ROUNDS = 2 };
    size_t counts[SIZING_TYPE_MAX] = {0};
    struct repairs repairs = {0};
    const struct reader_sink sink = {count_event, counts, &repairs};
    struct windows_sessions *sessions = windows_sessions_create(&sink, NULL, seed);
    const struct log_place place = {"log", 1, true};
    struct windows_event logon = LOGON(10, 10, 0), logoff = LOGOFF(20, 0);
    assert_non_null(sessions);
    for (int round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 1; i <= CROWD; i++) {
            logon.logon = i * 2;
            logon.linked = i * 2 + 1;
            assert_int_equal(windows_sessions_take(sessions, &logon, &place), 0);
        }
        for (uint64_t i = CROWD; i >= 1; i--) {
            logoff.logon = i * 2 + i % 2;
            assert_int_equal(windows_sessions_take(sessions, &logoff, &place), 0);
        }
    }
    windows_sessions_destroy(sessions);
    assert_int_equal(counts[SIZING_CONNECT], CROWD * ROUNDS);
    assert_int_equal(counts[SIZING_LOGOFF], CROWD * ROUNDS);
    assert_int_equal(repairs.of[REPAIR_LOGOFF_UNKNOWN].count, 0);
}

static int refuse(void *data, const struct sizing_event *event)
{
    (void)data;
    (void)event;
    return ERROR_FULL;
}

static void what_the_sink_says_is_handed_back(void **state)
{
    (void)state;
    static const uint8_t seed[KEYED_HASH_SEED_BYTES] = {3};
    struct repairs repairs = {0};
    const struct reader_sink sink = {refuse, NULL, &repairs};
    struct windows_sessions *sessions = windows_sessions_create(&sink, NULL, seed);
    const struct log_place place = {"log", 1, true};
    static const struct windows_event events[] = {
        LSM(10, 21, 2, "D\\u"), LSM_HERE(11, 25, 2, "D\\u"), LSM(12, 21, 2, "D\\v"), LSM(13, 21, 2, "D\\v"),
        LSM(14, 21, 2, "D\\w"), LSM(15, 21, 3, "D\\w"),      BOOT(16, LSM, 32)};
    assert_non_null(sessions);
    for (size_t i = 0; i < COUNT(events); i++)
        assert_int_equal(windows_sessions_take(sessions, &events[i], &place), ERROR_FULL);
    windows_sessions_destroy(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lsm_tells_sessions_by_number),
        cmocka_unit_test(security_tells_sessions_by_log_on),
        cmocka_unit_test(a_boot_ends_what_was_before_it),
        cmocka_unit_test(a_clock_set_back_ends_no_session_before_it_began),
        cmocka_unit_test(hosts_are_apart),
        cmocka_unit_test(a_service_picks_one_log_and_boots_are_everyones),
        cmocka_unit_test(a_crowd_is_kept_apart),
        cmocka_unit_test(what_the_sink_says_is_handed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
