#include "accounts.h"

#include "account_lookup.h"
#include "agent/core/hash_index.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHANGE_MS 10 /* answers that come in this time are told as one change */

/* One user. In one ring by use, and in the queue while a look-up is wanted but not yet begun. */
struct cached {
    char *user;
    uint32_t hash, record;
    struct account_answer *answer;   /* NULL: never answered */
    uint64_t answered_ms, failed_ms; /* of the loop's clock; failed_ms 0: not since the last answer */
    bool queued, looking_up, answering;
    struct waiter *waiters;
    struct cached *more_recent, *less_recent;
    struct cached *next_queued;
};

struct accounts {
    uv_loop_t *loop;
    uint8_t seed[crypto_shorthash_KEYBYTES];
    struct hash_index index;
    struct cached **records; /* record → user; free ones are NULL and on the stack below */
    uint32_t *free_records;
    uint32_t record_count, record_room, free_count;
    struct cached *most_recent, *least_recent;
    struct cached *queue, **queue_end;
    struct job *jobs; /* under way */
    unsigned looking_up;
    struct account_answer *outdated; /* answers that the current callback may still read */
    uv_timer_t change;
    void (*changed)(void *data);
    void *changed_data;
    bool closing;
    unsigned open_handles; /* waiters' timers, and the change timer */
    void (*closed)(void *data);
    void *closed_data;
};

struct waiter {
    uv_timer_t timer;
    struct accounts *accounts;
    struct cached *cached;
    accounts_fn *done;
    void *data;
    struct waiter *next;
};

/* A look-up on the pool. It outlives accounts that were closed meanwhile. */
struct job {
    uv_work_t work;
    struct accounts *accounts; /* NULL: closed */
    struct cached *cached;
    struct job *next;
    char *user;
    struct account_answer *answer; /* NULL: failed */
};

/* ---- the cache ---- */

static void bury(struct accounts *accounts, struct account_answer *answer)
{
    if (!answer)
        return;
    answer->next = accounts->outdated;
    accounts->outdated = answer;
}

/* The loop has turned: nobody reads them any more. */
static void free_outdated(struct accounts *accounts)
{
    while (accounts->outdated) {
        struct account_answer *answer = accounts->outdated;
        accounts->outdated = answer->next;
        free(answer);
    }
}

static uint32_t hash_of(const struct accounts *accounts, const char *user)
{
    unsigned char bytes[crypto_shorthash_BYTES];
    uint32_t hash;
    (void)crypto_shorthash(bytes, (const unsigned char *)user, strlen(user), accounts->seed);
    memcpy(&hash, bytes, sizeof(hash));
    return hash;
}

static struct cached *find(const struct accounts *accounts, const char *user, uint32_t hash)
{
    uint32_t position = hash_index_home(&accounts->index, hash), record;
    while ((record = hash_index_candidate(&accounts->index, hash, &position)) != HASH_INDEX_NONE)
        if (strcmp(accounts->records[record]->user, user) == 0)
            return accounts->records[record];
    return NULL;
}

static void unlink_use(struct accounts *accounts, struct cached *cached)
{
    *(cached->more_recent ? &cached->more_recent->less_recent : &accounts->most_recent) = cached->less_recent;
    *(cached->less_recent ? &cached->less_recent->more_recent : &accounts->least_recent) =
        cached->more_recent;
}

static void link_use(struct accounts *accounts, struct cached *cached)
{
    cached->more_recent = NULL;
    cached->less_recent = accounts->most_recent;
    *(accounts->most_recent ? &accounts->most_recent->more_recent : &accounts->least_recent) = cached;
    accounts->most_recent = cached;
}

static void forget(struct accounts *accounts, struct cached *cached)
{
    unlink_use(accounts, cached);
    hash_index_remove(&accounts->index, cached->hash, cached->record);
    accounts->records[cached->record] = NULL;
    accounts->free_records[accounts->free_count++] = cached->record;
    bury(accounts, cached->answer);
    free(cached->user);
    free(cached);
}

/* Gives the longest unused one's place away; those that somebody waits for stay. */
static bool make_room(struct accounts *accounts)
{
    for (struct cached *cached = accounts->least_recent; cached; cached = cached->more_recent) {
        if (!cached->queued && !cached->looking_up && !cached->answering && !cached->waiters) {
            forget(accounts, cached);
            return true;
        }
    }
    return false;
}

static bool reserve_record(struct accounts *accounts)
{
    if (accounts->free_count > 0)
        return true;
    if (accounts->record_count == ACCOUNTS_CACHED_MAX)
        return make_room(accounts);
    if (accounts->record_count == accounts->record_room) {
        uint32_t room = accounts->record_room ? accounts->record_room * 2 : 64;
        struct cached **records = realloc(accounts->records, room * sizeof(*records));
        if (!records)
            return false;
        accounts->records = records;
        uint32_t *free_records = realloc(accounts->free_records, room * sizeof(*free_records));
        if (!free_records)
            return false;
        accounts->free_records = free_records;
        accounts->record_room = room;
    }
    accounts->free_records[accounts->free_count++] = accounts->record_count++;
    accounts->records[accounts->record_count - 1] = NULL;
    return true;
}

