/* reader_fuzz.h - what holds for every reader of logs, whatever it is fed: read whole and in pieces it gives
 * the same events and repairs, these are fit to be replayed, and the answer comes without an error. */
#ifndef FARMGATE_TESTS_READER_FUZZ_H
#define FARMGATE_TESTS_READER_FUZZ_H

#include "agent/ctl/sizing/reader.h"

#include <stdlib.h>
#include <string.h>

struct fuzz_heard {
    uint64_t sum; /* of everything told, in its order */
    uint64_t events, understood;
    struct repairs repairs;
};

static void fuzz_require(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_add(struct fuzz_heard *heard, const char *text)
{
    for (; *text != '\0'; text++)
        heard->sum = (heard->sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    heard->sum = heard->sum * 31 + 1;
}

static int fuzz_take(void *data, const struct sizing_event *event)
{
    struct fuzz_heard *heard = data;
    fuzz_require(event->at_ms >= 0 && event->at_ms <= SIZING_TIME_MS_MAX);
    fuzz_require((int)event->type >= 0 && event->type < SIZING_TYPE_MAX);
    fuzz_require(connection_text_valid(event->host, CONNECTION_HOST_BYTES_MAX));
    heard->sum = (heard->sum ^ (uint64_t)event->at_ms) * UINT64_C(0x100000001b3) + (uint64_t)event->type;
    fuzz_add(heard, event->host);
    fuzz_add(heard, event->session);
    if (event->type != SIZING_HOST_END)
        fuzz_require(connection_text_valid(event->session, CONNECTION_ID_BYTES_MAX));
    if (event->type == SIZING_CONNECT) {
        fuzz_require(connection_text_valid(event->user, CONNECTION_USER_BYTES_MAX));
        fuzz_require(event->kind < KIND_MAX && event->route < ROUTE_MAX);
        fuzz_add(heard, event->user);
    }
    heard->events++;
    return 0;
}

static void fuzz_read(const struct reader_format *format, const uint8_t *data, size_t size, size_t piece,
                      struct fuzz_heard *heard)
{
    memset(heard, 0, sizeof *heard);
    struct reader_settings settings = {
        .host = "srv", .modified_ms = INT64_C(1714521600000), .sink = {fuzz_take, heard, &heard->repairs}};
    struct reader *reader = format->create(&settings);
    fuzz_require(reader != NULL && format->begin_file(reader, "log") == 0);
    for (size_t at = 0; at < size; at += piece)
        fuzz_require(format->feed(reader, (const char *)data + at, size - at < piece ? size - at : piece) ==
                     0);
    fuzz_require(format->end_file(reader) == 0 && format->end(reader) == 0);
    heard->understood = reader->understood;
    format->destroy(reader);
}

static int fuzz_reader(const struct reader_format *format, const uint8_t *data, size_t size)
{
    static struct fuzz_heard whole, pieces;
    (void)format->recognise((const char *)data, size < READER_HEAD_BYTES ? size : READER_HEAD_BYTES,
                            size <= READER_HEAD_BYTES);
    fuzz_read(format, data, size, size == 0 ? 1 : size, &whole);
    fuzz_read(format, data, size, 7, &pieces);
    fuzz_require(memcmp(&whole, &pieces, sizeof whole) == 0);
    return 0;
}

#endif
