/* read_syslog.c - auth.log, secure, messages, `journalctl -o short-iso`, xrdp-sesman.log: lines of services
 * (service_line.h) that make log-ons (logons.h).
 *
 *     Jan  2 03:04:05 host sshd[123]: message
 *     2024-01-02T03:04:05.123456+01:00 host sshd[123]: message
 *     [20240102-03:04:05] [INFO ] message
 *
 * Most lines say nothing of sessions; they are passed over without being taken apart. */
#include "lines.h"
#include "log_time.h"
#include "logons.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#define SHORT_STAMP_BYTES 15 /* of "Jan  2 03:04:05" */
#define SAMPLE_LINES      64

struct reader {
    struct log_time time;
    struct logons *logons;
    struct lines lines;
    struct repairs *repairs;
    const char *file;
    uint64_t understood;

    /* What journalctl wrote between two boots holds for the next line. */
    bool boot_waits;
    char boot[64];
};

/* A line, taken apart. */
struct syslog_line {
    int64_t at_ms;
    struct log_span host, name, process, message;
};

/* ---- lines --------------------------------------------------------------------------------------------- */

static struct log_span rest_of(const char *line, size_t bytes, size_t at)
{
    return (struct log_span){line + at, bytes - at};
}

/* Up to the next blank, which is taken off too. */
static struct log_span next_word(struct log_span *rest)
{
    const char *end = memchr(rest->text, ' ', rest->bytes);
    struct log_span word = {rest->text, end == NULL ? rest->bytes : (size_t)(end - rest->text)};
    size_t taken = word.bytes + (end == NULL ? 0 : 1);
    rest->text += taken;
    rest->bytes -= taken;
    return word;
}

/* Where the tag before a message ends, at ": "; NULL if there is none. */
static const char *end_of_tag(struct log_span rest)
{
    const char *colon = memchr(rest.text, ':', rest.bytes);
    while (colon != NULL && (colon + 1 == rest.text + rest.bytes || colon[1] != ' '))
        colon = memchr(colon + 1, ':', (size_t)(rest.text + rest.bytes - colon) - 1);
    return colon;
}

/* "sshd[123]: message", "gdm-password][123]: message", "kernel: message" */
static bool split_tag(struct log_span rest, struct syslog_line *ret)
{
    const char *colon = end_of_tag(rest);
    if (colon == NULL)
        return false;
    size_t tag_bytes = (size_t)(colon - rest.text);
    ret->message = rest_of(rest.text, rest.bytes, tag_bytes + 2);
    ret->name = (struct log_span){rest.text, tag_bytes};
    ret->process = (struct log_span){"", 0};
    const char *open = memrchr(rest.text, '[', tag_bytes);
    if (open == NULL || rest.text[tag_bytes - 1] != ']')
        return tag_bytes > 0;
    ret->name.bytes = (size_t)(open - rest.text);
    ret->process = (struct log_span){open + 1, tag_bytes - ret->name.bytes - 2};
    return ret->name.bytes > 0;
}

/* "<86>", as collectors keep it. */
static size_t priority_bytes(const char *line, size_t bytes)
{
    size_t at = 1;
    if (bytes == 0 || *line != '<')
        return 0;
    while (at < bytes && at < 5 && line[at] >= '0' && line[at] <= '9')
        at++;
    return at > 1 && at < bytes && line[at] == '>' ? at + 1 : 0;
}

static bool split(struct log_time *time, const char *line, size_t bytes, struct syslog_line *ret)
{
    size_t at = priority_bytes(line, bytes);
    size_t stamp = log_time_read(time, line + at, bytes - at, &ret->at_ms);
    if (stamp == 0 || at + stamp >= bytes || line[at + stamp] != ' ')
        return false;
    struct log_span rest = rest_of(line, bytes, at + stamp + 1);
    if (line[at] == '[') { /* xrdp's own log tells neither host nor program */
        *ret = (struct syslog_line){ret->at_ms, {"", 0}, {"xrdp-sesman", 11}, {"", 0}, rest};
        return true;
    }
    ret->host = next_word(&rest);
    return split_tag(rest, ret);
}

/* ---- which lines are worth it -------------------------------------------------------------------------- */

static bool begins_with(struct log_span span, const char *text)
{
    size_t bytes = strlen(text);
    return span.bytes >= bytes && memcmp(span.text, text, bytes) == 0;
}

/* The program's name and what follows, without reading the time. */
static struct log_span tag_of(const char *line, size_t bytes)
{
    size_t at = priority_bytes(line, bytes);
    struct log_span rest = rest_of(line, bytes, at);
    if (rest.bytes > SHORT_STAMP_BYTES && *rest.text >= 'A' && *rest.text <= 'Z')
        rest = rest_of(rest.text, rest.bytes, SHORT_STAMP_BYTES + 1);
    else
        (void)next_word(&rest);
    (void)next_word(&rest);
    return rest;
}

/* By who says it, and for PAM by how it begins. What is searched for in whole lines would cost more than all
 * the rest. */
static bool may_tell(const char *line, size_t bytes)
{
    if (*line == '[')
        return true; /* xrdp's own log */
    struct log_span tag = tag_of(line, bytes);
    if (tag.bytes == 0)
        return false;
    switch (*tag.text) {
    case 'e':
        if (begins_with(tag, "elogind"))
            return true;
        break;
    case 'k':
        if (begins_with(tag, "kernel"))
            return memmem(tag.text, tag.bytes, "Linux version ", 14) != NULL;
        break;
    case 's':
        if (begins_with(tag, "systemd-logind"))
            return true;
        break;
    case 'x':
        if (begins_with(tag, "xrdp-sesman"))
            return true;
        break;
    default:
        break;
    }
    const char *colon = end_of_tag(tag);
    return colon != NULL &&
           begins_with(rest_of(tag.text, tag.bytes, (size_t)(colon - tag.text) + 2), "pam_unix(");
}

