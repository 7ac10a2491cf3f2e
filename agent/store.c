/* store.c - the queue of commits and queries, on the loop; what they do is on the pool. */
#include "store_private.h"

#include "agent/event_json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

uint64_t store_next_event_id(const struct store *store)
{
    return store->next_event_id;
}

static struct store_farm *find_farm(const struct store *store, const char *farm_id)
{
    for (size_t i = 0; i < store->farm_count; i++) {
        if (strcmp(store->farms[i].farm_id, farm_id) == 0)
            return &store->farms[i];
    }
    return NULL;
}

uint64_t store_next_sequence(const struct store *store, const char *farm_id)
{
    const struct store_farm *farm = find_farm(store, farm_id);
    return farm ? farm->next_sequence : 0;
}

bool store_know_farm(struct store *store, const char *farm_id, uint64_t next_sequence)
{
    if (farm_id[0] == '\0' || find_farm(store, farm_id))
        return true;
    struct store_farm *farms = realloc(store->farms, (store->farm_count + 1) * sizeof(*farms));
    if (!farms)
        return false;
    store->farms = farms;
    struct store_farm *farm = &farms[store->farm_count++];
    *farm = (struct store_farm){.next_sequence = next_sequence};
    memcpy(farm->farm_id, farm_id, strnlen(farm_id, sizeof(farm->farm_id) - 1));
    return true;
}

static void note_sequences(struct store *store, const struct store_commit_job *commit)
{
    struct store_farm *farm = find_farm(store, commit->farm_id);
    for (size_t i = 0; farm && i < commit->record_count; i++) {
        const struct store_record *record = &commit->records[i];
        uint64_t next = 0;
        if (!record->is_event && record->persist.type == PERSIST_WINDOW)
            next = record->persist.window.sequence + 1;
        else if (!record->is_event && record->persist.type == PERSIST_NEXT_SEQUENCE)
            next = record->persist.next_sequence;
        if (next > farm->next_sequence)
            farm->next_sequence = next;
    }
}

/* --- jobs, one at a time */

static void job_destroy(struct store_job *job)
{
    if (job->type == STORE_JOB_COMMIT) {
        free(job->commit.records);
    } else if (job->type != STORE_JOB_CLOSE && job->type != STORE_JOB_FORGET) {
        free(job->query.windows);
        free(job->query.states);
        free(job->query.days);
        free(job->query.events);
    }
    store_arena_free(&job->arena);
    free(job);
}

static struct store_job *job_create(enum store_job_type type)
{
    struct store_job *job = calloc(1, sizeof(*job));
    if (job)
        job->type = type;
    return job;
}

/* Takes the next job off the queue; behind a commit the commits that follow it. */
static struct store_job *take_group(struct store *store)
{
    struct store_job *first = store->queue, *last = first;
    if (!first)
        return NULL;
    for (size_t count = 1; count < STORE_GROUP_MAX && first->type == STORE_JOB_COMMIT && last->next &&
                           last->next->type == STORE_JOB_COMMIT;
         count++)
        last = last->next;
    store->queue = last->next;
    if (!store->queue)
        store->queue_end = &store->queue;
    last->next = NULL;
    return first;
}

static void on_pool(uv_work_t *work)
{
    struct store *store = work->data;
    switch (store->flying->type) {
    case STORE_JOB_COMMIT:
        store_commit_run(store, store->flying);
        break;
    case STORE_JOB_WINDOWS:
    case STORE_JOB_DAYS:
    case STORE_JOB_EVENTS:
        store_query_run(store, store->flying);
        break;
    case STORE_JOB_FORGET:
        store_forget_run(store, store->flying);
        break;
    case STORE_JOB_CLOSE:
        store_database_close(&store->database);
        break;
    }
}

static void on_landed(uv_work_t *work, int status);
static void enqueue(struct store *store, struct store_job *job);

static void fly(struct store *store)
{
    if (store->flying || !(store->flying = take_group(store)))
        return;
    store->work.data = store;
    int error = uv_queue_work(store->loop, &store->work, on_pool, on_landed);
    assert(error == 0); /* it fails only without a work function */
    (void)error;
}

static void tell(struct store_job *job)
{
    const struct store_query_job *query = &job->query;
    struct store_windows windows = {0};
    switch (job->type) {
    case STORE_JOB_COMMIT:
        job->commit.done(job->commit.data, job->error, job->error != 0 ? job->detail.text : NULL);
        break;
    case STORE_JOB_WINDOWS:
        if (job->error == 0)
            windows = (struct store_windows){query->windows, query->states, query->count, query->more};
        query->windows_done(query->data, job->error, &windows);
        break;
    case STORE_JOB_DAYS:
        query->days_done(query->data, job->error, query->days, job->error == 0 ? query->count : 0);
        break;
    case STORE_JOB_EVENTS:
        query->events_done(query->data, job->error, query->events, job->error == 0 ? query->count : 0);
        break;
    case STORE_JOB_FORGET:
        job->forget.done(job->forget.data, job->error, job->error != 0 ? job->detail.text : NULL,
                         job->forget.events);
        break;
    case STORE_JOB_CLOSE:
        break;
    }
}

