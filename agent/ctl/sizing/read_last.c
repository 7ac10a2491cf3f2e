/* read_last.c - listings of `last -F` and `last --time-format iso`.
 *
 * A listing begins with the newest session, so nothing can be given before all of a file is read: a session
 * is held as 40 bytes, its names once for all. Several listings in a file (one a wtmp) are given from the
 * oldest on. What a machine's end ended has no time there ("crash", "down"): it is that of the shutdown or
 * boot which fits how long the session lasted, else that length, in minutes.
 *
 * Names that `last` cut (to 8 bytes without -w) stay cut, and different users may seem one. */
#include "held_ends.h"
#include "last_line.h"
#include "line_reader.h"
#include "log_name.h"
#include "reader.h"
#include "session_name.h"
#include "texts.h"

#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 512
#define MINUTE_MS  INT64_C(60000)
#define NOT_KNOWN  INT64_MIN

/* A session, or what took the machine down or up. */
struct listed {
    int64_t begin_ms, end_ms; /* NOT_KNOWN: open, or see `minutes` */
    int64_t minutes;
    uint32_t user, line;
    uint8_t kind, end, route;
};

struct listing {
    size_t first, count; /* of what is listed, the newest first */
    int64_t oldest_ms;
};

/* Who was on a line at the end of the listing before. */
struct line {
    uint64_t session; /* 0: nobody */
    int64_t began_ms;
};

struct last_reader {
    struct line_reader lines;
    struct log_time time;
    uint64_t sessions;
    int64_t down_ms; /* the shutdown or boot that was listed last */

    struct texts users, line_names;
    struct listed *listed;
    size_t listed_count, listed_room;
    struct listing *listings;
    size_t listing_count, listing_room;
    struct line *on; /* by number of the line's name */
    uint32_t on_room;
    uint32_t *left_over; /* lines with sessions nothing has ended yet, some of them perhaps twice */
    size_t left_over_count, left_over_room;
    struct held_ends held;
};

