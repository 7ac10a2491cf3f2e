#include "csv_record.h"

#include <string.h>

void csv_records_begin(struct csv_records *records, char separator)
{
    records->separator = separator;
    records->line = records->lines = 1;
    records->bytes = records->count = 0;
    records->place = CSV_FIELD_BEGINS;
    records->skipping = false;
}

/* The one that occurs most often outside of quotes. */
static char guess_separator(const char *text, size_t bytes)
{
    static const char separators[] = {',', ';', '\t'};
    size_t most = 0;
    char best = ',';
    for (size_t i = 0; i < sizeof separators; i++) {
        size_t count = 0;
        bool quoted = false;
        for (size_t k = 0; k < bytes; k++) {
            quoted = quoted != (text[k] == '"');
            count += !quoted && text[k] == separators[i];
        }
        if (count > most) {
            most = count;
            best = separators[i];
        }
    }
    return best;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* A field in quotes, unquoted in place. Returns where it ends. */
static char *take_quoted(char *at, char *end, const char **ret_field)
{
    char *to = at;
    *ret_field = at;
    for (at++; at < end; at++) {
        if (*at == '"' && (at + 1 == end || at[1] != '"'))
            break;
        at += *at == '"';
        *to++ = *at;
    }
    char *behind = at < end ? at + 1 : end;
    *to = '\0';
    return behind;
}

/* Cuts the record at its separators. False: too many. */
static bool split(struct csv_records *records)
{
    char *at = records->text, *end = at + records->bytes;
    *end = '\0';
    for (records->count = 0;; at++) {
        if (records->count == CSV_FIELDS_MAX)
            return false;
        while (at < end && is_blank(*at) && *at != records->separator)
            at++;
        const char *field = at;
        char *text_end;
        if (*at == '"' && at < end) {
            at = take_quoted(at, end, &field);
            text_end = NULL;
            while (at < end && *at != records->separator)
                at++;
        } else {
            while (at < end && *at != records->separator)
                at++;
            text_end = at;
            while (text_end > field && is_blank(text_end[-1]))
                text_end--;
        }
        bool last = at >= end;
        if (text_end != NULL)
            *text_end = '\0';
        records->fields[records->count++] = field;
        if (last)
            return true;
    }
}

static enum csv_step end_of_record(struct csv_records *records)
{
    if (records->separator == '\0')
        records->separator = guess_separator(records->text, records->bytes);
    bool fits = split(records);
    records->bytes = 0;
    records->place = CSV_FIELD_BEGINS;
    return fits ? CSV_RECORD : CSV_TOO_MANY_FIELDS;
}

static bool separates(const struct csv_records *records, char c)
{
    return records->separator == '\0' ? c == ',' || c == ';' || c == '\t' : c == records->separator;
}

static void follow_quotes(struct csv_records *records, char c)
{
    if (records->place == CSV_QUOTED)
        records->place = c == '"' ? CSV_QUOTE_CLOSED : CSV_QUOTED;
    else if (c == '"' && records->place != CSV_UNQUOTED)
        records->place = CSV_QUOTED;
    else if (separates(records, c))
        records->place = CSV_FIELD_BEGINS;
    else if (records->place != CSV_FIELD_BEGINS || !is_blank(c))
        records->place = CSV_UNQUOTED;
}

static enum csv_step take(struct csv_records *records, char c)
{
    bool ends = c == '\n';
    records->lines += ends;
    if (records->skipping) {
        records->skipping = !ends;
        return CSV_GOES_ON;
    }
    if (records->bytes == 0)
        records->line = records->lines - ends;
    if (ends && records->place != CSV_QUOTED)
        return end_of_record(records);
    if (records->bytes == CSV_RECORD_BYTES_MAX) {
        records->bytes = 0;
        records->place = CSV_FIELD_BEGINS;
        records->skipping = !ends;
        return CSV_TOO_LONG;
    }
    follow_quotes(records, c);
    records->text[records->bytes++] = c;
    return CSV_GOES_ON;
}

enum csv_step csv_records_feed(struct csv_records *records, const char **bytes, size_t *count)
{
    enum csv_step step = CSV_GOES_ON;
    while (*count > 0 && step == CSV_GOES_ON) {
        step = take(records, **bytes);
        ++*bytes;
        --*count;
    }
    return step;
}

enum csv_step csv_records_end(struct csv_records *records)
{
    return records->bytes > 0 && !records->skipping ? end_of_record(records) : CSV_GOES_ON;
}
