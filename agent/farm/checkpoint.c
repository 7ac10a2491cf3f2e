#include "checkpoint.h"

#include "agent/stored_fields.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Members are called in JSON as they are here. */
#define INTEGER(struct_name, member, least, most) STORED_INTEGER(struct_name, member, #member, least, most)
#define INSTANT(struct_name, member)              STORED_INSTANT(struct_name, member, #member)
#define TEXT(struct_name, member, least)          STORED_TEXT(struct_name, member, #member, least)

/* ---- the core ------------------------------------------------------------------------------------------ */

/* Sequences rise; a refused one is missing among them. */
static void take_unsent(struct checkpoint *ret, const struct core_saved *saved)
{
    ret->unsent_count = 0;
    ret->unsent_from_ms = saved->unsent_count > 0 ? saved->unsent[0].start_ms : 0;
    for (size_t i = 0; i < saved->unsent_count; i++) {
        int64_t sequence = (int64_t)saved->unsent[i].sequence;
        struct checkpoint_span *last = ret->unsent_count > 0 ? &ret->unsent[ret->unsent_count - 1] : NULL;
        if (saved->unsent[i].start_ms < ret->unsent_from_ms)
            ret->unsent_from_ms = saved->unsent[i].start_ms;
        if (last != NULL && (sequence == last->last + 1 || ret->unsent_count == CHECKPOINT_SPANS_MAX))
            last->last = sequence;
        else
            ret->unsent[ret->unsent_count++] = (struct checkpoint_span){sequence, sequence};
    }
}

struct taking {
    struct checkpoint *ret;
    bool lost;
};

static void take_host(void *data, const struct core_host *host)
{
    const struct taking *taking = data;
    struct checkpoint *ret = taking->ret;
    if (host->silent_since_ms == 0 || host->lost != taking->lost)
        return;
    if (ret->host_count == CHECKPOINT_HOSTS_MAX) {
        ret->hosts_left_out++;
        return;
    }
    struct checkpoint_host *kept = &ret->hosts[ret->host_count++];
    *kept = (struct checkpoint_host){.silent_since_ms = host->silent_since_ms, .lost = host->lost};
    memcpy(kept->host, host->host, strlen(host->host) + 1);
}

void checkpoint_take(struct checkpoint *ret, const struct core *core)
{
    struct core_saved saved;
    core_keep(core, &saved, &ret->event_ms);
    ret->clock_ms = saved.clock_ms;
    ret->standing = saved.standing;
    ret->has_running = saved.has_running;
    ret->running = saved.running;
    ret->today = saved.today;
    ret->ever = saved.ever;
    ret->next_sequence = (int64_t)saved.next_sequence;
    take_unsent(ret, &saved);
    ret->host_count = ret->hosts_left_out = 0;
    for (int lost = 0; lost < 2; lost++) {
        struct taking taking = {ret, lost != 0};
        core_each_host(core, take_host, &taking);
    }
}

struct core_saved checkpoint_saved(const struct checkpoint *checkpoint)
{
    return (struct core_saved){.next_sequence = (uint64_t)checkpoint->next_sequence,
                               .has_running = checkpoint->has_running,
                               .running = checkpoint->running,
                               .today = checkpoint->today,
                               .ever = checkpoint->ever,
                               .standing = checkpoint->standing,
                               .clock_ms = checkpoint->clock_ms,
                               .farm_id = *checkpoint->identity.farm_id != '\0' ? checkpoint->identity.farm_id
                                                                                : NULL,
                               .installation_id = checkpoint->identity.installation_id};
}

bool checkpoint_is_unsent(const struct checkpoint *checkpoint, uint64_t sequence)
{
    for (size_t i = 0; i < checkpoint->unsent_count; i++)
        if (sequence >= (uint64_t)checkpoint->unsent[i].first &&
            sequence <= (uint64_t)checkpoint->unsent[i].last)
            return true;
    return false;
}

void checkpoint_add_gap(struct checkpoint *checkpoint, const struct checkpoint_gap *gap)
{
    struct checkpoint_gap *gaps = checkpoint->gaps;
    if (checkpoint->gap_count == CHECKPOINT_GAPS_MAX)
        memmove(gaps, gaps + 1, --checkpoint->gap_count * sizeof(*gaps));
    gaps[checkpoint->gap_count++] = *gap;
    checkpoint->gaps_ever++;
}

