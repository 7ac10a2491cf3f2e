#include "cloud/store/store.h"

#include "cloud/store/rows_copy.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct queue {
    struct store_job *first, **last;
    size_t count;
};

/* A copy being made. While the pool works it is the pool's, but for what says otherwise. */
struct copy {
    char path[PATH_MAX];
    struct rows_copy *rows;
    bool given_up; /* by the loop, before the pool is started */
    bool ended;
    int error;
    struct error_detail detail;
    store_copied_fn *done;
    void *data;
};

struct store {
    uv_loop_t *loop;
    struct rows *rows;
    uv_work_t work;
    bool working, answering, failing, closing;
    struct queue waiting, batch;
    struct copy *copy; /* NULL: none is being made */
    struct store_figures figures;
    bool wrote; /* the batch */
    int error;  /* of the transaction as a whole */
    struct error_detail detail;
    struct copy *stepping; /* the copy of which the pool makes a step, too */
    void (*closed)(void *data);
    void *closed_data;
};

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){.last = &queue->first};
}

static void queue_push(struct queue *queue, struct store_job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->count++;
}

static struct store_job *queue_pop(struct queue *queue)
{
    struct store_job *job = queue->first;
    if (job == NULL)
        return NULL;
    queue->first = job->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    return job;
}

int store_open(uv_loop_t *loop, const char *directory, struct store **ret_store,
               struct error_detail *ret_detail)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/ledger.db", directory) >= sizeof path) {
        error_detail_set(ret_detail, "the path of the state directory is too long");
        return ERROR_INVALID;
    }
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return ERROR_NO_MEMORY;
    int error = rows_open(path, &store->rows, ret_detail);
    if (error != 0) {
        free(store);
        return error;
    }
    store->loop = loop;
    queue_init(&store->waiting);
    queue_init(&store->batch);
    *ret_store = store;
    return 0;
}

struct rows *store_rows(struct store *store)
{
    return store->rows;
}

struct store_figures store_figures(const struct store *store)
{
    return store->figures;
}

bool store_failing(const struct store *store)
{
    return store->failing;
}

/* --- on the pool ---------------------------------------------------------------------------------------- */

/* Runs one job so that its failure undoes only itself. Not 0: the whole transaction is lost. */
static int run_job(struct store *store, struct store_job *job)
{
    int error = rows_job_begin(store->rows, &store->detail);
    if (error != 0)
        return error;
    job->error = job->run(job, store->rows, &job->detail);
    if (!rows_in_transaction(store->rows)) {
        store->detail = job->detail;
        return job->error != 0 ? job->error : ERROR_IO;
    }
    return rows_job_end(store->rows, job->error == 0, &store->detail);
}

static void run_jobs(struct store *store)
{
    int64_t changes = rows_changes(store->rows);
    store->error = rows_exec(store->rows, "BEGIN IMMEDIATE", &store->detail);
    for (struct store_job *job = store->batch.first; job != NULL && store->error == 0; job = job->next)
        store->error = run_job(store, job);
    if (store->error == 0)
        store->error = rows_exec(store->rows, "COMMIT", &store->detail);
    if (store->error != 0 && rows_in_transaction(store->rows))
        (void)rows_exec(store->rows, "ROLLBACK", NULL);
    store->wrote = rows_changes(store->rows) != changes;
}

static void step_copy(struct store *store, struct copy *copy)
{
    bool whole = false;
    if (copy->given_up)
        copy->error = ERROR_CANCELLED;
    if (copy->error == 0 && copy->rows == NULL)
        copy->error = rows_copy_begin(store->rows, copy->path, &copy->rows, &copy->detail);
    if (copy->error == 0)
        copy->error = rows_copy_step(copy->rows, STORE_COPY_PAGES, &whole, &copy->detail);
    copy->ended = copy->error != 0 || whole;
    if (copy->ended)
        rows_copy_end(copy->rows, whole);
}

