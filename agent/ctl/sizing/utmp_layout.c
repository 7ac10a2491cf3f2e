#include "utmp_layout.h"

#include "sizing.h"

#include "agent/core/text.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#define LINE_BYTES 32
#define USER_BYTES 32
#define HOST_BYTES 256
static_assert(LINE_BYTES % 8 == 0 && USER_BYTES % 8 == 0 && HOST_BYTES % 8 == 0, "fields are whole words");

#define MICROSECONDS 1000000 /* of a second */

/* The fields before the session number stand where they do in every layout. */
#define TYPE_AT 0
#define PID_AT  4
#define LINE_AT 8
#define USER_AT 44
#define HOST_AT 76

static const struct layout {
    size_t record_bytes, seconds_at, microseconds_at;
    bool wide; /* times of 64 bits */
    bool big;
} layouts[] = {
    [UTMP_384_LITTLE] = {384, 340, 344, false, false},
    [UTMP_384_BIG] = {384, 340, 344, false, true},
    [UTMP_400_LITTLE] = {400, 344, 352, true, false},
    [UTMP_400_BIG] = {400, 344, 352, true, true},
};

static uint32_t short_at(const char *bytes, bool big)
{
    uint16_t number;
    memcpy(&number, bytes, sizeof number);
    return big ? be16toh(number) : le16toh(number);
}

static uint32_t word_at(const char *bytes, bool big)
{
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return big ? be32toh(number) : le32toh(number);
}

static uint64_t long_at(const char *bytes, bool big)
{
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return big ? be64toh(number) : le64toh(number);
}

static uint64_t time_at(const struct layout *layout, const char *bytes)
{
    return layout->wide ? long_at(bytes, layout->big) : word_at(bytes, layout->big);
}

static int64_t instant_at(const struct layout *layout, const char *record)
{
    uint64_t seconds = time_at(layout, record + layout->seconds_at),
             microseconds = time_at(layout, record + layout->microseconds_at);
    if (seconds > (uint64_t)SIZING_TIME_MS_MAX / 1000)
        return -1;
    return (int64_t)(seconds * 1000 + (microseconds < MICROSECONDS ? microseconds / 1000 : 0));
}

/* Up to its NUL, if it has one. Most are short: a word or two tell, and no call. */
static struct utmp_field field_at(const char *field, uint32_t bytes)
{
    for (uint32_t at = 0; at < bytes; at += 8) {
        uint64_t nul = text_zero_bytes(le64toh(text_word(field + at)));
        if (nul != 0)
            return (struct utmp_field){field, at + (uint32_t)__builtin_ctzll(nul) / 8};
    }
    return (struct utmp_field){field, bytes};
}

size_t utmp_record_bytes_of(enum utmp_layout layout)
{
    return layouts[layout].record_bytes;
}

void utmp_record_of(enum utmp_layout number, const char *record, struct utmp_record *ret)
{
    const struct layout *layout = &layouts[number];
    *ret = (struct utmp_record){
        .type = short_at(record + TYPE_AT, layout->big),
        .pid = word_at(record + PID_AT, layout->big),
        .at_ms = instant_at(layout, record),
        .line = field_at(record + LINE_AT, LINE_BYTES),
        .user = field_at(record + USER_AT, USER_BYTES),
        .host = field_at(record + HOST_AT, HOST_BYTES),
    };
}

static bool is_text(const struct utmp_field *field)
{
    for (uint32_t i = 0; i < field->bytes; i++)
        if ((unsigned char)field->text[i] < 0x20 || field->text[i] == 0x7f)
            return false;
    return true;
}

bool utmp_record_is_text(const struct utmp_record *record)
{
    return is_text(&record->line) && is_text(&record->user) && is_text(&record->host);
}

/* "login screen", where a display manager waits, is no host. */
static bool is_remote(const struct utmp_field *host)
{
    return host->bytes > 0 && host->text[0] != ':' && memchr(host->text, ' ', host->bytes) == NULL;
}

static bool begins_with(const struct utmp_field *field, const char *text)
{
    size_t bytes = strlen(text);
    return field->bytes >= bytes && memcmp(field->text, text, bytes) == 0;
}

enum connection_route utmp_route(const struct utmp_field *line, const struct utmp_field *host)
{
    bool is_local = begins_with(line, "tty") || begins_with(line, ":") || begins_with(line, "console");
    return is_local && !is_remote(host) ? ROUTE_CONSOLE : ROUTE_SSH;
}

/* A log-in at the very beginning of time is the half of a wider number. */
static bool makes_sense(const struct layout *layout, const char *bytes, const struct utmp_record *record)
{
    return (record->type < UTMP_TYPE_MAX || record->type == UTMP_SHUTDOWN) &&
           record->at_ms >= (record->type == UTMP_USER ? 1000 : 0) &&
           time_at(layout, bytes + layout->microseconds_at) < MICROSECONDS && utmp_record_is_text(record);
}

static bool says_something(const struct utmp_record *record)
{
    return record->line.bytes > 0 || record->user.bytes > 0;
}

enum utmp_layout utmp_layout_guess(const char *bytes, size_t count, size_t *ret_sensible,
                                   size_t *ret_senseless)
{
    enum utmp_layout best = UTMP_384_LITTLE;
    size_t best_sensible = 0, best_senseless = SIZE_MAX;
    for (int layout = 0; layout < UTMP_LAYOUT_MAX; layout++) {
        size_t record_bytes = layouts[layout].record_bytes, sensible = 0, senseless = 0;
        for (size_t at = 0; at + record_bytes <= count; at += record_bytes) {
            struct utmp_record record;
            utmp_record_of((enum utmp_layout)layout, bytes + at, &record);
            if (!makes_sense(&layouts[layout], bytes + at, &record))
                senseless++;
            else if (says_something(&record))
                sensible++;
        }
        if (sensible < best_sensible || (sensible == best_sensible && senseless >= best_senseless))
            continue;
        best = (enum utmp_layout)layout;
        best_sensible = sensible;
        best_senseless = senseless;
    }
    *ret_sensible = best_sensible;
    *ret_senseless = best_senseless;
    return best;
}
