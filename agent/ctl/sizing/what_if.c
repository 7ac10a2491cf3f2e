#include "what_if.h"

#include "agent/core/core_error.h"
#include "common/error.h"
#include "common/room.h"

#include <assert.h>
#include <stdlib.h>

/* A set of what-ifs: bit i stands for what-if i. */
#define BIT(what_if) (1u << (what_if))
#define EACH         (BIT(WHAT_IFS) - 1)

struct what_if_session {
    uint32_t user;
    uint8_t lives;    /* where it has not been ended */
    uint8_t counts;   /* where it counts but for exemptions and absence */
    uint8_t desks;    /* where a tally of desks says whether it does */
    uint8_t consumes; /* where it does now */
};

struct what_if_user {
    uint32_t consuming[WHAT_IFS]; /* sessions */
};

void what_if_init(struct what_if *what_if, const struct tally_settings *settings)
{
    *what_if = (struct what_if){.settings = *settings};
}

void what_if_finish(struct what_if *what_if)
{
    for (int i = 0; i < SIZING_SAVINGS; i++)
        tally_destroy(what_if->desks[i]);
    free(what_if->users);
    free(what_if->sessions);
    *what_if = (struct what_if){0};
}

void what_if_observe(struct what_if *what_if)
{
    for (int i = 0; i < WHAT_IFS; i++)
        if (what_if->level[i] > what_if->peak[i])
            what_if->peak[i] = what_if->level[i];
}

/* ---- who consumes -------------------------------------------------------------------------------------- */

/* From now on a session consumes in `where` of `of`, and in the others of them not. */
static void consume(struct what_if *what_if, uint32_t number, unsigned of, unsigned where)
{
    struct what_if_session *session = &what_if->sessions[number];
    uint32_t *consuming = what_if->users[session->user].consuming;
    unsigned changed = (session->consumes ^ where) & of;
    session->consumes ^= (uint8_t)changed;
    for (int i = 0; i < WHAT_IFS; i++) {
        if ((changed & BIT(i)) == 0)
            continue;
        if ((session->consumes & BIT(i)) != 0)
            what_if->level[i] += consuming[i]++ == 0;
        else
            what_if->level[i] -= --consuming[i] == 0;
    }
}

/* ---- administrators' desktops -------------------------------------------------------------------------- */

/* Who has a host's exempt places. */
struct places {
    uint32_t count, sessions[TALLY_EXEMPT_PER_HOST];
};

static struct places places_of(const struct tally *desks, const char *host)
{
    struct places places;
    places.count = tally_host_places(desks, host, places.sessions);
    for (uint32_t i = 0; i < places.count; i++)
        places.sessions[i] = tally_tag(desks, places.sessions[i]);
    return places;
}

/* After a change: who lost a place consumes, and who has one does not. */
static void move_places(struct what_if *what_if, int i, const struct places *before, const char *host)
{
    struct places now = places_of(what_if->desks[i], host);
    for (uint32_t place = 0; place < before->count; place++)
        consume(what_if, before->sessions[place], BIT(i), BIT(i));
    for (uint32_t place = 0; place < now.count; place++)
        consume(what_if, now.sessions[place], BIT(i), 0);
}

static int put_desk(struct what_if *what_if, int i, uint32_t number, const struct connection *connection)
{
    if (what_if->desks[i] == NULL)
        what_if->desks[i] = tally_create(&what_if->settings);
    struct tally *desks = what_if->desks[i];
    if (desks == NULL)
        return ERROR_NO_MEMORY;
    struct places before = places_of(desks, connection->host);
    uint32_t desk;
    int code = tally_put_numbered(desks, connection, number, &desk);
    if (code < 0)
        return code == CORE_NO_MEMORY ? ERROR_NO_MEMORY : ERROR_FULL;
    move_places(what_if, i, &before, connection->host);
    consume(what_if, number, BIT(i), tally_at(desks, desk).reason == TALLY_COUNTED ? BIT(i) : 0);
    return 0;
}

static void end_desk(struct what_if *what_if, int i, uint32_t number, const struct connection *connection)
{
    struct tally *desks = what_if->desks[i];
    struct places before = places_of(desks, connection->host);
    (void)tally_end(desks, connection->host, connection->id);
    move_places(what_if, i, &before, connection->host);
    consume(what_if, number, BIT(i), 0);
}

