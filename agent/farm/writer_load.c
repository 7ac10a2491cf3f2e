/* writer_load.c - what the farm knows of this host: read at the start, and whenever it cannot be what it was.
 *
 *     seq/H and boot/H at one revision ──► s/H/ as of it, page by page ──► the difference to what was told
 *                                               └──► b/, where etcd or the journal lost something ──┘ */
#include "writer_private.h"

#include <stdlib.h>
#include <string.h>

char *writer_load_seq_text(struct writer *writer)
{
    const struct wire_op looks[] = {{.type = WIRE_RANGE, .key = writer->seq_key.text},
                                    {.type = WIRE_RANGE, .key = writer->boot_key.text}};
    const struct wire_txn txn = {.success = looks, .success_count = 2};
    writer_forget_loads(writer);
    writer->farm_boot_id[0] = writer->load_after[0] = '\0';
    return wire_txn_text(&txn);
}

char *writer_load_sessions_text(struct writer *writer)
{
    const struct wire_op page = {.type = WIRE_RANGE,
                                 .key = writer->sessions_prefix.text,
                                 .prefix = true,
                                 .revision = writer->load_revision,
                                 .limit = WRITER_PAGE,
                                 .after_key = writer->load_after[0] == '\0' ? NULL : writer->load_after};
    return wire_range_text(&page);
}

/* A broker may have spoken of any host through this one. */
char *writer_load_brokers_text(struct writer *writer)
{
    const struct record_key prefix = record_prefix(writer->settings.farm, RECORD_BROKER, NULL);
    const struct wire_op page = {.type = WIRE_RANGE,
                                 .key = prefix.text,
                                 .prefix = true,
                                 .revision = writer->load_revision,
                                 .limit = WRITER_PAGE,
                                 .after_key = writer->load_after[0] == '\0' ? NULL : writer->load_after};
    return wire_range_text(&page);
}

static void forget_sessions(struct writer *writer)
{
    while (writer->loads != NULL) {
        struct writer_loaded *loaded = writer->loads;
        writer->loads = loaded->next;
        free(loaded->kept);
        free(loaded);
    }
}

static void forget_brokers(struct book *loads, const char *host)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    while (loads->heads != NULL && (line = book_next(loads, &cursor)) != NULL)
        if (host == NULL || strcmp(line->kept->host, host) == 0)
            book_strike(loads, line);
}

void writer_forget_loads(struct writer *writer)
{
    forget_sessions(writer);
    forget_brokers(&writer->broker_loads, NULL);
}

/* ---- keys as they are read ----------------------------------------------------------------------------- */

static int load_session(struct writer *writer, const struct change *change)
{
    struct writer_loaded *loaded = calloc(1, sizeof *loaded);
    if (loaded != NULL)
        loaded->kept = kept_create(change);
    if (loaded == NULL || loaded->kept == NULL) {
        free(loaded);
        return ERROR_NO_MEMORY;
    }
    loaded->next = writer->loads;
    writer->loads = loaded;
    return 0;
}

/* The release before did not write who told: then it is whose journal knows of it. */
static int load_broker(struct writer *writer, const struct change *change)
{
    bool is_ours = change->told_by[0] != '\0' ? strcmp(change->told_by, writer->host) == 0
                                              : book_find(&writer->brokers, change->host, change->id) != NULL;
    return is_ours && book_write(&writer->broker_loads, change) == NULL ? ERROR_NO_MEMORY : 0;
}

