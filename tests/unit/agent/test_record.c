/* test_record.c - what hosts write for each other comes back as it was, and nothing else comes back at all.
 */
#include "tests/unit/unit.h"

#include "agent/farm/record.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static struct record_farm farm;

static int open_farm(void **state)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {7};
    (void)state;
    return sodium_init() < 0 ? 1 : record_farm_init(&farm, "north-1", secret);
}

static struct wire_kv kv_of(const struct record_key *key, const struct record_value *value)
{
    assert_non_null(value->bytes);
    return (struct wire_kv){.key = key->text, .value = value->bytes, .value_bytes = value->count};
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

static void a_farm_has_a_plain_name(void **state)
{
    (void)state;
    static const uint8_t secret[SEAL_SECRET_BYTES];
    static const char *const bad[] = {
        "", "North", "a/b", "a b", "é", "0123456789012345678901234567890123456789012345678901234567890123"};
    struct record_farm other;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(record_farm_init(&other, bad[i], secret), ERROR_INVALID);
    assert_int_equal(record_farm_init(&other, "farm-7", secret), 0);
    assert_string_equal(other.prefix, "/farmgate/farm-7/");
}

static void a_key_tells_its_kind_and_no_name(void **state)
{
    (void)state;
    for (int kind = 0; kind < RECORD_OTHER; kind++) {
        const char *host = kind <= RECORD_BOOT ? "rds1.example" : NULL;
        if (kind == RECORD_WINDOW)
            continue;
        const char *session = kind == RECORD_SESSION || kind == RECORD_BROKER ? "c1" : NULL;
        struct record_key key = record_key(&farm, (enum record_kind)kind, host, session);
        assert_int_equal(record_kind_of(&farm, key.text), kind);
        assert_null(strstr(key.text, "rds1"));
        if (host == NULL)
            continue;
        struct record_key prefix = record_prefix(&farm, (enum record_kind)kind, NULL);
        assert_int_equal(strncmp(key.text, prefix.text, strlen(prefix.text)), 0);
        prefix = record_prefix(&farm, (enum record_kind)kind, host);
        if (session != NULL)
            assert_int_equal(strncmp(key.text, prefix.text, strlen(prefix.text)), 0);
    }
    static const char *const foreign[] = {"/farmgate/north-1/",        "/farmgate/north-1/host",
                                          "/farmgate/north-1/leader/", "/farmgate/north-2/leader",
                                          "/farmgate/north-1/sx/a",    "/elsewhere"};
    for (size_t i = 0; i < COUNT(foreign); i++)
        assert_int_equal(record_kind_of(&farm, foreign[i]), RECORD_OTHER);
}

static void windows_come_in_the_order_of_their_keys(void **state)
{
    (void)state;
    struct record_key early = record_window_key(&farm, 999), late = record_window_key(&farm, 1200000);
    assert_int_equal(record_kind_of(&farm, early.text), RECORD_WINDOW);
    assert_true(strcmp(early.text, late.text) < 0);
}

static void two_sessions_or_hosts_never_share_a_key(void **state)
{
    (void)state;
    struct record_key one = record_key(&farm, RECORD_SESSION, "h", "1");
    struct record_key other_session = record_key(&farm, RECORD_SESSION, "h", "2");
    struct record_key other_host = record_key(&farm, RECORD_SESSION, "h2", "1");
    struct record_key broker = record_key(&farm, RECORD_BROKER, "h", "1");
    assert_string_not_equal(one.text, other_session.text);
    assert_string_not_equal(one.text, other_host.text);
    assert_string_not_equal(one.text, broker.text);
}

/* ---- changes ------------------------------------------------------------------------------------------- */

static const struct change changes[] = {
    {.number = 1, .at_ms = 1000, .type = CHANGE_BOOTED, .host = "h", .boot_id = "boot-1"},
    {.number = 2,
     .at_ms = 1001,
     .type = CHANGE_SESSION,
     .more = true,
     .host = "h",
     .id = "c1",
     .user = "CORP\\Zoë",
     .connected_at_ms = 900,
     .kind = KIND_APPLICATION,
     .route = ROUTE_RDP_TUNNEL,
     .state = CONNECTION_DISCONNECTED,
     .administrator = ADMINISTRATOR_YES},
    {.number = 3, .at_ms = 1001, .type = CHANGE_SESSION_END, .host = "h", .id = "c2"},
    {.number = 4,
     .at_ms = 1002,
     .type = CHANGE_BROKER,
     .host = "another",
     .id = "b \"1\"",
     .user = "alice",
     .route = ROUTE_BROKER,
     .administrator = ADMINISTRATOR_UNKNOWN,
     .told_by = "h"},
    {.number = 5, .at_ms = 1003, .type = CHANGE_BROKER_END, .host = "another", .id = "b1"},
};

static void expect_change(const struct change *is, const struct change *should_be)
{
    assert_int_equal(is->number, should_be->number);
    assert_int_equal(is->at_ms, should_be->at_ms);
    assert_int_equal(is->type, should_be->type);
    assert_int_equal(is->more, should_be->more);
    assert_string_equal(is->host, should_be->host);
    assert_string_equal(is->id, should_be->id);
    assert_string_equal(is->user, should_be->user);
    assert_string_equal(is->boot_id, should_be->boot_id);
    assert_string_equal(is->told_by, should_be->told_by);
    assert_int_equal(is->connected_at_ms, should_be->connected_at_ms);
    assert_int_equal(is->kind, should_be->kind);
    assert_int_equal(is->route, should_be->route);
    assert_int_equal(is->state, should_be->state);
    if (should_be->type == CHANGE_SESSION || should_be->type == CHANGE_BROKER)
        assert_int_equal(is->administrator, should_be->administrator);
}

static void a_change_comes_back_from_the_journal_and_from_the_store(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct change read;
        struct error_detail detail = {""};
        char *text = change_text(&changes[i]);
        assert_non_null(text);
        assert_int_equal(change_read(text, strlen(text), &read, &detail), 0);
        expect_change(&read, &changes[i]);
        free(text);
        struct record_key key = record_key(&farm, RECORD_SESSION, changes[i].host, "x");
        struct record_value value = record_change_value(&farm, key.text, &changes[i]);
        struct wire_kv kv = kv_of(&key, &value);
        assert_int_equal(record_change_read(&farm, &kv, &read, &detail), 0);
        expect_change(&read, &changes[i]);
        free(value.bytes);
    }
}

