/* rules_counting.c - RULES §2, who consumes, and §4, whom the gate admits: questions about the model as it
 * stands. */
#include "rules_model.h"

#include <string.h>

#define EXEMPT_PLACES 2

/* Names differ early, and are compared often. */
bool rules_same(const char *one, const char *other)
{
    return one[0] == other[0] && (one[0] == '\0' || (one[1] == other[1] && strcmp(one, other) == 0));
}

/* ---- who consumes (RULES §2) --------------------------------------------------------------------------- */

static bool is_counted(const struct rules_model *model, const struct rules_connection *connection)
{
    bool gone = connection->state == CONNECTION_DISCONNECTED;
    return (model->settings.routes & ROUTE_BIT(connection->route)) != 0 &&
           (model->settings.count_disconnected || !gone);
}

static bool wants_exemption(const struct rules_model *model, const struct rules_connection *connection)
{
    return is_counted(model, connection) && connection->kind == KIND_DESKTOP &&
           connection->administrator == ADMINISTRATOR_YES;
}

/* By connect time, ties by session id as bytes (§2.1). */
static bool is_older(const struct rules_connection *one, const struct rules_connection *other)
{
    if (one->connected_ms != other->connected_ms)
        return one->connected_ms < other->connected_ms;
    return strcmp(one->id, other->id) < 0;
}

static bool is_exempt(const struct rules_model *model, const struct rules_connection *connection)
{
    int older = 0;
    if (!wants_exemption(model, connection))
        return false;
    for (size_t i = 0; i < model->live_count; i++)
        if (rules_same(model->live[i].host, connection->host) && wants_exemption(model, &model->live[i]) &&
            is_older(&model->live[i], connection))
            older++;
    return older < EXEMPT_PLACES;
}

bool rules_consumes(const struct rules_model *model, const struct rules_connection *connection)
{
    return is_counted(model, connection) && !is_exempt(model, connection);
}

bool rules_holds(const struct rules_model *model, const char *user)
{
    for (size_t i = 0; i < model->live_count; i++)
        if (rules_same(model->live[i].user, user) && rules_consumes(model, &model->live[i]))
            return true;
    return false;
}

bool rules_on_host(const struct rules_model *model, const char *user, const char *host)
{
    for (size_t i = 0; i < model->live_count; i++)
        if (rules_same(model->live[i].user, user) && rules_same(model->live[i].host, host))
            return true;
    return false;
}

static bool host_has_exempt_place(const struct rules_model *model, const char *host)
{
    int taken = 0;
    for (size_t i = 0; i < model->live_count; i++)
        taken += rules_same(model->live[i].host, host) && is_exempt(model, &model->live[i]);
    return taken < EXEMPT_PLACES;
}

struct rules_level rules_work_out_level(const struct rules_model *model)
{
    struct rules_level level = {.at_ms = model->event_ms};
    bool consumes[RULES_CONNECTIONS_MAX];
    for (size_t i = 0; i < model->live_count; i++) {
        bool seen_user = false, seen_host = false;
        consumes[i] = rules_consumes(model, &model->live[i]);
        level.exempt += is_exempt(model, &model->live[i]);
        for (size_t j = 0; j < i; j++) {
            seen_user |= consumes[j] && rules_same(model->live[j].user, model->live[i].user);
            seen_host |= rules_same(model->live[j].host, model->live[i].host);
        }
        level.users += consumes[i] && !seen_user;
        level.hosts += !seen_host;
    }
    return level;
}

/* ---- admission (§4) ------------------------------------------------------------------------------------ */

enum rules_mode rules_mode(const struct rules_model *model)
{
    bool spent = model->usage_state == RULES_ENFORCED;
    bool spared = model->settings.spare_grace &&
                  (model->usage_state == RULES_WITHIN || model->usage_state == RULES_SETTLING);
    if (model->reason != RULES_OPEN)
        return RULES_FOR_NONE;
    return (spent || spared) && rules_level(model).users >= model->grant.limit ? RULES_FOR_HOLDERS
                                                                               : RULES_FOR_ALL;
}

struct rules_admission rules_admit(const struct rules_model *model, const char *user, const char *host,
                                   enum connection_kind kind, enum administrator administrator)
{
    bool desktop = kind == KIND_DESKTOP && administrator == ADMINISTRATOR_YES;
    bool here = rules_on_host(model, user, host), strict = model->settings.strict, yes;
    switch (rules_mode(model)) {
    case RULES_FOR_ALL:
        return (struct rules_admission){true, true};
    case RULES_FOR_HOLDERS:
        yes =
            here || rules_holds(model, user) || (desktop && (!strict || host_has_exempt_place(model, host)));
        return (struct rules_admission){yes, yes};
    case RULES_FOR_NONE:
        break;
    }
    return (struct rules_admission){!strict && (here || desktop), false};
}

bool rules_nologin(const struct rules_model *model)
{
    return rules_mode(model) != RULES_FOR_ALL;
}

bool rules_present(const struct rules_model *model, const char *user, const char *host)
{
    bool here = rules_on_host(model, user, host);
    if (rules_mode(model) == RULES_FOR_NONE)
        return here && !model->settings.strict;
    return here || (rules_mode(model) == RULES_FOR_HOLDERS && rules_holds(model, user));
}
