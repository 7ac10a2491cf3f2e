#include "farm_setup.h"

#include "command.h"

#include "common/file.h"
#include "common/platform/client_certificate.h"

#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGENT_USER       "farmgate"
#define CONFIG_BYTES_MAX (1024 * 1024)
#define PATHS_BYTES      1024

int farm_setup_refuse(const struct farm_setup *setup, int error, const char *detail)
{
    (void)fprintf(stderr, "farmgate %s: %s\n", setup->command, detail);
    switch (error) {
    case ERROR_FORBIDDEN:
        if (geteuid() != 0)
            (void)fprintf(stderr, "farmgate %s: only root may do this\n", setup->command);
        return COMMAND_FORBIDDEN;
    case ERROR_CONFIGURATION:
        return COMMAND_CONFIGURATION;
    case ERROR_INVALID:
    case ERROR_DAMAGED:
    case ERROR_NEWER:
    case ERROR_TOO_LARGE:
        return COMMAND_DATA;
    default:
        return COMMAND_FAILED;
    }
}

/* ---- the configuration as it is ---- */

/* The agent's user, where there is one and we are root. */
static void find_agent(struct farm_setup *setup)
{
    const struct passwd *agent = geteuid() == 0 ? getpwnam(AGENT_USER) : NULL;
    if (agent)
        setup->agent = (struct file_set_owner){true, agent->pw_uid, agent->pw_gid};
    if (agent) /* it may read its configuration, not change it */
        setup->config_owner = (struct file_set_owner){true, 0, agent->pw_gid};
    setup->config_mode = FARM_SETUP_CONFIG_NEW;
}

/* It stays whose it is. */
static void note_owner(struct farm_setup *setup)
{
    struct stat status;
    if (stat(setup->config, &status) != 0)
        return;
    setup->config_mode = status.st_mode & 07777;
    if (status.st_uid != geteuid() || status.st_gid != getegid())
        setup->config_owner = (struct file_set_owner){true, status.st_uid, status.st_gid};
    else
        setup->config_owner = (struct file_set_owner){.given = false};
}

static int read_config(struct farm_setup *setup, struct error_detail *ret_detail)
{
    size_t bytes;
    int error = file_read(setup->config, CONFIG_BYTES_MAX, &setup->text, &bytes, ret_detail);
    setup->has_file = error == 0;
    if (setup->has_file) {
        note_owner(setup);
        return settings_read(setup->config, setup->settings, ret_detail);
    }
    if (error != ERROR_NOT_FOUND)
        return error;
    setup->text = strdup("");
    return setup->text ? settings_read(NULL, setup->settings, ret_detail) : ERROR_NO_MEMORY;
}

int farm_setup_create(const char *command, const char *config, struct farm_setup **ret)
{
    struct error_detail detail = {""};
    struct farm_setup *setup = calloc(1, sizeof *setup);
    *ret = setup;
    if (setup)
        setup->settings = calloc(1, sizeof *setup->settings);
    if (!setup || !setup->settings) {
        (void)fprintf(stderr, "farmgate %s: out of memory\n", command);
        return COMMAND_FAILED;
    }
    setup->command = command;
    setup->group = "farm";
    find_agent(setup);
    if (!realpath(config, setup->config))
        (void)snprintf(setup->config, sizeof setup->config, "%s", config);
    int error = read_config(setup, &detail);
    return error != 0 ? farm_setup_refuse(setup, error, detail.text) : COMMAND_OK;
}

void farm_setup_destroy(struct farm_setup *setup)
{
    if (!setup)
        return;
    file_set_finish(&setup->files);
    free(setup->settings);
    free(setup->text);
    free(setup);
}

/* ---- what is to change ---- */

static char *next_value(struct farm_setup *setup, const char *name)
{
    assert(setup->change_count < CONFIG_EDIT_CHANGES_MAX);
    size_t at = setup->change_count++;
    setup->changes[at] = (struct config_change){name, setup->values[at]};
    return setup->values[at];
}

