#include "writer_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *writer_saying_name(enum writer_saying saying)
{
    static const char *const names[] = {
        [WRITER_LOADED] = "loaded",
        [WRITER_WENT_BACK] = "went_back",
        [WRITER_OTHER_LINE] = "other_line",
        [WRITER_UNREADABLE] = "unreadable",
        [WRITER_FULL] = "full",
        [WRITER_ROOM] = "room",
        [WRITER_JOURNAL_BAD] = "journal_bad",
        [WRITER_JOURNAL_GOOD] = "journal_good",
    };
    static_assert(sizeof names / sizeof *names == WRITER_SAYING_MAX, "a name for each saying");
    return names[saying];
}

void writer_say(struct writer *writer, enum writer_saying saying, const char *detail)
{
    if (writer->settings.said != NULL)
        writer->settings.said(writer->settings.data, saying, detail);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static const struct {
    const char *path;
    char *(*text)(struct writer *writer);
    void (*judge)(struct writer *writer);
} steps[] = {
    [WRITER_LOAD_SEQ] = {WIRE_PATH_TXN, writer_load_seq_text, writer_judge_seq},
    [WRITER_LOAD_SESSIONS] = {WIRE_PATH_RANGE, writer_load_sessions_text, writer_judge_sessions},
    [WRITER_LOAD_BROKERS] = {WIRE_PATH_RANGE, writer_load_brokers_text, writer_judge_brokers},
    [WRITER_SEND] = {WIRE_PATH_TXN, writer_send_text, writer_judge_send},
};
static_assert(sizeof steps / sizeof *steps == WRITER_STEP_MAX, "each step is told");

/* SplitMix64. */
static uint64_t draw(uint64_t *chance)
{
    uint64_t z = *chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void writer_retry(struct writer *writer, const char *why)
{
    int64_t wait_ms =
        writer->failures < 16 ? (int64_t)WRITER_RETRY_FIRST_MS << writer->failures : WRITER_RETRY_LAST_MS;
    if (wait_ms > WRITER_RETRY_LAST_MS)
        wait_ms = WRITER_RETRY_LAST_MS;
    writer->failures++;
    error_detail_set(&writer->failure, "%s", why);
    writer->due_ms =
        writer->now_ms + wait_ms / 2 + (int64_t)(draw(&writer->chance) % (uint64_t)(wait_ms / 2 + 1));
}

static void read_seq(struct writer *writer, const struct wire_kv *kv)
{
    struct writer_seq *ret = &writer->answer.seq;
    struct record_seq *seq = calloc(1, sizeof *seq);
    ret->is_there = true;
    ret->version = kv->version;
    ret->opened = seq != NULL && record_seq_read(writer->settings.farm, kv, seq, &ret->detail) == 0;
    if (seq == NULL)
        writer->answer.error = ERROR_NO_MEMORY;
    if (ret->opened) {
        memcpy(ret->line, seq->instance, sizeof ret->line);
        ret->through = seq->through;
    }
    free(seq);
}

static int on_kv(void *data, const struct wire_kv *kv)
{
    struct writer *writer = data;
    if (strcmp(kv->key, writer->seq_key.text) != 0)
        return writer_load_kv(writer, kv);
    read_seq(writer, kv);
    return writer->answer.error;
}

static int on_message(void *data, const struct wire_message *message)
{
    struct writer *writer = data;
    writer->answer.has_message = true;
    writer->answer.message = *message;
    return 0;
}

static void on_done(void *data, int error, const char *detail)
{
    struct writer *writer = data;
    writer->asked_id = 0;
    writer->asked_answered = true;
    writer->answer.error = error;
    error_detail_set(&writer->answer.detail, "%s: %s", error_text(error), detail);
    if (writer->settings.wake != NULL)
        writer->settings.wake(writer->settings.data);
}

static void ask(struct writer *writer)
{
    static const struct etcd_told told = {on_kv, on_message, on_done};
    const struct farm_port *port = &writer->settings.port;
    writer->answer = (struct writer_answer){.has_message = false};
    int64_t id =
        port->ask(port->etcd, steps[writer->step].path, steps[writer->step].text(writer), &told, writer);
    if (id < 0)
        writer_retry(writer, error_text((int)id));
    else
        writer->asked_id = id;
}

static void judge(struct writer *writer)
{
    const struct wire_message *message = &writer->answer.message;
    writer->asked_answered = false;
    if (writer->answer.error != 0) {
        writer_retry(writer, writer->answer.detail.text);
    } else if (!writer->answer.has_message) {
        writer_retry(writer, "an answer without a message");
    } else if (message->failed) {
        if (writer->step != WRITER_SEND && message->code == WIRE_OUT_OF_RANGE)
            writer->step = WRITER_LOAD_SEQ; /* compacted while it was read */
        writer_retry(writer, message->text);
    } else {
        writer->failures = 0;
        writer->due_ms = 0;
        writer->revision = message->revision;
        steps[writer->step].judge(writer);
    }
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static bool has_to_ask(const struct writer *writer)
{
    if (writer->asked_id != 0 || writer->held || writer->stopped)
        return false;
    return writer->step != WRITER_SEND || writer->looks || writer_has_to_send(writer);
}

void writer_pass(struct writer *writer, int64_t now_ms, int64_t licence_ms)
{
    writer->now_ms = now_ms;
    writer->licence_ms = licence_ms;
    if (writer->asked_answered)
        judge(writer);
    writer_journal_pass(writer);
    if (!has_to_ask(writer) || now_ms < writer->due_ms)
        return;
    if (writer->looks) {
        writer->looks = writer->loaded = false;
        writer->step = WRITER_LOAD_SEQ;
    }
    ask(writer);
}

int64_t writer_due_ms(const struct writer *writer)
{
    int64_t due_ms = writer_journal_due_ms(writer);
    if (writer->asked_answered)
        return 0;
    if (has_to_ask(writer) && writer->due_ms < due_ms)
        due_ms = writer->due_ms;
    return due_ms;
}

void writer_look(struct writer *writer)
{
    writer->looks = true;
}

void writer_hold(struct writer *writer, bool held)
{
    writer->held = held;
}

void writer_stop(struct writer *writer)
{
    writer->stopped = true;
}

struct writer_status writer_status(const struct writer *writer)
{
    return (struct writer_status){
        .loaded = writer->loaded,
        .full = writer->full,
        .waiting = writer->unsent_count,
        .oldest_ms = writer->unsent == NULL ? 0 : writer->unsent->kept->at_ms,
        .through = writer->through,
        .revision = writer->revision,
        .failures = writer->failures,
        .failure = writer->failure.text,
    };
}

/* ---- what the journal kept ----------------------------------------------------------------------------- */

static void take_told(struct writer *writer, const struct change *change)
{
    if (change->type == CHANGE_BOOTED && strcmp(change->host, writer->host) == 0)
        memcpy(writer->boot_id, change->boot_id, sizeof writer->boot_id);
    if (change->type == CHANGE_SESSION && strcmp(change->host, writer->host) == 0)
        (void)book_write(&writer->sessions, change);
    if (change->type == CHANGE_BROKER)
        (void)book_write(&writer->brokers, change);
}

/* What stands under a key was told by the last change of it. An end that waits is remembered as such. */
static void take_change(struct writer *writer, const struct change *change)
{
    if (change->number <= writer->last_number || !writer_add(writer, change, false, false))
        return;
    writer->last->journalled = writer->last->booked = writer->last->answered = writer->last->former = true;
    writer->last_number = change->number;
    struct book *book = change->type == CHANGE_BROKER ? &writer->brokers : &writer->sessions;
    struct book_line *line = book_find(book, change->host, change->id);
    if (line == NULL && change->type == CHANGE_SESSION_END &&
        (line = book_write(&writer->sessions, change)) != NULL)
        line->ended = true;
    if (line != NULL && change->type != CHANGE_BROKER_END)
        line->kept->number = change->number;
}

static void take_kept(struct writer *writer, const struct farm_journal_kept *kept)
{
    struct error_detail detail;
    struct change change;
    memcpy(writer->line, kept->line, strnlen(kept->line, RECORD_INSTANCE_BYTES_MAX));
    writer->through = writer->last_number = writer->dropped = kept->through;
    for (size_t i = 0; i < kept->told_count; i++)
        if (change_read(kept->told[i], strlen(kept->told[i]), &change, &detail) == 0)
            take_told(writer, &change);
    for (size_t i = 0; i < kept->change_count; i++)
        if (change_read(kept->changes[i], strlen(kept->changes[i]), &change, &detail) == 0)
            take_change(writer, &change);
    writer->unwritten = NULL;
    writer->journalled = writer->last_number;
    writer->line_tried = true;
    writer->sure_tried = writer->sure_through = writer->sent_through =
        kept->sure_through > kept->through ? kept->sure_through : kept->through;
}

struct writer *writer_create(const struct writer_settings *settings, const struct farm_journal_kept *kept)
{
    struct writer *writer = calloc(1, sizeof *writer);
    uint8_t seed[KEYED_HASH_SEED_BYTES] = {0};
    if (writer == NULL)
        return NULL;
    writer->settings = *settings;
    if (writer->settings.changes_max == 0)
        writer->settings.changes_max = WRITER_CHANGES_MAX;
    writer->chance = settings->seed;
    for (size_t i = 0; i < sizeof seed; i += sizeof(uint64_t))
        memcpy(seed + i, &(uint64_t){draw(&writer->chance)}, sizeof(uint64_t));
    memcpy(writer->host, settings->host, strnlen(settings->host, CONNECTION_HOST_BYTES_MAX));
    memcpy(writer->instance, settings->instance, strnlen(settings->instance, RECORD_INSTANCE_BYTES_MAX));
    writer->seq_key = record_key(settings->farm, RECORD_SEQ, writer->host, NULL);
    writer->boot_key = record_key(settings->farm, RECORD_BOOT, writer->host, NULL);
    writer->sessions_prefix = record_prefix(settings->farm, RECORD_SESSION, writer->host);
    writer->brokers_prefix = record_prefix(settings->farm, RECORD_BROKER, writer->host);
    if (!book_init(&writer->sessions, seed) || !book_init(&writer->brokers, seed) ||
        !book_init(&writer->broker_loads, seed)) {
        writer_destroy(writer);
        return NULL;
    }
    take_kept(writer, kept);
    if (writer->line[0] == '\0') {
        memcpy(writer->line, writer->instance, sizeof writer->line);
        writer->is_new = writer->begins = writer->forgets = true;
        writer->line_tried = false;
    }
    return writer;
}

void writer_destroy(struct writer *writer)
{
    if (writer == NULL)
        return;
    while (writer->first != NULL) {
        struct waiting *waiting = writer->first;
        writer->first = waiting->next;
        free(waiting->kept);
        free(waiting);
    }
    for (size_t i = 0; i < writer->missed_count; i++)
        free(writer->missed[i]);
    free(writer->missed);
    writer_forget_loads(writer);
    book_finish(&writer->sessions);
    book_finish(&writer->brokers);
    book_finish(&writer->broker_loads);
    free(writer);
}
