#include "last_line.h"

#include "sizing.h"

#include <string.h>

#define CTIME_BYTES 24 /* of "Mon Jan  2 03:04:05 2024" */
#define ISO_BYTES   19 /* of "2024-01-02T03:04:05", and a zone */
#define HOUR_MS     INT64_C(3600000)
#define MINUTE_MS   INT64_C(60000)

/* ---- pieces -------------------------------------------------------------------------------------------- */

static void skip_blanks(struct utmp_field *rest)
{
    while (rest->bytes > 0 && *rest->text == ' ') {
        rest->text++;
        rest->bytes--;
    }
}

static bool skip(struct utmp_field *rest, const char *words)
{
    size_t bytes = strlen(words);
    if (rest->bytes < bytes || memcmp(rest->text, words, bytes) != 0)
        return false;
    rest->text += bytes;
    rest->bytes -= (uint32_t)bytes;
    return true;
}

static struct utmp_field next_word(struct utmp_field *rest)
{
    skip_blanks(rest);
    struct utmp_field word = {rest->text, 0};
    while (rest->bytes > 0 && *rest->text != ' ') {
        word.bytes++;
        rest->text++;
        rest->bytes--;
    }
    return word;
}

static bool is_word(const struct utmp_field *field, const char *word)
{
    return field->bytes == strlen(word) && memcmp(field->text, word, field->bytes) == 0;
}

static int64_t skip_number(struct utmp_field *rest)
{
    int64_t number = 0;
    while (rest->bytes > 0 && *rest->text >= '0' && *rest->text <= '9' && number < 100000000) {
        number = number * 10 + (*rest->text - '0');
        rest->text++;
        rest->bytes--;
    }
    return number;
}

/* ---- times --------------------------------------------------------------------------------------------- */

/* "Mon Jan  2 03:04:05 2024", local time; what its punctuation promises. */
static bool looks_like_ctime(const char *text, size_t bytes)
{
    return bytes >= CTIME_BYTES && text[3] == ' ' && text[7] == ' ' && text[10] == ' ' && text[13] == ':' &&
           text[16] == ':' && text[19] == ' ';
}

static bool looks_like_iso(const char *text, size_t bytes)
{
    return bytes >= ISO_BYTES && text[4] == '-' && text[7] == '-' && text[10] == 'T' && text[13] == ':';
}

static int two_digits(const char *text)
{
    unsigned tens = *text == ' ' ? 0 : (unsigned char)text[0] - (unsigned)'0',
             ones = (unsigned char)text[1] - (unsigned)'0';
    return tens > 9 || ones > 9 ? -1 : (int)(tens * 10 + ones);
}

static bool read_ctime(struct log_time *time, const char *text, int64_t *ret_ms)
{
    int century = two_digits(text + 20), year = two_digits(text + 22);
    struct wall_time wall = {
        .year = century * 100 + year,
        .month = log_time_month(text + 4),
        .day = two_digits(text + 8),
        .hour = two_digits(text + 11),
        .minute = two_digits(text + 14),
        .second = two_digits(text + 17),
    };
    if (century < 0 || year < 0 || wall.hour < 0 || wall.minute < 0 || wall.second < 0 ||
        !log_time_is_date(&wall))
        return false;
    int64_t at_ms = log_time_local(time, &wall);
    if (at_ms < 0 || at_ms > SIZING_TIME_MS_MAX - HOUR_MS)
        return false;
    *ret_ms = at_ms;
    return true;
}

/* A time of either form, which is taken off. */
static bool skip_time(struct log_time *time, struct utmp_field *rest, int64_t *ret_ms)
{
    size_t read = 0;
    if (looks_like_iso(rest->text, rest->bytes))
        read = log_time_read(time, rest->text, rest->bytes, ret_ms);
    else if (looks_like_ctime(rest->text, rest->bytes) && read_ctime(time, rest->text, ret_ms))
        read = CTIME_BYTES;
    rest->text += read;
    rest->bytes -= (uint32_t)read;
    return read > 0;
}

/* Where the first time of a line begins; `bytes` if there is none. */
static size_t find_time(const char *text, size_t bytes)
{
    for (size_t at = 1; at < bytes; at++)
        if (text[at - 1] == ' ' && text[at] != ' ' &&
            (looks_like_ctime(text + at, bytes - at) || looks_like_iso(text + at, bytes - at)))
            return at;
    return bytes;
}

