/* fuzz_config_edit.c - what libconfig reads before a change, it reads after it, with the new values in the
 * group and none of those that went. */
#include "common/config_edit.h"

#include <libconfig.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Texts that libconfig takes and we do not: to be refused is no harm. */
static bool reads(const char *text, config_t *config)
{
    config_init(config);
    return !strchr(text, '@') && config_read_string(config, text) == CONFIG_TRUE;
}

static void check(const config_t *config)
{
    const char *mode = NULL;
    require(config_lookup_string(config, "farm.mode", &mode) == CONFIG_TRUE && strcmp(mode, "etcd") == 0);
    require(config_lookup(config, "farm.ca") == NULL);
    const config_setting_t *endpoints = config_lookup(config, "farm.endpoints");
    require(endpoints && config_setting_length(endpoints) == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_change changes[] = {
        {"mode", "\"etcd\""}, {"ca", NULL}, {"endpoints", "(\"a\", \"b\")"}};
    config_t before, after;
    char *text = malloc(size + 1), *edited;
    require(text);
    memcpy(text, data, size);
    text[size] = '\0';
    bool good = reads(text, &before);
    if (config_edit(text, "farm", changes, 3, &edited, NULL) == 0) {
        if (good) {
            bool still = reads(edited, &after);
            require(still);
            check(&after);
            config_destroy(&after);
        }
        free(edited);
    }
    config_destroy(&before);
    free(text);
    return 0;
}