static struct last_reader *own(struct reader *base)
{
    return (struct last_reader *)base;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static int add_listed(struct last_reader *reader, const struct listed *listed)
{
    if (reader->listed_count == reader->listed_room) {
        size_t room = reader->listed_room == 0 ? 1024 : reader->listed_room * 2;
        struct listed *grown = realloc(reader->listed, room * sizeof *grown);
        if (grown == NULL)
            return ERROR_NO_MEMORY;
        reader->listed = grown;
        reader->listed_room = room;
    }
    reader->listed[reader->listed_count++] = *listed;
    return 0;
}

/* What follows is another listing. */
static int end_listing(struct last_reader *reader)
{
    size_t first = reader->listing_count == 0 ? 0
                                              : reader->listings[reader->listing_count - 1].first +
                                                    reader->listings[reader->listing_count - 1].count;
    reader->down_ms = NOT_KNOWN;
    if (first == reader->listed_count)
        return 0;
    if (reader->listing_count == reader->listing_room) {
        size_t room = reader->listing_room == 0 ? 8 : reader->listing_room * 2;
        struct listing *grown = realloc(reader->listings, room * sizeof *grown);
        if (grown == NULL)
            return ERROR_NO_MEMORY;
        reader->listings = grown;
        reader->listing_room = room;
    }
    reader->listings[reader->listing_count++] = (struct listing){
        first, reader->listed_count - first, reader->listed[reader->listed_count - 1].begin_ms};
    return 0;
}

static bool lasted(int64_t begin_ms, int64_t end_ms, int64_t minutes)
{
    return end_ms != NOT_KNOWN && (end_ms - begin_ms) / MINUTE_MS == minutes;
}

static int take_session(struct last_reader *reader, const struct last_line *line)
{
    char user[NAME_BYTES], name[NAME_BYTES];
    bool escaped, line_escaped;
    struct listed listed = {.begin_ms = line->begin_ms,
                            .end_ms = line->end == LAST_ENDED ? line->end_ms : NOT_KNOWN,
                            .minutes = line->minutes,
                            .kind = LAST_SESSION,
                            .end = (uint8_t)line->end,
                            .route = (uint8_t)utmp_route(&line->line, &line->host)};
    if (!log_name(line->user.text, line->user.bytes, user, sizeof user, &escaped) ||
        !log_name(line->line.text, line->line.bytes, name, sizeof name, &line_escaped)) {
        reader_repair(&reader->lines.base, REPAIR_BAD_NAME, NULL);
        return 0;
    }
    if (escaped)
        reader_repair(&reader->lines.base, REPAIR_NAME_ESCAPED, NULL);
    if (line->end == LAST_WENT_DOWN) {
        reader_repair(&reader->lines.base, REPAIR_ENDED_BY_BOOT, NULL);
        if (lasted(line->begin_ms, reader->down_ms, line->minutes))
            listed.end_ms = reader->down_ms;
    }
    if (!texts_number(&reader->users, user, &listed.user) ||
        !texts_number(&reader->line_names, name, &listed.line))
        return ERROR_NO_MEMORY;
    return add_listed(reader, &listed);
}

static int take_line(struct reader *base, const char *text, size_t bytes)
{
    struct last_reader *reader = own(base);
    struct last_line line;
    if (bytes == 0)
        return 0;
    last_line_read(&reader->time, text, bytes, &line);
    if (line.kind == LAST_NOTHING) {
        reader_repair(&reader->lines.base, REPAIR_NOT_UNDERSTOOD, NULL);
        return 0;
    }
    reader->lines.base.understood++;
    switch (line.kind) {
    case LAST_SESSION:
        return take_session(reader, &line);
    case LAST_BEGINS:
        return end_listing(reader);
    case LAST_BOOT:
    case LAST_DOWN:
        reader->down_ms = line.begin_ms;
        return add_listed(reader, &(struct listed){.begin_ms = line.begin_ms,
                                                   .end_ms = line.end == LAST_ENDED ? line.end_ms : NOT_KNOWN,
                                                   .kind = (uint8_t)line.kind});
    default:
        return 0;
    }
}

/* ---- giving -------------------------------------------------------------------------------------------- */

static int give(struct last_reader *reader, uint64_t session, struct sizing_event *event)
{
    char text[SESSION_NAME_BYTES];
    session_name(text, "last", session);
    event->host = reader->lines.base.settings.host;
    event->session = text;
    return reader_give(&reader->lines.base, event);
}

static int give_end(struct last_reader *reader, uint64_t session, int64_t at_ms)
{
    return give(reader, session, &(struct sizing_event){.at_ms = at_ms, .type = SIZING_LOGOFF});
}

static int give_due(struct last_reader *reader, int64_t now_ms)
{
    struct held_end end;
    int code = 0;
    while (code == 0 && held_ends_due(&reader->held, now_ms, &end))
        code = give_end(reader, end.session, end.at_ms);
    return code;
}

/* Somebody the listing before left on a line. */
static int end_left_over(struct last_reader *reader, struct line *line, int64_t at_ms, enum repair repair)
{
    if (line->session == 0)
        return 0;
    uint64_t session = line->session;
    line->session = 0;
    repair_add(reader->lines.base.settings.sink.repairs, repair, 1);
    return give_end(reader, session, at_ms > line->began_ms ? at_ms : line->began_ms);
}

static int give_machine(struct last_reader *reader, const struct listed *listed)
{
    int code = 0;
    for (; code == 0 && reader->left_over_count > 0; reader->left_over_count--)
        code = end_left_over(reader, &reader->on[reader->left_over[reader->left_over_count - 1]],
                             listed->begin_ms, REPAIR_ENDED_BY_BOOT);
    return code;
}

static int leave_over(struct last_reader *reader, uint32_t line, uint64_t session, int64_t began_ms)
{
    if (reader->left_over_count == reader->left_over_room) {
        size_t room = reader->left_over_room == 0 ? 64 : reader->left_over_room * 2;
        uint32_t *grown = realloc(reader->left_over, room * sizeof *grown);
        if (grown == NULL)
            return ERROR_NO_MEMORY;
        reader->left_over = grown;
        reader->left_over_room = room;
    }
    reader->left_over[reader->left_over_count++] = line;
    reader->on[line] = (struct line){session, began_ms};
    return 0;
}

/* When a session ended; a boot tells when the machine went down after it. */
static int64_t end_of(const struct listed *listed, int64_t boot_ended_ms)
{
    if (listed->end_ms != NOT_KNOWN || listed->end == LAST_OPEN)
        return listed->end_ms;
    return lasted(listed->begin_ms, boot_ended_ms, listed->minutes)
               ? boot_ended_ms
               : listed->begin_ms + listed->minutes * MINUTE_MS;
}

static int give_session(struct last_reader *reader, const struct listed *listed, int64_t boot_ended_ms)
{
    struct line *line = &reader->on[listed->line];
    int64_t end_ms = end_of(listed, boot_ended_ms);
    int code = give_due(reader, listed->begin_ms);
    if (code == 0)
        code = end_left_over(reader, line, listed->begin_ms, REPAIR_LINE_REUSED);
    if (code < 0)
        return code;
    uint64_t session = ++reader->sessions;
    if (end_ms == NOT_KNOWN) {
        code = leave_over(reader, listed->line, session, listed->begin_ms);
    } else {
        if (end_ms < listed->begin_ms)
            repair_add(reader->lines.base.settings.sink.repairs, REPAIR_CLOCK_BACK, 1);
        const struct held_end end = {end_ms > listed->begin_ms ? end_ms : listed->begin_ms, session};
        code = held_ends_add(&reader->held, end) ? 0 : ERROR_NO_MEMORY;
    }
    if (code < 0)
        return code;
    return give(reader, session,
                &(struct sizing_event){.at_ms = listed->begin_ms,
                                       .type = SIZING_CONNECT,
                                       .user = reader->users.texts[listed->user],
                                       .kind = KIND_DESKTOP,
                                       .route = (enum connection_route)listed->route,
                                       .administrator = ADMINISTRATOR_UNKNOWN});
}

static int give_listing(struct last_reader *reader, const struct listing *listing)
{
    int64_t boot_ended_ms = NOT_KNOWN;
    int code = 0;
    for (size_t i = listing->count; code == 0 && i-- > 0;) {
        const struct listed *listed = &reader->listed[listing->first + i];
        if (listed->kind == LAST_SESSION) {
            code = give_session(reader, listed, boot_ended_ms);
            continue;
        }
        if (listed->kind == LAST_BOOT)
            boot_ended_ms = listed->end_ms;
        code = give_machine(reader, listed);
    }
    return code == 0 ? give_due(reader, INT64_MAX) : code;
}

static bool make_room_for_lines(struct last_reader *reader)
{
    if (reader->line_names.count <= reader->on_room)
        return true;
    struct line *grown = realloc(reader->on, reader->line_names.count * sizeof *grown);
    if (grown == NULL)
        return false;
    memset(grown + reader->on_room, 0, (reader->line_names.count - reader->on_room) * sizeof *grown);
    reader->on = grown;
    reader->on_room = reader->line_names.count;
    return true;
}

static int by_age(const void *one, const void *other)
{
    const struct listing *a = one, *b = other;
    if (a->oldest_ms != b->oldest_ms)
        return a->oldest_ms < b->oldest_ms ? -1 : 1;
    return a->first < b->first ? -1 : 1;
}

/* ---- the contract -------------------------------------------------------------------------------------- */

static enum line_verdict judge(void *time, const char *text, size_t bytes)
{
    struct last_line line;
    last_line_read(time, text, bytes, &line);
    return line.kind == LAST_NOTHING ? LINE_DOES_NOT_FIT : LINE_FITS;
}

static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    struct log_time time;
    log_time_init(&time, 0, 1);
    return line_reader_recognise(head, bytes, whole, judge, &time);
}

