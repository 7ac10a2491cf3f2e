/* Work on the pool with group commit: acknowledged is durable, a failing job undoes only itself. */
#include "cloud/store/store.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
    uv_loop_t loop;
    char directory[64];
    struct store *store;
    struct error_detail detail;
    int done, failed, closed;
};

struct note_job {
    struct store_job job;
    struct world *world;
    char name[32];
    bool fails;  /* after it has written */
    bool breaks; /* takes the whole transaction with it */
    bool fills;  /* there is no room for what it writes */
    bool reads;  /* writes nothing */
    int error;
};

static int run_note(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct note_job *note = (struct note_job *)job;
    char text[16];
    int error = note->reads ? rows_note(rows, note->name, text, sizeof text, ret_detail)
                            : rows_note_put(rows, note->name, "here", ret_detail);
    if (error != 0 || note->fills)
        return error != 0 ? error : ERROR_FULL;
    if (note->breaks)
        return rows_exec(rows, "ROLLBACK", ret_detail) != 0 ? ERROR_IO : ERROR_FULL;
    if (note->fails)
        error_detail_set(ret_detail, "%s fails", note->name);
    return note->fails ? ERROR_INVALID : 0;
}

static void finish_note(struct store_job *job, int error, const char *detail)
{
    struct note_job *note = (struct note_job *)job;
    note->error = error;
    note->world->done++;
    note->world->failed += error != 0;
    if (error == ERROR_INVALID)
        assert_non_null(strstr(detail, note->name));
}

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        return 1;
    *state = world;
    (void)strcpy(world->directory, "/tmp/farmgate-test-XXXXXX");
    if (mkdtemp(world->directory) == NULL || uv_loop_init(&world->loop) != 0)
        return 1;
    return store_open(&world->loop, world->directory, &world->store, &world->detail);
}

static void on_closed(void *data)
{
    struct world *world = data;
    world->closed++;
}

static int end(void **state)
{
    struct world *world = *state;
    static const char *const names[] = {"ledger.db", "ledger.db-wal", "ledger.db-shm"};
    if (world->store != NULL)
        store_close(world->store, NULL, NULL);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    int error = uv_loop_close(&world->loop);
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", world->directory, names[i]);
        (void)unlink(path);
    }
    error |= rmdir(world->directory);
    free(world);
    return error;
}

static void submit(struct world *world, struct note_job *job, int number)
{
    job->job = (struct store_job){.run = run_note, .done = finish_note};
    job->world = world;
    (void)snprintf(job->name, sizeof job->name, "note-%d", number);
    assert_int_equal(store_submit(world->store, &job->job), 0);
}

/* Holds the pool, in a transaction of its own unless others wait with it, until it is let go. */
struct gate {
    struct note_job note;
    uv_sem_t reached, open;
};

static int run_gate(struct store_job *job, struct rows *rows, struct error_detail *ret_detail)
{
    struct gate *gate = (struct gate *)job;
    uv_sem_post(&gate->reached);
    uv_sem_wait(&gate->open);
    return run_note(job, rows, ret_detail);
}

static void submit_gate(struct world *world, struct gate *gate)
{
    memset(gate, 0, sizeof *gate);
    assert_int_equal(uv_sem_init(&gate->reached, 0), 0);
    assert_int_equal(uv_sem_init(&gate->open, 0), 0);
    gate->note = (struct note_job){.job = {.run = run_gate, .done = finish_note}, .world = world};
    (void)strcpy(gate->note.name, "gate");
    assert_int_equal(store_submit(world->store, &gate->note.job), 0);
}

static void hold(struct world *world, struct gate *gate)
{
    submit_gate(world, gate);
    uv_sem_wait(&gate->reached);
}

static void let_go(struct gate *gate)
{
    uv_sem_post(&gate->open);
}

static void run_to_the_end(struct world *world, struct gate *gate)
{
    let_go(gate);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    uv_sem_destroy(&gate->reached);
    uv_sem_destroy(&gate->open);
}

static bool is_there(struct world *world, const char *name)
{
    char text[16];
    assert_int_equal(rows_note(store_rows(world->store), name, text, sizeof text, &world->detail), 0);
    return strcmp(text, "here") == 0;
}

static void test_a_failing_job_undoes_only_itself(void **state)
{
    struct world *world = *state;
    enum { JOBS = 300 };
    struct note_job *jobs = calloc(JOBS, sizeof *jobs);
    assert_non_null(jobs);
    for (int i = 0; i < JOBS; i++) {
        jobs[i].fails = i % 3 == 1;
        submit(world, &jobs[i], i);
    }
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->done, JOBS);
    assert_int_equal(world->failed, JOBS / 3);
    assert_false(store_failing(world->store));
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].error, jobs[i].fails ? ERROR_INVALID : 0);
        assert_int_equal(is_there(world, jobs[i].name), !jobs[i].fails);
    }
    free(jobs);
}

