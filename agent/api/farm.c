/* GET /v1/farm: where this host stands in its farm, who else is in it, and how each of them does. */
#include "api_internal.h"
#include "farm_show.h"
#include "reply.h"

#include <stdlib.h>
#include <string.h>

/* --- hosts ---------------------------------------------------------------------------------------------- */

struct host_row {
    const char *host;
    int64_t connections; /* -1: not known here */
    const struct roll_host *roll;
};

struct host_list {
    struct host_row *rows;
    size_t count, room;
    const char *answering;
    bool whole; /* every host's connections are known here */
    bool failed;
};

static bool add_row(struct host_list *list, struct host_row row)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct host_row *rows = realloc(list->rows, room * sizeof(*rows));
        list->failed = !rows;
        if (!rows)
            return false;
        list->rows = rows;
        list->room = room;
    }
    list->rows[list->count++] = row;
    return true;
}

/* This host's own are always known; what brokers told it of others is not all there is of them. */
static bool collect_host(void *data, const char *host, uint32_t connections)
{
    struct host_list *list = data;
    if (!list->whole && strcmp(host, list->answering) != 0)
        return true;
    return add_row(list, (struct host_row){host, connections, NULL});
}

static int by_host(const void *left, const void *right)
{
    return strcmp(((const struct host_row *)left)->host, ((const struct host_row *)right)->host);
}

/* A host may stand in the roll, among the connections, and be the one that answers. */
static void join_rows(struct host_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct host_row *row = &list->rows[i];
        struct host_row *last = kept > 0 ? &list->rows[kept - 1] : NULL;
        if (!last || strcmp(last->host, row->host) != 0) {
            list->rows[kept++] = *row;
            continue;
        }
        last->connections = row->connections > last->connections ? row->connections : last->connections;
        last->roll = row->roll ? row->roll : last->roll;
    }
    list->count = kept;
}

/* False without memory. */
static bool collect(const struct api *api, const struct farm_place *place, const struct roll *roll,
                    struct host_list *ret)
{
    const struct tally *tally = core_tally(api->agent.core(api->agent.agent));
    *ret = (struct host_list){.answering = api->agent.host(api->agent.agent), .whole = place->whole};
    (void)add_row(ret, (struct host_row){ret->answering, 0, NULL});
    if (!ret->failed)
        tally_each_host(tally, collect_host, ret);
    for (size_t i = 0; roll && !ret->failed && i < roll->host_count; i++)
        (void)add_row(ret, (struct host_row){roll->hosts[i].host, place->whole ? 0 : -1, &roll->hosts[i]});
    if (ret->failed)
        return false;
    qsort(ret->rows, ret->count, sizeof(*ret->rows), by_host);
    join_rows(ret);
    return true;
}

static const char *host_state(const struct roll_host *host, const char *leader)
{
    if (host->is_up)
        return strcmp(host->host, leader) == 0 ? "leads" : "follows";
    if (host->lost)
        return "lost";
    return host->silent_since_ms != 0 ? "silent" : "down";
}

static void write_rolled(struct json_writer *writer, const struct roll_host *host, const char *leader)
{
    json_text(writer, "state", host_state(host, leader));
    json_text(writer, "version", host->is_up ? host->version : NULL);
    json_text(writer, "machine_id", host->is_up ? host->machine_id : NULL);
    json_time_or_null(writer, "silent_since", host->silent_since_ms);
    json_integer(writer, "through", (int64_t)host->through);
    json_time_or_null(writer, "last_change", host->last_change_ms);
}

static void write_host(struct json_writer *writer, const struct tally *tally, const struct host_row *row,
                       bool answering, const char *leader)
{
    json_open_object(writer, NULL);
    json_text(writer, "host", row->host);
    if (row->connections >= 0) {
        json_integer(writer, "connections", row->connections);
        json_integer(writer, "exempt", tally_host_exempt(tally, row->host));
    } else {
        json_null(writer, "connections");
        json_null(writer, "exempt");
    }
    json_boolean(writer, "answering", answering);
    if (row->roll)
        write_rolled(writer, row->roll, leader);
    json_close_object(writer);
}

