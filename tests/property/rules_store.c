#include "rules_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t find_stored(const struct rules_store *store, const struct connection *connection)
{
    size_t at = 0;
    while (at < store->connection_count && (strcmp(store->connections[at].host, connection->host) != 0 ||
                                            strcmp(store->connections[at].id, connection->id) != 0))
        at++;
    return at;
}

static void keep_connection(struct rules_store *store, const struct roster_change *change)
{
    size_t at = find_stored(store, &change->connection);
    if (at == RULES_STORED_MAX)
        abort();
    store->connection_count += at == store->connection_count;
    struct rules_stored_connection *stored = &store->connections[at];
    stored->change = *change;
    (void)snprintf(stored->host, sizeof(stored->host), "%s", change->connection.host);
    (void)snprintf(stored->id, sizeof(stored->id), "%s", change->connection.id);
    (void)snprintf(stored->user, sizeof(stored->user), "%s", change->connection.user);
}

static void drop_connection(struct rules_store *store, const struct roster_change *change)
{
    size_t at = find_stored(store, &change->connection);
    if (at < store->connection_count)
        store->connections[at] = store->connections[--store->connection_count];
}

static void keep_host(struct rules_store *store, const char *host, const char *boot_id)
{
    size_t at = 0;
    while (at < store->host_count && strcmp(store->hosts[at], host) != 0)
        at++;
    if (at == RULES_HOSTS_MAX)
        abort();
    store->host_count += at == store->host_count;
    (void)snprintf(store->hosts[at], sizeof(store->hosts[at]), "%s", host);
    (void)snprintf(store->boot_ids[at], sizeof(store->boot_ids[at]), "%s", boot_id);
}

static struct rules_stored_farm *farm_of(struct rules_store *store, const char *farm_id)
{
    size_t at = 0;
    while (at < store->farm_count && strcmp(store->farms[at].farm_id, farm_id) != 0)
        at++;
    if (at == RULES_FARMS_MAX)
        abort();
    if (at == store->farm_count) {
        struct rules_stored_farm *farm = &store->farms[store->farm_count++];
        *farm = (struct rules_stored_farm){.next_sequence = 1};
        (void)snprintf(farm->farm_id, sizeof(farm->farm_id), "%s", farm_id);
    }
    return &store->farms[at];
}

static void keep_window(struct rules_store *store, const struct window *window)
{
    if (window->sequence == 0)
        return;
    if (store->unsent_count == store->unsent_room) {
        store->unsent_room = store->unsent_room == 0 ? 256 : 2 * store->unsent_room;
        store->unsent = realloc(store->unsent, store->unsent_room * sizeof(*store->unsent));
        if (store->unsent == NULL)
            abort();
    }
    store->unsent[store->unsent_count++] = *window;
    farm_of(store, store->farm_id)->next_sequence = window->sequence + 1;
}

static void drop_windows(struct rules_store *store, uint64_t first, uint64_t last)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->unsent_count; i++)
        if (store->unsent[i].sequence < first || store->unsent[i].sequence > last)
            store->unsent[kept++] = store->unsent[i];
    store->unsent_count = kept;
}

void rules_store_apply(struct rules_store *store, const struct persist *persist, int64_t clock_ms)
{
    switch (persist->type) {
    case PERSIST_CLEAR:
        store->connection_count = 0;
        break;
    case PERSIST_CONNECTION:
        keep_connection(store, &persist->connection);
        break;
    case PERSIST_CONNECTION_ENDED:
        drop_connection(store, &persist->connection);
        break;
    case PERSIST_HOST:
        keep_host(store, persist->host.host, persist->host.boot_id);
        break;
    case PERSIST_WINDOW:
        keep_window(store, &persist->window);
        break;
    case PERSIST_RUNNING:
        store->has_running = true;
        store->running = persist->running.window;
        store->today = persist->running.today;
        store->ever = persist->running.ever;
        break;
    case PERSIST_ACKNOWLEDGED:
        drop_windows(store, 0, persist->acknowledged.sequence);
        break;
    case PERSIST_SET_ASIDE:
        drop_windows(store, persist->acknowledged.sequence, persist->acknowledged.sequence);
        break;
    case PERSIST_STANDING:
        store->standing = persist->standing;
        store->clock_ms = clock_ms;
        break;
    case PERSIST_NEXT_SEQUENCE: /* no state is set back here */
    case PERSIST_DAY:
    case PERSIST_TYPE_MAX:
        break;
    }
}

void rules_store_farm(struct rules_store *store, const char *farm_id)
{
    if (strcmp(store->farm_id, farm_id) == 0)
        return;
    (void)snprintf(store->farm_id, sizeof(store->farm_id), "%s", farm_id);
    store->unsent_count = 0; /* another farm's are never sent */
}

uint64_t rules_store_next_sequence(struct rules_store *store, const char *farm_id)
{
    return farm_of(store, farm_id)->next_sequence;
}

struct core_saved rules_store_saved(struct rules_store *store, const char *installation_id)
{
    static struct roster_change connections[RULES_STORED_MAX];
    static struct core_host hosts[RULES_HOSTS_MAX];
    bool has_farm = *store->farm_id != '\0';
    for (size_t i = 0; i < store->connection_count; i++) {
        struct rules_stored_connection *stored = &store->connections[i];
        connections[i] = stored->change;
        connections[i].connection.host = stored->host;
        connections[i].connection.id = stored->id;
        connections[i].connection.user = stored->user;
        connections[i].broker_id = "";
    }
    for (size_t i = 0; i < store->host_count; i++)
        hosts[i] = (struct core_host){.host = store->hosts[i], .boot_id = store->boot_ids[i]};
    return (struct core_saved){
        .connections = connections,
        .connection_count = store->connection_count,
        .hosts = hosts,
        .host_count = store->host_count,
        .unsent = store->unsent,
        .unsent_count = store->unsent_count,
        .next_sequence = has_farm ? rules_store_next_sequence(store, store->farm_id) : 0,
        .has_running = store->has_running,
        .running = store->running,
        .today = store->today,
        .ever = store->ever,
        .standing = store->standing,
        .clock_ms = store->clock_ms,
        .farm_id = has_farm ? store->farm_id : NULL,
        .installation_id = installation_id,
    };
}

void rules_store_finish(struct rules_store *store)
{
    free(store->unsent);
    store->unsent = NULL;
}
