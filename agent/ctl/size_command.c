#include "size_command.h"

#include "command.h"
#include "options.h"
#include "size_answer.h"

#include "agent/core/tally.h"
#include "agent/ctl/sizing/admins.h"
#include "agent/ctl/sizing/choices.h"
#include "agent/ctl/sizing/csv_map.h"
#include "agent/ctl/sizing/logs.h"
#include "agent/ctl/sizing/progress.h"
#include "agent/ctl/sizing/sizing.h"
#include "agent/ctl/sizing/windows_join.h"
#include "common/help_text.h"
#include "common/rfc3339.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define SERVICES_MAX 32
#define YEAR_MIN     1970
#define YEAR_MAX     9999

static const char help[] =
    "usage: farmgate size [--json[=full]|--csv] [--html FILE] [--limit N] [--utc] [--routes LIST]\n"
    "                     [--admins LIST] [--service LIST] [--year YEAR] [--map LIST] [--sort] "
    "[NAME=]FILE...\n"
    "\n"
    "Replays logs of sessions through the rules by which farmgated counts, and tells how many licences the "
    "farm\n"
    "would have needed. Formats are recognised by what is in a file, gzip, xz and zstd are unpacked; '-' is "
    "the\n"
    "standard input. Files of several hosts and formats are put in one order of time; NAME gives the host of "
    "a\n"
    "log that does not tell it.\n"
    "\n"
    "  one JSON object a line:\n"
    "  {\"ts\": Unix ms, \"event\": \"connect\"|\"disconnect\"|\"logoff\",\n"
    "   \"host\": ..., \"session\": ...}\n"
    "  and on connect: \"user\": ..., \"admin\": true|false,\n"
    "                  \"kind\": \"desktop\"|\"application\",\n"
    "                  \"route\": \"broker\"|\"rdp\"|\"rdp-tunnel\"|\"console\"|\"ssh\"\n"
    "\n"
    "  or a CSV with a header: columns for time, user and event, and host, session, kind, route, admin\n"
    "\n"
    "options:\n"
    "  --json            one JSON object with the peak of every 20-minute window; --json=full: with all "
    "answers\n"
    "  --csv             the peak of every 20-minute window\n"
    "  --html FILE       writes a page with pictures as well\n"
    "  --limit N         tells what N licences would have meant as well\n"
    "  --utc             days, hours and times as UTC has them, not as this machine's zone does\n"
    "  --routes LIST     the routes that count, separated by commas (broker,rdp,rdp-tunnel), or all\n"
    "  --admins LIST     who is an administrator where the log does not tell: names, or @GROUP of this host\n"
    "  --service LIST    the services of a system log that are read; of Windows lsm, security or both\n"
    "  --year YEAR       of the first line of a log whose times have no year\n"
    "  --map LIST        of a CSV: ts=COLUMN,user=COLUMN,event=COLUMN,connect=WORD,logoff=WORD, ...\n"
    "  --sort            put events in order however late they are; holds all of them in memory\n"
    "  --help            print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 64 usage; 65 nothing could be read, or an event is too late for its "
    "log;\n"
    "            130 interrupted once: the answer is of what was read; twice: none\n";

struct options {
    bool help, sort;
    struct size_answer answer;
    unsigned routes;
    int year;
    const char *admins, *map;
    const char *services[SERVICES_MAX];
    size_t service_count;
    char **files;
    int file_count;
};

/* ---- options ------------------------------------------------------------------------------------------- */

static bool parse_routes(const char *list, unsigned *ret_routes)
{
    unsigned routes = 0;
    char word[16];
    if (strcmp(list, "all") == 0) {
        *ret_routes = ROUTE_BIT(ROUTE_MAX) - 1;
        return true;
    }
    for (const char *at = list;; at++) {
        size_t bytes = strcspn(at, ",");
        enum connection_route route;
        snprintf(word, sizeof word, "%.*s", (int)bytes, at);
        if (bytes >= sizeof word || !connection_route_parse(word, &route)) {
            fprintf(stderr,
                    "farmgate size: --routes: '%.*s' is not one of broker, rdp, rdp-tunnel, console, ssh\n",
                    (int)bytes, at);
            return false;
        }
        routes |= ROUTE_BIT(route);
        at += bytes;
        if (*at == '\0')
            break;
    }
    *ret_routes = routes;
    return true;
}

