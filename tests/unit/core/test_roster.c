/* Who reported a connection, and what is live when several reporters speak (RULES §2.4, §2.8, §2.9). */
#include "agent/core/core_error.h"
#include "agent/core/roster.h"
#include "agent/core/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define T0   INT64_C(1700000400000)
#define HOUR INT64_C(3600000)

/* Every change as one word a line: "+id" opened, "~id" changed, "=id" renewed, "-id" ended, "!id" refused; a
 * renamed one with "'". */
struct fixture {
    struct tally *tally;
    struct roster *roster;
    char said[1024];
};

static void hear(void *data, const struct roster_change *change)
{
    static const char *const marks = "+~=-!";
    struct fixture *f = data;
    size_t used = strlen(f->said);
    (void)snprintf(f->said + used, sizeof(f->said) - used, "%s%c%s%s", used > 0 ? " " : "",
                   marks[change->type], change->connection.id, change->renamed ? "'" : "");
}

static void open_fixture(struct fixture *f, uint32_t connections_max)
{
    struct tally_settings settings = {.count_disconnected = true,
                                      .routes_counted = ROUTES_COUNTED_DEFAULT,
                                      .connections_max = connections_max};
    memset(f, 0, sizeof(*f));
    f->tally = tally_create(&settings);
    f->roster = roster_create(f->tally, settings.seed, hear, f);
    assert_non_null(f->tally);
    assert_non_null(f->roster);
}

static void close_fixture(struct fixture *f)
{
    roster_destroy(f->roster);
    tally_destroy(f->tally);
}

static void assert_said(struct fixture *f, const char *said)
{
    assert_string_equal(f->said, said);
    f->said[0] = '\0';
}

static struct connection seen(const char *id, const char *user, int64_t at_ms)
{
    return (struct connection){.host = "h",
                               .id = id,
                               .user = user,
                               .connected_at_ms = at_ms,
                               .kind = KIND_DESKTOP,
                               .route = ROUTE_RDP};
}

static struct connection told(const char *id, const char *user, int64_t at_ms)
{
    return (struct connection){.host = "h",
                               .id = id,
                               .user = user,
                               .connected_at_ms = at_ms,
                               .kind = KIND_APPLICATION,
                               .route = ROUTE_BROKER};
}

static int host_set(struct fixture *f, const struct connection *set, size_t count, int64_t now_ms)
{
    return roster_host_set(f->roster, "h", set, count, now_ms);
}

static struct tally_entry live(struct fixture *f, const char *id)
{
    struct tally_entry entry;
    memset(&entry, 0, sizeof(entry));
    assert_true(tally_find(f->tally, "h", id, &entry));
    return entry;
}

static uint32_t count(struct fixture *f)
{
    return tally_level(f->tally)->connections;
}

static void a_batch_ends_first_then_connects_by_time_and_id(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection first[] = {seen("b", "u1", T0), seen("a", "u2", T0)};
    assert_int_equal(host_set(&f, first, 2, T0), 0);
    assert_said(&f, "+a +b");
    struct connection second[] = {seen("z", "u3", T0 + 5), seen("y", "u4", T0 + 1), seen("a", "u2", T0),
                                  seen("x", "u5", T0 + 1)};
    assert_int_equal(host_set(&f, second, 4, T0 + 9), 0);
    assert_said(&f, "-b +x +y +z");
    assert_int_equal(host_set(&f, second, 4, T0 + 9), 0);
    assert_said(&f, "");
    assert_int_equal(host_set(&f, NULL, 0, T0 + 9), 0);
    assert_int_equal(count(&f), 0);
    close_fixture(&f);
}

