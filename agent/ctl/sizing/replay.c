#include "replay.h"

#include "peak_names.h"

#include "agent/core/core_error.h"
#include "common/error.h"

#define HOUR_MS INT64_C(3600000)

static int from_core(int code)
{
    return code == CORE_NO_MEMORY ? ERROR_NO_MEMORY : code == CORE_FULL ? ERROR_FULL : ERROR_INVALID;
}

/* ---- changes ------------------------------------------------------------------------------------------- */

static int put(struct replay *replay, const struct connection *connection, const struct tally_entry *before,
               uint32_t *ret_number)
{
    int code = peak_names_before(replay->names, connection, before);
    if (code < 0)
        return code;
    code = tally_put_numbered(replay->tally, connection, 0, ret_number);
    if (code < 0)
        return from_core(code);
    uint32_t users = tally_level(replay->tally)->concurrent_users;
    if (users > replay->peak_users) {
        replay->peak_users = users;
        peak_names_begin(replay->names);
    }
    return 0;
}

static int end(struct replay *replay, const struct tally_entry *live)
{
    int code = peak_names_before(replay->names, &live->connection, live);
    if (code < 0)
        return code;
    gone_remove(&replay->gone, live->number);
    what_if_end(&replay->what_if, live->number, &live->connection);
    (void)tally_end(replay->tally, live->connection.host, live->connection.id);
    return 0;
}

/* `before`: another user's session with the same host and id, or NULL. Its number goes on. */
static int begin(struct replay *replay, const struct connection *connection, const struct tally_entry *before)
{
    uint32_t number;
    int code = put(replay, connection, before, &number);
    if (code < 0)
        return code;
    if (before != NULL) {
        gone_remove(&replay->gone, number);
        what_if_end(&replay->what_if, number, connection);
    }
    return what_if_begin(&replay->what_if, number, tally_at(replay->tally, number).holder, connection);
}

static int change_state(struct replay *replay, const struct tally_entry *live, enum connection_state state)
{
    struct connection changed = live->connection;
    uint32_t number;
    changed.state = state;
    return replay->absence_counts ? 0 : put(replay, &changed, live, &number);
}

/* ---- events -------------------------------------------------------------------------------------------- */

static int take_connect(struct replay *replay, const struct sizing_event *event,
                        struct replayed *ret_replayed)
{
    const struct connection connection = {
        .host = event->host,
        .id = event->session,
        .user = event->user,
        .connected_at_ms = event->at_ms,
        .kind = event->kind,
        .route = event->route,
        .state = CONNECTION_ACTIVE,
        .administrator = event->administrator,
    };
    struct tally_entry live;
    bool is_live = tally_find(replay->tally, connection.host, connection.id, &live);
    if (!is_live || !tally_same_user(replay->tally, live.connection.user, connection.user)) {
        ret_replayed->began = true;
        return begin(replay, &connection, is_live ? &live : NULL);
    }
    ret_replayed->counted_before = live.reason != TALLY_ROUTE_NOT_COUNTED;
    if (!gone_has(&replay->gone, live.number)) {
        ret_replayed->repeated = true;
        return 0;
    }
    gone_remove(&replay->gone, live.number);
    int code = change_state(replay, &live, CONNECTION_ACTIVE);
    return code < 0 ? code : what_if_return(&replay->what_if, live.number, &connection);
}

static int take_disconnect(struct replay *replay, const struct sizing_event *event,
                           struct replayed *ret_replayed)
{
    struct tally_entry live;
    if (!tally_find(replay->tally, event->host, event->session, &live)) {
        ret_replayed->unknown = true;
        return 0;
    }
    if (gone_has(&replay->gone, live.number))
        return 0;
    ret_replayed->left = true;
    if (!gone_add(&replay->gone, live.number, event->at_ms))
        return ERROR_NO_MEMORY;
    int code = what_if_leave(&replay->what_if, live.number, &live.connection);
    return code < 0 ? code : change_state(replay, &live, CONNECTION_DISCONNECTED);
}

static int take_logoff(struct replay *replay, const struct sizing_event *event, struct replayed *ret_replayed)
{
    struct tally_entry live;
    bool is_live = tally_find(replay->tally, event->host, event->session, &live);
    ret_replayed->unknown = !is_live;
    return is_live ? end(replay, &live) : 0;
}

static bool take_first(void *data, const struct tally_entry *entry)
{
    struct tally_entry *first = data;
    *first = *entry;
    return false;
}

static int take_host_end(struct replay *replay, const char *host, uint32_t *ret_ended)
{
    for (*ret_ended = 0;; ++*ret_ended) {
        struct tally_entry first = {0};
        tally_each(replay->tally, host, NULL, take_first, &first);
        if (first.connection.id == NULL)
            return 0;
        int code = end(replay, &first);
        if (code < 0)
            return code;
    }
}

static int take(struct replay *replay, const struct sizing_event *event, struct replayed *ret_replayed)
{
    switch (event->type) {
    case SIZING_CONNECT:
        return take_connect(replay, event, ret_replayed);
    case SIZING_DISCONNECT:
        return take_disconnect(replay, event, ret_replayed);
    case SIZING_HOST_END:
        return take_host_end(replay, event->host, &ret_replayed->ended_by_host);
    default:
        return take_logoff(replay, event, ret_replayed);
    }
}

int replay_take(struct replay *replay, const struct sizing_event *event, struct replayed *ret_replayed)
{
    struct replayed replayed = {0};
    int code = take(replay, event, &replayed);
    if (code < 0)
        return code;
    what_if_observe(&replay->what_if);
    *ret_replayed = replayed;
    return 0;
}

void replay_advance(struct replay *replay, int64_t now_ms)
{
    uint32_t number;
    for (int i = 0; i < SIZING_SAVINGS; i++) {
        int64_t before_ms = now_ms - sizing_saving_hours[i] * HOUR_MS;
        while (gone_take_next(&replay->gone, i, before_ms, &number)) {
            struct tally_entry due = tally_at(replay->tally, number);
            what_if_expire(&replay->what_if, i, number, &due.connection);
        }
    }
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

int replay_init(struct replay *replay, const struct tally_settings *settings, struct peak_names *names)
{
    *replay = (struct replay){
        .tally = tally_create(settings), .absence_counts = settings->count_disconnected, .names = names};
    gone_init(&replay->gone);
    what_if_init(&replay->what_if, settings);
    return replay->tally == NULL ? ERROR_NO_MEMORY : 0;
}

void replay_finish(struct replay *replay)
{
    what_if_finish(&replay->what_if);
    gone_finish(&replay->gone);
    tally_destroy(replay->tally);
    replay->tally = NULL;
}
