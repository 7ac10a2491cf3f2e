/* What a connection consumes (RULES §2): every row of the table and every numbered rule, at a whole farm. */
#include "rules_farm.h"

#include <string.h>

/* ---- the table ----------------------------------------------------------------------------------------- */

static const enum connection_route counted_routes[] = {ROUTE_BROKER, ROUTE_RDP, ROUTE_RDP_TUNNEL};
static const enum connection_kind kinds[] = {KIND_DESKTOP, KIND_APPLICATION};

RULE(rule_2_row_1_whoever_is_no_administrator_consumes)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (size_t j = 0; j < COUNT(counted_routes); j++) {
            comes(.user = "alice", .kind = kinds[i], .route = counted_routes[j]);
            assert_int_equal(reason_of("h1", "alice"), TALLY_COUNTED);
            expect_users(1);
        }
}

RULE(rule_2_row_2_an_administrators_application_consumes)
{
    for (size_t i = 0; i < COUNT(counted_routes); i++) {
        comes(.user = "root", .kind = KIND_APPLICATION, .route = counted_routes[i],
              .administrator = ADMINISTRATOR_YES);
        assert_int_equal(reason_of("h1", "root"), TALLY_COUNTED);
        expect_users(1);
    }
}

RULE(rule_2_row_3_two_desktops_of_administrators_are_exempt_on_every_host)
{
    const char *const hosts[] = {"h1", "h2"};
    for (size_t i = 0; i < COUNT(hosts); i++) {
        tells(
            hosts[i],
            {.user = "ann", .route = ROUTE_RDP, .connected_at_ms = 1, .administrator = ADMINISTRATOR_YES},
            {.user = "bea", .route = ROUTE_BROKER, .connected_at_ms = 2, .administrator = ADMINISTRATOR_YES});
        assert_int_equal(reason_of(hosts[i], "ann"), TALLY_EXEMPT_FIRST);
        assert_int_equal(reason_of(hosts[i], "bea"), TALLY_EXEMPT_SECOND);
    }
    expect_users(0);
}

RULE(rule_2_row_3_any_further_desktop_of_an_administrator_consumes)
{
    for (size_t i = 0; i < COUNT(counted_routes); i++) {
        tells("h1", {.user = "ann", .connected_at_ms = 1, .administrator = ADMINISTRATOR_YES},
              {.user = "bea", .connected_at_ms = 2, .administrator = ADMINISTRATOR_YES},
              {.user = "cat",
               .connected_at_ms = 3,
               .route = counted_routes[i],
               .administrator = ADMINISTRATOR_YES});
        assert_int_equal(reason_of("h1", "cat"), TALLY_COUNTED);
        expect_users(1);
    }
}

RULE(rule_2_row_4_console_and_ssh_are_not_counted)
{
    const enum connection_route routes[] = {ROUTE_CONSOLE, ROUTE_SSH};
    for (size_t i = 0; i < COUNT(routes); i++) {
        comes(.user = "alice", .route = routes[i]);
        comes(.user = "root", .kind = KIND_APPLICATION, .route = routes[i],
              .administrator = ADMINISTRATOR_YES);
        assert_int_equal(reason_of("h1", "alice"), TALLY_ROUTE_NOT_COUNTED);
        assert_int_equal(reason_of("h1", "root"), TALLY_ROUTE_NOT_COUNTED);
        expect_users(0);
    }
}

RULE(rule_2_row_4_console_and_ssh_are_counted_if_the_configuration_says_so)
{
    comes(.user = "alice", .route = ROUTE_SSH);
    comes(.user = "bob", .route = ROUTE_CONSOLE);
    settings()->tally.routes_counted |= ROUTE_BIT(ROUTE_SSH);
    reloads();
    assert_int_equal(reason_of("h1", "alice"), TALLY_COUNTED);
    assert_int_equal(reason_of("h1", "bob"), TALLY_ROUTE_NOT_COUNTED);
    expect_users(1);
    settings()->tally.routes_counted = ROUTE_BIT(ROUTE_CONSOLE);
    reloads();
    assert_int_equal(reason_of("h1", "alice"), TALLY_ROUTE_NOT_COUNTED);
    assert_int_equal(reason_of("h1", "bob"), TALLY_COUNTED);
    expect_users(1);
}

/* ---- 2.1: the two exempt connections ------------------------------------------------------------------- */