/* What does not open is nobody's: no leader will count it. */
int writer_load_kv(struct writer *writer, const struct wire_kv *kv)
{
    struct error_detail detail;
    struct change change;
    int error = 0;
    if (record_change_read(writer->settings.farm, kv, &change, &detail) != 0)
        change = (struct change){.type = CHANGE_TYPE_MAX};
    if (change.type == CHANGE_BOOTED && writer->step == WRITER_LOAD_SEQ)
        memcpy(writer->farm_boot_id, change.boot_id, sizeof writer->farm_boot_id);
    if (writer->step != WRITER_LOAD_SESSIONS && writer->step != WRITER_LOAD_BROKERS)
        return 0;
    if (change.type == CHANGE_SESSION && strcmp(change.host, writer->host) == 0)
        error = load_session(writer, &change);
    if (change.type == CHANGE_BROKER)
        error = load_broker(writer, &change);
    if (error == 0)
        memcpy(writer->load_after, kv->key, strlen(kv->key) + 1);
    return error;
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

/* What seq/H says of what this host has told. */
enum finding { AS_IT_WAS, WENT_BACK, OTHER_LINE };

static bool is_ours(const struct writer *writer)
{
    return writer->loaded_seq.opened && strcmp(writer->loaded_seq.line, writer->line) == 0;
}

static enum finding find(const struct writer *writer)
{
    const struct writer_seq *seq = &writer->loaded_seq;
    if (!seq->is_there)
        return writer->through > 0 ? WENT_BACK : AS_IT_WAS;
    if (!seq->opened || seq->through < writer->through) /* lines only go on: so has a former one */
        return WENT_BACK;
    return is_ours(writer) && seq->through <= writer->sent_through ? AS_IT_WAS : OTHER_LINE;
}

/* How far the farm is, and whose numbers these are. */
static void take_finding(struct writer *writer, enum finding finding)
{
    const struct writer_seq *seq = &writer->loaded_seq;
    writer->seq_version = seq->is_there ? seq->version : 0;
    if (seq->is_there && !seq->opened)
        writer_say(writer, WRITER_UNREADABLE, seq->detail.text);
    if (finding == AS_IT_WAS && seq->is_there)
        writer_commit(writer, seq->through);
    if (finding == WENT_BACK) {
        writer_say(writer, WRITER_WENT_BACK, "etcd has less of this host than it had: all is told anew");
        writer_forget_former(writer);
    }
    if (finding != OTHER_LINE)
        return;
    if (is_ours(writer)) /* went on without the journal: what that had then is told */
        writer_commit(writer, writer->sent_through);
    if (!writer->is_new)
        writer_say(writer, WRITER_OTHER_LINE, seq->line);
    writer_forget_former(writer);
    writer_begin_line(writer, seq->through);
    writer->sent_through = writer->through;
}

/* ---- the difference ------------------------------------------------------------------------------------ */

/* A change of it is on its way to the farm: what stands there now does not count. */
static bool is_under_way(const struct writer *writer, const struct book_line *line)
{
    return line->kept->number > writer->through;
}

/* The number of a boot that the farm has not heard of yet; 0: there is none. */
static uint64_t boot_under_way(const struct writer *writer)
{
    for (const struct waiting *waiting = writer->unsent; waiting != NULL; waiting = waiting->next)
        if (!waiting->only_kept && waiting->kept->type == CHANGE_BOOTED)
            return waiting->kept->number;
    return 0;
}

static bool tell_again(struct writer *writer, const struct book_line *line)
{
    struct change change = kept_change(line->kept);
    change.at_ms = writer->licence_ms;
    return writer_tell(writer, &change);
}

/* The journal learns what stands under a key; the farm has it so. */
static bool keep(struct writer *writer, const struct kept_change *kept, enum change_type type)
{
    struct change change = kept_change(kept);
    change.type = type;
    change.number = writer->through > 0 ? writer->through : 1;
    if (!writer_add(writer, &change, true, false))
        return false;
    if (type == CHANGE_SESSION)
        return book_write(&writer->sessions, &change) != NULL;
    return type != CHANGE_BROKER || book_write(&writer->brokers, &change) != NULL;
}

/* What was told before a boot that ended it, when it was not known that it would. */
static bool end_by_boot(struct writer *writer, struct book *book, uint64_t number)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    bool good = true;
    while (good && (line = book_next(book, &cursor)) != NULL) {
        if (line->kept->number >= number || strcmp(line->kept->host, writer->host) != 0)
            continue;
        good = keep(writer, line->kept, book == &writer->brokers ? CHANGE_BROKER_END : CHANGE_SESSION_END);
        if (good)
            book_strike(book, line);
    }
    return good;
}

