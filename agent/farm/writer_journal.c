/* writer_journal.c - changes become durable, and go when both the journal and the farm have them. */
#include "writer_private.h"

#include <stdlib.h>
#include <string.h>

bool writer_add(struct writer *writer, const struct change *change, bool only_kept, bool sweeps)
{
    struct waiting *waiting = calloc(1, sizeof *waiting);
    struct kept_change *kept = kept_create(change);
    if (waiting == NULL || kept == NULL) {
        free(waiting);
        free(kept);
        return false;
    }
    *waiting = (struct waiting){.kept = kept, .only_kept = only_kept, .sweeps = sweeps};
    if (writer->last == NULL)
        writer->first = waiting;
    else
        writer->last->next = waiting;
    writer->last = waiting;
    if (writer->unwritten == NULL)
        writer->unwritten = waiting;
    if (writer->unsent == NULL && !only_kept)
        writer->unsent = waiting;
    writer->count++;
    writer->unsent_count += !only_kept;
    return true;
}

bool writer_may_send(const struct writer *writer, const struct waiting *waiting)
{
    return waiting->answered && writer->line_tried &&
           (!waiting->journalled || waiting->kept->number <= writer->sure_tried);
}

struct record_key writer_key(const struct writer *writer, const struct kept_change *kept)
{
    static const enum record_kind kinds[] = {
        [CHANGE_BOOTED] = RECORD_BOOT,         [CHANGE_SESSION] = RECORD_SESSION,
        [CHANGE_SESSION_END] = RECORD_SESSION, [CHANGE_BROKER] = RECORD_BROKER,
        [CHANGE_BROKER_END] = RECORD_BROKER,
    };
    return record_key(writer->settings.farm, kinds[kept->type], kept->host,
                      kept->type == CHANGE_BOOTED ? NULL : kept->id);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

/* An entry with room for its texts. */
struct line {
    struct record_key key;
    char *text;
};

static void free_lines(struct line *lines, size_t count)
{
    for (size_t i = 0; i < count && lines != NULL; i++)
        free(lines[i].text);
    free(lines);
}

static bool fill(const struct writer *writer, const struct waiting *waiting, struct line *line,
                 struct farm_journal_entry *entry)
{
    const struct kept_change *kept = waiting->kept;
    struct change change = kept_change(kept);
    line->key = writer_key(writer, kept);
    line->text = change_text(&change);
    *entry = (struct farm_journal_entry){.number = waiting->only_kept ? 0 : kept->number,
                                         .text = line->text,
                                         .key = waiting->booked ? NULL : line->key.text,
                                         .ended = kept->type == CHANGE_SESSION_END ||
                                                  kept->type == CHANGE_BROKER_END};
    if (waiting->sweeps && !waiting->booked) {
        entry->swept[0] = writer->sessions_prefix.text;
        entry->swept[1] = writer->brokers_prefix.text;
    }
    return line->text != NULL;
}

static void on_written(void *data, int error, const char *detail);

static int write_entries(struct writer *writer, const struct farm_journal_entry *entries, size_t count)
{
    const struct farm_journal_write write = {.line = writer->written_begins ? writer->line : NULL,
                                             .forget = writer->written_forgets,
                                             .drop_through = writer->through,
                                             .sure_through = writer->sure_through,
                                             .entries = entries,
                                             .count = count};
    return writer->settings.journal.write(writer->settings.journal.journal, &write, on_written, writer);
}

/* A line that begins is written whole: what were left for the next write would be lost between. */
static int write_next(struct writer *writer)
{
    bool whole = writer->written_begins || writer->count < WRITER_JOURNAL_MAX;
    size_t room = whole ? writer->count : WRITER_JOURNAL_MAX, count = 0;
    struct line *lines = calloc(room + 1, sizeof *lines);
    struct farm_journal_entry *entries = calloc(room + 1, sizeof *entries);
    int error = lines == NULL || entries == NULL ? ERROR_NO_MEMORY : 0;
    for (struct waiting *waiting = writer->unwritten; error == 0 && waiting != NULL && count < room;
         waiting = waiting->next) {
        error = fill(writer, waiting, &lines[count], &entries[count]) ? 0 : ERROR_NO_MEMORY;
        writer->written_last = waiting;
        if (!waiting->only_kept)
            writer->written_number = waiting->kept->number;
        count++;
    }
    if (writer->loaded_once)
        writer->sure_through = writer->written_number;
    if (error == 0)
        error = write_entries(writer, entries, count);
    free_lines(lines, count);
    free(entries);
    return error;
}

static bool wants_sure(const struct writer *writer)
{
    return writer->loaded_once && writer->journalled > writer->sure_tried;
}

static bool wants_drop(const struct writer *writer)
{
    return writer->through > writer->dropped;
}

void writer_journal_pass(struct writer *writer)
{
    if (writer_journal_due_ms(writer) > writer->now_ms)
        return;
    writer->dropped = writer->through;
    writer->writing = true;
    writer->written_first = writer->unwritten;
    writer->written_last = NULL;
    writer->written_number = writer->journalled;
    writer->written_begins = writer->begins;
    writer->written_forgets = writer->begins && writer->forgets;
    writer->written_stale = false;
    writer->begins = writer->forgets = false;
    int error = write_next(writer);
    if (error != 0)
        on_written(writer, error, error_text(error));
}

int64_t writer_journal_due_ms(const struct writer *writer)
{
    if (writer->writing || writer->stopped)
        return WRITER_NEVER;
    if (writer->unwritten != NULL || writer->begins || wants_sure(writer))
        return writer->journal_due_ms;
    if (!wants_drop(writer))
        return WRITER_NEVER;
    return writer->drop_due_ms > writer->journal_due_ms ? writer->drop_due_ms : writer->journal_due_ms;
}

/* ---- written ------------------------------------------------------------------------------------------- */

static bool farm_has(const struct writer *writer, const struct waiting *waiting)
{
    return waiting->only_kept || waiting->kept->number <= writer->through;
}

/* What is under way to the journal stays: the answer is about it. */
static void forget_done(struct writer *writer)
{
    while (writer->first != NULL && writer->first->journalled && farm_has(writer, writer->first)) {
        struct waiting *waiting = writer->first;
        writer->first = waiting->next;
        if (writer->first == NULL)
            writer->last = NULL;
        writer->count--;
        free(waiting->kept);
        free(waiting);
    }
    if (!writer->full || writer->count > writer->settings.changes_max / 2)
        return;
    writer->full = false;
    writer_say(writer, WRITER_ROOM, "what came and went meanwhile is lost");
    if (writer->has_missed)
        writer_tell_missed(writer);
}

static void journal_failed(struct writer *writer, const char *detail)
{
    int64_t wait_ms = writer->journal_failures < 16
                          ? (int64_t)WRITER_JOURNAL_FIRST_MS << writer->journal_failures
                          : WRITER_JOURNAL_LAST_MS;
    if (writer->journal_failures++ == 0)
        writer_say(writer, WRITER_JOURNAL_BAD, detail);
    writer->journal_due_ms =
        writer->now_ms + (wait_ms < WRITER_JOURNAL_LAST_MS ? wait_ms : WRITER_JOURNAL_LAST_MS);
    writer->dropped = 0;
}

static void journal_good(struct writer *writer)
{
    if (writer->journal_failures > 0)
        writer_say(writer, WRITER_JOURNAL_GOOD, "");
    writer->journal_failures = 0;
}

/* Senders may offer more from their callbacks. */
static void answer(struct waiting *waiting, int error, const char *detail)
{
    farm_done_fn *done = waiting->done;
    waiting->done = NULL;
    waiting->answered = true;
    if (done != NULL)
        done(waiting->done_data, error, detail);
}

static void written(struct writer *writer, int error, const char *detail)
{
    struct waiting *waiting = writer->written_first, *last = writer->written_last;
    bool kept = error == 0 && !writer->written_stale;
    if (kept && last != NULL)
        writer->unwritten = last->next;
    if (kept)
        writer->journalled = writer->written_number;
    if (!writer->written_stale) {
        writer->sure_tried = writer->sure_through;
        writer->line_tried = true;
    }
    while (last != NULL && waiting != NULL) {
        struct waiting *next = waiting == last ? NULL : waiting->next;
        waiting->journalled = kept;
        waiting->booked = waiting->booked || error == 0;
        if (waiting == writer->retold)
            writer->retold = NULL;
        answer(waiting, error, detail);
        waiting = next;
    }
}

static void on_written(void *data, int error, const char *detail)
{
    struct writer *writer = data;
    writer->writing = false;
    if (error != 0) {
        journal_failed(writer, detail);
        writer->begins = writer->begins || writer->written_begins;
        writer->forgets = writer->forgets || writer->written_forgets;
    } else {
        journal_good(writer);
    }
    written(writer, error, detail);
    forget_done(writer);
    if (writer->settings.wake != NULL)
        writer->settings.wake(writer->settings.data);
}

/* ---- what the farm has --------------------------------------------------------------------------------- */

/* An end that the farm has heard of need not be remembered. */
static void strike_ended(struct writer *writer, const struct kept_change *kept)
{
    struct book_line *line = book_find(&writer->sessions, kept->host, kept->id);
    if (line != NULL && line->ended && line->kept->number <= writer->through)
        book_strike(&writer->sessions, line);
}

static void strike_swept(struct writer *writer)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    while ((line = book_next(&writer->sessions, &cursor)) != NULL)
        if (line->ended && line->kept->number <= writer->through)
            book_strike(&writer->sessions, line);
}

