/* What the authority does, over a real database and a clock of the test's own. */
#include "cloud/authority.h"
#include "cloud/authority_admin.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS  INT64_C(1769904000000) /* 2026-02-01 */
#define DAY_MS    INT64_C(86400000)
#define WINDOW_MS INT64_C(1200000)

struct world {
    char directory[64], path[128];
    struct rows *rows;
    struct authority authority;
    struct entitlement_keyring keyring;
    struct authority_activation activation;
    struct report_request request;
    struct authority_report report;
    struct report_answer answer;
    struct authority_release release;
    char source[64];
    struct error_detail detail;
};

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return 1;
    *state = world;
    (void)strcpy(world->directory, "/tmp/farmgate-test-XXXXXX");
    if (mkdtemp(world->directory) == NULL || entitlement_init() != 0)
        return 1;
    (void)snprintf(world->path, sizeof world->path, "%s/ledger.db", world->directory);
    world->authority.trial_limit = 25;
    world->authority.trials_per_day = 1000;
    world->authority.trials_per_day_and_source = 10;
    (void)strcpy(world->source, "192.0.2.1");
    world->authority.refresh_ms = 30 * DAY_MS;
    if (entitlement_key_generate("k1", &world->authority.key) != 0)
        return 1;
    world->keyring.keys[0] = world->authority.key.key;
    world->keyring.count = 1;
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

/* Of a subscription that does not renew by itself. */
static void new_key(struct world *world, uint32_t limit, const char *term_text, char ret[32])
{
    static const bool renews = false;
    const struct audit_author author = {"socket", START_MS};
    struct admin_subscription of;
    struct subscription_order wanted = {
        .name = "office", .contract = "", .licences = limit, .renews = &renews};
    assert_true(term_parse(term_text, &wanted.term));
    assert_int_equal(authority_admin_buy(world->rows, &author, &wanted, &of, &world->detail), 0);
    assert_int_equal(of.verdict, LEDGER_GRANTED);
    (void)snprintf(ret, 32, "%s", of.primary.text);
}

static enum activation_verdict activate(struct world *world, const char *key, const char *installation,
                                        bool move, int64_t now_ms)
{
    struct activation_request request = {.trial = key == NULL, .move = move};
    (void)snprintf(request.license_key, sizeof request.license_key, "%s", key != NULL ? key : "");
    (void)snprintf(request.installation_id, sizeof request.installation_id, "%s", installation);
    (void)strcpy(request.farm_name, "main office");
    (void)strcpy(request.app_version, "0.1.0");
    memset(&world->activation, 0, sizeof world->activation);
    assert_int_equal(authority_activate(&world->authority, world->rows, &request, world->source, now_ms,
                                        &world->activation, &world->detail),
                     0);
    return world->activation.verdict;
}

static struct entitlement verified(struct world *world, const char *text)
{
    struct entitlement entitlement;
    assert_int_equal(entitlement_verify(text, strlen(text), &world->keyring, &entitlement, &world->detail),
                     0);
    return entitlement;
}

static void add_window(struct world *world, int64_t sequence, int64_t start_ms, int64_t peak)
{
    world->request.windows[world->request.window_count++] =
        (struct report_window){.sequence = sequence,
                               .start_ms = start_ms,
                               .end_ms = start_ms + WINDOW_MS,
                               .peak_at_ms = start_ms,
                               .peak_users = peak,
                               .hosts = 1};
}

static bool report(struct world *world, const char *farm_id, const char *token, int64_t now_ms)
{
    (void)snprintf(world->request.farm_id, sizeof world->request.farm_id, "%s", farm_id);
    memset(&world->report, 0, sizeof world->report);
    assert_int_equal(authority_report(&world->authority, world->rows, &world->request, token, now_ms,
                                      &world->report, &world->detail),
                     0);
    if (world->report.access != AUTHORITY_KNOWN)
        return false;
    assert_int_equal(authority_answer(&world->authority, &world->report, &world->answer, &world->detail), 0);
    return true;
}

