#include "roster_model.h"

#include <assert.h>
#include <string.h>

#define NOWHERE SIZE_MAX

static const char *host_of(const struct roster_model_session *session)
{
    return session->by_host ? session->host.host : session->broker.host;
}

static const char *id_of(const struct roster_model_session *session)
{
    return session->by_host ? session->host.id : session->broker.id;
}

static const char *user_of(const struct roster_model_session *session)
{
    return session->by_host ? session->host.user : session->broker.user;
}

static bool is_same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool is_user(const struct roster_model *model, const struct roster_model_session *session,
                    const char *user)
{
    return model->person_of(user_of(session)) == model->person_of(user);
}

struct roster_change roster_model_view(const struct roster_model_session *session)
{
    struct roster_change view = {.broker_id = ""};
    view.connection = session->by_host ? session->host : session->broker;
    view.reported_by = (session->by_host ? (unsigned)REPORTED_BY_HOST : 0) |
                       (session->by_broker ? (unsigned)REPORTED_BY_BROKER : 0);
    view.lease_at_ms = session->by_broker && !session->by_host ? session->lease_at_ms : 0;
    if (session->by_host && session->by_broker) {
        view.connection.kind = session->broker.kind;
        view.connection.route = session->broker.route;
        if (session->broker.connected_at_ms < session->host.connected_at_ms)
            view.connection.connected_at_ms = session->broker.connected_at_ms;
        if (!is_same(session->host.id, session->broker.id))
            view.broker_id = session->broker.id;
    }
    return view;
}

static size_t by_key(const struct roster_model *model, const char *host, const char *id)
{
    for (size_t i = 0; i < model->count; i++)
        if (is_same(host_of(&model->sessions[i]), host) && is_same(id_of(&model->sessions[i]), id))
            return i;
    return NOWHERE;
}

static size_t by_broker_id(const struct roster_model *model, const char *host, const char *id)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->sessions[i].by_broker && is_same(model->sessions[i].broker.host, host) &&
            is_same(model->sessions[i].broker.id, id))
            return i;
    return NOWHERE;
}

const struct roster_model_session *roster_model_find(const struct roster_model *model, const char *host,
                                                     const char *id)
{
    size_t at = by_key(model, host, id);
    return at == NOWHERE ? NULL : &model->sessions[at];
}

static void take_out(struct roster_model *model, size_t at)
{
    model->sessions[at] = model->sessions[--model->count];
}

static struct roster_model_session *add(struct roster_model *model)
{
    assert(model->count < ROSTER_MODEL_SESSIONS_MAX);
    struct roster_model_session *session = &model->sessions[model->count++];
    memset(session, 0, sizeof(*session));
    return session;
}

/* The one told only by its host (or only by a broker) that is nearest in time to at_ms, within the window. */
static size_t partner_of(const struct roster_model *model, const char *host, const char *user, int64_t at_ms,
                         bool by_host)
{
    size_t best = NOWHERE;
    int64_t best_ms = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct roster_model_session *session = &model->sessions[i];
        if (session->by_host != by_host || session->by_broker == by_host ||
            !is_same(host_of(session), host) || !is_user(model, session, user))
            continue;
        int64_t began_ms = by_host ? session->host.connected_at_ms : session->broker.connected_at_ms;
        int64_t distance_ms = began_ms > at_ms ? began_ms - at_ms : at_ms - began_ms;
        if (distance_ms > ROSTER_PAIR_WINDOW_MS)
            continue;
        if (best == NOWHERE || distance_ms < best_ms ||
            (distance_ms == best_ms && strcmp(id_of(session), id_of(&model->sessions[best])) < 0)) {
            best = i;
            best_ms = distance_ms;
        }
    }
    return best;
}

/* ---- sets ---------------------------------------------------------------------------------------------- */

static const struct connection *last_with(const struct connection *set, size_t count, const char *id)
{
    for (size_t i = count; i-- > 0;)
        if (is_same(set[i].id, id))
            return &set[i];
    return NULL;
}