/* The first boot that the farm hears of ends nothing: what is told before it has to be ended one by one. */
static bool end_before_first_boot(struct writer *writer, uint64_t number)
{
    bool good = true;
    for (const struct waiting *waiting = writer->unsent; good && waiting->kept->number != number;
         waiting = waiting->next) {
        const struct kept_change *kept = waiting->kept;
        bool is_session = kept->type == CHANGE_SESSION;
        if (waiting->only_kept || (!is_session && kept->type != CHANGE_BROKER) ||
            strcmp(kept->host, writer->host) != 0)
            continue;
        const struct book_line *line =
            book_find(is_session ? &writer->sessions : &writer->brokers, kept->host, kept->id);
        struct change change =
            writer_change(writer, is_session ? CHANGE_SESSION_END : CHANGE_BROKER_END, kept->host, kept->id);
        if (line == NULL || line->ended)
            good = writer_tell(writer, &change);
    }
    return good;
}

/* The boot is told before the sessions. *ret_ends: it ends all of this host, also what is under way before
 * it. */
static bool compare_boot(struct writer *writer, bool *ret_ends)
{
    bool other = writer->farm_boot_id[0] != '\0' && strcmp(writer->farm_boot_id, writer->boot_id) != 0;
    uint64_t number = boot_under_way(writer);
    *ret_ends = false;
    if (writer->boot_id[0] == '\0') {
        memcpy(writer->boot_id, writer->farm_boot_id, sizeof writer->boot_id);
        return true;
    }
    if (other) { /* they end by the boot */
        forget_sessions(writer);
        forget_brokers(&writer->broker_loads, writer->host);
    }
    if (number != 0 && writer->farm_boot_id[0] == '\0')
        return end_before_first_boot(writer, number);
    if (number != 0)
        return !other || (end_by_boot(writer, &writer->sessions, number) &&
                          end_by_boot(writer, &writer->brokers, number));
    if (!other && writer->farm_boot_id[0] != '\0')
        return true;
    struct change change = writer_change(writer, CHANGE_BOOTED, writer->host, "");
    memcpy(change.boot_id, writer->boot_id, sizeof change.boot_id);
    *ret_ends = other;
    return writer_tell(writer, &change);
}

/* The sources have spoken: they are right. */
static bool tell_difference(struct writer *writer, bool ends)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    bool good = true;
    writer->sessions.set++;
    for (struct writer_loaded *loaded = writer->loads; loaded != NULL && good; loaded = loaded->next) {
        line = book_find(&writer->sessions, loaded->kept->host, loaded->kept->id);
        if (line == NULL) {
            struct change change =
                writer_change(writer, CHANGE_SESSION_END, loaded->kept->host, loaded->kept->id);
            good = writer_tell(writer, &change);
        } else if (kept_equal(line->kept, loaded->kept)) {
            line->seen = writer->sessions.set;
        }
    }
    while (good && (line = book_next(&writer->sessions, &cursor)) != NULL)
        if (!line->ended && (ends || !is_under_way(writer, line)) && line->seen != writer->sessions.set)
            good = tell_again(writer, line);
    return good;
}

/* The sources have not spoken yet: the farm's word holds until they do, and the journal learns of it. */
static bool adopt(struct writer *writer, bool ends)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    bool good = true;
    writer->sessions.set++;
    for (struct writer_loaded *loaded = writer->loads; loaded != NULL && good; loaded = loaded->next) {
        line = book_find(&writer->sessions, loaded->kept->host, loaded->kept->id);
        if (line != NULL && (is_under_way(writer, line) || kept_equal(line->kept, loaded->kept)))
            line->seen = writer->sessions.set;
        else if (!(good = keep(writer, loaded->kept, CHANGE_SESSION)))
            break;
        else
            book_find(&writer->sessions, loaded->kept->host, loaded->kept->id)->seen = writer->sessions.set;
    }
    while (good && (line = book_next(&writer->sessions, &cursor)) != NULL) {
        if (line->seen == writer->sessions.set || (!ends && is_under_way(writer, line)))
            continue;
        good = keep(writer, line->kept, CHANGE_SESSION_END);
        if (good)
            book_strike(&writer->sessions, line);
    }
    return good;
}

/* What is on its way to the farm is newer than what stands there. */
static void forget_overtaken(struct writer *writer)
{
    for (const struct waiting *waiting = writer->unsent; waiting != NULL; waiting = waiting->next) {
        const struct kept_change *kept = waiting->kept;
        bool is_broker = kept->type == CHANGE_BROKER || kept->type == CHANGE_BROKER_END;
        struct book_line *line =
            is_broker && !waiting->only_kept ? book_find(&writer->broker_loads, kept->host, kept->id) : NULL;
        if (line != NULL)
            book_strike(&writer->broker_loads, line);
    }
}

