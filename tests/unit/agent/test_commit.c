/* commit: the one order of things. The core is the real one; the store is a stand-in that ends commits when
 * told. */
#include "agent/commit.h"
#include "common/error.h"
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* --- a store in the test's hands ------------------------------------------------------------------------ */

static struct {
    store_done_fn *done;
    void *data;
    size_t connections, cleared, events; /* of the commit under way */
    unsigned commits;
    uint64_t next_id;
} stand_in;

uint64_t store_next_event_id(const struct store *store)
{
    (void)store;
    return stand_in.next_id;
}

int store_commit(struct store *store, const struct store_batch *batch, store_done_fn *done, void *data)
{
    (void)store;
    assert_null(stand_in.done); /* one in flight */
    stand_in.done = done;
    stand_in.data = data;
    stand_in.commits++;
    stand_in.connections = stand_in.cleared = stand_in.events = 0;
    for (size_t list = 0; list < batch->count; list++) {
        size_t count;
        const struct action *actions = core_actions_all(batch->actions[list], &count);
        for (size_t i = 0; i < count; i++) {
            bool persists = actions[i].type == ACTION_PERSIST;
            stand_in.events += actions[i].type == ACTION_LOG;
            stand_in.connections += persists && actions[i].persist.type == PERSIST_CONNECTION;
            stand_in.cleared += persists && actions[i].persist.type == PERSIST_CLEAR;
        }
    }
    stand_in.next_id += stand_in.events;
    return 0;
}

static void land(int error)
{
    store_done_fn *done = stand_in.done;
    assert_non_null(done);
    stand_in.done = NULL;
    done(stand_in.data, error, error ? "no space left on device" : NULL);
}

/* --- the world around it -------------------------------------------------------------------------------- */

struct world {
    uv_loop_t loop;
    struct core *core;
    struct commit *commit;
    char order[256]; /* what was carried out: g gate, r report, l log, d done, e error */
    unsigned failed_said, recovered_said, logged, unnumbered;
    uint64_t last_id;
    int last_error;
    bool closed;
    bool steps_again; /* the next gate hook steps */
};

static void note(struct world *world, const char *letter)
{
    size_t length = strlen(world->order);
    if (length + 1 < sizeof(world->order))
        memcpy(world->order + length, letter, 2);
}

static int64_t now_ms(void *data)
{
    (void)data;
    return INT64_C(1767225600000);
}

static void on_clock(void *data, int64_t licence_ms)
{
    (void)data;
    (void)licence_ms;
}

static int put(struct world *world, const char *id, const char *user);

static void on_gate(void *data)
{
    struct world *world = data;
    note(world, "g");
    if (!world->steps_again)
        return;
    world->steps_again = false;
    (void)put(world, "again", "zoe");
    note(world, ".");
}

static void on_report(void *data)
{
    note(data, "r");
}

static void on_log(void *data, const struct log_event *event)
{
    struct world *world = data;
    world->failed_said += event->code == LOG_store_failed;
    world->recovered_said += event->code == LOG_store_recovered;
    world->logged++;
    world->unnumbered += event->id == 0;
    assert_true(event->id == 0 || event->id > world->last_id); /* never one twice */
    world->last_id = event->id ? event->id : world->last_id;
    note(world, "l");
}

static void on_stepped(void *data)
{
    (void)data;
}

static void on_files(void *data, struct store_identity *ret_identity, struct store_licence *ret_licence)
{
    (void)data;
    memset(ret_identity, 0, sizeof(*ret_identity));
    memset(ret_licence, 0, sizeof(*ret_licence));
}

