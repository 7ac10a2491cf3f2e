#include "uthash_tally.h"

#include "agent/core/core_error.h"
#include "agent/core/text.h"

#include <stdlib.h>
#include <string.h>

/* Chosen names must not slow it: uthash's own functions know no seed, so it is given the usual one that does,
 * which is no slower than its default. Every user of the macros has the tally in scope. Without memory an add
 * leaves its object out. */
#define HASH_FUNCTION(key, bytes, ret_hash) ((ret_hash) = hash_key(tally, (key), (bytes)))
#define HASH_NONFATAL_OOM                   1

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#include <uthash.h>
#include <utlist.h>

#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(object) ((object)->is_in = false)

#define KEY_BYTES_MAX (CONNECTION_HOST_BYTES_MAX + CONNECTION_ID_BYTES_MAX + 2)

struct uthash_user {
    UT_hash_handle hh;
    uint32_t connection_count, consuming;
    struct uthash_connection *connections;
    bool is_in;
    char key[]; /* as identity.h compares it; behind it the name as first seen */
};

struct uthash_host {
    UT_hash_handle hh;
    uint32_t connection_count;
    struct uthash_connection *connections;
    struct uthash_connection *desks; /* administrators', counted: the oldest first */
    bool is_in;
    char name[];
};

struct uthash_connection {
    UT_hash_handle hh;
    struct uthash_user *user;
    struct uthash_host *host;
    struct uthash_connection *user_prev, *user_next, *host_prev, *host_next, *desk_prev, *desk_next;
    int64_t connected_at_ms;
    uint32_t tag;
    enum connection_kind kind;
    enum connection_route route;
    enum connection_state state;
    enum administrator administrator;
    enum tally_reason reason; /* TALLY_REASON_MAX: does not stand */
    bool is_desk, is_in;
    const char *id, *user_name; /* in key; the user as this connection spells it */
    char key[];                 /* host NUL id NUL user NUL */
};

struct uthash_tally {
    struct uthash_connection *connections;
    struct uthash_user *users;
    struct uthash_host *hosts;
    struct tally_settings settings;
    struct tally_level level;
    uint64_t seed[2];
};