#define ADMINISTRATOR(name, at)                                                 \
    {                                                                           \
        .user = name, .connected_at_ms = at, .administrator = ADMINISTRATOR_YES \
    }

RULE(rule_2_1_the_two_oldest_are_exempt_however_they_arrived)
{
    comes(.user = "late", .connected_at_ms = 30, .administrator = ADMINISTRATOR_YES);
    comes(.user = "middle", .connected_at_ms = 20, .administrator = ADMINISTRATOR_YES);
    assert_int_equal(reason_of("h1", "late"), TALLY_EXEMPT_SECOND);
    comes(.user = "early", .connected_at_ms = 10, .administrator = ADMINISTRATOR_YES);
    assert_int_equal(reason_of("h1", "early"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "middle"), TALLY_EXEMPT_SECOND);
    assert_int_equal(reason_of("h1", "late"), TALLY_COUNTED);
}

RULE(rule_2_1_two_in_total_not_two_of_each_route)
{
    tells("h1", {.user = "ann", .connected_at_ms = 1, .administrator = ADMINISTRATOR_YES},
          {.user = "bea", .connected_at_ms = 2, .route = ROUTE_RDP, .administrator = ADMINISTRATOR_YES},
          {.user = "cat", .connected_at_ms = 3, .administrator = ADMINISTRATOR_YES},
          {.user = "dot", .connected_at_ms = 4, .route = ROUTE_RDP, .administrator = ADMINISTRATOR_YES});
    assert_int_equal(status().level.exempt, 2);
    expect_users(2);
}

RULE(rule_2_1_ties_are_broken_by_session_id_as_bytes)
{
    tells("h1", {.id = "b", .user = "b", .connected_at_ms = 5, .administrator = ADMINISTRATOR_YES},
          {.id = "10", .user = "ten", .connected_at_ms = 5, .administrator = ADMINISTRATOR_YES},
          {.id = "9", .user = "nine", .connected_at_ms = 5, .administrator = ADMINISTRATOR_YES},
          {.id = "B", .user = "B", .connected_at_ms = 5, .administrator = ADMINISTRATOR_YES});
    assert_int_equal(reason_of("h1", "10"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "9"), TALLY_EXEMPT_SECOND);
    assert_int_equal(reason_of("h1", "B"), TALLY_COUNTED);
    assert_int_equal(reason_of("h1", "b"), TALLY_COUNTED);
}

RULE(rule_2_1_when_one_ends_the_next_oldest_is_exempt_within_the_same_event)
{
    tells("h1", ADMINISTRATOR("ann", 1), ADMINISTRATOR("bea", 2), ADMINISTRATOR("cat", 3),
          ADMINISTRATOR("dot", 4));
    expect_users(2);
    int64_t told_at = now();
    after(SECONDS(1));
    leaves("h1", "ann");
    assert_int_equal(reason_of("h1", "bea"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "cat"), TALLY_EXEMPT_SECOND);
    assert_int_equal(reason_of("h1", "dot"), TALLY_COUNTED);
    expect_users(1);
    /* a level before and a level after, none between: neither a third exempt nor a third user was seen */
    assert_int_equal(status().window.exempt_peak, 2);
    assert_int_equal(status().window.peak_users, 2);
    assert_int_equal(status().window.peak_at_ms, told_at);
}

RULE(rule_2_1_the_answer_depends_only_on_the_set_of_live_connections)
{
    const char *const names[] = {"ann", "bea", "cat"};
    const unsigned orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < COUNT(orders); i++) {
        for (size_t j = 0; j < 3; j++)
            comes(.user = names[orders[i][j]], .connected_at_ms = 1 + orders[i][j],
                  .administrator = ADMINISTRATOR_YES);
        assert_int_equal(reason_of("h1", "ann"), TALLY_EXEMPT_FIRST);
        assert_int_equal(reason_of("h1", "bea"), TALLY_EXEMPT_SECOND);
        assert_int_equal(reason_of("h1", "cat"), TALLY_COUNTED);
        tells_nobody("h1");
    }
}