/* What brokers said here, and is over by this host's journal, but stands in what was put back. */
static bool end_put_back(struct writer *writer)
{
    struct book_cursor cursor = {0};
    const struct book_line *line;
    bool good = true;
    while (good && (line = book_next(&writer->broker_loads, &cursor)) != NULL) {
        if (book_find(&writer->brokers, line->kept->host, line->kept->id) != NULL)
            continue;
        struct change change = writer_change(writer, CHANGE_BROKER_END, line->kept->host, line->kept->id);
        good = writer_tell(writer, &change);
    }
    return good;
}

/* Another line has gone on, or the journal was lost: the farm's word holds, so that the next set that a
 * broker tells here ends what is not in it. */
static bool adopt_brokers(struct writer *writer, bool ends)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    bool good = true;
    while (good && (line = book_next(&writer->brokers, &cursor)) != NULL) {
        bool is_retold = ends && strcmp(line->kept->host, writer->host) == 0;
        if (is_retold || is_under_way(writer, line) ||
            book_find(&writer->broker_loads, line->kept->host, line->kept->id) != NULL)
            continue;
        good = keep(writer, line->kept, CHANGE_BROKER_END);
        if (good)
            book_strike(&writer->brokers, line);
    }
    cursor = (struct book_cursor){0};
    while (good && (line = book_next(&writer->broker_loads, &cursor)) != NULL) {
        const struct book_line *known = book_find(&writer->brokers, line->kept->host, line->kept->id);
        if (known == NULL || !kept_equal(known->kept, line->kept))
            good = keep(writer, line->kept, CHANGE_BROKER);
    }
    return good;
}

static bool tell_brokers_again(struct writer *writer, bool ends, bool went_back)
{
    struct book_cursor cursor = {0};
    struct book_line *line;
    bool good = true;
    while (good && (line = book_next(&writer->brokers, &cursor)) != NULL)
        if ((ends && strcmp(line->kept->host, writer->host) == 0) ||
            (went_back && !is_under_way(writer, line)))
            good = tell_again(writer, line);
    return good;
}

static bool compare_brokers(struct writer *writer, enum finding finding, bool ends)
{
    bool good = true;
    forget_overtaken(writer);
    if (finding == WENT_BACK)
        good = end_put_back(writer);
    if (finding == OTHER_LINE)
        good = adopt_brokers(writer, ends);
    return good && tell_brokers_again(writer, ends, finding == WENT_BACK);
}

/* Brokers do not speak by themselves: where etcd lost what they said, this host says it again. Where another
 * line has gone on, what this journal knows of them may be long over. */
static void compare(struct writer *writer)
{
    enum finding finding = find(writer);
    take_finding(writer, finding);
    struct waiting *before = writer->last;
    bool ends;
    bool good = compare_boot(writer, &ends) &&
                (writer->enumerated ? tell_difference(writer, ends) : adopt(writer, ends));
    if (good)
        good = compare_brokers(writer, finding, ends);
    writer_forget_loads(writer);
    writer_end_batch(writer, before, NULL, NULL);
    if (writer->last != before)
        writer->retold = writer->last; /* seq/H will not tell again that it has to be */
    writer->step = good ? WRITER_SEND : WRITER_LOAD_SEQ;
    if (!good) {
        writer_retry(writer, error_text(ERROR_NO_MEMORY));
        return;
    }
    writer->is_new = false;
    writer->loaded = writer->loaded_once = true;
    writer_say(writer, WRITER_LOADED, "");
}

/* ---- answers ------------------------------------------------------------------------------------------- */

void writer_judge_seq(struct writer *writer)
{
    writer->loaded_seq = writer->answer.seq;
    writer->load_revision = writer->answer.message.revision;
    writer->step = WRITER_LOAD_SESSIONS;
}

void writer_judge_sessions(struct writer *writer)
{
    if (writer->answer.message.more)
        return;
    writer->load_after[0] = '\0';
    if (find(writer) == AS_IT_WAS)
        compare(writer);
    else
        writer->step = WRITER_LOAD_BROKERS;
}

void writer_judge_brokers(struct writer *writer)
{
    if (!writer->answer.message.more)
        compare(writer);
}
