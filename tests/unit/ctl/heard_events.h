/* heard_events.h - what a reader gives, as text: a line an event, a line a kind of repair. */
#ifndef FARMGATE_TESTS_HEARD_EVENTS_H
#define FARMGATE_TESTS_HEARD_EVENTS_H

#include "agent/ctl/sizing/reader.h"

struct heard {
    char *text;
    size_t bytes, room;
    struct repairs repairs;
    const char *kinds[REPAIR_MAX]; /* how each is called in `text` */
};

void heard_init(struct heard *heard);
void heard_finish(struct heard *heard);
struct reader_sink heard_sink(struct heard *heard);

/* "TIME connect HOST SESSION USER ROUTE ADMINISTRATOR", "TIME disconnect HOST SESSION", … */
int heard_take(void *data, const struct sizing_event *event);
/* Adds what was repaired: "NAME COUNT" each. Returns the text. */
const char *heard_all(struct heard *heard);

/* Reads `bytes` as one file named "log", fed in pieces of `piece` bytes. */
void heard_read(struct heard *heard, const struct reader_format *format,
                const struct reader_settings *settings, const char *bytes, size_t count, size_t piece);

/* Reads the same in pieces of 1, 7, 4096 and all bytes, each to be heard as `expected`; `services` may be
 * NULL. */
void expect_heard(const struct reader_format *format, const struct reader_services *services,
                  const char *bytes, size_t count, const char *expected);

#endif