static void on_done(void *data, int error, const char *detail)
{
    struct world *world = data;
    (void)detail;
    world->last_error = error;
    note(world, error ? "e" : "d");
}

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    struct core_settings settings = {
        .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT}};
    struct commit_hooks hooks = {.now_ms = now_ms,
                                 .clock = on_clock,
                                 .gate = on_gate,
                                 .report = on_report,
                                 .log = on_log,
                                 .stepped = on_stepped,
                                 .files = on_files,
                                 .data = world};
    struct core_saved nothing = {.installation_id = "i"};
    memset(&stand_in, 0, sizeof(stand_in));
    stand_in.next_id = 1;
    (void)uv_loop_init(&world->loop);
    world->core = core_create(&settings);
    if (core_restore(world->core, &nothing, now_ms(NULL)) < 0)
        return -1;
    world->commit = commit_create(&world->loop, world->core, NULL, &hooks);
    *state = world;
    return world->commit ? 0 : -1;
}

static void on_closed(void *data)
{
    struct world *world = data;
    world->closed = true;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    if (stand_in.done)
        land(0);
    while (stand_in.done)
        land(0);
    commit_destroy(world->commit, on_closed, world);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    core_destroy(world->core);
    int left = uv_loop_close(&world->loop);
    bool closed = world->closed;
    free(world);
    return left == 0 && closed ? 0 : -1;
}

static int put(struct world *world, const char *id, const char *user)
{
    struct core_event event = {.type = EVENT_BROKER_PUT,
                               .put = {.host = "h1", .id = id, .user = user, .kind = KIND_APPLICATION}};
    return commit_step(world->commit, &event, on_done, world);
}

/* --- the tests ------------------------------------------------------------------------------------------ */

static void nothing_is_told_before_it_is_durable(void **state)
{
    struct world *world = *state;
    assert_int_equal(put(world, "1", "alice"), 0);
    assert_string_equal(world->order, "");
    assert_int_equal(stand_in.connections, 1);
    land(0);
    assert_non_null(strchr(world->order, 'd'));
    assert_int_equal(world->last_error, 0);
}

static void actions_come_before_the_answer_and_in_order(void **state)
{
    struct world *world = *state;
    struct core_event started = {.type = EVENT_STARTED};
    (void)commit_step(world->commit, &started, on_done, world);
    assert_string_equal(world->order, "");
    land(0);
    assert_non_null(strchr(world->order, 'g'));
    assert_true(strchr(world->order, 'g') < strchr(world->order, 'd'));
}

static void steps_that_arrive_meanwhile_are_one_commit(void **state)
{
    struct world *world = *state;
    (void)put(world, "1", "alice");
    (void)put(world, "2", "bob");
    (void)put(world, "3", "carol");
    assert_int_equal(stand_in.commits, 1);
    land(0);
    assert_int_equal(stand_in.commits, 2);
    assert_int_equal(stand_in.connections, 2);
    land(0);
    assert_null(stand_in.done);
}

static void a_refused_step_is_answered_and_changes_nothing(void **state)
{
    struct world *world = *state;
    struct core_event end = {.type = EVENT_BROKER_END, .end = {.host = "h1", .id = "none"}};
    assert_int_equal(commit_step(world->commit, &end, on_done, world), CORE_UNKNOWN);
    assert_string_equal(world->order, "e");
    assert_int_equal(world->last_error, CORE_UNKNOWN);
}

static void a_failing_store_is_said_once_and_answers_come_from_memory(void **state)
{
    struct world *world = *state;
    const char *why;
    (void)put(world, "1", "alice");
    land(ERROR_FULL);
    assert_int_equal(world->last_error, ERROR_FULL);
    assert_false(commit_healthy(world->commit, &why));
    assert_string_equal(why, "no space left on device");
    unsigned commits = stand_in.commits;
    (void)put(world, "2", "bob"); /* acted upon from memory, answered with an error, not written */
    assert_int_equal(stand_in.commits, commits);
    assert_int_equal(world->last_error, ERROR_IO);
    assert_int_equal(world->failed_said, 1);
    assert_int_equal(tally_level(core_tally(world->core))->concurrent_users, 2);
}