/* A connection's key, made and hashed once. */
struct key {
    size_t host_bytes, bytes; /* NULs included */
    unsigned hash;
    char text[KEY_BYTES_MAX];
};

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3. */
static unsigned hash_key(const struct uthash_tally *tally, const char *key, size_t bytes)
{
    uint64_t v[4] = {
        tally->seed[0] ^ UINT64_C(0x736f6d6570736575), tally->seed[1] ^ UINT64_C(0x646f72616e646f6d),
        tally->seed[0] ^ UINT64_C(0x6c7967656e657261), tally->seed[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t length = (uint64_t)bytes << 56;
    for (; bytes >= 8; key += 8, bytes -= 8)
        sip_word(v, text_word(key));
    sip_word(v, length | text_tail(key, bytes));
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return (unsigned)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

static bool make_key(const struct uthash_tally *tally, const char *host, const char *id, struct key *ret_key)
{
    size_t host_bytes = strlen(host), id_bytes = strlen(id);
    if (host_bytes == 0 || host_bytes > CONNECTION_HOST_BYTES_MAX || id_bytes == 0 ||
        id_bytes > CONNECTION_ID_BYTES_MAX)
        return false;
    ret_key->host_bytes = host_bytes + 1;
    ret_key->bytes = host_bytes + 1 + id_bytes + 1;
    memcpy(ret_key->text, host, host_bytes + 1);
    memcpy(ret_key->text + host_bytes + 1, id, id_bytes + 1);
    HASH_VALUE(ret_key->text, ret_key->bytes, ret_key->hash);
    return true;
}

static struct uthash_connection *find_connection(struct uthash_tally *tally, const struct key *key)
{
    struct uthash_connection *live;
    HASH_FIND_BYHASHVALUE(hh, tally->connections, key->text, key->bytes, key->hash, live);
    return live;
}

/* ---- users and hosts ----------------------------------------------------------------------------------- */

static struct uthash_user *create_user(struct uthash_tally *tally, const char *key, size_t key_bytes,
                                       unsigned hash, const char *name, size_t name_bytes)
{
    struct uthash_user *user = malloc(sizeof *user + key_bytes + name_bytes + 1);
    if (user == NULL)
        return NULL;
    user->connection_count = user->consuming = 0;
    user->connections = NULL;
    user->is_in = true;
    memcpy(user->key, key, key_bytes);
    memcpy(user->key + key_bytes, name, name_bytes + 1);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, tally->users, user->key, key_bytes, hash, user);
    if (user->is_in)
        return user;
    free(user);
    return NULL;
}

/* The user, made if need be. */
static int obtain_user(struct uthash_tally *tally, const char *name, struct uthash_user **ret_user)
{
    char room[IDENTITY_KEY_BYTES_MAX];
    size_t name_bytes = strlen(name), key_bytes;
    if (name_bytes == 0 || name_bytes > CONNECTION_USER_BYTES_MAX)
        return CORE_INVALID;
    const char *key = identity_key_in(name, name_bytes, tally->settings.aliases, tally->settings.alias_count,
                                      room, &key_bytes);
    struct uthash_user *user;
    unsigned hash;
    HASH_VALUE(key, key_bytes, hash);
    HASH_FIND_BYHASHVALUE(hh, tally->users, key, key_bytes, hash, user);
    if (user == NULL)
        user = create_user(tally, key, key_bytes, hash, name, name_bytes);
    if (user == NULL)
        return CORE_NO_MEMORY;
    *ret_user = user;
    return 0;
}

static void drop_user_if_unused(struct uthash_tally *tally, struct uthash_user *user)
{
    if (user->connection_count > 0)
        return;
    HASH_DEL(tally->users, user);
    free(user);
}

static struct uthash_host *create_host(struct uthash_tally *tally, const char *name, size_t bytes,
                                       unsigned hash)
{
    struct uthash_host *host = malloc(sizeof *host + bytes + 1);
    if (host == NULL)
        return NULL;
    host->connection_count = 0;
    host->connections = host->desks = NULL;
    host->is_in = true;
    memcpy(host->name, name, bytes + 1);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, tally->hosts, host->name, bytes, hash, host);
    if (host->is_in)
        return host;
    free(host);
    return NULL;
}

static struct uthash_host *obtain_host(struct uthash_tally *tally, const char *name, size_t bytes)
{
    struct uthash_host *host;
    unsigned hash;
    HASH_VALUE(name, bytes, hash);
    HASH_FIND_BYHASHVALUE(hh, tally->hosts, name, bytes, hash, host);
    return host != NULL ? host : create_host(tally, name, bytes, hash);
}

static void drop_host_if_unused(struct uthash_tally *tally, struct uthash_host *host)
{
    if (host->connection_count > 0)
        return;
    HASH_DEL(tally->hosts, host);
    free(host);
}

static void link_user(struct uthash_tally *tally, struct uthash_connection *live, struct uthash_user *user)
{
    live->user = user;
    DL_PREPEND2(user->connections, live, user_prev, user_next);
    tally->level.users += user->connection_count++ == 0;
}

static void unlink_user(struct uthash_tally *tally, struct uthash_connection *live)
{
    DL_DELETE2(live->user->connections, live, user_prev, user_next);
    tally->level.users -= --live->user->connection_count == 0;
}

static void link_host(struct uthash_tally *tally, struct uthash_connection *live, struct uthash_host *host)
{
    live->host = host;
    DL_PREPEND2(host->connections, live, host_prev, host_next);
    tally->level.hosts += host->connection_count++ == 0;
}

static void unlink_host(struct uthash_tally *tally, struct uthash_connection *live)
{
    DL_DELETE2(live->host->connections, live, host_prev, host_next);
    tally->level.hosts -= --live->host->connection_count == 0;
}

/* ---- who counts ---------------------------------------------------------------------------------------- */

static bool is_exempt(enum tally_reason reason)
{
    return reason == TALLY_EXEMPT_FIRST || reason == TALLY_EXEMPT_SECOND;
}

static void set_reason(struct uthash_tally *tally, struct uthash_connection *live, enum tally_reason reason)
{
    enum tally_reason before = live->reason;
    if (before == reason)
        return;
    live->reason = reason;
    if (before == TALLY_COUNTED) {
        tally->level.consuming--;
        tally->level.concurrent_users -= --live->user->consuming == 0;
    } else if (reason == TALLY_COUNTED) {
        tally->level.consuming++;
        tally->level.concurrent_users += live->user->consuming++ == 0;
    }
    tally->level.exempt -= is_exempt(before);
    tally->level.exempt += is_exempt(reason);
}

static int by_age(const struct uthash_connection *one, const struct uthash_connection *other)
{
    if (one->connected_at_ms != other->connected_at_ms)
        return one->connected_at_ms < other->connected_at_ms ? -1 : 1;
    return strcmp(one->id, other->id);
}

/* One desk has come or gone: only the first three can have changed. */
static void assign_exempt(struct uthash_tally *tally, struct uthash_host *host)
{
    static const enum tally_reason reasons[] = {TALLY_EXEMPT_FIRST, TALLY_EXEMPT_SECOND, TALLY_COUNTED};
    struct uthash_connection *desk = host->desks;
    for (size_t i = 0; desk != NULL && i < sizeof reasons / sizeof *reasons; i++, desk = desk->desk_next)
        set_reason(tally, desk, reasons[i]);
}

static enum tally_reason reason_by_itself(const struct tally_settings *settings,
                                          const struct uthash_connection *live)
{
    if ((settings->routes_counted & ROUTE_BIT(live->route)) == 0)
        return TALLY_ROUTE_NOT_COUNTED;
    if (live->state == CONNECTION_DISCONNECTED && !settings->count_disconnected)
        return TALLY_DISCONNECTED_NOT_COUNTED;
    return TALLY_COUNTED;
}

static void stand_up(struct uthash_tally *tally, struct uthash_connection *live)
{
    tally->level.disconnected += live->state == CONNECTION_DISCONNECTED;
    set_reason(tally, live, reason_by_itself(&tally->settings, live));
    live->is_desk = live->reason == TALLY_COUNTED && live->kind == KIND_DESKTOP &&
                    live->administrator == ADMINISTRATOR_YES;
    if (live->is_desk) {
        DL_INSERT_INORDER2(live->host->desks, live, by_age, desk_prev, desk_next);
        assign_exempt(tally, live->host);
    }
}

static void stand_down(struct uthash_tally *tally, struct uthash_connection *live)
{
    tally->level.disconnected -= live->state == CONNECTION_DISCONNECTED;
    set_reason(tally, live, TALLY_REASON_MAX);
    if (live->is_desk) {
        DL_DELETE2(live->host->desks, live, desk_prev, desk_next);
        assign_exempt(tally, live->host);
    }
}

/* ---- changes ------------------------------------------------------------------------------------------- */

static void describe(struct uthash_connection *live, const struct connection *connection, uint32_t tag)
{
    live->connected_at_ms = connection->connected_at_ms;
    live->kind = connection->kind;
    live->route = connection->route;
    live->state = connection->state;
    live->administrator = connection->administrator;
    live->tag = tag;
}

static struct uthash_connection *create_connection(struct uthash_tally *tally, const struct key *key,
                                                   const char *user_name)
{
    size_t user_bytes = strlen(user_name) + 1;
    struct uthash_connection *live = malloc(sizeof *live + key->bytes + user_bytes);
    if (live == NULL)
        return NULL;
    live->reason = TALLY_REASON_MAX;
    live->is_desk = false;
    live->is_in = true;
    memcpy(live->key, key->text, key->bytes);
    memcpy(live->key + key->bytes, user_name, user_bytes);
    live->id = live->key + key->host_bytes;
    live->user_name = live->key + key->bytes;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, tally->connections, live->key, key->bytes, key->hash, live);
    if (live->is_in)
        return live;
    free(live);
    return NULL;
}