static void test_a_key_from_first_to_last(void **state)
{
    struct world *world = *state;
    char key[32], farm_a[64], token_a[64];
    new_key(world, 10, "1m", key);
    assert_int_equal(activate(world, key, "A", false, START_MS), ACTIVATION_GRANTED);
    struct entitlement entitlement = verified(world, world->activation.answer.entitlement);
    assert_string_equal(entitlement.farm_id, world->activation.answer.farm_id);
    assert_string_equal(entitlement.installation_id, "A");
    assert_int_equal(entitlement.status, ENTITLEMENT_STANDS);
    assert_string_equal(entitlement.reason, "");
    assert_int_equal(entitlement.limit, 10);
    assert_int_equal(entitlement.purchases, 10);
    assert_false(entitlement.trial);
    assert_int_equal(entitlement.serial, START_MS);
    assert_int_equal(entitlement.issued_at_ms, START_MS);
    assert_int_equal(entitlement.refresh_by_ms, START_MS + 30 * DAY_MS);
    assert_int_equal(entitlement.expires_at_ms, START_MS + 28 * DAY_MS);
    (void)strcpy(farm_a, world->activation.answer.farm_id);
    (void)strcpy(token_a, world->activation.answer.farm_token);

    assert_int_equal(activate(world, key, "B", false, START_MS + 1), ACTIVATION_KEY_IN_USE);
    assert_int_equal(world->activation.moves_left, 3);
    assert_int_equal(activate(world, key, "B", true, START_MS + 2), ACTIVATION_GRANTED);
    assert_string_not_equal(world->activation.answer.farm_id, farm_a);

    /* the old installation is told so, and may still deliver */
    add_window(world, 1, START_MS - WINDOW_MS, 4);
    assert_true(report(world, farm_a, token_a, START_MS + 3));
    assert_int_equal(world->answer.accepted_through, 1);
    entitlement = verified(world, world->answer.entitlement);
    assert_int_equal(entitlement.status, ENTITLEMENT_REVOKES);
    assert_string_equal(entitlement.reason, "key moved");
    assert_string_equal(entitlement.farm_id, farm_a);
    assert_string_equal(entitlement.installation_id, "A");

    /* back again: the same farm id as before */
    assert_int_equal(activate(world, key, "A", true, START_MS + 4), ACTIVATION_GRANTED);
    assert_string_equal(world->activation.answer.farm_id, farm_a);
    assert_int_equal(activate(world, key, "C", true, START_MS + 5), ACTIVATION_GRANTED);
    assert_int_equal(activate(world, key, "D", true, START_MS + 6), ACTIVATION_MOVES_EXHAUSTED);
    assert_int_equal(world->activation.moves_left, 0);
    assert_int_equal(activate(world, key, "C", false, START_MS + 28 * DAY_MS), ACTIVATION_EXPIRED);
    assert_int_equal(activate(world, "00000-00000-00000-00000-00000", "A", false, START_MS),
                     ACTIVATION_UNKNOWN_KEY);
}

static void test_lost_answers_burn_nothing(void **state)
{
    struct world *world = *state;
    char key[32], tokens[4][64], farm_id[64];
    new_key(world, 10, "1y", key);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(activate(world, key, "A", false, START_MS + i), ACTIVATION_GRANTED);
        (void)strcpy(tokens[i], world->activation.answer.farm_token);
        (void)strcpy(farm_id, world->activation.answer.farm_id);
        if (i == 0)
            assert_true(report(world, farm_id, tokens[0], START_MS));
    }
    assert_string_not_equal(tokens[0], tokens[1]);
    assert_string_equal(tokens[1], tokens[2]); /* none of them has been used: whichever arrives is right */
    assert_string_equal(tokens[1], tokens[3]);
    assert_true(report(world, farm_id, tokens[0], START_MS)); /* the one used last */
    assert_true(report(world, farm_id, tokens[3], START_MS));
    assert_false(report(world, farm_id, tokens[0], START_MS)); /* the next one has been used */
    assert_true(report(world, farm_id, tokens[3], START_MS));
}

