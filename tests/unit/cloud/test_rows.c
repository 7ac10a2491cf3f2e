/* The ledger's database: what a later version makes of an older file, what it refuses to forget, and how its
 * lists are found among a million farms. */
#include "cloud/ledger/key.h"
#include "cloud/store/rows_internal.h"
#include "tests/unit/unit.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_MS INT64_C(1769904000000)

struct world {
    char directory[64], path[128];
    struct rows *rows;
    struct error_detail detail;
};

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return 1;
    *state = world;
    (void)strcpy(world->directory, "/tmp/farmgate-test-XXXXXX");
    if (mkdtemp(world->directory) == NULL)
        return 1;
    (void)snprintf(world->path, sizeof world->path, "%s/ledger.db", world->directory);
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"", "-wal", "-shm"};
    rows_close(world->rows);
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[160];
        (void)snprintf(path, sizeof path, "%s%s", world->path, names[i]);
        (void)unlink(path);
    }
    int error = rmdir(world->directory);
    free(world);
    return error;
}

static void open_rows(struct world *world)
{
    if (rows_open(world->path, &world->rows, &world->detail) != 0)
        fail_msg("%s", world->detail.text);
}

/* Runs SQL on the closed file as nobody who knows better. */
static void run_sql(struct world *world, const char *sql)
{
    sqlite3 *handle;
    char *message = NULL;
    assert_int_equal(sqlite3_open(world->path, &handle), SQLITE_OK);
    if (sqlite3_exec(handle, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

/* --- version 1 ------------------------------------------------------------------------------------------ */

/* As version 0.1 of the authority made it: two subscriptions with a key each, one of which runs a farm. */
static const char version_1[] =
    "CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
    "CREATE TABLE subscription (id INTEGER PRIMARY KEY, name TEXT NOT NULL, licences INTEGER NOT NULL,"
    " purchases INTEGER NOT NULL, term_months INTEGER NOT NULL, term_days INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, activated_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE licence (id INTEGER PRIMARY KEY,"
    " subscription_id INTEGER NOT NULL REFERENCES subscription (id), key TEXT NOT NULL UNIQUE,"
    " name TEXT NOT NULL, quota INTEGER NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
    " deleted_ms INTEGER NOT NULL, moves INTEGER NOT NULL, last_installation TEXT NOT NULL,"
    " holder TEXT NOT NULL) STRICT;"
    "CREATE TABLE farm (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, licence_id INTEGER NOT NULL,"
    " installation_id TEXT NOT NULL, name TEXT NOT NULL, app_version TEXT NOT NULL, status INTEGER NOT NULL,"
    " reason INTEGER NOT NULL, activated_ms INTEGER NOT NULL, deactivated_ms INTEGER NOT NULL,"
    " reported_ms INTEGER NOT NULL, trial_limit INTEGER NOT NULL, trial_ends_ms INTEGER NOT NULL,"
    " serial INTEGER NOT NULL, issued_ms INTEGER NOT NULL, accepted_through INTEGER NOT NULL DEFAULT 0,"
    " windows_counted INTEGER NOT NULL DEFAULT 0, windows_refused INTEGER NOT NULL DEFAULT 0,"
    " windows_missing INTEGER NOT NULL DEFAULT 0, clock_ahead_ms INTEGER NOT NULL DEFAULT 0,"
    " peak_users INTEGER NOT NULL DEFAULT 0, peak_at_ms INTEGER NOT NULL DEFAULT 0, token BLOB,"
    " former_token BLOB, windows BLOB, days BLOB, UNIQUE (licence_id, installation_id)) STRICT;"
    "INSERT INTO note VALUES ('public_key', 'the key');"
    "INSERT INTO subscription VALUES (1, 'office', 10, 10, 12, 0, 1769904000000, 1769904000001, "
    "1801440000001);"
    "INSERT INTO subscription VALUES (2, 'school', 7, 7, 0, 90, 1769904000002, 0, 0);"
    "INSERT INTO licence VALUES (1, 1, 'KEY-1', 'office', 10, 1769904000000, 0, 0, 2, 'A', 'f-1');"
    "INSERT INTO licence VALUES (2, 2, 'KEY-2', 'school', 7, 1769904000002, 0, 0, 0, '', '');"
    "INSERT INTO farm (id, licence_id, installation_id, name, app_version, status, reason, activated_ms,"
    " deactivated_ms, reported_ms, trial_limit, trial_ends_ms, serial, issued_ms, windows_counted)"
    " VALUES ('f-1', 1, 'A', 'main', '0.1.0', 1, 0, 1769904000001, 0, 5, 0, 0, 77, 6, 3);"
    "PRAGMA application_id = 1179077681; PRAGMA user_version = 1;";

static void keep_order(void *data, const struct order *order)
{
    *(struct order *)data = *order;
}

static void a_ledger_of_version_1_becomes_one_of_today(void **state)
{
    struct world *world = *state;
    struct subscription subscription;
    struct key key;
    struct rows_farm_line farm;
    struct order order = {.id = 0};
    char note[32];

    run_sql(world, version_1);
    for (int i = 0; i < 2; i++) { /* and again: nothing is done twice */
        open_rows(world);
        assert_int_equal(rows_note(world->rows, "public_key", note, sizeof note, &world->detail), 0);
        assert_string_equal(note, "the key");
        for (int64_t id = 1; id <= 2; id++) {
            assert_int_equal(rows_subscription(world->rows, id, &subscription, &world->detail), 0);
            assert_false(subscription.renews); /* it did not, so nobody gets what was not ordered */
            assert_int_equal(subscription.plan, PLAN_STANDARD);
            assert_int_equal(subscription.channel, CHANNEL_ONLINE);
            assert_int_equal(subscription.cancelled_ms, 0);
            assert_string_equal(subscription.contract, "");
            assert_int_equal(rows_key_primary(world->rows, id, &key, &world->detail), 0);
            assert_int_equal(key.id, id);
            assert_true(key_quotas_fit(&subscription, &key, 1));
            assert_int_equal(rows_each_order(world->rows, id, 0, 1, keep_order, &order, &world->detail), 0);
            assert_int_equal(order.id, id);
            assert_int_equal(order.kind, ORDER_PURCHASE);
            assert_int_equal(order.licences, subscription.purchases);
            assert_int_equal(order.at_ms, subscription.created_ms);
        }
        assert_int_equal(order.term.days, 90);
        assert_int_equal(rows_farm_line(world->rows, "f-1", &farm, &world->detail), 0);
        assert_string_equal(farm.key, "KEY-1");
        assert_string_equal(farm.farm.note, "");
        assert_int_equal(farm.subscription_id, 1);
        assert_int_equal(farm.farm.serial, 77);
        assert_int_equal(farm.totals.windows_counted, 3);
        rows_close(world->rows);
        world->rows = NULL;
    }
}

/* Before version 3 a month's end was counted from the last one alone. */
static void months_of_before_get_their_day(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *term, *activated, *expires; /* '0': not begun */
        int anchor_day;
    } rows[] = {
        {"1, 0", "2026-01-15", "2026-02-15", 15},
        {"1, 0", "2026-01-31", "2026-02-28", 31},
        {"1, 0", "2028-01-30", "2028-02-29", 30},
        {"1, 0", "2026-03-31", "2026-04-30", 31},
        {"1, 0", "2026-01-31", "2026-03-28", 28}, /* had lost its day already */
        {"1, 0", "2026-01-28", "2026-02-28", 28},
        {"12, 0", "2028-02-29", "2029-02-28", 29},
        {"0, 28", "2026-01-31", "2026-02-28", 28}, /* days, not months */
        {"1, 0", "0", "0", 0},
    };
    run_sql(world, version_1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char sql[400];
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO subscription VALUES (%zu, '', 1, 1, %s, 0,"
                       " CASE '%s' WHEN '0' THEN 0 ELSE unixepoch('%s') * 1000 + 7 END,"
                       " CASE '%s' WHEN '0' THEN 0 ELSE unixepoch('%s') * 1000 + 7 END)",
                       i + 10, rows[i].term, rows[i].activated, rows[i].activated, rows[i].expires,
                       rows[i].expires);
        run_sql(world, sql);
    }
    open_rows(world);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription subscription;
        assert_int_equal(rows_subscription(world->rows, (int64_t)i + 10, &subscription, &world->detail), 0);
        assert_int_equal(subscription.anchor_day, rows[i].anchor_day);
        assert_int_equal(rows_subscription_put(world->rows, &subscription, &world->detail), 0);
        subscription.anchor_day = -1;
        assert_int_equal(rows_subscription(world->rows, (int64_t)i + 10, &subscription, &world->detail), 0);
        assert_int_equal(subscription.anchor_day, rows[i].anchor_day);
    }
}

/* --- the audit log -------------------------------------------------------------------------------------- */

static void count_line(void *data, const struct rows_audit_line *line)
{
    int64_t *seen = data; /* how many, the last id */
    assert_true(line->id > seen[1]);
    seen[0]++;
    seen[1] = line->id;
}

static void the_audit_log_only_grows(void **state)
{
    struct world *world = *state;
    static const char *const refused[] = {
        "UPDATE audit SET who = 'nobody' WHERE id = 1",
        "UPDATE audit SET after = NULL",
        "DELETE FROM audit WHERE id = 2",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit VALUES (1, 0, 'nobody', 'nothing', '', NULL, NULL)",
        "REPLACE INTO audit VALUES (2, 0, 'nobody', 'nothing', '', NULL, NULL)",
    };
    open_rows(world);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rows_audit_put(world->rows,
                                        &(struct rows_audit_line){.at_ms = FIRST_MS + i,
                                                                  .who = "socket",
                                                                  .what = "key.edit",
                                                                  .subject = i % 2 == 0 ? "A" : "B",
                                                                  .after = "{}"},
                                        &world->detail),
                         0);
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_int_not_equal(rows_exec(world->rows, refused[i], &world->detail), 0);
        assert_non_null(strstr(world->detail.text, "append-only"));
    }
    int64_t seen[2] = {0, 0}, of_a[2] = {0, 0};
    assert_int_equal(rows_each_audit_line(world->rows, NULL, 0, 3, count_line, seen, &world->detail), 0);
    assert_int_equal(seen[0], 3);
    assert_int_equal(rows_each_audit_line(world->rows, NULL, seen[1], 3, count_line, seen, &world->detail),
                     0);
    assert_int_equal(seen[0], 5);
    assert_int_equal(rows_each_audit_line(world->rows, "A", 0, 9, count_line, of_a, &world->detail), 0);
    assert_int_equal(of_a[0], 3);

    /* nor does another program on the closed file get around it by accident */
    rows_close(world->rows);
    world->rows = NULL;
    sqlite3 *handle;
    assert_int_equal(sqlite3_open(world->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

enum { FARMS = 40 };

/* Subscriptions 1 and 2 with keys K1, K2 (of 1) and K3 (of 2); farms of K1, K2, K3 and trials in turn; every
 * third one is deactivated. */
static void fill(struct world *world)
{
    open_rows(world);
    for (int i = 1; i <= 2; i++) {
        struct subscription subscription = {.name = "s", .licences = 1};
        assert_int_equal(rows_subscription_put(world->rows, &subscription, &world->detail), 0);
        assert_int_equal(subscription.id, i);
    }
    for (int i = 1; i <= 3; i++) {
        struct key key = {.subscription_id = i == 3 ? 2 : 1, .primary = i != 2};
        (void)snprintf(key.text, sizeof key.text, "K%d", i);
        assert_int_equal(rows_key_put(world->rows, &key, &world->detail), 0);
    }
    for (int i = 0; i < FARMS; i++) {
        struct farm farm = {.key_id = i % 4, .status = i % 3 == 0 ? FARM_DEACTIVATED : FARM_ACTIVE};
        (void)snprintf(farm.id, sizeof farm.id, "f-%d", i);
        (void)snprintf(farm.installation_id, sizeof farm.installation_id, "i-%d", i);
        assert_int_equal(rows_farm_put(world->rows, &farm, &world->detail), 0);
    }
}

struct page {
    int64_t count, cursor;
    const struct rows_farm_filter *filter;
};

static void check_farm(void *data, const struct rows_farm_line *line)
{
    struct page *page = data;
    const struct rows_farm_filter *filter = page->filter;
    assert_true(line->cursor > page->cursor);
    if (filter->status != FARM_NEW)
        assert_int_equal(line->farm.status, filter->status);
    if (filter->key != NULL)
        assert_string_equal(line->key, filter->key);
    else if (filter->subscription_id != 0)
        assert_int_equal(line->subscription_id, filter->subscription_id);
    page->count++;
    page->cursor = line->cursor;
}

static void farms_are_listed_by_status_subscription_and_key(void **state)
{
    struct world *world = *state;
    static const struct {
        struct rows_farm_filter filter;
        int64_t count;
    } table[] = {
        {{.status = FARM_NEW}, 40},
        {{.status = FARM_ACTIVE}, 26},
        {{.status = FARM_DEACTIVATED}, 14},
        {{.subscription_id = 1}, 20},
        {{.subscription_id = 2}, 10},
        {{.subscription_id = 3}, 0},
        {{.subscription_id = 1, .status = FARM_DEACTIVATED}, 6},
        {{.key = "K2"}, 10},
        {{.key = "K2", .status = FARM_ACTIVE}, 7},
        {{.key = "K4"}, 0},
    };
    fill(world);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct page page = {.filter = &table[i].filter};
        for (int64_t had = -1; page.count != had;) {
            had = page.count;
            assert_int_equal(
                rows_each_farm(world->rows, page.filter, page.cursor, 3, check_farm, &page, &world->detail),
                0);
            assert_true(page.count - had <= 3);
        }
        assert_int_equal(page.count, table[i].count);
    }
}

/* With a million farms nothing may be looked for one by one. */
static void no_statement_scans_a_table(void **state)
{
    struct world *world = *state;
#define STATEMENT_SQL(name, sql) sql,
    static const char *const sqls[] = {STATEMENTS(STATEMENT_SQL)};
    open_rows(world);
    for (size_t i = 0; i < COUNT(sqls); i++) {
        char plan[4096];
        sqlite3_stmt *statement;
        (void)snprintf(plan, sizeof plan, "EXPLAIN QUERY PLAN %s", sqls[i]);
        assert_int_equal(sqlite3_prepare_v2(world->rows->db.handle, plan, -1, &statement, NULL), SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(statement, 3);
            if (strncmp(step, "SCAN", 4) == 0)
                fail_msg("%s: %s", sqls[i], step);
        }
        (void)sqlite3_finalize(statement);
    }
}

static void a_note_stands_apart_from_the_farm(void **state)
{
    struct world *world = *state;
    struct rows_farm_line line;
    struct farm farm;
    fill(world);
    assert_int_equal(rows_farm_note_put(world->rows, "f-1", "first", &world->detail), 0);
    assert_int_equal(rows_farm_note_put(world->rows, "f-1", "second", &world->detail), 0);
    assert_int_equal(rows_farm(world->rows, "f-1", &farm, &world->detail), 0);
    assert_int_equal(rows_farm_put(world->rows, &farm, &world->detail), 0); /* as a report does */
    assert_int_equal(rows_farm_line(world->rows, "f-1", &line, &world->detail), 0);
    assert_string_equal(line.farm.note, "second");
    assert_int_equal(rows_farm_line(world->rows, "f-99", &line, &world->detail), ERROR_NOT_FOUND);
    assert_int_not_equal(rows_farm_note_put(world->rows, "f-99", "nobody's", &world->detail), 0);
}

static void held_keys_come_one_by_one(void **state)
{
    struct world *world = *state;
    struct key key;
    fill(world);
    assert_int_equal(rows_key_held(world->rows, 1, 0, &key, &world->detail), ERROR_NOT_FOUND);
    for (int64_t id = 1; id <= 3; id++) {
        assert_int_equal(rows_key(world->rows, id, &key, &world->detail), 0);
        (void)strcpy(key.holder, "f-1");
        assert_int_equal(rows_key_put(world->rows, &key, &world->detail), 0);
    }
    assert_int_equal(rows_key_held(world->rows, 1, 0, &key, &world->detail), 0);
    assert_int_equal(key.id, 1);
    assert_int_equal(rows_key_held(world->rows, 1, 1, &key, &world->detail), 0);
    assert_int_equal(key.id, 2);
    assert_int_equal(rows_key_held(world->rows, 1, 2, &key, &world->detail), ERROR_NOT_FOUND);
}

static void a_subscription_has_one_primary_key(void **state)
{
    struct world *world = *state;
    fill(world);
    struct key second = {.subscription_id = 1, .primary = true, .text = "K9"};
    assert_int_not_equal(rows_key_put(world->rows, &second, &world->detail), 0);
}

static void trials_are_counted_by_day(void **state)
{
    struct world *world = *state;
    int64_t begun = -1;
    open_rows(world);
    assert_int_equal(rows_trials(world->rows, 20000, "192.0.2.1", &begun, &world->detail), 0);
    assert_int_equal(begun, 0);
    for (int64_t i = 1; i <= 3; i++) {
        assert_int_equal(rows_trials_count(world->rows, 20000, "192.0.2.1", &world->detail), 0);
        assert_int_equal(rows_trials(world->rows, 20000, "192.0.2.1", &begun, &world->detail), 0);
        assert_int_equal(begun, i);
    }
    assert_int_equal(rows_trials(world->rows, 20000, "192.0.2.2", &begun, &world->detail), 0);
    assert_int_equal(begun, 0);
    assert_int_equal(rows_trials_count(world->rows, 20001, "", &world->detail), 0);
    assert_int_equal(rows_trials(world->rows, 20000, "192.0.2.1", &begun, &world->detail), 0);
    assert_int_equal(begun, 0); /* nobody asks for yesterday */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_ledger_of_version_1_becomes_one_of_today, begin, end),
        cmocka_unit_test_setup_teardown(months_of_before_get_their_day, begin, end),
        cmocka_unit_test_setup_teardown(the_audit_log_only_grows, begin, end),
        cmocka_unit_test_setup_teardown(farms_are_listed_by_status_subscription_and_key, begin, end),
        cmocka_unit_test_setup_teardown(no_statement_scans_a_table, begin, end),
        cmocka_unit_test_setup_teardown(a_note_stands_apart_from_the_farm, begin, end),
        cmocka_unit_test_setup_teardown(held_keys_come_one_by_one, begin, end),
        cmocka_unit_test_setup_teardown(a_subscription_has_one_primary_key, begin, end),
        cmocka_unit_test_setup_teardown(trials_are_counted_by_day, begin, end),
    };
    return cmocka_run_group_tests_name("the ledger's database", tests, NULL, NULL);
}
