/* What the authority does for administrators, over a real database: each change with its order, its line of
 * the audit log, its refusals. */
#include "cloud/authority_admin.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS INT64_C(1769904000000) /* 2026-02-01 */
#define DAY_MS   INT64_C(86400000)

static const bool yes = true, no = false;

struct world {
    char directory[64], path[128];
    struct rows *rows;
    struct audit_author author;
    struct admin_subscription of;
    struct admin_key key;
    struct error_detail detail;
};

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return 1;
    *state = world;
    world->author = (struct audit_author){"socket", START_MS};
    (void)strcpy(world->directory, "/tmp/farmgate-test-XXXXXX");
    if (mkdtemp(world->directory) == NULL)
        return 1;
    (void)snprintf(world->path, sizeof world->path, "%s/ledger.db", world->directory);
    return rows_open(world->path, &world->rows, &world->detail);
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

/* --- the log -------------------------------------------------------------------------------------------- */

struct last_line {
    int64_t count, at_ms;
    char who[32], what[32], subject[64], before[1024], after[1024];
};

static void take_line(void *data, const struct rows_audit_line *line)
{
    struct last_line *last = data;
    last->count++;
    last->at_ms = line->at_ms;
    (void)snprintf(last->who, sizeof last->who, "%s", line->who);
    (void)snprintf(last->what, sizeof last->what, "%s", line->what);
    (void)snprintf(last->subject, sizeof last->subject, "%s", line->subject);
    (void)snprintf(last->before, sizeof last->before, "%s", line->before != NULL ? line->before : "null");
    (void)snprintf(last->after, sizeof last->after, "%s", line->after != NULL ? line->after : "null");
}

/* Of a subject (NULL: of all). */
static struct last_line last_line_of(struct world *world, const char *subject)
{
    struct last_line last = {.count = 0};
    assert_int_equal(
        rows_each_audit_line(world->rows, subject, 0, INT64_MAX, take_line, &last, &world->detail), 0);
    return last;
}

#define assert_has(text, part)                           \
    do {                                                 \
        if (strstr((text), (part)) == NULL)              \
            fail_msg("%s is not in %s", (part), (text)); \
    } while (0)

/* --- subscriptions -------------------------------------------------------------------------------------- */

static enum ledger_verdict buy(struct world *world, uint32_t licences, const char *term, enum channel channel)
{
    struct subscription_order wanted = {
        .name = "office", .contract = "C-1", .licences = licences, .plan = PLAN_PREMIUM, .channel = channel};
    assert_true(term_parse(term, &wanted.term));
    assert_int_equal(authority_admin_buy(world->rows, &world->author, &wanted, &world->of, &world->detail),
                     0);
    return world->of.verdict;
}

static void test_a_purchase(void **state)
{
    struct world *world = *state;
    assert_int_equal(buy(world, 10, "1y", CHANNEL_ONLINE), LEDGER_GRANTED);
    assert_int_equal(world->of.subscription.id, 1);
    assert_true(world->of.subscription.renews);
    assert_int_equal(world->of.primary.quota, 10);
    assert_true(world->of.primary.primary);
    assert_int_equal(world->of.order.id, 1);
    assert_int_equal(world->of.order.kind, ORDER_PURCHASE);
    assert_int_equal(world->of.order.licences, 10);

    struct last_line line = last_line_of(world, "1");
    assert_int_equal(line.count, 1);
    assert_int_equal(line.at_ms, START_MS);
    assert_string_equal(line.who, "socket");
    assert_string_equal(line.what, "subscription.create");
    assert_string_equal(line.before, "null");
    assert_has(line.after, "\"name\":\"office\",\"contract\":\"C-1\",\"licences\":10,\"purchases\":10,"
                           "\"term\":\"1y\",\"plan\":\"premium\",\"channel\":\"online\",\"renews\":true");
    assert_has(line.after, world->of.primary.key);

    struct admin_subscription stored;
    assert_int_equal(authority_admin_subscription(world->rows, 1, START_MS, &stored, &world->detail), 0);
    assert_int_equal(stored.verdict, LEDGER_GRANTED);
    assert_string_equal(stored.subscription.name, "office");
    assert_string_equal(stored.subscription.contract, "C-1");
    assert_int_equal(stored.subscription.plan, PLAN_PREMIUM);
    assert_string_equal(stored.primary.key, world->of.primary.key);

    assert_int_equal(buy(world, LEDGER_LICENCES_MAX + 1, "1y", CHANNEL_ONLINE), LEDGER_TOO_MANY);
    assert_int_equal(buy(world, 10, "1m", CHANNEL_RESELLER), LEDGER_MONTHLY_ONLINE);
    assert_int_equal(last_line_of(world, NULL).count, 1);
    (void)yes;
    (void)no;
}

/* --- keys ----------------------------------------------------------------------------------------------- */

static enum ledger_verdict create(struct world *world, const char *name, uint32_t quota, int64_t expires_ms)
{
    struct key_change wanted = {.name = name, .quota = &quota, .expires_ms = &expires_ms};
    assert_int_equal(authority_admin_create_key(world->rows, &world->author, 1, &wanted, false, &world->key,
                                                &world->detail),
                     0);
    return world->key.verdict;
}

static void count_key(void *data, const struct rows_licence_line *line)
{
    int64_t *seen = data; /* how many, quotas */
    seen[0]++;
    seen[1] += line->licence.quota;
}

static void test_a_further_key(void **state)
{
    struct world *world = *state;
    assert_int_equal(create(world, "division", 4, 0), LEDGER_UNKNOWN_SUBSCRIPTION);
    assert_int_equal(buy(world, 10, "1y", CHANNEL_ONLINE), LEDGER_GRANTED);
    assert_int_equal(create(world, "division", 4, 0), LEDGER_GRANTED);
    assert_int_equal(world->key.key.quota, 4);
    assert_string_equal(world->key.key.name, "division");
    struct last_line line = last_line_of(world, world->key.key.key);
    assert_int_equal(line.count, 1);
    assert_string_equal(line.what, "key.create");
    assert_has(line.after, "\"subscription_id\":1,\"name\":\"division\",\"primary\":false,\"quota\":4");

    assert_int_equal(create(world, "more", 7, 0), LEDGER_QUOTA_TOO_LARGE);
    assert_int_equal(world->key.quota_left, 6);
    assert_int_equal(create(world, "rest", 6, 0), LEDGER_GRANTED);
    assert_int_equal(create(world, "nothing", 0, 0), LEDGER_GRANTED);

    int64_t seen[2] = {0, 0};
    assert_int_equal(
        authority_admin_each_key(world->rows, START_MS, 1, 0, 100, count_key, seen, &world->detail), 0);
    assert_int_equal(seen[0], 4);
    assert_int_equal(seen[1], 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_purchase, begin, end),
        cmocka_unit_test_setup_teardown(test_a_further_key, begin, end),
    };
    return cmocka_run_group_tests_name("administrators' changes (RULES 5.1 to 5.4)", tests, NULL, NULL);
}
