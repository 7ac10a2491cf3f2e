#include "variant.h"

#include "peak_names.h"
#include "room.h"

#include "agent/core/core_error.h"
#include "common/error.h"

#include <stdlib.h>

#define NONE UINT32_MAX /* no such connection */

static int from_core(int code)
{
    return code == CORE_NO_MEMORY ? ERROR_NO_MEMORY : code == CORE_FULL ? ERROR_FULL : ERROR_INVALID;
}

/* ---- what is due --------------------------------------------------------------------------------------- */

/* All dues lie equally far ahead, so that those added last are due last. */
static int add_due(struct variant *variant, uint32_t number, int64_t now_ms)
{
    if (variant->end_after_ms == VARIANT_NEVER)
        return 0;
    void *dues = variant->dues;
    if (!room_reserve(&dues, &variant->due_room, (size_t)number + 1, sizeof *variant->dues))
        return ERROR_NO_MEMORY;
    variant->dues = dues;
    variant->dues[number] = (struct variant_due){
        .before = variant->last_due, .behind = NONE, .at_ms = now_ms + variant->end_after_ms};
    if (variant->last_due == NONE)
        variant->first_due = number;
    else
        variant->dues[variant->last_due].behind = number;
    variant->last_due = number;
    return 0;
}

static void remove_due(struct variant *variant, uint32_t number)
{
    if (number >= variant->due_room || variant->dues[number].at_ms == 0)
        return;
    struct variant_due due = variant->dues[number];
    variant->dues[number].at_ms = 0;
    if (due.before == NONE)
        variant->first_due = due.behind;
    else
        variant->dues[due.before].behind = due.behind;
    if (due.behind == NONE)
        variant->last_due = due.before;
    else
        variant->dues[due.behind].before = due.before;
}

/* ---- changes ------------------------------------------------------------------------------------------- */

static int put(struct variant *variant, const struct connection *connection, const struct tally_entry *before)
{
    struct connection put = *connection;
    int code = 0;
    if (variant->exempts_nobody)
        put.administrator = ADMINISTRATOR_NO;
    if (variant->names != NULL)
        code = peak_names_before(variant->names, &put, before);
    if (code < 0)
        return code;
    if (before != NULL)
        remove_due(variant, before->number);
    code = tally_put(variant->tally, &put, 0);
    if (code < 0)
        return from_core(code);
    uint32_t users = tally_level(variant->tally)->concurrent_users;
    if (users > variant->peak_users) {
        variant->peak_users = users;
        if (variant->names != NULL)
            peak_names_begin(variant->names);
    }
    return 0;
}

static int end(struct variant *variant, const struct tally_entry *live)
{
    if (variant->names != NULL) {
        int code = peak_names_before(variant->names, &live->connection, live);
        if (code < 0)
            return code;
    }
    remove_due(variant, live->number);
    (void)tally_end(variant->tally, live->connection.host, live->connection.id);
    return 0;
}

int variant_advance(struct variant *variant, int64_t now_ms)
{
    while (variant->first_due != NONE && variant->dues[variant->first_due].at_ms < now_ms) {
        struct tally_entry due = tally_at(variant->tally, variant->first_due);
        int code = end(variant, &due);
        if (code < 0)
            return code;
        variant->ended++;
    }
    return 0;
}

int variant_connect(struct variant *variant, const struct connection *connection,
                    enum variant_connected *ret_connected)
{
    struct tally_entry live;
    bool is_live = tally_find(variant->tally, connection->host, connection->id, &live);
    if (!is_live || !tally_same_user(variant->tally, live.connection.user, connection->user)) {
        *ret_connected = VARIANT_BEGAN;
        return put(variant, connection, is_live ? &live : NULL);
    }
    if (live.connection.state == CONNECTION_ACTIVE) {
        *ret_connected = VARIANT_REPEATED;
        return 0;
    }
    *ret_connected = VARIANT_CAME_BACK;
    struct connection back = live.connection;
    back.state = CONNECTION_ACTIVE;
    return put(variant, &back, &live);
}

int variant_disconnect(struct variant *variant, const char *host, const char *id, int64_t now_ms,
                       enum variant_disconnected *ret_disconnected)
{
    struct tally_entry live;
    if (!tally_find(variant->tally, host, id, &live)) {
        *ret_disconnected = VARIANT_UNKNOWN;
        return 0;
    }
    if (live.connection.state == CONNECTION_DISCONNECTED) {
        *ret_disconnected = VARIANT_HAD_LEFT;
        return 0;
    }
    *ret_disconnected = VARIANT_LEFT;
    struct connection gone = live.connection;
    gone.state = CONNECTION_DISCONNECTED;
    int code = put(variant, &gone, &live);
    return code < 0 ? code : add_due(variant, live.number, now_ms);
}

int variant_logoff(struct variant *variant, const char *host, const char *id, bool *ret_was_live)
{
    struct tally_entry live;
    *ret_was_live = tally_find(variant->tally, host, id, &live);
    return *ret_was_live ? end(variant, &live) : 0;
}

static bool take_first(void *data, const struct tally_entry *entry)
{
    struct tally_entry *first = data;
    *first = *entry;
    return false;
}

int variant_end_host(struct variant *variant, const char *host, uint32_t *ret_ended)
{
    for (*ret_ended = 0;; ++*ret_ended) {
        struct tally_entry first = {0};
        tally_each(variant->tally, host, NULL, take_first, &first);
        if (first.connection.id == NULL)
            return 0;
        int code = end(variant, &first);
        if (code < 0)
            return code;
    }
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

int variant_init(struct variant *variant, const struct tally_settings *settings)
{
    variant->first_due = variant->last_due = NONE;
    variant->tally = tally_create(settings);
    return variant->tally == NULL ? ERROR_NO_MEMORY : 0;
}

struct copying {
    struct variant *variant;
    int64_t now_ms;
    int code;
};

static bool copy_one(void *data, const struct tally_entry *entry)
{
    struct copying *copying = data;
    struct tally_entry copy;
    copying->code = put(copying->variant, &entry->connection, NULL);
    if (copying->code == 0 && entry->connection.state == CONNECTION_DISCONNECTED &&
        tally_find(copying->variant->tally, entry->connection.host, entry->connection.id, &copy))
        copying->code = add_due(copying->variant, copy.number, copying->now_ms);
    return copying->code == 0;
}

int variant_copy(struct variant *variant, const struct tally_settings *settings, const struct tally *other,
                 int64_t now_ms)
{
    struct copying copying = {variant, now_ms, variant_init(variant, settings)};
    if (copying.code == 0)
        tally_each(other, NULL, NULL, copy_one, &copying);
    return copying.code;
}

void variant_finish(struct variant *variant)
{
    tally_destroy(variant->tally);
    free(variant->dues);
    *variant = (struct variant){0};
}