static int open_connection(struct uthash_tally *tally, const struct key *key,
                           const struct connection *connection, struct uthash_user *user,
                           struct uthash_connection **ret_live)
{
    bool user_opens = user->connection_count == 0;
    if (HASH_COUNT(tally->connections) >= tally->settings.connections_max ||
        (user_opens && tally->level.users >= tally->settings.users_max))
        return CORE_FULL;
    struct uthash_host *host = obtain_host(tally, connection->host, key->host_bytes - 1);
    if (host == NULL)
        return CORE_NO_MEMORY;
    bool host_opens = host->connection_count == 0, full = tally->level.hosts >= tally->settings.hosts_max;
    struct uthash_connection *live =
        host_opens && full ? NULL : create_connection(tally, key, connection->user);
    if (live == NULL) {
        drop_host_if_unused(tally, host);
        return host_opens && full ? CORE_FULL : CORE_NO_MEMORY;
    }
    link_host(tally, live, host);
    link_user(tally, live, user);
    tally->level.connections++;
    *ret_live = live;
    return 0;
}

static void close_connection(struct uthash_tally *tally, struct uthash_connection *live)
{
    stand_down(tally, live);
    unlink_user(tally, live);
    unlink_host(tally, live);
    drop_user_if_unused(tally, live->user);
    drop_host_if_unused(tally, live->host);
    HASH_DEL(tally->connections, live);
    free(live);
    tally->level.connections--;
}

