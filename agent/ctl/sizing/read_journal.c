/* read_journal.c - `journalctl -o json`: entries of services (service_line.h) that make log-ons (logons.h).
 * (`-o short-iso` is text of a system log: read_syslog.c.)
 *
 * Every entry names its boot, so a host's log-ons end with the first entry of another. Entries of processes
 * that are not root's say nothing: any user may write one in a service's name. Most entries are passed over
 * without being taken apart. */
#include "line_reader.h"
#include "logons.h"
#include "reader.h"

#include "common/json_members.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES  512 /* of a field, and of a message: what tells of sessions is shorter */
#define BOOT_BYTES   32
#define RECORD_START '\x1e' /* of `-o json-seq` */

struct journal_reader {
    struct line_reader lines;
    struct logons *logons;
    char boot[BOOT_BYTES]; /* of the entry before, as it stands there */
};

static struct journal_reader *own(struct reader *base)
{
    return (struct journal_reader *)base;
}

/* ---- entries ------------------------------------------------------------------------------------------- */

enum field {
    FIELD_TIME,
    FIELD_BOOT,
    FIELD_HOST,
    FIELD_MESSAGE,
    FIELD_MESSAGE_ID,
    FIELD_NAME,
    FIELD_COMMAND,
    FIELD_PROCESS,
    FIELD_OWN_PROCESS,
    FIELD_OWNER,
    FIELD_SESSION,
    FIELD_USER,
    FIELD_MAX
};

static const char *const field_names[FIELD_MAX] = {
    [FIELD_TIME] = "__REALTIME_TIMESTAMP",
    [FIELD_BOOT] = "_BOOT_ID",
    [FIELD_HOST] = "_HOSTNAME",
    [FIELD_MESSAGE] = "MESSAGE",
    [FIELD_MESSAGE_ID] = "MESSAGE_ID",
    [FIELD_NAME] = "SYSLOG_IDENTIFIER",
    [FIELD_COMMAND] = "_COMM",
    [FIELD_PROCESS] = "_PID",
    [FIELD_OWN_PROCESS] = "SYSLOG_PID",
    [FIELD_OWNER] = "_UID",
    [FIELD_SESSION] = "SESSION_ID",
    [FIELD_USER] = "USER_ID",
};

struct entry {
    char values[FIELD_MAX][VALUE_BYTES]; /* "": not there; cut if longer */
};

