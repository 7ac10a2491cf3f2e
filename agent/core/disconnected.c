#include "disconnected.h"

#include <assert.h>

static_assert(DISCONNECTED_NONE == SLAB_NONE && DISCONNECTED_NONE == HASH_INDEX_NONE, "one word for nothing");

enum stage { STAGE_WAITS, STAGE_PASSED, STAGE_SAID };

struct record {
    int64_t since_ms;
    uint32_t connection, stage;
    uint32_t older, newer;
};
static_assert(sizeof(struct record) == 24, "memory is promised");

void disconnected_init(struct disconnected *disconnected)
{
    *disconnected = (struct disconnected){
        .oldest = DISCONNECTED_NONE, .newest = DISCONNECTED_NONE, .next = DISCONNECTED_NONE};
    slab_init(&disconnected->slab, sizeof(struct record));
}

void disconnected_finish(struct disconnected *disconnected)
{
    hash_index_finish(&disconnected->index);
    slab_finish(&disconnected->slab);
}

size_t disconnected_bytes(const struct disconnected *disconnected)
{
    return slab_bytes(&disconnected->slab) + hash_index_bytes(&disconnected->index);
}

static struct record *record_at(const struct disconnected *disconnected, uint32_t number)
{
    return slab_at(&disconnected->slab, number, sizeof(struct record));
}

/* Numbers are ours, nobody chooses them: it is enough that neighbours lie far apart (Fibonacci hashing). */
static uint32_t hash_of(uint32_t connection)
{
    return connection * UINT32_C(2654435769);
}

/* The hash is one-to-one: what has it is it. */
static uint32_t find(const struct disconnected *disconnected, uint32_t connection)
{
    uint32_t hash = hash_of(connection);
    if (disconnected->index.count == 0)
        return DISCONNECTED_NONE;
    uint32_t position = hash_index_home(&disconnected->index, hash);
    return hash_index_candidate(&disconnected->index, hash, &position);
}

/* ---- the list ------------------------------------------------------------------------------------------ */

static void link_in(struct disconnected *disconnected, struct record *record, uint32_t number)
{
    uint32_t older = disconnected->newest, newer = DISCONNECTED_NONE;
    while (older != DISCONNECTED_NONE && record_at(disconnected, older)->since_ms > record->since_ms) {
        newer = older;
        older = record_at(disconnected, older)->older;
    }
    record->older = older;
    record->newer = newer;
    *(older == DISCONNECTED_NONE ? &disconnected->oldest : &record_at(disconnected, older)->newer) = number;
    *(newer == DISCONNECTED_NONE ? &disconnected->newest : &record_at(disconnected, newer)->older) = number;
}

static void link_out(struct disconnected *disconnected, const struct record *record)
{
    uint32_t older = record->older, newer = record->newer;
    *(older == DISCONNECTED_NONE ? &disconnected->oldest : &record_at(disconnected, older)->newer) = newer;
    *(newer == DISCONNECTED_NONE ? &disconnected->newest : &record_at(disconnected, newer)->older) = older;
}

/* The first that waits, from this one on. */
static uint32_t first_waiting(const struct disconnected *disconnected, uint32_t number)
{
    while (number != DISCONNECTED_NONE && record_at(disconnected, number)->stage != STAGE_WAITS)
        number = record_at(disconnected, number)->newer;
    return number;
}

static bool is_before_next(const struct disconnected *disconnected, const struct record *record)
{
    return disconnected->next == DISCONNECTED_NONE ||
           record->since_ms < record_at(disconnected, disconnected->next)->since_ms;
}

/* ---- coming and going ---------------------------------------------------------------------------------- */

bool disconnected_add(struct disconnected *disconnected, uint32_t connection, int64_t since_ms)
{
    if (find(disconnected, connection) != DISCONNECTED_NONE)
        return true;
    if (!slab_reserve(&disconnected->slab) || !hash_index_reserve(&disconnected->index))
        return false;
    uint32_t number = slab_take(&disconnected->slab);
    struct record *record = record_at(disconnected, number);
    *record = (struct record){.since_ms = since_ms, .connection = connection, .stage = STAGE_WAITS};
    link_in(disconnected, record, number);
    hash_index_add(&disconnected->index, hash_of(connection), number);
    if (is_before_next(disconnected, record))
        disconnected->next = number;
    return true;
}

void disconnected_remove(struct disconnected *disconnected, uint32_t connection)
{
    uint32_t number = find(disconnected, connection);
    if (number == DISCONNECTED_NONE)
        return;
    const struct record *record = record_at(disconnected, number);
    if (disconnected->next == number)
        disconnected->next = first_waiting(disconnected, record->newer);
    link_out(disconnected, record);
    hash_index_remove(&disconnected->index, hash_of(connection), number);
    slab_give(&disconnected->slab, number);
}

int64_t disconnected_since(const struct disconnected *disconnected, uint32_t connection)
{
    uint32_t number = find(disconnected, connection);
    return number == DISCONNECTED_NONE ? 0 : record_at(disconnected, number)->since_ms;
}

void disconnected_cut(struct disconnected *disconnected, int64_t now_ms, disconnected_moved_fn *moved,
                      void *data)
{
    uint32_t number = disconnected->newest;
    while (number != DISCONNECTED_NONE && record_at(disconnected, number)->since_ms > now_ms) {
        struct record *record = record_at(disconnected, number);
        record->since_ms = now_ms;
        number = record->older;
        moved(data, record->connection);
    }
}

void disconnected_shift(struct disconnected *disconnected, int64_t by_ms, disconnected_moved_fn *moved,
                        void *data)
{
    for (uint32_t number = disconnected->oldest; number != DISCONNECTED_NONE;) {
        struct record *record = record_at(disconnected, number);
        int64_t since_ms = record->since_ms + by_ms;
        record->since_ms = since_ms > 0 ? since_ms : 1; /* 0 would be not known */
        number = record->newer;
        moved(data, record->connection);
    }
}

/* ---- whose time has come ------------------------------------------------------------------------------- */

uint32_t disconnected_next(const struct disconnected *disconnected, int64_t *ret_since_ms)
{
    if (disconnected->next == DISCONNECTED_NONE)
        return DISCONNECTED_NONE;
    const struct record *record = record_at(disconnected, disconnected->next);
    *ret_since_ms = record->since_ms;
    return record->connection;
}

void disconnected_pass(struct disconnected *disconnected)
{
    struct record *record = record_at(disconnected, disconnected->next);
    record->stage = STAGE_PASSED;
    disconnected->next = first_waiting(disconnected, record->newer);
}

bool disconnected_is_unsaid(const struct disconnected *disconnected, uint32_t connection)
{
    uint32_t number = find(disconnected, connection);
    return number != DISCONNECTED_NONE && record_at(disconnected, number)->stage == STAGE_PASSED;
}

void disconnected_said(struct disconnected *disconnected, uint32_t connection)
{
    uint32_t number = find(disconnected, connection);
    if (number != DISCONNECTED_NONE)
        record_at(disconnected, number)->stage = STAGE_SAID;
}

void disconnected_wait_again(struct disconnected *disconnected)
{
    for (uint32_t number = disconnected->oldest; number != DISCONNECTED_NONE;) {
        struct record *record = record_at(disconnected, number);
        if (record->stage == STAGE_PASSED)
            record->stage = STAGE_WAITS;
        number = record->newer;
    }
    disconnected->next = first_waiting(disconnected, disconnected->oldest);
}
