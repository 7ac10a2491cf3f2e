/* read_syslog.c - auth.log, secure, messages, `journalctl -o short-iso`, xrdp-sesman.log: lines of services
 * (service_line.h) that make log-ons (logons.h).
 *
 *     Jan  2 03:04:05 host sshd[123]: message
 *     2024-01-02T03:04:05.123456+01:00 host sshd[123]: message
 *     [20240102-03:04:05] [INFO ] message
 *
 * Most lines say nothing of sessions; they are passed over without being taken apart. */
#include "line_reader.h"
#include "log_time.h"
#include "logons.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

#define SHORT_STAMP_BYTES 15 /* of "Jan  2 03:04:05" */

struct syslog_reader {
    struct line_reader lines;
    struct log_time time;
    struct logons *logons;

    /* What journalctl wrote between two boots holds for the next line. */
    bool boot_waits;
    char boot[64];
};

static struct syslog_reader *own(struct reader *base)
{
    return (struct syslog_reader *)base;
}

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
        if (begins_with(tag, "xrdp-ses"))
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

/* "-- Boot 5f2c… --", "-- Reboot --"; other such lines say when the journal begins and ends. */
static int take_marker(struct syslog_reader *reader, const char *line, size_t bytes)
{
    struct log_span rest = rest_of(line, bytes, 0);
    if (begins_with(rest, "-- Reboot")) {
        (void)snprintf(reader->boot, sizeof reader->boot, "line %llu",
                       (unsigned long long)reader->lines.base.place.number);
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

static int take_split(struct syslog_reader *reader, const struct syslog_line *line)
{
    const struct logons_line told = {.at_ms = line->at_ms,
                                     .host = line->host,
                                     .process = line->process,
                                     .place = reader->lines.base.place};
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

static int take_line(struct reader *base, const char *line, size_t bytes)
{
    struct syslog_reader *reader = own(base);
    struct syslog_line told;
    if (bytes == 0)
        return 0;
    if (bytes > 3 && memcmp(line, "-- ", 3) == 0)
        return take_marker(reader, line, bytes);
    if (!looks_like_a_line(line, bytes)) {
        reader_repair(base, REPAIR_NOT_UNDERSTOOD, NULL);
        return 0;
    }
    /* the first ones show whether this is a log at all */
    if (reader->lines.base.understood >= LINE_READER_SAMPLE && !reader->boot_waits && !may_tell(line, bytes))
        return 0;
    if (!split(&reader->time, line, bytes, &told)) {
        reader_repair(base, REPAIR_NOT_UNDERSTOOD, NULL);
        return 0;
    }
    reader->lines.base.understood++;
    return take_split(reader, &told);
}

/* ---- the contract -------------------------------------------------------------------------------------- */

static enum line_verdict judge(void *time, const char *line, size_t bytes)
{
    struct syslog_line split_line;
    if (bytes >= 3 && memcmp(line, "-- ", 3) == 0)
        return LINE_SAYS_NOTHING;
    return split(time, line, bytes, &split_line) ? LINE_FITS : LINE_DOES_NOT_FIT;
}

static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    struct log_time time;
    log_time_init(&time, 2000, 1);
    return line_reader_recognise(head, bytes, whole, judge, &time);
}

static void destroy(struct reader *base)
{
    if (base == NULL)
        return;
    struct syslog_reader *reader = own(base);
    logons_destroy(reader->logons);
    line_reader_finish(&reader->lines);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct syslog_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    line_reader_init(&reader->lines, settings, READER_LINE_BYTES_MAX, take_line);
    log_time_init(&reader->time, settings->year, settings->modified_ms);
    reader->logons = logons_create(settings, "log");
    if (reader->logons != NULL)
        return &reader->lines.base;
    destroy(&reader->lines.base);
    return NULL;
}

static int end(struct reader *base)
{
    return logons_end(own(base)->logons);
}

const struct reader_format reader_syslog = {
    .name = "syslog",
    .recognise = recognise,
    .create = create,
    .begin_file = line_reader_begin_file,
    .feed = line_reader_feed,
    .end_file = line_reader_end_file,
    .end = end,
    .destroy = destroy,
};
