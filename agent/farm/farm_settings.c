#include "farm_settings.h"

#include "common/json.h"
#include "common/json_members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
    char *path, *value;
};
struct rows {
    int64_t n;
    struct row list[FARM_SETTINGS_MAX];
    size_t count;
};

/* ---- rows ---- */

static void rows_destroy(struct rows *rows)
{
    for (size_t i = 0; rows && i < rows->count; i++) {
        free(rows->list[i].path);
        free(rows->list[i].value);
    }
    free(rows);
}

static struct row *find_row(struct rows *rows, const char *path)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->list[i].path, path) == 0)
            return &rows->list[i];
    return NULL;
}

static int add_row(struct rows *rows, const char *path, const char *value)
{
    if (rows->count == FARM_SETTINGS_MAX)
        return ERROR_TOO_LARGE;
    struct row row = {strdup(path), strdup(value)};
    if (!row.path || !row.value) {
        free(row.path);
        free(row.value);
        return ERROR_NO_MEMORY;
    }
    rows->list[rows->count++] = row;
    return 0;
}

static int put_row(struct rows *rows, const char *path, const char *value)
{
    struct row *row = find_row(rows, path);
    char *copy = row ? strdup(value) : NULL;
    if (!row)
        return add_row(rows, path, value);
    if (!copy)
        return ERROR_NO_MEMORY;
    free(row->value);
    row->value = copy;
    return 0;
}

/* ---- text ---- */

struct outer {
    int64_t n;
    struct json_span settings;
};
static const struct json_field outer_fields[] = {
    {.name = "n",
     .type = JSON_INTEGER,
     .offset = offsetof(struct outer, n),
     .min = 1,
     .max = INT64_MAX - 1,
     .required = true},
    {.name = "settings", .type = JSON_SPAN, .offset = offsetof(struct outer, settings), .required = true},
};
static const struct json_shape outer_shape = {outer_fields, sizeof outer_fields / sizeof *outer_fields};

static int take_member(void *data, const char *name, const char *value)
{
    struct rows *rows = data;
    if (!value || strlen(value) > FARM_SETTINGS_VALUE_BYTES_MAX || find_row(rows, name))
        return ERROR_INVALID;
    int error = add_row(rows, name, value);
    return error == ERROR_TOO_LARGE ? ERROR_INVALID : error;
}

static int rows_read(const char *text, size_t bytes, struct rows **ret)
{
    struct outer outer = {.n = 0};
    struct rows *rows = NULL;
    int error = bytes > FARM_SETTINGS_BYTES_MAX ? ERROR_INVALID
                                                : json_read(&outer_shape, text, bytes, &outer, NULL, NULL);
    if (error == 0 && !(rows = calloc(1, sizeof *rows)))
        error = ERROR_NO_MEMORY;
    if (error == 0) {
        rows->n = outer.n;
        error = json_members(outer.settings.start, outer.settings.bytes, take_member, rows);
    }
    if (error != 0) {
        rows_destroy(rows);
        return error == ERROR_NO_MEMORY ? error : ERROR_INVALID;
    }
    *ret = rows;
    return 0;
}

static int rows_write(const struct rows *rows, char **ret_text)
{
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return ERROR_NO_MEMORY;
    json_open_object(writer, NULL);
    json_integer(writer, "n", rows->n);
    json_open_object(writer, "settings");
    for (size_t i = 0; i < rows->count; i++)
        json_text(writer, rows->list[i].path, rows->list[i].value);
    json_close_object(writer);
    json_close_object(writer);
    char *text = json_writer_take(writer);
    if (!text)
        return ERROR_NO_MEMORY;
    if (strlen(text) > FARM_SETTINGS_BYTES_MAX) {
        free(text);
        return ERROR_TOO_LARGE;
    }
    *ret_text = text;
    return 0;
}

/* ---- what is in force ---- */

/* NULL: each host's own, or of a newer release. */
static const struct config_setting *farm_wide(const char *path)
{
    const struct config_setting *setting = config_find(&settings_table, path);
    return setting && setting->farm_wide ? setting : NULL;
}

