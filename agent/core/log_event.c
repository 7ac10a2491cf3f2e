#include "log_event.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_BYTES 32

const struct log_event_form *log_event_form(enum log_event_code code)
{
    static const struct log_event_form forms[] = {
#define LOG_EVENT(code, number, severity, message_id, text, fields, advice) \
    {#code, number, SEVERITY_##severity, message_id, text, fields, advice},
#include "log_events.def"
#undef LOG_EVENT
    };
    static_assert(sizeof(forms) / sizeof(forms[0]) == LOG_EVENT_MAX, "one table yields them all");
    assert(code < LOG_EVENT_MAX);
    return &forms[code];
}

const char *log_event_name(enum log_event_code code)
{
    return log_event_form(code)->name;
}

enum log_severity log_event_severity(enum log_event_code code)
{
    return log_event_form(code)->severity;
}

const char *log_severity_name(enum log_severity severity)
{
    static const char *const names[] = {
        [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning", [SEVERITY_NOTICE] = "notice",
        [SEVERITY_INFO] = "info",   [SEVERITY_DEBUG] = "debug",
    };
    return names[severity];
}

bool log_event_has_field(enum log_event_code code, const char *name, size_t name_bytes)
{
    for (const char *field = log_event_form(code)->fields; *field != '\0';) {
        size_t bytes = strcspn(field, " ");
        if (bytes == name_bytes && memcmp(field, name, bytes) == 0)
            return true;
        field += bytes + (field[bytes] == ' ');
    }
    return false;
}

static const struct log_field *find_field(const struct log_event *event, const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < event->field_count; i++) {
        const struct log_field *field = &event->fields[i];
        if (strlen(field->name) == name_bytes && memcmp(field->name, name, name_bytes) == 0)
            return field;
    }
    return NULL;
}

static struct log_field *add_field(struct log_event *event, const char *name)
{
    assert(event->field_count < LOG_FIELDS_MAX);
    assert(log_event_has_field(event->code, name, strlen(name)));
    assert(find_field(event, name, strlen(name)) == NULL);
    struct log_field *field = &event->fields[event->field_count++];
    *field = (struct log_field){.name = name};
    return field;
}

void log_event_text(struct log_event *event, const char *name, const char *text)
{
    add_field(event, name)->text = text != NULL ? text : "";
}

void log_event_number(struct log_event *event, const char *name, int64_t number)
{
    add_field(event, name)->number = number;
}

bool log_field_is_instant(const struct log_field *field)
{
    size_t bytes = strlen(field->name);
    return field->text == NULL && bytes > 3 && strcmp(field->name + bytes - 3, "_at") == 0;
}

/* Days since 1970 as a date of the Gregorian calendar: eras of 400 years that begin on 1 March, so that a
 * leap day is the last of its year. */
static void date_of(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    enum { ERA_DAYS = 146097, DAYS_TO_1970 = 719468 };
    days += DAYS_TO_1970;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t of_era = days - era * ERA_DAYS;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0: March */
    *ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = year + era * 400 + (*ret_month <= 2);
}

static void write_instant(int64_t unix_ms, char ret[NUMBER_BYTES])
{
    if (unix_ms == 0 || unix_ms == INT64_MAX) {
        (void)snprintf(ret, NUMBER_BYTES, "never");
        return;
    }
    int64_t seconds = unix_ms / 1000 - (unix_ms % 1000 < 0), days = seconds / 86400 - (seconds % 86400 < 0);
    int64_t of_day = seconds - days * 86400, year;
    int month, day;
    date_of(days, &year, &month, &day);
    (void)snprintf(ret, NUMBER_BYTES, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
                   (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60));
}

/* The value of a field as it reads in the sentence; `room` is for numbers. */
static const char *value_of(const struct log_event *event, const char *name, size_t name_bytes,
                            char room[NUMBER_BYTES])
{
    const struct log_field *field = find_field(event, name, name_bytes);
    if (field == NULL)
        return "?";
    if (field->text != NULL)
        return field->text;
    if (log_field_is_instant(field))
        write_instant(field->number, room);
    else
        (void)snprintf(room, NUMBER_BYTES, "%" PRId64, field->number);
    return room;
}

struct sentence {
    char *text;
    size_t room, bytes; /* without the NUL */
    bool full;
};

/* Appends what fits and, where it is cut, takes back a character that was begun. */
static void append(struct sentence *sentence, const char *text, size_t bytes)
{
    if (sentence->full)
        return;
    size_t left = sentence->room - 1 - sentence->bytes;
    if (bytes > left) {
        sentence->full = true;
        bytes = left;
        while (bytes > 0 && ((unsigned char)text[bytes] & 0xC0u) == 0x80u)
            bytes--;
    }
    memcpy(sentence->text + sentence->bytes, text, bytes);
    sentence->bytes += bytes;
}

size_t log_event_sentence(const struct log_event *event, char *ret, size_t ret_bytes)
{
    struct sentence sentence = {.text = ret, .room = ret_bytes};
    if (ret_bytes == 0)
        return 0;
    for (const char *at = log_event_form(event->code)->text; *at != '\0';) {
        const char *end = *at == '{' ? strchr(at, '}') : NULL;
        if (end != NULL) {
            char room[NUMBER_BYTES];
            const char *value = value_of(event, at + 1, (size_t)(end - at - 1), room);
            append(&sentence, value, strlen(value));
            at = end + 1;
        } else {
            size_t bytes = 1 + strcspn(at + 1, "{");
            append(&sentence, at, bytes);
            at += bytes;
        }
    }
    ret[sentence.bytes] = '\0';
    return sentence.bytes;
}
