#include "model_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_store_finish(struct model_store *store)
{
    free(store->unsent);
}

/* ---- connections --------------------------------------------------------------------------------------- */

static size_t find_connection(const struct model_store *store, const char *id)
{
    size_t at = 0;
    while (at < store->connection_count && strcmp(store->connections[at].texts[1], id) != 0)
        at++;
    return at;
}

static void put_connection(struct model_store *store, const struct roster_change *change)
{
    size_t at = find_connection(store, change->connection.id);
    const char *const texts[] = {change->connection.host, change->connection.id, change->connection.user,
                                 change->broker_id != NULL ? change->broker_id : ""};
    if (at == PEOPLE_MAX) /* a store that loses what has ended fills up */
        return;
    store->connection_count += at == store->connection_count;
    store->connections[at].change = *change;
    for (size_t i = 0; i < MODEL_STORE_TEXTS; i++)
        (void)snprintf(store->connections[at].texts[i], PEOPLE_NAME_BYTES, "%s", texts[i]);
}

static void end_connection(struct model_store *store, const char *id)
{
    size_t at = find_connection(store, id);
    if (at < store->connection_count)
        store->connections[at] = store->connections[--store->connection_count];
}

/* ---- windows ------------------------------------------------------------------------------------------- */

static unsigned find_farm(const struct model_store *store, const char *farm_id)
{
    unsigned at = 0;
    while (at < store->farm_count && strcmp(store->farms[at].farm_id, farm_id) != 0)
        at++;
    return at;
}

static unsigned know_farm(struct model_store *store, const char *farm_id)
{
    unsigned at = find_farm(store, farm_id);
    if (at < store->farm_count)
        return at;
    assert(at < MODEL_STORE_FARMS_MAX);
    store->farm_count++;
    (void)snprintf(store->farms[at].farm_id, sizeof(store->farms[at].farm_id), "%s", farm_id);
    store->farms[at].next_sequence = 1;
    return at;
}

static struct model_window *rows(const struct model_store *store)
{
    return store->unsent + store->unsent_first;
}

static void drop_start(struct model_store *store, int64_t start_ms)
{
    size_t at = store->unsent_count;
    while (at > 0 && rows(store)[at - 1].window.start_ms != start_ms)
        at--;
    if (at == 0)
        return;
    memmove(&rows(store)[at - 1], &rows(store)[at], (store->unsent_count - at) * sizeof(*store->unsent));
    store->unsent_count--;
}

static void append_row(struct model_store *store, const struct model_window *row)
{
    size_t end = store->unsent_first + store->unsent_count;
    if (end == store->unsent_room && store->unsent_first > store->unsent_count) {
        memcpy(store->unsent, rows(store), store->unsent_count * sizeof(*store->unsent));
        store->unsent_first = 0;
    } else if (end == store->unsent_room) {
        store->unsent_room = store->unsent_room == 0 ? 16 : store->unsent_room * 2;
        store->unsent = realloc(store->unsent, store->unsent_room * sizeof(*store->unsent));
        if (store->unsent == NULL)
            abort();
    }
    rows(store)[store->unsent_count++] = *row;
}

/* Insert or replace by start_ms, as the action says. Rows of no farm are kept elsewhere and never read here.
 */
static void put_window(struct model_store *store, const struct window *window)
{
    if (window->start_ms <= store->latest_start_ms)
        drop_start(store, window->start_ms);
    else
        store->latest_start_ms = window->start_ms;
    if (window->sequence == 0)
        return;
    unsigned farm = know_farm(store, store->identity.farm_id);
    append_row(store, &(struct model_window){.window = *window, .farm = farm});
    if (window->sequence >= store->farms[farm].next_sequence)
        store->farms[farm].next_sequence = window->sequence + 1;
}

/* Of one farm the rows are in order. */
static void deal_with(struct model_store *store, uint64_t from, uint64_t through)
{
    unsigned farm = find_farm(store, store->identity.farm_id);
    size_t end = 0, kept;
    while (end < store->unsent_count &&
           (rows(store)[end].farm != farm || rows(store)[end].window.sequence <= through))
        end++;
    kept = end;
    for (size_t i = end; i > 0; i--) {
        const struct model_window *row = &rows(store)[i - 1];
        if (row->farm != farm || row->window.sequence < from)
            rows(store)[--kept] = *row;
    }
    store->unsent_first += kept;
    store->unsent_count -= kept;
}

/* ---- a commit ------------------------------------------------------------------------------------------ */

static void put_running(struct model_store *store, const struct persist *persist)
{
    if (store->keeps_old_marks && store->has_running &&
        store->running.start_ms == persist->running.window.start_ms)
        return;
    store->has_running = true;
    store->running = persist->running.window;
    store->today = persist->running.today;
    store->ever = persist->running.ever;
}