static void test_a_lost_transaction_is_everybodys_failure(void **state)
{
    struct world *world = *state;
    enum { KEPT = 3, JOBS = 5 }; /* half of all and the gate go together, then the rest */
    struct note_job jobs[JOBS] = {{.breaks = false}};
    struct gate before;
    hold(world, &before);
    jobs[JOBS - 1].breaks = true;
    for (int i = 0; i < JOBS; i++)
        submit(world, &jobs[i], i);
    run_to_the_end(world, &before);
    assert_int_equal(world->done, 1 + JOBS);
    assert_int_equal(before.note.error, 0);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].error, i < KEPT ? 0 : ERROR_FULL);
        assert_int_equal(is_there(world, jobs[i].name), i < KEPT);
    }
    assert_true(store_failing(world->store));

    struct note_job again = {.breaks = false};
    submit(world, &again, 9);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(again.error, 0);
    assert_false(store_failing(world->store));
}

/* A full disk fails the jobs, but no transaction. */
static void test_it_fails_until_something_is_written_again(void **state)
{
    struct world *world = *state;
    static const struct {
        bool fills, reads, fails, failing_after;
    } steps[] = {
        {.reads = true},
        {.fills = true, .failing_after = true},
        {.reads = true, .failing_after = true},
        {.reads = false},
        {.fails = true}, /* its own fault */
        {.fills = true, .failing_after = true},
        {.fails = true},
    };
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct note_job job = {.fills = steps[i].fills, .reads = steps[i].reads, .fails = steps[i].fails};
        submit(world, &job, (int)i);
        (void)uv_run(&world->loop, UV_RUN_DEFAULT);
        if (store_failing(world->store) != steps[i].failing_after)
            fail_msg("step %zu", i);
    }
}

static void test_too_many_wait(void **state)
{
    struct world *world = *state;
    struct note_job *jobs = calloc(STORE_WAITING_MAX + 1, sizeof *jobs);
    struct gate before;
    assert_non_null(jobs);
    hold(world, &before);
    for (int i = 0; i < STORE_WAITING_MAX; i++)
        submit(world, &jobs[i], i);
    assert_int_equal(store_submit(world->store, &jobs[STORE_WAITING_MAX].job), ERROR_FULL);
    run_to_the_end(world, &before);
    assert_int_equal(world->done, STORE_WAITING_MAX + 1);
    struct store_figures figures = store_figures(world->store);
    assert_int_equal(figures.calls, STORE_WAITING_MAX + 1);
    assert_int_equal(figures.transactions, 1 + STORE_WAITING_MAX / STORE_BATCH_MAX);
    free(jobs);
}

static void test_the_pool_goes_on_while_the_loop_is_busy(void **state)
{
    struct world *world = *state;
    struct note_job jobs[STORE_BATCH_MAX];
    struct gate first, next;
    memset(jobs, 0, sizeof jobs);
    hold(world, &first);
    for (int i = 0; i < STORE_BATCH_MAX; i++)
        submit(world, &jobs[i], i);
    submit_gate(world, &next);
    let_go(&first);
    uv_sem_wait(&next.reached); /* in the third transaction; the loop has not run yet */
    assert_int_equal(world->done, 0);
    assert_int_equal(store_figures(world->store).calls, 1 + 1 + STORE_BATCH_MAX / 2);
    assert_int_equal(store_figures(world->store).transactions, 2);
    run_to_the_end(world, &next);
    assert_int_equal(world->done, 2 + STORE_BATCH_MAX);
    assert_int_equal(world->failed, 0);
    uv_sem_destroy(&first.reached);
    uv_sem_destroy(&first.open);
}

static void test_closing_does_what_is_queued(void **state)
{
    struct world *world = *state;
    struct note_job jobs[10];
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < 10; i++)
        submit(world, &jobs[i], i);
    store_close(world->store, on_closed, world);
    world->store = NULL;
    assert_int_equal(world->closed, 0);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->closed, 1);
    assert_int_equal(world->done, 10);
    assert_int_equal(world->failed, 0);

    assert_int_equal(store_open(&world->loop, world->directory, &world->store, &world->detail), 0);
    for (int i = 0; i < 10; i++)
        assert_true(is_there(world, jobs[i].name));
}

/* --- copies --------------------------------------------------------------------------------------------- */