RULE(rule_2_1_connections_that_are_not_counted_take_no_place)
{
    tells("h1",
          {.user = "ann", .connected_at_ms = 1, .route = ROUTE_CONSOLE, .administrator = ADMINISTRATOR_YES},
          ADMINISTRATOR("bea", 2), ADMINISTRATOR("cat", 3), ADMINISTRATOR("dot", 4));
    assert_int_equal(reason_of("h1", "bea"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "cat"), TALLY_EXEMPT_SECOND);
    assert_int_equal(reason_of("h1", "dot"), TALLY_COUNTED);
}

/* ---- 2.2 ----------------------------------------------------------------------------------------------- */

RULE(rule_2_2_one_user_is_one_however_many_connections_kinds_and_hosts)
{
    comes(.id = "1", .user = "alice");
    comes(.id = "2", .user = "alice", .kind = KIND_APPLICATION, .route = ROUTE_RDP_TUNNEL);
    comes(.host = "h2", .id = "1", .user = "alice", .route = ROUTE_RDP);
    assert_int_equal(status().level.consuming, 3);
    expect_users(1);
    leaves("h1", "1");
    leaves("h1", "2");
    expect_users(1);
    leaves("h2", "1");
    expect_users(0);
}

RULE(rule_2_2_whose_every_connection_is_exempt_is_not_counted)
{
    comes(.id = "1", .user = "ann", .administrator = ADMINISTRATOR_YES);
    comes(.host = "h2", .id = "1", .user = "ann", .administrator = ADMINISTRATOR_YES);
    expect_users(0);
    comes(.id = "2", .user = "ann", .kind = KIND_APPLICATION, .administrator = ADMINISTRATOR_YES);
    expect_users(1);
}

/* ---- 2.3 ----------------------------------------------------------------------------------------------- */

RULE(rule_2_3_a_disconnected_connection_holds_its_licence_until_it_ends)
{
    comes(.user = "alice");
    comes(.user = "alice", .state = CONNECTION_DISCONNECTED);
    after(DAYS(3));
    expect_users(1);
    leaves("h1", "alice");
    expect_users(0);
}

RULE(rule_2_3_a_disconnected_administrator_keeps_the_exempt_place)
{
    tells("h1",
          {.user = "ann",
           .connected_at_ms = 1,
           .state = CONNECTION_DISCONNECTED,
           .administrator = ADMINISTRATOR_YES},
          ADMINISTRATOR("bea", 2), ADMINISTRATOR("cat", 3));
    assert_int_equal(reason_of("h1", "ann"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "cat"), TALLY_COUNTED);
}

RULE(rule_2_3_without_count_disconnected_it_neither_consumes_nor_takes_a_place)
{
    settings()->tally.count_disconnected = false;
    reloads();
    comes(.user = "alice", .state = CONNECTION_DISCONNECTED);
    assert_int_equal(reason_of("h1", "alice"), TALLY_DISCONNECTED_NOT_COUNTED);
    expect_users(0);
    comes(.user = "alice");
    expect_users(1);
    tells("h1",
          {.user = "ann",
           .connected_at_ms = 1,
           .state = CONNECTION_DISCONNECTED,
           .administrator = ADMINISTRATOR_YES},
          ADMINISTRATOR("bea", 2), ADMINISTRATOR("cat", 3), ADMINISTRATOR("dot", 4));
    assert_int_equal(reason_of("h1", "bea"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "cat"), TALLY_EXEMPT_SECOND);
    expect_users(1);
    comes(.user = "ann", .connected_at_ms = 1, .administrator = ADMINISTRATOR_YES); /* comes back */
    assert_int_equal(reason_of("h1", "ann"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "cat"), TALLY_COUNTED);
    expect_users(2);
}

/* ---- 2.4 ----------------------------------------------------------------------------------------------- */

static int64_t connected_at(const char *host, const char *id)
{
    struct tally_entry entry;
    assert_true(tally_find(tally(), host, id, &entry));
    return entry.connection.connected_at_ms;
}

RULE(rule_2_4_the_connect_time_is_the_log_on_and_coming_back_does_not_change_it)
{
    comes(.user = "alice", .connected_at_ms = START - HOURS(9));
    assert_int_equal(connected_at("h1", "alice"), START - HOURS(9));
    comes(.user = "bob");
    after(HOURS(1));
    comes(.user = "bob", .state = CONNECTION_DISCONNECTED);
    after(HOURS(1));
    comes(.user = "bob");
    assert_int_equal(connected_at("h1", "bob"), START);
}

