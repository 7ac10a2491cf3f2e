/* Files of farms without a network: by the same rules and records as over the network (RULES §3.11 to §3.13,
 * §5.5). */
#include "cloud/authority_admin.h"
#include "cloud/authority_offline.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS  INT64_C(1769904000000) /* 2026-02-01 */
#define DAY_MS    INT64_C(86400000)
#define WINDOW_MS INT64_C(1200000)
#define MANY      2160 /* a month of windows */

struct world {
    char directory[64], path[128], key[32];
    struct rows *rows;
    struct authority authority;
    struct entitlement_keyring keyring;
    struct offline_request request;
    struct authority_offline outcome;
    struct offline_answer answer; /* to what was asked last, if there is one */
    bool answered;
    struct report_window windows[MANY];
    struct usage usage;
    struct error_detail detail;
};

/* A subscription of ten licences for a month that does not renew by itself. */
static void buy(struct world *world)
{
    static const bool renews = false;
    const struct audit_author author = {"socket", START_MS};
    struct admin_subscription of;
    struct subscription_order wanted = {.name = "office", .contract = "", .licences = 10, .renews = &renews};
    assert_true(term_parse("1m", &wanted.term));
    assert_int_equal(authority_admin_buy(world->rows, &author, &wanted, &of, &world->detail), 0);
    (void)snprintf(world->key, sizeof world->key, "%s", of.primary.text);
}

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
    world->authority.trials_per_day = 2;
    world->authority.trials_per_day_and_source = 1; /* files have no source */
    world->authority.refresh_ms = 30 * DAY_MS;
    if (entitlement_key_generate("k1", &world->authority.key) != 0)
        return 1;
    world->keyring.keys[0] = world->authority.key.key;
    world->keyring.count = 1;
    if (rows_open(world->path, &world->rows, &world->detail) != 0)
        return 1;
    buy(world);
    return 0;
}

static void forget_answer(struct world *world)
{
    free(world->outcome.answer);
    world->outcome.answer = NULL;
    if (world->answered)
        offline_answer_finish(&world->answer);
    world->answered = false;
}

static int end(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"", "-wal", "-shm"};
    forget_answer(world);
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

/* Hands the request in as a file, and reads the file that comes back. The refusal's code, "" if there is
 * none. */
static const char *exchange(struct world *world, const char *token, int64_t now_ms)
{
    const struct audit_author author = {"socket", now_ms};
    struct offline_request read;
    char *text = offline_request_encode(&world->request, token, NULL);
    assert_non_null(text);
    assert_int_equal(offline_request_decode(text, strlen(text), &read, &world->detail), OFFLINE_GOOD);
    forget_answer(world);
    assert_int_equal(authority_offline(&world->authority, world->rows, &author, &read, 400 * DAY_MS,
                                       &world->outcome, &world->detail),
                     0);
    (void)snprintf(world->request.id, sizeof world->request.id, "%s", read.id);
    offline_request_finish(&read);
    free(text);
    if (world->outcome.status != 0) {
        assert_null(world->outcome.answer);
        return world->outcome.code;
    }
    const char *answer = world->outcome.answer;
    assert_int_equal(offline_answer_decode(answer, strlen(answer), &world->answer, &world->detail),
                     OFFLINE_GOOD);
    world->answered = true;
    assert_int_equal(offline_answer_verify(&world->answer, &world->keyring, &world->detail), 0);
    return "";
}

/* The next request: an activation with this key (NULL: a trial). */
static const char *activate(struct world *world, const char *key, const char *installation, bool move,
                            int64_t now_ms)
{
    world->request = (struct offline_request){.made_ms = now_ms - DAY_MS};
    (void)strcpy(world->request.nonce, "00112233445566778899aabbccddeeff");
    struct activation_request *activation = &world->request.activation;
    activation->trial = key == NULL;
    activation->move = move;
    (void)snprintf(activation->license_key, sizeof activation->license_key, "%s", key != NULL ? key : "");
    (void)snprintf(activation->installation_id, sizeof activation->installation_id, "%s", installation);
    (void)strcpy(activation->farm_name, "main office");
    (void)strcpy(activation->app_version, "0.1.0");
    return exchange(world, NULL, now_ms);
}