/* A request that was on its way for long, or was sent twice by somebody in between, arrives when the farm
 * has its token already. */
static void test_late_requests_burn_nothing(void **state)
{
    struct world *world = *state;
    char key[32], token[64], farm_id[64];
    new_key(world, 10, "1y", key);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(activate(world, key, "A", false, START_MS + i), ACTIVATION_GRANTED);
        (void)strcpy(token, world->activation.answer.farm_token);
        (void)strcpy(farm_id, world->activation.answer.farm_id);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(activate(world, key, "A", false, START_MS + 10 + i), ACTIVATION_GRANTED);
        assert_true(report(world, farm_id, token, START_MS + 10 + i));
    }
}

static void test_who_may_report(void **state)
{
    struct world *world = *state;
    char key[32], other[32], token[64], farm_id[64];
    new_key(world, 10, "1y", key);
    new_key(world, 10, "1y", other);
    assert_int_equal(activate(world, key, "A", false, START_MS), ACTIVATION_GRANTED);
    (void)strcpy(token, world->activation.answer.farm_token);
    (void)strcpy(farm_id, world->activation.answer.farm_id);
    assert_int_equal(activate(world, other, "B", false, START_MS), ACTIVATION_GRANTED);
    assert_true(report(world, farm_id, token, START_MS));
    assert_false(report(world, farm_id, world->activation.answer.farm_token, START_MS));
    assert_false(report(world, world->activation.answer.farm_id, token, START_MS));
    assert_false(report(world, farm_id, "", START_MS));
    assert_false(report(world, "f-unknown", token, START_MS));
}

static void test_reports_are_kept_once(void **state)
{
    struct world *world = *state;
    char key[32], token[64], farm_id[64];
    new_key(world, 10, "1y", key);
    assert_int_equal(activate(world, key, "A", false, START_MS), ACTIVATION_GRANTED);
    (void)strcpy(token, world->activation.answer.farm_token);
    (void)strcpy(farm_id, world->activation.answer.farm_id);

    add_window(world, 1, START_MS - 3 * WINDOW_MS, 7);
    add_window(world, 2, START_MS - 3 * WINDOW_MS + 1, 9); /* overlaps */
    add_window(world, 3, START_MS - WINDOW_MS, 5);
    for (int i = 0; i < 3; i++) {
        assert_true(report(world, farm_id, token, START_MS + 1000 + i));
        const struct report_answer *answer = &world->answer;
        assert_int_equal(answer->accepted_through, 3);
        assert_int_equal(answer->refused_count, 1);
        assert_int_equal(answer->refused[0].sequence, 2);
        assert_string_equal(answer->refused[0].reason, "overlaps");
        assert_int_equal(answer->server_time_ms, START_MS + 1000 + i);
        assert_int_equal(verified(world, answer->entitlement).serial, START_MS + 1000 + i);
    }
    struct usage *usage = malloc(sizeof *usage);
    assert_non_null(usage);
    assert_int_equal(rows_usage(world->rows, farm_id, usage, &world->detail), 0);
    assert_int_equal(usage->totals.windows_counted, 2);
    assert_int_equal(usage->totals.windows_refused, 1);
    assert_int_equal(usage->totals.peak_users, 7);
    assert_int_equal(usage->window_count, 3);
    free(usage);
}

