/* sse.h - server-sent events out of bytes that come in any pieces. */
#ifndef FARMGATE_CTL_SSE_H
#define FARMGATE_CTL_SSE_H

#include <stdbool.h>
#include <stddef.h>

#define SSE_LINE_BYTES_MAX 65536
#define SSE_ID_BYTES       24
#define SSE_NAME_BYTES     64

/* One event; `data` is "" for one that only moves the cursor. What it returns but 0 ends the feeding. */
typedef int sse_event_fn(void *data, const char *id, const char *name, const char *text);

struct sse {
    sse_event_fn *on_event;
    void *data;
    char id[SSE_ID_BYTES]; /* the last one; "" before any */
    bool has_id;           /* this event brought one */
    char name[SSE_NAME_BYTES];
    size_t line_bytes, text_bytes;
    char line[SSE_LINE_BYTES_MAX + 1];
    char text[SSE_LINE_BYTES_MAX + 1]; /* of "data:" */
};

void sse_init(struct sse *sse, sse_event_fn *on_event, void *data);

/* 0, what on_event returned, or ERROR_TOO_LARGE for a line past SSE_LINE_BYTES_MAX. */
int sse_feed(struct sse *sse, const char *bytes, size_t count);

#endif
