#include "tally.h"

#include "core_error.h"
#include "hash_index.h"
#include "keyed_hash.h"
#include "slab.h"
#include "text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX /* no such connection, user, host or place */

static_assert(NONE == SLAB_NONE && NONE == HASH_INDEX_NONE, "one word for nothing");
static_assert(IDENTITY_KEY_BYTES_MAX + 16 <= KEYED_HASH_BYTES_MAX, "every key can be hashed");
static_assert(TALLY_SEED_BYTES == KEYED_HASH_SEED_BYTES, "the seed is the hash's");

#define ID_INSIDE_BYTES   18 /* longer ids, and spellings that differ from the user's name, are allocated */
#define NAME_INSIDE_BYTES 24
#define DESKS_MIN         4u

enum live_form { LIVE_FREE, LIVE_INSIDE, LIVE_OUTSIDE, LIVE_OUTSIDE_WITH_USER };

/* Not yet, or no longer, standing: holds nothing. */
#define REASON_NONE TALLY_REASON_MAX

/* A live connection: one cache line. Linked with the others of its host and of its user. */
struct live {
    int64_t connected_at_ms;
    uint32_t host, user, tag;
    uint32_t place; /* in its host's desks, or NONE */
    uint32_t host_next, host_prev, user_next, user_prev;
    uint8_t kind, route, state, administrator, reason, form;
    char text[ID_INSIDE_BYTES]; /* the id; outside: a pointer to "id\0" or "id\0user\0" */
};
static_assert(sizeof(struct live) == 64, "a connection is one cache line");

/* A user with a live connection. */
struct holder {
    uint32_t first; /* of the user's connections */
    uint32_t hash;
    uint32_t connections, consuming; /* free while connections is 0 */
    char text[NAME_INSIDE_BYTES];    /* the name as first seen; last byte not 0: a pointer to it */
};
static_assert(sizeof(struct holder) == 40, "memory is promised");

/* A host with a live connection. */
struct host {
    uint32_t first; /* of the host's connections */
    uint32_t hash;
    uint32_t connections; /* free while 0 */
    uint32_t desk_count, desk_room;
    uint32_t name_bytes;
    uint32_t exempt[TALLY_EXEMPT_PER_HOST]; /* the oldest desks, or NONE */
    uint32_t *desks;                        /* counted administrators' desktops: a heap, the oldest first */
    char *name;
};

struct tally {
    struct tally_level level;
    struct tally_settings settings;
    struct slab lives, holders, hosts;
    struct hash_index live_index, holder_index, host_index;
    struct keyed_hash_keys keys;
    size_t desk_bytes;
};

/* A connection's names, measured and hashed once. */
struct names {
    const char *host, *id, *user;
    size_t host_bytes, id_bytes, user_bytes;
    struct keyed_hash host_state; /* the hash of the host alone, not yet ended */
    uint32_t live_hash, host_hash, user_hash;
    uint32_t live_position; /* behind the connection that was found */
    uint32_t host_number;   /* of the host if it is known, else NONE: set by tally_put */
};

static struct live *live_at(const struct tally *tally, uint32_t number)
{
    return slab_at(&tally->lives, number, sizeof(struct live));
}

static struct holder *holder_at(const struct tally *tally, uint32_t number)
{
    return slab_at(&tally->holders, number, sizeof(struct holder));
}

static struct host *host_at(const struct tally *tally, uint32_t number)
{
    return slab_at(&tally->hosts, number, sizeof(struct host));
}

/* ---- names --------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const struct tally *tally, const char *text, size_t bytes)
{
    struct keyed_hash hash = keyed_hash_begin(&tally->keys);
    keyed_hash_text(&hash, text, bytes);
    return keyed_hash_end(&tally->keys, hash);
}

static size_t user_key(const struct tally *tally, const char *user, char ret_key[IDENTITY_KEY_BYTES_MAX])
{
    return identity_key(user, tally->settings.aliases, tally->settings.alias_count, ret_key);
}

static uint32_t hash_user(const struct tally *tally, const char *user, size_t bytes)
{
    char room[IDENTITY_KEY_BYTES_MAX];
    const char *key =
        identity_key_in(user, bytes, tally->settings.aliases, tally->settings.alias_count, room, &bytes);
    return hash_text(tally, key, bytes);
}

static bool same_key(const struct tally *tally, const char *one, const char *other)
{
    char one_key[IDENTITY_KEY_BYTES_MAX], other_key[IDENTITY_KEY_BYTES_MAX];
    if (!identity_is_windows(one) || !identity_is_windows(other))
        return false;
    size_t one_bytes = user_key(tally, one, one_key), other_bytes = user_key(tally, other, other_key);
    return one_bytes == other_bytes && memcmp(one_key, other_key, one_bytes) == 0;
}

bool tally_same_user(const struct tally *tally, const char *one, const char *other)
{
    if (strcmp(one, other) == 0)
        return true;
    return strlen(one) <= CONNECTION_USER_BYTES_MAX && strlen(other) <= CONNECTION_USER_BYTES_MAX &&
           same_key(tally, one, other);
}

static bool measure_host(const struct tally *tally, const char *host, struct names *ret_names)
{
    ret_names->host = host;
    ret_names->host_bytes = strlen(host);
    if (ret_names->host_bytes == 0 || ret_names->host_bytes > CONNECTION_HOST_BYTES_MAX)
        return false;
    ret_names->host_state = keyed_hash_begin(&tally->keys);
    keyed_hash_text(&ret_names->host_state, host, ret_names->host_bytes);
    return true;
}

/* A connection's hash goes on where its host's ends. */
static bool measure_key(const struct tally *tally, const char *host, const char *id, struct names *ret_names)
{
    size_t host_bytes = strlen(host), id_bytes = strlen(id);
    if (host_bytes == 0 || host_bytes > CONNECTION_HOST_BYTES_MAX || id_bytes == 0 ||
        id_bytes > CONNECTION_ID_BYTES_MAX)
        return false;
    struct keyed_hash hash = keyed_hash_begin(&tally->keys);
    keyed_hash_text(&hash, host, host_bytes);
    ret_names->host_state = hash;
    keyed_hash_text(&hash, id, id_bytes);
    ret_names->live_hash = keyed_hash_end(&tally->keys, hash);
    hash_index_prefetch(&tally->live_index, ret_names->live_hash);
    ret_names->host = host;
    ret_names->host_bytes = host_bytes;
    ret_names->id = id;
    ret_names->id_bytes = id_bytes;
    return true;
}