/* "(02:00)", "(1+02:00)", "(-00:05)": whole minutes, cut towards zero. */
static void read_duration(struct utmp_field *rest, struct last_line *ret)
{
    struct utmp_field at = *rest;
    skip_blanks(&at);
    if (!skip(&at, "("))
        return;
    bool negative = skip(&at, "-");
    int64_t hours = skip_number(&at), days = 0;
    if (skip(&at, "+")) {
        days = hours;
        hours = skip_number(&at);
    }
    if (!skip(&at, ":"))
        return;
    ret->minutes = ((days * 24 + hours) * 60 + skip_number(&at)) * (negative ? -1 : 1);
    if (!skip(&at, ")"))
        return;
    ret->has_minutes = true;
    *rest = at;
}

/* Local times of an hour that is shown twice may be an hour off; how long the session lasted tells. */
static void settle_hour(struct last_line *line)
{
    if (!line->has_minutes || line->end != LAST_ENDED)
        return;
    int64_t minutes = (line->end_ms - line->begin_ms) / MINUTE_MS;
    if (minutes == line->minutes - 60)
        line->end_ms += HOUR_MS;
    else if (minutes == line->minutes + 60)
        line->begin_ms += HOUR_MS;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

/* What stands before the time: who, where, from where. Names of system records have blanks in their lines. */
static void read_who(struct utmp_field who, struct last_line *ret)
{
    ret->user = next_word(&who);
    skip_blanks(&who);
    ret->kind = LAST_OTHER;
    if (is_word(&ret->user, "reboot") && skip(&who, "system boot"))
        ret->kind = LAST_BOOT;
    else if (is_word(&ret->user, "shutdown") && skip(&who, "system down"))
        ret->kind = LAST_DOWN;
    else if (is_word(&ret->user, "runlevel") && skip(&who, "(to lvl "))
        ret->kind = skip(&who, "0)") || skip(&who, "6)") ? LAST_DOWN : LAST_OTHER;
    else if (is_word(&ret->user, "date") && (skip(&who, "old time") || skip(&who, "new time")))
        ret->kind = LAST_OTHER;
    else
        ret->kind = LAST_SESSION;
    if (ret->kind != LAST_SESSION)
        return;
    ret->line = next_word(&who);
    ret->host = next_word(&who);
    if (ret->line.bytes == 0)
        ret->kind = LAST_NOTHING;
}

/* What stands behind the first time: until when, how long, with -a from where. */
static bool read_end(struct log_time *time, struct utmp_field rest, struct last_line *ret)
{
    skip_blanks(&rest);
    ret->end = LAST_OPEN;
    if (skip(&rest, "- crash") || skip(&rest, "- down"))
        ret->end = LAST_WENT_DOWN;
    else if (skip(&rest, "- ") && skip_time(time, &rest, &ret->end_ms))
        ret->end = LAST_ENDED;
    else if (rest.bytes > 0 && !skip(&rest, "still logged in") && !skip(&rest, "still running") &&
             !skip(&rest, "gone - no logout") && ret->kind == LAST_SESSION)
        return false;
    read_duration(&rest, ret);
    struct utmp_field host = next_word(&rest);
    if (ret->host.bytes == 0)
        ret->host = host;
    return ret->end != LAST_WENT_DOWN || ret->has_minutes;
}

void last_line_read(struct log_time *time, const char *text, size_t bytes, struct last_line *ret)
{
    const struct utmp_field none = {"", 0};
    size_t at = find_time(text, bytes);
    struct utmp_field rest = {text + at, (uint32_t)(bytes - at)}, who = {text, (uint32_t)at};
    *ret = (struct last_line){.user = none, .line = none, .host = none};
    if (!skip_time(time, &rest, &ret->begin_ms))
        return;
    skip_blanks(&rest);
    if (rest.bytes == 0 && at >= 8 && memcmp(text + at - 8, " begins ", 8) == 0) {
        ret->kind = LAST_BEGINS;
        return;
    }
    read_who(who, ret);
    if (!read_end(time, rest, ret))
        ret->kind = LAST_NOTHING;
    settle_hour(ret);
}
