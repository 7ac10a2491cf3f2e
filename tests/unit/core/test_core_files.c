/* A closed network: files carry what reports carry elsewhere, and are long on their way (RULES §3.1, §3.3,
 * §3.11). */
#include "agent/core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define T0   INT64_C(1700000400000) /* a window's start */
#define HOUR INT64_C(3600000)

struct fixture {
    struct core *core;
    struct core_actions *actions;
};

static void open_fixture(struct fixture *f, bool by_files)
{
    const struct core_settings settings = {
        .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
        .by_files = by_files,
        .seed = 7,
    };
    f->core = core_create(&settings);
    f->actions = core_actions_create();
    assert_non_null(f->core);
    assert_non_null(f->actions);
}

static void close_fixture(struct fixture *f)
{
    core_destroy(f->core);
    core_actions_destroy(f->actions);
}

static int step(struct fixture *f, const struct core_event *event, int64_t now_ms)
{
    core_actions_clear(f->actions);
    return core_step(f->core, event, now_ms, f->actions);
}

static struct grant grant_of(uint64_t serial, int64_t issued_at_ms)
{
    return (struct grant){.farm_id = "farm",
                          .installation_id = "inst",
                          .serial = serial,
                          .limit = 10,
                          .issued_at_ms = issued_at_ms,
                          .refresh_by_ms = issued_at_ms + 400 * DAY_MS};
}

static int activate(struct fixture *f, const struct grant *grant, int64_t clock_ms, int64_t now_ms)
{
    struct core_event event = {
        .type = EVENT_ACTIVATED,
        .clock_ms = clock_ms,
        .activated = {.farm_id = grant->farm_id, .installation_id = grant->installation_id, .grant = grant}};
    return step(f, &event, now_ms);
}

static int entitle(struct fixture *f, const struct grant *grant, int64_t clock_ms, int64_t now_ms)
{
    struct core_event event = {.type = EVENT_ENTITLEMENT, .clock_ms = clock_ms, .grant = grant};
    return step(f, &event, now_ms);
}

static void pass(struct fixture *f, int64_t now_ms)
{
    struct core_event event = {.type = EVENT_TIMER};
    assert_int_equal(step(f, &event, now_ms), 0);
}

static void start(struct fixture *f, bool by_files)
{
    struct core_event event = {.type = EVENT_STARTED};
    struct grant grant = grant_of(1, T0);
    open_fixture(f, by_files);
    assert_int_equal(step(f, &event, T0), 0);
    assert_int_equal(activate(f, &grant, 0, T0), 0);
}

static struct core_status status_of(const struct fixture *f)
{
    struct core_status status;
    core_status(f->core, &status);
    return status;
}

/* How many of the last step's actions say this. */
static size_t said(const struct fixture *f, enum log_event_code code)
{
    size_t count, found = 0;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++)
        found += all[i].type == ACTION_LOG && all[i].log.code == code;
    return found;
}

static size_t asked(const struct fixture *f, enum action_type type)
{
    size_t count, found = 0;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++)
        found += all[i].type == type;
    return found;
}

static int64_t clock_told(const struct fixture *f)
{
    size_t count;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++)
        if (all[i].type == ACTION_CLOCK)
            return all[i].clock_ms;
    return 0;
}

static void no_report_is_ever_due(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, true);
    assert_true(status_of(&f).by_files);
    for (int64_t now_ms = T0; now_ms < T0 + DAY_MS; now_ms += WINDOW_MS / 2) {
        pass(&f, now_ms);
        assert_int_equal(asked(&f, ACTION_REPORT), 0);
        assert_int_equal(status_of(&f).next_report_ms, INT64_MAX);
        assert_true(core_due_ms(f.core) > now_ms);
    }
    struct core_event now = {.type = EVENT_REPORT_NOW};
    assert_int_equal(step(&f, &now, T0 + DAY_MS), 0);
    assert_int_equal(asked(&f, ACTION_REPORT), 0);
    assert_int_equal(status_of(&f).windows_queued, 72);
    close_fixture(&f);
    start(&f, false);
    assert_false(status_of(&f).by_files);
    assert_true(status_of(&f).next_report_ms < T0 + 2 * WINDOW_MS);
    close_fixture(&f);
}

