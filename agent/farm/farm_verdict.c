#include "farm_verdict.h"

#include "checkpoint.h"

#include "common/json.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const outage_names[] = {"none", "unreachable", "refused", NULL};

/* Every number of a status that stands in the text by itself: one table writes and reads. */
#define NUMBERS(X)                                        \
    X(concurrent_users, level.concurrent_users, uint32_t) \
    X(users, level.users, uint32_t)                       \
    X(connections, level.connections, uint32_t)           \
    X(consuming, level.consuming, uint32_t)               \
    X(exempt, level.exempt, uint32_t)                     \
    X(disconnected, level.disconnected, uint32_t)         \
    X(hosts, level.hosts, uint32_t)                       \
    X(window_sequence, window.sequence, uint64_t)         \
    X(window_start_ms, window.start_ms, int64_t)          \
    X(window_end_ms, window.end_ms, int64_t)              \
    X(window_peak_at_ms, window.peak_at_ms, int64_t)      \
    X(window_peak_users, window.peak_users, uint32_t)     \
    X(window_users_at_end, window.users_at_end, uint32_t) \
    X(window_exempt_peak, window.exempt_peak, uint32_t)   \
    X(window_hosts, window.hosts, uint32_t)               \
    X(today_at_ms, today.at_ms, int64_t)                  \
    X(today_users, today.users, uint32_t)                 \
    X(ever_at_ms, ever.at_ms, int64_t)                    \
    X(ever_users, ever.users, uint32_t)                   \
    X(next_report_ms, next_report_ms, int64_t)            \
    X(next_validation_ms, next_validation_ms, int64_t)    \
    X(deactivates_ms, deactivates_ms, int64_t)            \
    X(windows_queued, windows_queued, size_t)             \
    X(report_failures, report_failures, unsigned)

#define FLAGS(X)   \
    X(strict)      \
    X(spare_grace) \
    X(by_files)    \
    X(started)

/* In the types that JSON has. */
struct verdict_line {
    int64_t n, at_ms, gaps_ever;
    char leader[CONNECTION_HOST_BYTES_MAX + 1];
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    int reason, admission, outage;
    struct json_span standing;
#define MEMBER(name, member, type) int64_t name;
    NUMBERS(MEMBER)
#undef MEMBER
#define MEMBER(name) bool name;
    FLAGS(MEMBER)
#undef MEMBER
};

#define INTEGER(member)                                                                         \
    {                                                                                           \
        .name = #member, .type = JSON_INTEGER, .offset = offsetof(struct verdict_line, member), \
        .min = INT64_MIN, .max = INT64_MAX, .required = true                                    \
    }
#define CHOICE(member, names)                                                                  \
    {                                                                                          \
        .name = #member, .type = JSON_CHOICE, .offset = offsetof(struct verdict_line, member), \
        .choices = (names), .required = true                                                   \
    }
#define TEXT(member)                                                                         \
    {                                                                                        \
        .name = #member, .type = JSON_TEXT, .offset = offsetof(struct verdict_line, member), \
        .max = sizeof(((struct verdict_line *)NULL)->member) - 1, .required = true           \
    }

static void names_of(const char *reasons[VERDICT_REASON_MAX + 1], const char *admissions[ADMISSION_MAX + 1])
{
    for (int i = 0; i < VERDICT_REASON_MAX; i++)
        reasons[i] = verdict_reason_name((enum verdict_reason)i);
    for (int i = 0; i < ADMISSION_MAX; i++)
        admissions[i] = admission_name((enum admission)i);
    reasons[VERDICT_REASON_MAX] = admissions[ADMISSION_MAX] = NULL;
}