static void a_changed_user_is_an_end_and_a_connect(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection session = seen("1", "alice", T0);
    host_set(&f, &session, 1, T0);
    session.user = "bob";
    host_set(&f, &session, 1, T0 + 1);
    assert_said(&f, "+1 -1 +1");
    assert_string_equal(live(&f, "1").connection.user, "bob");
    session.user = "CORP\\Bob"; /* another spelling of one user is none */
    host_set(&f, &session, 1, T0 + 2);
    f.said[0] = '\0';
    session.user = "corp\\BOB";
    host_set(&f, &session, 1, T0 + 3);
    assert_said(&f, "~1");
    close_fixture(&f);
}

static void live_changes_apply_and_an_unknown_connect_time_is_the_arrival(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection session = seen("1", "alice", 0);
    host_set(&f, &session, 1, T0);
    assert_int_equal(live(&f, "1").connection.connected_at_ms, T0);
    host_set(&f, &session, 1, T0 + 50);
    assert_said(&f, "+1");
    assert_int_equal(live(&f, "1").connection.connected_at_ms, T0);
    session.state = CONNECTION_DISCONNECTED;
    session.administrator = ADMINISTRATOR_YES;
    session.connected_at_ms = T0 - 7;
    host_set(&f, &session, 1, T0 + 60);
    assert_said(&f, "~1");
    assert_int_equal(live(&f, "1").connection.connected_at_ms, T0 - 7);
    assert_int_equal(live(&f, "1").connection.state, CONNECTION_DISCONNECTED);
    close_fixture(&f);
}

static void of_two_with_one_id_the_last_holds(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection sessions[] = {seen("1", "alice", T0), seen("1", "bob", T0)};
    assert_int_equal(host_set(&f, sessions, 2, T0), 0);
    assert_said(&f, "+1");
    assert_string_equal(live(&f, "1").connection.user, "bob");
    close_fixture(&f);
}

/* What a paired connection is, whoever spoke first. */
static void assert_paired(struct fixture *f, const char *id, int64_t connected_at_ms)
{
    struct tally_entry entry = live(f, id);
    assert_int_equal(count(f), 1);
    assert_int_equal(entry.connection.kind, KIND_APPLICATION);
    assert_int_equal(entry.connection.route, ROUTE_BROKER);
    assert_int_equal(entry.connection.administrator, ADMINISTRATOR_YES);
    assert_int_equal(entry.connection.connected_at_ms, connected_at_ms);
}