void checkpoint_gap_join(struct checkpoint_gap *gap, const struct checkpoint_gap *later)
{
    if (later->after_ms < gap->after_ms)
        gap->after_ms = later->after_ms;
    gap->through_ms = later->through_ms;
    gap->through_revision = later->through_revision;
    gap->changes += later->changes;
}

void checkpoint_add_late(struct checkpoint *checkpoint, const struct checkpoint_gap *late)
{
    for (size_t i = checkpoint->gap_count; i-- > 0;) {
        struct checkpoint_gap *gap = &checkpoint->gaps[i];
        if (strcmp(gap->host, late->host) == 0 &&
            late->through_ms - gap->through_ms <= CHECKPOINT_LATE_JOIN_MS) {
            checkpoint_gap_join(gap, late);
            return;
        }
    }
    checkpoint_add_gap(checkpoint, late);
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

/* Windows and marks in the types that JSON has. */
struct window_line {
    int64_t format;
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    int64_t sequence, start_ms, end_ms, peak_at_ms, peak_users, users_at_end, exempt_peak, hosts;
};
struct mark_line {
    int64_t at_ms, users;
};
struct checkpoint_line {
    struct checkpoint checkpoint;
    struct window_line running;
    struct mark_line today, ever;
    struct json_span standing, identity;
};
struct format_line {
    int64_t format;
    char version[RECORD_VERSION_BYTES_MAX + 1];
};

static const struct json_field window_fields[] = {
    {.name = "farm_id",
     .type = JSON_TEXT,
     .offset = offsetof(struct window_line, farm_id),
     .max = GRANT_ID_BYTES_MAX},
    INTEGER(window_line, sequence, 0, INT64_MAX),
    INSTANT(window_line, start_ms),
    INSTANT(window_line, end_ms),
    INSTANT(window_line, peak_at_ms),
    INTEGER(window_line, peak_users, 0, UINT32_MAX),
    INTEGER(window_line, users_at_end, 0, UINT32_MAX),
    INTEGER(window_line, exempt_peak, 0, UINT32_MAX),
    INTEGER(window_line, hosts, 0, UINT32_MAX),
};
static const struct json_shape window_shape = {window_fields, COUNT(window_fields)};
static const struct json_field mark_fields[] = {
    INSTANT(mark_line, at_ms),
    INTEGER(mark_line, users, 0, UINT32_MAX),
};
static const struct json_shape mark_shape = {mark_fields, COUNT(mark_fields)};
static const struct json_field span_fields[] = {
    INTEGER(checkpoint_span, first, 1, INT64_MAX),
    INTEGER(checkpoint_span, last, 1, INT64_MAX),
};
static const struct json_shape span_shape = {span_fields, COUNT(span_fields)};
static const struct json_field gap_fields[] = {
    INTEGER(checkpoint_gap, after_revision, 0, INT64_MAX),
    INTEGER(checkpoint_gap, through_revision, 0, INT64_MAX),
    INSTANT(checkpoint_gap, after_ms),
    INSTANT(checkpoint_gap, through_ms),
    {.name = "host",
     .type = JSON_TEXT,
     .offset = offsetof(struct checkpoint_gap, host),
     .max = CONNECTION_HOST_BYTES_MAX},
    {.name = "changes",
     .type = JSON_INTEGER,
     .offset = offsetof(struct checkpoint_gap, changes),
     .max = INT64_MAX},
};
static const struct json_shape gap_shape = {gap_fields, COUNT(gap_fields)};
static const struct json_field host_fields[] = {
    TEXT(checkpoint_host, host, 1),
    INSTANT(checkpoint_host, silent_since_ms),
    {.name = "lost", .type = JSON_BOOLEAN, .offset = offsetof(struct checkpoint_host, lost)},
};
static const struct json_shape host_shape = {host_fields, COUNT(host_fields)};

#define OF_CHECKPOINT(json, member, least, most)                                                             \
    {                                                                                                        \
        .name = (json), .type = JSON_INTEGER, .offset = offsetof(struct checkpoint_line, checkpoint.member), \
        .min = (least), .max = (most), .required = true                                                      \
    }
#define ARRAY_OF_CHECKPOINT(json, member, count, most, of)                                                 \
    {                                                                                                      \
        .name = (json), .type = JSON_ARRAY, .offset = offsetof(struct checkpoint_line, checkpoint.member), \
        .shape = (of), .count_offset = offsetof(struct checkpoint_line, checkpoint.count),                 \
        .count_max = (most), .element_bytes = sizeof(((struct checkpoint *)NULL)->member[0])               \
    }
#define TEXT_OF_CHECKPOINT(json, member, least)                                                           \
    {                                                                                                     \
        .name = (json), .type = JSON_TEXT, .offset = offsetof(struct checkpoint_line, checkpoint.member), \
        .min = (least), .max = sizeof(((struct checkpoint *)NULL)->member) - 1, .required = true          \
    }
#define MARK(json, member)                                                                       \
    {                                                                                            \
        .name = (json), .type = JSON_OBJECT, .offset = offsetof(struct checkpoint_line, member), \
        .shape = &mark_shape                                                                     \
    }
static const struct json_field checkpoint_fields[] = {
    OF_CHECKPOINT("n", n, 1, INT64_MAX),
    OF_CHECKPOINT("revision", revision, 0, INT64_MAX),
    OF_CHECKPOINT("at_ms", at_ms, -CLOCK_MS_MAX, CLOCK_MS_MAX),
    TEXT_OF_CHECKPOINT("instance", instance, 1),
    TEXT_OF_CHECKPOINT("version", version, 0),
    OF_CHECKPOINT("event_ms", event_ms, -CLOCK_MS_MAX, CLOCK_MS_MAX),
    OF_CHECKPOINT("clock_ms", clock_ms, -CLOCK_MS_MAX, CLOCK_MS_MAX),
    {.name = "standing",
     .type = JSON_SPAN,
     .offset = offsetof(struct checkpoint_line, standing),
     .required = true},
    {.name = "running",
     .type = JSON_OBJECT,
     .offset = offsetof(struct checkpoint_line, running),
     .shape = &window_shape,
     .present_offset = offsetof(struct checkpoint_line, checkpoint.has_running)},
    MARK("today", today),
    MARK("ever", ever),
    OF_CHECKPOINT("next_sequence", next_sequence, 0, INT64_MAX),
    ARRAY_OF_CHECKPOINT("unsent", unsent, unsent_count, CHECKPOINT_SPANS_MAX, &span_shape),
    OF_CHECKPOINT("unsent_from_ms", unsent_from_ms, -CLOCK_MS_MAX, CLOCK_MS_MAX),
    ARRAY_OF_CHECKPOINT("silent_hosts", hosts, host_count, CHECKPOINT_HOSTS_MAX, &host_shape),
    {.name = "identity",
     .type = JSON_SPAN,
     .offset = offsetof(struct checkpoint_line, identity),
     .required = true},
    TEXT_OF_CHECKPOINT("entitlement", entitlement, 0),
    ARRAY_OF_CHECKPOINT("gaps", gaps, gap_count, CHECKPOINT_GAPS_MAX, &gap_shape),
    OF_CHECKPOINT("gaps_ever", gaps_ever, 0, INT64_MAX),
};
static const struct json_shape checkpoint_shape = {checkpoint_fields, COUNT(checkpoint_fields)};

static void write_window(struct json_writer *writer, const struct window *window)
{
    json_integer(writer, "sequence", (int64_t)window->sequence);
    json_integer(writer, "start_ms", window->start_ms);
    json_integer(writer, "end_ms", window->end_ms);
    json_integer(writer, "peak_at_ms", window->peak_at_ms);
    json_integer(writer, "peak_users", window->peak_users);
    json_integer(writer, "users_at_end", window->users_at_end);
    json_integer(writer, "exempt_peak", window->exempt_peak);
    json_integer(writer, "hosts", window->hosts);
}

static struct window window_of(const struct window_line *line)
{
    return (struct window){.sequence = (uint64_t)line->sequence,
                           .start_ms = line->start_ms,
                           .end_ms = line->end_ms,
                           .peak_at_ms = line->peak_at_ms,
                           .peak_users = (uint32_t)line->peak_users,
                           .users_at_end = (uint32_t)line->users_at_end,
                           .exempt_peak = (uint32_t)line->exempt_peak,
                           .hosts = (uint32_t)line->hosts};
}

static void write_mark(struct json_writer *writer, const char *name, const struct peak_mark *mark)
{
    json_open_object(writer, name);
    json_integer(writer, "at_ms", mark->at_ms);
    json_integer(writer, "users", mark->users);
    json_close_object(writer);
}

static void write_counts(struct json_writer *writer, const struct checkpoint *checkpoint)
{
    if (checkpoint->has_running) {
        json_open_object(writer, "running");
        write_window(writer, &checkpoint->running);
        json_close_object(writer);
    }
    write_mark(writer, "today", &checkpoint->today);
    write_mark(writer, "ever", &checkpoint->ever);
    json_integer(writer, "next_sequence", checkpoint->next_sequence);
    json_open_array(writer, "unsent");
    for (size_t i = 0; i < checkpoint->unsent_count; i++) {
        json_open_object(writer, NULL);
        json_integer(writer, "first", checkpoint->unsent[i].first);
        json_integer(writer, "last", checkpoint->unsent[i].last);
        json_close_object(writer);
    }
    json_close_array(writer);
    json_integer(writer, "unsent_from_ms", checkpoint->unsent_from_ms);
}

static void write_hosts(struct json_writer *writer, const struct checkpoint *checkpoint)
{
    json_open_array(writer, "silent_hosts");
    for (size_t i = 0; i < checkpoint->host_count; i++) {
        json_open_object(writer, NULL);
        json_text(writer, "host", checkpoint->hosts[i].host);
        json_integer(writer, "silent_since_ms", checkpoint->hosts[i].silent_since_ms);
        json_boolean(writer, "lost", checkpoint->hosts[i].lost);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void write_gaps(struct json_writer *writer, const struct checkpoint *checkpoint)
{
    json_open_array(writer, "gaps");
    for (size_t i = 0; i < checkpoint->gap_count; i++) {
        const struct checkpoint_gap *gap = &checkpoint->gaps[i];
        json_open_object(writer, NULL);
        json_integer(writer, "after_revision", gap->after_revision);
        json_integer(writer, "through_revision", gap->through_revision);
        json_integer(writer, "after_ms", gap->after_ms);
        json_integer(writer, "through_ms", gap->through_ms);
        if (gap->host[0] != '\0') {
            json_text(writer, "host", gap->host);
            json_integer(writer, "changes", gap->changes);
        }
        json_close_object(writer);
    }
    json_close_array(writer);
    json_integer(writer, "gaps_ever", checkpoint->gaps_ever);
}

static void write_licence(struct json_writer *writer, const struct checkpoint *checkpoint)
{
    json_integer(writer, "event_ms", checkpoint->event_ms);
    json_integer(writer, "clock_ms", checkpoint->clock_ms);
    json_open_object(writer, "standing");
    standing_json_write(writer, &checkpoint->standing);
    json_close_object(writer);
    json_open_object(writer, "identity");
    identity_json_write(writer, &checkpoint->identity);
    json_close_object(writer);
    json_text(writer, "entitlement", checkpoint->entitlement);
}

/* Seals what was written, if it is not too large for a value; destroys the writer. */
static struct record_value seal(const struct record_farm *farm, const char *key, struct json_writer *writer)
{
    struct record_value value = {NULL, 0};
    const char *text;
    size_t bytes;
    json_close_object(writer);
    if (json_writer_finish(writer, &text, &bytes) == 0 && bytes <= WIRE_VALUE_BYTES_MAX - SEAL_ADDED_BYTES)
        value = record_seal(farm, key, text, bytes);
    json_writer_destroy(writer);
    return value;
}

static struct json_writer *begin(const char *version)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_integer(writer, "format", CHECKPOINT_FORMAT);
    if (version != NULL)
        json_text(writer, "version", version);
    return writer;
}

struct record_value checkpoint_value(const struct record_farm *farm, const struct checkpoint *checkpoint)
{
    struct json_writer *writer = begin(checkpoint->version);
    if (writer == NULL)
        return (struct record_value){NULL, 0};
    json_integer(writer, "n", checkpoint->n);
    json_integer(writer, "revision", checkpoint->revision);
    json_integer(writer, "at_ms", checkpoint->at_ms);
    json_text(writer, "instance", checkpoint->instance);
    write_licence(writer, checkpoint);
    write_counts(writer, checkpoint);
    write_hosts(writer, checkpoint);
    write_gaps(writer, checkpoint);
    return seal(farm, record_key(farm, RECORD_CHECKPOINT, NULL, NULL).text, writer);
}

struct record_value checkpoint_window_value(const struct record_farm *farm, const char *farm_id,
                                            const struct window *window)
{
    struct json_writer *writer = begin(NULL);
    if (writer == NULL)
        return (struct record_value){NULL, 0};
    json_text(writer, "farm_id", farm_id);
    write_window(writer, window);
    return seal(farm, record_window_key(farm, window->start_ms).text, writer);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* What a newer program wrote otherwise is not to be read by halves. */
int checkpoint_check_format(const char *text, size_t bytes, struct error_detail *ret_detail)
{
    static const struct json_field fields[] = {
        INTEGER(format_line, format, 1, INT64_MAX),
        {.name = "version",
         .type = JSON_TEXT,
         .offset = offsetof(struct format_line, version),
         .max = RECORD_VERSION_BYTES_MAX},
    };
    static const struct json_shape shape = {fields, COUNT(fields)};
    struct format_line line = {.version = ""};
    int code = json_read(&shape, text, bytes, &line, ret_detail, NULL);
    if (code < 0 || line.format <= CHECKPOINT_FORMAT)
        return code;
    error_detail_set(ret_detail, "written by version %s: its format is %" PRId64 ", this program knows %d",
                     *line.version != '\0' ? line.version : "unknown", line.format, CHECKPOINT_FORMAT);
    return ERROR_NEWER;
}

static int read_line(const char *text, size_t bytes, struct checkpoint_line *line,
                     struct error_detail *ret_detail)
{
    struct checkpoint *checkpoint = &line->checkpoint;
    int code = checkpoint_check_format(text, bytes, ret_detail);
    if (code == 0)
        code = json_read(&checkpoint_shape, text, bytes, line, ret_detail, NULL);
    if (code == 0)
        code =
            standing_json_read(line->standing.start, line->standing.bytes, &checkpoint->standing, ret_detail);
    if (code == 0)
        code =
            identity_json_read(line->identity.start, line->identity.bytes, &checkpoint->identity, ret_detail);
    for (size_t i = 0; code == 0 && i < checkpoint->host_count; i++)
        if (!connection_text_valid(checkpoint->hosts[i].host, CONNECTION_HOST_BYTES_MAX)) {
            error_detail_set(ret_detail, "silent_hosts[%zu].host: contains a control character", i);
            code = ERROR_INVALID;
        }
    return code;
}

int checkpoint_read(const struct record_farm *farm, const struct wire_kv *kv, struct checkpoint **ret,
                    struct error_detail *ret_detail)
{
    char *text;
    size_t bytes;
    int code = record_open(farm, kv, &text, &bytes, ret_detail);
    if (code < 0)
        return code;
    struct checkpoint_line *line = calloc(1, sizeof(*line));
    struct checkpoint *checkpoint = malloc(sizeof(*checkpoint));
    code = ERROR_NO_MEMORY;
    if (line != NULL && checkpoint != NULL)
        code = read_line(text, bytes, line, ret_detail);
    if (code == 0) {
        *checkpoint = line->checkpoint;
        checkpoint->running = window_of(&line->running);
        checkpoint->today = (struct peak_mark){line->today.at_ms, (uint32_t)line->today.users};
        checkpoint->ever = (struct peak_mark){line->ever.at_ms, (uint32_t)line->ever.users};
        *ret = checkpoint;
    } else {
        free(checkpoint);
    }
    free(line);
    free(text);
    return code;
}

int checkpoint_window_read(const struct record_farm *farm, const struct wire_kv *kv,
                           char ret_farm_id[GRANT_ID_BYTES_MAX + 1], struct window *ret,
                           struct error_detail *ret_detail)
{
    char *text;
    size_t bytes;
    struct window_line line = {.farm_id = ""};
    int code = record_open(farm, kv, &text, &bytes, ret_detail);
    if (code < 0)
        return code;
    code = checkpoint_check_format(text, bytes, ret_detail);
    if (code == 0)
        code = json_read(&window_shape, text, bytes, &line, ret_detail, NULL);
    if (code == 0) {
        memcpy(ret_farm_id, line.farm_id, sizeof(line.farm_id));
        *ret = window_of(&line);
    }
    free(text);
    return code;
}