static int read_line(const char *text, size_t bytes, struct verdict_line *ret,
                     struct error_detail *ret_detail)
{
    const char *reasons[VERDICT_REASON_MAX + 1], *admissions[ADMISSION_MAX + 1];
    names_of(reasons, admissions);
    const struct json_field fields[] = {INTEGER(n),
                                        INTEGER(at_ms),
                                        INTEGER(gaps_ever),
                                        TEXT(leader),
                                        TEXT(farm_id),
                                        CHOICE(reason, reasons),
                                        CHOICE(admission, admissions),
                                        CHOICE(outage, outage_names),
                                        {.name = "standing",
                                         .type = JSON_SPAN,
                                         .offset = offsetof(struct verdict_line, standing),
                                         .required = true},
#define FIELD(name, member, type) INTEGER(name),
                                        NUMBERS(FIELD)
#undef FIELD
#define FIELD(member)                                 \
    {.name = #member,                                 \
     .type = JSON_BOOLEAN,                            \
     .offset = offsetof(struct verdict_line, member), \
     .required = true},
                                            FLAGS(FIELD)
#undef FIELD
    };
    const struct json_shape shape = {fields, COUNT(fields)};
    return json_read(&shape, text, bytes, ret, ret_detail, NULL);
}

static void status_of(const struct verdict_line *line, struct core_status *ret)
{
    *ret = (struct core_status){.verdict = {.open = line->reason == VERDICT_OPEN,
                                            .reason = (enum verdict_reason)line->reason,
                                            .admission = (enum admission)line->admission},
                                .outage = (enum outage)line->outage};
#define TAKE(name, member, type) ret->member = (type)line->name;
    NUMBERS(TAKE)
#undef TAKE
#define TAKE(member) ret->member = line->member;
    FLAGS(TAKE)
#undef TAKE
}

struct record_value farm_verdict_value(const struct record_farm *farm, const struct farm_verdict *verdict)
{
    const struct core_status *status = &verdict->status;
    struct record_value value = {NULL, 0};
    const char *text;
    size_t bytes;
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return value;
    json_open_object(writer, NULL);
    json_integer(writer, "format", CHECKPOINT_FORMAT);
    json_integer(writer, "n", verdict->n);
    json_integer(writer, "at_ms", verdict->at_ms);
    json_integer(writer, "gaps_ever", verdict->gaps_ever);
    json_text(writer, "leader", verdict->leader);
    json_text(writer, "farm_id", verdict->farm_id);
    json_text(writer, "reason", verdict_reason_name(status->verdict.reason));
    json_text(writer, "admission", admission_name(status->verdict.admission));
    json_text(writer, "outage", outage_names[status->outage]);
    json_open_object(writer, "standing");
    standing_json_write(writer, &status->standing);
    json_close_object(writer);
#define WRITE(name, member, type) json_integer(writer, #name, (int64_t)status->member);
    NUMBERS(WRITE)
#undef WRITE
#define WRITE(member) json_boolean(writer, #member, status->member);
    FLAGS(WRITE)
#undef WRITE
    json_close_object(writer);
    if (json_writer_finish(writer, &text, &bytes) == 0)
        value = record_seal(farm, record_key(farm, RECORD_VERDICT, NULL, NULL).text, text, bytes);
    json_writer_destroy(writer);
    return value;
}

int farm_verdict_read(const struct record_farm *farm, const struct wire_kv *kv, struct farm_verdict *ret,
                      struct error_detail *ret_detail)
{
    char *text;
    size_t bytes;
    struct verdict_line line = {.leader = ""};
    struct farm_verdict verdict;
    struct standing standing;
    int code = record_open(farm, kv, &text, &bytes, ret_detail);
    if (code < 0)
        return code;
    code = checkpoint_check_format(text, bytes, ret_detail);
    if (code == 0)
        code = read_line(text, bytes, &line, ret_detail);
    if (code == 0)
        code = standing_json_read(line.standing.start, line.standing.bytes, &standing, ret_detail);
    free(text);
    if (code < 0)
        return code;
    verdict = (struct farm_verdict){.n = line.n, .at_ms = line.at_ms, .gaps_ever = line.gaps_ever};
    memcpy(verdict.leader, line.leader, sizeof(verdict.leader));
    memcpy(verdict.farm_id, line.farm_id, sizeof(verdict.farm_id));
    status_of(&line, &verdict.status);
    verdict.status.standing = standing;
    *ret = verdict;
    return 0;
}