static void one_session_of_broker_and_host_is_one_connection(void **state)
{
    (void)state;
    static const struct {
        const char *broker_id;
        int64_t broker_at_ms, host_at_ms;
        bool broker_first;
        const char *said;
    } rows[] = {
        {"5", T0, T0 + HOUR, true, "+5 ~5"},                          /* the same id, whatever the time */
        {"5", T0 + HOUR, T0, false, "+5 ~5"},                         /* */
        {"b1", T0, T0 + ROSTER_PAIR_WINDOW_MS, true, "+b1 +5' -b1'"}, /* user and time */
        {"b1", T0, T0 + ROSTER_PAIR_WINDOW_MS, false, "+5 ~5"},
        {"b1", T0 + ROSTER_PAIR_WINDOW_MS, T0, false, "+5 ~5"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        open_fixture(&f, 0);
        struct connection session = seen("5", "alice", rows[i].host_at_ms);
        struct connection record = told(rows[i].broker_id, "alice", rows[i].broker_at_ms);
        session.administrator = ADMINISTRATOR_YES;
        int64_t now_ms = T0 + 2 * HOUR;
        if (rows[i].broker_first)
            assert_int_equal(roster_broker_put(f.roster, &record, now_ms), 0);
        assert_int_equal(host_set(&f, &session, 1, now_ms), 0);
        if (!rows[i].broker_first)
            assert_int_equal(roster_broker_put(f.roster, &record, now_ms), 0);
        assert_said(&f, rows[i].said);
        assert_paired(&f, "5", T0);
        /* the lease does not end what the host sees */
        roster_expire(f.roster, HOUR, now_ms + 2 * HOUR);
        assert_paired(&f, "5", T0);
        /* it ends when the host says so */
        assert_int_equal(host_set(&f, NULL, 0, now_ms), 0);
        assert_said(&f, "-5");
        assert_int_equal(count(&f), 0);
        assert_int_equal(roster_broker_end(f.roster, "h", rows[i].broker_id, now_ms), CORE_UNKNOWN);
        close_fixture(&f);
    }
}

static void a_connect_time_that_is_not_told_changes_none(void **state)
{
    (void)state;
    static const struct {
        const char *broker_id;
        bool seen_by_host;
        const char *user_again;
        int64_t connected_at_ms;
    } rows[] = {
        {"5", false, "CORP\\alice", T0},
        {"5", false, "corp\\ALICE", T0}, /* another spelling is the same user */
        {"5", false, "CORP\\bob", T0 + HOUR},
        {"5", true, "CORP\\alice", T0},
        {"b1", true, "CORP\\alice", T0}, /* under the broker's own id */
        {"b1", true, "Alice@corp.example", T0},
    };
    struct identity_alias alias = {.dns_domain = "corp.example", .domain = "CORP"};
    struct tally_settings settings = {.count_disconnected = true,
                                      .routes_counted = ROUTES_COUNTED_DEFAULT,
                                      .aliases = &alias,
                                      .alias_count = 1};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        open_fixture(&f, 0);
        assert_int_equal(tally_reconfigure(f.tally, &settings), 0);
        struct connection record = told(rows[i].broker_id, "CORP\\alice", T0);
        struct connection session = seen("5", "CORP\\alice", T0 + 60000);
        assert_int_equal(roster_broker_put(f.roster, &record, T0), 0);
        if (rows[i].seen_by_host)
            assert_int_equal(host_set(&f, &session, 1, T0 + 60000), 0);
        record.user = rows[i].user_again;
        record.connected_at_ms = 0;
        assert_int_equal(roster_broker_put(f.roster, &record, T0 + HOUR), 0);
        assert_int_equal(live(&f, "5").connection.connected_at_ms, rows[i].connected_at_ms);
        close_fixture(&f);
    }
}

static void other_users_and_other_times_are_two_connections(void **state)
{
    (void)state;
    static const struct {
        const char *user;
        int64_t at_ms;
    } rows[] = {
        {"bob", T0}, {"alice", T0 + ROSTER_PAIR_WINDOW_MS + 1}, {"alice", T0 - ROSTER_PAIR_WINDOW_MS - 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fixture f;
        open_fixture(&f, 0);
        struct connection session = seen("5", "alice", T0), record = told("b1", rows[i].user, rows[i].at_ms);
        host_set(&f, &session, 1, T0 + HOUR);
        assert_int_equal(roster_broker_put(f.roster, &record, T0 + HOUR), 0);
        assert_int_equal(count(&f), 2);
        host_set(&f, NULL, 0, T0 + HOUR); /* the broker's stays */
        assert_int_equal(count(&f), 1);
        close_fixture(&f);
    }
}

static void a_brokers_end_leaves_the_hosts_session_as_the_host_sees_it(void **state)
{
    (void)state;
    static const char *const ids[] = {"b1", "5"}; /* the broker's id, or the host's */
    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        open_fixture(&f, 0);
        struct connection session = seen("5", "alice", T0 + 20), record = told("b1", "alice", T0 + 10);
        host_set(&f, &session, 1, T0 + 30);
        roster_broker_put(f.roster, &record, T0 + 31);
        assert_int_equal(live(&f, "5").connection.connected_at_ms, T0 + 10);
        assert_int_equal(roster_broker_end(f.roster, "h", ids[i], T0 + 32), 0);
        assert_said(&f, "+5 ~5 ~5");
        assert_int_equal(live(&f, "5").connection.kind, KIND_DESKTOP);
        assert_int_equal(live(&f, "5").connection.route, ROUTE_RDP);
        assert_int_equal(live(&f, "5").connection.connected_at_ms, T0 + 20);
        assert_int_equal(roster_broker_end(f.roster, "h", ids[i], T0 + 33), CORE_UNKNOWN);
        assert_int_equal(count(&f), 1);
        close_fixture(&f);
    }
}

