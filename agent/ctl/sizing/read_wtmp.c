/* read_wtmp.c - wtmp and utmp files, record by record in the order of the file.
 *
 * A session is its line's (pids of log-ins and log-outs differ), and everything is as util-linux' `last` has
 * it, so that both give the same answer: a record of a line ends the session before it there; a shutdown,
 * boot, or run level 0 or 6 ends all, at its own stamp. That stamp may be ahead of the log-ins that follow it
 * (the hardware's clock was read as local time): those it does not end, and the ends it made wait until the
 * log's time gets there. A session never ends before it began.
 *
 * Sessions are numbered: a clock may step back over a log-out and the next log-in of its line, and only names
 * of their own keep the two apart then. */
#include "blocks.h"
#include "held_ends.h"
#include "log_name.h"
#include "reader.h"
#include "session_name.h"
#include "utmp_layout.h"

#include "agent/core/hash_index.h"
#include "agent/core/keyed_hash.h"
#include "agent/core/text.h"

#include <stdlib.h>

#define LINE_NAME_WORDS 4   /* of 32 bytes */
#define USER_TEXT_BYTES 129 /* 32 bytes, each written as \\xNN */

#define HEAD_BYTES 57600 /* whole records of any layout */

/* As in a record, padded with NUL: words are compared without a call. */
struct line_name {
    uint64_t words[LINE_NAME_WORDS];
    uint32_t hash;
};

/* A line somebody is logged in on, or where a getty waits. */
struct line {
    struct line_name name;
    uint32_t next_free;
    bool used;
    uint64_t session; /* 0: none */
    int64_t began_ms;
};

struct wtmp_reader {
    struct reader base;
    uint64_t sessions;

    bool layout_known;
    enum utmp_layout layout;
    struct blocks blocks; /* a head by which the layout is found, then record by record */

    struct keyed_hash_keys keys;
    struct hash_index index; /* of lines */
    struct line *lines;
    uint32_t line_count, line_room, line_free;
    struct held_ends held;
};

