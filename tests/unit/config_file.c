#include "config_file.h"

#include "common/file.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX (256 * 1024)

/* The name and value of a line "# NAME = VALUE;", one blank behind the '#': examples are indented further. */
static bool commented_setting(const char *line, char ret_name[128], char ret_value[512])
{
    char end = '\0';
    line += strspn(line, " ");
    return line[0] == '#' && line[1] == ' ' && line[2] != ' ' &&
           sscanf(line, "# %127[a-z0-9_] = %511[^\n]", ret_name, ret_value) == 2 &&
           (end = ret_value[strlen(ret_value) - 1]) == ';';
}

static const struct config_setting *setting_at(const struct config_table *table, const char *group,
                                               const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s%s%s", group, group[0] ? "." : "", name);
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->settings[i].path, path) == 0)
            return &table->settings[i];
    print_error("the file has %s, the table has not\n", path);
    return NULL;
}

/* Checks one line and uncomments it in place. */
static void check_line(const struct config_table *table, char *line, char group[128], bool *shown)
{
    char name[128], value[512];
    if (sscanf(line, "%127[a-z] = {", name) == 1) {
        strcpy(group, name);
    } else if (line[0] == '}') {
        group[0] = '\0';
    } else if (commented_setting(line, name, value)) {
        const struct config_setting *setting = setting_at(table, group, name);
        assert_non_null(setting);
        assert_false(shown[setting - table->settings]);
        shown[setting - table->settings] = true;
        value[strlen(value) - 1] = '\0';
        assert_string_equal(value, setting->default_text);
        *strchr(line, '#') = ' ';
    }
}

static void assert_gives_defaults(const struct config_table *table, const char *path, size_t values_bytes)
{
    struct error_detail detail = {""};
    char restart[1024], changed[1024];
    void *defaults = calloc(1, values_bytes), *values = calloc(1, values_bytes);
    assert_int_equal(config_load(table, NULL, defaults, &detail), 0);
    if (config_load(table, path, values, &detail) != 0)
        fail_msg("%s", detail.text);
    config_compare(table, defaults, values, restart, sizeof(restart), changed, sizeof(changed));
    assert_string_equal(restart, "");
    assert_string_equal(changed, "");
    free(defaults);
    free(values);
}

void assert_shows_every_setting(const struct config_table *table, const char *path, size_t values_bytes)
{
    char *text, group[128] = "", uncommented[] = "/tmp/farmgate-conf-XXXXXX";
    size_t bytes;
    bool *shown = calloc(table->count, sizeof(*shown));
    assert_int_equal(file_read(path, FILE_BYTES_MAX, &text, &bytes, NULL), 0);
    for (char *line = text; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0)
        check_line(table, line, group, shown);
    for (size_t i = 0; i < table->count; i++)
        if (!shown[i])
            fail_msg("%s does not show %s", path, table->settings[i].path);
    assert_gives_defaults(table, path, values_bytes);
    int fd = mkstemp(uncommented);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, bytes), (ssize_t)bytes);
    close(fd);
    assert_gives_defaults(table, uncommented, values_bytes);
    unlink(uncommented);
    free(shown);
    free(text);
}
