#include "peak_names.h"

#include "agent/core/core_error.h"
#include "common/error.h"
#include "common/room.h"

#include <stdlib.h>
#include <string.h>

#define UNDOS_MIN 256 /* so many are kept even of few sessions */

/* A connection as it was: its names stand in texts, host, id and user one behind the other. */
struct peak_undo {
    size_t text;
    int64_t connected_at_ms;
    bool was_live;
    uint8_t kind, route, state, administrator;
};

void peak_names_init(struct peak_names *names, const struct tally_settings *settings,
                     const struct tally *tally)
{
    *names = (struct peak_names){.settings = *settings, .tally = tally};
}

static void forget_names(struct peak_names *names)
{
    for (size_t i = 0; i < names->name_count; i++)
        free(names->names[i]);
    names->name_count = 0;
    names->settled = false;
}

void peak_names_finish(struct peak_names *names)
{
    forget_names(names);
    free(names->names);
    free(names->texts);
    free(names->undos);
    *names = (struct peak_names){0};
}

void peak_names_begin(struct peak_names *names)
{
    if (names->settled)
        forget_names(names);
    names->undo_count = names->text_bytes = 0;
}

/* ---- keeping ------------------------------------------------------------------------------------------- */

static void keep_text(struct peak_names *names, const char *text)
{
    size_t bytes = strlen(text) + 1;
    memcpy(names->texts + names->text_bytes, text, bytes);
    names->text_bytes += bytes;
}

static int keep(struct peak_names *names, const struct connection *connection, bool was_live)
{
    void *undos = names->undos, *texts = names->texts;
    size_t bytes = strlen(connection->host) + strlen(connection->id) + strlen(connection->user) + 3;
    bool reserved = room_reserve(&undos, &names->undo_room, names->undo_count + 1, sizeof *names->undos) &&
                    room_reserve(&texts, &names->text_room, names->text_bytes + bytes, 1);
    names->undos = undos;
    names->texts = texts;
    if (!reserved)
        return ERROR_NO_MEMORY;
    names->undos[names->undo_count++] = (struct peak_undo){
        .text = names->text_bytes,
        .connected_at_ms = connection->connected_at_ms,
        .was_live = was_live,
        .kind = (uint8_t)connection->kind,
        .route = (uint8_t)connection->route,
        .state = (uint8_t)connection->state,
        .administrator = (uint8_t)connection->administrator,
    };
    keep_text(names, connection->host);
    keep_text(names, connection->id);
    keep_text(names, connection->user);
    return 0;
}

/* ---- working out --------------------------------------------------------------------------------------- */

static int by_bytes(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

struct copying {
    struct tally *tally;
    int code; /* of the core */
};

static bool copy_one(void *data, const struct tally_entry *entry)
{
    struct copying *copying = data;
    copying->code = tally_put(copying->tally, &entry->connection, 0);
    return copying->code == CORE_OK;
}

static int undo(const struct peak_names *names, struct tally *tally, const struct peak_undo *undo)
{
    const char *host = names->texts + undo->text, *id = host + strlen(host) + 1;
    struct connection was = {
        .host = host,
        .id = id,
        .user = id + strlen(id) + 1,
        .connected_at_ms = undo->connected_at_ms,
        .kind = (enum connection_kind)undo->kind,
        .route = (enum connection_route)undo->route,
        .state = (enum connection_state)undo->state,
        .administrator = (enum administrator)undo->administrator,
    };
    return undo->was_live ? tally_put(tally, &was, 0) : tally_end(tally, host, id);
}

struct naming {
    struct peak_names *names;
    bool failed;
};

static bool name_one(void *data, const struct tally_user *user)
{
    struct naming *naming = data;
    struct peak_names *names = naming->names;
    char key[IDENTITY_KEY_BYTES_MAX];
    if (user->consuming == 0)
        return true;
    void *array = names->names;
    identity_key(user->name, names->settings.aliases, names->settings.alias_count, key);
    bool reserved = room_reserve(&array, &names->name_room, names->name_count + 1, sizeof *names->names);
    names->names = array;
    char *copy = reserved ? strdup(key) : NULL;
    naming->failed = copy == NULL;
    if (copy != NULL)
        names->names[names->name_count++] = copy;
    return copy != NULL;
}

/* The tally as it was at the peak. */
static int rebuild(const struct peak_names *names, struct tally **ret_tally)
{
    struct copying copying = {tally_create(&names->settings), CORE_OK};
    if (copying.tally == NULL)
        return ERROR_NO_MEMORY;
    tally_each(names->tally, NULL, NULL, copy_one, &copying);
    for (size_t i = names->undo_count; i > 0 && copying.code == CORE_OK; i--)
        copying.code = undo(names, copying.tally, &names->undos[i - 1]);
    if (copying.code != CORE_OK) {
        tally_destroy(copying.tally);
        return ERROR_NO_MEMORY;
    }
    *ret_tally = copying.tally;
    return 0;
}

static int settle(struct peak_names *names)
{
    struct tally *tally;
    int code = rebuild(names, &tally);
    if (code < 0)
        return code;
    struct naming naming = {.names = names};
    tally_each_user(tally, name_one, &naming);
    tally_destroy(tally);
    if (naming.failed)
        return ERROR_NO_MEMORY;
    if (names->name_count > 0)
        qsort(names->names, names->name_count, sizeof *names->names, by_bytes);
    names->undo_count = names->text_bytes = 0;
    names->settled = true;
    return 0;
}

int peak_names_before(struct peak_names *names, const struct connection *connection,
                      const struct tally_entry *before)
{
    if (names->settled)
        return 0;
    size_t enough = (size_t)tally_level(names->tally)->connections + UNDOS_MIN;
    if (names->undo_count >= enough)
        return settle(names);
    return keep(names, before != NULL ? &before->connection : connection, before != NULL);
}

int peak_names_tell(struct peak_names *names, const char *const **ret_names, size_t *ret_count)
{
    int code = names->settled ? 0 : settle(names);
    if (code < 0)
        return code;
    *ret_names = (const char *const *)names->names;
    *ret_count = names->name_count;
    return 0;
}
