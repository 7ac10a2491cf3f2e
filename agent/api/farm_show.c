#include "farm_show.h"

#include "api_internal.h"

#include <stdlib.h>
#include <string.h>

#define HOLDERS_ROOM_MIN 64

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

/* Of one user. */
enum mark { MARK_HERE = 1, MARK_CONSUMES = 2 };

struct here {
    struct tally_level level;
    uint8_t *marks; /* enum mark, one a holder's number: a user counts once, in whatever order they come */
    size_t room;
    bool failed;
};

static bool make_room(struct here *here, uint32_t number)
{
    size_t room = here->room ? here->room : HOLDERS_ROOM_MIN;
    while (room <= number)
        room *= 2;
    uint8_t *marks = realloc(here->marks, room);
    if (!marks)
        return false;
    memset(marks + here->room, 0, room - here->room);
    here->marks = marks;
    here->room = room;
    return true;
}

static bool count_connection(void *data, const struct tally_entry *entry)
{
    struct here *here = data;
    struct tally_level *level = &here->level;
    if (entry->holder >= here->room && !make_room(here, entry->holder)) {
        here->failed = true;
        return false;
    }
    uint8_t *marks = &here->marks[entry->holder];
    bool consumes = entry->reason == TALLY_COUNTED;
    level->connections++;
    level->users += (*marks & MARK_HERE) == 0;
    level->concurrent_users += consumes && (*marks & MARK_CONSUMES) == 0;
    level->consuming += consumes;
    level->exempt += entry->reason == TALLY_EXEMPT_FIRST || entry->reason == TALLY_EXEMPT_SECOND;
    level->disconnected += entry->connection.state == CONNECTION_DISCONNECTED;
    *marks = (uint8_t)(*marks | MARK_HERE | (consumes ? MARK_CONSUMES : 0));
    return true;
}

bool farm_show_here(const struct api *api, struct tally_level *ret)
{
    struct here here = {.failed = false};
    tally_each(core_tally(api->agent.core(api->agent.agent)), api->agent.host(api->agent.agent), NULL,
               count_connection, &here);
    free(here.marks);
    if (!here.failed)
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