/* The same desktop with another state. */
static int change_desk(struct what_if *what_if, int i, uint32_t number, const struct connection *connection,
                       enum connection_state state)
{
    struct tally_entry entry;
    bool is_in = tally_find(what_if->desks[i], connection->host, connection->id, &entry);
    assert(is_in);
    (void)is_in;
    entry.connection.state = state;
    return put_desk(what_if, i, number, &entry.connection);
}

static int change_desks(struct what_if *what_if, uint32_t number, const struct connection *connection,
                        unsigned of, enum connection_state state)
{
    int code = 0;
    for (int i = 0; i < SIZING_SAVINGS && code == 0; i++)
        if ((what_if->sessions[number].desks & of & BIT(i)) != 0)
            code = change_desk(what_if, i, number, connection, state);
    return code;
}

/* ---- sessions ------------------------------------------------------------------------------------------ */

static bool reserve(struct what_if *what_if, uint32_t number, uint32_t user)
{
    void *sessions = what_if->sessions, *users = what_if->users;
    bool reserved =
        room_reserve(&sessions, &what_if->session_room, (size_t)number + 1, sizeof *what_if->sessions) &&
        room_reserve(&users, &what_if->user_room, (size_t)user + 1, sizeof *what_if->users);
    what_if->sessions = sessions;
    what_if->users = users;
    return reserved;
}

/* A session begins in `of`. */
static int begin(struct what_if *what_if, uint32_t number, const struct connection *connection, unsigned of)
{
    struct what_if_session *session = &what_if->sessions[number];
    bool counts = (what_if->settings.routes_counted & ROUTE_BIT(connection->route)) != 0,
         is_desk = connection->kind == KIND_DESKTOP && connection->administrator == ADMINISTRATOR_YES;
    unsigned counting = counts ? of : 0, desks = is_desk ? counting & ~BIT(WHAT_IF_UNEXEMPTED) : 0;
    session->lives |= (uint8_t)of;
    session->counts = (uint8_t)((session->counts & ~of) | counting);
    session->desks = (uint8_t)((session->desks & ~of) | desks);
    consume(what_if, number, of & ~desks, counting);
    int code = 0;
    for (int i = 0; i < SIZING_SAVINGS && code == 0; i++)
        if ((desks & BIT(i)) != 0)
            code = put_desk(what_if, i, number, connection);
    return code;
}

int what_if_begin(struct what_if *what_if, uint32_t number, uint32_t user,
                  const struct connection *connection)
{
    if (!reserve(what_if, number, user))
        return ERROR_NO_MEMORY;
    what_if->sessions[number] = (struct what_if_session){.user = user};
    return begin(what_if, number, connection, EACH);
}

static void end(struct what_if *what_if, uint32_t number, const struct connection *connection, unsigned of)
{
    struct what_if_session *session = &what_if->sessions[number];
    consume(what_if, number, of & ~session->desks, 0);
    for (int i = 0; i < SIZING_SAVINGS; i++)
        if ((session->desks & of & BIT(i)) != 0)
            end_desk(what_if, i, number, connection);
    session->lives &= (uint8_t)~of;
    session->desks &= (uint8_t)~of;
}

void what_if_end(struct what_if *what_if, uint32_t number, const struct connection *connection)
{
    end(what_if, number, connection, what_if->sessions[number].lives);
}

void what_if_expire(struct what_if *what_if, int saving, uint32_t number, const struct connection *connection)
{
    end(what_if, number, connection, BIT(saving));
    what_if->ended[saving]++;
}

int what_if_leave(struct what_if *what_if, uint32_t number, const struct connection *connection)
{
    if (what_if->settings.count_disconnected)
        return 0;
    consume(what_if, number, EACH & ~what_if->sessions[number].desks, 0);
    return change_desks(what_if, number, connection, EACH, CONNECTION_DISCONNECTED);
}

int what_if_return(struct what_if *what_if, uint32_t number, const struct connection *connection)
{
    const struct what_if_session *session = &what_if->sessions[number];
    unsigned stayed = session->lives;
    int code = 0;
    if (!what_if->settings.count_disconnected) {
        consume(what_if, number, stayed & ~session->desks, session->counts);
        code = change_desks(what_if, number, connection, stayed, CONNECTION_ACTIVE);
    }
    return code == 0 && stayed != EACH ? begin(what_if, number, connection, EACH & ~stayed) : code;
}