static bool measure_user(const struct tally *tally, const char *user, struct names *ret_names)
{
    size_t bytes = strlen(user);
    if (bytes == 0 || bytes > CONNECTION_USER_BYTES_MAX)
        return false;
    ret_names->user_hash = hash_user(tally, user, bytes);
    hash_index_prefetch(&tally->holder_index, ret_names->user_hash);
    ret_names->user = user;
    ret_names->user_bytes = bytes;
    return true;
}

/* ---- strings of records -------------------------------------------------------------------------------- */

static char *text_outside(const char *room)
{
    char *text;
    memcpy(&text, room, sizeof text);
    return text;
}

static const char *live_id(const struct live *live)
{
    return live->form == LIVE_INSIDE ? live->text : text_outside(live->text);
}

static const char *holder_name(const struct holder *holder)
{
    return holder->text[NAME_INSIDE_BYTES - 1] == '\0' ? holder->text : text_outside(holder->text);
}

static const char *live_user(const struct tally *tally, const struct live *live)
{
    if (live->form != LIVE_OUTSIDE_WITH_USER)
        return holder_name(holder_at(tally, live->user));
    const char *id = text_outside(live->text);
    return id + strlen(id) + 1;
}

/* What a connection's strings need beyond its record; form LIVE_FREE: nothing could be had. */
struct live_text {
    enum live_form form;
    char *outside;
};

static struct live_text live_text_create(const struct names *names, bool own_spelling)
{
    if (!own_spelling && names->id_bytes < ID_INSIDE_BYTES)
        return (struct live_text){LIVE_INSIDE, NULL};
    char *outside = malloc(names->id_bytes + 1 + (own_spelling ? names->user_bytes + 1 : 0));
    if (outside == NULL)
        return (struct live_text){LIVE_FREE, NULL};
    memcpy(outside, names->id, names->id_bytes + 1);
    if (own_spelling)
        memcpy(outside + names->id_bytes + 1, names->user, names->user_bytes + 1);
    return (struct live_text){own_spelling ? LIVE_OUTSIDE_WITH_USER : LIVE_OUTSIDE, outside};
}

static void live_text_free(struct live *live)
{
    if (live->form >= LIVE_OUTSIDE)
        free(text_outside(live->text));
    live->form = LIVE_FREE;
}

/* Gives a connection its strings. */
static void live_text_set(struct live *live, const struct names *names, struct live_text text)
{
    live->form = (uint8_t)text.form;
    if (text.form == LIVE_INSIDE) {
        text_copy_short(live->text, names->id, names->id_bytes);
        live->text[names->id_bytes] = '\0';
    } else {
        memcpy(live->text, &text.outside, sizeof text.outside);
    }
}

/* Gives it others; names->id may be its own, so that goes last. */
static void live_text_replace(struct live *live, const struct names *names, struct live_text text)
{
    struct live before = *live;
    live_text_set(live, names, text);
    live_text_free(&before);
}

static bool holder_name_set(struct holder *holder, const struct names *names)
{
    if (names->user_bytes < NAME_INSIDE_BYTES) {
        text_copy_short(holder->text, names->user, names->user_bytes); /* the rest is zero */
        return true;
    }
    char *outside = malloc(names->user_bytes + 1);
    if (outside == NULL)
        return false;
    memcpy(outside, names->user, names->user_bytes + 1);
    memset(holder->text, 0, sizeof holder->text);
    memcpy(holder->text, &outside, sizeof outside);
    holder->text[NAME_INSIDE_BYTES - 1] = 1;
    return true;
}