static void a_file_that_was_long_on_its_way_sets_no_clock_back(void **state)
{
    (void)state;
    struct fixture f;
    struct grant grant = grant_of(2, T0 + HOUR);
    start(&f, true);
    pass(&f, T0 + 9 * DAY_MS);
    assert_int_equal(entitle(&f, &grant, T0 + 9 * DAY_MS, T0 + 9 * DAY_MS), 0);
    assert_int_equal(clock_told(&f), T0 + 9 * DAY_MS);
    assert_int_equal(said(&f, LOG_clock_corrected), 0);
    assert_int_equal(said(&f, LOG_time_restarted), 0);
    assert_int_equal(status_of(&f).standing.last_contact_ms, T0 + 9 * DAY_MS);
    assert_int_equal(status_of(&f).standing.grant.serial, 2);
    close_fixture(&f);
}

static void a_clock_that_was_wrong_is_put_right_all_the_same(void **state)
{
    (void)state;
    struct fixture f;
    struct grant grant = grant_of(2, T0 + HOUR);
    start(&f, true);
    pass(&f, T0 + 9 * DAY_MS);
    assert_int_equal(entitle(&f, &grant, T0 + 2 * HOUR, T0 + 9 * DAY_MS), 0);
    assert_int_equal(clock_told(&f), T0 + 2 * HOUR);
    assert_int_equal(said(&f, LOG_clock_corrected), 1);
    close_fixture(&f);
}

static void an_activation_by_file_sets_the_clock_likewise(void **state)
{
    (void)state;
    struct fixture f;
    struct core_event started = {.type = EVENT_STARTED};
    struct grant grant = grant_of(1, T0);
    open_fixture(&f, true);
    assert_int_equal(step(&f, &started, T0 + 3 * DAY_MS), 0);
    assert_int_equal(activate(&f, &grant, T0 + 3 * DAY_MS, T0 + 3 * DAY_MS), 0);
    assert_int_equal(clock_told(&f), T0 + 3 * DAY_MS);
    assert_int_equal(said(&f, LOG_clock_corrected), 0);
    assert_true(status_of(&f).verdict.open);
    close_fixture(&f);
}

/* ---- windows ---- */

static int accept(struct fixture *f, uint64_t carried, uint64_t through,
                  const struct core_refused_window *refused, size_t count)
{
    struct core_event event = {
        .type = EVENT_REPORT_ACCEPTED,
        .accepted = {
            .through = through, .refused = refused, .refused_count = count, .carried_through = carried}};
    return step(f, &event, T0 + 30 * DAY_MS);
}

static void unsent_are(const struct fixture *f, uint64_t first, size_t count)
{
    size_t unsent;
    const struct window *windows = core_unsent(f->core, &unsent);
    assert_int_equal(unsent, count);
    assert_int_equal(windows[0].sequence, first);
}

/* Which windows the last step made accepted ('a') and refused ('r'), as "a1-3 r4 a5-9". */
static void kept_are(const struct fixture *f, const char *wanted)
{
    char text[256] = "";
    size_t count, used = 0;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++) {
        const struct persist *persist = &all[i].persist;
        if (all[i].type == ACTION_PERSIST && persist->type == PERSIST_ACKNOWLEDGED)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%sa%d-%d", used ? " " : "",
                                     (int)persist->acknowledged.first, (int)persist->acknowledged.sequence);
        if (all[i].type == ACTION_PERSIST && persist->type == PERSIST_SET_ASIDE)
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%sr%d:%s", used ? " " : "",
                                     (int)persist->acknowledged.sequence, persist->acknowledged.reason);
    }
    assert_string_equal(text, wanted);
}