/* Runs the loop until the retry timer has brought a commit. */
static void await_commit(struct world *world)
{
    while (!stand_in.done)
        (void)uv_run(&world->loop, UV_RUN_ONCE);
}

static void recovery_writes_a_whole_copy(void **state)
{
    struct world *world = *state;
    (void)put(world, "1", "alice");
    land(ERROR_FULL);
    (void)put(world, "2", "bob");
    await_commit(world);
    assert_int_equal(stand_in.cleared, 1);
    assert_int_equal(stand_in.connections, 2);
    (void)put(world, "3", "carol"); /* waits behind the copy */
    land(0);
    assert_true(commit_healthy(world->commit, NULL));
    assert_int_equal(stand_in.connections, 1);
    assert_int_equal(stand_in.cleared, 0);
    land(0);
    assert_int_equal(world->recovered_said, 1);
    assert_int_equal(world->last_error, 0);
}

/* Only what the store was given, and however it ended. */
static void what_commits_take_is_noted(void **state)
{
    struct world *world = *state;
    const struct commit_figures *figures = commit_figures(world->commit);
    uint64_t noted = 0;
    (void)put(world, "1", "alice");
    uv_sleep(2);
    land(0);
    assert_true(figures->took.sum_ns >= 2000000 && figures->failed == 0);
    (void)put(world, "2", "bob");
    land(ERROR_FULL);
    (void)put(world, "3", "carol"); /* acted upon from memory */
    assert_int_equal(figures->failed, 1);
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        noted += figures->took.counts[i];
    assert_int_equal(noted, 2);
}

static void a_failing_copy_is_tried_again(void **state)
{
    struct world *world = *state;
    (void)put(world, "1", "alice");
    land(ERROR_IO);
    await_commit(world);
    (void)put(world, "2", "bob");
    land(ERROR_IO);
    assert_int_equal(world->last_error, ERROR_IO);
    assert_int_equal(world->failed_said, 1);
    await_commit(world);
    assert_int_equal(stand_in.connections, 2);
    land(0);
    assert_true(commit_healthy(world->commit, NULL));
}

static void every_event_is_stored_once_and_no_id_is_told_twice(void **state)
{
    struct world *world = *state;
    (void)put(world, "1", "alice");
    land(0);
    unsigned stored = world->logged;
    assert_int_equal(world->unnumbered, 0);
    (void)put(world, "2", "bob");
    land(ERROR_FULL);
    (void)put(world, "3", "carol");
    unsigned told = world->logged - stored;
    assert_true(told >= 3); /* two connections and the failure */
    assert_int_equal(world->unnumbered, told);
    await_commit(world);
    assert_int_equal(stand_in.events, told); /* they come with the copy, */
    land(0);
    assert_int_equal(world->logged, stored + told); /* and are not told again */
    land(0);
    assert_int_equal(world->recovered_said, 1);
    assert_int_equal(world->last_id, stand_in.next_id - 1);
    (void)put(world, "4", "dave");
    assert_int_equal(world->unnumbered, told);
    land(0);
    assert_int_equal(world->unnumbered, told);
}

/* What a hook decides waits for its own commit, and comes behind all that was under way. */
static void a_step_within_a_hook_gathers(void **state)
{
    struct world *world = *state;
    struct core_event started = {.type = EVENT_STARTED};
    world->steps_again = true;
    (void)commit_step(world->commit, &started, on_done, world);
    assert_int_equal(stand_in.commits, 1);
    land(0);
    assert_non_null(strstr(world->order, "g.")); /* nothing was carried out within the hook */
    assert_int_equal(strlen(strchr(world->order, 'd')), 1);
    assert_int_equal(stand_in.commits, 2);
    assert_int_equal(stand_in.connections, 1);
    land(0);
    assert_null(stand_in.done);
    assert_int_equal(tally_level(core_tally(world->core))->concurrent_users, 1);
}

