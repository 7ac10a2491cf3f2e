/* The tally (RULES §2): what tests/property does not look at - limits, memory, and a few cases to read. */
#include "agent/core/core_error.h"
#include "agent/core/tally.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory that can be refused ------------------------------------------------------------------------ */

void *__real_malloc(size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);

static long allocations_left = -1; /* then all are refused; -1: never */

static bool refused(void)
{
    if (allocations_left < 0)
        return false;
    if (allocations_left == 0)
        return true;
    allocations_left--;
    return false;
}

void *__wrap_malloc(size_t bytes)
{
    return refused() ? NULL : __real_malloc(bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return refused() ? NULL : __real_realloc(memory, bytes);
}

/* ---- helpers ------------------------------------------------------------------------------------------- */

static const struct tally_settings usual = {
    .count_disconnected = true,
    .routes_counted = ROUTES_COUNTED_DEFAULT,
    .seed = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
};

static struct connection person(const char *host, const char *id, const char *user, int64_t at_ms)
{
    return (struct connection){
        host, id, user, at_ms, KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_NO};
}

static struct connection administrator(const char *host, const char *id, const char *user, int64_t at_ms)
{
    struct connection connection = person(host, id, user, at_ms);
    connection.administrator = ADMINISTRATOR_YES;
    return connection;
}

static void put(struct tally *tally, struct connection connection)
{
    assert_int_equal(tally_put(tally, &connection, 7), 0);
}

static enum tally_reason reason(const struct tally *tally, const char *host, const char *id)
{
    struct tally_entry entry;
    assert_true(tally_find(tally, host, id, &entry));
    return entry.reason;
}

static uint32_t concurrent(const struct tally *tally)
{
    return tally_level(tally)->concurrent_users;
}

/* ---- cases --------------------------------------------------------------------------------------------- */

/* RULES §2, the table, row by row: two routes each, the third administrator's desktop last. */
static void the_table_of_the_rules(void **state)
{
    (void)state;
    static const struct {
        enum connection_kind kind;
        enum connection_route route;
        enum administrator administrator;
        enum tally_reason reason;
    } rows[] = {
        {KIND_DESKTOP, ROUTE_BROKER, ADMINISTRATOR_NO, TALLY_COUNTED},
        {KIND_APPLICATION, ROUTE_RDP_TUNNEL, ADMINISTRATOR_NO, TALLY_COUNTED},
        {KIND_DESKTOP, ROUTE_RDP, ADMINISTRATOR_UNKNOWN, TALLY_COUNTED},
        {KIND_APPLICATION, ROUTE_BROKER, ADMINISTRATOR_YES, TALLY_COUNTED},
        {KIND_APPLICATION, ROUTE_RDP, ADMINISTRATOR_YES, TALLY_COUNTED},
        {KIND_DESKTOP, ROUTE_CONSOLE, ADMINISTRATOR_YES, TALLY_ROUTE_NOT_COUNTED},
        {KIND_DESKTOP, ROUTE_SSH, ADMINISTRATOR_NO, TALLY_ROUTE_NOT_COUNTED},
        {KIND_DESKTOP, ROUTE_BROKER, ADMINISTRATOR_YES, TALLY_EXEMPT_FIRST},
        {KIND_DESKTOP, ROUTE_RDP, ADMINISTRATOR_YES, TALLY_EXEMPT_SECOND},
        {KIND_DESKTOP, ROUTE_RDP_TUNNEL, ADMINISTRATOR_YES, TALLY_COUNTED},
    };
    struct tally *tally = tally_create(&usual);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char id[8], user[8];
        snprintf(id, sizeof id, "%zu", i);
        snprintf(user, sizeof user, "u%zu", i);
        struct connection connection = {
            "h", id, user, (int64_t)i, rows[i].kind, rows[i].route, CONNECTION_ACTIVE, rows[i].administrator};
        put(tally, connection);
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        char id[8];
        snprintf(id, sizeof id, "%zu", i);
        assert_int_equal(reason(tally, "h", id), rows[i].reason);
    }
    assert_int_equal(concurrent(tally), 6);
    assert_int_equal(tally_host_exempt(tally, "h"), 2);
    tally_destroy(tally);
}

