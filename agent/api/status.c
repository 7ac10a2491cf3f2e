/* What the agent says of the farm and of itself. */
#include "api_internal.h"
#include "farm_show.h"
#include "reply.h"
#include "show.h"

#include "agent/core/clocks.h"
#include "agent/metrics.h"
#include "version.h"

#include <stdlib.h>
#include <string.h>

#define API_VERSION       1
#define HEALTH_TEXT_BYTES 512

struct health {
    bool alive, ready;
    char text[HEALTH_TEXT_BYTES];
};

static void ask_health(const struct api *api, struct health *ret)
{
    memset(ret, 0, sizeof(*ret));
    api->agent.health(api->agent.agent, &ret->alive, &ret->ready, ret->text, sizeof(ret->text));
}

/* --- status --------------------------------------------------------------------------------- */

static void write_verdict(struct json_writer *writer, const struct core_status *status)
{
    json_open_object(writer, "verdict");
    json_boolean(writer, "open", status->verdict.open);
    json_text(writer, "reason", verdict_reason_name(status->verdict.reason));
    json_text(writer, "admission", admission_name(status->verdict.admission));
    json_text(writer, "text", verdict_reason_text(status->verdict.reason));
    json_text(writer, "activation", activation_state_name(status->standing.activation));
    json_text(writer, "term", term_state_name(status->standing.term));
    json_text(writer, "contact", contact_state_name(status->standing.contact));
    json_text(writer, "usage", usage_state_name(status->standing.usage.state));
    json_close_object(writer);
}

static void write_level(struct json_writer *writer, const struct core_status *status)
{
    const struct tally_level *level = &status->level;
    show_limit(writer, status);
    json_integer(writer, "concurrent_users", level->concurrent_users);
    json_integer(writer, "users", level->users);
    json_integer(writer, "connections", level->connections);
    json_integer(writer, "consuming", level->consuming);
    json_integer(writer, "exempt", level->exempt);
    json_integer(writer, "disconnected", level->disconnected);
    json_integer(writer, "hosts", level->hosts);
}

static void write_peak(struct json_writer *writer, const char *name, const struct peak_mark *mark)
{
    json_open_object(writer, name);
    json_integer(writer, "users", mark->users);
    json_time_or_null(writer, "at", mark->at_ms);
    json_close_object(writer);
}

static bool has_entitlement(const struct core_status *status)
{
    return status->standing.activation != ACTIVATION_NONE;
}

static void write_clocks(struct json_writer *writer, const struct core_status *status)
{
    json_open_object(writer, "clocks");
    for (int clock = 0; clock < CLOCK_MAX; clock++)
        json_time_or_null(writer, farm_clock_name((enum farm_clock)clock),
                          farm_clock_ms(status, (enum farm_clock)clock));
    json_close_object(writer);
}

/* The one thing to know of what comes. */
static void write_next(struct json_writer *writer, const struct core_status *status, int64_t now_ms)
{
    struct explain_farm farm;
    struct explain_step step;
    explain_farm(status, now_ms, &farm);
    if (!explain_what_matters(&farm, &step)) {
        json_null(writer, "next");
        return;
    }
    json_open_object(writer, "next");
    json_time_or_null(writer, "at", step.at_ms);
    show_sentence(writer, &step.sentence);
    json_close_object(writer);
}

static void write_entitlement(struct json_writer *writer, const struct core_status *status)
{
    const struct grant *grant = &status->standing.grant;
    if (!has_entitlement(status)) {
        json_null(writer, "entitlement");
        return;
    }
    json_open_object(writer, "entitlement");
    json_integer(writer, "serial", (int64_t)grant->serial);
    json_text(writer, "status", grant->status == GRANT_ACTIVE ? "active" : "deactivated");
    json_text(writer, "reason", grant->reason);
    json_integer(writer, "limit", grant->limit);
    json_integer(writer, "purchases", (int64_t)grant->purchases);
    json_boolean(writer, "trial", grant->trial);
    json_time(writer, "issued_at", grant->issued_at_ms);
    json_time_or_null(writer, "expires_at", grant->expires_at_ms);
    json_time_or_null(writer, "refresh_by", grant->refresh_by_ms);
    json_close_object(writer);
}