static void a_record_told_under_both_ids_is_one(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection session = seen("5", "alice", T0), own = told("b1", "alice", T0),
                      hosts = told("5", "alice", T0);
    host_set(&f, &session, 1, T0);
    roster_broker_put(f.roster, &own, T0);
    roster_broker_put(f.roster, &hosts, T0);
    assert_int_equal(count(&f), 1);
    assert_int_equal(roster_broker_end(f.roster, "h", "b1", T0), CORE_UNKNOWN); /* replaced */
    assert_int_equal(roster_broker_end(f.roster, "h", "5", T0), 0);
    close_fixture(&f);
}

static void a_session_with_the_brokers_id_takes_its_words_over(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection sessions[] = {seen("5", "alice", T0), seen("17", "alice", T0 + 1)};
    struct connection record = told("17", "alice", T0);
    host_set(&f, sessions, 1, T0);
    roster_broker_put(f.roster, &record, T0);
    assert_int_equal(live(&f, "5").connection.kind, KIND_APPLICATION);
    assert_int_equal(host_set(&f, sessions, 2, T0 + 2), 0);
    assert_int_equal(live(&f, "5").connection.kind, KIND_DESKTOP);
    assert_int_equal(live(&f, "17").connection.kind, KIND_APPLICATION);
    assert_int_equal(live(&f, "17").connection.connected_at_ms, T0);
    assert_int_equal(count(&f), 2);
    close_fixture(&f);
}

static void of_several_candidates_the_nearest_is_meant(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection sessions[] = {seen("1", "alice", T0), seen("2", "alice", T0 + 9000),
                                    seen("3", "alice", T0 + 11000)};
    struct connection record = told("b1", "alice", T0 + 10000), again = told("b2", "alice", T0 + 10000);
    host_set(&f, sessions, 3, T0 + 20000);
    roster_broker_put(f.roster, &record, T0 + 20000);
    assert_int_equal(live(&f, "2").connection.kind, KIND_APPLICATION); /* equally near: the lower id */
    roster_broker_put(f.roster, &again, T0 + 20000);
    assert_int_equal(live(&f, "3").connection.kind, KIND_APPLICATION);
    assert_int_equal(live(&f, "1").connection.kind, KIND_DESKTOP);
    assert_int_equal(count(&f), 3);
    close_fixture(&f);
}

static void whoever_spoke_last_is_right_about_the_user(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection session = seen("5", "alice", T0), record = told("5", "bob", T0 + 5);
    host_set(&f, &session, 1, T0);
    roster_broker_put(f.roster, &record, T0 + 5);
    assert_said(&f, "+5 -5 +5");
    assert_string_equal(live(&f, "5").connection.user, "bob");
    host_set(&f, &session, 1, T0 + 6);
    assert_said(&f, "-5 +5");
    assert_string_equal(live(&f, "5").connection.user, "alice");
    assert_int_equal(live(&f, "5").connection.kind, KIND_DESKTOP);
    assert_int_equal(roster_broker_end(f.roster, "h", "5", T0 + 7), CORE_UNKNOWN);
    close_fixture(&f);
}

static void a_late_connect_time_pairs_after_all(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection record = told("b1", "alice", T0), session = seen("5", "alice", 0);
    session.administrator = ADMINISTRATOR_YES;
    roster_broker_put(f.roster, &record, T0);
    host_set(&f, &session, 1, T0 + HOUR); /* the source does not know the time yet */
    assert_int_equal(count(&f), 2);
    session.connected_at_ms = T0 + 1000;
    host_set(&f, &session, 1, T0 + HOUR + 5);
    assert_paired(&f, "5", T0);
    close_fixture(&f);
}

