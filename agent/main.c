/* farmgated - the licence agent of a remote-desktop farm. */
#include "agent.h"
#include "agent/last_words.h"
#include "agent/service/service.h"
#include "common/platform/hints.h"
#include "common/platform/standard_streams.h"
#include "common/standard_output.h"
#include "common/uv_reserve.h"
#include "folders.h"
#include "version.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_SETTINGS FOLDERS_CONFIGURATION "/farmgate.conf"

struct options {
    const char *settings_path;
    bool settings_named;
    bool check;
    bool after_stop;
};

static void print_help(FILE *stream)
{
    (void)fprintf(stream,
                  "usage: farmgated [--config FILE] [--check-config | --after-stop]\n"
                  "\n"
                  "The licence agent: counts the concurrent users of this host's farm and keeps its\n"
                  "gate.\n"
                  "%s\n"
                  "\n"
                  "  -c, --config FILE   the configuration (may be absent), by default\n"
                  "                      %s\n"
                  "      --check-config  say whether the configuration is right, and end\n"
                  "      --after-stop    undo what must not outlive an agent that has ended,\n"
                  "                      for the service manager, and end\n"
                  "      --version       print the version, and end\n"
                  "  -h, --help          print this, and end\n"
                  "%s"
                  "\n"
                  "Exit codes: 0 stopped as asked, 1 failed, 64 usage, 75 another agent is running,\n"
                  "78 configuration.\n",
                  hint(HINT_runs_until), DEFAULT_SETTINGS, service_help());
}

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option table[] = {
        {"config", required_argument, NULL, 'c'}, {"check-config", no_argument, NULL, 'k'},
        {"after-stop", no_argument, NULL, 'a'},   {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    *ret_options = (struct options){.settings_path = DEFAULT_SETTINGS};
    opterr = 0; /* its messages begin with a path */
    for (int option; (option = getopt_long(argc, argv, ":c:h", table, NULL)) != -1;) {
        switch (option) {
        case 'c':
            ret_options->settings_path = optarg;
            ret_options->settings_named = true;
            break;
        case 'k':
            ret_options->check = true;
            break;
        case 'a':
            ret_options->after_stop = true;
            break;
        case 'v':
            (void)printf("farmgated %s\n", FARMGATE_VERSION);
            return AGENT_OK;
        case 'h':
            print_help(stdout);
            return AGENT_OK;
        default:
            (void)fprintf(stderr, "farmgated: %s%s; try 'farmgated --help'\n",
                          option == ':' ? "a value is missing: " : "no option ", argv[optind - 1]);
            return AGENT_USAGE;
        }
    }
    if (optind == argc)
        return -1;
    (void)fprintf(stderr, "farmgated: unexpected argument '%s'; try 'farmgated --help'\n", argv[optind]);
    return AGENT_USAGE;
}

/* By defaults, but for where the log file is: that may be told as long as the file can be read at all. */
static void say_refused(const char *path, struct settings *settings, const char *detail)
{
    struct log log;
    struct event_file file;
    event_file_init(&file);
    memset(settings, 0, sizeof(*settings));
    settings_peek_log_file(path, settings);
    last_words_log(&log, settings);
    event_file_configure(&file, settings->log_file, settings->log_file_bytes,
                         (unsigned)settings->log_files_kept);
    last_words(&log, &file, detail, AGENT_CONFIGURATION);
    event_file_finish(&file);
}

/* The default file may be absent: then the defaults hold. One that was named must be there. */
static int read_settings(struct options *options, struct settings *settings)
{
    struct error_detail detail = {""};
    if (!options->settings_named && access(options->settings_path, F_OK) != 0 && errno == ENOENT)
        options->settings_path = NULL;
    if (settings_read(options->settings_path, settings, &detail) == 0)
        return 0;
    if (options->check)
        (void)fprintf(stderr, "farmgated: %s\n", detail.text);
    else
        say_refused(options->settings_path, settings, detail.text);
    return AGENT_CONFIGURATION;
}

/* Needs nothing of the configuration but where the gate is: it must work when that is what ended the agent.
 */
static int after_stop(const struct options *options, struct settings *settings)
{
    struct error_detail detail = {""};
    settings_peek_gate_directory(options->settings_path, settings);
    if (gate_after_stop(settings->gate_directory, &detail) == 0)
        return AGENT_OK;
    (void)fprintf(stderr, "farmgated: %s\n", detail.text);
    return AGENT_FAILED;
}

/* A peer that hangs up and a full disk are errors to be told, not reasons to die. */
static void ignore_deadly_signals(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
}

static int run(int argc, char **argv)
{
    struct options options;
    int code = parse_options(argc, argv, &options);
    if (code >= 0)
        return code;
    struct settings *settings = calloc(1, sizeof(*settings));
    if (!settings)
        return AGENT_FAILED;
    code = options.after_stop ? after_stop(&options, settings) : read_settings(&options, settings);
    if (code || options.check || options.after_stop) {
        free(settings);
        return code;
    }
    ignore_deadly_signals();
    (void)uv_reserve_install();
    return agent_run(options.settings_path, settings);
}

int main(int argc, char **argv)
{
    standard_streams_hold();
    int code = service_main(argc, argv, run);
    bool written = standard_output_finish("farmgated");
    return code != AGENT_OK || written ? code : AGENT_FAILED;
}