static void run_batch(uv_work_t *work)
{
    struct store *store = work->data;
    if (store->batch.count > 0)
        run_jobs(store);
    if (store->stepping != NULL)
        step_copy(store, store->stepping);
}

/* --- on the loop ---------------------------------------------------------------------------------------- */

static void finish(struct store *store)
{
    void (*closed)(void *data) = store->closed;
    void *data = store->closed_data;
    rows_close(store->rows);
    free(store);
    if (closed != NULL)
        closed(data);
}

static void on_batch_done(uv_work_t *work, int status);

static void start_batch(struct store *store)
{
    if (store->working || (store->waiting.count == 0 && store->copy == NULL))
        return;
    while (store->batch.count < STORE_BATCH_MAX && store->waiting.count > 0)
        queue_push(&store->batch, queue_pop(&store->waiting));
    store->detail.text[0] = '\0';
    store->stepping = store->copy;
    if (store->stepping != NULL)
        store->stepping->given_up = store->closing;
    store->working = true;
    store->work.data = store;
    /* fails only without a work function */
    (void)uv_queue_work(store->loop, &store->work, run_batch, on_batch_done);
}

static void finish_if_done(struct store *store)
{
    if (store->closing && !store->working && !store->answering && store->waiting.count == 0 &&
        store->copy == NULL)
        finish(store);
}

static struct copy *take_ended_copy(struct store *store)
{
    struct copy *copy = store->stepping;
    if (copy == NULL || !copy->ended)
        return NULL;
    store->copy = NULL;
    return copy;
}

/* Errors of the disk or the file, which the next job is likely to meet as well. */
static bool is_of_the_ledger(int error)
{
    return error == ERROR_FULL || error == ERROR_IO || error == ERROR_FORBIDDEN || error == ERROR_DAMAGED;
}

/* A full disk fails the jobs that write, and no transaction: reading alone does not tell that it is over. */
static void judge_batch(struct store *store, const struct queue *done)
{
    bool failed = store->error != 0;
    for (const struct store_job *job = done->first; job != NULL; job = job->next)
        failed |= is_of_the_ledger(job->error);
    store->failing = failed || (store->failing && !store->wrote);
    store->figures.calls += done->count;
    store->figures.transactions++;
}

/* The next batch is written while the answers of this one are made. */
static void on_batch_done(uv_work_t *work, int status)
{
    struct store *store = work->data;
    struct queue done = store->batch;
    int error = store->error;
    struct error_detail detail = store->detail;
    struct copy *copied = take_ended_copy(store);
    (void)status; /* nobody cancels it */
    if (done.count > 0)
        judge_batch(store, &done);
    queue_init(&store->batch);
    store->working = false;
    start_batch(store);
    store->answering = true;
    if (copied != NULL)
        copied->done(copied->data, copied->error, copied->detail.text);
    free(copied);
    for (struct store_job *job; (job = queue_pop(&done)) != NULL;) {
        struct error_detail own = error != 0 ? detail : job->detail;
        job->done(job, error != 0 ? error : job->error, own.text);
    }
    store->answering = false;
    finish_if_done(store);
}

int store_submit(struct store *store, struct store_job *job)
{
    if (store->waiting.count == STORE_WAITING_MAX)
        return ERROR_FULL;
    job->error = 0;
    job->detail.text[0] = '\0';
    queue_push(&store->waiting, job);
    start_batch(store);
    return 0;
}

int store_copy(struct store *store, const char *path, store_copied_fn *done, void *data)
{
    if (store->copy != NULL)
        return ERROR_BUSY;
    struct copy *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return ERROR_NO_MEMORY;
    (void)snprintf(copy->path, sizeof copy->path, "%s", path);
    copy->done = done;
    copy->data = data;
    store->copy = copy;
    start_batch(store);
    return 0;
}

void store_close(struct store *store, void (*closed)(void *data), void *data)
{
    store->closed = closed;
    store->closed_data = data;
    store->closing = true;
    finish_if_done(store);
}