RULE(rule_2_4_a_live_change_of_kind_route_or_flag_applies_at_that_instant)
{
    comes(.user = "ann", .administrator = ADMINISTRATOR_YES);
    expect_users(0);
    after(SECONDS(1));
    comes(.user = "ann", .kind = KIND_APPLICATION, .administrator = ADMINISTRATOR_YES);
    expect_users(1);
    assert_int_equal(status().window.peak_at_ms, now());
    comes(.user = "ann", .kind = KIND_APPLICATION, .route = ROUTE_SSH, .administrator = ADMINISTRATOR_YES);
    expect_users(0);
    comes(.user = "ann", .administrator = ADMINISTRATOR_NO);
    expect_users(1);
    comes(.user = "ann", .administrator = ADMINISTRATOR_YES);
    expect_users(0);
    assert_int_equal(said(LOG_connection_opened), 1);
    assert_int_equal(said(LOG_connection_ended), 0);
}

RULE(rule_2_4_a_changed_user_is_an_end_and_a_connect)
{
    comes(.id = "1", .user = "alice", .connected_at_ms = START - 5);
    comes(.id = "1", .user = "bob");
    assert_int_equal(said(LOG_connection_ended), 1);
    assert_int_equal(said(LOG_connection_opened), 2);
    assert_int_equal(connected_at("h1", "1"), START);
    assert_int_equal(status().window.peak_users, 1); /* in one event: they were never both on */
}

RULE(rule_2_4_an_unknown_administrator_flag_counts_as_no_and_is_said)
{
    comes(.user = "ann", .administrator = ADMINISTRATOR_UNKNOWN);
    expect_users(1);
    assert_int_equal(said(LOG_administrator_unknown), 1);
    comes(.user = "ann", .administrator = ADMINISTRATOR_YES);
    expect_users(0);
}

/* ---- 2.5 ----------------------------------------------------------------------------------------------- */

RULE(rule_2_5_which_names_are_the_same_user)
{
    static const struct {
        const char *one, *other;
        bool same;
    } rows[] = {
        {"alice", "alice", true},
        {"alice", "Alice", false},            /* Unix names compare by bytes */
        {"CORP\\alice", "corp\\Alice", true}, /* Windows names by simple case folding, */
        {"alice@corp.example", "ALICE@Corp.Example", true},
        {"CORP\\J\xc3\x9cRGEN", "corp\\j\xc3\xbcrgen", true},
        {"CORP\\stra\xc3\x9f"
         "e",
         "CORP\\strasse", false},                /* one character for one, */
        {"CORP\\I", "CORP\\\xc4\xb1", false},    /* and free of locale */
        {"HOST1\\alice", "HOST2\\alice", false}, /* local Windows accounts */
        {"HOST1\\alice", "alice", false},
        {"CORP\\alice", "alice@corp.example", true}, /* an alias maps this domain, */
        {"CORP\\alice", "alice@corp.test", false},   /* but not this one */
    };
    static const struct identity_alias alias = {.dns_domain = "corp.example", .domain = "CORP"};
    settings()->tally.aliases = &alias;
    settings()->tally.alias_count = 1;
    reloads();
    for (size_t i = 0; i < COUNT(rows); i++) {
        comes(.host = "h1", .id = "1", .user = rows[i].one);
        comes(.host = "h2", .id = "1", .user = rows[i].other); /* the same Unix name on every host */
        expect_users(rows[i].same ? 1 : 2);
        tells_nobody("h1");
        tells_nobody("h2");
    }
}

RULE(rule_2_5_without_an_alias_no_domain_is_another)
{
    comes(.host = "h1", .id = "1", .user = "CORP\\alice");
    comes(.host = "h2", .id = "1", .user = "alice@corp.example");
    expect_users(2);
}

/* ---- 2.6, 2.7 ------------------------------------------------------------------------------------------ */

RULE(rule_2_6_who_comes_and_leaves_between_two_reports_is_in_the_peak)
{
    after(MINUTES(5));
    users(3);
    users(1);
    after(MINUTES(20));
    assert_int_equal(window(0)->peak_users, 3);
    assert_int_equal(window(0)->peak_at_ms, START + MINUTES(5));
    assert_int_equal(window(0)->users_at_end, 1);
}