#define BALLAST_NOTES 60 /* of BALLAST_BYTES: several steps of a copy */
#define BALLAST_BYTES 100000

struct copied {
    char path[128];
    int calls, error;
    int notes_before; /* jobs that were done before it was */
    struct world *world;
};

static void on_copied(void *data, int error, const char *detail)
{
    struct copied *copied = data;
    assert_int_equal(error != 0 && error != ERROR_CANCELLED, detail[0] != '\0');
    copied->calls++;
    copied->error = error;
    copied->notes_before = copied->world->done;
}

static struct copied copy_of(struct world *world, const char *name)
{
    struct copied copied = {.world = world};
    (void)snprintf(copied.path, sizeof copied.path, "%s/%s", world->directory, name);
    return copied;
}

static void put_ballast(struct world *world)
{
    char *text = malloc(BALLAST_BYTES + 1);
    assert_non_null(text);
    memset(text, 'x', BALLAST_BYTES);
    text[BALLAST_BYTES] = '\0';
    for (int i = 0; i < BALLAST_NOTES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "ballast-%d", i);
        assert_int_equal(rows_note_put(store_rows(world->store), name, text, &world->detail), 0);
    }
    free(text);
}

static void assert_noted(struct world *world, const char *path, const char *name, const char *text)
{
    char found[8];
    struct rows *rows;
    assert_int_equal(rows_open(path, &rows, &world->detail), 0);
    assert_int_equal(rows_note(rows, name, found, sizeof found, &world->detail), 0);
    assert_string_equal(found, text);
    rows_close(rows);
}

static void test_a_copy_is_made_while_work_goes_on(void **state)
{
    struct world *world = *state;
    struct note_job jobs[4] = {{.world = world}};
    struct copied copied = copy_of(world, "copy");
    struct gate gate;
    put_ballast(world);
    FILE *stale = fopen(copied.path, "w"); /* of a copy in which somebody was killed */
    assert_non_null(stale);
    assert_int_equal(fclose(stale), 0);
    hold(world, &gate); /* so that the copy begins no sooner than the jobs wait */
    assert_int_equal(store_copy(world->store, copied.path, on_copied, &copied), 0);
    assert_int_equal(store_copy(world->store, copied.path, on_copied, &copied), ERROR_BUSY);
    for (int i = 0; i < 4; i++)
        submit(world, &jobs[i], i);
    run_to_the_end(world, &gate);
    assert_int_equal(copied.calls, 1);
    assert_int_equal(copied.error, 0);
    assert_int_equal(copied.notes_before, 5); /* the gate's too: nobody waited for it */
    assert_noted(world, copied.path, "note-3", "here");
    assert_noted(world, copied.path, "ballast-59", "xxxxxxx");
    assert_false(store_failing(world->store));
    assert_int_equal(unlink(copied.path), 0);
}

static void test_a_copy_that_fails_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct copied nowhere = copy_of(world, "no/where"), cut = copy_of(world, "cut");
    struct note_job job = {.world = world};
    put_ballast(world);
    assert_int_equal(store_copy(world->store, nowhere.path, on_copied, &nowhere), 0);
    submit(world, &job, 1);
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(nowhere.error, ERROR_NOT_FOUND);
    assert_int_equal(world->done - world->failed, 1);
    assert_false(store_failing(world->store));

    assert_int_equal(store_copy(world->store, cut.path, on_copied, &cut), 0);
    store_close(world->store, on_closed, world);
    world->store = NULL;
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_int_equal(world->closed, 1);
    assert_int_equal(cut.error, ERROR_CANCELLED);
    assert_int_equal(access(cut.path, F_OK), -1);
}

static void test_opening_fails(void **state)
{
    struct world *world = *state;
    struct store *second = NULL;
    assert_int_equal(store_open(&world->loop, world->directory, &second, &world->detail), ERROR_BUSY);
    assert_null(second);
    assert_int_not_equal(store_open(&world->loop, "/nowhere/at/all", &second, &world->detail), 0);
    assert_null(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_failing_job_undoes_only_itself, begin, end),
        cmocka_unit_test_setup_teardown(test_a_lost_transaction_is_everybodys_failure, begin, end),
        cmocka_unit_test_setup_teardown(test_it_fails_until_something_is_written_again, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many_wait, begin, end),
        cmocka_unit_test_setup_teardown(test_the_pool_goes_on_while_the_loop_is_busy, begin, end),
        cmocka_unit_test_setup_teardown(test_closing_does_what_is_queued, begin, end),
        cmocka_unit_test_setup_teardown(test_a_copy_is_made_while_work_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(test_a_copy_that_fails_leaves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_opening_fails, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