static void test_release_and_the_administrator(void **state)
{
    struct world *world = *state;
    struct admin_farm farm;
    char key[32], token[64], farm_id[64];
    new_key(world, 10, "1y", key);
    assert_int_equal(activate(world, key, "A", false, START_MS), ACTIVATION_GRANTED);
    (void)strcpy(token, world->activation.answer.farm_token);
    (void)strcpy(farm_id, world->activation.answer.farm_id);

    assert_int_equal(authority_release(&world->authority, world->rows, farm_id, "wrong", START_MS,
                                       &world->release, &world->detail),
                     0);
    assert_int_equal(world->release.access, AUTHORITY_STRANGER);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(authority_release(&world->authority, world->rows, farm_id, token, START_MS + 1,
                                           &world->release, &world->detail),
                         0);
        assert_int_equal(world->release.access, AUTHORITY_KNOWN);
        struct entitlement entitlement = verified(world, world->release.entitlement);
        assert_int_equal(entitlement.status, ENTITLEMENT_REVOKES);
        assert_string_equal(entitlement.reason, "key given back");
        assert_int_equal(entitlement.serial, START_MS + 1 + i);
    }
    assert_int_equal(activate(world, key, "B", false, START_MS + 2), ACTIVATION_GRANTED);
    (void)strcpy(farm_id, world->activation.answer.farm_id);
    struct audit_author author = {"socket", START_MS + 3};
    assert_int_equal(authority_admin_deactivate(world->rows, &author, farm_id, &farm, &world->detail), 0);
    assert_true(farm.changed);
    assert_int_equal(farm.line.farm.reason, FARM_REASON_ADMINISTRATOR);
    author.now_ms = START_MS + 9;
    assert_int_equal(authority_admin_deactivate(world->rows, &author, farm_id, &farm, &world->detail), 0);
    assert_false(farm.changed);
    assert_int_equal(farm.line.farm.deactivated_ms, START_MS + 3);
    assert_int_equal(authority_admin_deactivate(world->rows, &author, "f-none", &farm, &world->detail), 0);
    assert_int_equal(farm.verdict, LEDGER_UNKNOWN_FARM);
    assert_int_equal(activate(world, key, "B", false, START_MS + 4), ACTIVATION_GRANTED);
    assert_int_equal(verified(world, world->activation.answer.entitlement).status, ENTITLEMENT_STANDS);
}

static void test_a_key_over_a_trial(void **state)
{
    struct world *world = *state;
    char key[32], trial_token[64], trial_id[64];
    assert_int_equal(activate(world, NULL, "A", false, START_MS), ACTIVATION_GRANTED);
    struct entitlement entitlement = verified(world, world->activation.answer.entitlement);
    assert_true(entitlement.trial);
    assert_int_equal(entitlement.limit, 25);
    assert_int_equal(entitlement.expires_at_ms, START_MS + 30 * DAY_MS);
    (void)strcpy(trial_id, world->activation.answer.farm_id);
    (void)strcpy(trial_token, world->activation.answer.farm_token);

    new_key(world, 10, "1y", key);
    assert_int_equal(activate(world, key, "A", false, START_MS + DAY_MS), ACTIVATION_GRANTED);
    assert_string_not_equal(world->activation.answer.farm_id, trial_id);
    assert_false(verified(world, world->activation.answer.entitlement).trial);
    assert_true(report(world, trial_id, trial_token, START_MS + DAY_MS));
    entitlement = verified(world, world->answer.entitlement);
    assert_int_equal(entitlement.status, ENTITLEMENT_REVOKES);
    assert_string_equal(entitlement.reason, "trial replaced by a key");

    assert_int_equal(activate(world, NULL, "A", false, START_MS + 30 * DAY_MS), ACTIVATION_TRIAL_USED);
    assert_int_equal(activate(world, NULL, "B", false, START_MS + 30 * DAY_MS), ACTIVATION_GRANTED);
}

/* --- what time brings ----------------------------------------------------------------------------------- */

struct lines {
    int count;
    char text[16][160]; /* "who what subject" */
};

static void take_line(void *data, const struct rows_audit_line *line)
{
    struct lines *lines = data;
    assert_true(lines->count < 16);
    (void)snprintf(lines->text[lines->count++], sizeof lines->text[0], "%s %s %s", line->who, line->what,
                   line->subject);
}

