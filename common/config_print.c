/* config_print.c - a setting's value as it would stand in the file. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 128

struct text { /* grows; a failure sticks */
    char *bytes;
    size_t used, room;
    bool failed;
};

static void put(struct text *text, const char *bytes, size_t count)
{
    size_t room = text->room > 0 ? text->room : ROOM_FIRST;
    while (room < text->used + count + 1)
        room *= 2;
    char *larger = text->failed || room == text->room ? text->bytes : realloc(text->bytes, room);
    text->failed |= !larger;
    if (text->failed)
        return;
    text->bytes = larger;
    text->room = room;
    memcpy(text->bytes + text->used, bytes, count);
    text->used += count;
    text->bytes[text->used] = '\0';
}

static void put_text(struct text *text, const char *words)
{
    put(text, words, strlen(words));
}

static void put_quoted(struct text *text, const char *value)
{
    put_text(text, "\"");
    for (; *value; value++) {
        if (*value == '\n' || *value == '\t') {
            put_text(text, *value == '\n' ? "\\n" : "\\t");
            continue;
        }
        if (*value == '"' || *value == '\\')
            put_text(text, "\\");
        put(text, value, 1);
    }
    put_text(text, "\"");
}

/* Past 32 bits libconfig wants an L. */
static void put_integer(struct text *text, const char *at)
{
    char number[32];
    int64_t value;
    memcpy(&value, at, sizeof(value));
    (void)snprintf(number, sizeof(number), "%" PRId64 "%s", value,
                   value > INT32_MAX || value < INT32_MIN ? "L" : "");
    put_text(text, number);
}

static void put_duration(struct text *text, const char *at)
{
    char duration[CONFIG_DURATION_BYTES];
    int64_t ms;
    memcpy(&ms, at, sizeof(ms));
    config_duration_text(ms, duration);
    if (ms == 0)
        put_text(text, duration);
    else
        put_quoted(text, duration);
}

static void put_value(struct text *text, const struct config_setting *setting, const char *values);

static void put_group(struct text *text, const struct config_table *table, const char *values)
{
    put_text(text, "{ ");
    for (size_t i = 0; i < table->count; i++) {
        put_text(text, table->settings[i].path);
        put_text(text, " = ");
        put_value(text, &table->settings[i], values);
        put_text(text, "; ");
    }
    put_text(text, "}");
}

static void put_list(struct text *text, const struct config_setting *setting, const char *values)
{
    const char *at = values + setting->offset;
    size_t count;
    memcpy(&count, values + setting->count_offset, sizeof(count));
    put_text(text, "(");
    for (size_t i = 0; i < count; i++) {
        put_text(text, i > 0 ? ", " : "");
        if (setting->type == CONFIG_INTEGERS)
            put_integer(text, at + i * sizeof(int64_t));
        else if (setting->type == CONFIG_TEXTS)
            put_quoted(text, at + i * (size_t)(setting->max + 1));
        else
            put_group(text, setting->elements, at + i * setting->element_bytes);
    }
    put_text(text, ")");
}

static void put_value(struct text *text, const struct config_setting *setting, const char *values)
{
    const char *at = values + setting->offset;
    bool yes;
    int choice;
    switch (setting->type) {
    case CONFIG_TEXT:
        put_quoted(text, at);
        break;
    case CONFIG_INTEGER:
        put_integer(text, at);
        break;
    case CONFIG_DURATION:
        put_duration(text, at);
        break;
    case CONFIG_BOOLEAN:
        memcpy(&yes, at, sizeof(yes));
        put_text(text, yes ? "true" : "false");
        break;
    case CONFIG_CHOICE:
        memcpy(&choice, at, sizeof(choice));
        put_quoted(text, setting->choices[choice]);
        break;
    case CONFIG_INTEGERS:
    case CONFIG_TEXTS:
    case CONFIG_LIST:
        put_list(text, setting, values);
        break;
    }
}

char *config_print(const struct config_setting *setting, const void *values)
{
    struct text text = {.bytes = NULL};
    put_value(&text, setting, values);
    if (!text.failed)
        return text.bytes;
    free(text.bytes);
    return NULL;
}
