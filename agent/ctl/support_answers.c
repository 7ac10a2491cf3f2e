#include "support_parts.h"

#include "ask.h"
#include "sse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 5000 /* an agent that hangs is what the archive may be about */

struct stream {
    struct sse sse;
    struct text_buffer text;
    uint64_t last_id;
    bool only_id;
};

/* False: there is no use in asking on. */
static bool add_answer(struct support *support, const char *socket, const char *target, const char *name,
                       bool json)
{
    struct local_client_answer answer;
    struct error_detail detail = {""};
    struct text_buffer text = {.text = NULL};
    const struct local_client_request request = {
        .socket_path = socket, .method = "GET", .target = target, .timeout_ms = PATIENCE_MS};
    int error = ask_quietly(&request, false, &answer, &detail);
    if (error) {
        support_missing(support, name, detail.text);
        return error != ERROR_UNREACHABLE && error != ERROR_TIMEOUT && error != ERROR_FORBIDDEN;
    }
    if (answer.status != 200) {
        (void)snprintf(detail.text, sizeof(detail.text), "GET %s: status %d", target, answer.status);
        support_missing(support, name, detail.text);
    } else {
        text_buffer_add(&text, answer.body, answer.body_bytes);
        text_buffer_add_text(&text, json ? "\n" : "");
        support_add(support, name, json, &text);
    }
    local_client_answer_finish(&answer);
    return true;
}

static int on_event(void *data, const char *id, const char *name, const char *json)
{
    struct stream *stream = data;
    (void)name;
    stream->last_id = strtoull(id, NULL, 10);
    if (stream->only_id)
        return ERROR_CANCELLED;
    if (json[0] != '\0')
        text_buffer_print(&stream->text, "%s\n", json);
    return stream->text.failed ? ERROR_NO_MEMORY : 0;
}

static int on_data(void *data, const char *bytes, size_t count)
{
    struct stream *stream = data;
    return sse_feed(&stream->sse, bytes, count);
}

static int read_events(struct stream *stream, const char *socket, const char *target,
                       struct error_detail *ret_detail)
{
    struct local_client_answer answer;
    const struct local_client_request request = {.socket_path = socket,
                                                 .method = "GET",
                                                 .target = target,
                                                 .on_data = on_data,
                                                 .data = stream,
                                                 .timeout_ms = PATIENCE_MS};
    sse_init(&stream->sse, on_event, stream);
    int error = ask_quietly(&request, false, &answer, ret_detail);
    if (!error)
        local_client_answer_finish(&answer);
    return error;
}

/* A stream begins with the id of the last event; those before it are asked for by it. */
static void add_events(struct support *support, const char *socket)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    struct error_detail detail = {""};
    char target[64];
    if (!stream) {
        support->failed = true;
        return;
    }
    stream->only_id = true;
    int error = read_events(stream, socket, "/v1/events", &detail);
    if (error == ERROR_CANCELLED) {
        uint64_t first = stream->last_id > SUPPORT_EVENTS_MAX ? stream->last_id - SUPPORT_EVENTS_MAX : 0;
        stream->only_id = false;
        (void)snprintf(target, sizeof(target), "/v1/events?follow=false&after=%" PRIu64, first);
        error = read_events(stream, socket, target, &detail);
    }
    if (error) {
        support_missing(support, "events.ndjson", detail.text);
        text_buffer_finish(&stream->text);
    } else {
        text_buffer_add_text(&stream->text, "");
        support_add(support, "events.ndjson", true, &stream->text);
    }
    free(stream);
}

void support_add_answers(struct support *support, const char *socket)
{
    static const struct {
        const char *target, *name;
        bool json;
    } parts[] = {
        {"/v1/status", "status.json", true},
        {"/v1/explain", "explain.json", true},
        {"/v1/connections", "connections.json", true},
        {"/v1/farm", "farm.json", true},
        {"/v1/windows", "windows.json", true},
        {"/v1/days", "days.json", true},
        {"/metrics", "metrics.txt", true},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!add_answer(support, socket, parts[i].target, parts[i].name, parts[i].json)) {
            support_missing(support, "the other answers of the agent",
                            "not asked for, as it does not answer");
            return;
        }
    }
    add_events(support, socket);
}
