#include "connection.h"

#include "utf8.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static const char *const kind_names[] = {
    [KIND_DESKTOP] = "desktop",
    [KIND_APPLICATION] = "application",
};
static_assert(sizeof kind_names / sizeof *kind_names == KIND_MAX, "every kind has a name");

static const char *const route_names[] = {
    [ROUTE_BROKER] = "broker",   [ROUTE_RDP] = "rdp", [ROUTE_RDP_TUNNEL] = "rdp-tunnel",
    [ROUTE_CONSOLE] = "console", [ROUTE_SSH] = "ssh",
};
static_assert(sizeof route_names / sizeof *route_names == ROUTE_MAX, "every route has a name");

static const char *const state_names[] = {
    [CONNECTION_ACTIVE] = "active",
    [CONNECTION_DISCONNECTED] = "disconnected",
};
static_assert(sizeof state_names / sizeof *state_names == CONNECTION_STATE_MAX, "every state has a name");

static const char *const administrator_names[] = {
    [ADMINISTRATOR_NO] = "no",
    [ADMINISTRATOR_YES] = "yes",
    [ADMINISTRATOR_UNKNOWN] = "unknown",
};
static_assert(sizeof administrator_names / sizeof *administrator_names == ADMINISTRATOR_MAX,
              "every answer has a name");

static int position_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

const char *connection_kind_name(enum connection_kind kind)
{
    return kind_names[kind];
}

const char *connection_route_name(enum connection_route route)
{
    return route_names[route];
}

const char *connection_state_name(enum connection_state state)
{
    return state_names[state];
}

const char *administrator_name(enum administrator administrator)
{
    return administrator_names[administrator];
}

bool connection_kind_parse(const char *name, enum connection_kind *ret_kind)
{
    int position = position_of(name, kind_names, KIND_MAX);
    if (position < 0)
        return false;
    *ret_kind = (enum connection_kind)position;
    return true;
}

bool connection_route_parse(const char *name, enum connection_route *ret_route)
{
    int position = position_of(name, route_names, ROUTE_MAX);
    if (position < 0)
        return false;
    *ret_route = (enum connection_route)position;
    return true;
}

bool connection_state_parse(const char *name, enum connection_state *ret_state)
{
    int position = position_of(name, state_names, CONNECTION_STATE_MAX);
    if (position < 0)
        return false;
    *ret_state = (enum connection_state)position;
    return true;
}

static bool is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

bool connection_text_valid(const char *text, uint32_t bytes_max)
{
    size_t bytes = strnlen(text, (size_t)bytes_max + 1);
    if (bytes == 0 || bytes > bytes_max)
        return false;
    for (size_t at = 0; at < bytes;) {
        uint32_t character;
        size_t length = utf8_decode(text + at, bytes - at, &character);
        if (length == 0 || is_control(character))
            return false;
        at += length;
    }
    return true;
}
