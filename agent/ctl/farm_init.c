/* farmgate farm init: this host becomes the first of a farm. */
#include "farm_command.h"

#include "command.h"
#include "farm_setup.h"
#include "options.h"

#include "agent/farm/farm_secret.h"
#include "common/platform/hints.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENDPOINT_BYTES 256

struct wish {
    const char *name, *endpoints, *ca, *certificate, *key, *user, *password_file, *directory, *config;
    char list[SETTINGS_ENDPOINTS_MAX][ENDPOINT_BYTES];
    size_t count;
};

static int usage(const char *what)
{
    (void)fprintf(stderr, "farmgate farm init: %s; see farmgate farm --help\n", what);
    return COMMAND_USAGE;
}

/* What the configuration has already need not be said again. */
static int take_endpoints(struct wish *wish, const struct settings *settings)
{
    const char *at = wish->endpoints;
    if (!at) {
        wish->count = settings->farm_endpoint_count;
        memcpy(wish->list, settings->farm_endpoints, sizeof wish->list);
        return wish->count > 0 ? COMMAND_OK : usage("--endpoints is missing");
    }
    for (;;) {
        size_t bytes = strcspn(at, ",");
        if (bytes == 0 || bytes >= ENDPOINT_BYTES || wish->count == SETTINGS_ENDPOINTS_MAX)
            return usage("--endpoints is a list of at most 16 URLs, with commas between them");
        memcpy(wish->list[wish->count++], at, bytes);
        if (at[bytes] == '\0')
            return COMMAND_OK;
        at += bytes + 1;
    }
}

static int check_wish(struct wish *wish, const struct settings *settings)
{
    if (!wish->name)
        wish->name = settings->farm_name;
    if (!wish->name[0])
        return usage("--name is missing");
    if (!settings_farm_name_valid(wish->name))
        return usage("--name: up to 63 of a to z, 0 to 9 and -");
    if (!wish->user != !wish->password_file)
        return usage("--user and --password-file belong together");
    return take_endpoints(wish, settings);
}

static int put_path(struct farm_setup *setup, const char *name, const char *path)
{
    return path ? farm_setup_typed(setup, name, path) : COMMAND_OK;
}

static int put_certificate(struct farm_setup *setup, const struct wish *wish)
{
    bool given = wish->certificate || wish->key;
    return given ? farm_setup_certificate(setup, wish->certificate, wish->key) : COMMAND_OK;
}

static int put_settings(struct farm_setup *setup, const struct wish *wish, const char *secret)
{
    farm_setup_text(setup, "mode", "etcd");
    farm_setup_text(setup, "name", wish->name);
    farm_setup_texts(setup, "endpoints", wish->list[0], sizeof wish->list[0], wish->count);
    int code = put_path(setup, "ca", wish->ca);
    if (code == COMMAND_OK)
        code = put_certificate(setup, wish);
    if (wish->user)
        farm_setup_text(setup, "user", wish->user);
    if (code == COMMAND_OK)
        code = put_path(setup, "password_file", wish->password_file);
    farm_setup_text(setup, "secret_file", secret);
    return code;
}

/* A secret that is there is used: it may have sealed something. */
static int make_secret(const struct farm_setup *setup, const char *path, bool *ret_made)
{
    uint8_t secret[SEAL_SECRET_BYTES];
    struct error_detail detail = {""};
    int error = farm_secret_make(path, &detail);
    *ret_made = error == 0;
    if (error == 0 && setup->agent.given && lchown(path, setup->agent.uid, setup->agent.gid) != 0) {
        error_detail_set(&detail, "%s: cannot be given to the agent's user", path);
        error = ERROR_IO;
    }
    if (error == ERROR_REFUSED)
        error = farm_secret_read(path, secret, &detail);
    sodium_memzero(secret, sizeof secret);
    if (error == 0)
        return COMMAND_OK;
    if (*ret_made)
        (void)unlink(path);
    return farm_setup_refuse(setup, error, detail.text);
}

static void tell(const struct farm_setup *setup, const struct wish *wish, const char *secret, bool made)
{
    (void)printf("this host is the first of the farm %s\n", wish->name);
    (void)printf("  %-14s %s\n", "settings", setup->config);
    (void)printf("  %-14s %s%s\n", "secret", secret, made ? "" : " (it was there)");
    (void)printf("next: %s\n"
                 "then, for each other host: farmgate farm invite\n",
                 hint(HINT_check_and_restart));
    farm_setup_warn_owner(setup, secret);
    farm_setup_warn_owner(setup, wish->key);
    farm_setup_warn_owner(setup, wish->password_file);
    farm_setup_warn_loopback(setup, wish->list[0], sizeof wish->list[0], wish->count);
}

static int init(struct farm_setup *setup, struct wish *wish)
{
    char secret[SETTINGS_PATH_BYTES_MAX + 1];
    bool made = false;
    if (setup->settings->farm_mode == FARM_MODE_ETCD) {
        (void)fprintf(stderr, "farmgate farm init: this host is in the farm %s already\n",
                      setup->settings->farm_name);
        return COMMAND_FAILED;
    }
    int code = check_wish(wish, setup->settings);
    if (code == COMMAND_OK)
        code = farm_setup_path(setup, wish->directory, FARM_SETUP_SECRET, secret);
    if (code == COMMAND_OK)
        code = put_settings(setup, wish, secret);
    if (code == COMMAND_OK)
        code = make_secret(setup, secret, &made);
    if (code != COMMAND_OK)
        return code;
    code = farm_setup_apply(setup);
    if (code == COMMAND_OK)
        tell(setup, wish, secret, made);
    else if (made)
        (void)unlink(secret);
    return code;
}

int farm_init(int argc, char **argv)
{
    struct wish wish = {.directory = FARM_SETUP_DIRECTORY, .config = FARM_SETUP_CONFIG};
    const struct option_spec specs[] = {
        {"name", OPTION_TEXT, &wish.name},
        {"endpoints", OPTION_TEXT, &wish.endpoints},
        {"ca", OPTION_TEXT, &wish.ca},
        {"certificate", OPTION_TEXT, &wish.certificate},
        {"key", OPTION_TEXT, &wish.key},
        {"user", OPTION_TEXT, &wish.user},
        {"password-file", OPTION_TEXT, &wish.password_file},
        {"directory", OPTION_TEXT, &wish.directory},
        {"config", OPTION_TEXT, &wish.config},
    };
    const struct options_form form = {"farm init", farm_help, specs, sizeof specs / sizeof *specs, 0, 0};
    struct farm_setup *setup = NULL;
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    code = farm_setup_create("farm init", wish.config, &setup);
    if (code == COMMAND_OK)
        code = init(setup, &wish);
    farm_setup_destroy(setup);
    return code;
}
