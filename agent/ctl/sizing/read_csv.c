/* Tables of events: a CSV with a header. Which column says what is told by --map or by common names; without
 * a column for it a session is known by its host and user, is a desktop, and came by rdp. */
#include "csv_map.h"
#include "csv_record.h"
#include "csv_time.h"
#include "reader.h"

#include "agent/core/identity.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct csv_reader {
    struct reader base;
    struct csv_records records;
    bool has_header;  /* it has been read */
    bool unusable;    /* and says too little */
    size_t mark_left; /* bytes of a byte order mark that may still come */
    size_t columns[CSV_COLUMN_MAX];
};

static struct csv_reader *own(struct reader *base)
{
    return (struct csv_reader *)base;
}

/* A row's texts. */
struct row {
    const char *of[CSV_COLUMN_MAX]; /* "" where there is no such column */
    char time[2 * CSV_TIME_BYTES_MAX + 2];
    char session[CONNECTION_ID_BYTES_MAX + 1];
};

/* ---- rows ---------------------------------------------------------------------------------------------- */

static void pick(const struct csv_reader *reader, struct row *ret_row)
{
    for (int i = 0; i < CSV_COLUMN_MAX; i++) {
        size_t column = reader->columns[i];
        ret_row->of[i] = column < reader->records.count ? reader->records.fields[column] : "";
    }
}

static bool row_time(struct row *row, int64_t *ret_at_ms)
{
    const char *text = row->of[CSV_TS];
    if (row->of[CSV_TS_REST][0] != '\0') {
        int bytes = snprintf(row->time, sizeof row->time, "%s %s", text, row->of[CSV_TS_REST]);
        if (bytes < 0 || (size_t)bytes >= sizeof row->time)
            return false;
        text = row->time;
    }
    return csv_time_parse(text, ret_at_ms);
}

/* The row's own, else the user's key: cut where it is too long, with a hash of all of it. */
static const char *row_session(struct row *row)
{
    char key[IDENTITY_KEY_BYTES_MAX];
    if (row->of[CSV_SESSION][0] != '\0')
        return row->of[CSV_SESSION];
    size_t bytes = identity_key(row->of[CSV_USER], NULL, 0, key);
    if (bytes < sizeof row->session) {
        memcpy(row->session, key, bytes + 1);
        return row->session;
    }
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a: told apart, not protected */
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ (unsigned char)key[i]) * UINT64_C(1099511628211);
    (void)snprintf(row->session, sizeof row->session, "user-%016" PRIx64, hash);
    return row->session;
}

static bool parse_administrator(const char *text, enum administrator *ret)
{
    static const struct {
        const char *word;
        enum administrator administrator;
    } words[] = {{"", ADMINISTRATOR_UNKNOWN}, {"unknown", ADMINISTRATOR_UNKNOWN},
                 {"yes", ADMINISTRATOR_YES},  {"true", ADMINISTRATOR_YES},
                 {"1", ADMINISTRATOR_YES},    {"no", ADMINISTRATOR_NO},
                 {"false", ADMINISTRATOR_NO}, {"0", ADMINISTRATOR_NO}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcasecmp(text, words[i].word) != 0)
            continue;
        *ret = words[i].administrator;
        return true;
    }
    return false;
}

/* What is wrong with the fields that have few values; NULL: nothing. */
static const char *judge_words(const struct row *row, struct sizing_event *event)
{
    if (row->of[CSV_KIND][0] != '\0' && !connection_kind_parse(row->of[CSV_KIND], &event->kind))
        return "kind: neither desktop nor application";
    if (row->of[CSV_ROUTE][0] != '\0' && !connection_route_parse(row->of[CSV_ROUTE], &event->route))
        return "route: not one of broker, rdp, rdp-tunnel, console, ssh";
    return parse_administrator(row->of[CSV_ADMIN], &event->administrator) ? NULL
                                                                          : "admin: neither yes nor no";
}

static const char *judge_names(const struct csv_reader *reader, struct row *row, struct sizing_event *event)
{
    bool needs_user = event->type == SIZING_CONNECT || row->of[CSV_SESSION][0] == '\0';
    event->user = row->of[CSV_USER];
    if (needs_user && !connection_text_valid(event->user, CONNECTION_USER_BYTES_MAX))
        return "user: empty, too long, or no text";
    event->host = reader->base.settings.host_given || row->of[CSV_HOST][0] == '\0'
                      ? reader->base.settings.host
                      : row->of[CSV_HOST];
    if (!connection_text_valid(event->host, CONNECTION_HOST_BYTES_MAX))
        return "host: too long, or no text";
    event->session = row_session(row);
    return connection_text_valid(event->session, CONNECTION_ID_BYTES_MAX) ? NULL
                                                                          : "session: too long, or no text";
}