static void a_connection_fits_into_a_change_or_not_at_all(void **state)
{
    (void)state;
    struct change change = {.type = CHANGE_SESSION};
    char long_name[CONNECTION_USER_BYTES_MAX + 2];
    struct connection connection = change_connection(&changes[1]);
    assert_true(change_set_connection(&change, &connection));
    struct connection back = change_connection(&change);
    assert_string_equal(back.user, "CORP\\Zoë");
    assert_int_equal(back.route, ROUTE_RDP_TUNNEL);
    memset(long_name, 'n', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    connection.user = long_name;
    assert_false(change_set_connection(&change, &connection));
    connection.user = "u";
    connection.id = long_name;
    assert_false(change_set_connection(&change, &connection));
    connection.id = "1";
    connection.host = long_name;
    assert_false(change_set_connection(&change, &connection));
}

static void a_change_that_lacks_something_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"{}", "number: missing"},
        {"{\"number\":0,\"at\":1,\"type\":\"booted\",\"host\":\"h\"}", "number: not between"},
        {"{\"number\":1,\"at\":1,\"type\":\"booted\",\"host\":\"h\"}", "boot_id: missing"},
        {"{\"number\":1,\"at\":1,\"type\":\"session_end\",\"host\":\"h\"}", "id: missing"},
        {"{\"number\":1,\"at\":1,\"type\":\"session\",\"host\":\"h\",\"id\":\"1\"}", "user: missing"},
        {"{\"number\":1,\"at\":1,\"type\":\"session_end\",\"host\":\"h\\u0007\",\"id\":\"1\"}",
         "host: contains"},
        {"{\"number\":1,\"at\":1,\"type\":\"nonsense\",\"host\":\"h\",\"id\":\"1\"}", "type"},
        {"{\"number\":1,\"at\":-1,\"type\":\"booted\",\"host\":\"h\",\"boot_id\":\"b\"}", "at"},
        {"[]", "not an object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct change change;
        struct error_detail detail = {""};
        assert_int_not_equal(change_read(cases[i].text, strlen(cases[i].text), &change, &detail), 0);
        if (strstr(detail.text, cases[i].words) == NULL)
            fail_msg("%s: \"%s\"", cases[i].text, detail.text);
    }
}

/* ---- hosts and their changes --------------------------------------------------------------------------- */