static void an_exempt_place_passes_on_within_the_event(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    put(tally, administrator("h", "3", "c", 20));
    put(tally, administrator("h", "2", "b", 10));
    put(tally, administrator("h", "1", "a", 10));
    put(tally, administrator("h", "4", "d", 20));
    assert_int_equal(reason(tally, "h", "1"), TALLY_EXEMPT_FIRST); /* ties by id */
    assert_int_equal(reason(tally, "h", "2"), TALLY_EXEMPT_SECOND);
    assert_int_equal(concurrent(tally), 2);
    assert_int_equal(tally_end(tally, "h", "1"), 0);
    assert_int_equal(reason(tally, "h", "2"), TALLY_EXEMPT_FIRST);
    assert_int_equal(reason(tally, "h", "3"), TALLY_EXEMPT_SECOND);
    assert_int_equal(reason(tally, "h", "4"), TALLY_COUNTED);
    assert_int_equal(concurrent(tally), 1);
    tally_destroy(tally);
}

/* The numbers of the connections in a host's exempt places are those of the entries that say so. */
static void the_exempt_places_are_told(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    uint32_t places[TALLY_EXEMPT_PER_HOST], number;
    assert_int_equal(tally_host_places(tally, "h", places), 0);
    put(tally, person("h", "0", "p", 1));
    assert_int_equal(tally_host_places(tally, "h", places), 0);
    struct connection rows[] = {administrator("h", "3", "c", 20), administrator("h", "2", "b", 10),
                                administrator("h", "1", "a", 10), administrator("g", "4", "d", 5)};
    for (uint32_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(tally_put_numbered(tally, &rows[i], i, &number), 0);
        assert_string_equal(tally_at(tally, number).connection.id, rows[i].id);
    }
    assert_int_equal(tally_host_places(tally, "h", places), 2);
    assert_int_equal(tally_tag(tally, places[0]), 2);
    assert_int_equal(tally_tag(tally, places[1]), 1);
    assert_int_equal(tally_end(tally, "h", "1"), 0);
    assert_int_equal(tally_end(tally, "h", "2"), 0);
    assert_int_equal(tally_host_places(tally, "h", places), 1);
    assert_int_equal(tally_tag(tally, places[0]), 0);
    tally_destroy(tally);
}

/* Spellings of one user have one number, for as long as any of their connections lives. */
static void users_have_numbers(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    struct tally_entry one, other, alice;
    put(tally, person("h", "1", "CORP\\bob", 1));
    put(tally, person("h", "2", "alice", 1));
    put(tally, person("g", "1", "corp\\Bob", 1));
    assert_true(tally_find(tally, "h", "1", &one) && tally_find(tally, "g", "1", &other) &&
                tally_find(tally, "h", "2", &alice));
    assert_int_equal(one.holder, other.holder);
    assert_int_not_equal(one.holder, alice.holder);
    assert_int_equal(tally_end(tally, "h", "1"), 0);
    assert_true(tally_find(tally, "g", "1", &other));
    assert_int_equal(one.holder, other.holder);
    tally_destroy(tally);
}

static void strings_may_be_the_tallys_own(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    put(tally, person("h", "1", "CORP\\bob", 1));
    put(tally,
        person("h", "an-id-that-does-not-fit-in", "corp\\Bob-with-a-name-that-does-not-fit-either", 1));
    struct tally_entry one, long_one;
    assert_true(tally_find(tally, "h", "1", &one));
    assert_true(tally_find(tally, "h", "an-id-that-does-not-fit-in", &long_one));
    long_one.connection.user = one.connection.user;
    one.connection.user = "alice";
    put(tally, one.connection);
    assert_true(tally_find(tally, "h", "1", &one));
    assert_string_equal(one.connection.user, "alice");
    assert_string_equal(one.connection.id, "1");
    long_one.connection.user = one.connection.user;
    put(tally, long_one.connection);
    assert_true(tally_find(tally, "h", "an-id-that-does-not-fit-in", &long_one));
    assert_string_equal(long_one.connection.user, "alice");
    assert_int_equal(tally_level(tally)->users, 1);

    struct tally_entry
        other; /* a spelling of its own is given up: the id moves from outside into the record */
    put(tally, person("h", "2", "CORP\\eve", 1));
    put(tally, person("h", "3", "corp\\EVE", 1));
    assert_true(tally_find(tally, "h", "3", &other));
    other.connection.user = "CORP\\eve";
    put(tally, other.connection);
    assert_true(tally_find(tally, "h", "3", &other));
    assert_string_equal(other.connection.id, "3");
    assert_string_equal(other.connection.user, "CORP\\eve");
    tally_destroy(tally);
}