RULE(rule_2_6_a_windows_peak_includes_the_level_carried_in)
{
    users(3);
    after(MINUTES(20));
    users(1);
    after(MINUTES(20));
    assert_int_equal(window(1)->start_ms, START + MINUTES(20));
    assert_int_equal(window(1)->peak_users, 3);
    assert_int_equal(window(1)->peak_at_ms, window(1)->start_ms);
    assert_int_equal(window(1)->users_at_end, 1);
    after(MINUTES(20));
    assert_int_equal(window(2)->peak_users, 1);
}

RULE(rule_2_7_live_order_is_the_order_of_arrival)
{
    comes(.user = "alice", .connected_at_ms = START - HOURS(1));
    leaves("h1", "alice");
    comes(.user = "bob", .connected_at_ms = START - HOURS(2)); /* logged on earlier, told later */
    after(MINUTES(20));
    assert_int_equal(window(0)->peak_users, 1);
    assert_int_equal(window(0)->peak_at_ms, START);
}

RULE(rule_2_7_an_events_time_is_not_before_the_last_ones)
{
    after(MINUTES(10));
    users(1);
    wakes_at(START + MINUTES(1)); /* licence time was set back; the events' time waits for it */
    users(2);
    assert_int_equal(status().window.peak_at_ms, START + MINUTES(10));
    until(START + MINUTES(12));
    users(3);
    assert_int_equal(status().window.peak_at_ms, START + MINUTES(12));
    assert_int_equal(windows(), 0);
}

/* ---- 2.8 ----------------------------------------------------------------------------------------------- */

RULE(rule_2_8_what_changed_while_the_agent_was_away_is_one_batch)
{
    tells("h1", {.user = "alice"}, {.user = "bob"});
    stops();
    late(MINUTES(30));
    starts_but_does_not_judge_yet();
    tells("h1", {.user = "bob"}, {.user = "dave", .connected_at_ms = now() - MINUTES(1)},
          {.user = "carol", .connected_at_ms = now() - MINUTES(2)});
    judges();
    /* the level is judged after the whole batch: four were never on, nor was one alone */
    expect_users(3);
    assert_int_equal(status().ever.users, 3);
    assert_int_equal(status().ever.at_ms, now());
}

RULE(rule_2_8_ends_come_first_then_connects_by_connect_time)
{
    settings()->tally.users_max = 2; /* room for one, once another has left */
    reloads();
    tells("h1", {.user = "alice"}, {.user = "bob"});
    tells("h1", {.user = "bob"}, {.user = "carol", .connected_at_ms = now()});
    assert_int_equal(reason_of("h1", "carol"), TALLY_COUNTED);
    settings()->tally.users_max = 3;
    reloads();
    tells_nobody("h1");
    tells("h1", {.id = "1", .user = "CORP\\Late", .connected_at_ms = 30},
          {.id = "2", .user = "CORP\\EARLY", .connected_at_ms = 10},
          {.id = "3", .user = "CORP\\late", .connected_at_ms = 20});
    struct tally_user user; /* named as it was first seen */
    assert_true(tally_user(tally(), "corp\\late", &user));
    assert_string_equal(user.name, "CORP\\late");
}

RULE(rule_2_8_a_changed_boot_id_ends_everything_of_that_host)
{
    boots("h1", "boot-1");
    boots("h2", "boot-1");
    comes(.host = "h1", .user = "alice");
    comes(.host = "h2", .user = "dave");
    broker_puts(.host = "h1", .id = "b1", .user = "bob");
    stops();
    starts_but_does_not_judge_yet();
    expect_users(3);
    boots("h1", "boot-1");
    expect_users(3);
    boots("h1", "boot-2"); /* reported by a broker or by its source: all are gone */
    expect_users(1);
    boots("h3", "boot-9"); /* seen for the first time it ends nothing */
    expect_users(1);
}

/* ---- 2.9 ----------------------------------------------------------------------------------------------- */

RULE(rule_2_9_a_brokers_connection_that_no_source_sees_ends_after_its_lease)
{
    broker_puts(.user = "alice");
    after(HOURS(24) - 1);
    expect_users(1);
    after(1);
    expect_users(0);
    assert_int_equal(said_at(LOG_connection_ended), START + HOURS(24));
}

RULE(rule_2_9_put_again_it_stays)
{
    broker_puts(.user = "alice");
    after(HOURS(23));
    broker_puts(.user = "alice");
    after(HOURS(24) - 1);
    expect_users(1);
    after(1);
    expect_users(0);
}