static void a_host_comes_back(void **state)
{
    (void)state;
    const struct record_host host = {"rds1", "machine", "0123456789abcdef", "0.4.0"};
    struct record_host read;
    struct error_detail detail;
    struct record_key key = record_key(&farm, RECORD_HOST, "rds1", NULL);
    struct record_value value = record_host_value(&farm, key.text, &host);
    struct wire_kv kv = kv_of(&key, &value);
    assert_int_equal(record_host_read(&farm, &kv, &read, &detail), 0);
    assert_memory_equal(&read, &host, sizeof read);
    struct record_key leader = record_key(&farm, RECORD_LEADER, NULL, NULL);
    kv.key = leader.text; /* put where it does not belong */
    assert_int_equal(record_host_read(&farm, &kv, &read, &detail), ERROR_SIGNATURE);
    free(value.bytes);
}

static struct record_value seq_value(const struct record_key *key, size_t count, uint64_t through)
{
    static struct record_seq seq;
    seq = (struct record_seq){.instance = "i", .through = through, .count = count};
    memcpy(seq.changes, changes, count * sizeof *changes);
    return record_seq_value(&farm, key->text, &seq);
}

static void a_hosts_changes_come_back_in_order(void **state)
{
    (void)state;
    static struct record_seq read;
    struct error_detail detail;
    struct record_key key = record_key(&farm, RECORD_SEQ, "h", NULL);
    struct record_value value = seq_value(&key, COUNT(changes), COUNT(changes));
    struct wire_kv kv = kv_of(&key, &value);
    assert_int_equal(record_seq_read(&farm, &kv, &read, &detail), 0);
    assert_string_equal(read.instance, "i");
    assert_int_equal(read.through, COUNT(changes));
    assert_int_equal(read.count, COUNT(changes));
    for (size_t i = 0; i < COUNT(changes); i++)
        expect_change(&read.changes[i], &changes[i]);
    free(value.bytes);
    value = seq_value(&key, 0, 17); /* nothing new, but how far it was */
    kv = kv_of(&key, &value);
    assert_int_equal(record_seq_read(&farm, &kv, &read, &detail), 0);
    assert_int_equal(read.through, 17);
    free(value.bytes);
}

static void changes_with_a_gap_are_refused(void **state)
{
    (void)state;
    static struct record_seq read;
    struct error_detail detail;
    struct record_key key = record_key(&farm, RECORD_SEQ, "h", NULL);
    struct record_value value = seq_value(&key, COUNT(changes), COUNT(changes) + 1);
    struct wire_kv kv = kv_of(&key, &value);
    assert_int_equal(record_seq_read(&farm, &kv, &read, &detail), ERROR_INVALID);
    assert_string_equal(detail.text, "changes[0].number: not in order");
    free(value.bytes);
}

static void another_farms_values_do_not_open(void **state)
{
    (void)state;
    static const uint8_t secret[SEAL_SECRET_BYTES] = {8};
    struct record_farm other;
    struct change read;
    struct error_detail detail;
    assert_int_equal(record_farm_init(&other, "north-1", secret), 0);
    struct record_key key = record_key(&farm, RECORD_BOOT, "h", NULL);
    struct record_value value = record_change_value(&farm, key.text, &changes[0]);
    struct wire_kv kv = kv_of(&key, &value);
    assert_int_equal(record_change_read(&other, &kv, &read, &detail), ERROR_SIGNATURE);
    kv.value_bytes = 3;
    assert_int_equal(record_change_read(&farm, &kv, &read, &detail), ERROR_SIGNATURE);
    free(value.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_farm_has_a_plain_name),
        cmocka_unit_test(a_key_tells_its_kind_and_no_name),
        cmocka_unit_test(windows_come_in_the_order_of_their_keys),
        cmocka_unit_test(two_sessions_or_hosts_never_share_a_key),
        cmocka_unit_test(a_change_comes_back_from_the_journal_and_from_the_store),
        cmocka_unit_test(a_connection_fits_into_a_change_or_not_at_all),
        cmocka_unit_test(a_change_that_lacks_something_is_refused_by_name),
        cmocka_unit_test(a_host_comes_back),
        cmocka_unit_test(a_hosts_changes_come_back_in_order),
        cmocka_unit_test(changes_with_a_gap_are_refused),
        cmocka_unit_test(another_farms_values_do_not_open),
    };
    return cmocka_run_group_tests(tests, open_farm, NULL);
}
