#include "sentence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool sentence_field_is_instant(const struct sentence_field *field)
{
    size_t bytes = strlen(field->name);
    return field->text == NULL && bytes > 3 && strcmp(field->name + bytes - 3, "_at") == 0;
}

bool sentence_names(const char *names, const char *name, size_t name_bytes)
{
    while (*names != '\0') {
        size_t bytes = strcspn(names, " ");
        if (bytes == name_bytes && memcmp(names, name, bytes) == 0)
            return true;
        names += bytes + (names[bytes] == ' ');
    }
    return false;
}

const struct sentence_field *sentence_find(const struct sentence_field *fields, size_t count,
                                           const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(fields[i].name) == name_bytes && memcmp(fields[i].name, name, name_bytes) == 0)
            return &fields[i];
    return NULL;
}

/* ---- instants ------------------------------------------------------------------------------------------ */

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

void sentence_utc(void *data, int64_t unix_ms, char ret[SENTENCE_INSTANT_BYTES])
{
    (void)data;
    if (unix_ms == 0 || unix_ms == INT64_MAX) {
        (void)snprintf(ret, SENTENCE_INSTANT_BYTES, "never");
        return;
    }
    int64_t seconds = unix_ms / 1000 - (unix_ms % 1000 < 0), days = seconds / 86400 - (seconds % 86400 < 0);
    int64_t of_day = seconds - days * 86400, year;
    int month, day;
    date_of(days, &year, &month, &day);
    (void)snprintf(ret, SENTENCE_INSTANT_BYTES, "%04" PRId64 "-%02d-%02dT%02d:%02d:%02dZ", year, month, day,
                   (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60));
}

/* ---- writing ------------------------------------------------------------------------------------------- */

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

static void append_value(struct sentence *sentence, const struct sentence_field *field,
                         sentence_instant_fn *instant, void *instant_data)
{
    char room[SENTENCE_INSTANT_BYTES];
    const char *value = room;
    if (field == NULL)
        value = "?";
    else if (field->text != NULL)
        value = field->text;
    else if (sentence_field_is_instant(field))
        instant(instant_data, field->number, room);
    else
        (void)snprintf(room, sizeof(room), "%" PRId64, field->number);
    append(sentence, value, strlen(value));
}

/* "one:many", up to the closing brace. */
static void append_choice(struct sentence *sentence, const struct sentence_field *field, const char *words)
{
    size_t one = strcspn(words, ":}");
    bool is_one = field != NULL && field->text == NULL && field->number == 1;
    const char *many = words + one + (words[one] == ':');
    append(sentence, is_one ? words : many, is_one ? one : strcspn(many, "}"));
}

size_t sentence_write(const char *text, const struct sentence_field *fields, size_t count,
                      sentence_instant_fn *instant, void *instant_data, char *ret, size_t ret_bytes)
{
    struct sentence sentence = {.text = ret, .room = ret_bytes};
    if (ret_bytes == 0)
        return 0;
    while (*text != '\0') {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        if (end == NULL) {
            size_t bytes = 1 + strcspn(text + 1, "{");
            append(&sentence, text, bytes);
            text += bytes;
            continue;
        }
        size_t name_bytes = strcspn(text + 1, "?}");
        const struct sentence_field *field = sentence_find(fields, count, text + 1, name_bytes);
        if (text[1 + name_bytes] == '?')
            append_choice(&sentence, field, text + 2 + name_bytes);
        else
            append_value(&sentence, field, instant, instant_data);
        text = end + 1;
    }
    ret[sentence.bytes] = '\0';
    return sentence.bytes;
}