static void a_month(struct fixture *f, bool by_files)
{
    start(f, by_files);
    pass(f, T0 + 30 * DAY_MS);
    unsent_are(f, 1, 2160);
}

static void a_files_answer_takes_all_it_carried_off_the_queue(void **state)
{
    (void)state;
    struct fixture f;
    a_month(&f, true);
    assert_int_equal(accept(&f, 2000, 2000, NULL, 0), 0);
    kept_are(&f, "a1-2000");
    assert_int_equal(said(&f, LOG_report_accepted), 1);
    unsent_are(&f, 2001, 160);
    assert_int_equal(accept(&f, 2000, 2000, NULL, 0), 0); /* imported again */
    kept_are(&f, "");
    assert_int_equal(said(&f, LOG_report_accepted), 0);
    unsent_are(&f, 2001, 160);
    close_fixture(&f);
}

static void it_takes_nothing_that_it_did_not_carry(void **state)
{
    (void)state;
    struct fixture f;
    static const struct core_refused_window refused[] = {{101, "later"}, {UINT64_MAX, "never"}, {0, "none"}};
    a_month(&f, true);
    assert_int_equal(accept(&f, 100, UINT64_MAX, refused, 3), 0);
    kept_are(&f, "a1-100");
    unsent_are(&f, 101, 2060);
    close_fixture(&f);
}

static void refused_windows_are_set_aside_among_the_others(void **state)
{
    (void)state;
    struct fixture f;
    static const struct core_refused_window refused[] = {
        {1, "overlaps"}, {2, "overlaps"}, {500, "too_long"}, {1000, NULL}, {1200, "in_future"}};
    a_month(&f, true);
    assert_int_equal(accept(&f, 1200, 1100, refused, 5), 0);
    kept_are(&f, "r1:overlaps r2:overlaps a3-499 r500:too_long a501-999 r1000: a1001-1100 r1200:in_future");
    assert_int_equal(said(&f, LOG_window_refused), 5);
    assert_int_equal(said(&f, LOG_report_accepted), 1);
    unsent_are(&f, 1101, 2160 - 1101);                       /* 1101 to 1199 go with the next file */
    assert_int_equal(accept(&f, 1200, 1100, refused, 5), 0); /* imported again */
    kept_are(&f, "");
    assert_int_equal(said(&f, LOG_window_refused), 0);
    close_fixture(&f);
}

static void a_report_on_its_way_meets_a_file(void **state)
{
    (void)state;
    struct fixture f;
    static const struct core_refused_window refused[] = {{300, "overlaps"}};
    size_t batch;
    a_month(&f, false);
    assert_true(asked(&f, ACTION_REPORT) > 0); /* with 1 to 216 */
    assert_int_equal(accept(&f, 100, 100, NULL, 0), 0);
    assert_int_equal(core_report_batch(f.core, &batch)[0].sequence, 101);
    assert_int_equal(batch, 116);
    struct core_event answer = {.type = EVENT_REPORT_ACCEPTED, .accepted = {.through = 1000}};
    assert_int_equal(step(&f, &answer, T0 + 30 * DAY_MS), 0);
    kept_are(&f, "a101-216");
    assert_int_equal(accept(&f, 300, 250, refused, 1), 0);
    kept_are(&f, "a217-250 r300:overlaps");
    unsent_are(&f, 251, 2160 - 251);
    close_fixture(&f);
}

/* How many windows the last step stored under new numbers, and which. */
static void renumbered_are(const struct fixture *f, size_t stored, uint64_t first, uint64_t last)
{
    uint64_t sequences[2] = {0, 0};
    size_t count, found = 0;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++)
        if (all[i].type == ACTION_PERSIST && all[i].persist.type == PERSIST_WINDOW)
            sequences[found++ > 0] = all[i].persist.window.sequence;
    if (found == 1)
        sequences[1] = sequences[0];
    assert_int_equal(found, stored);
    assert_int_equal(sequences[0], first);
    assert_int_equal(sequences[1], last);
    assert_int_equal(said(f, LOG_windows_renumbered), stored > 0);
}