/* Cuts the list where its commas are. */
static bool parse_services(char *list, struct options *options)
{
    for (char *at = list, *comma; at != NULL; at = comma == NULL ? NULL : comma + 1) {
        comma = strchr(at, ',');
        if (comma != NULL)
            *comma = '\0';
        if (*at == '\0' || options->service_count == SERVICES_MAX) {
            fprintf(stderr, "farmgate size: --service: %s\n",
                    *at == '\0' ? "a name is empty" : "too many names");
            return false;
        }
        options->services[options->service_count++] = at;
    }
    return true;
}

static bool parse_year(const char *text, int *ret_year)
{
    char *end;
    long year = strtol(text, &end, 10);
    if (end == text || *end != '\0' || year < YEAR_MIN || year > YEAR_MAX) {
        fprintf(stderr, "farmgate size: --year: '%s' is no year from %d to %d\n", text, YEAR_MIN, YEAR_MAX);
        return false;
    }
    *ret_year = (int)year;
    return true;
}

static bool parse_limit(const char *text, int64_t *ret_limit)
{
    char *end;
    long limit = strtol(text, &end, 10);
    if (end == text || *end != '\0' || limit < 0 || limit > (long)TALLY_USERS_MAX) {
        fprintf(stderr, "farmgate size: --limit: '%s' is no number from 0 to %u\n", text, TALLY_USERS_MAX);
        return false;
    }
    *ret_limit = limit;
    return true;
}

/* The output has one form. */
static bool choose_form(struct options *options, enum size_form form)
{
    if (options->answer.form != SIZE_TEXT && options->answer.form != form) {
        fprintf(stderr,
                "farmgate size: only one of --json, --json=full, --csv and --html - can be the output\n");
        return false;
    }
    options->answer.form = form;
    return true;
}

static bool parse_json(const char *what, struct options *options)
{
    if (what != NULL && strcmp(what, "full") != 0) {
        fprintf(stderr, "farmgate size: --json: '%s' is not full\n", what);
        return false;
    }
    return choose_form(options, what == NULL ? SIZE_JSON : SIZE_JSON_FULL);
}

static bool parse_html(const char *path, struct options *options)
{
    if (strcmp(path, "-") == 0)
        return choose_form(options, SIZE_HTML);
    options->answer.html = path;
    return true;
}

static bool take_option(int option, struct options *options, char **argv)
{
    switch (option) {
    case 'j':
        return parse_json(optarg, options);
    case 'c':
        return choose_form(options, SIZE_CSV);
    case 'w':
        return parse_html(optarg, options);
    case 'l':
        return parse_limit(optarg, &options->answer.limit);
    case 'u':
        options->answer.utc = true;
        return true;
    case 'r':
        return parse_routes(optarg, &options->routes);
    case 'a':
        options->admins = optarg;
        return true;
    case 's':
        return parse_services(optarg, options);
    case 'y':
        return parse_year(optarg, &options->year);
    case 'm':
        options->map = optarg;
        return true;
    case 'o':
        options->sort = true;
        return true;
    case 'h':
        options->help = true;
        return true;
    default:
        fprintf(stderr, "farmgate size: '%s' is not understood; see farmgate size --help\n",
                argv[optind - 1]);
        return false;
    }
}