static void a_lease_ends_what_no_host_sees(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection a = told("a", "alice", T0), b = told("b", "bob", T0);
    roster_broker_put(f.roster, &a, T0);
    roster_broker_put(f.roster, &b, T0 + 10);
    roster_broker_put(f.roster, &a, T0 + 20); /* renewed */
    assert_said(&f, "+a +b =a");
    assert_int_equal(roster_due_ms(f.roster, HOUR), T0 + 10 + HOUR);
    assert_int_equal(roster_due_ms(f.roster, 0), INT64_MAX);
    roster_expire(f.roster, HOUR, T0 + 10 + HOUR - 1);
    assert_said(&f, "");
    roster_expire(f.roster, 0, T0 + 100 * HOUR);
    assert_said(&f, "");
    roster_expire(f.roster, HOUR, T0 + 10 + HOUR); /* half-open: at the bound it has ended */
    assert_said(&f, "-b");
    roster_expire(f.roster, HOUR, T0 + 20 + HOUR);
    assert_said(&f, "-a");
    assert_int_equal(roster_due_ms(f.roster, HOUR), INT64_MAX);
    close_fixture(&f);
}

static void a_reboot_ends_all_broker_reported_ones_too(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection session = seen("5", "alice", T0), record = told("b", "bob", T0), elsewhere = record;
    elsewhere.host = "other";
    host_set(&f, &session, 1, T0);
    roster_broker_put(f.roster, &record, T0);
    roster_broker_put(f.roster, &elsewhere, T0);
    roster_host_gone(f.roster, "h");
    assert_int_equal(count(&f), 1);
    roster_host_gone(f.roster, "unheard of");
    assert_int_equal(count(&f), 1);
    close_fixture(&f);
}

static void a_brokers_set_replaces_what_brokers_said(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection sessions[] = {seen("1", "alice", T0), seen("2", "bob", T0)};
    struct connection before[] = {told("1", "alice", T0), told("x", "carol", T0), told("y", "dave", T0)};
    struct connection after[] = {told("y", "dave", T0), told("z", "erin", T0 + 2),
                                 told("w", "frank", T0 + 1)};
    host_set(&f, sessions, 2, T0);
    assert_int_equal(roster_broker_set(f.roster, "h", before, 3, T0), 0);
    f.said[0] = '\0';
    assert_int_equal(roster_broker_set(f.roster, "h", after, 3, T0 + 9), 0);
    assert_int_equal(live(&f, "1").connection.kind, KIND_DESKTOP); /* as its host sees it */
    assert_int_equal(count(&f), 5);
    assert_int_equal(roster_broker_set(f.roster, "h", NULL, 0, T0 + 9), 0);
    assert_int_equal(count(&f), 2);
    close_fixture(&f);
}

static void what_does_not_fit_is_left_out_and_told(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 2);
    struct connection sessions[] = {seen("1", "a", T0), seen("2", "b", T0), seen("3", "c", T0)};
    assert_int_equal(host_set(&f, sessions, 3, T0), CORE_FULL);
    assert_said(&f, "+1 +2 !3");
    struct connection record = told("9", "z", T0);
    assert_int_equal(roster_broker_put(f.roster, &record, T0), CORE_FULL);
    assert_int_equal(roster_due_ms(f.roster, HOUR), INT64_MAX);
    assert_int_equal(roster_broker_end(f.roster, "h", "9", T0), CORE_UNKNOWN);
    close_fixture(&f);
}