static bool holder_is_outside(const struct holder *holder)
{
    return holder->text[NAME_INSIDE_BYTES - 1] != '\0';
}

static void holder_name_free(struct holder *holder)
{
    if (holder_is_outside(holder))
        free(text_outside(holder->text));
}

/* Whether the holder's name is spelt just so. */
static bool holder_is_spelt(const struct holder *holder, const struct names *names)
{
    if (holder_is_outside(holder))
        return strcmp(text_outside(holder->text), names->user) == 0;
    return text_stands_in(holder->text, NAME_INSIDE_BYTES, names->user, names->user_bytes);
}

/* ---- finding ------------------------------------------------------------------------------------------- */

static bool host_is(const struct host *host, const struct names *names)
{
    return host->name_bytes == names->host_bytes && text_same(host->name, names->host, names->host_bytes);
}

static bool live_is(const struct tally *tally, const struct live *live, const struct names *names)
{
    bool same_id = live->form == LIVE_INSIDE
                       ? text_stands_in(live->text, ID_INSIDE_BYTES, names->id, names->id_bytes)
                       : strcmp(text_outside(live->text), names->id) == 0;
    return same_id && host_is(host_at(tally, live->host), names);
}

static uint32_t find_live(const struct tally *tally, struct names *names)
{
    uint32_t position = hash_index_home(&tally->live_index, names->live_hash), number;
    while ((number = hash_index_candidate(&tally->live_index, names->live_hash, &position)) != NONE)
        if (live_is(tally, live_at(tally, number), names))
            break;
    names->live_position = position;
    return number;
}

static uint32_t find_holder(const struct tally *tally, const struct names *names)
{
    uint32_t position = hash_index_home(&tally->holder_index, names->user_hash), number;
    while ((number = hash_index_candidate(&tally->holder_index, names->user_hash, &position)) != NONE) {
        const struct holder *holder = holder_at(tally, number);
        if (holder_is_spelt(holder, names) || same_key(tally, holder_name(holder), names->user))
            break;
    }
    return number;
}

static uint32_t find_host(const struct tally *tally, struct names *names)
{
    names->host_hash = keyed_hash_end(&tally->keys, names->host_state);
    uint32_t position = hash_index_home(&tally->host_index, names->host_hash), number;
    while ((number = hash_index_candidate(&tally->host_index, names->host_hash, &position)) != NONE)
        if (host_is(host_at(tally, number), names))
            break;
    return number;
}

/* ---- users and hosts come and go ----------------------------------------------------------------------- */

/* Whoever has no connection when this is called goes. */
static void drop_holder_if_unused(struct tally *tally, uint32_t number)
{
    struct holder *holder = holder_at(tally, number);
    if (holder->connections > 0)
        return;
    hash_index_remove(&tally->holder_index, holder->hash, number);
    holder_name_free(holder);
    slab_give(&tally->holders, number);
}

static void drop_host_if_unused(struct tally *tally, uint32_t number)
{
    struct host *host = host_at(tally, number);
    if (host->connections > 0)
        return;
    hash_index_remove(&tally->host_index, host->hash, number);
    tally->desk_bytes -= host->desk_room * sizeof *host->desks;
    free(host->desks);
    free(host->name);
    slab_give(&tally->hosts, number);
}

static int obtain_holder(struct tally *tally, const struct names *names, uint32_t *ret_number)
{
    uint32_t number = find_holder(tally, names);
    if (number == NONE) {
        if (!slab_reserve(&tally->holders) || !hash_index_reserve(&tally->holder_index))
            return CORE_NO_MEMORY;
        number = slab_take(&tally->holders);
        struct holder *holder = holder_at(tally, number);
        *holder = (struct holder){.first = NONE, .hash = names->user_hash};
        if (!holder_name_set(holder, names)) {
            slab_give(&tally->holders, number);
            return CORE_NO_MEMORY;
        }
        hash_index_add(&tally->holder_index, names->user_hash, number);
    }
    *ret_number = number;
    return 0;
}

static int obtain_host(struct tally *tally, const struct names *names, uint32_t *ret_number)
{
    uint32_t number = names->host_number;
    if (number == NONE) {
        if (!slab_reserve(&tally->hosts) || !hash_index_reserve(&tally->host_index))
            return CORE_NO_MEMORY;
        char *name = malloc(names->host_bytes + 1);
        if (name == NULL)
            return CORE_NO_MEMORY;
        memcpy(name, names->host, names->host_bytes + 1);
        number = slab_take(&tally->hosts);
        *host_at(tally, number) = (struct host){.first = NONE,
                                                .hash = names->host_hash,
                                                .name_bytes = (uint32_t)names->host_bytes,
                                                .exempt = {NONE, NONE},
                                                .name = name};
        hash_index_add(&tally->host_index, names->host_hash, number);
    }
    *ret_number = number;
    return 0;
}