static int apply(const struct rows *rows, struct settings *settings, struct error_detail *ret_left_out)
{
    struct error_detail detail = {""};
    for (size_t i = 0; i < rows->count; i++) {
        const struct config_setting *setting = farm_wide(rows->list[i].path);
        int error =
            setting ? config_set(&settings_table, setting, rows->list[i].value, settings, &detail) : 0;
        if (error == ERROR_NO_MEMORY)
            return error;
        if (error != 0)
            *ret_left_out = detail;
    }
    return 0;
}

static int refuse_value(int error, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "%s",
                     error == ERROR_NO_MEMORY ? error_text(error) : "not the settings of a farm");
    return error;
}

int farm_settings_apply(const char *text, size_t bytes, const struct settings *of_file, struct settings *ret,
                        struct error_detail *ret_detail)
{
    struct error_detail left_out = {""};
    struct rows *rows;
    int error = rows_read(text, bytes, &rows);
    if (error != 0)
        return refuse_value(error, ret_detail);
    struct settings *settings = malloc(sizeof *settings);
    if (!settings) {
        rows_destroy(rows);
        return refuse_value(ERROR_NO_MEMORY, ret_detail);
    }
    *settings = *of_file;
    error = apply(rows, settings, &left_out);
    rows_destroy(rows);
    if (error != 0)
        error = refuse_value(error, ret_detail);
    else if (settings_check(settings, ret_detail) != 0)
        error = ERROR_INVALID;
    if (error == 0) {
        *ret = *settings;
        error_detail_set(ret_detail, "%s", left_out.text);
    }
    free(settings);
    return error;
}

int farm_settings_number(const char *text, size_t bytes, int64_t *ret)
{
    struct rows *rows;
    int error = rows_read(text, bytes, &rows);
    if (error != 0)
        return error;
    *ret = rows->n;
    rows_destroy(rows);
    return 0;
}

int farm_settings_each(const char *text, size_t bytes, farm_settings_row_fn *on_row, void *data)
{
    struct rows *rows;
    int error = rows_read(text, bytes, &rows);
    if (error != 0)
        return error;
    for (size_t i = 0; i < rows->count; i++)
        on_row(data, rows->list[i].path, rows->list[i].value);
    rows_destroy(rows);
    return 0;
}

/* ---- what a file says otherwise ---- */

static int tell_difference(const struct config_setting *setting, const struct settings *of_file,
                           const struct settings *in_force, farm_settings_fn *on_difference, void *data)
{
    char *ours = config_print(setting, of_file), *farms = config_print(setting, in_force);
    int error = ours && farms ? 0 : ERROR_NO_MEMORY;
    if (error == 0)
        on_difference(data, setting->path, ours, farms);
    free(ours);
    free(farms);
    return error;
}

static int read_defaults(struct settings **ret)
{
    struct settings *defaults = calloc(1, sizeof *defaults);
    int error = defaults ? settings_read(NULL, defaults, NULL) : ERROR_NO_MEMORY;
    if (error != 0)
        free(defaults);
    else
        *ret = defaults;
    return error;
}

int farm_settings_differences(const struct settings *of_file, const struct settings *in_force,
                              farm_settings_fn *on_difference, void *data)
{
    struct settings *defaults;
    int error = read_defaults(&defaults);
    if (error != 0)
        return error;
    for (size_t i = 0; i < settings_table.count && error == 0; i++) {
        const struct config_setting *setting = &settings_table.settings[i];
        if (setting->farm_wide && !config_equal(setting, of_file, in_force) &&
            !config_equal(setting, of_file, defaults))
            error = tell_difference(setting, of_file, in_force, on_difference, data);
    }
    free(defaults);
    return error;
}

/* ---- making and changing ---- */

static int put_setting(struct rows *rows, const struct config_setting *setting,
                       const struct settings *settings)
{
    char *value = config_print(setting, settings);
    int error = value ? put_row(rows, setting->path, value) : ERROR_NO_MEMORY;
    free(value);
    return error;
}