static void names_that_are_none_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    struct connection bad[] = {seen("", "a", T0),  seen("1", "a\nb", T0),     seen("2", "\xff", T0),
                               seen("3", "a", -1), seen("4", "a", INT64_MAX), seen("5", "good", T0)};
    assert_int_equal(host_set(&f, bad, 6, T0), CORE_INVALID);
    assert_said(&f, "+5");
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(roster_broker_put(f.roster, &bad[i], T0), CORE_INVALID);
    assert_int_equal(roster_host_set(f.roster, "", NULL, 0, T0), CORE_INVALID);
    assert_int_equal(roster_broker_set(f.roster, "a\tb", NULL, 0, T0), CORE_INVALID);
    char long_id[3000];
    memset(long_id, 'x', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    assert_int_equal(roster_broker_end(f.roster, "h", long_id, T0), CORE_UNKNOWN);
    assert_int_equal(roster_broker_end(f.roster, long_id, "5", T0), CORE_UNKNOWN);
    struct connection elsewhere = seen("6", "u", T0);
    elsewhere.host = "other";
    assert_int_equal(host_set(&f, &elsewhere, 1, T0), CORE_INVALID);
    close_fixture(&f);
}

struct kept {
    struct roster_change changes[8];
    char texts[8][4][32];
    size_t count;
};

static void keep(void *data, const struct roster_change *change)
{
    struct kept *kept = data;
    struct roster_change *to = &kept->changes[kept->count];
    char(*texts)[32] = kept->texts[kept->count++];
    *to = *change;
    to->connection.host = strcpy(texts[0], change->connection.host);
    to->connection.id = strcpy(texts[1], change->connection.id);
    to->connection.user = strcpy(texts[2], change->connection.user);
    to->broker_id = strcpy(texts[3], change->broker_id);
}

static void what_is_stored_goes_on_after_a_restart(void **state)
{
    (void)state;
    struct fixture f, g;
    struct kept kept = {.count = 0};
    open_fixture(&f, 0);
    struct connection sessions[] = {seen("1", "alice", T0), seen("2", "bob", T0)};
    struct connection records[] = {told("b1", "alice", T0), told("x", "carol", T0)};
    host_set(&f, sessions, 2, T0);
    roster_broker_put(f.roster, &records[0], T0 + 5);
    roster_broker_put(f.roster, &records[1], T0 + 6);
    roster_each(f.roster, keep, &kept);
    assert_int_equal(kept.count, 3);
    close_fixture(&f);

    open_fixture(&g, 0);
    for (size_t i = 0; i < kept.count; i++)
        assert_int_equal(roster_restore(g.roster, &kept.changes[i]), 0);
    assert_int_equal(roster_restore(g.roster, &kept.changes[0]), CORE_INVALID); /* twice */
    assert_said(&g, "");
    assert_int_equal(roster_due_ms(g.roster, HOUR), T0 + 6 + HOUR);
    assert_int_equal(host_set(&g, sessions, 2, T0 + 9), 0);
    assert_int_equal(live(&g, "1").connection.kind, KIND_APPLICATION);
    assert_int_equal(roster_broker_end(g.roster, "h", "b1", T0 + 10), 0);
    assert_int_equal(live(&g, "1").connection.kind, KIND_DESKTOP);
    close_fixture(&g);
}

/* Every connection with a user of its own: the dearest case. */
static void a_broker_reported_connection_costs_as_promised(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    struct tally_settings settings = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT};
    struct connection *sessions = calloc(MANY, sizeof(*sessions));
    char(*ids)[16] = calloc(MANY, sizeof(*ids)), (*users)[16] = calloc(MANY, sizeof(*users));
    assert_true(sessions != NULL && ids != NULL && users != NULL);
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(ids[i], sizeof(ids[i]), "%zu", i);
        (void)snprintf(users[i], sizeof(users[i]), "user%06zu", i);
        sessions[i] = seen(ids[i], users[i], T0);
    }
    for (int by_host = 0; by_host < 2; by_host++) {
        struct tally *tally = tally_create(&settings);
        struct roster *roster = roster_create(tally, settings.seed, NULL, NULL);
        assert_true(tally != NULL && roster != NULL);
        size_t empty = roster_bytes(roster);
        if (by_host == 1)
            assert_int_equal(roster_host_set(roster, "h", sessions, MANY, T0), 0);
        assert_int_equal(roster_bytes(roster), empty);
        assert_int_equal(roster_broker_set(roster, "h", sessions, MANY, T0), 0);
        assert_int_equal(tally_level(tally)->connections, MANY);
        size_t bytes = (tally_bytes(tally) + roster_bytes(roster)) / MANY;
        print_message("# %d connections%s: %zu bytes each\n", MANY,
                      by_host ? " that their host sees, too" : "", bytes);
        assert_true(bytes <= TALLY_CONNECTION_BYTES_MAX);
        roster_destroy(roster);
        tally_destroy(tally);
    }
    free(sessions);
    free(users);
    free(ids);
}

