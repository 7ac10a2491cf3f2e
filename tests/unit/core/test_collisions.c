/* Names whose hashes are the same are different names still. The tables compare 32 bits of a keyed hash
 * first; with a known key names that have those in common are soon found. */
#include "tests/unit/unit.h"

#include "agent/core/core_error.h"
#include "agent/core/keyed_hash.h"
#include "agent/core/roster.h"
#include "agent/core/tally.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANDIDATES 400000u
#define NAME_BYTES 64

static const struct tally_settings settings = {
    .count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT}; /* a seed of zeros */

/* ---- names that collide -------------------------------------------------------------------------------- */

struct candidate {
    uint32_t hash, number;
};

static int by_hash(const void *one, const void *other)
{
    const struct candidate *a = one, *b = other;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static uint32_t hash_of(const struct keyed_hash_keys *keys, const char *first, const char *second)
{
    struct keyed_hash hash = keyed_hash_begin(keys);
    keyed_hash_text(&hash, first, strlen(first));
    if (*second != '\0')
        keyed_hash_text(&hash, second, strlen(second));
    return keyed_hash_end(keys, hash);
}

/* How candidates are made: even numbers by `even`, odd ones by `odd`, with `front` before or `behind` after
 * them in the hash. */
struct making {
    const char *even, *odd, *front, *behind;
};

static void name_candidate(const struct making *making, uint32_t number, char ret[NAME_BYTES])
{
    const char *before = number % 2 == 0 ? making->even : making->odd;
    (void)snprintf(ret, NAME_BYTES, "%s%06x", before, number / 2);
}

/* An even and an odd one. */
static void find_pair(const struct making *making, char ret_one[NAME_BYTES], char ret_other[NAME_BYTES])
{
    struct keyed_hash_keys keys;
    struct candidate *all = malloc(CANDIDATES * sizeof(*all));
    assert_non_null(all);
    keyed_hash_expand(settings.seed, &keys);
    for (uint32_t i = 0; i < CANDIDATES; i++) {
        char name[NAME_BYTES];
        name_candidate(making, i, name);
        all[i].number = i;
        all[i].hash = *making->front != '\0' ? hash_of(&keys, making->front, name)
                                             : hash_of(&keys, name, making->behind);
    }
    qsort(all, CANDIDATES, sizeof(*all), by_hash);
    size_t at = 1;
    while (at < CANDIDATES &&
           (all[at].hash != all[at - 1].hash || all[at].number % 2 == all[at - 1].number % 2))
        at++;
    assert_true(at < CANDIDATES);
    bool even_first = all[at].number % 2 == 1;
    name_candidate(making, all[even_first ? at - 1 : at].number, ret_one);
    name_candidate(making, all[even_first ? at : at - 1].number, ret_other);
    free(all);
}

/* ---- users, sessions, hosts ---------------------------------------------------------------------------- */

static struct tally *a_tally(void)
{
    struct tally *tally = tally_create(&settings);
    assert_non_null(tally);
    return tally;
}

static void put(struct tally *tally, const char *host, const char *id, const char *user)
{
    const struct connection connection = {.host = host, .id = id, .user = user};
    assert_int_equal(tally_put(tally, &connection, 0), 0);
}

static void users(void **state)
{
    (void)state;
    static const struct making makings[] = {
        {"u", "v", "", ""},
        {"u", "a name that is longer than any record ", "", ""},
        {"corp\\u", "corp\\v", "", ""}, /* folded already, so that the key is the name */
        {"corp\\u", "another\\v", "", ""},
        {"corp\\u", "v", "", ""},
    };
    for (size_t i = 0; i < COUNT(makings); i++) {
        struct tally *tally = a_tally();
        char one[NAME_BYTES], other[NAME_BYTES];
        struct tally_user user;
        find_pair(&makings[i], one, other);
        put(tally, "h", "1", one);
        assert_false(tally_user(tally, other, &user));
        put(tally, "h", "2", other);
        assert_int_equal(tally_level(tally)->concurrent_users, 2);
        assert_true(tally_user(tally, one, &user));
        assert_string_equal(user.name, one);
        assert_true(tally_user(tally, other, &user));
        assert_string_equal(user.name, other);
        assert_int_equal(tally_end(tally, "h", "1"), 0);
        assert_false(tally_user(tally, one, &user));
        assert_true(tally_user(tally, other, &user));
        tally_destroy(tally);
    }
}

static void hosts(void **state)
{
    (void)state;
    static const struct making makings[] = {{"h", "g", "", ""}, {"h", "another-host-", "", ""}};
    for (size_t i = 0; i < COUNT(makings); i++) {
        struct tally *tally = a_tally();
        char one[NAME_BYTES], other[NAME_BYTES];
        find_pair(&makings[i], one, other);
        put(tally, one, "1", "alice");
        assert_false(tally_user_on_host(tally, "alice", other));
        put(tally, other, "1", "bob");
        assert_int_equal(tally_level(tally)->hosts, 2);
        assert_true(tally_user_on_host(tally, "bob", other));
        assert_false(tally_user_on_host(tally, "bob", one));
        tally_destroy(tally);
    }
}

static void sessions(void **state)
{
    (void)state;
    char one[NAME_BYTES], other[NAME_BYTES];
    struct tally *tally = a_tally();
    struct tally_entry entry;
    find_pair(&(struct making){"s", "t", "h", ""}, one, other);
    put(tally, "h", one, "alice");
    assert_false(tally_find(tally, "h", other, &entry));
    put(tally, "h", other, "bob");
    assert_int_equal(tally_level(tally)->connections, 2);
    assert_int_equal(tally_end(tally, "h", one), 0);
    assert_true(tally_find(tally, "h", other, &entry));
    assert_string_equal(entry.connection.user, "bob");
    tally_destroy(tally);
}

static void the_same_session_id_on_two_hosts(void **state)
{
    (void)state;
    char one[NAME_BYTES], other[NAME_BYTES];
    struct tally *tally = a_tally();
    struct tally_entry entry;
    find_pair(&(struct making){"h", "g", "", "17"}, one, other);
    put(tally, one, "17", "alice");
    assert_false(tally_find(tally, other, "17", &entry));
    put(tally, other, "17", "bob");
    assert_int_equal(tally_level(tally)->connections, 2);
    tally_destroy(tally);
}

/* ---- brokers' ids -------------------------------------------------------------------------------------- */

static void pair(struct roster *roster, const char *host, const char *id, const char *broker_id,
                 const char *user)
{
    const struct connection session = {.host = host, .id = id, .user = user};
    const struct connection record = {.host = host, .id = broker_id, .user = user, .kind = KIND_APPLICATION};
    assert_int_equal(roster_broker_put(roster, &record, 1), 0);
    assert_int_equal(roster_host_set(roster, host, &session, 1, 1), 0);
}

static void ids_of_brokers(void **state)
{
    (void)state;
    char one[NAME_BYTES], other[NAME_BYTES];
    struct tally *tally = a_tally();
    struct roster *roster = roster_create(tally, settings.seed, NULL, NULL);
    assert_non_null(roster);
    find_pair(&(struct making){"s", "t", "h", ""}, one, other);
    pair(roster, "h", "1", one, "alice");
    assert_int_equal(roster_broker_end(roster, "h", other, 2), CORE_UNKNOWN);
    assert_int_equal(roster_broker_end(roster, "h", one, 2), 0);
    roster_destroy(roster);
    tally_destroy(tally);
}

static void the_same_id_of_brokers_on_two_hosts(void **state)
{
    (void)state;
    char one[NAME_BYTES], other[NAME_BYTES];
    struct tally *tally = a_tally();
    struct roster *roster = roster_create(tally, settings.seed, NULL, NULL);
    assert_non_null(roster);
    find_pair(&(struct making){"h", "g", "", "b17"}, one, other);
    pair(roster, one, "1", "b17", "alice");
    assert_int_equal(roster_broker_end(roster, other, "b17", 2), CORE_UNKNOWN);
    pair(roster, other, "1", "b17", "bob");
    assert_int_equal(roster_broker_end(roster, other, "b17", 2), 0);
    assert_int_equal(roster_broker_end(roster, one, "b17", 2), 0);
    assert_int_equal(tally_level(tally)->connections, 2);
    roster_destroy(roster);
    tally_destroy(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users),          cmocka_unit_test(hosts),
        cmocka_unit_test(sessions),       cmocka_unit_test(the_same_session_id_on_two_hosts),
        cmocka_unit_test(ids_of_brokers), cmocka_unit_test(the_same_id_of_brokers_on_two_hosts),
    };
    return cmocka_run_group_tests_name("names whose hashes are the same", tests, NULL, NULL);
}