static const char *judge(const struct csv_reader *reader, struct row *row, struct sizing_event *ret_event)
{
    struct sizing_event event = {.kind = KIND_DESKTOP, .route = ROUTE_RDP};
    if (!row_time(row, &event.at_ms))
        return "ts: not a time of ISO 8601, nor Unix time";
    if (!csv_map_event(reader->base.settings.csv, row->of[CSV_EVENT], &event.type))
        return "event: no word for a connect, disconnect or log-off; --map tells others";
    const char *wrong = judge_words(row, &event);
    if (wrong == NULL)
        wrong = judge_names(reader, row, &event);
    if (wrong == NULL)
        *ret_event = event;
    return wrong;
}

static bool is_blank_record(const struct csv_records *records)
{
    return records->count == 1 && records->fields[0][0] == '\0';
}

static int take_record(struct csv_reader *reader)
{
    struct row row;
    struct sizing_event event;
    struct error_detail detail;
    if (is_blank_record(&reader->records) || reader->unusable)
        return 0;
    if (!reader->has_header) {
        reader->has_header = true;
        reader->unusable = csv_map_columns(reader->base.settings.csv, reader->records.fields,
                                           reader->records.count, reader->columns, &detail) < 0;
        if (reader->unusable)
            reader_repair(&reader->base, REPAIR_NOT_UNDERSTOOD, detail.text);
        return 0;
    }
    pick(reader, &row);
    const char *wrong = judge(reader, &row, &event);
    if (wrong != NULL) {
        reader_repair(&reader->base, REPAIR_NOT_UNDERSTOOD, wrong);
        return 0;
    }
    reader->base.understood++;
    return reader_give(&reader->base, &event);
}

static int take_step(struct csv_reader *reader, enum csv_step step)
{
    reader->base.place.number = reader->records.line;
    switch (step) {
    case CSV_RECORD:
        return take_record(reader);
    case CSV_TOO_LONG:
        reader_repair(&reader->base, REPAIR_TOO_LONG, "perhaps a quote has no end");
        return 0;
    case CSV_TOO_MANY_FIELDS:
        reader_repair(&reader->base, REPAIR_NOT_UNDERSTOOD, "too many fields");
        return 0;
    default:
        return 0;
    }
}

/* ---- the contract -------------------------------------------------------------------------------------- */

/* Sure where a header has the usual columns; perhaps where the first two records have the same three or more
 * fields. */
static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    size_t columns[CSV_COLUMN_MAX];
    enum recognised sure = RECOGNISED_NO;
    if (memchr(head, '\0', bytes) != NULL)
        return RECOGNISED_NO;
    struct csv_records *records = malloc(sizeof *records);
    if (records == NULL)
        return RECOGNISED_NO;
    reader_skip_mark(&head, &bytes);
    csv_records_begin(records, '\0');
    enum csv_step step = csv_records_feed(records, &head, &bytes);
    if (step == CSV_GOES_ON && whole)
        step = csv_records_end(records);
    size_t count = records->count;
    if (step == CSV_RECORD && count >= 3 && records->fields[0][0] != '{') {
        if (csv_map_columns(NULL, records->fields, count, columns, NULL) == 0)
            sure = RECOGNISED_YES;
        else if (csv_records_feed(records, &head, &bytes) == CSV_RECORD && records->count == count)
            sure = RECOGNISED_MAYBE;
    }
    free(records);
    return sure;
}

static struct reader *create(const struct reader_settings *settings)
{
    struct csv_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader_init(&reader->base, settings, true);
    return &reader->base;
}

static void destroy(struct reader *base)
{
    free(base);
}

static int begin_file(struct reader *base, const char *file)
{
    struct csv_reader *reader = own(base);
    reader->has_header = reader->unusable = false;
    reader->mark_left = sizeof READER_MARK - 1;
    csv_records_begin(&reader->records, '\0');
    return reader_begin_file(base, file);
}

/* A byte order mark may itself come in pieces. */
static void drop_mark(struct csv_reader *reader, const char **bytes, size_t *count)
{
    while (reader->mark_left > 0 && *count > 0) {
        if (**bytes != READER_MARK[sizeof READER_MARK - 1 - reader->mark_left]) {
            reader->mark_left = 0;
            return;
        }
        ++*bytes;
        --*count;
        reader->mark_left--;
    }
}

static int feed(struct reader *base, const char *bytes, size_t count)
{
    struct csv_reader *reader = own(base);
    int code = 0;
    drop_mark(reader, &bytes, &count);
    while (code == 0 && count > 0)
        code = take_step(reader, csv_records_feed(&reader->records, &bytes, &count));
    return code;
}

static int end_file(struct reader *base)
{
    struct csv_reader *reader = own(base);
    return take_step(reader, csv_records_end(&reader->records));
}

const struct reader_format reader_csv = {
    .name = "csv",
    .strict_order = true,
    .recognise = recognise,
    .create = create,
    .begin_file = begin_file,
    .feed = feed,
    .end_file = end_file,
    .end = reader_end,
    .destroy = destroy,
};