static struct cached *add(struct accounts *accounts, const char *user, uint32_t hash)
{
    struct cached *cached = calloc(1, sizeof(*cached));
    char *copy = strdup(user);
    if (!cached || !copy || !reserve_record(accounts) || !hash_index_reserve(&accounts->index)) {
        free(cached);
        free(copy);
        return NULL;
    }
    cached->user = copy;
    cached->hash = hash;
    cached->record = accounts->free_records[--accounts->free_count];
    accounts->records[cached->record] = cached;
    hash_index_add(&accounts->index, hash, cached->record);
    link_use(accounts, cached);
    return cached;
}

/* The user's place, made if need be and marked as used; NULL without memory or room. */
static struct cached *use(struct accounts *accounts, const char *user)
{
    uint32_t hash = hash_of(accounts, user);
    struct cached *cached = find(accounts, user, hash);
    if (!cached)
        return add(accounts, user, hash);
    unlink_use(accounts, cached);
    link_use(accounts, cached);
    return cached;
}

static struct account account_of(const struct cached *cached)
{
    if (!cached || !cached->answer)
        return (struct account){0};
    return (struct account){
        .groups = cached->answer->groups,
        .group_count = cached->answer->group_count,
        .known = true,
        .exists = cached->answer->exists,
        .superuser = cached->answer->superuser,
    };
}

/* ---- waiters ---- */

static void handle_closed(struct accounts *accounts)
{
    accounts->open_handles--;
    if (!accounts->closing || accounts->open_handles > 0)
        return;
    void (*closed)(void *) = accounts->closed;
    void *data = accounts->closed_data;
    while (accounts->most_recent)
        forget(accounts, accounts->most_recent);
    free_outdated(accounts);
    hash_index_finish(&accounts->index);
    free(accounts->records);
    free(accounts->free_records);
    free(accounts);
    if (closed)
        closed(data);
}

static void on_waiter_closed(uv_handle_t *handle)
{
    struct waiter *waiter = handle->data;
    struct accounts *accounts = waiter->accounts;
    free(waiter);
    handle_closed(accounts);
}

static void answer_waiter(struct waiter *waiter)
{
    struct waiter **link = &waiter->cached->waiters;
    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    struct account account = account_of(waiter->cached);
    uv_close((uv_handle_t *)&waiter->timer, on_waiter_closed);
    waiter->done(waiter->data, &account);
}

/* What they do then may ask for others, but not make this one be forgotten; or close the accounts, and none
 * is left. */
static void answer_waiters(struct cached *cached)
{
    cached->answering = true;
    while (cached->waiters)
        answer_waiter(cached->waiters);
    cached->answering = false;
}

static void on_waited_enough(uv_timer_t *timer)
{
    struct waiter *waiter = timer->data;
    free_outdated(waiter->accounts);
    answer_waiter(waiter);
}

static bool wait_for(struct accounts *accounts, struct cached *cached, unsigned timeout_ms, accounts_fn *done,
                     void *data)
{
    struct waiter *waiter = calloc(1, sizeof(*waiter));
    if (!waiter)
        return false;
    waiter->accounts = accounts;
    waiter->cached = cached;
    waiter->done = done;
    waiter->data = data;
    waiter->next = cached->waiters;
    cached->waiters = waiter;
    (void)uv_timer_init(accounts->loop, &waiter->timer);
    waiter->timer.data = waiter;
    accounts->open_handles++;
    (void)uv_timer_start(&waiter->timer, on_waited_enough, timeout_ms, 0);
    return true;
}

/* ---- look-ups ---- */

static void begin_queued(struct accounts *accounts);

/* On a thread of the pool. */
static void look_up(uv_work_t *work)
{
    struct job *job = work->data;
    job->answer = account_lookup(job->user);
}

static void on_change_due(uv_timer_t *timer)
{
    struct accounts *accounts = timer->data;
    free_outdated(accounts);
    if (accounts->changed)
        accounts->changed(accounts->changed_data);
}

static bool same_answer(const struct account_answer *a, const struct account_answer *b)
{
    if (!a || !b || a->exists != b->exists || a->superuser != b->superuser ||
        a->group_count != b->group_count)
        return false;
    for (size_t i = 0; i < a->group_count; i++)
        if (strcmp(a->groups[i], b->groups[i]) != 0)
            return false;
    return true;
}