static struct lines audit_of(struct world *world, const char *subject)
{
    struct lines lines = {.count = 0};
    assert_int_equal(rows_each_audit_line(world->rows, subject, 0, 99, take_line, &lines, &world->detail), 0);
    return lines;
}

/* A subscription of ten that renews by itself every month. */
static struct admin_subscription monthly(struct world *world)
{
    const struct audit_author author = {"socket", START_MS};
    struct admin_subscription of;
    struct subscription_order wanted = {
        .name = "office", .contract = "", .licences = 10, .term = {.months = 1}};
    assert_int_equal(authority_admin_buy(world->rows, &author, &wanted, &of, &world->detail), 0);
    return of;
}

static void test_renewals_come_before_every_decision(void **state)
{
    struct world *world = *state;
    struct admin_subscription of = monthly(world);
    char farm_id[64], token[64];
    assert_int_equal(activate(world, of.primary.text, "A", false, START_MS), ACTIVATION_GRANTED);
    (void)strcpy(token, world->activation.answer.farm_token);
    (void)strcpy(farm_id, world->activation.answer.farm_id);
    assert_int_equal(verified(world, world->activation.answer.entitlement).expires_at_ms,
                     START_MS + 28 * DAY_MS);

    assert_true(report(world, farm_id, token, START_MS + 28 * DAY_MS - 1));
    assert_int_equal(verified(world, world->answer.entitlement).expires_at_ms, START_MS + 28 * DAY_MS);
    assert_true(report(world, farm_id, token, START_MS + 28 * DAY_MS));
    assert_int_equal(verified(world, world->answer.entitlement).expires_at_ms, START_MS + (28 + 31) * DAY_MS);
    /* two more months in which nobody asked; then another installation does */
    assert_int_equal(activate(world, of.primary.text, "B", true, START_MS + 100 * DAY_MS),
                     ACTIVATION_GRANTED);
    assert_int_equal(verified(world, world->activation.answer.entitlement).expires_at_ms,
                     START_MS + (28 + 31 + 30 + 31) * DAY_MS);
    assert_int_equal(verified(world, world->activation.answer.entitlement).purchases, 10);
    struct lines lines = audit_of(world, "1");
    assert_int_equal(lines.count, 4);
    assert_string_equal(lines.text[0], "socket subscription.create 1");
    for (int i = 1; i < 4; i++)
        assert_string_equal(lines.text[i], "authority subscription.renew 1");
}

static void test_a_term_is_the_earlier_of_keys_and_subscriptions(void **state)
{
    struct world *world = *state;
    struct admin_subscription of = monthly(world);
    const struct audit_author author = {"socket", START_MS};
    struct admin_key key;
    uint32_t quota = 4;
    int64_t expires_ms = START_MS + 3 * DAY_MS;
    struct key_change wanted = {.name = "division", .quota = &quota, .expires_ms = &expires_ms};
    assert_int_equal(authority_admin_create_key(world->rows, &author, of.subscription.id, &wanted, false,
                                                &key, &world->detail),
                     0);
    assert_int_equal(activate(world, key.key.text, "A", false, START_MS), ACTIVATION_GRANTED);
    struct entitlement entitlement = verified(world, world->activation.answer.entitlement);
    assert_int_equal(entitlement.expires_at_ms, expires_ms);
    assert_int_equal(entitlement.limit, 4);
    assert_int_equal(entitlement.purchases, 10); /* the subscription's, on all its keys */
    assert_int_equal(activate(world, key.key.text, "A", false, expires_ms), ACTIVATION_EXPIRED);
    assert_int_equal(activate(world, of.primary.text, "B", false, expires_ms), ACTIVATION_GRANTED);
    assert_int_equal(verified(world, world->activation.answer.entitlement).limit, 6);
}