static void leases_run_out_in_their_order_however_they_were_told(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 0);
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    static const int64_t restored_ms[] = {30, 10, 50, 20, 40};
    for (size_t i = 0; i < 5; i++) {
        struct roster_change stored = {.connection = told(ids[i], ids[i], T0),
                                       .reported_by = REPORTED_BY_BROKER,
                                       .broker_id = "",
                                       .lease_at_ms = T0 + restored_ms[i]};
        assert_int_equal(roster_restore(f.roster, &stored), 0);
    }
    struct connection again = told("d", "d", T0);
    assert_int_equal(roster_broker_put(f.roster, &again, T0 + 60), 0);
    assert_int_equal(roster_broker_end(f.roster, "h", "e", T0 + 60), 0);
    assert_said(&f, "=d -e");
    /* new counting settings leave the leases as they are */
    struct tally_settings settings = {.routes_counted = ROUTE_BIT(ROUTE_SSH)};
    assert_int_equal(tally_reconfigure(f.tally, &settings), 0);
    struct connection late = told("f", "f", T0);
    assert_int_equal(roster_broker_put(f.roster, &late, T0 + 70), 0);
    assert_said(&f, "+f");
    static const int64_t due_ms[] = {10, 30, 50, 60, 70};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(roster_due_ms(f.roster, HOUR), T0 + due_ms[i] + HOUR);
        roster_expire(f.roster, HOUR, T0 + due_ms[i] + HOUR);
    }
    assert_said(&f, "-b -a -c -d -f");
    assert_int_equal(roster_due_ms(f.roster, HOUR), INT64_MAX);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_ends_first_then_connects_by_time_and_id),
        cmocka_unit_test(a_changed_user_is_an_end_and_a_connect),
        cmocka_unit_test(live_changes_apply_and_an_unknown_connect_time_is_the_arrival),
        cmocka_unit_test(of_two_with_one_id_the_last_holds),
        cmocka_unit_test(one_session_of_broker_and_host_is_one_connection),
        cmocka_unit_test(a_connect_time_that_is_not_told_changes_none),
        cmocka_unit_test(other_users_and_other_times_are_two_connections),
        cmocka_unit_test(a_brokers_end_leaves_the_hosts_session_as_the_host_sees_it),
        cmocka_unit_test(a_record_told_under_both_ids_is_one),
        cmocka_unit_test(a_session_with_the_brokers_id_takes_its_words_over),
        cmocka_unit_test(of_several_candidates_the_nearest_is_meant),
        cmocka_unit_test(whoever_spoke_last_is_right_about_the_user),
        cmocka_unit_test(a_late_connect_time_pairs_after_all),
        cmocka_unit_test(a_lease_ends_what_no_host_sees),
        cmocka_unit_test(a_reboot_ends_all_broker_reported_ones_too),
        cmocka_unit_test(a_brokers_set_replaces_what_brokers_said),
        cmocka_unit_test(what_does_not_fit_is_left_out_and_told),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(what_is_stored_goes_on_after_a_restart),
        cmocka_unit_test(a_broker_reported_connection_costs_as_promised),
        cmocka_unit_test(leases_run_out_in_their_order_however_they_were_told),
    };
    return cmocka_run_group_tests_name("roster (RULES 2.4, 2.8, 2.9)", tests, NULL, NULL);
}