static void finish(struct store *store)
{
    void (*closed)(void *) = store->closed;
    void *data = store->closed_data;
    free(store->farms);
    free(store);
    closed(data);
}

/* The next group flies while this one is told; callbacks may call the store again, and close it. */
static void on_landed(uv_work_t *work, int status)
{
    struct store *store = work->data;
    struct store_job *job = store->flying;
    (void)status; /* never cancelled */
    store->flying = NULL;
    if (job->type == STORE_JOB_CLOSE) {
        finish(store);
        return;
    }
    if (job->type == STORE_JOB_FORGET && job->forget.more) {
        if (!store->closing) {
            enqueue(store, job); /* its next step, behind what waits */
            return;
        }
        job->error = ERROR_CANCELLED;
        error_detail_set(&job->detail, "the agent is stopping");
    }
    fly(store);
    while (job) {
        struct store_job *next = job->next;
        tell(job);
        job_destroy(job);
        job = next;
    }
}

static void enqueue(struct store *store, struct store_job *job)
{
    job->next = NULL;
    *store->queue_end = job;
    store->queue_end = &job->next;
    fly(store);
}

/* --- commits are copied */

/* Points *text at a copy; false without memory. */
static bool keep(struct store_arena *arena, const char **text)
{
    if (!*text)
        return true;
    *text = store_arena_text(arena, *text);
    return *text != NULL;
}

static bool keep_persist(struct store_arena *arena, const struct persist *persist, struct persist *ret)
{
    *ret = *persist;
    switch (persist->type) {
    case PERSIST_CONNECTION:
    case PERSIST_CONNECTION_ENDED: {
        struct roster_change *change = &ret->connection;
        return keep(arena, &change->connection.host) && keep(arena, &change->connection.id) &&
               keep(arena, &change->connection.user) && keep(arena, &change->broker_id);
    }
    case PERSIST_HOST:
        return keep(arena, &ret->host.host) && keep(arena, &ret->host.boot_id);
    case PERSIST_ACKNOWLEDGED:
    case PERSIST_SET_ASIDE:
        return keep(arena, &ret->acknowledged.reason);
    default:
        return true;
    }
}

static bool keep_event(struct store_arena *arena, const struct log_event *event, uint64_t id,
                       struct store_event *ret)
{
    struct log_event numbered = *event;
    numbered.id = id;
    char *json = event_json(&numbered);
    *ret = (struct store_event){.id = id, .at_ms = event->at_ms, .name = log_event_name(event->code)};
    ret->json = json ? store_arena_text(arena, json) : NULL;
    free(json);
    return ret->json != NULL;
}

static bool keep_actions(struct store_job *job, const struct core_actions *list, uint64_t *event_id)
{
    struct store_commit_job *commit = &job->commit;
    size_t count;
    const struct action *actions = core_actions_all(list, &count);
    bool kept = true;
    for (size_t i = 0; i < count && kept; i++) {
        struct store_record *record = &commit->records[commit->record_count];
        if (actions[i].type == ACTION_LOG) {
            record->is_event = true;
            kept = keep_event(&job->arena, &actions[i].log, (*event_id)++, &record->event);
        } else if (actions[i].type == ACTION_PERSIST) {
            assert(actions[i].persist.type != PERSIST_STANDING || commit->licence);
            kept = keep_persist(&job->arena, &actions[i].persist, &record->persist);
        } else {
            continue;
        }
        commit->record_count++;
    }
    return kept;
}

static bool keep_files(struct store_job *job, const struct store_batch *batch)
{
    struct store_commit_job *commit = &job->commit;
    if (batch->identity) {
        commit->identity = store_arena_take(&job->arena, sizeof(*commit->identity));
        if (!commit->identity)
            return false;
        *commit->identity = *batch->identity;
    }
    if (batch->licence) {
        commit->licence = store_arena_take(&job->arena, sizeof(*commit->licence));
        if (!commit->licence)
            return false;
        *commit->licence = *batch->licence;
    }
    return true;
}

static void count_actions(const struct store_batch *batch, size_t *ret_records, uint64_t *ret_events)
{
    *ret_records = 0;
    *ret_events = 0;
    for (size_t i = 0; i < batch->count; i++) {
        size_t count;
        const struct action *actions = core_actions_all(batch->actions[i], &count);
        *ret_records += count;
        for (size_t k = 0; k < count; k++)
            *ret_events += actions[k].type == ACTION_LOG;
    }
}

static struct store_job *copy_batch(const struct store_batch *batch, size_t records, uint64_t event_id)
{
    struct store_job *job = job_create(STORE_JOB_COMMIT);
    if (!job)
        return NULL;
    job->commit.records = calloc(records + 1, sizeof(*job->commit.records));
    bool kept = job->commit.records && keep_files(job, batch);
    for (size_t i = 0; i < batch->count && kept; i++)
        kept = keep_actions(job, batch->actions[i], &event_id);
    if (kept)
        return job;
    job_destroy(job);
    return NULL;
}