/* The set, one of each id, in order: by id, or by connect time and id. */
static size_t in_order(const struct connection *set, size_t count, bool by_time, int64_t now_ms,
                       struct connection *ret)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (last_with(set, count, set[i].id) == &set[i])
            ret[kept++] = set[i];
    for (size_t i = 1; i < kept; i++) {
        for (size_t j = i; j > 0; j--) {
            int64_t before_ms = ret[j - 1].connected_at_ms ? ret[j - 1].connected_at_ms : now_ms;
            int64_t after_ms = ret[j].connected_at_ms ? ret[j].connected_at_ms : now_ms;
            int order = strcmp(ret[j - 1].id, ret[j].id);
            bool right = by_time && before_ms != after_ms ? before_ms < after_ms : order < 0;
            if (right)
                break;
            struct connection other = ret[j];
            ret[j] = ret[j - 1];
            ret[j - 1] = other;
        }
    }
    return kept;
}

/* A broker's words leave the session `from` for the session of the host that `seen` tells. */
static void merge(struct roster_model *model, size_t from, struct roster_model_session *into)
{
    struct roster_model_session record = model->sessions[from];
    into->by_broker = true;
    into->broker = record.broker;
    into->lease_at_ms = record.lease_at_ms;
    take_out(model, from);
}

static void see_again(struct roster_model *model, size_t at, const struct connection *seen, int64_t now_ms)
{
    struct roster_model_session *session = &model->sessions[at];
    struct connection host = *seen;
    if (host.connected_at_ms == 0)
        host.connected_at_ms = session->by_host ? session->host.connected_at_ms : now_ms;
    bool moved = session->by_host && session->host.connected_at_ms != host.connected_at_ms;
    session->by_host = true;
    session->host = host;
    if (session->by_broker || !moved)
        return;
    size_t partner = partner_of(model, host.host, host.user, host.connected_at_ms, false);
    if (partner == NOWHERE)
        return;
    struct roster_model_session merged = *session;
    take_out(model, at);
    partner = partner_of(model, host.host, host.user, host.connected_at_ms, false);
    merge(model, partner, &merged);
    *add(model) = merged;
}

static void see_first(struct roster_model *model, const struct connection *seen, int64_t now_ms)
{
    struct roster_model_session session = {.by_host = true, .host = *seen};
    if (session.host.connected_at_ms == 0)
        session.host.connected_at_ms = now_ms;
    size_t elsewhere = by_broker_id(model, seen->host, seen->id);
    if (elsewhere != NOWHERE) { /* paired by time with another session, but the id is the better witness */
        struct roster_model_session *other = &model->sessions[elsewhere];
        other->by_broker = false;
        if (is_user(model, other, seen->user)) {
            session.by_broker = true;
            session.broker = other->broker;
            session.lease_at_ms = other->lease_at_ms;
        }
    }
    if (!session.by_broker) {
        size_t partner = partner_of(model, seen->host, seen->user, session.host.connected_at_ms, false);
        if (partner != NOWHERE)
            merge(model, partner, &session);
    }
    *add(model) = session;
}

void roster_model_host_set(struct roster_model *model, const char *host, const struct connection *set,
                           size_t count, int64_t now_ms)
{
    struct connection ordered[ROSTER_MODEL_SESSIONS_MAX];
    bool known[ROSTER_MODEL_SESSIONS_MAX];
    for (size_t i = model->count; i-- > 0;) {
        struct roster_model_session *session = &model->sessions[i];
        const struct connection *seen = last_with(set, count, id_of(session));
        bool goes = seen == NULL ? session->by_host : !is_user(model, session, seen->user);
        if (is_same(host_of(session), host) && goes)
            take_out(model, i);
    }
    size_t kept = in_order(set, count, false, now_ms, ordered);
    for (size_t i = 0; i < kept; i++)
        known[i] = by_key(model, host, ordered[i].id) != NOWHERE;
    for (size_t i = 0; i < kept; i++) {
        /* a record of that id may just have gone into a session whose connect time has become known */
        known[i] = known[i] && by_key(model, host, ordered[i].id) != NOWHERE;
        if (known[i])
            see_again(model, by_key(model, host, ordered[i].id), &ordered[i], now_ms);
    }
    struct connection fresh[ROSTER_MODEL_SESSIONS_MAX];
    size_t fresh_count = 0;
    for (size_t i = 0; i < kept; i++)
        if (!known[i])
            fresh[fresh_count++] = ordered[i];
    fresh_count = in_order(fresh, fresh_count, true, now_ms, ordered);
    for (size_t i = 0; i < fresh_count; i++)
        see_first(model, &ordered[i], now_ms);
}

