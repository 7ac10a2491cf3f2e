#include "commands.h"

#include "command.h"
#include "options.h"

#include "agent/api/door.h"
#include "agent/farm/farm_secret.h"
#include "agent/resources.h"
#include "agent/settings.h"
#include "common/platform/client_certificate.h"
#include "folders.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SETTINGS FOLDERS_CONFIGURATION "/farmgate.conf"

static const char help[] =
    "usage: farmgate check-config [FILE]\n"
    "\n"
    "Says whether a configuration is right, with its resources.conf, its tokens and whether other files it "
    "names can be\n"
    "read; changes nothing and needs no agent. FILE is " DEFAULT_SETTINGS " by default.\n"
    "\n"
    "options:\n"
    "  --help         print this\n"
    "\n"
    "exit codes: 0 right; 64 usage; 78 wrong\n";

/* A file that somebody else reads later; "": none. */
static int check_readable(const char *setting, const char *path, struct error_detail *ret_detail)
{
    if (!*path || access(path, R_OK) == 0)
        return 0;
    error_detail_set(ret_detail, "%s: cannot read %s: %s", setting, path, strerror(errno));
    return ERROR_CONFIGURATION;
}

static int check_certificate(const char *name, struct error_detail *ret_detail)
{
    struct error_detail why = {""};
    if (!*name || client_certificate_find(name, &why) == 0)
        return 0;
    error_detail_set(ret_detail, "farm.certificate: %s", why.text);
    return ERROR_CONFIGURATION;
}

/* What a farm of many hosts keeps in files; alone, nobody reads them. */
static int check_farm_files(const struct settings *settings, struct error_detail *ret_detail)
{
    uint8_t secret[SEAL_SECRET_BYTES];
    char password[FARM_PASSWORD_BYTES_MAX + 1];
    if (settings->farm_mode != FARM_MODE_ETCD)
        return 0;
    int error = farm_secret_read(settings->farm_secret_file, secret, ret_detail);
    sodium_memzero(secret, sizeof(secret));
    if (!error && settings->farm_user[0])
        error = farm_password_read(settings->farm_password_file, password, ret_detail);
    sodium_memzero(password, sizeof(password));
    if (!error && settings->farm_key[0])
        error = farm_secret_check_private(settings->farm_key, ret_detail);
    if (!error)
        error = check_readable("farm.ca", settings->farm_ca, ret_detail);
    if (!error)
        error = check_certificate(settings->farm_certificate, ret_detail);
    return error;
}

/* The files that the settings name. */
static int check_named_files(const struct settings *settings, struct error_detail *ret_detail)
{
    struct resources *resources = NULL;
    struct door_keys keys;
    int error = resources_read(settings->resources_file, &resources, ret_detail);
    resources_destroy(resources);
    if (!error)
        error = check_readable("api.token_file", settings->api_tokens, ret_detail);
    if (!error)
        error = tokens_read(settings->api_tokens, &keys.tokens, ret_detail);
    if (!error)
        error = check_readable("authority.ca_file", settings->authority_ca, ret_detail);
    if (!error)
        error = check_readable("sessions.scripted_file", settings->scripted_file, ret_detail);
    if (!error)
        error = check_farm_files(settings, ret_detail);
    return error;
}

int check_config_command(int argc, char **argv)
{
    const struct options_form form = {"check-config", help, NULL, 0, 0, 1};
    struct error_detail detail = {""};
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    const char *path = count > 0 ? operands[0] : DEFAULT_SETTINGS;
    struct settings *settings = calloc(1, sizeof(*settings));
    if (!settings)
        return COMMAND_FAILED;
    int error = settings_read(path, settings, &detail);
    if (!error)
        error = check_named_files(settings, &detail);
    free(settings);
    if (error) {
        (void)fprintf(stderr, "farmgate: %s\n", detail.text);
        return COMMAND_CONFIGURATION;
    }
    (void)printf("%s is right\n", path);
    return COMMAND_OK;
}