static struct wtmp_reader *own(struct reader *base)
{
    return (struct wtmp_reader *)base;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

static struct line_name name_of(const struct wtmp_reader *reader, const struct utmp_field *field)
{
    struct line_name name = {0};
    struct keyed_hash hash = keyed_hash_begin(&reader->keys);
    size_t at = 0, bytes = field->bytes;
    for (; bytes - at >= 8; at += 8)
        name.words[at / 8] = text_word(field->text + at);
    if (bytes > at)
        name.words[at / 8] = text_tail(field->text + at, bytes - at);
    for (int i = 0; i < LINE_NAME_WORDS; i += 2)
        keyed_hash_pair(&hash, name.words[i], name.words[i + 1]);
    name.hash = keyed_hash_end(&reader->keys, hash);
    return name;
}

static bool same_name(const struct line_name *one, const struct line_name *other)
{
    uint64_t difference = 0;
    for (int i = 0; i < LINE_NAME_WORDS; i++)
        difference |= one->words[i] ^ other->words[i];
    return difference == 0;
}

/* NULL if nobody is on it. */
static struct line *find_line(struct wtmp_reader *reader, const struct line_name *name)
{
    uint32_t position = hash_index_home(&reader->index, name->hash), number;
    while ((number = hash_index_candidate(&reader->index, name->hash, &position)) != HASH_INDEX_NONE)
        if (same_name(&reader->lines[number].name, name))
            return &reader->lines[number];
    return NULL;
}

static bool reserve_line(struct wtmp_reader *reader)
{
    if (!hash_index_reserve(&reader->index))
        return false;
    if (reader->line_free != HASH_INDEX_NONE || reader->line_count < reader->line_room)
        return true;
    uint32_t room = reader->line_room == 0 ? 64 : reader->line_room * 2;
    struct line *lines = realloc(reader->lines, room * sizeof *lines);
    if (lines == NULL)
        return false;
    reader->lines = lines;
    reader->line_room = room;
    return true;
}

/* NULL without memory. */
static struct line *add_line(struct wtmp_reader *reader, const struct line_name *name)
{
    if (!reserve_line(reader))
        return NULL;
    uint32_t number = reader->line_free;
    if (number != HASH_INDEX_NONE)
        reader->line_free = reader->lines[number].next_free;
    else
        number = reader->line_count++;
    struct line *line = &reader->lines[number];
    *line = (struct line){.name = *name, .used = true};
    hash_index_add(&reader->index, name->hash, number);
    return line;
}

static void remove_line(struct wtmp_reader *reader, struct line *line)
{
    uint32_t number = (uint32_t)(line - reader->lines);
    hash_index_remove(&reader->index, line->name.hash, number);
    line->used = false;
    line->next_free = reader->line_free;
    reader->line_free = number;
}

/* ---- events -------------------------------------------------------------------------------------------- */

static int give(struct wtmp_reader *reader, uint64_t session, struct sizing_event *event)
{
    char text[SESSION_NAME_BYTES];
    session_name(text, "wtmp", session);
    event->host = reader->base.settings.host;
    event->session = text;
    return reader_give(&reader->base, event);
}

static int give_end(struct wtmp_reader *reader, uint64_t session, int64_t at_ms)
{
    return give(reader, session, &(struct sizing_event){.at_ms = at_ms, .type = SIZING_LOGOFF});
}

/* Ends that were stamped ahead and whose time has come. Only log-ins and log-outs tell the time: with a boot
 * its run levels and gettys are stamped ahead too. */
static int give_held(struct wtmp_reader *reader, int64_t now_ms)
{
    struct held_end end;
    int code = 0;
    while (code == 0 && held_ends_due(&reader->held, now_ms, &end))
        code = give_end(reader, end.session, end.at_ms);
    return code;
}

/* A clock that was set back in between must not end a session before it began. */
static int64_t end_of(struct wtmp_reader *reader, const struct line *line, int64_t at_ms)
{
    if (at_ms >= line->began_ms)
        return at_ms;
    reader_repair(&reader->base, REPAIR_CLOCK_BACK, NULL);
    return line->began_ms;
}

static int end_session(struct wtmp_reader *reader, struct line *line, int64_t at_ms)
{
    uint64_t session = line->session;
    int code = give_held(reader, at_ms);
    line->session = 0;
    return code == 0 ? give_end(reader, session, end_of(reader, line, at_ms)) : code;
}

/* ---- records ------------------------------------------------------------------------------------------- */

static bool begins_with(const struct utmp_field *field, const char *text)
{
    size_t bytes = strlen(text);
    return field->bytes >= bytes && memcmp(field->text, text, bytes) == 0;
}

static int begin_session(struct wtmp_reader *reader, struct line *line, const struct utmp_record *record)
{
    char user[USER_TEXT_BYTES];
    bool escaped;
    if (!log_name(record->user.text, record->user.bytes, user, sizeof user, &escaped)) {
        reader_repair(&reader->base, REPAIR_BAD_NAME, NULL);
        return 0;
    }
    if (escaped)
        reader_repair(&reader->base, REPAIR_NAME_ESCAPED, NULL);
    int code = give_held(reader, record->at_ms);
    if (code < 0)
        return code;
    line->session = ++reader->sessions;
    line->began_ms = record->at_ms;
    return give(reader, line->session,
                &(struct sizing_event){.at_ms = record->at_ms,
                                       .type = SIZING_CONNECT,
                                       .user = user,
                                       .kind = KIND_DESKTOP,
                                       .route = utmp_route(&record->line, &record->host),
                                       .administrator = ADMINISTRATOR_UNKNOWN});
}

static int take_login(struct wtmp_reader *reader, const struct utmp_record *record)
{
    struct line_name name = name_of(reader, &record->line);
    struct line *line = find_line(reader, &name);
    int code = 0;
    if (line == NULL)
        line = add_line(reader, &name);
    if (line == NULL)
        return ERROR_NO_MEMORY;
    if (line->session != 0) {
        reader_repair(&reader->base, REPAIR_LINE_REUSED, NULL);
        code = end_session(reader, line, record->at_ms);
    }
    return code == 0 ? begin_session(reader, line, record) : code;
}

static int take_logout(struct wtmp_reader *reader, const struct utmp_record *record)
{
    struct line_name name = name_of(reader, &record->line);
    struct line *line = find_line(reader, &name);
    if (line == NULL) {
        reader_repair(&reader->base, REPAIR_LOGOFF_UNKNOWN, NULL);
        return 0;
    }
    int code = line->session == 0 ? 0 : end_session(reader, line, record->at_ms);
    remove_line(reader, line);
    return code;
}

/* A getty waits on the line: its end without a log-in is none that lacks one. Where init starts it (`frees`)
 * nobody is logged in any longer. */
static int take_getty(struct wtmp_reader *reader, const struct utmp_record *record, bool frees)
{
    struct line_name name = name_of(reader, &record->line);
    struct line *line = find_line(reader, &name);
    if (line == NULL)
        return add_line(reader, &name) == NULL ? ERROR_NO_MEMORY : 0;
    return frees && line->session != 0 ? end_session(reader, line, record->at_ms) : 0;
}

static int take_down(struct wtmp_reader *reader, const struct utmp_record *record)
{
    for (uint32_t i = 0; i < reader->line_count; i++) {
        struct line *line = &reader->lines[i];
        if (!line->used)
            continue;
        if (line->session != 0) {
            reader_repair(&reader->base, REPAIR_ENDED_BY_BOOT, NULL);
            struct held_end end = {end_of(reader, line, record->at_ms), line->session};
            if (!held_ends_add(&reader->held, end))
                return ERROR_NO_MEMORY;
        }
        remove_line(reader, line);
    }
    return 0;
}

enum meaning { NOTHING, LOG_IN, LOG_OUT, GETTY_STARTS, GETTY_WAITS, DOWN, SENSELESS };

static enum meaning level_meaning(const struct utmp_record *record)
{
    uint32_t level = record->pid & 0xff;
    return level == '0' || level == '6' ? DOWN : NOTHING;
}

/* By the type alone, on the machine's own line "~" or without a line. */
static enum meaning type_meaning(const struct utmp_record *record)
{
    switch (record->type) {
    case UTMP_BOOT:
    case UTMP_SHUTDOWN:
        return DOWN;
    case UTMP_RUN_LEVEL:
        return level_meaning(record);
    case UTMP_USER:
        return record->line.bytes > 0 ? LOG_IN : SENSELESS;
    case UTMP_DEAD:
        return record->line.bytes > 0 ? LOG_OUT : NOTHING;
    default:
        return record->type < UTMP_TYPE_MAX ? NOTHING : SENSELESS;
    }
}

static bool is_clock_change(const struct utmp_record *record)
{
    return begins_with(&record->user, "date") &&
           (record->type == UTMP_NEW_TIME || record->type == UTMP_OLD_TIME ||
            begins_with(&record->line, "|") || begins_with(&record->line, "{"));
}

/* Of a line that is not the machine's. Types are not to be trusted here: who writes a user and a line means a
 * log-in, and who writes no user means that the line is free. */
static enum meaning line_meaning(const struct utmp_record *record)
{
    if (record->type >= UTMP_TYPE_MAX && !utmp_record_is_text(record))
        return SENSELESS;
    if (record->user.bytes == 0)
        return record->type == UTMP_INIT ? GETTY_STARTS : LOG_OUT;
    if (record->type == UTMP_DEAD)
        return LOG_OUT;
    return begins_with(&record->user, "LOGIN") ? GETTY_WAITS : LOG_IN;
}

static enum meaning meaning_of(const struct utmp_record *record)
{
    bool is_machine = begins_with(&record->line, "~");
    if (is_machine || record->type == UTMP_RUN_LEVEL || record->type == UTMP_BOOT) {
        if (begins_with(&record->user, "shutdown") || begins_with(&record->user, "reboot"))
            return DOWN;
        if (begins_with(&record->user, "runlevel"))
            return level_meaning(record);
    }
    if (is_clock_change(record))
        return NOTHING;
    if (!is_machine && record->line.bytes > 0)
        return line_meaning(record);
    if (record->line.bytes == 0 && record->user.bytes == 0)
        return record->type < UTMP_TYPE_MAX ? NOTHING : SENSELESS;
    return type_meaning(record);
}

static int take_meaning(struct wtmp_reader *reader, const struct utmp_record *record, enum meaning meaning)
{
    switch (meaning) {
    case LOG_IN:
        if (record->type != UTMP_USER)
            reader_repair(&reader->base, REPAIR_TYPE_WRONG, NULL);
        return take_login(reader, record);
    case LOG_OUT:
        return take_logout(reader, record);
    case GETTY_STARTS:
    case GETTY_WAITS:
        return take_getty(reader, record, meaning == GETTY_STARTS);
    case DOWN:
        return take_down(reader, record);
    default:
        return 0;
    }
}

static int take_record(struct wtmp_reader *reader, const char *bytes)
{
    struct utmp_record record;
    utmp_record_of(reader->layout, bytes, &record);
    enum meaning meaning = record.at_ms < 0 ? SENSELESS : meaning_of(&record);
    if (meaning == SENSELESS)
        reader_repair(&reader->base, REPAIR_NOT_UNDERSTOOD, NULL);
    else
        reader->base.understood++;
    int code = take_meaning(reader, &record, meaning);
    reader->base.place.number += utmp_record_bytes_of(reader->layout);
    return code;
}

/* ---- the contract -------------------------------------------------------------------------------------- */

static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    size_t sensible, senseless;
    (void)whole;
    (void)utmp_layout_guess(head, bytes, &sensible, &senseless);
    if (sensible == 0)
        return RECOGNISED_NO;
    return senseless <= sensible ? RECOGNISED_YES : RECOGNISED_MAYBE;
}