static void a_user_is_named_as_first_seen(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    struct tally_user user;
    put(tally, person("h", "1", "CORP\\Bob", 1));
    put(tally, person("h", "2", "corp\\bob", 2));
    assert_int_equal(tally_end(tally, "h", "1"), 0);
    assert_true(tally_user(tally, "Corp\\BOB", &user));
    assert_string_equal(user.name, "CORP\\Bob");
    assert_int_equal(user.connections, 1);
    struct tally_entry entry;
    assert_true(tally_find(tally, "h", "2", &entry));
    assert_string_equal(entry.connection.user, "corp\\bob");
    assert_int_equal(entry.tag, 7);
    assert_int_equal(tally_end(tally, "h", "2"), 0);
    assert_false(tally_user(tally, "CORP\\Bob", &user));
    assert_null(user.name);
    tally_destroy(tally);
}

static void two_spellings_of_one_user(void **state)
{
    (void)state;
    static const struct identity_alias aliases[] = {{"corp.example", "CORP"}};
    struct tally_settings settings = usual;
    char longest[CONNECTION_USER_BYTES_MAX + 3] = "\\";
    static const struct {
        const char *one, *other;
        bool same;
    } rows[] = {
        {"alice", "alice", true},           {"alice", "Alice", false},
        {"CORP\\bob", "corp\\Bob", true},   {"CORP\\bob", "Bob@corp.example", true},
        {"CORP\\bob", "bob", false},        {"bob", "CORP\\bob", false},
        {"CORP\\bob", "CORP\\bobo", false},
    };
    settings.aliases = aliases;
    settings.alias_count = 1;
    struct tally *tally = tally_create(&settings);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(tally_same_user(tally, rows[i].one, rows[i].other), rows[i].same);
    memset(longest + 1, 'x', CONNECTION_USER_BYTES_MAX + 1); /* too long to be anybody but itself */
    assert_true(tally_same_user(tally, longest, longest));
    assert_false(tally_same_user(tally, longest, "\\x"));
    assert_false(tally_same_user(tally, "\\x", longest));
    tally_destroy(tally);
}

static void limits(void **state)
{
    (void)state;
    struct tally_settings settings = usual;
    settings.connections_max = 3;
    settings.users_max = 2;
    settings.hosts_max = 2;
    struct tally *tally = tally_create(&settings);
    put(tally, person("h1", "1", "a", 1));
    put(tally, person("h2", "1", "b", 1));
    struct tally_level before = *tally_level(tally);
    struct connection user = person("h1", "2", "c", 1), host = person("h3", "1", "a", 1);
    assert_int_equal(tally_put(tally, &user, 0), CORE_FULL);
    assert_int_equal(tally_put(tally, &host, 0), CORE_FULL);
    assert_memory_equal(tally_level(tally), &before, sizeof before);
    put(tally, person("h1", "2", "a", 1));
    struct connection connection = person("h1", "3", "a", 1);
    assert_int_equal(tally_put(tally, &connection, 0), CORE_FULL);
    put(tally, person("h2", "1", "c", 1)); /* b leaves within the event, so c finds room */
    struct connection taken = person("h1", "1", "d", 1);
    assert_int_equal(tally_put(tally, &taken, 0), CORE_FULL); /* a stays on h1/2 */
    assert_int_equal(tally_level(tally)->users, 2);
    settings.users_max = 1;
    assert_int_equal(tally_reconfigure(tally, &settings), CORE_FULL);
    assert_int_equal(tally_level(tally)->users, 2);
    tally_destroy(tally);
}

static void names_out_of_bounds(void **state)
{
    (void)state;
    char text[CONNECTION_USER_BYTES_MAX + 2];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct tally *tally = tally_create(&usual);
    struct tally_entry entry;
    struct tally_user user;
    struct connection rows[] = {person(text, "1", "a", 1), person("h", text, "a", 1),
                                person("h", "1", text, 1), person("", "1", "a", 1),
                                person("h", "", "a", 1),   person("h", "1", "", 1)};
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(tally_put(tally, &rows[i], 0), CORE_INVALID);
    assert_int_equal(tally_end(tally, text, text), CORE_UNKNOWN);
    assert_false(tally_find(tally, text, "1", &entry));
    assert_false(tally_user(tally, text, &user));
    assert_int_equal(tally_host_exempt(tally, text), 0);
    text[sizeof text - 2] = '\0';
    put(tally, person("h", "1", text, 1));
    assert_true(tally_user(tally, text, &user));
    tally_destroy(tally);
}

static void nothing_lives_in_an_empty_tally(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    struct tally_entry entry;
    assert_false(tally_find(tally, "h", "1", &entry));
    assert_int_equal(tally_end(tally, "h", "1"), CORE_UNKNOWN);
    assert_false(tally_user_on_host(tally, "a", "h"));
    assert_int_equal(tally_reconfigure(tally, &usual), 0);
    tally_destroy(tally);
    tally_destroy(NULL);
}