static bool looks_like_a_line(const char *line, size_t bytes)
{
    if (bytes <= SHORT_STAMP_BYTES)
        return false;
    return (line[3] == ' ' && line[6] == ' ' && line[9] == ':') || (line[4] == '-' && line[7] == '-') ||
           *line == '<' || *line == '[';
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static void tell_repair(struct reader *reader, enum repair repair)
{
    repair_line(reader->repairs, repair, reader->file, reader->lines.number, NULL);
}

/* "-- Boot 5f2c… --", "-- Reboot --"; other such lines say when the journal begins and ends. */
static int take_marker(struct reader *reader, const char *line, size_t bytes)
{
    struct log_span rest = rest_of(line, bytes, 0);
    if (begins_with(rest, "-- Reboot")) {
        (void)snprintf(reader->boot, sizeof reader->boot, "line %llu",
                       (unsigned long long)reader->lines.number);
    } else if (begins_with(rest, "-- Boot ")) {
        rest = rest_of(line, bytes, 8);
        struct log_span boot = next_word(&rest);
        (void)snprintf(reader->boot, sizeof reader->boot, "%.*s", (int)boot.bytes, boot.text);
    } else {
        return 0;
    }
    reader->boot_waits = true;
    return 0;
}

static int take_split(struct reader *reader, const struct syslog_line *line)
{
    const struct logons_line told = {.at_ms = line->at_ms,
                                     .host = line->host,
                                     .process = line->process,
                                     .file = reader->file,
                                     .number = reader->lines.number};
    struct service_line says;
    int code = 0;
    if (reader->boot_waits) {
        reader->boot_waits = false;
        code = logons_boot(reader->logons, &told, (struct log_span){reader->boot, strlen(reader->boot)});
    }
    if (code < 0)
        return code;
    service_line_read(line->name, line->message, &says);
    return says.says == SAYS_NOTHING ? 0 : logons_take(reader->logons, &told, &says);
}

static int take_line(void *data, const char *line, size_t bytes)
{
    struct reader *reader = data;
    struct syslog_line told;
    if (bytes == 0)
        return 0;
    if (bytes > 3 && memcmp(line, "-- ", 3) == 0)
        return take_marker(reader, line, bytes);
    if (!looks_like_a_line(line, bytes)) {
        tell_repair(reader, REPAIR_NOT_UNDERSTOOD);
        return 0;
    }
    /* the first ones show whether this is a log at all */
    if (reader->understood >= SAMPLE_LINES && !reader->boot_waits && !may_tell(line, bytes))
        return 0;
    if (!split(&reader->time, line, bytes, &told)) {
        tell_repair(reader, REPAIR_NOT_UNDERSTOOD);
        return 0;
    }
    reader->understood++;
    return take_split(reader, &told);
}

static void too_long(void *data)
{
    tell_repair(data, REPAIR_TOO_LONG);
}

/* ---- the contract -------------------------------------------------------------------------------------- */

static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    struct log_time time;
    unsigned good = 0, bad = 0;
    log_time_init(&time, 2000, 1);
    for (size_t at = 0; at < bytes && good + bad < SAMPLE_LINES;) {
        const char *newline = memchr(head + at, '\n', bytes - at);
        if (newline == NULL && !whole && good + bad > 0)
            break;
        size_t length = newline == NULL ? bytes - at : (size_t)(newline - head) - at;
        struct syslog_line line;
        if (length > 0 && (length < 3 || memcmp(head + at, "-- ", 3) != 0)) {
            if (split(&time, head + at, length, &line))
                good++;
            else
                bad++;
        }
        at += length + 1;
    }
    if (good == 0)
        return RECOGNISED_NO;
    return bad <= good ? RECOGNISED_YES : RECOGNISED_MAYBE;
}

static void destroy(struct reader *reader)
{
    if (reader == NULL)
        return;
    lines_finish(&reader->lines);
    logons_destroy(reader->logons);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    log_time_init(&reader->time, settings->year, settings->modified_ms);
    lines_init(&reader->lines, &(struct lines_settings){.bytes_max = READER_LINE_BYTES_MAX,
                                                        .take = take_line,
                                                        .too_long = too_long,
                                                        .data = reader});
    reader->repairs = settings->sink.repairs;
    reader->logons = logons_create(settings, "log");
    if (reader->logons != NULL)
        return reader;
    destroy(reader);
    return NULL;
}

static int begin_file(struct reader *reader, const char *file)
{
    reader->file = file;
    lines_begin(&reader->lines);
    return 0;
}

static int feed(struct reader *reader, const char *bytes, size_t count)
{
    return lines_feed(&reader->lines, bytes, count);
}

static int end_file(struct reader *reader)
{
    return lines_end(&reader->lines);
}

static int end(struct reader *reader)
{
    return logons_end(reader->logons);
}

static uint64_t understood(const struct reader *reader)
{
    return reader->understood;
}

static uint64_t place(const struct reader *reader)
{
    return reader->lines.number;
}

const struct reader_format reader_syslog = {
    .name = "syslog",
    .recognise = recognise,
    .create = create,
    .begin_file = begin_file,
    .feed = feed,
    .end_file = end_file,
    .end = end,
    .destroy = destroy,
    .understood = understood,
    .place = place,
    .place_is_line = true,
};