static const char *report(struct world *world, const char *farm_id, const char *token, size_t count,
                          int64_t now_ms)
{
    struct offline_request request = {.made_ms = now_ms - DAY_MS, .serial = 1};
    (void)strcpy(request.nonce, "00112233445566778899aabbccddeeff");
    (void)strcpy(request.activation.installation_id, "A");
    (void)strcpy(request.activation.app_version, "0.2.0");
    (void)snprintf(request.farm_id, sizeof request.farm_id, "%s", farm_id);
    request.windows = world->windows;
    request.window_count = count;
    world->request = request;
    return exchange(world, token, now_ms);
}

static struct entitlement said(struct world *world)
{
    struct entitlement entitlement;
    const char *text = world->answer.entitlement;
    assert_int_equal(entitlement_verify(text, strlen(text), &world->keyring, &entitlement, &world->detail),
                     0);
    return entitlement;
}

static void fill_windows(struct world *world, int64_t start_ms)
{
    for (size_t i = 0; i < MANY; i++)
        world->windows[i] = (struct report_window){.sequence = (int64_t)i + 1,
                                                   .start_ms = start_ms + (int64_t)i * WINDOW_MS,
                                                   .end_ms = start_ms + (int64_t)(i + 1) * WINDOW_MS,
                                                   .peak_at_ms = start_ms + (int64_t)i * WINDOW_MS,
                                                   .peak_users = (int64_t)(i % 7),
                                                   .hosts = 1};
}

struct seen {
    char text[1024];
};

static void see(void *data, const struct rows_audit_line *line)
{
    struct seen *seen = data;
    size_t used = strlen(seen->text);
    (void)snprintf(seen->text + used, sizeof seen->text - used, "%s %s\n", line->who, line->what);
}

static void test_an_activation_by_file(void **state)
{
    struct world *world = *state;
    char farm[64];
    assert_string_equal(activate(world, world->key, "A", false, START_MS), "");
    struct entitlement first = said(world);
    assert_string_equal(first.installation_id, "A");
    assert_int_equal(first.limit, 10);
    assert_int_equal(first.refresh_by_ms, START_MS + 400 * DAY_MS);
    assert_int_equal(first.expires_at_ms, START_MS + 28 * DAY_MS);
    assert_string_equal(world->answer.farm_id, first.farm_id);
    assert_string_equal(world->answer.installation_id, "A");
    assert_string_equal(world->answer.request, world->request.id);
    assert_int_equal(world->answer.request_made_ms, START_MS - DAY_MS);
    assert_int_equal(world->answer.made_ms, START_MS);
    assert_int_equal(world->answer.refresh_by_ms, first.refresh_by_ms);
    assert_int_equal(world->answer.sent_through, 0);
    assert_true(world->outcome.activated);
    assert_string_equal(world->outcome.farm_id, first.farm_id);
    (void)strcpy(farm, world->answer.farm_id);
    assert_true(world->answer.farm_token[0] != '\0');

    /* again: the same farm, nothing used up */
    assert_string_equal(activate(world, world->key, "A", false, START_MS + 1), "");
    assert_string_equal(world->answer.farm_id, farm);
    assert_true(said(world).serial > first.serial);
    assert_int_equal(said(world).expires_at_ms, first.expires_at_ms);

    struct seen seen = {.text = ""};
    assert_int_equal(rows_each_audit_line(world->rows, farm, 0, 10, see, &seen, &world->detail), 0);
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted,
                   "farm %s farm.activate\nsocket farm.exchange\nsocket farm.exchange\n", farm);
    assert_string_equal(seen.text, wanted);
}

static void test_refusals(void **state)
{
    struct world *world = *state;
    assert_string_equal(activate(world, "no key at all", "A", false, START_MS), "invalid_key");
    assert_string_equal(activate(world, "00000-00000-00000-00000-00000", "A", false, START_MS),
                        "unknown_key");
    assert_string_equal(activate(world, world->key, "a b", false, START_MS), "invalid_file");
    assert_string_equal(activate(world, world->key, "A", false, START_MS), "");
    assert_string_equal(activate(world, world->key, "B", false, START_MS), "key_in_use");
    assert_int_equal(world->outcome.moves_left, 3);
    assert_string_equal(activate(world, world->key, "B", true, START_MS), "");
    assert_string_equal(activate(world, world->key, "A", true, START_MS), "");
    assert_string_equal(activate(world, world->key, "B", true, START_MS), "");
    assert_string_equal(activate(world, world->key, "A", true, START_MS), "moves_exhausted");
    assert_int_equal(world->outcome.moves_left, 0);
    assert_string_equal(activate(world, world->key, "B", false, START_MS + 30 * DAY_MS), "expired");
}

