#include "uthash_tally.h"

#include "agent/core/identity.h"

#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#include <uthash.h>
#include <utlist.h>

#define KEY_BYTES_MAX (CONNECTION_HOST_BYTES_MAX + CONNECTION_ID_BYTES_MAX + 2)

struct uthash_user {
    UT_hash_handle hh;
    uint32_t consuming;
    struct uthash_connection *connections;
    char key[]; /* the folded name; behind it the name as first seen */
};

struct uthash_host {
    UT_hash_handle hh;
    struct uthash_connection *connections;
    struct uthash_connection *desks; /* administrators', counted: the oldest first */
    char name[];
};

struct uthash_connection {
    UT_hash_handle hh;
    struct uthash_user *user;
    struct uthash_host *host;
    struct uthash_connection *user_prev, *user_next, *host_prev, *host_next, *desk_prev, *desk_next;
    int64_t connected_at_ms;
    enum connection_kind kind;
    enum connection_route route;
    enum connection_state state;
    enum administrator administrator;
    bool desk, consumes;
    size_t host_bytes;
    char key[]; /* host NUL id NUL */
};

static size_t make_key(const char *host, const char *id, char *ret_key, size_t *ret_host_bytes)
{
    size_t host_bytes = strlen(host) + 1, id_bytes = strlen(id) + 1;
    memcpy(ret_key, host, host_bytes);
    memcpy(ret_key + host_bytes, id, id_bytes);
    *ret_host_bytes = host_bytes;
    return host_bytes + id_bytes;
}

static struct uthash_user *obtain_user(struct uthash_tally *tally, const char *name)
{
    char key[IDENTITY_KEY_BYTES_MAX];
    size_t key_bytes = identity_key(name, NULL, 0, key), name_bytes = strlen(name) + 1;
    struct uthash_user *user;
    unsigned hash;
    HASH_VALUE(key, key_bytes, hash);
    HASH_FIND_BYHASHVALUE(hh, tally->users, key, key_bytes, hash, user);
    if (user != NULL)
        return user;
    user = malloc(sizeof *user + key_bytes + 1 + name_bytes);
    if (user == NULL)
        return NULL;
    user->consuming = 0;
    user->connections = NULL;
    memcpy(user->key, key, key_bytes + 1);
    memcpy(user->key + key_bytes + 1, name, name_bytes);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, tally->users, user->key, key_bytes, hash, user);
    return user;
}

static struct uthash_host *obtain_host(struct uthash_tally *tally, const char *name)
{
    size_t bytes = strlen(name);
    struct uthash_host *host;
    unsigned hash;
    HASH_VALUE(name, bytes, hash);
    HASH_FIND_BYHASHVALUE(hh, tally->hosts, name, bytes, hash, host);
    if (host != NULL)
        return host;
    host = malloc(sizeof *host + bytes + 1);
    if (host == NULL)
        return NULL;
    host->connections = host->desks = NULL;
    memcpy(host->name, name, bytes + 1);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, tally->hosts, host->name, bytes, hash, host);
    return host;
}

static int by_age(const struct uthash_connection *one, const struct uthash_connection *other)
{
    if (one->connected_at_ms != other->connected_at_ms)
        return one->connected_at_ms < other->connected_at_ms ? -1 : 1;
    return strcmp(one->key + one->host_bytes, other->key + other->host_bytes);
}

static void set_consumes(struct uthash_tally *tally, struct uthash_connection *connection, bool consumes)
{
    if (connection->consumes == consumes)
        return;
    connection->consumes = consumes;
    if (consumes)
        tally->concurrent_users += connection->user->consuming++ == 0;
    else
        tally->concurrent_users -= --connection->user->consuming == 0;
}

static void assign_exempt(struct uthash_tally *tally, struct uthash_host *host)
{
    int place = 0;
    for (struct uthash_connection *desk = host->desks; desk != NULL && place < 3; desk = desk->desk_next)
        set_consumes(tally, desk, ++place > 2);
}

