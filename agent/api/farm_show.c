#include "farm_show.h"

#include "api_internal.h"

#include <stdlib.h>

static const char *scope_name(const struct farm_place *place)
{
    return place->whole ? "farm" : "host";
}

void farm_show_scope(struct json_writer *writer, const struct api *api)
{
    struct farm_place place;
    api_place(api, &place);
    json_text(writer, "scope", scope_name(&place));
}

static void text_or_null(struct json_writer *writer, const char *name, const char *text)
{
    json_text(writer, name, text && text[0] != '\0' ? text : NULL);
}

/* A revision; 0: not known. */
static void number_or_null(struct json_writer *writer, const char *name, int64_t number)
{
    if (number != 0)
        json_integer(writer, name, number);
    else
        json_null(writer, name);
}

void farm_show_place(struct json_writer *writer, const struct farm_place *place, const char *leader)
{
    text_or_null(writer, "name", place->name);
    json_text(writer, "part", farm_part_name(place->part));
    text_or_null(writer, "leader", leader);
    json_text(writer, "scope", scope_name(place));
    json_time_or_null(writer, "since", place->since_ms);
    json_time_or_null(writer, "verdict_at", place->verdict_at_ms);
    json_integer(writer, "waiting", (int64_t)place->waiting);
    if (place->revision != 0 && place->head != 0)
        json_integer(writer, "lag", farm_place_lag(place));
    else
        json_null(writer, "lag");
    json_integer(writer, "gaps", place->gaps);
}

void farm_show_detail(struct json_writer *writer, const struct farm_place *place)
{
    json_text(writer, "detail", place->detail);
    text_or_null(writer, "holder", place->holder);
    text_or_null(writer, "endpoint", place->endpoint);
    json_time_or_null(writer, "waiting_since", place->waiting_since_ms);
    number_or_null(writer, "revision", place->revision);
    number_or_null(writer, "head", place->head);
}

/* --- who is on here ------------------------------------------------------------------------------------- */

struct holder {
    uint32_t number;
    bool consumes;
};

struct here {
    struct tally_level level;
    struct holder *holders; /* one a connection */
    size_t room;
    bool failed;
};

static bool count_connection(void *data, const struct tally_entry *entry)
{
    struct here *here = data;
    struct tally_level *level = &here->level;
    if (level->connections == here->room) {
        size_t room = here->room ? 2 * here->room : 64;
        struct holder *holders = realloc(here->holders, room * sizeof(*holders));
        here->failed = !holders;
        if (!holders)
            return false;
        here->holders = holders;
        here->room = room;
    }
    bool consumes = entry->reason == TALLY_COUNTED;
    here->holders[level->connections++] = (struct holder){entry->holder, consumes};
    level->consuming += consumes;
    level->exempt += entry->reason == TALLY_EXEMPT_FIRST || entry->reason == TALLY_EXEMPT_SECOND;
    level->disconnected += entry->connection.state == CONNECTION_DISCONNECTED;
    return true;
}

/* Who consumes comes first among a user's own. */
static int by_holder(const void *left, const void *right)
{
    const struct holder *one = left, *other = right;
    if (one->number != other->number)
        return one->number < other->number ? -1 : 1;
    return (int)other->consumes - (int)one->consumes;
}

bool farm_show_here(const struct api *api, struct tally_level *ret)
{
    struct here here = {.failed = false};
    tally_each(core_tally(api->agent.core(api->agent.agent)), api->agent.host(api->agent.agent), NULL,
               count_connection, &here);
    if (here.level.connections > 1)
        qsort(here.holders, here.level.connections, sizeof(*here.holders), by_holder);
    for (size_t i = 0; i < here.level.connections; i++) {
        bool is_first = i == 0 || here.holders[i - 1].number != here.holders[i].number;
        here.level.users += is_first;
        here.level.concurrent_users += is_first && here.holders[i].consumes;
    }
    free(here.holders);
    *ret = here.level;
    return !here.failed;
}

bool farm_show_status(struct json_writer *writer, const struct api *api)
{
    struct farm_place place;
    struct tally_level here;
    if (!farm_show_here(api, &here))
        return false;
    api_place(api, &place);
    json_open_object(writer, "farm");
    farm_show_place(writer, &place, place.leader);
    json_close_object(writer);
    json_open_object(writer, "this_host");
    json_integer(writer, "concurrent_users", here.concurrent_users);
    json_integer(writer, "users", here.users);
    json_integer(writer, "connections", here.connections);
    json_integer(writer, "consuming", here.consuming);
    json_integer(writer, "exempt", here.exempt);
    json_integer(writer, "disconnected", here.disconnected);
    json_close_object(writer);
    return true;
}
