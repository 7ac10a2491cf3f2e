/* fuzz_farm_settings.c - anything as the settings of a farm, and anything as the value of one. What is taken
 * gives settings that stand their own checks; what is changed is read again, and gives the same as before but
 * for the change. */
#include "agent/farm/farm_settings.h"

#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct settings *defaults(void)
{
    struct settings *settings = calloc(1, sizeof *settings);
    require(settings && settings_read(NULL, settings, NULL) == 0);
    return settings;
}

static void whole(const struct settings *file, const char *text, size_t bytes)
{
    struct settings *in_force = malloc(sizeof *in_force), *again = malloc(sizeof *again);
    int64_t n, next;
    char *changed;
    require(in_force && again);
    if (farm_settings_apply(text, bytes, file, in_force, NULL) == 0) {
        require(settings_check(in_force, NULL) == 0);
        require(farm_settings_number(text, bytes, &n) == 0);
        if (farm_settings_change(text, bytes, "gate.strict", in_force->strict ? "false" : "true", &changed,
                                 NULL) == 0) {
            require(farm_settings_number(changed, strlen(changed), &next) == 0 && next == n + 1);
            require(farm_settings_apply(changed, strlen(changed), file, again, NULL) == 0);
            require(again->strict != in_force->strict && again->alias_count == in_force->alias_count);
            free(changed);
        }
    }
    free(in_force);
    free(again);
}

static void value(const struct settings *file, const char *text, size_t bytes)
{
    struct settings *in_force = malloc(sizeof *in_force);
    char *copy = strndup(text, bytes), *changed, *again;
    require(in_force && copy);
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct config_setting *setting = &settings_table.settings[i];
        struct error_detail detail = {""};
        int error = farm_settings_change(NULL, 0, setting->path, copy, &changed, &detail);
        require((error == 0) == (detail.text[0] == '\0'));
        if (error != 0)
            continue;
        require(farm_settings_apply(changed, strlen(changed), file, in_force, &detail) == 0);
        require(detail.text[0] == '\0');
        char *printed = config_print(setting, in_force);
        require(printed && farm_settings_change(NULL, 0, setting->path, printed, &again, NULL) == 0);
        require(strcmp(changed, again) == 0);
        free(printed);
        free(again);
        free(changed);
    }
    free(copy);
    free(in_force);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings *file = defaults();
    whole(file, (const char *)data, size);
    value(file, (const char *)data, size);
    free(file);
    return 0;
}