static void put(struct model_store *store, const struct persist *persist)
{
    switch (persist->type) {
    case PERSIST_CLEAR:
        store->connection_count = 0;
        break;
    case PERSIST_CONNECTION:
        put_connection(store, &persist->connection);
        break;
    case PERSIST_CONNECTION_ENDED:
        end_connection(store, persist->connection.connection.id);
        break;
    case PERSIST_HOST:
        (void)snprintf(store->host, sizeof(store->host), "%s", persist->host.host);
        (void)snprintf(store->boot_id, sizeof(store->boot_id), "%s", persist->host.boot_id);
        break;
    case PERSIST_WINDOW:
        if (!store->loses_windows || persist->window.sequence % 50 != 0)
            put_window(store, &persist->window);
        break;
    case PERSIST_RUNNING:
        put_running(store, persist);
        break;
    case PERSIST_ACKNOWLEDGED:
        deal_with(store, store->accepts_older ? 0 : persist->acknowledged.first,
                  persist->acknowledged.sequence);
        break;
    case PERSIST_SET_ASIDE:
        deal_with(store, persist->acknowledged.sequence, persist->acknowledged.sequence);
        break;
    case PERSIST_STANDING:      /* the licence file */
    case PERSIST_DAY:           /* history, which no start reads */
    case PERSIST_NEXT_SEQUENCE: /* no state is set back here */
    case PERSIST_TYPE_MAX:
        break;
    }
}

void model_store_write(struct model_store *store, const struct core_actions *actions, bool identity)
{
    size_t count;
    const struct action *all = core_actions_all(actions, &count);
    if (identity && store->identity.farm_id[0] != '\0')
        (void)know_farm(store, store->identity.farm_id);
    for (size_t i = 0; i < count; i++) {
        if (all[i].type == ACTION_PERSIST)
            put(store, &all[i].persist);
    }
}

uint64_t model_store_next_sequence(const struct model_store *store, const char *farm_id)
{
    unsigned farm = find_farm(store, farm_id);
    return farm < store->farm_count ? store->farms[farm].next_sequence : 0;
}

/* ---- a start ------------------------------------------------------------------------------------------- */

static int by_sequence(const void *a, const void *b)
{
    const struct window *one = a, *other = b;
    return one->sequence < other->sequence ? -1 : one->sequence > other->sequence;
}

static void load_connections(const struct model_store *store, struct model_arrays *arrays)
{
    for (size_t i = 0; i < store->connection_count; i++) {
        const struct model_connection *stored = &store->connections[i];
        arrays->connections[i] = stored->change;
        arrays->connections[i].connection.host = stored->texts[0];
        arrays->connections[i].connection.id = stored->texts[1];
        arrays->connections[i].connection.user = stored->texts[2];
        arrays->connections[i].broker_id = stored->texts[3];
    }
}

static size_t load_unsent(const struct model_store *store, struct model_arrays *arrays)
{
    unsigned farm = find_farm(store, store->identity.farm_id);
    size_t count = 0;
    arrays->unsent = malloc((store->unsent_count + 1) * sizeof(*arrays->unsent));
    if (arrays->unsent == NULL)
        abort();
    for (size_t i = 0; i < store->unsent_count; i++) {
        if (rows(store)[i].farm == farm)
            arrays->unsent[count++] = rows(store)[i].window;
    }
    qsort(arrays->unsent, count, sizeof(*arrays->unsent), by_sequence);
    return count;
}

static uint64_t first_sequence(const struct model_store *store, int64_t wall_ms)
{
    uint64_t known = model_store_next_sequence(store, store->identity.farm_id);
    int64_t licence_ms = store->licence.clock.licence_ms;
    int64_t now_ms = wall_ms > licence_ms ? wall_ms : licence_ms;
    return known != 0 ? known : (uint64_t)now_ms / 1000;
}

void model_store_load(const struct model_store *store, int64_t wall_ms, struct model_arrays *arrays,
                      struct core_saved *ret)
{
    const struct model_identity *identity = &store->identity;
    bool has_farm = identity->token != 0;
    load_connections(store, arrays);
    arrays->host = (struct core_host){.host = store->host, .boot_id = store->boot_id};
    *ret = (struct core_saved){
        .connections = arrays->connections,
        .connection_count = store->connection_count,
        .hosts = &arrays->host,
        .host_count = store->host[0] != '\0',
        .unsent = NULL,
        .has_running = store->has_running,
        .running = store->running,
        .today = store->today,
        .ever = store->ever,
        .standing = store->licence.standing,
        .clock_ms = store->licence.clock.licence_ms,
        .farm_id = has_farm ? identity->farm_id : NULL,
        .installation_id = identity->installation_id,
        .next_sequence = has_farm ? first_sequence(store, wall_ms) : 0,
    };
    ret->unsent_count = load_unsent(store, arrays);
    ret->unsent = arrays->unsent;
    if (!has_farm)
        ret->unsent_count = 0;
    /* a crash between the two files: the standing is that of the farm before */
    bool is_its = has_farm && strcmp(ret->standing.grant.farm_id, identity->farm_id) == 0;
    if (!is_its && ret->standing.activation != ACTIVATION_NONE)
        standing_release(&ret->standing);
}