static void activate(struct world *world)
{
    struct grant grant = {.farm_id = "f",
                          .installation_id = "i",
                          .serial = 1,
                          .status = GRANT_ACTIVE,
                          .limit = 5,
                          .issued_at_ms = now_ms(NULL),
                          .expires_at_ms = now_ms(NULL) + INT64_C(86400000),
                          .refresh_by_ms = now_ms(NULL) + INT64_C(86400000)};
    struct core_event event = {
        .type = EVENT_ACTIVATED,
        .activated = {.farm_id = "f", .installation_id = "i", .grant = &grant, .next_sequence = 1}};
    assert_int_equal(commit_step(world->commit, &event, on_done, world), 0);
    while (stand_in.done)
        land(0);
}

/* A report goes only when what it says is on the disk: once, when the store works again. */
static void a_report_waits_for_a_failing_store(void **state)
{
    struct world *world = *state;
    struct core_event report = {.type = EVENT_REPORT_NOW};
    activate(world);
    (void)put(world, "1", "alice");
    land(ERROR_FULL);
    (void)commit_step(world->commit, &report, on_done, world);
    assert_int_equal(world->last_error, ERROR_IO);
    assert_null(strchr(world->order, 'r'));
    await_commit(world);
    land(ERROR_FULL);
    assert_null(strchr(world->order, 'r'));
    await_commit(world);
    land(0);
    assert_non_null(strchr(world->order, 'r'));
    assert_ptr_equal(strchr(world->order, 'r'), strrchr(world->order, 'r'));
}

static bool drained;

static void on_drained(void *data)
{
    (void)data;
    drained = true;
}

static void draining_waits_for_what_is_under_way(void **state)
{
    struct world *world = *state;
    drained = false;
    (void)put(world, "1", "alice");
    (void)put(world, "2", "bob");
    commit_drain(world->commit, on_drained, world);
    assert_false(drained);
    land(0);
    assert_false(drained);
    land(0);
    assert_true(drained);
}

static void draining_tries_a_failing_store_once_more(void **state)
{
    struct world *world = *state;
    drained = false;
    (void)put(world, "1", "alice");
    land(ERROR_FULL);
    (void)put(world, "2", "bob");
    commit_drain(world->commit, on_drained, world);
    assert_false(drained);
    assert_int_equal(stand_in.cleared, 1);
    assert_int_equal(stand_in.connections, 2);
    land(0);
    land(0); /* that it works again is kept too */
    assert_true(drained);
}

static void draining_does_not_wait_for_a_dead_store(void **state)
{
    struct world *world = *state;
    drained = false;
    (void)put(world, "1", "alice");
    commit_drain(world->commit, on_drained, world);
    land(ERROR_IO);
    assert_false(drained);
    land(ERROR_IO);
    assert_true(drained);
    assert_null(stand_in.done);
}

#define COMMIT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COMMIT_TEST(nothing_is_told_before_it_is_durable),
        COMMIT_TEST(actions_come_before_the_answer_and_in_order),
        COMMIT_TEST(steps_that_arrive_meanwhile_are_one_commit),
        COMMIT_TEST(a_refused_step_is_answered_and_changes_nothing),
        COMMIT_TEST(a_failing_store_is_said_once_and_answers_come_from_memory),
        COMMIT_TEST(recovery_writes_a_whole_copy),
        COMMIT_TEST(what_commits_take_is_noted),
        COMMIT_TEST(a_failing_copy_is_tried_again),
        COMMIT_TEST(every_event_is_stored_once_and_no_id_is_told_twice),
        COMMIT_TEST(a_step_within_a_hook_gathers),
        COMMIT_TEST(a_report_waits_for_a_failing_store),
        COMMIT_TEST(draining_waits_for_what_is_under_way),
        COMMIT_TEST(draining_tries_a_failing_store_once_more),
        COMMIT_TEST(draining_does_not_wait_for_a_dead_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
