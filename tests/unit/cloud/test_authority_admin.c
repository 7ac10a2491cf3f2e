/* What the authority does for administrators, over a real database: each change with its order, its line of
 * the audit log, its refusals. */
#include "cloud/authority_admin.h"
#include "cloud/bookkeeping.h"
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
    assert_has(line.after, world->of.primary.text);

    struct admin_subscription stored;
    assert_int_equal(authority_admin_subscription(world->rows, 1, START_MS, &stored, &world->detail), 0);
    assert_int_equal(stored.verdict, LEDGER_GRANTED);
    assert_string_equal(stored.subscription.name, "office");
    assert_string_equal(stored.subscription.contract, "C-1");
    assert_int_equal(stored.subscription.plan, PLAN_PREMIUM);
    assert_string_equal(stored.primary.text, world->of.primary.text);

    assert_int_equal(buy(world, LEDGER_LICENCES_MAX + 1, "1y", CHANNEL_ONLINE), LEDGER_TOO_MANY);
    assert_int_equal(buy(world, 10, "1m", CHANNEL_RESELLER), LEDGER_MONTHLY_ONLINE);
    assert_int_equal(last_line_of(world, NULL).count, 1);
}

static enum ledger_verdict add(struct world *world, int64_t id, uint32_t licences)
{
    assert_int_equal(
        authority_admin_add(world->rows, &world->author, id, licences, &world->of, &world->detail), 0);
    return world->of.verdict;
}

static enum ledger_verdict renew(struct world *world, int64_t id, const char *term_text)
{
    struct term term = {.months = 0};
    assert_true(term_text == NULL || term_parse(term_text, &term));
    assert_int_equal(
        authority_admin_renew(world->rows, &world->author, id, &term, &world->of, &world->detail), 0);
    return world->of.verdict;
}

static enum ledger_verdict set(struct world *world, const char *name, const char *contract,
                               const bool *renews)
{
    struct subscription_change change = {.name = name, .contract = contract, .renews = renews};
    assert_int_equal(
        authority_admin_set_subscription(world->rows, &world->author, 1, &change, &world->of, &world->detail),
        0);
    return world->of.verdict;
}

/* As its first activation would. */
static void begin_term(struct world *world, int64_t now_ms)
{
    struct subscription subscription;
    assert_int_equal(rows_subscription(world->rows, 1, &subscription, &world->detail), 0);
    subscription_begin(&subscription, now_ms);
    assert_int_equal(rows_subscription_put(world->rows, &subscription, &world->detail), 0);
}

static void test_licences_added(void **state)
{
    struct world *world = *state;
    assert_int_equal(add(world, 1, 5), LEDGER_UNKNOWN_SUBSCRIPTION);
    assert_int_equal(buy(world, 10, "1y", CHANNEL_ONLINE), LEDGER_GRANTED);
    world->author.who = "rita";
    world->author.now_ms = START_MS + 7;
    assert_int_equal(add(world, 1, 5), LEDGER_GRANTED);
    assert_int_equal(world->of.subscription.licences, 15);
    assert_int_equal(world->of.subscription.purchases, 15);
    assert_int_equal(world->of.primary.quota, 15);
    assert_int_equal(world->of.order.kind, ORDER_ADD);
    struct last_line line = last_line_of(world, "1");
    assert_int_equal(line.count, 2);
    assert_int_equal(line.at_ms, START_MS + 7);
    assert_string_equal(line.who, "rita");
    assert_string_equal(line.what, "subscription.add");
    assert_has(line.before, "\"licences\":10,\"purchases\":10,");
    assert_has(line.after, "\"licences\":15,\"purchases\":15,");
    assert_int_equal(add(world, 1, LEDGER_LICENCES_MAX), LEDGER_TOO_MANY);
    assert_int_equal(last_line_of(world, NULL).count, 2);
}