int farm_settings_make(const struct settings *of_file, char **ret_text)
{
    struct rows *rows = calloc(1, sizeof *rows);
    int error = rows ? 0 : ERROR_NO_MEMORY;
    for (size_t i = 0; i < settings_table.count && error == 0; i++)
        if (settings_table.settings[i].farm_wide)
            error = put_setting(rows, &settings_table.settings[i], of_file);
    if (error == 0) {
        rows->n = 1;
        error = rows_write(rows, ret_text);
    }
    rows_destroy(rows);
    return error;
}

static int refuse_path(const char *path, struct error_detail *ret_detail)
{
    const char *names[FARM_SETTINGS_MAX];
    size_t count = 0;
    if (config_find(&settings_table, path)) {
        error_detail_set(ret_detail, "%.100s: each host has it for itself: change it in farmgate.conf there",
                         path);
        return ERROR_CONFIGURATION;
    }
    for (size_t i = 0; i < settings_table.count && count < FARM_SETTINGS_MAX; i++)
        if (settings_table.settings[i].farm_wide)
            names[count++] = settings_table.settings[i].path;
    const char *nearest = config_nearest(path, names, count);
    error_detail_set(ret_detail, "%.100s: unknown setting%s%s%s", path, nearest ? "; did you mean " : "",
                     nearest ? nearest : "", nearest ? "?" : "");
    return ERROR_CONFIGURATION;
}

/* A word that on a command line came without the quotes that a file wants. */
static bool wants_quotes(const struct config_setting *setting, const char *value)
{
    bool word = setting->type == CONFIG_TEXT || setting->type == CONFIG_CHOICE ||
                (setting->type == CONFIG_DURATION && strcmp(value, "0") != 0);
    return word && value[0] != '"' && value[strcspn(value, "\"\\\n")] == '\0';
}

static int set_value(const struct config_setting *setting, const char *value, struct settings *settings,
                     struct error_detail *ret_detail)
{
    char quoted[CONFIG_PATH_BYTES];
    if (!value)
        return 0; /* the defaults have it */
    if (strlen(value) > FARM_SETTINGS_VALUE_BYTES_MAX) {
        error_detail_set(ret_detail, "%s: longer than any value", setting->path);
        return ERROR_TOO_LARGE;
    }
    if (!wants_quotes(setting, value) || strlen(value) + 3 > sizeof quoted)
        return config_set(&settings_table, setting, value, settings, ret_detail);
    (void)snprintf(quoted, sizeof quoted, "\"%s\"", value);
    return config_set(&settings_table, setting, quoted, settings, ret_detail);
}

/* All settings of the changed farm together, on top of the defaults. */
static int check_rows(const struct rows *rows, struct settings *settings, struct error_detail *ret_detail)
{
    struct error_detail left_out = {""};
    int error = apply(rows, settings, &left_out);
    return error != 0 ? error : settings_check(settings, ret_detail);
}

static int change_rows(struct rows *rows, const struct config_setting *setting, const char *value,
                       struct error_detail *ret_detail)
{
    struct settings *settings;
    int error = read_defaults(&settings);
    if (error != 0)
        return error;
    error = set_value(setting, value, settings, ret_detail);
    if (error == 0)
        error = put_setting(rows, setting, settings);
    if (error == 0)
        error = check_rows(rows, settings, ret_detail);
    free(settings);
    return error;
}

int farm_settings_change(const char *text, size_t bytes, const char *path, const char *value, char **ret_text,
                         struct error_detail *ret_detail)
{
    const struct config_setting *setting = farm_wide(path);
    struct rows *rows = NULL;
    if (!setting)
        return refuse_path(path, ret_detail);
    int error = text ? rows_read(text, bytes, &rows) : 0;
    if (error != 0)
        return refuse_value(error, ret_detail);
    if (!rows && !(rows = calloc(1, sizeof *rows)))
        return refuse_value(ERROR_NO_MEMORY, ret_detail);
    error = change_rows(rows, setting, value, ret_detail);
    if (error == 0) {
        rows->n++;
        error = rows_write(rows, ret_text);
    }
    if (error == ERROR_NO_MEMORY || error == ERROR_TOO_LARGE)
        error_detail_set(ret_detail, "%s: %s", path, error_text(error));
    rows_destroy(rows);
    return error;
}