/* ---- brokers ------------------------------------------------------------------------------------------- */

static void tell(struct roster_model_session *session, const struct connection *told, int64_t at_ms,
                 int64_t now_ms)
{
    session->by_broker = true;
    session->broker = *told;
    session->broker.connected_at_ms = at_ms;
    session->lease_at_ms = now_ms;
}

void roster_model_put(struct roster_model *model, const struct connection *told, int64_t now_ms)
{
    size_t at = by_key(model, told->host, told->id);
    bool under_key = at != NOWHERE;
    if (!under_key)
        at = by_broker_id(model, told->host, told->id);
    if (at != NOWHERE && !is_user(model, &model->sessions[at], told->user)) {
        if (under_key)
            take_out(model, at);
        else
            model->sessions[at].by_broker = false;
        at = NOWHERE;
    }
    bool told_before = at != NOWHERE && model->sessions[at].by_broker;
    int64_t at_ms = told->connected_at_ms;
    if (at_ms == 0)
        at_ms = told_before ? model->sessions[at].broker.connected_at_ms : now_ms;
    if (at != NOWHERE && model->sessions[at].by_host) {
        tell(&model->sessions[at], told, at_ms, now_ms);
        return;
    }
    if (partner_of(model, told->host, told->user, at_ms, true) != NOWHERE) {
        if (at != NOWHERE)
            take_out(model, at);
        at = partner_of(model, told->host, told->user, at_ms, true);
        tell(&model->sessions[at], told, at_ms, now_ms);
        return;
    }
    tell(at != NOWHERE ? &model->sessions[at] : add(model), told, at_ms, now_ms);
}

static void untell(struct roster_model *model, size_t at)
{
    if (model->sessions[at].by_host)
        model->sessions[at].by_broker = false;
    else
        take_out(model, at);
}

bool roster_model_end(struct roster_model *model, const char *host, const char *id)
{
    size_t at = by_key(model, host, id);
    if (at == NOWHERE)
        at = by_broker_id(model, host, id);
    if (at == NOWHERE || !model->sessions[at].by_broker)
        return false;
    untell(model, at);
    return true;
}

void roster_model_broker_set(struct roster_model *model, const char *host, const struct connection *set,
                             size_t count, int64_t now_ms)
{
    struct connection ordered[ROSTER_MODEL_SESSIONS_MAX];
    for (size_t i = model->count; i-- > 0;) {
        struct roster_model_session *session = &model->sessions[i];
        if (!session->by_broker || !is_same(host_of(session), host))
            continue;
        const struct connection *told = last_with(set, count, session->broker.id);
        if (told == NULL || !is_user(model, session, told->user))
            untell(model, i);
    }
    size_t kept = in_order(set, count, true, now_ms, ordered);
    for (size_t i = 0; i < kept; i++)
        roster_model_put(model, &ordered[i], now_ms);
}

/* ---- ends by themselves -------------------------------------------------------------------------------- */

int64_t roster_model_due_ms(const struct roster_model *model, int64_t lease_ms)
{
    int64_t due_ms = INT64_MAX;
    for (size_t i = 0; lease_ms > 0 && i < model->count; i++)
        if (!model->sessions[i].by_host && model->sessions[i].lease_at_ms + lease_ms < due_ms)
            due_ms = model->sessions[i].lease_at_ms + lease_ms;
    return due_ms;
}

void roster_model_expire(struct roster_model *model, int64_t lease_ms, int64_t now_ms)
{
    for (size_t i = model->count; lease_ms > 0 && i-- > 0;)
        if (!model->sessions[i].by_host && model->sessions[i].lease_at_ms + lease_ms <= now_ms)
            take_out(model, i);
}

void roster_model_host_gone(struct roster_model *model, const char *host)
{
    for (size_t i = model->count; i-- > 0;)
        if (is_same(host_of(&model->sessions[i]), host))
            take_out(model, i);
}

void roster_model_restart(struct roster_model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        struct roster_model_session *session = &model->sessions[i];
        if (!session->by_host || !session->by_broker)
            continue;
        struct connection view = roster_model_view(session).connection;
        session->host.kind = view.kind;
        session->host.route = view.route;
        session->host.connected_at_ms = session->broker.connected_at_ms = view.connected_at_ms;
    }
}