static void destroy(struct reader *base)
{
    if (base == NULL)
        return;
    struct last_reader *reader = own(base);
    held_ends_finish(&reader->held);
    free(reader->left_over);
    free(reader->on);
    free(reader->listings);
    free(reader->listed);
    texts_finish(&reader->line_names);
    texts_finish(&reader->users);
    line_reader_finish(&reader->lines);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct last_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    line_reader_init(&reader->lines, settings, READER_LINE_BYTES_MAX, take_line);
    log_time_init(&reader->time, settings->year, settings->modified_ms);
    reader->down_ms = NOT_KNOWN;
    texts_init(&reader->users);
    texts_init(&reader->line_names);
    return &reader->lines.base;
}

static int begin_file(struct reader *base, const char *file)
{
    own(base)->down_ms = NOT_KNOWN;
    return line_reader_begin_file(base, file);
}

static int end_file(struct reader *base)
{
    struct last_reader *reader = own(base);
    int code = line_reader_end_file(base);
    if (code == 0)
        code = end_listing(reader);
    if (code == 0 && !make_room_for_lines(reader))
        code = ERROR_NO_MEMORY;
    if (code == 0 && reader->listing_count > 1)
        qsort(reader->listings, reader->listing_count, sizeof *reader->listings, by_age);
    for (size_t i = 0; code == 0 && i < reader->listing_count; i++)
        code = give_listing(reader, &reader->listings[i]);
    reader->listed_count = reader->listing_count = 0;
    return code;
}

const struct reader_format reader_last = {
    .name = "last",
    .recognise = recognise,
    .create = create,
    .begin_file = begin_file,
    .feed = line_reader_feed,
    .end_file = end_file,
    .end = reader_end,
    .destroy = destroy,
};