static void write_hosts(struct json_writer *writer, const struct api *api, const struct host_list *list,
                        const char *leader)
{
    const struct tally *tally = core_tally(api->agent.core(api->agent.agent));
    json_open_array(writer, "hosts");
    for (int answering = 1; answering >= 0; answering--)
        for (size_t i = 0; i < list->count; i++)
            if ((strcmp(list->rows[i].host, list->answering) == 0) == (answering == 1))
                write_host(writer, tally, &list->rows[i], answering == 1, leader);
    json_close_array(writer);
}

/* --- what the store tells beside its hosts -------------------------------------------------------------- */

static void write_gaps(struct json_writer *writer, const struct roll *roll)
{
    json_open_array(writer, "gaps");
    for (size_t i = 0; i < roll->gap_count; i++) {
        json_open_object(writer, NULL);
        json_time_or_null(writer, "after", roll->gaps[i].after_ms);
        json_time_or_null(writer, "through", roll->gaps[i].through_ms);
        json_integer(writer, "after_revision", roll->gaps[i].after_revision);
        json_integer(writer, "through_revision", roll->gaps[i].through_revision);
        json_text(writer, "host", roll->gaps[i].host[0] != '\0' ? roll->gaps[i].host : NULL);
        json_integer(writer, "changes", roll->gaps[i].changes);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void write_checkpoint(struct json_writer *writer, const struct roll *roll)
{
    if (roll->checkpoint_n == 0) {
        json_null(writer, "checkpoint");
        return;
    }
    json_open_object(writer, "checkpoint");
    json_integer(writer, "number", roll->checkpoint_n);
    json_integer(writer, "revision", roll->checkpoint_revision);
    json_time(writer, "at", roll->checkpoint_at_ms);
    json_close_object(writer);
}

static void write_store(struct json_writer *writer, const struct roll *roll, const char *why)
{
    json_text(writer, "store_detail", roll ? "" : why);
    if (!roll) {
        json_null(writer, "store");
        return;
    }
    json_open_object(writer, "store");
    json_integer(writer, "revision", roll->head);
    write_checkpoint(writer, roll);
    write_gaps(writer, roll);
    json_integer(writer, "gaps_ever", roll->gaps_ever);
    json_integer(writer, "unreadable", (int64_t)roll->unreadable);
    json_boolean(writer, "more", roll->more || roll->hosts_left_out > 0);
    json_close_object(writer);
}

/* --- the answer ----------------------------------------------------------------------------------------- */

/* `roll` NULL: alone, or the store did not tell, and why. */
static void answer(struct api *api, struct http_exchange *exchange, const struct roll *roll, const char *why)
{
    struct farm_place place;
    struct core_status status;
    struct host_list list;
    api_place(api, &place);
    api_status(api, &status);
    bool alone = place.part == FARM_ALONE;
    const char *leader = roll && roll->leader[0] != '\0' ? roll->leader : place.leader;
    struct json_writer *writer = NULL;
    if (!collect(api, &place, roll, &list))
        reply_no_memory(exchange);
    else
        writer = reply_open(exchange);
    if (writer) {
        json_text(writer, "farm_id", status.farm_id);
        json_text(writer, "mode", alone ? "alone" : "etcd");
        json_text(writer, "host", list.answering);
        json_time(writer, "now", api->agent.now_ms(api->agent.agent));
        farm_show_place(writer, &place, leader);
        farm_show_detail(writer, &place);
        if (alone || roll)
            write_hosts(writer, api, &list, leader);
        else
            json_null(writer, "hosts");
        write_store(writer, roll, alone ? "" : why);
        reply_close(exchange, writer, 200);
    }
    free(list.rows);
}

static void rolled(void *data, const struct roll *roll, int error, const char *detail)
{
    struct call *call = data;
    (void)error;
    if (call->exchange)
        answer(call->api, call->exchange, roll, detail);
    call_end(call);
}

void farm_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct farm_place place;
    (void)request;
    api_place(api, &place);
    if (place.part == FARM_ALONE) {
        answer(api, exchange, NULL, "");
        return;
    }
    struct call *call = call_begin(api, exchange, sizeof(*call));
    if (call)
        api->agent.farm_roll(api->agent.agent, rolled, call);
}