static bool end_and_stop(void *data, const struct tally_entry *entry)
{
    assert_int_equal(tally_end(data, entry->connection.host, entry->connection.id), 0);
    return false;
}

static void a_visitor_may_end_what_it_visits(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    for (int i = 0; i < 3; i++) {
        put(tally, administrator("h", "1", "a", 1));
        put(tally, administrator("h", "2", "b", 1));
        const char *host = i == 1 ? "h" : NULL, *user = i == 2 ? "a" : NULL;
        tally_each(tally, host, user, end_and_stop, tally);
        assert_int_equal(tally_level(tally)->connections, 1);
    }
    tally_destroy(tally);
}

static void every_reason_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(tally_reason_name(TALLY_COUNTED), "counted");
    assert_string_equal(tally_reason_name(TALLY_EXEMPT_SECOND), "exempt 2 of 2");
    assert_string_equal(tally_reason_name(TALLY_ROUTE_NOT_COUNTED), "route not counted");
}

static void a_number_stays_with_its_connection(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    struct tally_entry before, entry;
    char id[16];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(id, sizeof id, "%u", i);
        put(tally, person("h", id, "alice", i));
    }
    for (unsigned i = 0; i < 3000; i += 3) { /* holes, the first and the last number among them */
        snprintf(id, sizeof id, "%u", i);
        assert_int_equal(tally_end(tally, "h", id), 0);
    }
    assert_true(tally_find(tally, "h", "1000", &before));
    assert_int_equal(tally_put(tally, &(struct connection){.host = "h", .id = "1000", .user = "bob"}, 77), 0);
    assert_int_equal(tally_reconfigure(tally, &usual), 0);
    for (unsigned i = 0; i < 1000; i++) { /* into the holes, once each */
        snprintf(id, sizeof id, "again%u", i);
        put(tally, person("h", id, "carol", i));
    }
    assert_int_equal(tally_level(tally)->connections, 3000);
    assert_true(tally_find(tally, "h", "1000", &entry));
    assert_int_equal(entry.number, before.number);
    assert_int_equal(tally_tag(tally, entry.number), 77);
    assert_string_equal(tally_at(tally, entry.number).connection.user, "bob");
    tally_destroy(tally);
}

/* ---- memory -------------------------------------------------------------------------------------------- */

static void fill(struct tally *tally, unsigned count)
{
    for (unsigned i = tally_level(tally)->connections; i < count; i++) {
        char id[16], user[16], host[16];
        snprintf(id, sizeof id, "%u", i);
        snprintf(user, sizeof user, "user%06u", i);
        snprintf(host, sizeof host, "srv%03u", i % 500);
        put(tally, person(host, id, user, i));
    }
}

/* Every connection with a user of its own: the dearest case. 13/16 of 2^20 is where both tables have just
 * doubled. */
static void bytes_of_a_connection(void **state)
{
    (void)state;
    static const unsigned counts[] = {1000, 851969, 1000000};
    struct tally *tally = tally_create(&usual);
    for (size_t i = 0; i < COUNT(counts); i++) {
        fill(tally, counts[i]);
        size_t bytes = tally_bytes(tally) / counts[i];
        print_message("# %u connections: %zu bytes each\n", counts[i], bytes);
        assert_true(counts[i] < 10000 || bytes <= TALLY_CONNECTION_BYTES_MAX);
    }
    tally_destroy(tally);
}

static void churn_does_not_grow(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    size_t bytes_max = 0;
    for (unsigned i = 0; i < 300000; i++) {
        char id[48], user[48], host[16];
        snprintf(id, sizeof id, "%s%u", i % 3 ? "" : "an-id-that-is-kept-outside-", i);
        snprintf(user, sizeof user, "%s%u", i % 5 ? "u" : "CORP\\a-name-that-is-kept-outside-", i);
        snprintf(host, sizeof host, "h%u", i / 10);
        put(tally, administrator(host, id, user, i));
        if (i >= 2000) {
            unsigned gone = i - 2000;
            snprintf(id, sizeof id, "%s%u", gone % 3 ? "" : "an-id-that-is-kept-outside-", gone);
            snprintf(host, sizeof host, "h%u", gone / 10);
            assert_int_equal(tally_end(tally, host, id), 0);
        }
        if (i == 10000)
            bytes_max = tally_bytes(tally) + 4096; /* what lies within records varies a little */
        if (i > 10000)
            assert_true(tally_bytes(tally) <= bytes_max);
    }
    tally_destroy(tally);
}