static void take_answer(struct accounts *accounts, struct cached *cached, struct account_answer *answer)
{
    uint64_t now = uv_now(accounts->loop);
    if (!answer) {
        cached->failed_ms = now > 0 ? now : 1;
        return;
    }
    if (!same_answer(cached->answer, answer) && !uv_is_active((uv_handle_t *)&accounts->change))
        (void)uv_timer_start(&accounts->change, on_change_due, CHANGE_MS, 0);
    bury(accounts, cached->answer);
    cached->answer = answer;
    cached->answered_ms = now;
    cached->failed_ms = 0;
}

static void on_looked_up(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct accounts *accounts = job->accounts;
    struct cached *cached = job->cached;
    (void)status; /* never cancelled: a job is begun only when it can run */
    if (accounts) {
        struct job **link = &accounts->jobs;
        while (*link != job)
            link = &(*link)->next;
        *link = job->next;
        accounts->looking_up--;
        cached->looking_up = false;
        free_outdated(accounts);
        take_answer(accounts, cached, job->answer);
        answer_waiters(cached);
        begin_queued(accounts);
    } else {
        free(job->answer);
    }
    free(job->user);
    free(job);
}

static bool begin(struct accounts *accounts, struct cached *cached)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job || !(job->user = strdup(cached->user))) {
        free(job);
        return false;
    }
    job->work.data = job;
    job->accounts = accounts;
    job->cached = cached;
    if (uv_queue_work(accounts->loop, &job->work, look_up, on_looked_up) != 0) {
        free(job->user);
        free(job);
        return false;
    }
    job->next = accounts->jobs;
    accounts->jobs = job;
    accounts->looking_up++;
    cached->looking_up = true;
    return true;
}

static void begin_queued(struct accounts *accounts)
{
    while (accounts->queue && accounts->looking_up < ACCOUNTS_THREADS && !accounts->closing) {
        struct cached *cached = accounts->queue;
        accounts->queue = cached->next_queued;
        if (!accounts->queue)
            accounts->queue_end = &accounts->queue;
        cached->queued = false;
        if (!begin(accounts, cached))
            take_answer(accounts, cached, NULL);
    }
}

static bool is_due(const struct accounts *accounts, const struct cached *cached)
{
    uint64_t now = uv_now(accounts->loop);
    if (cached->queued || cached->looking_up || accounts->closing)
        return false;
    if (cached->failed_ms != 0)
        return now - cached->failed_ms >= ACCOUNTS_RETRY_MS;
    return !cached->answer || now - cached->answered_ms >= ACCOUNTS_FRESH_MS;
}

static void refresh(struct accounts *accounts, struct cached *cached)
{
    if (!is_due(accounts, cached))
        return;
    cached->queued = true;
    cached->next_queued = NULL;
    *accounts->queue_end = cached;
    accounts->queue_end = &cached->next_queued;
    begin_queued(accounts);
}

/* ---- the contract ---- */

struct accounts *accounts_create(uv_loop_t *loop)
{
    struct accounts *accounts = calloc(1, sizeof(*accounts));
    if (!accounts)
        return NULL;
    accounts->loop = loop;
    accounts->queue_end = &accounts->queue;
    randombytes_buf(accounts->seed, sizeof(accounts->seed));
    (void)uv_timer_init(loop, &accounts->change);
    accounts->change.data = accounts;
    accounts->open_handles = 1;
    return accounts;
}

struct account accounts_get(struct accounts *accounts, const char *user)
{
    struct cached *cached = use(accounts, user);
    if (cached)
        refresh(accounts, cached);
    return account_of(cached);
}

void accounts_ask(struct accounts *accounts, const char *user, unsigned timeout_ms, accounts_fn *done,
                  void *data)
{
    struct cached *cached = use(accounts, user);
    if (cached)
        refresh(accounts, cached);
    bool on_its_way = cached && (cached->queued || cached->looking_up);
    if (on_its_way && !cached->answer && wait_for(accounts, cached, timeout_ms, done, data))
        return;
    struct account account = account_of(cached);
    done(data, &account);
}

void accounts_on_change(struct accounts *accounts, void (*changed)(void *data), void *data)
{
    accounts->changed = changed;
    accounts->changed_data = data;
}

static void on_change_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void accounts_close(struct accounts *accounts, void (*closed)(void *data), void *data)
{
    if (!accounts)
        return;
    accounts->closing = true;
    accounts->closed = closed;
    accounts->closed_data = data;
    for (struct job *job = accounts->jobs; job; job = job->next)
        job->accounts = NULL;
    for (struct cached *cached = accounts->most_recent; cached;)
        if (cached->waiters) {
            answer_waiter(cached->waiters);
            cached = accounts->most_recent; /* the order may have changed */
        } else {
            cached = cached->less_recent;
        }
    uv_close((uv_handle_t *)&accounts->change, on_change_closed);
}