static void link_to_host(struct tally *tally, struct live *live, uint32_t number, uint32_t host_number)
{
    struct host *host = host_at(tally, host_number);
    live->host = host_number;
    live->host_prev = NONE;
    live->host_next = host->first;
    if (host->first != NONE)
        live_at(tally, host->first)->host_prev = number;
    host->first = number;
    tally->level.hosts += host->connections++ == 0;
}

static void unlink_from_host(struct tally *tally, const struct live *live)
{
    struct host *host = host_at(tally, live->host);
    if (live->host_prev == NONE)
        host->first = live->host_next;
    else
        live_at(tally, live->host_prev)->host_next = live->host_next;
    if (live->host_next != NONE)
        live_at(tally, live->host_next)->host_prev = live->host_prev;
    tally->level.hosts -= --host->connections == 0;
}

static void link_to_user(struct tally *tally, struct live *live, uint32_t number, uint32_t holder_number)
{
    struct holder *holder = holder_at(tally, holder_number);
    live->user = holder_number;
    live->user_prev = NONE;
    live->user_next = holder->first;
    if (holder->first != NONE)
        live_at(tally, holder->first)->user_prev = number;
    holder->first = number;
    tally->level.users += holder->connections++ == 0;
}

static void unlink_from_user(struct tally *tally, const struct live *live)
{
    struct holder *holder = holder_at(tally, live->user);
    if (live->user_prev == NONE)
        holder->first = live->user_next;
    else
        live_at(tally, live->user_prev)->user_next = live->user_next;
    if (live->user_next != NONE)
        live_at(tally, live->user_next)->user_prev = live->user_prev;
    tally->level.users -= --holder->connections == 0;
}

/* ---- a host's administrator desktops: a heap, the oldest on top ---------------------------------------- */

static bool is_older(const struct tally *tally, uint32_t one, uint32_t other)
{
    const struct live *a = live_at(tally, one), *b = live_at(tally, other);
    if (a->connected_at_ms != b->connected_at_ms)
        return a->connected_at_ms < b->connected_at_ms;
    return strcmp(live_id(a), live_id(b)) < 0;
}

static void desks_set(struct tally *tally, struct host *host, uint32_t place, uint32_t number)
{
    host->desks[place] = number;
    live_at(tally, number)->place = place;
}