/* What every commit carries of the store as it is now. */
static void stamp(const struct store *store, struct store_commit_job *commit, store_done_fn *done, void *data)
{
    memcpy(commit->farm_id, store->farm_id, sizeof(commit->farm_id));
    commit->last_event_id = store->next_event_id - 1;
    commit->history_now_ms = store->history_now_ms;
    commit->done = done;
    commit->data = data;
}

int store_commit(struct store *store, const struct store_batch *batch, store_done_fn *done, void *data)
{
    assert(!store->closing);
    size_t records;
    uint64_t events;
    count_actions(batch, &records, &events);
    struct store_job *job = copy_batch(batch, records, store->next_event_id);
    store->next_event_id += events; /* also without memory: their ids are published */
    if (job && batch->identity && !store_know_farm(store, batch->identity->farm_id, 1)) {
        job_destroy(job);
        job = NULL;
    }
    if (!job)
        return ERROR_NO_MEMORY;
    if (batch->identity)
        memcpy(store->farm_id, batch->identity->farm_id, sizeof(store->farm_id));
    if (batch->licence)
        store->history_now_ms = store_history_now(batch->licence);
    stamp(store, &job->commit, done, data);
    note_sequences(store, &job->commit);
    enqueue(store, job);
    return 0;
}

int store_journal_write(void *opaque, const struct farm_journal_write *write, farm_journal_done_fn *done,
                        void *data)
{
    struct store *store = opaque;
    assert(!store->closing);
    struct store_job *job = job_create(STORE_JOB_COMMIT);
    if (!job)
        return ERROR_NO_MEMORY;
    job->commit.journal = store_journal_copy(&job->arena, write);
    if (!job->commit.journal) {
        job_destroy(job);
        return ERROR_NO_MEMORY;
    }
    stamp(store, &job->commit, done, data);
    enqueue(store, job);
    return 0;
}

/* --- queries */

static struct store_job *query_create(enum store_job_type type, int64_t first, int64_t second, size_t limit,
                                      void *data)
{
    struct store_job *job = job_create(type);
    if (!job)
        return NULL;
    job->query = (struct store_query_job){
        .first = first,
        .second = second,
        .limit = limit < STORE_QUERY_ROWS_MAX ? limit : STORE_QUERY_ROWS_MAX,
        .data = data,
    };
    return job;
}

int store_query_windows(struct store *store, int64_t since_ms, int64_t until_ms, size_t limit,
                        store_windows_fn *done, void *data)
{
    if (!store || store->closing)
        return ERROR_CANCELLED;
    struct store_job *job = query_create(STORE_JOB_WINDOWS, since_ms, until_ms, limit, data);
    if (!job)
        return ERROR_NO_MEMORY;
    job->query.windows_done = done;
    enqueue(store, job);
    return 0;
}

int store_query_days(struct store *store, int64_t since_ms, int64_t until_ms, store_days_fn *done, void *data)
{
    if (!store || store->closing)
        return ERROR_CANCELLED;
    int64_t first = since_ms > INT64_MIN + DAY_MS ? since_ms - DAY_MS : INT64_MIN;
    struct store_job *job = query_create(STORE_JOB_DAYS, first, until_ms, STORE_QUERY_ROWS_MAX, data);
    if (!job)
        return ERROR_NO_MEMORY;
    job->query.days_done = done;
    enqueue(store, job);
    return 0;
}

int store_query_events(struct store *store, uint64_t after_id, size_t limit, store_events_fn *done,
                       void *data)
{
    if (!store || store->closing)
        return ERROR_CANCELLED;
    int64_t after = after_id < INT64_MAX ? (int64_t)after_id : INT64_MAX;
    struct store_job *job = query_create(STORE_JOB_EVENTS, after, 0, limit, data);
    if (!job)
        return ERROR_NO_MEMORY;
    job->query.events_done = done;
    enqueue(store, job);
    return 0;
}

int store_forget(struct store *store, const char *user, const struct identity_alias *aliases,
                 size_t alias_count, store_forgotten_fn *done, void *data)
{
    if (!store || store->closing)
        return ERROR_CANCELLED;
    struct store_job *job = job_create(STORE_JOB_FORGET);
    if (!job)
        return ERROR_NO_MEMORY;
    job->forget.done = done;
    job->forget.data = data;
    if (!store_forget_keep(job, user, aliases, alias_count)) {
        job_destroy(job);
        return ERROR_NO_MEMORY;
    }
    enqueue(store, job);
    return 0;
}

void store_close(struct store *store, void (*closed)(void *data), void *data)
{
    assert(!store->closing);
    store->closing = true;
    store->closed = closed;
    store->closed_data = data;
    store->close_job.type = STORE_JOB_CLOSE;
    enqueue(store, &store->close_job);
}