static const struct option long_options[] = {
    {"json", optional_argument, NULL, 'j'},
    {"csv", no_argument, NULL, 'c'},
    {"html", required_argument, NULL, 'w'},
    {"utc", no_argument, NULL, 'u'},
    {"limit", required_argument, NULL, 'l'},
    {"routes", required_argument, NULL, 'r'},
    {"admins", required_argument, NULL, 'a'},
    {"service", required_argument, NULL, 's'},
    {"year", required_argument, NULL, 'y'},
    {"map", required_argument, NULL, 'm'},
    {"sort", no_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool parse_options(int argc, char **argv, struct options *ret_options)
{
    struct options options = {.routes = ROUTES_COUNTED_DEFAULT, .answer.limit = CHOICES_NONE_ASKED};
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        if (!take_option(option, &options, argv))
            return false;
    options.files = argv + optind;
    options.file_count = argc - optind;
    if (options.file_count == 0 && !options.help) {
        fprintf(stderr, "farmgate size: no file given; see farmgate size --help\n");
        return false;
    }
    *ret_options = options;
    return true;
}

/* ---- an interruption ----------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first ends the reading, the second the program. */
static void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    interrupted = 0;
    (void)sigaction(SIGINT, &action, NULL);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

struct run {
    const struct options *options;
    struct sizing *sizing;
    struct admins admins;
    struct repairs repairs;
    struct progress progress;
    struct logs *logs;
    struct windows_join *join; /* between logs and sizing */
    struct csv_map *csv;
    bool too_long;
};

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int take_event(void *data, const struct sizing_event *event)
{
    struct run *run = data;
    struct sizing_event told = *event;
    if (event->type == SIZING_CONNECT && event->administrator == ADMINISTRATOR_UNKNOWN &&
        run->options->admins != NULL)
        told.administrator = admins_has(&run->admins, event->user) ? ADMINISTRATOR_YES : ADMINISTRATOR_NO;
    int code = sizing_take(run->sizing, &told);
    run->too_long = run->too_long || code == ERROR_TOO_LARGE;
    return code;
}

static int join_event(void *data, const struct sizing_event *event)
{
    return windows_join_take(((struct run *)data)->join, event);
}

static void tell(void *data, const char *sentence)
{
    struct run *run = data;
    progress_end(&run->progress);
    fprintf(stderr, "farmgate size: %s\n", sentence);
}

static bool go_on(void *data, uint64_t raw_bytes_read)
{
    struct run *run = data;
    progress_at(&run->progress, raw_bytes_read, now_ms());
    return interrupted == 0;
}

static int add_files(struct run *run, struct error_detail *ret_detail)
{
    for (int i = 0; i < run->options->file_count && interrupted == 0; i++) {
        int code = logs_add(run->logs, run->options->files[i], ret_detail);
        if (code == ERROR_CANCELLED)
            break;
        if (code < 0)
            return code;
    }
    return 0;
}

static int read_logs(struct run *run)
{
    struct error_detail detail = {""};
    int code = add_files(run, &detail);
    if (code < 0) {
        fprintf(stderr, "farmgate size: %s\n", code == ERROR_INVALID ? detail.text : error_text(code));
        return code == ERROR_INVALID ? COMMAND_USAGE : COMMAND_FAILED;
    }
    progress_begin(&run->progress, stderr, logs_size_bytes(run->logs), now_ms());
    code = logs_read(run->logs, &detail);
    if (code == 0) {
        code = windows_join_end(run->join);
        error_detail_set(&detail, "%s", error_text(code));
    }
    progress_end(&run->progress);
    if (code == 0)
        return COMMAND_OK;
    if (run->too_long)
        error_detail_set(&detail, "ts: first and last event are more than %d windows apart",
                         SIZING_WINDOWS_MAX);
    fprintf(stderr, "farmgate size: %s\n", detail.text);
    return run->too_long || code == ERROR_INVALID ? COMMAND_DATA : COMMAND_FAILED;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static void tell_left_out(const struct sizing_result *result, unsigned routes)
{
    uint64_t count = 0;
    for (int i = 0; i < ROUTE_MAX; i++)
        count += (routes & ROUTE_BIT(i)) == 0 ? result->sessions[i] : 0;
    if (count == 0)
        return;
    fprintf(stderr, "farmgate size: left out, for they do not count:");
    const char *between = " ";
    for (int i = 0; i < ROUTE_MAX; i++) {
        if ((routes & ROUTE_BIT(i)) != 0 || result->sessions[i] == 0)
            continue;
        fprintf(stderr, "%s%" PRIu64 " %s", between, result->sessions[i],
                connection_route_name((enum connection_route)i));
        between = ", ";
    }
    fprintf(stderr, " %s (--routes all counts all)\n", count == 1 ? "session" : "sessions");
}

static void tell_interruption(const struct sizing_result *result)
{
    char at[RFC3339_BYTES];
    if (result->events == 0) {
        fprintf(stderr, "farmgate size: interrupted before the first event\n");
        return;
    }
    rfc3339_format(result->last_at_ms, at);
    fprintf(stderr, "farmgate size: interrupted: this is the answer of what was read, up to %s\n", at);
}

static int answer(struct run *run)
{
    const struct sizing_result *result;
    int code = sizing_finish(run->sizing, &result);
    if (code == 0) {
        repair_add(&run->repairs, REPAIR_CONNECT_REPEATED, result->repeated_connects);
        repair_add(&run->repairs, REPAIR_LOGOFF_UNKNOWN, result->unknown_sessions);
        repair_add(&run->repairs, REPAIR_OPEN_AT_END, result->open_at_end);
        repair_add(&run->repairs, REPAIR_ENDED_BY_BOOT, result->ended_with_host);
    }
    repair_tell(&run->repairs, stderr);
    if (code == 0 && interrupted == 0 && !logs_understood(run->logs))
        return logs_failed_to_open(run->logs) ? COMMAND_FAILED : COMMAND_DATA;
    if (code == 0) {
        tell_left_out(result, run->options->routes);
        if (interrupted != 0)
            tell_interruption(result);
        code = size_answer(&run->options->answer, result, run->options->routes);
        return code == COMMAND_OK && interrupted != 0 ? COMMAND_INTERRUPTED : code;
    }
    fprintf(stderr, "farmgate size: %s\n", error_text(code));
    return COMMAND_FAILED;
}

static int size_logs(struct run *run, const struct tally_settings *settings)
{
    struct reader_services services = {run->options->services, run->options->service_count};
    struct logs_settings logs = {
        .sort = run->options->sort,
        .year = run->options->year,
        .services = &services,
        .csv = run->csv,
        .repairs = &run->repairs,
        .take = join_event,
        .tell = tell,
        .go_on = go_on,
        .data = run,
    };
    struct windows_join_settings join = {take_event, run, &run->repairs, {0}};
    int code = COMMAND_FAILED;
    memcpy(join.seed, settings->seed, sizeof join.seed);
    run->join = windows_join_create(&join);
    run->sizing = sizing_create(settings, size_answer_zone(&run->options->answer));
    run->logs = logs_create(&logs);
    if (run->join != NULL && run->sizing != NULL && run->logs != NULL)
        code = read_logs(run);
    else
        fprintf(stderr, "farmgate size: %s\n", error_text(ERROR_NO_MEMORY));
    if (code == COMMAND_OK)
        code = answer(run);
    logs_destroy(run->logs);
    sizing_destroy(run->sizing);
    windows_join_destroy(run->join);
    return code;
}

/* --admins and --map, which are more than words. */
static bool take_lists(struct run *run)
{
    const struct options *options = run->options;
    struct error_detail detail = {"out of memory"};
    if (options->admins != NULL && admins_add(&run->admins, options->admins, &detail) < 0) {
        fprintf(stderr, "farmgate size: --admins: %s\n", detail.text);
        return false;
    }
    if (options->map != NULL && csv_map_create(options->map, &run->csv, &detail) < 0) {
        fprintf(stderr, "farmgate size: --map: %s\n", detail.text);
        return false;
    }
    return true;
}

static int size_with(const struct options *options)
{
    struct tally_settings settings = {.count_disconnected = true, .routes_counted = options->routes};
    struct run run = {.options = options};
    int code = COMMAND_USAGE;
    if (getentropy(settings.seed, sizeof settings.seed) != 0) {
        perror("farmgate size: getentropy");
        return COMMAND_FAILED;
    }
    admins_init(&run.admins, settings.seed);
    if (take_lists(&run)) {
        catch_interrupt();
        code = size_logs(&run, &settings);
    }
    csv_map_destroy(run.csv);
    admins_finish(&run.admins);
    return code;
}

static int describe(void)
{
    for (size_t i = 0; long_options[i].name; i++)
        options_describe_option("size", help, long_options[i].name);
    options_describe_operands("size", help);
    return COMMAND_OK;
}

int size_command(int argc, char **argv)
{
    struct options options;
    if (argc == 2 && strcmp(argv[1], OPTIONS_DESCRIBE) == 0)
        return describe();
    if (!parse_options(argc, argv, &options))
        return COMMAND_USAGE;
    if (!options.help)
        return size_with(&options);
    help_print(stdout, help);
    return COMMAND_OK;
}