static void destroy(struct reader *base)
{
    if (base == NULL)
        return;
    struct wtmp_reader *reader = own(base);
    held_ends_finish(&reader->held);
    free(reader->lines);
    hash_index_finish(&reader->index);
    blocks_finish(&reader->blocks);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    static const uint8_t seed[KEYED_HASH_SEED_BYTES] = {0}; /* nobody gains by lines that collide */
    struct wtmp_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader_init(&reader->base, settings, false);
    reader->line_free = HASH_INDEX_NONE;
    keyed_hash_expand(seed, &reader->keys);
    if (blocks_init(&reader->blocks, HEAD_BYTES))
        return &reader->base;
    destroy(&reader->base);
    return NULL;
}

static int begin_file(struct reader *base, const char *file)
{
    struct wtmp_reader *reader = own(base);
    reader->blocks.begun_bytes = 0;
    reader->layout_known = false;
    return reader_begin_file(base, file);
}

/* What is left behind whole records is told. */
static int take_head(struct wtmp_reader *reader, const char *bytes, size_t count)
{
    size_t sensible, senseless;
    int code = 0;
    reader->layout = utmp_layout_guess(bytes, count, &sensible, &senseless);
    reader->layout_known = true;
    size_t record_bytes = utmp_record_bytes_of(reader->layout);
    for (; code == 0 && count >= record_bytes; bytes += record_bytes, count -= record_bytes)
        code = take_record(reader, bytes);
    if (code == 0 && count > 0)
        reader_repair(&reader->base, REPAIR_TORN, NULL);
    return code;
}