void status_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct core_status status;
    struct health health;
    struct json_writer *writer = reply_open(exchange);
    int64_t now_ms = api->agent.now_ms(api->agent.agent);
    (void)request;
    if (!writer)
        return;
    api_status(api, &status);
    ask_health(api, &health);
    json_text(writer, "host", api->agent.host(api->agent.agent));
    json_time(writer, "now", now_ms);
    json_text(writer, "version", FARMGATE_VERSION);
    json_boolean(writer, "ready", health.ready);
    json_text(writer, "farm_id", status.farm_id);
    write_verdict(writer, &status);
    write_level(writer, &status);
    show_window(writer, "window", &status.window, "running");
    write_peak(writer, "peak_today", &status.today);
    write_peak(writer, "peak_ever", &status.ever);
    write_clocks(writer, &status);
    write_next(writer, &status, now_ms);
    json_time_or_null(writer, "last_contact", status.standing.last_contact_ms);
    json_boolean(writer, "offline", status.by_files);
    json_integer(writer, "windows_queued", (int64_t)status.windows_queued);
    json_integer(writer, "report_failures", status.report_failures);
    show_setbacks(writer, api);
    write_entitlement(writer, &status);
    json_text(writer, "health", health.text);
    if (farm_show_status(writer, api)) {
        reply_close(exchange, writer, 200);
    } else {
        json_writer_destroy(writer);
        reply_no_memory(exchange);
    }
}

/* --- the agent itself ----------------------------------------------------------------------- */

void version_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct json_writer *writer = reply_open(exchange);
    (void)api;
    (void)request;
    if (!writer)
        return;
    json_text(writer, "version", FARMGATE_VERSION);
    json_integer(writer, "api", API_VERSION);
    reply_close(exchange, writer, 200);
}

void metrics_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct core_status status;
    struct health health;
    struct farm_place place;
    struct tally_level here;
    struct metrics_input input = {.status = &status,
                                  .here = &here,
                                  .place = &place,
                                  .now_ms = api->agent.now_ms(api->agent.agent),
                                  .version = FARMGATE_VERSION};
    (void)request;
    api_status(api, &status);
    api_place(api, &place);
    ask_health(api, &health);
    api->agent.measures(api->agent.agent, &input);
    input.ready = health.ready;
    input.store_healthy = health.alive;
    for (size_t i = 0; i < API_DOOR_MAX; i++)
        input.api_clients += http_server_clients(api->entrances[i].server);
    char *text = farm_show_here(api, &here) ? metrics_text(&input) : NULL;
    if (!text) {
        reply_no_memory(exchange);
        return;
    }
    http_respond(exchange, &(struct http_reply){.status = 200,
                                                .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                                .body = text,
                                                .body_bytes = strlen(text)});
    free(text);
}

static void answer_health(struct http_exchange *exchange, const struct health *health, bool good,
                          const char *code)
{
    if (!good) {
        http_problem(exchange, 503, code, health->text[0] ? health->text : "no reason is known", NULL);
        return;
    }
    struct json_writer *writer = reply_open(exchange);
    if (!writer)
        return;
    json_text(writer, "status", health->text[0] ? "degraded" : "ok");
    json_text(writer, "detail", health->text);
    reply_close(exchange, writer, 200);
}

void healthz_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct health health;
    (void)request;
    ask_health(api, &health);
    answer_health(exchange, &health, health.alive, "unhealthy");
}

void readyz_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    struct health health;
    (void)request;
    ask_health(api, &health);
    answer_health(exchange, &health, health.ready, "not_ready");
}