static void desks_rise(struct tally *tally, struct host *host, uint32_t place, uint32_t number)
{
    while (place > 0 && is_older(tally, number, host->desks[(place - 1) / 2])) {
        desks_set(tally, host, place, host->desks[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    desks_set(tally, host, place, number);
}

static void desks_sink(struct tally *tally, struct host *host, uint32_t place, uint32_t number)
{
    for (;;) {
        uint32_t child = place * 2 + 1;
        if (child + 1 < host->desk_count && is_older(tally, host->desks[child + 1], host->desks[child]))
            child++;
        if (child >= host->desk_count || !is_older(tally, host->desks[child], number))
            break;
        desks_set(tally, host, place, host->desks[child]);
        place = child;
    }
    desks_set(tally, host, place, number);
}

static bool desks_reserve(struct tally *tally, struct host *host)
{
    if (host->desk_count < host->desk_room)
        return true;
    uint32_t room = host->desk_room == 0 ? DESKS_MIN : host->desk_room * 2;
    uint32_t *desks = realloc(host->desks, room * sizeof *desks);
    if (desks == NULL)
        return false;
    tally->desk_bytes += (room - host->desk_room) * sizeof *desks;
    host->desks = desks;
    host->desk_room = room;
    return true;
}

static void desks_add(struct tally *tally, struct host *host, uint32_t number)
{
    desks_rise(tally, host, host->desk_count++, number);
}

static void desks_remove(struct tally *tally, struct host *host, struct live *live)
{
    uint32_t place = live->place, last = host->desks[--host->desk_count];
    if (place < host->desk_count) {
        if (place > 0 && is_older(tally, last, host->desks[(place - 1) / 2]))
            desks_rise(tally, host, place, last);
        else
            desks_sink(tally, host, place, last);
    }
    live->place = NONE;
}

/* The oldest desk but one: a child of the top. */
static uint32_t desks_second(const struct tally *tally, const struct host *host)
{
    if (host->desk_count < 2)
        return NONE;
    if (host->desk_count > 2 && is_older(tally, host->desks[2], host->desks[1]))
        return host->desks[2];
    return host->desks[1];
}

/* ---- who counts ---------------------------------------------------------------------------------------- */

static bool is_exempt(uint8_t reason)
{
    return reason == TALLY_EXEMPT_FIRST || reason == TALLY_EXEMPT_SECOND;
}

static void stop_consuming(struct tally *tally, struct holder *holder)
{
    tally->level.consuming--;
    tally->level.concurrent_users -= --holder->consuming == 0;
}

static void start_consuming(struct tally *tally, struct holder *holder)
{
    tally->level.consuming++;
    tally->level.concurrent_users += holder->consuming++ == 0;
}

static void set_reason(struct tally *tally, struct live *live, uint8_t reason)
{
    uint8_t before = live->reason;
    if (before == reason)
        return;
    live->reason = reason;
    if (before == TALLY_COUNTED)
        stop_consuming(tally, holder_at(tally, live->user));
    else if (reason == TALLY_COUNTED)
        start_consuming(tally, holder_at(tally, live->user));
    tally->level.exempt -= is_exempt(before);
    tally->level.exempt += is_exempt(reason);
}

/* Gives the exempt places to the oldest desks, and takes them from whoever is none any more. */
static void assign_exempt(struct tally *tally, struct host *host)
{
    uint32_t first = host->desk_count > 0 ? host->desks[0] : NONE, second = desks_second(tally, host);
    for (int i = 0; i < TALLY_EXEMPT_PER_HOST; i++) {
        uint32_t before = host->exempt[i];
        if (before != NONE && before != first && before != second && live_at(tally, before)->place != NONE)
            set_reason(tally, live_at(tally, before), TALLY_COUNTED);
    }
    if (first != NONE)
        set_reason(tally, live_at(tally, first), TALLY_EXEMPT_FIRST);
    if (second != NONE)
        set_reason(tally, live_at(tally, second), TALLY_EXEMPT_SECOND);
    host->exempt[0] = first;
    host->exempt[1] = second;
}

/* Whether it counts before exemptions are looked at. */
static uint8_t reason_by_itself(const struct tally_settings *settings, const struct live *live)
{
    if ((settings->routes_counted & ROUTE_BIT(live->route)) == 0)
        return TALLY_ROUTE_NOT_COUNTED;
    if (live->state == CONNECTION_DISCONNECTED && !settings->count_disconnected)
        return TALLY_DISCONNECTED_NOT_COUNTED;
    return TALLY_COUNTED;
}

static bool is_administrator_desktop(uint8_t kind, uint8_t administrator)
{
    return kind == KIND_DESKTOP && administrator == ADMINISTRATOR_YES;
}

/* A connection begins to stand for what it is. Its host has room for one more desk. */
static void stand_up(struct tally *tally, struct live *live, uint32_t number)
{
    tally->level.disconnected += live->state == CONNECTION_DISCONNECTED;
    set_reason(tally, live, reason_by_itself(&tally->settings, live));
    if (live->reason == TALLY_COUNTED && is_administrator_desktop(live->kind, live->administrator)) {
        struct host *host = host_at(tally, live->host);
        desks_add(tally, host, number);
        assign_exempt(tally, host);
    }
}

static void stand_down(struct tally *tally, struct live *live)
{
    tally->level.disconnected -= live->state == CONNECTION_DISCONNECTED;
    set_reason(tally, live, REASON_NONE);
    if (live->place != NONE) {
        struct host *host = host_at(tally, live->host);
        desks_remove(tally, host, live);
        assign_exempt(tally, host);
    }
}

/* ---- changes ------------------------------------------------------------------------------------------- */

/* All that a put needs, had before anything is changed. */
struct provision {
    uint32_t holder, host;
    struct live_text text;
    bool keeps_text; /* the strings stay as they are */
};

static void provision_drop(struct tally *tally, const struct provision *provision)
{
    if (provision->holder != NONE)
        drop_holder_if_unused(tally, provision->holder);
    if (provision->host != NONE)
        drop_host_if_unused(tally, provision->host);
}

static bool users_full(const struct tally *tally, const struct live *replaced, uint32_t holder)
{
    if (holder_at(tally, holder)->connections > 0)
        return false;
    bool leaves = replaced != NULL && holder_at(tally, replaced->user)->connections == 1;
    return tally->level.users - leaves >= tally->settings.users_max;
}

static int provide_text(struct tally *tally, const struct live *replaced, const struct names *names,
                        struct provision *provision)
{
    provision->keeps_text = replaced != NULL && replaced->user == provision->holder &&
                            strcmp(live_user(tally, replaced), names->user) == 0;
    if (provision->keeps_text)
        return 0;
    bool own_spelling = !holder_is_spelt(holder_at(tally, provision->holder), names);
    provision->text = live_text_create(names, own_spelling);
    return provision->text.form == LIVE_FREE ? CORE_NO_MEMORY : 0;
}

static int provide_host(struct tally *tally, const struct names *names, struct provision *provision)
{
    int code = obtain_host(tally, names, &provision->host);
    if (code < 0)
        return code;
    bool opens = host_at(tally, provision->host)->connections == 0;
    return opens && tally->level.hosts >= tally->settings.hosts_max ? CORE_FULL : 0;
}

static int provide(struct tally *tally, const struct live *replaced, struct names *names, bool desk,
                   struct provision *provision)
{
    int code = obtain_holder(tally, names, &provision->holder);
    if (code < 0)
        return code;
    if (users_full(tally, replaced, provision->holder))
        return CORE_FULL;
    if (replaced != NULL)
        provision->host = replaced->host;
    else if ((code = provide_host(tally, names, provision)) < 0)
        return code;
    if (replaced == NULL && (!slab_reserve(&tally->lives) || !hash_index_reserve(&tally->live_index)))
        return CORE_NO_MEMORY;
    if (desk && !desks_reserve(tally, host_at(tally, provision->host)))
        return CORE_NO_MEMORY;
    return provide_text(tally, replaced, names, provision);
}

static void describe(struct live *live, const struct connection *connection, uint32_t tag)
{
    live->connected_at_ms = connection->connected_at_ms;
    live->kind = (uint8_t)connection->kind;
    live->route = (uint8_t)connection->route;
    live->state = (uint8_t)connection->state;
    live->administrator = (uint8_t)connection->administrator;
    live->tag = tag;
}

static uint32_t open_live(struct tally *tally, const struct names *names, const struct provision *provision)
{
    uint32_t number = slab_take(&tally->lives);
    struct live *live = live_at(tally, number);
    *live = (struct live){.place = NONE, .reason = REASON_NONE, .form = LIVE_FREE};
    live_text_set(live, names, provision->text);
    link_to_host(tally, live, number, provision->host);
    link_to_user(tally, live, number, provision->holder);
    hash_index_add(&tally->live_index, names->live_hash, number);
    tally->level.connections++;
    return number;
}

/* Takes a live connection back to where open_live leaves a new one. */
static void reopen_live(struct tally *tally, uint32_t number, const struct names *names,
                        const struct provision *provision)
{
    struct live *live = live_at(tally, number);
    stand_down(tally, live);
    uint32_t holder = live->user;
    if (holder != provision->holder) {
        unlink_from_user(tally, live);
        link_to_user(tally, live, number, provision->holder);
    }
    if (!provision->keeps_text)
        live_text_replace(live, names, provision->text);
    drop_holder_if_unused(tally, holder);
}

static void prefetch_holder(const struct tally *tally, uint32_t hash)
{
    uint32_t position = hash_index_home(&tally->holder_index, hash),
             number = hash_index_candidate(&tally->holder_index, hash, &position);
    if (number != NONE)
        __builtin_prefetch(holder_at(tally, number), 1);
}

static void prefetch_live(const struct tally *tally, uint32_t number)
{
    if (number != NONE)
        __builtin_prefetch(live_at(tally, number), 1);
}

/* Most of what the end of a connection touches, asked for at once. */
static void prefetch_company(const struct tally *tally, const struct live *live)
{
    __builtin_prefetch(holder_at(tally, live->user), 1);
    prefetch_live(tally, live->host_prev);
    prefetch_live(tally, live->host_next);
}

int tally_put_numbered(struct tally *tally, const struct connection *connection, uint32_t tag,
                       uint32_t *ret_number)
{
    struct names names;
    if (!measure_user(tally, connection->user, &names) ||
        !measure_key(tally, connection->host, connection->id, &names))
        return CORE_INVALID;
    names.host_number = find_host(tally, &names);
    prefetch_holder(tally, names.user_hash);
    if (names.host_number != NONE)
        prefetch_live(tally, host_at(tally, names.host_number)->first);
    uint32_t number = find_live(tally, &names);
    if (number == NONE && tally->level.connections >= tally->settings.connections_max)
        return CORE_FULL;

    struct provision provision = {.holder = NONE, .host = NONE};
    bool desk = is_administrator_desktop((uint8_t)connection->kind, (uint8_t)connection->administrator);
    int code = provide(tally, number == NONE ? NULL : live_at(tally, number), &names, desk, &provision);
    if (code < 0) {
        provision_drop(tally, &provision);
        return code;
    }
    if (number == NONE)
        number = open_live(tally, &names, &provision);
    else
        reopen_live(tally, number, &names, &provision);
    struct live *live = live_at(tally, number);
    describe(live, connection, tag);
    stand_up(tally, live, number);
    *ret_number = number;
    return 0;
}

int tally_put(struct tally *tally, const struct connection *connection, uint32_t tag)
{
    uint32_t number;
    return tally_put_numbered(tally, connection, tag, &number);
}

int tally_end(struct tally *tally, const char *host, const char *id)
{
    struct names names;
    uint32_t number = measure_key(tally, host, id, &names) ? find_live(tally, &names) : NONE;
    if (number == NONE)
        return CORE_UNKNOWN;
    struct live *live = live_at(tally, number);
    prefetch_company(tally, live);
    hash_index_remove_behind(&tally->live_index, names.live_hash, names.live_position);
    unlink_from_host(tally, live);
    hash_index_prefetch(&tally->holder_index, holder_at(tally, live->user)->hash); /* who may leave, too */
    stand_down(tally, live);
    unlink_from_user(tally, live);
    live_text_free(live);
    slab_give(&tally->lives, number);
    tally->level.connections--;
    drop_holder_if_unused(tally, live->user);
    drop_host_if_unused(tally, live->host);
    return 0;
}

/* ---- questions ----------------------------------------------------------------------------------------- */

const char *tally_reason_name(enum tally_reason reason)
{
    static const char *const names[] = {
        [TALLY_COUNTED] = "counted",
        [TALLY_EXEMPT_FIRST] = "exempt 1 of 2",
        [TALLY_EXEMPT_SECOND] = "exempt 2 of 2",
        [TALLY_ROUTE_NOT_COUNTED] = "route not counted",
        [TALLY_DISCONNECTED_NOT_COUNTED] = "disconnected, not counted",
    };
    static_assert(sizeof names / sizeof *names == TALLY_REASON_MAX, "every reason has a name");
    return names[reason];
}

const struct tally_level *tally_level(const struct tally *tally)
{
    return &tally->level;
}

static struct tally_entry entry_of(const struct tally *tally, uint32_t number)
{
    const struct live *live = live_at(tally, number);
    return (struct tally_entry){
        .connection =
            {
                .host = host_at(tally, live->host)->name,
                .id = live_id(live),
                .user = live_user(tally, live),
                .connected_at_ms = live->connected_at_ms,
                .kind = (enum connection_kind)live->kind,
                .route = (enum connection_route)live->route,
                .state = (enum connection_state)live->state,
                .administrator = (enum administrator)live->administrator,
            },
        .reason = (enum tally_reason)live->reason,
        .tag = live->tag,
        .number = number,
        .holder = live->user,
    };
}

static struct tally_user user_of(const struct holder *holder)
{
    return (struct tally_user){holder_name(holder), holder->connections, holder->consuming};
}

bool tally_find(const struct tally *tally, const char *host, const char *id, struct tally_entry *ret_entry)
{
    struct names names;
    uint32_t number = measure_key(tally, host, id, &names) ? find_live(tally, &names) : NONE;
    if (number == NONE)
        return false;
    *ret_entry = entry_of(tally, number);
    return true;
}

struct tally_entry tally_at(const struct tally *tally, uint32_t number)
{
    return entry_of(tally, number);
}

uint32_t tally_tag(const struct tally *tally, uint32_t number)
{
    return live_at(tally, number)->tag;
}

static uint32_t holder_of(const struct tally *tally, const char *user)
{
    struct names names;
    return measure_user(tally, user, &names) ? find_holder(tally, &names) : NONE;
}

static uint32_t host_of(const struct tally *tally, const char *host)
{
    struct names names;
    return measure_host(tally, host, &names) ? find_host(tally, &names) : NONE;
}

bool tally_user(const struct tally *tally, const char *user, struct tally_user *ret_user)
{
    uint32_t holder = holder_of(tally, user);
    *ret_user = holder == NONE ? (struct tally_user){0} : user_of(holder_at(tally, holder));
    return holder != NONE;
}

static bool stop_at_first(void *data, const struct tally_entry *entry)
{
    (void)entry;
    *(bool *)data = true;
    return false;
}

bool tally_user_on_host(const struct tally *tally, const char *user, const char *host)
{
    bool found = false;
    tally_each(tally, host, user, stop_at_first, &found);
    return found;
}

uint32_t tally_host_places(const struct tally *tally, const char *host,
                           uint32_t ret_numbers[TALLY_EXEMPT_PER_HOST])
{
    uint32_t number = host_of(tally, host), places = 0;
    if (number == NONE)
        return 0;
    for (int i = 0; i < TALLY_EXEMPT_PER_HOST; i++)
        if (host_at(tally, number)->exempt[i] != NONE)
            ret_numbers[places++] = host_at(tally, number)->exempt[i];
    return places;
}

uint32_t tally_host_exempt(const struct tally *tally, const char *host)
{
    uint32_t numbers[TALLY_EXEMPT_PER_HOST];
    return tally_host_places(tally, host, numbers);
}

static void each_of_user(const struct tally *tally, uint32_t holder, uint32_t host, tally_visit_fn *visit,
                         void *data)
{
    for (uint32_t number = holder_at(tally, holder)->first; number != NONE;) {
        const struct live *live = live_at(tally, number);
        struct tally_entry entry = entry_of(tally, number);
        number = live->user_next;
        if ((host == NONE || live->host == host) && !visit(data, &entry))
            return;
    }
}

static void each_of_host(const struct tally *tally, uint32_t host, tally_visit_fn *visit, void *data)
{
    for (uint32_t number = host_at(tally, host)->first; number != NONE;) {
        struct tally_entry entry = entry_of(tally, number);
        number = live_at(tally, number)->host_next;
        if (!visit(data, &entry))
            return;
    }
}

static void each_of_all(const struct tally *tally, tally_visit_fn *visit, void *data)
{
    for (uint32_t number = 0; number < tally->lives.used; number++) {
        if (live_at(tally, number)->form == LIVE_FREE)
            continue;
        struct tally_entry entry = entry_of(tally, number);
        if (!visit(data, &entry))
            return;
    }
}

void tally_each(const struct tally *tally, const char *host, const char *user, tally_visit_fn *visit,
                void *data)
{
    uint32_t host_number = host != NULL ? host_of(tally, host) : NONE;
    uint32_t holder_number = user != NULL ? holder_of(tally, user) : NONE;
    if ((host != NULL && host_number == NONE) || (user != NULL && holder_number == NONE))
        return;
    if (user != NULL)
        each_of_user(tally, holder_number, host_number, visit, data);
    else if (host != NULL)
        each_of_host(tally, host_number, visit, data);
    else
        each_of_all(tally, visit, data);
}

void tally_each_user(const struct tally *tally, tally_visit_user_fn *visit, void *data)
{
    for (uint32_t number = 0; number < tally->holders.used; number++) {
        const struct holder *holder = holder_at(tally, number);
        if (holder->connections == 0)
            continue;
        struct tally_user user = user_of(holder);
        if (!visit(data, &user))
            return;
    }
}

void tally_each_host(const struct tally *tally, tally_visit_host_fn *visit, void *data)
{
    for (uint32_t number = 0; number < tally->hosts.used; number++) {
        const struct host *host = host_at(tally, number);
        if (host->connections > 0 && !visit(data, host->name, host->connections))
            return;
    }
}

/* Of strings within records. */
static size_t inside_bytes(const struct tally *tally)
{
    size_t bytes = 0;
    for (uint32_t number = 0; number < tally->lives.used; number++) {
        const struct live *live = live_at(tally, number);
        if (live->form == LIVE_INSIDE)
            bytes += strlen(live->text) + 1;
    }
    for (uint32_t number = 0; number < tally->holders.used; number++) {
        const struct holder *holder = holder_at(tally, number);
        if (holder->connections > 0 && !holder_is_outside(holder))
            bytes += strlen(holder->text) + 1;
    }
    return bytes;
}

size_t tally_bytes(const struct tally *tally)
{
    return sizeof *tally + slab_bytes(&tally->lives) + slab_bytes(&tally->holders) +
           slab_bytes(&tally->hosts) + hash_index_bytes(&tally->live_index) +
           hash_index_bytes(&tally->holder_index) + hash_index_bytes(&tally->host_index) + tally->desk_bytes -
           inside_bytes(tally);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static void init(struct tally *tally, const struct tally_settings *settings)
{
    *tally = (struct tally){.settings = *settings};
    keyed_hash_expand(settings->seed, &tally->keys);
    if (tally->settings.connections_max == 0)
        tally->settings.connections_max = TALLY_CONNECTIONS_MAX;
    if (tally->settings.users_max == 0)
        tally->settings.users_max = TALLY_USERS_MAX;
    if (tally->settings.hosts_max == 0)
        tally->settings.hosts_max = TALLY_HOSTS_MAX;
    slab_init(&tally->lives, sizeof(struct live));
    slab_init(&tally->holders, sizeof(struct holder));
    slab_init(&tally->hosts, sizeof(struct host));
}

static void finish(struct tally *tally)
{
    for (uint32_t number = 0; number < tally->lives.used; number++)
        live_text_free(live_at(tally, number));
    for (uint32_t number = 0; number < tally->holders.used; number++)
        if (holder_at(tally, number)->connections > 0)
            holder_name_free(holder_at(tally, number));
    for (uint32_t number = 0; number < tally->hosts.used; number++) {
        if (host_at(tally, number)->connections > 0) {
            free(host_at(tally, number)->desks);
            free(host_at(tally, number)->name);
        }
    }
    hash_index_finish(&tally->live_index);
    hash_index_finish(&tally->holder_index);
    hash_index_finish(&tally->host_index);
    slab_finish(&tally->lives);
    slab_finish(&tally->holders);
    slab_finish(&tally->hosts);
}

struct tally *tally_create(const struct tally_settings *settings)
{
    struct tally *tally = malloc(sizeof *tally);
    if (tally != NULL)
        init(tally, settings);
    return tally;
}

void tally_destroy(struct tally *tally)
{
    if (tally == NULL)
        return;
    finish(tally);
    free(tally);
}

/* Takes a number that is free in the original; what it names is free here, too. */
static int skip_number(struct tally *tally, uint32_t *free_numbers)
{
    if (!slab_reserve(&tally->lives))
        return CORE_NO_MEMORY;
    uint32_t number = slab_take(&tally->lives);
    *live_at(tally, number) = (struct live){.host_next = *free_numbers, .form = LIVE_FREE};
    *free_numbers = number;
    return 0;
}

/* Numbers are taken in order while none is given back, so that every connection gets the one that it had. */
static int copy_lives(struct tally *to, const struct tally *from)
{
    uint32_t free_numbers = NONE;
    int code = 0;
    for (uint32_t number = 0; number < from->lives.used && code == 0; number++) {
        if (live_at(from, number)->form == LIVE_FREE) {
            code = skip_number(to, &free_numbers);
        } else {
            struct tally_entry entry = entry_of(from, number);
            code = tally_put(to, &entry.connection, entry.tag);
        }
    }
    while (free_numbers != NONE) {
        uint32_t number = free_numbers;
        free_numbers = live_at(to, number)->host_next;
        slab_give(&to->lives, number);
    }
    return code;
}

int tally_reconfigure(struct tally *tally, const struct tally_settings *settings)
{
    struct tally renewed;
    init(&renewed, settings);
    int code = copy_lives(&renewed, tally);
    if (code < 0) {
        finish(&renewed);
        return code;
    }
    finish(tally);
    *tally = renewed;
    return 0;
}
