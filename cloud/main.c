/* farmgate-cloud - the licensing authority. `serve` is the daemon; every other command talks to it. */
#include "cloud/admin/admin.h"
#include "cloud/admin_tokens.h"
#include "cloud/serve.h"
#include "common/platform/standard_streams.h"
#include "common/standard_output.h"
#include "version.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SETTINGS "/etc/farmgate/farmgate-cloud.conf"

static void print_help(void)
{
    (void)printf("usage: farmgate-cloud COMMAND [OPTION...]\n"
                 "\n"
                 "The licensing authority: issues keys, activates farms, takes their reports.\n"
                 "\n"
                 "  serve                 the daemon\n");
    admin_print_commands();
    (void)printf("\n"
                 "      --version         print the version, and end\n"
                 "      --describe        print every command and option, for shell completion\n"
                 "  -h, --help            print this, and end; also behind every command\n"
                 "\n"
                 "Exit codes: 0 ok, 1 failed or refused, 3 no authority, 64 usage, 65 data,\n"
                 "75 another authority is running, 77 forbidden, 78 configuration.\n");
}

static void print_serve_help(void)
{
    (void)printf("usage: farmgate-cloud serve [--config FILE] [--check-config]\n"
                 "\n"
                 "Serves farms and the administrator's commands until SIGTERM.\n"
                 "\n"
                 "  -c, --config FILE   the configuration (may be absent), by default\n"
                 "                      %s\n"
                 "      --check-config  say whether the configuration is right, and end\n"
                 "  -h, --help          print this, and end\n",
                 DEFAULT_SETTINGS);
}

static const struct option serve_options[] = {{"config", required_argument, NULL, 'c'},
                                              {"check-config", no_argument, NULL, 'k'},
                                              {"help", no_argument, NULL, 'h'},
                                              {NULL, 0, NULL, 0}};

static void describe(void)
{
    (void)printf("c\tserve\tthe daemon\n");
    for (const struct option *option = serve_options; option->name; option++)
        (void)printf("o\tserve\t--%s\t%s\t%s\t\n", option->name, option->val == 'c' ? "-c" : "",
                     option->has_arg ? "FILE" : "");
    admin_describe_commands();
}

struct options {
    const char *settings_path; /* NULL: the defaults */
    bool check;
};

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *ret_options)
{
    static char program[] = "farmgate-cloud"; /* how getopt's messages begin */
    argv[0] = program;
    struct options options = {.settings_path = access(DEFAULT_SETTINGS, F_OK) == 0 ? DEFAULT_SETTINGS : NULL};
    for (int option; (option = getopt_long(argc, argv, "c:h", serve_options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            options.settings_path = optarg;
            break;
        case 'k':
            options.check = true;
            break;
        case 'h':
            print_serve_help();
            return ADMIN_OK;
        default:
            (void)fprintf(stderr, "try 'farmgate-cloud serve --help'\n");
            return ADMIN_USAGE;
        }
    }
    *ret_options = options;
    if (optind == argc)
        return -1;
    (void)fprintf(stderr, "farmgate-cloud: unexpected argument '%s'\n", argv[optind]);
    return ADMIN_USAGE;
}

static int run_serve(int argc, char **argv)
{
    struct options options;
    struct settings settings;
    struct error_detail detail = {""};
    struct tokens tokens;

    int code = parse_options(argc, argv, &options);
    if (code >= 0)
        return code;
    if (settings_read(options.settings_path, &settings, &detail) != 0) {
        (void)fprintf(stderr, "farmgate-cloud: %s\n", detail.text);
        return SERVE_CONFIGURATION;
    }
    if (options.check && admin_tokens_read(settings.token_file, &tokens, &detail) != 0) {
        (void)fprintf(stderr, "farmgate-cloud: %s\n", detail.text);
        return SERVE_CONFIGURATION;
    }
    return options.check ? SERVE_OK : serve_run(&settings);
}

static int run(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        print_help();
        return ADMIN_OK;
    }
    if (strcmp(command, "--version") == 0) {
        (void)printf("farmgate-cloud %s\n", FARMGATE_VERSION);
        return ADMIN_OK;
    }
    if (strcmp(command, ADMIN_DESCRIBE) == 0) {
        describe();
        return ADMIN_OK;
    }
    if (strcmp(command, "serve") == 0)
        return run_serve(argc - 1, argv + 1);
    return admin_run(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    standard_streams_hold();
    int code = run(argc, argv);
    bool written = standard_output_finish("farmgate-cloud");
    return code != ADMIN_OK || written ? code : ADMIN_FAILED;
}
