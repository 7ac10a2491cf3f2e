#include "support_parts.h"

#include "agent/resources.h"
#include "agent/settings.h"
#include "common/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT_OUT "***"

/* --- what of a value is told ---------------------------------------------------------------- */

/* Everything between "://" and the "@" that ends a user and password. */
static void tell_url(struct text_buffer *text, const char *value)
{
    for (const char *at; (at = strstr(value, "://")); value = at) {
        at += strlen("://");
        size_t authority = strcspn(at, "/\"");
        const char *behind = NULL;
        for (size_t i = 0; i < authority; i++)
            if (at[i] == '@')
                behind = at + i;
        text_buffer_add(text, value, (size_t)(at - value));
        if (behind) {
            text_buffer_add_text(text, LEFT_OUT);
            at = behind;
        }
    }
    text_buffer_add_text(text, value);
}

/* Of every text between quotes what stands before `end`. */
static void tell_beginning(struct text_buffer *text, const char *value, char end)
{
    while (*value) {
        size_t outside = strcspn(value, "\"");
        text_buffer_add(text, value, outside);
        value += outside;
        if (*value == '\0')
            return;
        const char *start = ++value;
        while (*value && *value != '"')
            value += value[0] == '\\' && value[1] ? 2 : 1;
        const char *cut = memchr(start, end, (size_t)(value - start));
        text_buffer_add(text, "\"", 1);
        text_buffer_add(text, start, (size_t)((cut ? cut : value) - start));
        text_buffer_print(text, cut ? "%c" LEFT_OUT "\"" : "\"", end);
        value += *value == '"';
    }
}

static void tell_value(struct support *support, struct text_buffer *text,
                       const struct config_setting *setting, const void *values)
{
    char *value = config_print(setting, values);
    if (!value) {
        support->failed = true;
        return;
    }
    if (setting->tell == CONFIG_TELL_URL)
        tell_url(text, value);
    else if (setting->tell == CONFIG_TELL_PROGRAM)
        tell_beginning(text, value, ' ');
    else if (setting->tell == CONFIG_TELL_NAME)
        tell_beginning(text, value, ':');
    else
        text_buffer_add_text(text, value);
    const char *name = (const char *)values + setting->offset;
    if (setting->tell == CONFIG_TELL_PERSON && !strpbrk(name, "*?") &&
        !support_names_add(support->names, name))
        support->failed = true;
    free(value);
}

/* --- tables --------------------------------------------------------------------------------- */

static void tell_table(struct support *support, struct text_buffer *text, const struct config_table *table,
                       const void *values, const char *before)
{
    char path[CONFIG_PATH_BYTES];
    for (size_t i = 0; i < table->count; i++) {
        const struct config_setting *setting = &table->settings[i];
        if (setting->type != CONFIG_LIST) {
            text_buffer_print(text, "%s%s = ", before, setting->path);
            tell_value(support, text, setting, values);
            text_buffer_add_text(text, "\n");
            continue;
        }
        size_t count = *(const size_t *)((const char *)values + setting->count_offset);
        text_buffer_print(text, "# %s%s: %zu\n", before, setting->path, count);
        for (size_t j = 0; j < count; j++) {
            (void)snprintf(path, sizeof(path), "%s%s[%zu].", before, setting->path, j);
            tell_table(support, text, setting->elements,
                       (const char *)values + setting->offset + j * setting->element_bytes, path);
        }
    }
}

/* Where it is wrong, and which setting; not its value, which may stand in the sentence. */
static void tell_error(struct text_buffer *text, const struct error_detail *detail)
{
    const char *end = strstr(detail->text, ": ");
    end = end ? strstr(end + 2, ": ") : NULL;
    size_t bytes = end ? (size_t)(end - detail->text) : strlen(detail->text);
    text_buffer_print(text, "# it is wrong; `farmgate check-config` says what: %.*s\n", (int)bytes,
                      detail->text);
}

/* Each setting by itself, of a file that is not right as a whole. */
static void tell_peeked(struct support *support, struct text_buffer *text, const char *path,
                        struct settings *settings)
{
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct config_setting *setting = &settings_table.settings[i];
        if (setting->type == CONFIG_LIST || setting->type == CONFIG_TEXTS || setting->type == CONFIG_INTEGERS)
            continue;
        config_peek(&settings_table, setting->path, path, settings);
        text_buffer_print(text, "%s = ", setting->path);
        tell_value(support, text, setting, settings);
        text_buffer_add_text(text, "\n");
    }
}

static void add_resources(struct support *support, const char *path)
{
    struct text_buffer text = {.text = NULL};
    struct error_detail detail = {""};
    void *values = calloc(1, resources_table_bytes);
    if (!values) {
        support->failed = true;
        return;
    }
    text_buffer_print(&text, "# \"%s\", by the table of its settings; *** stands for what may be secret\n",
                      path);
    int error = config_load(&resources_table, path, values, &detail);
    if (error == ERROR_CONFIGURATION)
        tell_error(&text, &detail);
    else if (error)
        support_missing(support, "configuration/resources.conf", detail.text);
    else
        tell_table(support, &text, &resources_table, values, "");
    free(values);
    if (error && error != ERROR_CONFIGURATION)
        text_buffer_finish(&text);
    else
        support_add(support, "configuration/resources.conf", true, &text);
}

void support_add_configuration(struct support *support, const char *path)
{
    struct text_buffer text = {.text = NULL};
    struct error_detail detail = {""};
    struct settings *settings = calloc(1, sizeof(*settings));
    if (!settings) {
        support->failed = true;
        return;
    }
    int error = settings_read(path, settings, &detail);
    text_buffer_print(
        &text, "# \"%s\", every setting as it holds, by their table; *** stands for what may be secret\n",
        path);
    if (error && error != ERROR_CONFIGURATION)
        support_missing(support, "configuration/farmgate.conf", detail.text);
    if (error) {
        tell_error(&text, &detail);
        (void)config_load(&settings_table, NULL, settings, &detail);
        tell_peeked(support, &text, path, settings);
    } else {
        tell_table(support, &text, &settings_table, settings, "");
    }
    support_add(support, "configuration/farmgate.conf", true, &text);
    config_peek(&settings_table, "gate.resources", path, settings);
    add_resources(support, settings->resources_file);
    free(settings);
}