static void heard_of(struct writer *writer, const struct waiting *waiting)
{
    const struct kept_change *kept = waiting->kept;
    writer->unsent_count--;
    if (kept->type == CHANGE_BOOTED)
        memcpy(writer->farm_boot_id, kept->boot_id, strlen(kept->boot_id) + 1);
    if (waiting->sweeps)
        strike_swept(writer);
    if (kept->type == CHANGE_SESSION_END)
        strike_ended(writer, kept);
}

void writer_commit(struct writer *writer, uint64_t through)
{
    if (through <= writer->through)
        return;
    writer->through = through;
    while (writer->unsent != NULL && farm_has(writer, writer->unsent)) {
        struct waiting *waiting = writer->unsent;
        writer->unsent = waiting->next;
        if (!waiting->only_kept)
            heard_of(writer, waiting);
    }
    if (writer->drop_due_ms <= writer->now_ms)
        writer->drop_due_ms = writer->now_ms + WRITER_DROP_MS;
    forget_done(writer);
}

/* It is not on its way any more. */
static void forget_change(struct writer *writer, struct waiting *waiting)
{
    const struct kept_change *kept = waiting->kept;
    struct book *books[] = {&writer->sessions, &writer->brokers};
    waiting->only_kept = true;
    writer->unsent_count--;
    for (size_t i = 0; i < 2; i++) {
        struct book_line *line = book_find(books[i], kept->host, kept->id);
        if (line == NULL || line->kept->number != kept->number)
            continue;
        if (line->ended)
            book_strike(books[i], line);
        else
            line->kept->number = 0;
    }
}

