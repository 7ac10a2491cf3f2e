/* api.h - the local API (farmgate-api(7)): HTTP requests → questions to the core, changes to the agent. Knows
 * nothing of counting.
 *
 * Doors: the reader's socket (GET only), the administrator's socket (everything), loopback TCP (a few calls
 * without a token, the rest by bearer token with scope read or write). */
#ifndef FARMGATE_AGENT_API_H
#define FARMGATE_AGENT_API_H

#include "agent/accounts.h"
#include "agent/api_settings.h"
#include "agent/core/admission.h"
#include "agent/core/core.h"
#include "agent/farm/farm.h"
#include "agent/farm/roll.h"
#include "common/error.h"

#include <uv.h>

struct api;
struct metrics_input;
struct resources;
struct sessions;
struct setbacks;
struct store;

enum api_door { API_DOOR_READER, API_DOOR_ADMIN, API_DOOR_TCP, API_DOOR_MAX };

/* The answer to a change, after it is durable or refused. */
struct api_outcome {
    int status;       /* HTTP: 200, 204, 400, 409, 503 … */
    const char *code; /* problem code when status ≥ 400: "store_unavailable", "key_in_use" */
    const char *detail;
    const char *field;  /* of the request, that it is about; NULL: none */
    int64_t moves_left; /* -1 not told */
    const char *file;   /* that was asked for; until done returns */
    uint64_t events;    /* that were erased */
};
typedef void api_done_fn(void *data, const struct api_outcome *outcome);

/* A setting of the farm's: what the farm has agreed on (NULL: nothing), and what this host's own file says,
 * both as they would stand in a file; until it returns. */
typedef void api_farm_setting_fn(void *data, const char *path, const char *farm_value,
                                 const char *host_value);

/* What a request file is to ask of the authority: an activation with a key or as a trial, else a report. */
struct api_wish {
    const char *licence_key; /* NULL: none */
    bool trial, move;
};

/* Whose published resources a workspace shows. */
struct api_publisher {
    const char *name;    /* of the farm, as people know it */
    const char *address; /* of the resources that name no host */
};

/* What the agent offers to the API; `agent` is handed back in each call. Everything is on the loop's thread.
 */
struct api_agent {
    void *agent;
    const struct core *(*core)(void *agent); /* who is on, as far as this host knows: see place */
    void (*status)(void *agent, struct core_status *ret);
    void (*place)(void *agent, struct farm_place *ret);
    int64_t (*now_ms)(void *agent); /* licence time */
    struct store *(*store)(void *agent);
    struct accounts *(*accounts)(void *agent);
    const struct resources *(*resources)(void *agent);
    const struct sessions *(*sessions)(void *agent);
    const char *(*host)(void *agent);
    void (*publisher)(void *agent, struct api_publisher *ret);
    const struct setbacks *(*setbacks)(void *agent);
    /* Whether `account` makes an administrator under the configured groups. */
    enum administrator (*administrator)(void *agent, const struct account *account);
    /* The gate or the list was refused to a user. */
    void (*refused)(void *agent, const struct admission_question *question, const char *reason);
    /* A session event (BROKER_PUT, BROKER_END, BROKER_SET, RECLAIMED); done after the commit that carries it.
     */
    void (*change)(void *agent, const struct core_event *event, api_done_fn *done, void *data);
    void (*activate)(void *agent, const char *licence_key_or_null, bool move, api_done_fn *done, void *data);
    void (*release)(void *agent, api_done_fn *done, void *data);
    /* Where the authority is reached by files: a request file, in the outcome; and its answer. */
    void (*request_file)(void *agent, const struct api_wish *wish, api_done_fn *done, void *data);
    void (*import_file)(void *agent, const char *text, size_t bytes, api_done_fn *done, void *data);
    void (*report)(void *agent, api_done_fn *done, void *data); /* done when the authority has answered */
    /* Takes a user out of the stored events; 409 `user_is_on` while one is. */
    void (*forget)(void *agent, const char *user, api_done_fn *done, void *data);
    /* A farm of many hosts; alone there is no roll, no setting, and a change is 409 `farm_is_alone`. A value
     * is given as it would stand in a file, NULL takes the setting back. */
    void (*farm_roll)(void *agent, roll_done_fn *done, void *data);
    void (*farm_settings)(void *agent, api_farm_setting_fn *visit, void *data);
    void (*farm_set)(void *agent, const char *path, const char *value_or_null, api_done_fn *done, void *data);
    /* This host gives up its place: `force` leaves behind what the farm has not heard of it. */
    void (*farm_leave)(void *agent, bool force, api_done_fn *done, void *data);
    /* "" when all is well, else what is wrong ("store: disk full"); alive is about the process, ready about
     * the gate. */
    void (*health)(void *agent, bool *ret_alive, bool *ret_ready, char *ret_text, size_t bytes);
    /* Fills in what only the agent knows: its counts, how long things took, its process. Pointers live until
     * the loop turns. */
    void (*measures)(void *agent, struct metrics_input *ret);
};

struct api *api_create(uv_loop_t *loop, const struct api_settings *settings, const struct api_agent *agent,
                       struct error_detail *ret_detail);
/* New tokens, hosts (a reload). On failure the old stay. */
int api_reconfigure(struct api *api, const struct api_settings *settings, struct error_detail *ret_detail);
/* Takes a listening socket. */
int api_listen(struct api *api, enum api_door door, int fd);
/* Listens at a path of this machine: http_listen_local's. */
int api_listen_local(struct api *api, enum api_door door, const char *path, unsigned mode, const char *group);
/* A log event was published: goes to every follower of /v1/events. `json` is event_json's line. */
void api_publish(struct api *api, uint64_t id, const char *name, const char *json);
void api_close(struct api *api, unsigned grace_ms, void (*closed)(void *data), void *data);

#endif
