/* api_internal.h - what the files of agent/api/ share. A request's way: api.c finds the route and asks door.c
 * whether it may pass; the route's handler answers through reply.c, now, or later with a struct call. */
#ifndef FARMGATE_AGENT_API_INTERNAL_H
#define FARMGATE_AGENT_API_INTERNAL_H

#include "agent/api.h"
#include "common/http_server.h"

#include "door.h"
#include "web_links.h"

#define API_LOOKUP_MS   100   /* longest wait for the name service */
#define API_ROWS_MAX    20000 /* connections or users in one answer */
#define API_SET_MAX     8192  /* connections of one host in one PUT */
#define API_WINDOWS_MAX 28800 /* windows in one answer: 400 days */

#define API_ADDRESS_BYTES 64

struct call;
struct follower;
struct recent_event;

struct api_entrance {
    struct api *api;
    enum api_door door;
    struct http_server *server;
};

struct api {
    uv_loop_t *loop;
    struct api_agent agent;
    struct door_keys keys;
    struct web_links links;
    char tcp_address[API_ADDRESS_BYTES]; /* "127.0.0.1:8620" where a client finds us; "" without that door */
    struct api_entrance entrances[API_DOOR_MAX];
    struct call *calls; /* that wait for an answer from the agent */
    /* events.c */
    uv_timer_t keep_alive;
    struct follower *followers;
    unsigned follower_count, replaying;
    struct recent_event *recent_first, *recent_last; /* published while somebody replays */
    unsigned recent_count;
    uint64_t published;      /* the highest id of a published event */
    bool unstored;           /* the last published event had none: it and its like are stored later */
    uint64_t recent_dropped; /* the highest id that had to leave `recent` */
    /* closing */
    unsigned open_parts; /* servers and the timer */
    bool closing, closed_told;
    void (*closed)(void *data);
    void *closed_data;
};

/* --- a request that waits ------------------------------------------------------------------- */

/* First member of whatever a handler keeps until an asynchronous answer comes. `exchange` turns NULL when the
 * API has closed meanwhile (closed_told): then nothing is to be answered any more, and the agent must not be
 * asked. */
struct call {
    struct api *api;
    struct http_exchange *exchange;
    struct call *calls_previous, *calls_next;
};

/* A zeroed struct of `bytes` that begins with a struct call. NULL: no memory, and that has been answered. */
void *call_begin(struct api *api, struct http_exchange *exchange, size_t bytes);
void call_end(struct call *call);
/* The writer of the answer, with its object opened. NULL: there is nobody to answer, or that was done: it
 * failed. */
struct json_writer *call_answer(struct call *call, const struct api_outcome *outcome);
/* Ends a call with what became of its change: 204, or why there was none. */
api_done_fn call_changed;
/* Frees the API once it has said that it is closed, and no call is left that may still be answered. */
void call_free_api(struct api *api);

/* The farm at a glance, whoever counts. */
void api_status(const struct api *api, struct core_status *ret);
/* Where this host stands in it. */
void api_place(const struct api *api, struct farm_place *ret);

/* What the request's token lets its bearer do: one of api.token_file, or of a link to the status page. */
enum tokens_scope api_scope(const struct api *api, const struct http_exchange *exchange);

/* --- handlers ------------------------------------------------------------------------------- */

typedef void api_handler_fn(struct api *api, struct http_exchange *exchange,
                            const struct http_request *request);

api_handler_fn farm_get, farm_settings_get, farm_setting_put, farm_setting_delete, farm_leave_post;
api_handler_fn status_get, version_get, metrics_get, healthz_get, readyz_get;
api_handler_fn connections_get, users_get, user_delete, explain_get;
api_handler_fn gate_get, resources_get, workspace_get, rdp_file_get;
api_handler_fn windows_get, days_get;
api_handler_fn connection_put, connection_delete, connection_set_put;
api_handler_fn reclaims_post;
api_handler_fn activation_post, activation_delete, report_post;
api_handler_fn request_file_post, import_file_post;
api_handler_fn events_get;
api_handler_fn page_get, web_link_post, web_links_delete;

/* POST /v1/connections: takes the body as lines. NULL: no memory, and that has been answered. */
const struct http_body_lines *bulk_begin(struct api *api, struct http_exchange *exchange);

/* Ends every follower. */
void events_close(struct api *api);
/* Ends those who came with a link that does not hold any more. */
void events_check_links(struct api *api);

#endif