static int keep_member(void *data, const char *name, const char *value)
{
    struct entry *entry = data;
    for (int field = 0; field < FIELD_MAX; field++) {
        if (strcmp(field_names[field], name) != 0)
            continue;
        if (value != NULL)
            (void)snprintf(entry->values[field], VALUE_BYTES, "%s", value);
        break;
    }
    return 0;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

/* Where the value of a member begins; NULL if there is none. A name in quotes is a name: within a text its
 * quotes are escaped. */
static const char *value_of(const char *line, size_t bytes, const char *quoted_name)
{
    const char *end = line + bytes, *at = memmem(line, bytes, quoted_name, strlen(quoted_name));
    if (at == NULL)
        return NULL;
    at = skip_blanks(at + strlen(quoted_name), end);
    if (at == end || *at != ':')
        return NULL;
    at = skip_blanks(at + 1, end);
    return at == end ? NULL : at;
}

/* A message that is no UTF-8 is written as an array of its bytes. */
static void read_message_bytes(const char *line, size_t bytes, struct entry *entry)
{
    const char *end = line + bytes, *at = value_of(line, bytes, "\"MESSAGE\"");
    char *message = entry->values[FIELD_MESSAGE];
    size_t written = 0;
    if (at == NULL || *at != '[')
        return;
    for (at++; at < end && *at != ']' && written < VALUE_BYTES - 1; at++) {
        unsigned value = 0;
        bool is_number = false;
        for (; at < end && *at >= '0' && *at <= '9' && value < 256; at++, is_number = true)
            value = value * 10 + (unsigned)(*at - '0');
        if (is_number && value > 0 && value < 256)
            message[written++] = (char)value;
        if (at == end || *at == ']')
            break;
    }
    message[written] = '\0';
}

static struct log_span span_of(const struct entry *entry, enum field field)
{
    return (struct log_span){entry->values[field], strlen(entry->values[field])};
}

static bool read_time(const struct entry *entry, int64_t *ret_ms)
{
    const char *text = entry->values[FIELD_TIME];
    char *end;
    unsigned long long microseconds = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' ||
        microseconds / 1000 > (unsigned long long)SIZING_TIME_MS_MAX)
        return false;
    *ret_ms = (int64_t)(microseconds / 1000);
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* What tells of sessions is PAM's, logind's or xrdp's; an array has to be read to know. */
static bool may_tell(const char *line, size_t bytes)
{
    static const char *const words[] = {"pam_unix(", "logind", "xrdp-ses"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(line, bytes, words[i], strlen(words[i])) != NULL)
            return true;
    const char *message = value_of(line, bytes, "\"MESSAGE\"");
    return message != NULL && *message == '[';
}

/* Whether the entry is of the boot of the one before. */
static bool is_same_boot(struct journal_reader *reader, const char *line, size_t bytes)
{
    const char *boot = value_of(line, bytes, "\"_BOOT_ID\"");
    if (boot == NULL || (size_t)(line + bytes - boot) <= BOOT_BYTES || *boot != '"')
        return true;
    if (memcmp(reader->boot, boot + 1, BOOT_BYTES) == 0)
        return true;
    memcpy(reader->boot, boot + 1, BOOT_BYTES);
    return false;
}

/* logind's fields tell what its sentence tells, in any language. */
static void read_says(const struct entry *entry, struct service_line *ret)
{
    struct log_span name = span_of(entry, FIELD_NAME);
    if (name.bytes == 0)
        name = span_of(entry, FIELD_COMMAND);
    service_line_read(name, span_of(entry, FIELD_MESSAGE), ret);
    enum service_says says = service_line_by_id(span_of(entry, FIELD_MESSAGE_ID));
    if (says == SAYS_NOTHING || !log_span_is(name, "systemd-logind") || *entry->values[FIELD_SESSION] == '\0')
        return;
    if (ret->says == SAYS_NOTHING)
        ret->is_user_class = true;
    ret->says = says;
    ret->session = span_of(entry, FIELD_SESSION);
    ret->user = span_of(entry, FIELD_USER);
}

static int take_entry(struct journal_reader *reader, const struct entry *entry, int64_t at_ms)
{
    struct service_line says;
    bool has_own_process = *entry->values[FIELD_OWN_PROCESS] != '\0';
    const struct logons_line line = {
        .at_ms = at_ms,
        .host = span_of(entry, FIELD_HOST),
        .process = span_of(entry, has_own_process ? FIELD_OWN_PROCESS : FIELD_PROCESS),
        .place = reader->lines.base.place,
    };
    int code = logons_boot(reader->logons, &line, span_of(entry, FIELD_BOOT));
    const char *owner = entry->values[FIELD_OWNER];
    if (code < 0 || (*owner != '\0' && strcmp(owner, "0") != 0))
        return code;
    read_says(entry, &says);
    return says.says == SAYS_NOTHING ? 0 : logons_take(reader->logons, &line, &says);
}

static int take_line(struct reader *base, const char *line, size_t bytes)
{
    struct journal_reader *reader = own(base);
    struct entry entry;
    int64_t at_ms;
    if (bytes > 0 && *line == RECORD_START) {
        line++;
        bytes--;
    }
    if (bytes == 0)
        return 0;
    bool same_boot = is_same_boot(reader, line, bytes);
    /* the first ones show whether this is a journal at all */
    if (same_boot && reader->lines.base.understood >= LINE_READER_SAMPLE && !may_tell(line, bytes))
        return 0;
    for (int field = 0; field < FIELD_MAX; field++)
        entry.values[field][0] = '\0';
    int code = json_members(line, bytes, keep_member, &entry);
    if (code == ERROR_NO_MEMORY)
        return code;
    if (code < 0 || !read_time(&entry, &at_ms)) {
        reader_repair(base, REPAIR_NOT_UNDERSTOOD, NULL);
        return 0;
    }
    if (entry.values[FIELD_MESSAGE][0] == '\0')
        read_message_bytes(line, bytes, &entry);
    reader->lines.base.understood++;
    return take_entry(reader, &entry, at_ms);
}

/* ---- the contract -------------------------------------------------------------------------------------- */

static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    (void)whole;
    const char *newline = memchr(head, '\n', bytes);
    size_t length = newline == NULL ? bytes : (size_t)(newline - head);
    if (length > 0 && *head == RECORD_START) {
        head++;
        length--;
    }
    if (length == 0 || *head != '{')
        return RECOGNISED_NO;
    return value_of(head, length, "\"__REALTIME_TIMESTAMP\"") != NULL ? RECOGNISED_YES : RECOGNISED_NO;
}

static void destroy(struct reader *base)
{
    if (base == NULL)
        return;
    struct journal_reader *reader = own(base);
    logons_destroy(reader->logons);
    line_reader_finish(&reader->lines);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct journal_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    line_reader_init(&reader->lines, settings, READER_LINE_BYTES_MAX, take_line);
    reader->logons = logons_create(settings, "journal");
    if (reader->logons != NULL)
        return &reader->lines.base;
    destroy(&reader->lines.base);
    return NULL;
}

static int end(struct reader *base)
{
    return logons_end(own(base)->logons);
}

const struct reader_format reader_journal = {
    .name = "journal",
    .recognise = recognise,
    .create = create,
    .begin_file = line_reader_begin_file,
    .feed = line_reader_feed,
    .end_file = line_reader_end_file,
    .end = end,
    .destroy = destroy,
};