static void a_files_answer_has_used_numbers(void **state)
{
    (void)state;
    struct fixture f;
    static const struct core_refused_window refused[] = {
        {7, "overlaps"}, {1001, CORE_NUMBER_USED}, {1002, CORE_NUMBER_USED}, {1003, CORE_NUMBER_USED}};
    a_month(&f, true);
    assert_int_equal(accept(&f, 1003, 5000, refused, 4), 0);
    kept_are(&f, "a1-6 r7:overlaps a8-1000");
    renumbered_are(&f, 1160, 5001, 6160); /* those that the file did not carry as well */
    unsent_are(&f, 5001, 1160);
    assert_int_equal(accept(&f, 1003, 5000, NULL, 0), 0); /* imported again */
    kept_are(&f, "");
    renumbered_are(&f, 0, 0, 0);
    unsent_are(&f, 5001, 1160);
    close_fixture(&f);
}

static void used_numbers_of_a_file_leave_a_report_on_its_way(void **state)
{
    (void)state;
    struct fixture f;
    static const struct core_refused_window refused[] = {{101, CORE_NUMBER_USED}};
    size_t batch;
    a_month(&f, false); /* 1 to 216 are on their way */
    assert_int_equal(accept(&f, 101, 50, refused, 1), 0);
    kept_are(&f, "a1-50");
    renumbered_are(&f, 2060, 2161, 4220);
    assert_int_equal(core_report_batch(f.core, &batch)[0].sequence, 51);
    assert_int_equal(batch, 50);
    struct core_event answer = {.type = EVENT_REPORT_ACCEPTED, .accepted = {.through = 216}};
    assert_int_equal(step(&f, &answer, T0 + 30 * DAY_MS), 0);
    kept_are(&f, "a51-100");
    unsent_are(&f, 2161, 2060);
    close_fixture(&f);
}

/* The next number that the last step stored; 0: none. */
static uint64_t next_stored(const struct fixture *f)
{
    size_t count;
    const struct action *all = core_actions_all(f->actions, &count);
    for (size_t i = 0; i < count; i++)
        if (all[i].type == ACTION_PERSIST && all[i].persist.type == PERSIST_NEXT_SEQUENCE)
            return all[i].persist.next_sequence;
    return 0;
}