static void test_a_renewal(void **state)
{
    struct world *world = *state;
    assert_int_equal(renew(world, 1, NULL), LEDGER_UNKNOWN_SUBSCRIPTION);
    assert_int_equal(buy(world, 10, "1y", CHANNEL_RESELLER), LEDGER_GRANTED);
    assert_int_equal(renew(world, 1, NULL), LEDGER_NOT_ACTIVATED);
    begin_term(world, START_MS);
    assert_int_equal(renew(world, 1, "1m"), LEDGER_MONTHLY_ONLINE);
    assert_int_equal(renew(world, 1, NULL), LEDGER_GRANTED);
    assert_int_equal(world->of.subscription.expires_ms, START_MS + 730 * DAY_MS);
    assert_int_equal(renew(world, 1, "3y"), LEDGER_GRANTED);
    assert_int_equal(world->of.order.expires_before_ms, START_MS + 730 * DAY_MS);
    assert_int_equal(world->of.order.expires_after_ms, START_MS + 1826 * DAY_MS);
    assert_int_equal(world->of.subscription.purchases, 10);
    struct last_line line = last_line_of(world, "1");
    assert_int_equal(line.count, 3);
    assert_string_equal(line.who, "socket");
    assert_string_equal(line.what, "subscription.renew");
    assert_has(line.before, "\"expires_at\":\"2028-02-01T00:00:00.000Z\"");
    assert_has(line.after, "\"expires_at\":\"2031-02-01T00:00:00.000Z\"");
}

static void keep_order(void *data, const struct order *order)
{
    struct order *orders = data; /* by id */
    orders[order->id] = *order;
}

static void test_what_is_due_is_renewed_first(void **state)
{
    struct world *world = *state;
    struct order orders[8] = {{.id = 0}};
    assert_int_equal(buy(world, 10, "1m", CHANNEL_ONLINE), LEDGER_GRANTED);
    begin_term(world, START_MS);
    world->author.now_ms = START_MS + 60 * DAY_MS; /* two terms later: 28 and 31 days */
    assert_int_equal(add(world, 1, 1), LEDGER_GRANTED);
    assert_int_equal(world->of.subscription.expires_ms, START_MS + 89 * DAY_MS);
    assert_int_equal(world->of.subscription.licences, 11);
    assert_int_equal(rows_each_order(world->rows, 1, 0, 9, keep_order, orders, &world->detail), 0);
    for (int id = 2; id <= 3; id++) {
        assert_int_equal(orders[id].kind, ORDER_RENEW);
        assert_true(orders[id].automatic);
        assert_int_equal(orders[id].at_ms, orders[id].expires_before_ms);
    }
    assert_int_equal(orders[4].kind, ORDER_ADD);
    assert_int_equal(orders[5].id, 0);
    struct last_line line = last_line_of(world, "1");
    assert_int_equal(line.count, 4);
}

