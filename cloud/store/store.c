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

/* A copy being made: the pool's until it has ended, which the lock guards. */
struct copy {
    char path[PATH_MAX];
    struct rows_copy *rows;
    bool ended;
    int error;
    struct error_detail detail;
    store_copied_fn *done;
    void *data;
};

struct store {
    uv_loop_t *loop;
    struct rows *rows; /* the pool's while it works */
    uv_work_t work;
    uv_async_t done_some; /* said by the pool */
    bool working, answering;
    void (*closed)(void *data);
    void *closed_data;
    uv_mutex_t lock; /* of what follows, while the pool works */
    struct queue waiting, done;
    size_t last_count; /* jobs in the last transaction */
    struct copy *copy; /* NULL: none is being made */
    bool failing, closing;
    struct store_figures figures;
};

/* What the pool does between two looks at the queue. */
struct turn {
    struct queue batch;
    int error;         /* of the transaction as a whole */
    bool wrote;        /* something */
    struct copy *copy; /* of which it makes a step, too; NULL: none */
    bool gives_up_copy, copy_ended;
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

/* Leaves `from` empty. */
static void queue_append(struct queue *queue, struct queue *from)
{
    if (from->first == NULL)
        return;
    *queue->last = from->first;
    queue->last = from->last;
    queue->count += from->count;
    queue_init(from);
}

static void on_done_some(uv_async_t *async);

/* What only waits for the pool keeps no loop running. */
static int join_loop(struct store *store, uv_loop_t *loop)
{
    store->loop = loop;
    if (uv_mutex_init(&store->lock) != 0)
        return ERROR_NO_MEMORY;
    if (uv_async_init(loop, &store->done_some, on_done_some) != 0) {
        uv_mutex_destroy(&store->lock);
        return ERROR_NO_MEMORY;
    }
    uv_unref((uv_handle_t *)&store->done_some);
    store->done_some.data = store->work.data = store;
    return 0;
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
    if (error == 0)
        error = join_loop(store, loop);
    if (error != 0) {
        rows_close(store->rows);
        free(store);
        return error;
    }
    queue_init(&store->waiting);
    queue_init(&store->done);
    *ret_store = store;
    return 0;
}

struct rows *store_rows(struct store *store)
{
    return store->rows;
}

struct store_figures store_figures(struct store *store)
{
    uv_mutex_lock(&store->lock);
    struct store_figures figures = store->figures;
    uv_mutex_unlock(&store->lock);
    return figures;
}

bool store_failing(struct store *store)
{
    uv_mutex_lock(&store->lock);
    bool failing = store->failing;
    uv_mutex_unlock(&store->lock);
    return failing;
}

/* --- on the pool ---------------------------------------------------------------------------------------- */

/* Runs one job so that its failure undoes only itself. Not 0: the whole transaction is lost. */
static int run_job(struct rows *rows, struct store_job *job, struct error_detail *ret_detail)
{
    int error = rows_job_begin(rows, ret_detail);
    if (error != 0)
        return error;
    job->error = job->run(job, rows, &job->detail);
    if (!rows_in_transaction(rows)) {
        *ret_detail = job->detail;
        return job->error != 0 ? job->error : ERROR_IO;
    }
    return rows_job_end(rows, job->error == 0, ret_detail);
}

static int run_jobs(struct rows *rows, const struct queue *batch, struct error_detail *ret_detail)
{
    int error = rows_exec(rows, "BEGIN IMMEDIATE", ret_detail);
    for (struct store_job *job = batch->first; job != NULL && error == 0; job = job->next)
        error = run_job(rows, job, ret_detail);
    if (error == 0)
        error = rows_exec(rows, "COMMIT", ret_detail);
    if (error != 0 && rows_in_transaction(rows))
        (void)rows_exec(rows, "ROLLBACK", NULL);
    return error;
}

/* A lost transaction is every job's failure. */
static void run_batch(struct rows *rows, struct turn *turn)
{
    struct error_detail detail = {""};
    int64_t changes = rows_changes(rows);
    turn->error = run_jobs(rows, &turn->batch, &detail);
    turn->wrote = rows_changes(rows) != changes;
    for (struct store_job *job = turn->batch.first; job != NULL && turn->error != 0; job = job->next) {
        job->error = turn->error;
        job->detail = detail;
    }
}

/* Whether that was the last one. */
static bool step_copy(struct rows *rows, struct copy *copy, bool gives_up)
{
    bool whole = false;
    if (gives_up)
        copy->error = ERROR_CANCELLED;
    if (copy->error == 0 && copy->rows == NULL)
        copy->error = rows_copy_begin(rows, copy->path, &copy->rows, &copy->detail);
    if (copy->error == 0)
        copy->error = rows_copy_step(copy->rows, STORE_COPY_PAGES, &whole, &copy->detail);
    bool ended = copy->error != 0 || whole;
    if (ended)
        rows_copy_end(copy->rows, whole);
    return ended;
}

/* Half of all, those included who get their answers now: so one half is answered while the other is written,
 * where all in one transaction would leave the pool idle until they have asked again. */
static size_t share_of_those_who_ask(const struct store *store)
{
    size_t share = (store->waiting.count + store->last_count + 1) / 2;
    return share < STORE_BATCH_MAX ? share : STORE_BATCH_MAX;
}

static bool has_work(const struct store *store)
{
    return store->waiting.count > 0 || (store->copy != NULL && !store->copy->ended);
}

/* False: there is nothing to do. */
static bool take_turn(struct store *store, struct turn *ret)
{
    uv_mutex_lock(&store->lock);
    bool found = has_work(store);
    size_t share = share_of_those_who_ask(store);
    *ret = (struct turn){.gives_up_copy = store->closing};
    queue_init(&ret->batch);
    while (ret->batch.count < share && store->waiting.count > 0)
        queue_push(&ret->batch, queue_pop(&store->waiting));
    store->last_count = ret->batch.count;
    if (store->copy != NULL && !store->copy->ended)
        ret->copy = store->copy;
    uv_mutex_unlock(&store->lock);
    return found;
}

static void run_turn(struct rows *rows, struct turn *turn)
{
    if (turn->batch.count > 0)
        run_batch(rows, turn);
    if (turn->copy != NULL)
        turn->copy_ended = step_copy(rows, turn->copy, turn->gives_up_copy);
}

/* Errors of the disk or the file, which the next job is likely to meet as well. */
static bool is_of_the_ledger(int error)
{
    return error == ERROR_FULL || error == ERROR_IO || error == ERROR_FORBIDDEN || error == ERROR_DAMAGED;
}

/* A full disk fails the jobs that write, and no transaction: reading alone does not tell that it is over. */
static void judge_batch(struct store *store, const struct turn *turn)
{
    bool failed = turn->error != 0;
    for (const struct store_job *job = turn->batch.first; job != NULL; job = job->next)
        failed |= is_of_the_ledger(job->error);
    store->failing = failed || (store->failing && !turn->wrote);
    store->figures.calls += turn->batch.count;
    store->figures.transactions++;
}

static void give_back(struct store *store, struct turn *turn)
{
    uv_mutex_lock(&store->lock);
    if (turn->batch.count > 0)
        judge_batch(store, turn);
    queue_append(&store->done, &turn->batch);
    if (turn->copy_ended)
        turn->copy->ended = true;
    uv_mutex_unlock(&store->lock);
    (void)uv_async_send(&store->done_some);
}

/* From one transaction to the next without asking the loop, which answers meanwhile. */
static void run_turns(uv_work_t *work)
{
    struct store *store = work->data;
    struct turn turn;
    while (take_turn(store, &turn)) {
        run_turn(store->rows, &turn);
        give_back(store, &turn);
    }
}

/* --- on the loop ---------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct store *store = handle->data;
    void (*closed)(void *data) = store->closed;
    void *data = store->closed_data;
    rows_close(store->rows);
    uv_mutex_destroy(&store->lock);
    free(store);
    if (closed != NULL)
        closed(data);
}

static void on_idle(uv_work_t *work, int status);

static void start(struct store *store)
{
    if (store->working)
        return;
    store->working = true;
    /* fails only without a work function */
    (void)uv_queue_work(store->loop, &store->work, run_turns, on_idle);
}