static const struct config_setting *setting_of(const struct farm_setup *setup, const char *name)
{
    char path[CONFIG_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s.%s", setup->group, name);
    const struct config_setting *setting = config_find(&settings_table, path);
    assert(setting);
    return setting;
}

/* As the value would be printed if it stood in the settings. */
static void print_value(struct farm_setup *setup, const char *name, const struct settings *settings)
{
    char *value = next_value(setup, name), *printed = config_print(setting_of(setup, name), settings);
    (void)snprintf(value, FARM_SETUP_VALUE_MAX, "%s", printed ? printed : "");
    free(printed);
}

void farm_setup_text(struct farm_setup *setup, const char *name, const char *text)
{
    char *to = next_value(setup, name);
    const char *end = to + FARM_SETUP_VALUE_MAX - 3;
    if (!text[0]) {
        setup->changes[setup->change_count - 1].value = NULL;
        return;
    }
    *to++ = '"';
    for (; *text && to < end; *to++ = *text++)
        if (*text == '"' || *text == '\\')
            *to++ = '\\';
    *to++ = '"';
    *to = '\0';
}

void farm_setup_texts(struct farm_setup *setup, const char *name, const char *texts, size_t element_bytes,
                      size_t count)
{
    struct settings *settings = calloc(1, sizeof *settings);
    const struct config_setting *setting = setting_of(setup, name);
    if (settings) {
        char *to = (char *)settings + setting->offset;
        for (size_t i = 0; i < count; i++)
            (void)snprintf(to + i * setting->element_bytes, setting->element_bytes, "%s",
                           texts + i * element_bytes);
        memcpy((char *)settings + setting->count_offset, &count, sizeof count);
        print_value(setup, name, settings);
    }
    free(settings);
}

void farm_setup_duration(struct farm_setup *setup, const char *name, int64_t ms)
{
    struct settings *settings = calloc(1, sizeof *settings);
    if (settings) {
        memcpy((char *)settings + setting_of(setup, name)->offset, &ms, sizeof ms);
        print_value(setup, name, settings);
    }
    free(settings);
}

int farm_setup_path(const struct farm_setup *setup, const char *directory, const char *name,
                    char ret[SETTINGS_PATH_BYTES_MAX + 1])
{
    char resolved[PATH_MAX];
    if (!realpath(directory, resolved)) {
        int number = errno;
        (void)fprintf(stderr, "farmgate %s: %s: %s\n", setup->command, directory, strerror(number));
        return number == EACCES ? COMMAND_FORBIDDEN : COMMAND_FAILED;
    }
    if (snprintf(ret, SETTINGS_PATH_BYTES_MAX + 1, "%s/%s", resolved, name) <= SETTINGS_PATH_BYTES_MAX)
        return COMMAND_OK;
    (void)fprintf(stderr, "farmgate %s: the path is too long: %s/%s\n", setup->command, directory, name);
    return COMMAND_FAILED;
}

int farm_setup_typed(struct farm_setup *setup, const char *name, const char *path)
{
    char resolved[PATH_MAX];
    if (!realpath(path, resolved)) {
        int number = errno;
        (void)fprintf(stderr, "farmgate %s: %s: %s\n", setup->command, path, strerror(number));
        return COMMAND_FAILED;
    }
    farm_setup_text(setup, name, resolved);
    return COMMAND_OK;
}

static int refuse_certificate(const struct farm_setup *setup, const char *why)
{
    (void)fprintf(stderr, "farmgate %s: %s\n", setup->command, why);
    return COMMAND_USAGE;
}

static int put_stored(struct farm_setup *setup, const char *certificate, const char *key)
{
    struct error_detail why = {""};
    if (key)
        return refuse_certificate(setup,
                                  "--key is not for Windows: the key is in the store with its certificate");
    if (client_certificate_find(certificate, &why) != 0)
        return refuse_certificate(setup, why.text);
    farm_setup_text(setup, "certificate", certificate);
    farm_setup_text(setup, "key", "");
    return COMMAND_OK;
}

int farm_setup_certificate(struct farm_setup *setup, const char *certificate, const char *key)
{
    if (certificate && !client_certificate_is_file())
        return put_stored(setup, certificate, key);
    if (!certificate || !key)
        return refuse_certificate(setup, "--certificate and --key belong together");
    int code = farm_setup_typed(setup, "certificate", certificate);
    return code != COMMAND_OK ? code : farm_setup_typed(setup, "key", key);
}

/* ---- the step ---- */

/* What the settings must be afterwards. */
static int expect(const struct farm_setup *setup, struct settings *ret, struct error_detail *ret_detail)
{
    struct settings *defaults = calloc(1, sizeof *defaults);
    int error = defaults ? settings_read(NULL, defaults, ret_detail) : ERROR_NO_MEMORY;
    *ret = *setup->settings;
    for (size_t i = 0; i < setup->change_count && error == 0; i++) {
        const struct config_setting *setting = setting_of(setup, setup->changes[i].name);
        if (setup->changes[i].value)
            error = config_set(&settings_table, setting, setup->changes[i].value, ret, ret_detail);
        else
            config_copy(setting, defaults, ret);
    }
    free(defaults);
    return error;
}

static int compare(const struct settings *expected, const struct settings *got,
                   struct error_detail *ret_detail)
{
    char restart[PATHS_BYTES], changed[PATHS_BYTES];
    config_compare(&settings_table, expected, got, restart, sizeof restart, changed, sizeof changed);
    if (!restart[0] && !changed[0])
        return 0;
    error_detail_set(ret_detail, "it would not say what it must of %.200s%s%.200s", restart,
                     restart[0] && changed[0] ? ", " : "", changed);
    return ERROR_CONFIGURATION;
}

/* The new configuration, written beside its place, is read as the agent will read it. */
static int verify(const struct farm_setup *setup, struct error_detail *ret_detail)
{
    struct settings *expected = calloc(1, sizeof *expected), *got = calloc(1, sizeof *got);
    char temporary[PATH_MAX];
    int error = expected && got ? file_new_name(setup->config, temporary, ret_detail) : ERROR_NO_MEMORY;
    if (error == 0)
        error = expect(setup, expected, ret_detail);
    if (error == 0 && access(temporary, F_OK) == 0) /* else it is as it was */
        error = settings_read(temporary, got, ret_detail);
    else if (error == 0)
        *got = *setup->settings;
    if (error == 0)
        error = compare(expected, got, ret_detail);
    free(expected);
    free(got);
    return error;
}

static int refuse_change(struct farm_setup *setup, int error, const char *why)
{
    char detail[ERROR_DETAIL_BYTES + 64];
    (void)snprintf(detail, sizeof detail, "nothing was changed: %s", why);
    file_set_finish(&setup->files);
    return farm_setup_refuse(setup, error, detail);
}

int farm_setup_apply(struct farm_setup *setup)
{
    struct error_detail detail = {"out of memory"};
    char *edited = NULL;
    int error = config_edit(setup->text, setup->group, setup->changes, setup->change_count, &edited, &detail);
    if (error == 0)
        error = file_set_add(&setup->files, setup->config, edited, strlen(edited), setup->config_mode,
                             &setup->config_owner, &detail);
    free(edited);
    if (error == 0)
        error = verify(setup, &detail);
    if (error == 0)
        error = file_set_commit(&setup->files, &detail);
    return error != 0 ? refuse_change(setup, error, detail.text) : COMMAND_OK;
}

void farm_setup_warn_owner(const struct farm_setup *setup, const char *path)
{
    struct stat status;
    if (path && setup->agent.given && stat(path, &status) == 0 && status.st_uid != setup->agent.uid &&
        (status.st_mode & 077) == 0)
        (void)fprintf(stderr, "farmgate %s: the agent cannot read %s: it is for its owner alone; chown %s\n",
                      setup->command, path, AGENT_USER);
}

void farm_setup_warn_loopback(const struct farm_setup *setup, const char *endpoints, size_t element_bytes,
                              size_t count)
{
    static const char *const loopback[] = {"//127.", "//localhost", "//[::1]"};
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sizeof loopback / sizeof *loopback; j++)
            if (strstr(endpoints + i * element_bytes, loopback[j]))
                (void)fprintf(stderr, "farmgate %s: %s is this machine: no other host reaches it\n",
                              setup->command, endpoints + i * element_bytes);
}