static int feed(struct reader *base, const char *bytes, size_t count)
{
    struct wtmp_reader *reader = own(base);
    const char *block;
    int code = 0;
    if (!reader->layout_known && (block = blocks_next(&reader->blocks, HEAD_BYTES, &bytes, &count)) != NULL)
        code = take_head(reader, block, HEAD_BYTES);
    if (!reader->layout_known)
        return 0;
    size_t record_bytes = utmp_record_bytes_of(reader->layout);
    while (code == 0 && (block = blocks_next(&reader->blocks, record_bytes, &bytes, &count)) != NULL)
        code = take_record(reader, block);
    return code;
}

static int end_file(struct reader *base)
{
    struct wtmp_reader *reader = own(base);
    if (!reader->layout_known)
        return take_head(reader, reader->blocks.begun, reader->blocks.begun_bytes);
    if (reader->blocks.begun_bytes > 0)
        reader_repair(base, REPAIR_TORN, NULL);
    return 0;
}

static int end(struct reader *base)
{
    return give_held(own(base), INT64_MAX);
}

const struct reader_format reader_wtmp = {
    .name = "wtmp",
    .recognise = recognise,
    .create = create,
    .begin_file = begin_file,
    .feed = feed,
    .end_file = end_file,
    .end = end,
    .destroy = destroy,
};