static bool is_counted(const struct uthash_connection *connection)
{
    return (ROUTES_COUNTED_DEFAULT & ROUTE_BIT(connection->route)) != 0;
}

static struct uthash_connection *create_connection(struct uthash_tally *tally,
                                                   const struct connection *connection)
{
    size_t room = strlen(connection->host) + strlen(connection->id) + 2;
    struct uthash_connection *live = malloc(sizeof *live + room);
    if (live == NULL)
        return NULL;
    live->connected_at_ms = connection->connected_at_ms;
    live->kind = connection->kind;
    live->route = connection->route;
    live->state = connection->state;
    live->administrator = connection->administrator;
    live->user = obtain_user(tally, connection->user);
    live->host = obtain_host(tally, connection->host);
    if (live->user != NULL && live->host != NULL)
        return live;
    free(live);
    return NULL;
}

bool uthash_tally_put(struct uthash_tally *tally, const struct connection *connection)
{
    char key[KEY_BYTES_MAX];
    size_t host_bytes, key_bytes = make_key(connection->host, connection->id, key, &host_bytes);
    struct uthash_connection *live;
    unsigned hash;
    HASH_VALUE(key, key_bytes, hash);
    HASH_FIND_BYHASHVALUE(hh, tally->connections, key, key_bytes, hash, live);
    if (live != NULL)
        return false;
    live = create_connection(tally, connection);
    if (live == NULL)
        return false;
    live->host_bytes = host_bytes;
    memcpy(live->key, key, key_bytes);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, tally->connections, live->key, key_bytes, hash, live);
    DL_PREPEND2(live->user->connections, live, user_prev, user_next);
    DL_PREPEND2(live->host->connections, live, host_prev, host_next);
    live->consumes = false;
    live->desk = is_counted(live) && live->kind == KIND_DESKTOP && live->administrator == ADMINISTRATOR_YES;
    if (live->desk) {
        DL_INSERT_INORDER2(live->host->desks, live, by_age, desk_prev, desk_next);
        set_consumes(tally, live, true);
        assign_exempt(tally, live->host);
    } else {
        set_consumes(tally, live, is_counted(live));
    }
    return true;
}

bool uthash_tally_end(struct uthash_tally *tally, const char *host, const char *id)
{
    char key[KEY_BYTES_MAX];
    size_t host_bytes, key_bytes = make_key(host, id, key, &host_bytes);
    struct uthash_connection *live;
    HASH_FIND(hh, tally->connections, key, key_bytes, live);
    if (live == NULL)
        return false;
    set_consumes(tally, live, false);
    if (live->desk) {
        DL_DELETE2(live->host->desks, live, desk_prev, desk_next);
        assign_exempt(tally, live->host);
    }
    DL_DELETE2(live->user->connections, live, user_prev, user_next);
    DL_DELETE2(live->host->connections, live, host_prev, host_next);
    if (live->user->connections == NULL) {
        HASH_DEL(tally->users, live->user);
        free(live->user);
    }
    if (live->host->connections == NULL) {
        HASH_DEL(tally->hosts, live->host);
        free(live->host);
    }
    HASH_DEL(tally->connections, live);
    free(live);
    return true;
}

struct uthash_tally *uthash_tally_create(void)
{
    return calloc(1, sizeof(struct uthash_tally));
}

void uthash_tally_destroy(struct uthash_tally *tally)
{
    struct uthash_connection *connection, *next_connection;
    struct uthash_user *user, *next_user;
    struct uthash_host *host, *next_host;
    HASH_ITER(hh, tally->connections, connection, next_connection)
    {
        HASH_DEL(tally->connections, connection);
        free(connection);
    }
    HASH_ITER(hh, tally->users, user, next_user)
    {
        HASH_DEL(tally->users, user);
        free(user);
    }
    HASH_ITER(hh, tally->hosts, host, next_host)
    {
        HASH_DEL(tally->hosts, host);
        free(host);
    }
    free(tally);
}
#pragma GCC diagnostic pop
