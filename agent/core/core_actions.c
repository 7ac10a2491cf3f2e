#include "core_actions.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST  16   /* actions */
#define ROOM_KEPT   256  /* more is given back when the list is cleared */
#define BLOCK_BYTES 4000 /* of texts */

/* Texts live in blocks that never move. */
struct block {
    struct block *next;
    size_t used, room;
    char bytes[];
};

struct core_actions {
    struct action *all;
    size_t count, room;
    struct block *blocks; /* the one being filled first */
};

struct core_actions *core_actions_create(void)
{
    return calloc(1, sizeof(struct core_actions));
}

static void free_blocks(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
}

void core_actions_destroy(struct core_actions *actions)
{
    if (actions == NULL)
        return;
    free_blocks(actions->blocks);
    free(actions->all);
    free(actions);
}

void core_actions_clear(struct core_actions *actions)
{
    actions->count = 0;
    if (actions->room > ROOM_KEPT) {
        free(actions->all);
        actions->all = NULL;
        actions->room = 0;
    }
    if (actions->blocks == NULL)
        return;
    free_blocks(actions->blocks->next);
    actions->blocks->next = NULL;
    actions->blocks->used = 0;
    if (actions->blocks->room > BLOCK_BYTES) {
        free(actions->blocks);
        actions->blocks = NULL;
    }
}

const struct action *core_actions_all(const struct core_actions *actions, size_t *ret_count)
{
    *ret_count = actions->count;
    return actions->all;
}

size_t core_actions_count(const struct core_actions *actions)
{
    return actions->count;
}

void core_actions_rewind(struct core_actions *actions, size_t count)
{
    actions->count = count;
}

static bool add_block(struct core_actions *actions, size_t bytes)
{
    size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct block *block = malloc(sizeof(*block) + room);
    if (block == NULL)
        return false;
    block->next = actions->blocks;
    block->used = 0;
    block->room = room;
    actions->blocks = block;
    return true;
}

/* Points *text at a copy of it. NULL stays NULL. */
static bool keep(struct core_actions *actions, const char **text)
{
    if (*text == NULL)
        return true;
    size_t bytes = strlen(*text) + 1;
    struct block *block = actions->blocks;
    if ((block == NULL || block->room - block->used < bytes) && !add_block(actions, bytes))
        return false;
    block = actions->blocks;
    char *copy = block->bytes + block->used;
    memcpy(copy, *text, bytes);
    block->used += bytes;
    *text = copy;
    return true;
}

static bool keep_persist(struct core_actions *actions, struct persist *persist)
{
    struct connection *connection = &persist->connection.connection;
    switch (persist->type) {
    case PERSIST_CONNECTION:
    case PERSIST_CONNECTION_ENDED:
        return keep(actions, &connection->host) && keep(actions, &connection->id) &&
               keep(actions, &connection->user) && keep(actions, &persist->connection.broker_id);
    case PERSIST_HOST:
        return keep(actions, &persist->host.host) && keep(actions, &persist->host.boot_id);
    case PERSIST_ACKNOWLEDGED:
    case PERSIST_SET_ASIDE:
        return keep(actions, &persist->acknowledged.reason);
    case PERSIST_CLEAR:
    case PERSIST_WINDOW:
    case PERSIST_RUNNING:
    case PERSIST_NEXT_SEQUENCE:
    case PERSIST_DAY:
    case PERSIST_STANDING:
    case PERSIST_TYPE_MAX:
        break;
    }
    return true;
}

static bool keep_texts(struct core_actions *actions, struct action *action)
{
    if (action->type == ACTION_PERSIST)
        return keep_persist(actions, &action->persist);
    bool kept = true;
    if (action->type == ACTION_LOG)
        for (size_t i = 0; i < action->log.field_count; i++)
            kept = kept && keep(actions, &action->log.fields[i].text);
    return kept;
}

static bool append(struct core_actions *actions, const struct action *action)
{
    if (actions->count == actions->room) {
        size_t room = actions->room == 0 ? ROOM_FIRST : actions->room * 2;
        struct action *all = realloc(actions->all, room * sizeof(*all));
        if (all == NULL)
            return false;
        actions->all = all;
        actions->room = room;
    }
    actions->all[actions->count] = *action;
    if (!keep_texts(actions, &actions->all[actions->count]))
        return false;
    actions->count++;
    return true;
}

bool core_actions_persist(struct core_actions *actions, const struct persist *persist)
{
    struct action action = {.type = ACTION_PERSIST, .persist = *persist};
    return append(actions, &action);
}

bool core_actions_event(struct core_actions *actions, const struct log_event *event)
{
    struct action action = {.type = ACTION_LOG, .log = *event};
    return append(actions, &action);
}

bool core_actions_clock(struct core_actions *actions, int64_t clock_ms)
{
    struct action action = {.type = ACTION_CLOCK, .clock_ms = clock_ms};
    return append(actions, &action);
}

bool core_actions_signal(struct core_actions *actions, enum action_type type)
{
    struct action action = {.type = type};
    return append(actions, &action);
}

int core_actions_log(struct core_actions *actions, const struct log_event *event)
{
    return core_actions_event(actions, event) ? 0 : CORE_NO_MEMORY;
}
