/* farmgate configure: the authority, written into the configuration by who sets a host up: an administrator,
 * or an installer that must not change what an administrator has set. */
#include "commands.h"

#include "command.h"
#include "farm_setup.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

#define GROUP "authority"

static const char help[] =
    "usage: farmgate configure [--authority-url URL] [--authority-key KEY] [--authority-ca-file FILE]\n"
    "           [--authority-proxy URL] [--keep] [--config FILE]\n"
    "\n"
    "Writes where the licensing authority is into the configuration, whose comments and other settings stay; "
    "the file as\n"
    "it was is kept as FILE.bak. A value that is not right changes nothing. The agent has it from its next "
    "start on.\n"
    "\n"
    "options:\n"
    "  --authority-url URL       where it is: https://…\n"
    "  --authority-key KEY       its public key, as `farmgate-cloud public-key` prints it\n"
    "  --authority-ca-file FILE  certificates that may have signed its own\n"
    "  --authority-proxy URL     the proxy on the way to it\n"
    "  --keep                    what the configuration says already stays\n"
    "  --config FILE             another one than " FARM_SETUP_CONFIG "\n"
    "  --help                    print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 64 usage; 77 forbidden; 78 a value or the configuration is wrong\n";

struct wish {
    const char *url, *key, *ca_file, *proxy, *config;
    bool keep;
};

/* A setting as it is, and as it is to be; NULL: as it is. */
struct row {
    const char *name, *wanted, *present;
};

/* Whether it changes; what stays against the wish is said. */
static bool takes(const struct farm_setup *setup, const struct wish *wish, const struct row *row)
{
    if (!row->wanted || strcmp(row->wanted, row->present) == 0)
        return false;
    if (!wish->keep || !row->present[0])
        return true;
    (void)printf("%s: " GROUP ".%s stays %s\n", setup->config, row->name, row->present);
    return false;
}

static int configure(struct farm_setup *setup, const struct wish *wish)
{
    const struct settings *settings = setup->settings;
    const struct row rows[] = {{"url", wish->url, settings->authority_url},
                               {"key", wish->key, settings->authority_key},
                               {"ca_file", wish->ca_file, settings->authority_ca},
                               {"proxy", wish->proxy, settings->authority_proxy}};
    bool taken[sizeof rows / sizeof *rows];
    setup->group = GROUP;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        taken[i] = takes(setup, wish, &rows[i]);
        if (taken[i])
            farm_setup_text(setup, rows[i].name, rows[i].wanted);
    }
    int code = farm_setup_apply(setup);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && code == COMMAND_OK; i++)
        if (taken[i])
            (void)printf("%s: " GROUP ".%s is now %s\n", setup->config, rows[i].name, rows[i].wanted);
    return code;
}

int configure_command(int argc, char **argv)
{
    struct wish wish = {.config = FARM_SETUP_CONFIG};
    const struct option_spec specs[] = {{"authority-url", OPTION_TEXT, &wish.url},
                                        {"authority-key", OPTION_TEXT, &wish.key},
                                        {"authority-ca-file", OPTION_TEXT, &wish.ca_file},
                                        {"authority-proxy", OPTION_TEXT, &wish.proxy},
                                        {"keep", OPTION_FLAG, &wish.keep},
                                        {"config", OPTION_TEXT, &wish.config}};
    const struct options_form form = {"configure", help, specs, sizeof specs / sizeof *specs, 0, 0};
    struct farm_setup *setup = NULL;
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (!wish.url && !wish.key && !wish.ca_file && !wish.proxy) {
        (void)fprintf(stderr, "farmgate configure: nothing to write; see farmgate configure --help\n");
        return COMMAND_USAGE;
    }
    code = farm_setup_create("configure", wish.config, &setup);
    if (code == COMMAND_OK)
        code = configure(setup, &wish);
    farm_setup_destroy(setup);
    return code;
}