/* A live connection is put again. With another user or spelling it is made anew: its strings stand behind it.
 */
static int replace_connection(struct uthash_tally *tally, const struct key *key,
                              const struct connection *connection, struct uthash_user *user,
                              struct uthash_connection **live)
{
    struct uthash_connection *before = *live, *renewed = before;
    if (strcmp(before->user_name, connection->user) == 0) {
        stand_down(tally, before);
        return 0;
    }
    bool leaves = before->user->connection_count == 1;
    if (user->connection_count == 0 && tally->level.users - leaves >= tally->settings.users_max)
        return CORE_FULL;
    renewed = create_connection(tally, key, connection->user);
    if (renewed == NULL)
        return CORE_NO_MEMORY;
    link_host(tally, renewed, before->host);
    link_user(tally, renewed, user);
    tally->level.connections++;
    close_connection(tally, before);
    *live = renewed;
    return 0;
}

int uthash_tally_put(struct uthash_tally *tally, const struct connection *connection, uint32_t tag)
{
    struct key key;
    struct uthash_user *user;
    if (!make_key(tally, connection->host, connection->id, &key))
        return CORE_INVALID;
    int code = obtain_user(tally, connection->user, &user);
    if (code < 0)
        return code;
    struct uthash_connection *live = find_connection(tally, &key);
    code = live == NULL ? open_connection(tally, &key, connection, user, &live)
                        : replace_connection(tally, &key, connection, user, &live);
    if (code < 0) {
        drop_user_if_unused(tally, user);
        return code;
    }
    describe(live, connection, tag);
    stand_up(tally, live);
    return 0;
}

int uthash_tally_end(struct uthash_tally *tally, const char *host, const char *id)
{
    struct key key;
    struct uthash_connection *live = make_key(tally, host, id, &key) ? find_connection(tally, &key) : NULL;
    if (live == NULL)
        return CORE_UNKNOWN;
    close_connection(tally, live);
    return 0;
}

const struct tally_level *uthash_tally_level(const struct uthash_tally *tally)
{
    return &tally->level;
}

struct uthash_tally *uthash_tally_create(const struct tally_settings *settings)
{
    struct uthash_tally *tally = calloc(1, sizeof *tally);
    if (tally == NULL)
        return NULL;
    tally->settings = *settings;
    tally->settings.connections_max = TALLY_CONNECTIONS_MAX;
    tally->settings.users_max = TALLY_USERS_MAX;
    tally->settings.hosts_max = TALLY_HOSTS_MAX;
    memcpy(tally->seed, settings->seed, sizeof tally->seed);
    return tally;
}

void uthash_tally_destroy(struct uthash_tally *tally)
{
    struct uthash_connection *live, *next;
    if (tally == NULL)
        return;
    HASH_ITER(hh, tally->connections, live, next)
    {
        close_connection(tally, live);
    }
    free(tally);
}
#pragma GCC diagnostic pop
