#include "people.h"

#include "agent/core/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void people_copy(struct people *to, const struct people *from)
{
    to->count = from->count;
    memcpy(to->sessions, from->sessions, from->count * sizeof(*from->sessions));
}

struct session *people_find(struct people *people, int64_t number)
{
    for (size_t i = 0; i < people->count; i++) {
        if (people->sessions[i].number == number)
            return &people->sessions[i];
    }
    return NULL;
}

bool people_add(struct people *people, const struct session *session)
{
    if (people->count == PEOPLE_MAX)
        return false;
    people->sessions[people->count++] = *session;
    return true;
}

void people_remove(struct people *people, int64_t number)
{
    struct session *session = people_find(people, number);
    if (session != NULL)
        *session = people->sessions[--people->count];
}

void people_name(unsigned person, char ret[PEOPLE_NAME_BYTES])
{
    (void)snprintf(ret, PEOPLE_NAME_BYTES, "user%u", person);
}

void people_tell(const struct people *people, const char *host, struct people_names *names,
                 struct connection ret[PEOPLE_MAX])
{
    for (size_t i = 0; i < people->count; i++) {
        const struct session *session = &people->sessions[i];
        (void)snprintf(names->ids[i], PEOPLE_NAME_BYTES, "%" PRId64, session->number);
        people_name(session->person, names->users[i]);
        ret[i] = (struct connection){.host = host,
                                     .id = names->ids[i],
                                     .user = names->users[i],
                                     .connected_at_ms = session->connected_at_ms,
                                     .kind = session->kind,
                                     .route = session->route,
                                     .state = session->state,
                                     .administrator =
                                         session->administrator ? ADMINISTRATOR_YES : ADMINISTRATOR_NO};
    }
}

/* ---- the count ----------------------------------------------------------------------------------------- */

static bool is_counted_route(const struct session *session, bool count_disconnected)
{
    if (session->state == CONNECTION_DISCONNECTED && !count_disconnected)
        return false;
    return session->route == ROUTE_BROKER || session->route == ROUTE_RDP ||
           session->route == ROUTE_RDP_TUNNEL;
}

static bool may_be_exempt(const struct session *session)
{
    return session->administrator && session->kind == KIND_DESKTOP;
}

/* By connect time, ties by session id as bytes. */
static bool is_older(const struct session *a, const struct session *b)
{
    char one[PEOPLE_NAME_BYTES], other[PEOPLE_NAME_BYTES];
    if (a->connected_at_ms != b->connected_at_ms)
        return a->connected_at_ms < b->connected_at_ms;
    (void)snprintf(one, sizeof(one), "%" PRId64, a->number);
    (void)snprintf(other, sizeof(other), "%" PRId64, b->number);
    return strcmp(one, other) < 0;
}

static unsigned older_desktops(const struct people *people, const struct session *than,
                               bool count_disconnected)
{
    unsigned older = 0;
    for (size_t i = 0; i < people->count; i++) {
        const struct session *other = &people->sessions[i];
        older += other != than && may_be_exempt(other) && is_counted_route(other, count_disconnected) &&
                 is_older(other, than);
    }
    return older;
}

struct people_level people_count(const struct people *people, bool count_disconnected)
{
    struct people_level level = {0};
    for (size_t i = 0; i < people->count; i++) {
        const struct session *session = &people->sessions[i];
        level.present |= UINT64_C(1) << session->person;
        if (!is_counted_route(session, count_disconnected))
            continue;
        level.desktops += may_be_exempt(session);
        if (may_be_exempt(session) &&
            older_desktops(people, session, count_disconnected) < TALLY_EXEMPT_PER_HOST)
            level.exempt++;
        else
            level.holders |= UINT64_C(1) << session->person;
    }
    level.users = (uint32_t)__builtin_popcountll(level.holders);
    return level;
}
