/* windows_fuzz.h - a log, fed whole and fed in pieces, gives the same events, and none that sizing could not
 * take: names are text, a session is connected before anything else of it, and never goes back in time. */
#ifndef FARMGATE_TESTS_WINDOWS_FUZZ_H
#define FARMGATE_TESTS_WINDOWS_FUZZ_H

#include "agent/ctl/sizing/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUZZ_SESSIONS_MAX 64 /* that are followed; further ones are not looked at */

struct fuzz_session {
    char host[CONNECTION_HOST_BYTES_MAX + 1], id[CONNECTION_ID_BYTES_MAX + 1];
    int64_t latest_ms;
};

struct fuzz_log {
    struct fuzz_session sessions[FUZZ_SESSIONS_MAX];
    size_t session_count;
    uint64_t digest, events;
    struct repairs repairs;
};

static inline void fuzz_require(bool holds)
{
    if (!holds)
        abort();
}

static inline void fuzz_digest(struct fuzz_log *log, const void *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        log->digest = (log->digest ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static inline struct fuzz_session *fuzz_find(struct fuzz_log *log, const struct sizing_event *event)
{
    for (size_t i = 0; i < log->session_count; i++)
        if (strcmp(log->sessions[i].host, event->host) == 0 &&
            strcmp(log->sessions[i].id, event->session) == 0)
            return &log->sessions[i];
    return NULL;
}

static inline void fuzz_follow(struct fuzz_log *log, const struct sizing_event *event)
{
    struct fuzz_session *session = fuzz_find(log, event);
    if (session == NULL) {
        if (log->session_count == FUZZ_SESSIONS_MAX)
            return;
        fuzz_require(event->type == SIZING_CONNECT);
        session = &log->sessions[log->session_count++];
        strcpy(session->host, event->host);
        strcpy(session->id, event->session);
        session->latest_ms = event->at_ms;
    }
    fuzz_require(event->at_ms >= session->latest_ms);
    session->latest_ms = event->at_ms;
    if (event->type == SIZING_LOGOFF)
        *session = log->sessions[--log->session_count];
}

static inline int fuzz_take(void *data, const struct sizing_event *event)
{
    struct fuzz_log *log = data;
    fuzz_require(event->at_ms >= 0 && event->at_ms <= SIZING_TIME_MS_MAX && event->type < SIZING_TYPE_MAX);
    fuzz_require(connection_text_valid(event->host, CONNECTION_HOST_BYTES_MAX));
    fuzz_require(connection_text_valid(event->session, CONNECTION_ID_BYTES_MAX));
    fuzz_digest(log, &event->at_ms, sizeof event->at_ms);
    fuzz_digest(log, &event->type, sizeof event->type);
    fuzz_digest(log, event->session, strlen(event->session) + 1);
    if (event->type == SIZING_CONNECT) {
        fuzz_require(connection_text_valid(event->user, CONNECTION_USER_BYTES_MAX));
        fuzz_require(event->kind < KIND_MAX && event->route < ROUTE_MAX &&
                     event->administrator < ADMINISTRATOR_MAX);
        fuzz_digest(log, event->user, strlen(event->user) + 1);
    }
    log->events++;
    if (log->session_count < FUZZ_SESSIONS_MAX)
        fuzz_follow(log, event);
    return 0;
}

static inline void fuzz_read(const struct reader_format *format, const uint8_t *data, size_t size,
                             size_t piece, struct fuzz_log *log)
{
    memset(log, 0, sizeof *log);
    const struct reader_settings settings = {.host = "h", .sink = {fuzz_take, log, &log->repairs}};
    struct reader *reader = format->create(&settings);
    fuzz_require(reader != NULL && format->begin_file(reader, "log") == 0);
    for (size_t at = 0; at < size; at += piece)
        fuzz_require(format->feed(reader, (const char *)data + at, size - at < piece ? size - at : piece) ==
                     0);
    fuzz_require(format->end_file(reader) == 0 && format->end(reader) == 0);
    fuzz_require(log->events == 0 || reader->understood > 0);
    format->destroy(reader);
}

static inline void fuzz_reader(const struct reader_format *format, const uint8_t *data, size_t size)
{
    static struct fuzz_log whole, pieces;
    (void)format->recognise((const char *)data, size < READER_HEAD_BYTES ? size : READER_HEAD_BYTES,
                            size <= READER_HEAD_BYTES);
    fuzz_read(format, data, size, size == 0 ? 1 : size, &whole);
    fuzz_read(format, data, size, 7, &pieces);
    fuzz_require(whole.digest == pieces.digest && whole.events == pieces.events);
    for (int i = 0; i < REPAIR_MAX; i++)
        fuzz_require(whole.repairs.of[i].count == pieces.repairs.of[i].count);
}

#endif