#define ENTRY_BYTES (offsetof(struct tally_entry, number) + sizeof(uint32_t)) /* without what pads it */

/* Puts with every allocation in turn refused; then with all granted. */
static void put_through_refusals(struct tally *tally, struct connection connection)
{
    struct tally_level before = *tally_level(tally);
    struct tally_entry entry_before, entry;
    bool was_live = tally_find(tally, connection.host, connection.id, &entry_before);
    for (long granted = 0;; granted++) {
        allocations_left = granted;
        int code = tally_put(tally, &connection, 1);
        allocations_left = -1;
        if (code == 0)
            return;
        assert_int_equal(code, CORE_NO_MEMORY);
        assert_memory_equal(tally_level(tally), &before, sizeof before);
        assert_int_equal(tally_find(tally, connection.host, connection.id, &entry), was_live);
        if (was_live)
            assert_memory_equal(&entry, &entry_before, ENTRY_BYTES);
    }
}

static bool check_consistent(void *data, const struct tally_entry *entry)
{
    struct tally_level *sum = data;
    sum->connections++;
    sum->consuming += entry->reason == TALLY_COUNTED;
    sum->exempt += entry->reason == TALLY_EXEMPT_FIRST || entry->reason == TALLY_EXEMPT_SECOND;
    return true;
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    for (unsigned i = 0; i < 3000; i++) {
        char id[64], user[64], host[64];
        snprintf(id, sizeof id, "%s%u", i % 2 ? "an-id-that-is-kept-outside-" : "", i % 1500);
        snprintf(user, sizeof user, "%s%u", i % 3 ? "CORP\\a-name-that-is-kept-outside-" : "d\\u", i % 700);
        if (i % 7 == 0)
            user[0] = 'D'; /* another spelling */
        snprintf(host, sizeof host, "h%u", i % 60);
        put_through_refusals(tally, i % 2 ? administrator(host, id, user, i) : person(host, id, user, i));
    }
    struct tally_level sum = {0};
    tally_each(tally, NULL, NULL, check_consistent, &sum);
    assert_int_equal(sum.connections, tally_level(tally)->connections);
    assert_int_equal(sum.consuming, tally_level(tally)->consuming);
    assert_int_equal(sum.exempt, tally_level(tally)->exempt);
    tally_destroy(tally);
}

static void reconfigure_without_memory(void **state)
{
    (void)state;
    struct tally *tally = tally_create(&usual);
    for (unsigned i = 0; i < 30; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", i);
        put(tally, administrator("h", id, i % 2 ? "alice" : "a-name-that-is-kept-outside", i));
    }
    struct tally_level before = *tally_level(tally);
    struct tally_settings settings = usual;
    settings.routes_counted = ROUTE_BIT(ROUTE_SSH);
    int code = CORE_NO_MEMORY;
    for (long granted = 0; code != 0; granted++) {
        assert_memory_equal(tally_level(tally), &before, sizeof before);
        allocations_left = granted;
        code = tally_reconfigure(tally, &settings);
        allocations_left = -1;
        assert_true(code == 0 || code == CORE_NO_MEMORY);
    }
    assert_int_equal(tally_level(tally)->consuming, 0);
    assert_int_equal(tally_level(tally)->connections, 30);
    tally_destroy(tally);
}

static void create_without_memory(void **state)
{
    (void)state;
    allocations_left = 0;
    struct tally *tally = tally_create(&usual);
    allocations_left = -1;
    assert_null(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_the_rules),
        cmocka_unit_test(an_exempt_place_passes_on_within_the_event),
        cmocka_unit_test(the_exempt_places_are_told),
        cmocka_unit_test(users_have_numbers),
        cmocka_unit_test(strings_may_be_the_tallys_own),
        cmocka_unit_test(a_user_is_named_as_first_seen),
        cmocka_unit_test(two_spellings_of_one_user),
        cmocka_unit_test(limits),
        cmocka_unit_test(names_out_of_bounds),
        cmocka_unit_test(nothing_lives_in_an_empty_tally),
        cmocka_unit_test(a_visitor_may_end_what_it_visits),
        cmocka_unit_test(every_reason_has_a_name),
        cmocka_unit_test(a_number_stays_with_its_connection),
        cmocka_unit_test(bytes_of_a_connection),
        cmocka_unit_test(churn_does_not_grow),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(reconfigure_without_memory),
        cmocka_unit_test(create_without_memory),
    };
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