static void test_a_subscription_edited(void **state)
{
    struct world *world = *state;
    assert_int_equal(set(world, "new", NULL, NULL), LEDGER_UNKNOWN_SUBSCRIPTION);
    assert_int_equal(buy(world, 10, "1y", CHANNEL_ONLINE), LEDGER_GRANTED);
    assert_int_equal(set(world, "new", "C-2", &no), LEDGER_GRANTED);
    assert_string_equal(world->of.subscription.name, "new");
    assert_string_equal(world->of.subscription.contract, "C-2");
    assert_false(world->of.subscription.renews);
    assert_int_equal(world->of.order.id, 0); /* no order */
    struct last_line line = last_line_of(world, "1");
    assert_string_equal(line.what, "subscription.edit");
    assert_has(line.before, "\"name\":\"office\",\"contract\":\"C-1\"");
    assert_has(line.after, "\"name\":\"new\",\"contract\":\"C-2\"");
    assert_int_equal(set(world, "new", NULL, &no), LEDGER_GRANTED); /* as it is already */
    assert_int_equal(last_line_of(world, NULL).count, line.count);
    assert_int_equal(set(world, NULL, NULL, &yes), LEDGER_GRANTED);
    assert_true(world->of.subscription.renews);
    begin_term(world, START_MS);
    assert_int_equal(set(world, NULL, NULL, &no), LEDGER_GRANTED);
    world->author.now_ms = START_MS + 366 * DAY_MS;
    assert_int_equal(set(world, "other", NULL, &yes), LEDGER_EXPIRED); /* and nothing of the rest */
    assert_int_equal(
        authority_admin_subscription(world->rows, 1, world->author.now_ms, &world->of, &world->detail), 0);
    assert_string_equal(world->of.subscription.name, "new");
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

static void count_key(void *data, const struct rows_key_line *line)
{
    int64_t *seen = data; /* how many, quotas */
    seen[0]++;
    seen[1] += line->key.quota;
}

static void test_a_further_key(void **state)
{
    struct world *world = *state;
    assert_int_equal(create(world, "division", 4, 0), LEDGER_UNKNOWN_SUBSCRIPTION);
    assert_int_equal(buy(world, 10, "1y", CHANNEL_ONLINE), LEDGER_GRANTED);
    assert_int_equal(create(world, "division", 4, 0), LEDGER_GRANTED);
    assert_int_equal(world->key.key.quota, 4);
    assert_string_equal(world->key.key.name, "division");
    struct last_line line = last_line_of(world, world->key.key.text);
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

/* A farm that runs on the key and reported the peak (-1: nothing yet). */
static void run_farm(struct world *world, const char *text, const char *farm_id, int64_t peak)
{
    struct key key;
    struct farm farm = {.status = FARM_ACTIVE, .activated_ms = START_MS};
    assert_int_equal(rows_key_by_text(world->rows, text, &key, &world->detail), 0);
    (void)snprintf(key.holder, sizeof key.holder, "%s", farm_id);
    assert_int_equal(rows_key_put(world->rows, &key, &world->detail), 0);
    farm.key_id = key.id;
    (void)snprintf(farm.id, sizeof farm.id, "%s", farm_id);
    (void)snprintf(farm.installation_id, sizeof farm.installation_id, "%s", farm_id);
    assert_int_equal(rows_farm_put(world->rows, &farm, &world->detail), 0);
    if (peak < 0)
        return;
    struct usage *usage = calloc(1, sizeof *usage);
    assert_non_null(usage);
    assert_int_equal(usage_take(usage,
                                &(struct usage_window){.sequence = 1,
                                                       .start_ms = START_MS,
                                                       .end_ms = START_MS + 1000,
                                                       .peak_at_ms = START_MS,
                                                       .peak_users = peak},
                                START_MS + 1000),
                     USAGE_COUNTED);
    assert_int_equal(rows_usage_put(world->rows, farm_id, usage, &world->detail), 0);
    free(usage);
}

/* Ten licences for a year from START_MS; "division" has four of them. */
static void divide(struct world *world, char ret_division[32])
{
    assert_int_equal(buy(world, 10, "1y", CHANNEL_ONLINE), LEDGER_GRANTED);
    begin_term(world, START_MS);
    assert_int_equal(create(world, "division", 4, 0), LEDGER_GRANTED);
    (void)snprintf(ret_division, 32, "%s", world->key.key.text);
}

static enum ledger_verdict edit(struct world *world, const char *key, const struct key_change *change,
                                bool confirmed)
{
    assert_int_equal(authority_admin_edit_key(world->rows, &world->author, key, change, confirmed,
                                              &world->key, &world->detail),
                     0);
    return world->key.verdict;
}

static enum ledger_verdict give(struct world *world, const char *key, uint32_t quota, bool confirmed)
{
    return edit(world, key, &(struct key_change){.quota = &quota}, confirmed);
}

static enum ledger_verdict delete_key(struct world *world, const char *key, bool confirmed)
{
    assert_int_equal(
        authority_admin_delete_key(world->rows, &world->author, key, confirmed, &world->key, &world->detail),
        0);
    return world->key.verdict;
}

static void test_a_key_edited(void **state)
{
    struct world *world = *state;
    char division[32], primary[32];
    struct key key;
    int64_t end_ms = START_MS + 365 * DAY_MS, late_ms = end_ms + 1, never_ms = 0;
    divide(world, division);
    (void)snprintf(primary, sizeof primary, "%s", world->of.primary.text);
    assert_int_equal(give(world, "nobody's", 1, false), LEDGER_UNKNOWN_KEY);
    assert_int_equal(give(world, division, 11, false), LEDGER_QUOTA_TOO_LARGE);
    assert_int_equal(world->key.quota_left, 10);
    assert_int_equal(give(world, division, 10, false), LEDGER_GRANTED);
    assert_int_equal(rows_key_by_text(world->rows, primary, &key, &world->detail), 0);
    assert_int_equal(key.quota, 0);
    struct last_line line = last_line_of(world, division);
    assert_string_equal(line.what, "key.edit");
    assert_has(line.before, "\"quota\":4");
    assert_has(line.after, "\"quota\":10");

    assert_int_equal(edit(world, division, &(struct key_change){.expires_ms = &late_ms}, false),
                     LEDGER_BEYOND_SUBSCRIPTION);
    assert_int_equal(edit(world, division, &(struct key_change){.expires_ms = &end_ms, .name = "two"}, false),
                     LEDGER_GRANTED);
    assert_int_equal(world->key.key.expires_ms, end_ms);
    assert_string_equal(world->key.key.name, "two");
    assert_int_equal(edit(world, division, &(struct key_change){.expires_ms = &never_ms}, false),
                     LEDGER_GRANTED);
    assert_int_equal(world->key.key.expires_ms, 0);
    assert_int_equal(give(world, primary, 3, false), LEDGER_PRIMARY);
    assert_int_equal(edit(world, primary, &(struct key_change){.name = "main"}, false), LEDGER_GRANTED);
    assert_string_equal(world->key.key.name, "main");

    int64_t lines = last_line_of(world, NULL).count;
    assert_int_equal(edit(world, primary, &(struct key_change){.name = "main"}, false), LEDGER_GRANTED);
    assert_int_equal(last_line_of(world, NULL).count, lines); /* nothing changed */
}

static void test_moves_are_reset(void **state)
{
    struct world *world = *state;
    struct key key;
    char division[32];
    divide(world, division);
    assert_int_equal(rows_key_by_text(world->rows, division, &key, &world->detail), 0);
    key.moves = 3;
    assert_int_equal(rows_key_put(world->rows, &key, &world->detail), 0);
    assert_int_equal(edit(world, division, &(struct key_change){.resets_moves = true}, false),
                     LEDGER_GRANTED);
    assert_int_equal(world->key.key.moves, 0);
    struct last_line line = last_line_of(world, division);
    assert_has(line.before, "\"moves\":3");
    assert_has(line.after, "\"moves\":0");
}

static void test_running_farms_keep_what_they_use(void **state)
{
    struct world *world = *state;
    char division[32], primary[32];
    divide(world, division);
    (void)snprintf(primary, sizeof primary, "%s", world->of.primary.text);
    run_farm(world, division, "f-division", 3);
    run_farm(world, primary, "f-primary", 5);
    static const struct {
        uint32_t quota;
        bool confirmed;
        enum ledger_verdict verdict;
    } table[] = {
        {3, false, LEDGER_GRANTED}, {2, false, LEDGER_BELOW_PEAK},      {2, true, LEDGER_GRANTED},
        {5, false, LEDGER_GRANTED}, {6, false, LEDGER_BELOW_PEAK}, /* the primary would have four */
        {6, true, LEDGER_GRANTED},  {11, true, LEDGER_QUOTA_TOO_LARGE},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        assert_int_equal(give(world, division, table[i].quota, table[i].confirmed), table[i].verdict);
    assert_int_equal(delete_key(world, division, false), LEDGER_BELOW_PEAK);
}

static void test_a_key_deleted(void **state)
{
    struct world *world = *state;
    struct key key;
    struct farm farm;
    char division[32], primary[32];
    divide(world, division);
    (void)snprintf(primary, sizeof primary, "%s", world->of.primary.text);
    run_farm(world, division, "f-1", -1);
    assert_int_equal(delete_key(world, primary, true), LEDGER_PRIMARY);
    assert_int_equal(delete_key(world, "nobody's", true), LEDGER_UNKNOWN_KEY);
    assert_int_equal(delete_key(world, division, false), LEDGER_GRANTED); /* it has reported nothing yet */
    assert_int_equal(world->key.key.deleted_ms, START_MS);
    assert_string_equal(world->key.key.holder, "");
    assert_int_equal(rows_key_by_text(world->rows, primary, &key, &world->detail), 0);
    assert_int_equal(key.quota, 10);
    assert_int_equal(rows_farm(world->rows, "f-1", &farm, &world->detail), 0);
    assert_int_equal(farm.status, FARM_DEACTIVATED);
    assert_int_equal(farm.reason, FARM_REASON_KEY_DELETED);
    assert_string_equal(last_line_of(world, division).what, "key.delete");
    struct last_line line = last_line_of(world, "f-1");
    assert_string_equal(line.what, "farm.deactivate");
    assert_string_equal(line.who, "socket");
    assert_has(line.after, "\"reason\":\"key_deleted\"");

    assert_int_equal(delete_key(world, division, true), LEDGER_KEY_DELETED);
    assert_int_equal(give(world, division, 1, true), LEDGER_KEY_DELETED);
    assert_int_equal(authority_admin_key(world->rows, division, START_MS, &world->key, &world->detail), 0);
    assert_int_equal(world->key.verdict, LEDGER_GRANTED);
    assert_int_equal(key_state(&world->key.subscription, &world->key.key, START_MS), KEY_DELETED);
}

static void count_farm(void *data, const struct rows_farm_line *line)
{
    (void)line;
    *(int *)data += 1;
}

static void test_a_cancellation_closes_all_its_farms(void **state)
{
    struct world *world = *state;
    char division[32], primary[32];
    struct admin_farm farm;
    divide(world, division);
    (void)snprintf(primary, sizeof primary, "%s", world->of.primary.text);
    run_farm(world, division, "f-1", 3);
    run_farm(world, primary, "f-2", 3);
    assert_int_equal(buy(world, 1, "1y", CHANNEL_ONLINE), LEDGER_GRANTED);
    run_farm(world, world->of.primary.text, "f-3", 1);

    assert_int_equal(authority_admin_cancel(world->rows, &world->author, 9, &world->of, &world->detail), 0);
    assert_int_equal(world->of.verdict, LEDGER_UNKNOWN_SUBSCRIPTION);
    assert_int_equal(authority_admin_cancel(world->rows, &world->author, 1, &world->of, &world->detail), 0);
    assert_int_equal(world->of.verdict, LEDGER_GRANTED);
    assert_string_equal(world->of.primary.holder, "");
    assert_int_equal(world->of.order.kind, ORDER_CANCEL);
    for (int i = 1; i <= 3; i++) {
        char id[8];
        (void)snprintf(id, sizeof id, "f-%d", i);
        assert_int_equal(authority_admin_farm(world->rows, id, &farm, NULL, &world->detail), 0);
        assert_int_equal(farm.line.farm.status, i < 3 ? FARM_DEACTIVATED : FARM_ACTIVE);
        assert_int_equal(farm.line.farm.reason, i < 3 ? FARM_REASON_CANCELLED : FARM_REASON_NONE);
        assert_int_equal(last_line_of(world, id).count, i < 3);
    }
    assert_string_equal(last_line_of(world, "1").what, "subscription.cancel");
    assert_int_equal(add(world, 1, 1), LEDGER_CANCELLED);
    assert_int_equal(renew(world, 1, NULL), LEDGER_CANCELLED);
    assert_int_equal(set(world, NULL, NULL, &yes), LEDGER_CANCELLED);
    assert_int_equal(create(world, "late", 1, 0), LEDGER_CANCELLED);
    assert_int_equal(give(world, division, 1, true), LEDGER_CANCELLED);
}

static int active_farms(struct world *world)
{
    struct rows_farm_filter filter = {.status = FARM_ACTIVE};
    int count = 0;
    assert_int_equal(rows_each_farm(world->rows, &filter, 0, INT64_MAX, count_farm, &count, &world->detail),
                     0);
    return count;
}

/* More farms than one transaction closes: the rest is closed by a sweep, or when it comes in. */
static void test_a_cancellation_of_many_farms(void **state)
{
    enum { FARMS = BOOKKEEPING_CLOSED_MAX + 30 };
    struct world *world = *state;
    struct farm farm;
    unsigned closed = 9;
    assert_int_equal(buy(world, FARMS, "1y", CHANNEL_ONLINE), LEDGER_GRANTED);
    begin_term(world, START_MS);
    assert_int_equal(rows_exec(world->rows, "BEGIN", &world->detail), 0);
    for (int i = 0; i < FARMS; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "f-%d", i);
        assert_int_equal(create(world, id, 1, 0), LEDGER_GRANTED);
        run_farm(world, world->key.key.text, id, -1);
    }
    assert_int_equal(bookkeeping_close_rest(world->rows, START_MS, &closed, &world->detail), 0);
    assert_int_equal(closed, 0); /* nobody has cancelled */
    assert_int_equal(authority_admin_cancel(world->rows, &world->author, 1, &world->of, &world->detail), 0);
    assert_int_equal(world->of.verdict, LEDGER_GRANTED);
    assert_int_equal(world->of.closed, BOOKKEEPING_CLOSED_MAX);
    assert_int_equal(active_farms(world), FARMS - BOOKKEEPING_CLOSED_MAX);

    assert_int_equal(rows_farm(world->rows, "f-229", &farm, &world->detail), 0);
    assert_int_equal(farm.status, FARM_ACTIVE);
    assert_int_equal(bookkeeping_close_if_cancelled(world->rows, &world->of.subscription, &farm, START_MS + 5,
                                                    &world->detail),
                     0);
    assert_int_equal(farm.status, FARM_DEACTIVATED);
    assert_int_equal(farm.reason, FARM_REASON_CANCELLED);
    assert_string_equal(last_line_of(world, "f-229").who, "authority");

    assert_int_equal(bookkeeping_close_rest(world->rows, START_MS + 9, &closed, &world->detail), 0);
    assert_int_equal(closed, FARMS - BOOKKEEPING_CLOSED_MAX - 1);
    assert_int_equal(active_farms(world), 0);
    assert_int_equal(bookkeeping_close_rest(world->rows, START_MS + 9, &closed, &world->detail), 0);
    assert_int_equal(closed, 0);
    assert_int_equal(rows_exec(world->rows, "COMMIT", &world->detail), 0);
}

/* --- what must hold ------------------------------------------------------------------------------------- */

static void test_a_damaged_ledger_is_not_made_worse(void **state)
{
    struct world *world = *state;
    char division[32];
    uint32_t quota = 5;
    divide(world, division);
    assert_int_equal(
        rows_exec(world->rows, "UPDATE licence SET quota = quota + 1 WHERE is_primary = 1", &world->detail),
        0);
    struct key_change change = {.quota = &quota};
    assert_int_equal(authority_admin_edit_key(world->rows, &world->author, division, &change, true,
                                              &world->key, &world->detail),
                     ERROR_DAMAGED);
    assert_string_equal(world->detail.text,
                        "the keys of subscription 1 have 11 of its 10 licences: the ledger "
                        "is damaged, and nothing was changed");
    assert_int_equal(authority_admin_add(world->rows, &world->author, 1, 1, &world->of, &world->detail),
                     ERROR_DAMAGED);
}

/* --- farms ---------------------------------------------------------------------------------------------- */

static void test_farms_are_shown_noted_and_deactivated(void **state)
{
    struct world *world = *state;
    char division[32];
    struct admin_farm farm;
    struct usage *usage = calloc(1, sizeof *usage);
    assert_non_null(usage);
    divide(world, division);
    run_farm(world, division, "f-1", 3);
    assert_int_equal(authority_admin_farm(world->rows, "f-1", &farm, usage, &world->detail), 0);
    assert_string_equal(farm.line.key, division);
    assert_int_equal(farm.line.subscription_id, 1);
    assert_int_equal(farm.line.totals.peak_users, 3);
    assert_int_equal(usage->window_count, 1);
    assert_int_equal(usage->day_count, 1);
    free(usage);

    assert_int_equal(
        authority_admin_note(world->rows, &world->author, "f-1", "ask Rita", &farm, &world->detail), 0);
    assert_true(farm.changed);
    assert_string_equal(farm.line.farm.note, "ask Rita");
    struct last_line line = last_line_of(world, "f-1");
    assert_string_equal(line.what, "farm.note");
    assert_string_equal(line.before, "{\"note\":\"\"}");
    assert_string_equal(line.after, "{\"note\":\"ask Rita\"}");
    assert_int_equal(
        authority_admin_note(world->rows, &world->author, "f-1", "ask Rita", &farm, &world->detail), 0);
    assert_false(farm.changed);
    assert_int_equal(
        authority_admin_note(world->rows, &world->author, "f-9", "nobody", &farm, &world->detail), 0);
    assert_int_equal(farm.verdict, LEDGER_UNKNOWN_FARM);

    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            authority_admin_deactivate(world->rows, &world->author, "f-1", &farm, &world->detail), 0);
        assert_int_equal(farm.changed, i == 0);
        assert_int_equal(farm.line.farm.status, FARM_DEACTIVATED);
        assert_string_equal(farm.line.farm.note, "ask Rita");
    }
    line = last_line_of(world, "f-1");
    assert_int_equal(line.count, 2);
    assert_string_equal(line.what, "farm.deactivate");
    assert_has(line.before, "\"status\":\"active\"");
    assert_has(line.after, "\"reason\":\"administrator\"");
    assert_int_equal(authority_admin_key(world->rows, division, START_MS, &world->key, &world->detail), 0);
    assert_int_equal(key_state(&world->key.subscription, &world->key.key, START_MS), KEY_FREE);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

static void keep_end(void *data, const struct subscription *subscription)
{
    *(int64_t *)data = subscription->expires_ms;
}

static void keep_keys_end(void *data, const struct rows_key_line *line)
{
    *(int64_t *)data = line->subscription.expires_ms;
}

static void test_lists_show_what_is_due_as_renewed(void **state)
{
    struct world *world = *state;
    int64_t end_ms = 0, now_ms = START_MS + 60 * DAY_MS;
    struct subscription stored;
    assert_int_equal(buy(world, 10, "1m", CHANNEL_ONLINE), LEDGER_GRANTED);
    begin_term(world, START_MS);
    assert_int_equal(
        authority_admin_each_subscription(world->rows, now_ms, 0, 9, keep_end, &end_ms, &world->detail), 0);
    assert_int_equal(end_ms, START_MS + 89 * DAY_MS);
    end_ms = 0;
    assert_int_equal(
        authority_admin_each_key(world->rows, now_ms, 0, 0, 9, keep_keys_end, &end_ms, &world->detail), 0);
    assert_int_equal(end_ms, START_MS + 89 * DAY_MS);
    assert_int_equal(rows_subscription(world->rows, 1, &stored, &world->detail), 0);
    assert_int_equal(stored.expires_ms, START_MS + 28 * DAY_MS); /* a list writes nothing */
    assert_int_equal(authority_admin_subscription(world->rows, 1, now_ms, &world->of, &world->detail), 0);
    assert_int_equal(rows_subscription(world->rows, 1, &stored, &world->detail), 0);
    assert_int_equal(stored.expires_ms, START_MS + 89 * DAY_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_purchase, begin, end),
        cmocka_unit_test_setup_teardown(test_licences_added, begin, end),
        cmocka_unit_test_setup_teardown(test_a_renewal, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_due_is_renewed_first, begin, end),
        cmocka_unit_test_setup_teardown(test_a_subscription_edited, begin, end),
        cmocka_unit_test_setup_teardown(test_a_further_key, begin, end),
        cmocka_unit_test_setup_teardown(test_a_key_edited, begin, end),
        cmocka_unit_test_setup_teardown(test_moves_are_reset, begin, end),
        cmocka_unit_test_setup_teardown(test_running_farms_keep_what_they_use, begin, end),
        cmocka_unit_test_setup_teardown(test_a_key_deleted, begin, end),
        cmocka_unit_test_setup_teardown(test_a_cancellation_closes_all_its_farms, begin, end),
        cmocka_unit_test_setup_teardown(test_a_cancellation_of_many_farms, begin, end),
        cmocka_unit_test_setup_teardown(test_a_damaged_ledger_is_not_made_worse, begin, end),
        cmocka_unit_test_setup_teardown(test_farms_are_shown_noted_and_deactivated, begin, end),
        cmocka_unit_test_setup_teardown(test_lists_show_what_is_due_as_renewed, begin, end),
    };
    return cmocka_run_group_tests_name("administrators' changes (RULES 5.1 to 5.4)", tests, NULL, NULL);
}