static void test_administrators_reasons_reach_the_farm(void **state)
{
    struct world *world = *state;
    struct admin_subscription of = monthly(world), cancelled;
    const struct audit_author author = {"socket", START_MS + 5};
    struct admin_key key;
    struct admin_farm farm;
    uint32_t quota = 4;
    struct key_change wanted = {.name = "division", .quota = &quota};
    char ids[2][64], tokens[2][64];
    const char *keys[2];
    assert_int_equal(authority_admin_create_key(world->rows, &author, of.subscription.id, &wanted, false,
                                                &key, &world->detail),
                     0);
    keys[0] = of.primary.text;
    keys[1] = key.key.text;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(activate(world, keys[i], i == 0 ? "A" : "B", false, START_MS), ACTIVATION_GRANTED);
        (void)strcpy(ids[i], world->activation.answer.farm_id);
        (void)strcpy(tokens[i], world->activation.answer.farm_token);
    }
    assert_int_equal(authority_admin_deactivate(world->rows, &author, ids[0], &farm, &world->detail), 0);
    assert_true(report(world, ids[0], tokens[0], START_MS + 6));
    assert_string_equal(verified(world, world->answer.entitlement).reason, "deactivated by administrator");
    assert_int_equal(authority_admin_delete_key(world->rows, &author, keys[1], true, &key, &world->detail),
                     0);
    assert_int_equal(key.verdict, LEDGER_GRANTED);
    assert_true(report(world, ids[1], tokens[1], START_MS + 6));
    assert_string_equal(verified(world, world->answer.entitlement).reason, "key deleted");
    assert_int_equal(activate(world, keys[1], "B", false, START_MS + 7), ACTIVATION_KEY_DELETED);

    assert_int_equal(activate(world, keys[0], "A", false, START_MS + 7), ACTIVATION_GRANTED);
    (void)strcpy(tokens[0], world->activation.answer.farm_token);
    assert_int_equal(
        authority_admin_cancel(world->rows, &author, of.subscription.id, &cancelled, &world->detail), 0);
    assert_true(report(world, ids[0], tokens[0], START_MS + 8));
    struct entitlement entitlement = verified(world, world->answer.entitlement);
    assert_int_equal(entitlement.status, ENTITLEMENT_REVOKES);
    assert_string_equal(entitlement.reason, "subscription cancelled");
    assert_int_equal(activate(world, keys[0], "A", false, START_MS + 9), ACTIVATION_CANCELLED);
}

static void test_a_deactivated_farm_is_forgotten_after_400_days(void **state)
{
    struct world *world = *state;
    char key[32], farm_id[64], token[64];
    new_key(world, 10, "3y", key);
    assert_int_equal(activate(world, key, "A", false, START_MS), ACTIVATION_GRANTED);
    (void)strcpy(token, world->activation.answer.farm_token);
    (void)strcpy(farm_id, world->activation.answer.farm_id);
    assert_true(report(world, farm_id, token, START_MS + 500 * DAY_MS)); /* as long as it runs */
    assert_int_equal(authority_release(&world->authority, world->rows, farm_id, token,
                                       START_MS + 500 * DAY_MS, &world->release, &world->detail),
                     0);
    assert_true(report(world, farm_id, token, START_MS + 900 * DAY_MS - 1));
    assert_false(report(world, farm_id, token, START_MS + 900 * DAY_MS));
    assert_int_equal(world->report.access, AUTHORITY_FORGOTTEN);
    assert_false(report(world, farm_id, "wrong", START_MS + 900 * DAY_MS));
    assert_int_equal(world->report.access, AUTHORITY_STRANGER);
    assert_int_equal(authority_release(&world->authority, world->rows, farm_id, token,
                                       START_MS + 900 * DAY_MS, &world->release, &world->detail),
                     0);
    assert_int_equal(world->release.access, AUTHORITY_FORGOTTEN);
    /* activated anew it is the same farm */
    assert_int_equal(activate(world, key, "A", false, START_MS + 901 * DAY_MS), ACTIVATION_GRANTED);
    assert_string_equal(world->activation.answer.farm_id, farm_id);
}