static void finish_if_done(struct store *store)
{
    if (store->closing && !store->working && !store->answering)
        uv_close((uv_handle_t *)&store->done_some, on_closed);
}

static struct copy *take_ended_copy(struct store *store)
{
    struct copy *copy = store->copy;
    if (copy == NULL || !copy->ended)
        return NULL;
    store->copy = NULL;
    return copy;
}

static void answer(struct store *store)
{
    struct queue done;
    queue_init(&done);
    uv_mutex_lock(&store->lock);
    queue_append(&done, &store->done);
    struct copy *copied = take_ended_copy(store);
    uv_mutex_unlock(&store->lock);
    store->answering = true;
    if (copied != NULL)
        copied->done(copied->data, copied->error, copied->detail.text);
    free(copied);
    for (struct store_job *job; (job = queue_pop(&done)) != NULL;) {
        struct error_detail own = job->detail;
        job->done(job, job->error, own.text);
    }
    store->answering = false;
}

static void on_done_some(uv_async_t *async)
{
    struct store *store = async->data;
    answer(store);
    finish_if_done(store);
}

/* What came when the pool had seen nothing more to do is begun before the answers are made. */
static void on_idle(uv_work_t *work, int status)
{
    struct store *store = work->data;
    (void)status; /* nobody cancels it */
    store->working = false;
    if (has_work(store))
        start(store);
    answer(store);
    finish_if_done(store);
}

int store_submit(struct store *store, struct store_job *job)
{
    job->error = 0;
    job->detail.text[0] = '\0';
    uv_mutex_lock(&store->lock);
    bool full = store->waiting.count == STORE_WAITING_MAX;
    if (!full)
        queue_push(&store->waiting, job);
    uv_mutex_unlock(&store->lock);
    if (full)
        return ERROR_FULL;
    start(store);
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
    uv_mutex_lock(&store->lock);
    store->copy = copy;
    uv_mutex_unlock(&store->lock);
    start(store);
    return 0;
}

void store_close(struct store *store, void (*closed)(void *data), void *data)
{
    store->closed = closed;
    store->closed_data = data;
    uv_mutex_lock(&store->lock);
    store->closing = true;
    uv_mutex_unlock(&store->lock);
    finish_if_done(store);
}
