/* config_print.c - a setting's value as it would stand in the file. */
#include "config.h"
#include "text_buffer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_quoted(struct text_buffer *text, const char *value)
{
    text_buffer_add_text(text, "\"");
    for (; *value; value++) {
        if (*value == '\n' || *value == '\t') {
            text_buffer_add_text(text, *value == '\n' ? "\\n" : "\\t");
            continue;
        }
        if (*value == '"' || *value == '\\')
            text_buffer_add_text(text, "\\");
        text_buffer_add(text, value, 1);
    }
    text_buffer_add_text(text, "\"");
}

/* Past 32 bits libconfig wants an L. */
static void put_integer(struct text_buffer *text, const char *at)
{
    char number[32];
    int64_t value;
    memcpy(&value, at, sizeof(value));
    (void)snprintf(number, sizeof(number), "%" PRId64 "%s", value,
                   value > INT32_MAX || value < INT32_MIN ? "L" : "");
    text_buffer_add_text(text, number);
}

static void put_duration(struct text_buffer *text, const char *at)
{
    char duration[CONFIG_DURATION_BYTES];
    int64_t ms;
    memcpy(&ms, at, sizeof(ms));
    config_duration_text(ms, duration);
    if (ms == 0)
        text_buffer_add_text(text, duration);
    else
        put_quoted(text, duration);
}

static void put_value(struct text_buffer *text, const struct config_setting *setting, const char *values);

static void put_group(struct text_buffer *text, const struct config_table *table, const char *values)
{
    text_buffer_add_text(text, "{ ");
    for (size_t i = 0; i < table->count; i++) {
        text_buffer_add_text(text, table->settings[i].path);
        text_buffer_add_text(text, " = ");
        put_value(text, &table->settings[i], values);
        text_buffer_add_text(text, "; ");
    }
    text_buffer_add_text(text, "}");
}

static void put_list(struct text_buffer *text, const struct config_setting *setting, const char *values)
{
    const char *at = values + setting->offset;
    size_t count;
    memcpy(&count, values + setting->count_offset, sizeof(count));
    text_buffer_add_text(text, "(");
    for (size_t i = 0; i < count; i++) {
        text_buffer_add_text(text, i > 0 ? ", " : "");
        if (setting->type == CONFIG_INTEGERS)
            put_integer(text, at + i * sizeof(int64_t));
        else if (setting->type == CONFIG_TEXTS)
            put_quoted(text, at + i * (size_t)(setting->max + 1));
        else
            put_group(text, setting->elements, at + i * setting->element_bytes);
    }
    text_buffer_add_text(text, ")");
}

static void put_value(struct text_buffer *text, const struct config_setting *setting, const char *values)
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
        text_buffer_add_text(text, yes ? "true" : "false");
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
    struct text_buffer text = {.text = NULL};
    put_value(&text, setting, values);
    return text_buffer_take(&text);
}