/* A report of the month's first 216 windows is answered; `used`: the first whose number was used, 0: none. */
static void used_numbers_in_a_report(void **state)
{
    (void)state;
    static const struct {
        uint64_t through, used;
        const char *kept;
        size_t stored;
        uint64_t first_unsent, next;
        bool said;
    } table[] = {
        {216, 0, "a1-216", 0, 217, 2161, false},
        {2160, 0, "a1-216", 0, 217, 2161, false},
        {2161, 0, "a1-216", 0, 217, 2162, true}, /* an authority that cannot say more: what comes is not lost
                                                  */
        {UINT64_MAX, 0, "a1-216", 0, 217, 2161, false},
        {216, 1, "", 2160, 2161, 4321, true},
        {5000, 1, "", 2160, 5001, 7161, true},
        {5000, 216, "a1-215", 1945, 5001, 6946, true},
        {100, 150, "a1-100", 2011, 101, 4172, true}, /* 101 to 149 go with the next report */
        {5000, 217, "a1-216", 0, 217, 5001, true},   /* not one that was sent */
        {UINT64_MAX, 1, "", 2160, 2161, 4321, true},
        {UINT64_C(1) << 60, 0, "a1-216", 0, 217, 2161, false}, /* nothing that could not be read again */
        {REPORTER_SEQUENCE_MAX + 1, 1, "", 2160, 2161, 4321, true},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fixture f;
        struct core_refused_window refused[216];
        struct core_event answer = {.type = EVENT_REPORT_ACCEPTED,
                                    .accepted = {.through = table[i].through, .refused = refused}};
        for (uint64_t at = table[i].used; at != 0 && answer.accepted.refused_count < 216; at++)
            refused[answer.accepted.refused_count++] = (struct core_refused_window){at, CORE_NUMBER_USED};
        a_month(&f, false);
        assert_int_equal(step(&f, &answer, T0 + 30 * DAY_MS), 0);
        kept_are(&f, table[i].kept);
        size_t unsent;
        uint64_t last = table[i].next - 1;
        const struct window *windows = core_unsent(f.core, &unsent);
        assert_int_equal(windows[0].sequence, table[i].first_unsent);
        if (table[i].stored > 0)
            assert_int_equal(windows[unsent - 1].sequence, last);
        for (size_t at = 1; at < unsent; at++)
            assert_true(windows[at].start_ms == windows[at - 1].start_ms + WINDOW_MS &&
                        windows[at].sequence > windows[at - 1].sequence);
        struct core_saved saved;
        int64_t event_ms;
        core_keep(f.core, &saved, &event_ms);
        assert_int_equal(saved.next_sequence, table[i].next);
        assert_int_equal(said(&f, LOG_windows_renumbered), table[i].said);
        assert_int_equal(next_stored(&f),
                         table[i].through == 5000 || table[i].through == 2161 ? table[i].next : 0);
        assert_int_equal(said(&f, LOG_window_refused), 0);
        close_fixture(&f);
    }
}

/* Alternating ones were the slowest: each window leaves the queue once. */
static void a_queue_of_a_year_is_dealt_with_at_once(void **state)
{
    (void)state;
    struct fixture f;
    static struct core_refused_window refused[REPORTER_QUEUE_MAX / 2];
    for (size_t i = 0; i < REPORTER_QUEUE_MAX / 2; i++)
        refused[i] = (struct core_refused_window){2 * i + 2, "overlaps"};
    start(&f, true);
    pass(&f, T0 + 400 * DAY_MS);
    unsent_are(&f, 1, REPORTER_QUEUE_MAX);
    struct core_event event = {.type = EVENT_REPORT_ACCEPTED,
                               .accepted = {.through = REPORTER_QUEUE_MAX,
                                            .refused = refused,
                                            .refused_count = REPORTER_QUEUE_MAX / 2,
                                            .carried_through = REPORTER_QUEUE_MAX}};
    assert_int_equal(step(&f, &event, T0 + 400 * DAY_MS), 0);
    assert_int_equal(said(&f, LOG_window_refused), REPORTER_QUEUE_MAX / 2);
    assert_int_equal(status_of(&f).windows_queued, 0);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_report_is_ever_due),
        cmocka_unit_test(a_file_that_was_long_on_its_way_sets_no_clock_back),
        cmocka_unit_test(a_clock_that_was_wrong_is_put_right_all_the_same),
        cmocka_unit_test(an_activation_by_file_sets_the_clock_likewise),
        cmocka_unit_test(a_files_answer_takes_all_it_carried_off_the_queue),
        cmocka_unit_test(it_takes_nothing_that_it_did_not_carry),
        cmocka_unit_test(refused_windows_are_set_aside_among_the_others),
        cmocka_unit_test(a_report_on_its_way_meets_a_file),
        cmocka_unit_test(a_files_answer_has_used_numbers),
        cmocka_unit_test(used_numbers_of_a_file_leave_a_report_on_its_way),
        cmocka_unit_test(used_numbers_in_a_report),
        cmocka_unit_test(a_queue_of_a_year_is_dealt_with_at_once),
    };
    return cmocka_run_group_tests_name("core: files", tests, NULL, NULL);
}