/* A process tells of its boot behind all that its journal had: where the farm knows the boot, it knows these.
 * Told again they would be live for ever, as the same boot ends nothing twice. */
void writer_forget_former(struct writer *writer)
{
    const struct waiting *boot = NULL;
    for (const struct waiting *waiting = writer->unsent; waiting != NULL; waiting = waiting->next)
        if (!waiting->only_kept && waiting->kept->type == CHANGE_BOOTED &&
            strcmp(waiting->kept->boot_id, writer->farm_boot_id) == 0)
            boot = waiting;
    if (boot == NULL)
        return;
    for (; writer->unsent != boot && writer->unsent->former; writer->unsent = writer->unsent->next)
        if (!writer->unsent->only_kept)
            forget_change(writer, writer->unsent);
}

static void shift_book(struct writer *writer, struct book *book, uint64_t by)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    while ((line = book_next(book, &cursor)) != NULL)
        if (line->kept->number > writer->through)
            line->kept->number += by;
}

/* What waits keeps its order, and gets numbers that nobody has used. */
static void renumber(struct writer *writer, uint64_t behind)
{
    struct waiting *waiting = writer->unsent;
    if (waiting == NULL || waiting->kept->number == behind + 1)
        return;
    uint64_t by = behind + 1 - waiting->kept->number; /* either way */
    shift_book(writer, &writer->sessions, by);
    shift_book(writer, &writer->brokers, by);
    for (; waiting != NULL; waiting = waiting->next)
        if (!waiting->only_kept)
            waiting->kept->number += by;
    writer->last_number += by;
}

void writer_begin_line(struct writer *writer, uint64_t behind)
{
    renumber(writer, behind);
    if (writer->through < behind)
        writer->through = behind;
    if (writer->last_number < writer->through)
        writer->last_number = writer->through;
    memcpy(writer->line, writer->instance, sizeof writer->line);
    writer->begins = true;
    writer->line_tried = false;
    writer->journalled = writer->sure_through = writer->sure_tried = writer->through;
    writer->written_stale = writer->writing;
    writer->unwritten = writer->first;
    for (struct waiting *waiting = writer->first; waiting != NULL; waiting = waiting->next)
        waiting->journalled = false;
}