static void test_trials(void **state)
{
    struct world *world = *state;
    assert_string_equal(activate(world, NULL, "A", false, START_MS), "");
    assert_true(said(world).trial);
    assert_int_equal(said(world).expires_at_ms, START_MS + 30 * DAY_MS);
    assert_string_equal(activate(world, NULL, "A", false, START_MS + DAY_MS), ""); /* the same one */
    assert_int_equal(said(world).expires_at_ms, START_MS + 30 * DAY_MS);
    assert_string_equal(activate(world, NULL, "B", false, START_MS), "");
    assert_string_equal(activate(world, NULL, "C", false, START_MS), "trial_cap");
    assert_string_equal(activate(world, NULL, "A", false, START_MS + 30 * DAY_MS), "trial_used");
}

static void test_a_months_windows_by_file(void **state)
{
    struct world *world = *state;
    char farm[64], token[64];
    assert_string_equal(activate(world, world->key, "A", false, START_MS), "");
    (void)strcpy(farm, world->answer.farm_id);
    (void)strcpy(token, world->answer.farm_token);
    fill_windows(world, START_MS);
    world->windows[100].end_ms = world->windows[100].start_ms;         /* no period */
    world->windows[500].start_ms = world->windows[499].start_ms;       /* too long, and overlaps */
    world->windows[600].start_ms -= 1, world->windows[601].start_ms--; /* 599 overlaps 600's start */
    int64_t now_ms =
        START_MS + 29 * DAY_MS - WINDOW_MS; /* the last day is more than a day ahead, but for one window */
    assert_string_equal(report(world, farm, token, MANY, now_ms), "");
    assert_false(world->outcome.activated);
    assert_int_equal(world->outcome.windows, MANY);
    assert_int_equal(world->answer.sent_through, MANY);
    static const struct offline_refused wanted[] = {
        {101, 101, "no_period"}, {501, 501, "too_long"}, {601, 602, "too_long"}, {2160, 2160, "in_future"}};
    assert_int_equal(world->answer.refused_count, COUNT(wanted));
    for (size_t i = 0; i < COUNT(wanted); i++) {
        assert_int_equal(world->answer.refused[i].first, wanted[i].first);
        assert_int_equal(world->answer.refused[i].last, wanted[i].last);
        assert_string_equal(world->answer.refused[i].reason, wanted[i].reason);
    }
    assert_int_equal(world->outcome.refused, 5);
    assert_int_equal(world->answer.accepted_through, 2159);
    assert_string_equal(world->answer.farm_token, "");
    assert_int_equal(said(world).refresh_by_ms, now_ms + 400 * DAY_MS);

    assert_int_equal(rows_usage(world->rows, farm, &world->usage, &world->detail), 0);
    assert_int_equal(world->usage.totals.windows_counted, 2155);
    assert_int_equal(world->usage.totals.windows_refused, 5);
    assert_int_equal(world->usage.totals.windows_missing, 0);
    assert_int_equal(world->usage.totals.peak_users, 6);
    assert_int_equal(world->usage.day_count, 30);
    struct farm stored;
    assert_int_equal(rows_farm(world->rows, farm, &stored, &world->detail), 0);
    assert_int_equal(stored.reported_ms, now_ms);
    assert_string_equal(stored.app_version, "0.2.0");

    /* the file again counts nothing again */
    assert_string_equal(report(world, farm, token, MANY, now_ms + 1), "");
    assert_int_equal(world->answer.accepted_through, 2159);
    assert_int_equal(rows_usage(world->rows, farm, &world->usage, &world->detail), 0);
    assert_int_equal(world->usage.totals.windows_counted, 2155);
    assert_int_equal(world->usage.totals.windows_refused, 5);
}

/* A farm that was set back: what is to be numbered anew is not among what was refused, and finds a free
 * number past all that were refused. */