RULE(rule_2_9_a_lease_of_0_never_ends)
{
    settings()->api_lease_ms = 0;
    reloads();
    broker_puts(.user = "alice");
    after(DAYS(40));
    expect_users(1);
}

RULE(rule_2_9_a_lease_is_over_at_its_own_instant_however_late_it_is_noticed)
{
    broker_puts(.user = "alice");
    asleep(HOURS(25));
    expect_users(0);
    assert_int_equal(said_at(LOG_connection_ended), START + HOURS(24));
    assert_int_equal(window(24 * 3)->peak_users, 1); /* carried in, and over at once */
    assert_int_equal(window(24 * 3)->users_at_end, 0);
}

RULE(rule_2_9_a_brokers_and_a_sources_record_of_one_session_are_one_connection)
{
    broker_puts(.id = "broker-7", .user = "ann", .kind = KIND_APPLICATION, .route = ROUTE_RDP_TUNNEL,
                .connected_at_ms = START - SECONDS(5));
    comes(.id = "c1", .user = "ann", .route = ROUTE_RDP, .connected_at_ms = START - SECONDS(3),
          .administrator = ADMINISTRATOR_YES);
    struct tally_entry entry;
    assert_int_equal(status().level.connections, 1);
    assert_true(tally_find(tally(), "h1", "c1", &entry));                   /* the host's id */
    assert_int_equal(entry.connection.administrator, ADMINISTRATOR_YES);    /* and flag, */
    assert_int_equal(entry.connection.connected_at_ms, START - SECONDS(5)); /* the earlier time, */
    assert_int_equal(entry.connection.kind, KIND_APPLICATION);              /* the broker's kind */
    assert_int_equal(entry.connection.route, ROUTE_RDP_TUNNEL);             /* and route */
    after(HOURS(25));                                                       /* no lease runs: */
    expect_users(1);
    assert_int_equal(broker_ends("h1", "broker-7"), 0);
    assert_int_equal(status().level.connections, 1); /* it ends when the host says so */
    leaves("h1", "c1");
    assert_int_equal(status().level.connections, 0);
}

/* ---- 2.10 ---------------------------------------------------------------------------------------------- */

RULE(rule_2_10_a_silent_hosts_connections_stay_counted_exempt_places_included)
{
    tells("h1", ADMINISTRATOR("ann", 1), ADMINISTRATOR("bea", 2), ADMINISTRATOR("cat", 3));
    after(DAYS(30)); /* its source says nothing more */
    assert_int_equal(reason_of("h1", "ann"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "bea"), TALLY_EXEMPT_SECOND);
    expect_users(1);
}

RULE(rule_2_10_what_ends_with_its_host_ends_when_that_is_noticed)
{
    boots("h1", "boot-1");
    users(0);
    tells("h1", {.user = "alice"}, {.user = "bob"});
    after(MINUTES(19));
    asleep(MINUTES(11)); /* gone meanwhile, */
    boots("h1", "boot-2");
    assert_int_equal(said_at(LOG_connection_ended), now());
    assert_int_equal(window(0)->users_at_end, 2); /* and not backdated */
    after(MINUTES(20));
    assert_int_equal(window(1)->peak_users, 2);
    assert_int_equal(window(1)->users_at_end, 0);
}

RULE(rule_2_10_a_lost_hosts_connections_end_five_minutes_after_its_loss_was_noticed)
{
    boots("h1", "boot-1");
    boots("h2", "boot-1");
    users(0);
    tells("h1", {.user = "alice"}, {.user = "bob"});
    tells("h2", {.user = "bob"});
    after(MINUTES(1));
    assert_int_equal(falls_silent("h1"), 0);
    int64_t noticed = now();
    assert_int_equal(said_at(LOG_host_silent), noticed);
    after(MINUTES(2));
    assert_int_equal(falls_silent("h1"), 0); /* again: it counts since the first */
    after(MINUTES(3) - 1);
    expect_users(2);
    after(1);
    expect_users(1); /* bob is on the other host still */
    assert_int_equal(said_at(LOG_host_lost), noticed + MINUTES(5));
    assert_int_equal(said_at(LOG_connection_ended), noticed + MINUTES(5));
}