static void test_trials_have_daily_caps(void **state)
{
    struct world *world = *state;
    world->authority.trials_per_day = 3;
    world->authority.trials_per_day_and_source = 2;
    assert_int_equal(activate(world, NULL, "A", false, START_MS), ACTIVATION_GRANTED);
    assert_int_equal(activate(world, NULL, "A", false, START_MS), ACTIVATION_GRANTED); /* the same one */
    assert_int_equal(activate(world, NULL, "B", false, START_MS), ACTIVATION_GRANTED);
    assert_int_equal(activate(world, NULL, "C", false, START_MS), ACTIVATION_TRIAL_CAP);
    (void)strcpy(world->source, "192.0.2.2");
    assert_int_equal(activate(world, NULL, "C", false, START_MS), ACTIVATION_GRANTED);
    assert_int_equal(activate(world, NULL, "D", false, START_MS), ACTIVATION_TRIAL_CAP);
    world->source[0] = '\0';
    assert_int_equal(activate(world, NULL, "D", false, START_MS + DAY_MS - 1), ACTIVATION_TRIAL_CAP);
    assert_int_equal(activate(world, NULL, "A", false, START_MS + DAY_MS - 1), ACTIVATION_GRANTED);
    for (int i = 0; i < 3; i++) { /* of no known source: only the cap of all */
        char installation[8];
        (void)snprintf(installation, sizeof installation, "D%d", i);
        assert_int_equal(activate(world, NULL, installation, false, START_MS + DAY_MS), ACTIVATION_GRANTED);
    }
    assert_int_equal(activate(world, NULL, "E", false, START_MS + DAY_MS), ACTIVATION_TRIAL_CAP);
    world->authority.trials_per_day = 0;
    assert_int_equal(activate(world, NULL, "E", false, START_MS + 2 * DAY_MS), ACTIVATION_TRIAL_CAP);
}

static void test_every_change_of_a_farm_has_a_line(void **state)
{
    struct world *world = *state;
    char key[32], farm_a[64], farm_b[64], trial[64], token[64];
    struct lines lines;
    assert_int_equal(activate(world, NULL, "A", false, START_MS), ACTIVATION_GRANTED);
    (void)strcpy(trial, world->activation.answer.farm_id);
    new_key(world, 10, "1y", key);
    for (int i = 0; i < 3; i++) /* again is no change */
        assert_int_equal(activate(world, key, "A", false, START_MS), ACTIVATION_GRANTED);
    (void)strcpy(farm_a, world->activation.answer.farm_id);
    assert_int_equal(activate(world, key, "B", false, START_MS),
                     ACTIVATION_KEY_IN_USE); /* nor is a refusal */
    assert_int_equal(activate(world, key, "B", true, START_MS), ACTIVATION_GRANTED);
    (void)strcpy(farm_b, world->activation.answer.farm_id);
    (void)strcpy(token, world->activation.answer.farm_token);
    assert_true(report(world, farm_b, token, START_MS)); /* nor a report */
    for (int i = 0; i < 2; i++)
        assert_int_equal(authority_release(&world->authority, world->rows, farm_b, token, START_MS,
                                           &world->release, &world->detail),
                         0);

    char expected[160];
    lines = audit_of(world, trial);
    assert_int_equal(lines.count, 2);
    (void)snprintf(expected, sizeof expected, "farm %s farm.trial %s", trial, trial);
    assert_string_equal(lines.text[0], expected);
    (void)snprintf(expected, sizeof expected, "farm %s farm.deactivate %s", farm_a, trial);
    assert_string_equal(lines.text[1], expected);
    lines = audit_of(world, farm_a);
    assert_int_equal(lines.count, 2);
    (void)snprintf(expected, sizeof expected, "farm %s farm.activate %s", farm_a, farm_a);
    assert_string_equal(lines.text[0], expected);
    (void)snprintf(expected, sizeof expected, "farm %s farm.deactivate %s", farm_b, farm_a);
    assert_string_equal(lines.text[1], expected);
    lines = audit_of(world, farm_b);
    assert_int_equal(lines.count, 2);
    (void)snprintf(expected, sizeof expected, "farm %s farm.move %s", farm_b, farm_b);
    assert_string_equal(lines.text[0], expected);
    (void)snprintf(expected, sizeof expected, "farm %s farm.release %s", farm_b, farm_b);
    assert_string_equal(lines.text[1], expected);
}