static void test_used_numbers_are_counted_apart(void **state)
{
    struct world *world = *state;
    char farm[64], token[64];
    assert_string_equal(activate(world, world->key, "A", false, START_MS), "");
    (void)strcpy(farm, world->answer.farm_id);
    (void)strcpy(token, world->answer.farm_token);
    fill_windows(world, START_MS);
    int64_t now_ms = START_MS + 10 * WINDOW_MS;
    assert_string_equal(report(world, farm, token, 100, now_ms), "");
    assert_int_equal(world->outcome.refused, 18); /* a day and more ahead */
    assert_int_equal(world->outcome.used, 0);
    assert_int_equal(world->answer.accepted_through, 82);

    fill_windows(world, START_MS + 300 * WINDOW_MS);
    for (size_t i = 0; i < 300; i++)
        world->windows[i].sequence += 88;
    for (size_t i = 0; i < 2; i++) { /* two as they were */
        int64_t sequence = i == 0 ? 50 : 90;
        world->windows[i].sequence = sequence;
        world->windows[i].start_ms = world->windows[i].peak_at_ms = START_MS + (sequence - 1) * WINDOW_MS;
        world->windows[i].end_ms = START_MS + sequence * WINDOW_MS;
    }
    assert_string_equal(report(world, farm, token, 300, now_ms), "");
    assert_int_equal(world->outcome.windows, 300);
    assert_int_equal(world->outcome.refused, 1);
    assert_int_equal(world->outcome.used, 298);
    assert_int_equal(world->answer.refused_count, 2);
    assert_int_equal(world->answer.refused[0].first, 90);
    assert_int_equal(world->answer.refused[1].first, 91);
    assert_int_equal(world->answer.refused[1].last, 388);
    assert_int_equal(world->answer.accepted_through, 100);
    assert_int_equal(rows_usage(world->rows, farm, &world->usage, &world->detail), 0);
    assert_int_equal(world->usage.totals.windows_counted, 82);
    assert_int_equal(world->usage.totals.windows_refused, 18);
}

static void test_only_the_farm_itself_reports(void **state)
{
    struct world *world = *state;
    char farm[64], token[64];
    assert_string_equal(report(world, "f-nobody", "x", 0, START_MS), "not_proved");
    assert_string_equal(activate(world, world->key, "A", false, START_MS), "");
    (void)strcpy(farm, world->answer.farm_id);
    (void)strcpy(token, world->answer.farm_token);
    assert_string_equal(report(world, farm, "another's", 0, START_MS), "not_proved");
    assert_string_equal(report(world, farm, "", 0, START_MS), "not_proved");
    assert_string_equal(report(world, farm, token, 0, START_MS), "");
    assert_int_equal(world->answer.sent_through, 0);

    /* a second activation whose answer got lost takes nothing away; the first use of its token does */
    assert_string_equal(activate(world, world->key, "A", false, START_MS + 1), "");
    char newer[64];
    (void)strcpy(newer, world->answer.farm_token);
    assert_string_not_equal(newer, token);
    assert_string_equal(report(world, farm, token, 0, START_MS + 2), "");
    assert_string_equal(report(world, farm, newer, 0, START_MS + 3), "");
    assert_string_equal(report(world, farm, token, 0, START_MS + 4), "not_proved");
}

static void test_a_deactivated_farm_is_told_so_by_file(void **state)
{
    struct world *world = *state;
    char farm[64], token[64];
    const struct audit_author author = {"socket", START_MS + DAY_MS};
    struct admin_farm deactivated;
    assert_string_equal(activate(world, world->key, "A", false, START_MS), "");
    (void)strcpy(farm, world->answer.farm_id);
    (void)strcpy(token, world->answer.farm_token);
    assert_int_equal(authority_admin_deactivate(world->rows, &author, farm, &deactivated, &world->detail), 0);
    fill_windows(world, START_MS);
    assert_string_equal(report(world, farm, token, 10, START_MS + DAY_MS), "");
    assert_int_equal(said(world).status, ENTITLEMENT_REVOKES);
    assert_string_equal(said(world).reason, "deactivated by administrator");
    assert_int_equal(world->answer.accepted_through, 10);
    assert_string_equal(report(world, farm, token, 0, START_MS + 402 * DAY_MS), "unknown_farm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_activation_by_file, begin, end),
        cmocka_unit_test_setup_teardown(test_refusals, begin, end),
        cmocka_unit_test_setup_teardown(test_trials, begin, end),
        cmocka_unit_test_setup_teardown(test_a_months_windows_by_file, begin, end),
        cmocka_unit_test_setup_teardown(test_used_numbers_are_counted_apart, begin, end),
        cmocka_unit_test_setup_teardown(test_only_the_farm_itself_reports, begin, end),
        cmocka_unit_test_setup_teardown(test_a_deactivated_farm_is_told_so_by_file, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
