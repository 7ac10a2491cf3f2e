#include "tally_model.h"

#include <stdlib.h>
#include <string.h>

static bool same_host(const struct model_connection *one, const struct model_connection *other)
{
    return strcmp(one->connection.host, other->connection.host) == 0;
}

int model_find(const struct model *model, const char *host, const char *id)
{
    for (size_t i = 0; i < model->count; i++)
        if (strcmp(model->live[i].connection.host, host) == 0 &&
            strcmp(model->live[i].connection.id, id) == 0)
            return (int)i;
    return -1;
}

void model_put(struct model *model, const struct connection *connection, unsigned person, unsigned tag)
{
    int position = model_find(model, connection->host, connection->id);
    if (position < 0) {
        if (model->count == MODEL_CONNECTIONS_MAX)
            abort();
        position = (int)model->count++;
    }
    model->live[position] = (struct model_connection){*connection, person, tag};
}

bool model_end(struct model *model, const char *host, const char *id)
{
    int position = model_find(model, host, id);
    if (position < 0)
        return false;
    model->live[position] = model->live[--model->count];
    return true;
}

/* §2, the table's last row and rule 3: what is not counted neither consumes nor takes a place. */
static bool is_counted(const struct model *model, const struct model_connection *live)
{
    bool route = (model->routes_counted >> live->connection.route & 1) != 0;
    bool gone = live->connection.state == CONNECTION_DISCONNECTED;
    return route && (model->count_disconnected || !gone);
}

/* §2, the third row. */
static bool may_be_exempt(const struct model *model, const struct model_connection *live)
{
    return is_counted(model, live) && live->connection.kind == KIND_DESKTOP &&
           live->connection.administrator == ADMINISTRATOR_YES;
}

/* §2.1: by connect time, ties by session id as bytes. */
static bool is_before(const struct model_connection *one, const struct model_connection *other)
{
    if (one->connection.connected_at_ms != other->connection.connected_at_ms)
        return one->connection.connected_at_ms < other->connection.connected_at_ms;
    return strcmp(one->connection.id, other->connection.id) < 0;
}

static enum tally_reason reason_of(const struct model *model, const struct model_connection *live)
{
    if ((model->routes_counted >> live->connection.route & 1) == 0)
        return TALLY_ROUTE_NOT_COUNTED;
    if (!is_counted(model, live))
        return TALLY_DISCONNECTED_NOT_COUNTED;
    if (!may_be_exempt(model, live))
        return TALLY_COUNTED;
    int older = 0;
    for (size_t i = 0; i < model->count; i++)
        older += may_be_exempt(model, &model->live[i]) && same_host(&model->live[i], live) &&
                 is_before(&model->live[i], live);
    return older == 0 ? TALLY_EXEMPT_FIRST : older == 1 ? TALLY_EXEMPT_SECOND : TALLY_COUNTED;
}

void model_judge(struct model *model)
{
    for (size_t i = 0; i < model->count; i++)
        model->reasons[i] = reason_of(model, &model->live[i]);
}

struct tally_user model_user(const struct model *model, unsigned person)
{
    struct tally_user user = {0};
    for (size_t i = 0; i < model->count; i++) {
        if (model->live[i].person != person)
            continue;
        user.connections++;
        user.consuming += model->reasons[i] == TALLY_COUNTED;
    }
    return user;
}

bool model_user_on_host(const struct model *model, unsigned person, const char *host)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->live[i].person == person && strcmp(model->live[i].connection.host, host) == 0)
            return true;
    return false;
}

uint32_t model_host_exempt(const struct model *model, const char *host)
{
    uint32_t places = 0;
    for (size_t i = 0; i < model->count; i++)
        places += strcmp(model->live[i].connection.host, host) == 0 && may_be_exempt(model, &model->live[i]);
    return places < 2 ? places : 2;
}

static bool is_first_of_host(const struct model *model, size_t position)
{
    for (size_t i = 0; i < position; i++)
        if (same_host(&model->live[i], &model->live[position]))
            return false;
    return true;
}

static bool is_first_of_person(const struct model *model, size_t position)
{
    for (size_t i = 0; i < position; i++)
        if (model->live[i].person == model->live[position].person)
            return false;
    return true;
}

struct tally_level model_level(const struct model *model)
{
    struct tally_level level = {.connections = (uint32_t)model->count};
    for (size_t i = 0; i < model->count; i++) {
        enum tally_reason reason = model->reasons[i];
        level.consuming += reason == TALLY_COUNTED;
        level.exempt += reason == TALLY_EXEMPT_FIRST || reason == TALLY_EXEMPT_SECOND;
        level.disconnected += model->live[i].connection.state == CONNECTION_DISCONNECTED;
        level.hosts += is_first_of_host(model, i);
        if (is_first_of_person(model, i)) {
            level.users++;
            level.concurrent_users += model_user(model, model->live[i].person).consuming > 0;
        }
    }
    return level;
}