static void count_farm(void *data, const struct rows_farm_line *line)
{
    int64_t *cursors = data; /* count, last */
    assert_true(line->cursor > cursors[1]);
    assert_int_equal(line->key[0] == '\0', line->farm.key_id == 0);
    cursors[0]++;
    cursors[1] = line->cursor;
}

static void test_lists_go_page_by_page_and_survive(void **state)
{
    struct world *world = *state;
    char key[32];
    new_key(world, 10, "1y", key);
    assert_int_equal(activate(world, key, "A", false, START_MS), ACTIVATION_GRANTED);
    for (int i = 0; i < 6; i++) {
        char installation[16];
        (void)snprintf(installation, sizeof installation, "T%d", i);
        assert_int_equal(activate(world, NULL, installation, false, START_MS), ACTIVATION_GRANTED);
    }
    rows_close(world->rows);
    world->rows = NULL;
    assert_int_equal(rows_open(world->path, &world->rows, &world->detail), 0);
    int64_t cursors[2] = {0, 0};
    assert_int_equal(rows_each_farm(world->rows, &(struct rows_farm_filter){.key = NULL}, 0, 4, count_farm,
                                    cursors, &world->detail),
                     0);
    assert_int_equal(cursors[0], 4);
    assert_int_equal(rows_each_farm(world->rows, &(struct rows_farm_filter){.key = NULL}, cursors[1], 4,
                                    count_farm, cursors, &world->detail),
                     0);
    assert_int_equal(cursors[0], 7);

    char note[32];
    assert_int_equal(rows_note(world->rows, "public_key", note, sizeof note, &world->detail), 0);
    assert_string_equal(note, "");
    assert_int_equal(rows_note_put(world->rows, "public_key", "one", &world->detail), 0);
    assert_int_equal(rows_note_put(world->rows, "public_key", "two", &world->detail), 0);
    assert_int_equal(rows_note(world->rows, "public_key", note, sizeof note, &world->detail), 0);
    assert_string_equal(note, "two");

    struct rows *second;
    assert_int_equal(rows_open(world->path, &second, &world->detail), ERROR_BUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_key_from_first_to_last, begin, end),
        cmocka_unit_test_setup_teardown(test_lost_answers_burn_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_late_requests_burn_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_who_may_report, begin, end),
        cmocka_unit_test_setup_teardown(test_reports_are_kept_once, begin, end),
        cmocka_unit_test_setup_teardown(test_release_and_the_administrator, begin, end),
        cmocka_unit_test_setup_teardown(test_a_key_over_a_trial, begin, end),
        cmocka_unit_test_setup_teardown(test_renewals_come_before_every_decision, begin, end),
        cmocka_unit_test_setup_teardown(test_a_term_is_the_earlier_of_keys_and_subscriptions, begin, end),
        cmocka_unit_test_setup_teardown(test_administrators_reasons_reach_the_farm, begin, end),
        cmocka_unit_test_setup_teardown(test_a_deactivated_farm_is_forgotten_after_400_days, begin, end),
        cmocka_unit_test_setup_teardown(test_trials_have_daily_caps, begin, end),
        cmocka_unit_test_setup_teardown(test_every_change_of_a_farm_has_a_line, begin, end),
        cmocka_unit_test_setup_teardown(test_lists_go_page_by_page_and_survive, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