RULE(rule_2_10_exempt_places_are_held_until_the_host_is_lost)
{
    boots("h1", "boot-1");
    tells("h1", ADMINISTRATOR("ann", 1), ADMINISTRATOR("bea", 2), ADMINISTRATOR("cat", 3));
    assert_int_equal(falls_silent("h1"), 0);
    after(MINUTES(5) - 1);
    assert_int_equal(reason_of("h1", "ann"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason_of("h1", "cat"), TALLY_COUNTED);
    expect_users(1);
    after(1);
    expect_users(0);
}

RULE(rule_2_10_a_host_that_is_back_in_time_loses_nothing)
{
    boots("h1", "boot-1");
    tells("h1", {.user = "alice"});
    assert_int_equal(falls_silent("h1"), 0);
    after(MINUTES(4));
    assert_int_equal(comes_back("h1"), 0);
    assert_int_equal(said_at(LOG_host_back), now());
    assert_int_equal(comes_back("h1"), 0);
    after(DAYS(1));
    expect_users(1);
    assert_int_equal(said(LOG_host_lost), 0);
    assert_int_equal(falls_silent("nobody"), CORE_UNKNOWN);
}

RULE(rule_2_10_a_lost_host_that_is_back_counts_again_from_then_on)
{
    boots("h1", "boot-1");
    users(0);
    tells("h1", {.user = "alice"});
    assert_int_equal(falls_silent("h1"), 0);
    after(MINUTES(6));
    expect_users(0);
    assert_int_equal(comes_back("h1"), 0);
    tells("h1", {.user = "alice"});
    expect_users(1);
    assert_int_equal(falls_silent("h1"), 0); /* and is given up anew */
    after(MINUTES(5));
    expect_users(0);
}

RULE(rule_2_10_a_clock_that_is_put_right_never_lengthens_the_wait)
{
    boots("h1", "boot-1");
    boots("h2", "boot-1"); /* is heard of all the while */
    tells("h1", {.user = "alice"});
    after(HOURS(2));
    assert_int_equal(falls_silent("h1"), 0);
    after(MINUTES(1));
    assert_int_equal(entitled_at(now() - HOURS(1)), 0);
    after(MINUTES(5) - 1);
    expect_users(1);
    after(1);
    expect_users(0);
}

RULE(rule_2_10_a_setting_of_0_never_gives_a_host_up)
{
    settings()->host_lost_after_ms = 0;
    reloads();
    boots("h1", "boot-1");
    tells("h1", {.user = "alice"});
    assert_int_equal(falls_silent("h1"), 0);
    assert_int_equal(said_number(LOG_host_silent, "lost_at"), 0);
    after(DAYS(30));
    expect_users(1);
    settings()->host_lost_after_ms = MINUTES(5); /* and from this reload on it is long over */
    reloads();
    after(0);
    expect_users(0);
}

RULE(rule_2_10_several_hosts_are_lost_each_at_its_own_instant)
{
    boots("h1", "boot-1");
    boots("h2", "boot-1");
    boots("h3", "boot-1");
    tells("h1", {.user = "alice"});
    tells("h2", {.user = "bob"});
    assert_int_equal(falls_silent("h2"), 0);
    after(MINUTES(2));
    assert_int_equal(falls_silent("h3"), 0);
    assert_int_equal(falls_silent("h1"), 0);
    asleep(MINUTES(30)); /* however late that is noticed */
    expect_users(0);
    assert_int_equal(said_at(LOG_host_lost), now() - MINUTES(30) + MINUTES(5));
    assert_int_equal(said(LOG_host_lost), 3);
}

RULE(rule_2_10_a_restart_neither_forgets_nor_repeats_the_loss)
{
    boots("h1", "boot-1");
    boots("h2", "boot-1");
    tells("h1", {.user = "alice"});
    tells("h2", {.user = "bob"});
    assert_int_equal(falls_silent("h1"), 0);
    after(MINUTES(3));
    restarts();
    after(MINUTES(2) - 1);
    expect_users(2);
    after(1);
    expect_users(1);
    restarts();
    after(DAYS(1));
    assert_int_equal(said(LOG_host_lost), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(rule_2_row_1_whoever_is_no_administrator_consumes),
        RULE_TEST(rule_2_row_2_an_administrators_application_consumes),
        RULE_TEST(rule_2_row_3_two_desktops_of_administrators_are_exempt_on_every_host),
        RULE_TEST(rule_2_row_3_any_further_desktop_of_an_administrator_consumes),
        RULE_TEST(rule_2_row_4_console_and_ssh_are_not_counted),
        RULE_TEST(rule_2_row_4_console_and_ssh_are_counted_if_the_configuration_says_so),
        RULE_TEST(rule_2_1_the_two_oldest_are_exempt_however_they_arrived),
        RULE_TEST(rule_2_1_two_in_total_not_two_of_each_route),
        RULE_TEST(rule_2_1_ties_are_broken_by_session_id_as_bytes),
        RULE_TEST(rule_2_1_when_one_ends_the_next_oldest_is_exempt_within_the_same_event),
        RULE_TEST(rule_2_1_the_answer_depends_only_on_the_set_of_live_connections),
        RULE_TEST(rule_2_1_connections_that_are_not_counted_take_no_place),
        RULE_TEST(rule_2_2_one_user_is_one_however_many_connections_kinds_and_hosts),
        RULE_TEST(rule_2_2_whose_every_connection_is_exempt_is_not_counted),
        RULE_TEST(rule_2_3_a_disconnected_connection_holds_its_licence_until_it_ends),
        RULE_TEST(rule_2_3_a_disconnected_administrator_keeps_the_exempt_place),
        RULE_TEST(rule_2_3_without_count_disconnected_it_neither_consumes_nor_takes_a_place),
        RULE_TEST(rule_2_4_the_connect_time_is_the_log_on_and_coming_back_does_not_change_it),
        RULE_TEST(rule_2_4_a_live_change_of_kind_route_or_flag_applies_at_that_instant),
        RULE_TEST(rule_2_4_a_changed_user_is_an_end_and_a_connect),
        RULE_TEST(rule_2_4_an_unknown_administrator_flag_counts_as_no_and_is_said),
        RULE_TEST(rule_2_5_which_names_are_the_same_user),
        RULE_TEST(rule_2_5_without_an_alias_no_domain_is_another),
        RULE_TEST(rule_2_6_who_comes_and_leaves_between_two_reports_is_in_the_peak),
        RULE_TEST(rule_2_6_a_windows_peak_includes_the_level_carried_in),
        RULE_TEST(rule_2_7_live_order_is_the_order_of_arrival),
        RULE_TEST(rule_2_7_an_events_time_is_not_before_the_last_ones),
        RULE_TEST(rule_2_8_what_changed_while_the_agent_was_away_is_one_batch),
        RULE_TEST(rule_2_8_ends_come_first_then_connects_by_connect_time),
        RULE_TEST(rule_2_8_a_changed_boot_id_ends_everything_of_that_host),
        RULE_TEST(rule_2_9_a_brokers_connection_that_no_source_sees_ends_after_its_lease),
        RULE_TEST(rule_2_9_put_again_it_stays),
        RULE_TEST(rule_2_9_a_lease_of_0_never_ends),
        RULE_TEST(rule_2_9_a_lease_is_over_at_its_own_instant_however_late_it_is_noticed),
        RULE_TEST(rule_2_9_a_brokers_and_a_sources_record_of_one_session_are_one_connection),
        RULE_TEST(rule_2_10_a_silent_hosts_connections_stay_counted_exempt_places_included),
        RULE_TEST(rule_2_10_what_ends_with_its_host_ends_when_that_is_noticed),
        RULE_TEST(rule_2_10_a_lost_hosts_connections_end_five_minutes_after_its_loss_was_noticed),
        RULE_TEST(rule_2_10_exempt_places_are_held_until_the_host_is_lost),
        RULE_TEST(rule_2_10_a_host_that_is_back_in_time_loses_nothing),
        RULE_TEST(rule_2_10_a_lost_host_that_is_back_counts_again_from_then_on),
        RULE_TEST(rule_2_10_a_clock_that_is_put_right_never_lengthens_the_wait),
        RULE_TEST(rule_2_10_a_setting_of_0_never_gives_a_host_up),
        RULE_TEST(rule_2_10_several_hosts_are_lost_each_at_its_own_instant),
        RULE_TEST(rule_2_10_a_restart_neither_forgets_nor_repeats_the_loss),
    };
    return cmocka_run_group_tests_name("what a connection consumes (RULES 2)", tests, NULL, NULL);
}
