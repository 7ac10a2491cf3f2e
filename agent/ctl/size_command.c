#include "size_command.h"

#include "command.h"

#include "agent/core/peak.h"
#include "agent/core/tally.h"
#include "agent/ctl/sizing/gather.h"
#include "agent/ctl/sizing/ndjson.h"
#include "agent/ctl/sizing/sizing.h"
#include "common/json.h"
#include "common/rfc3339.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define READ_BYTES 16384
#define DATE_BYTES 10 /* of "2026-01-01" */

static const char help[] =
    "usage: farmgate size [--json] [--routes LIST] FILE...\n"
    "\n"
    "Replays a log of sessions through the rules by which farmgated counts, and tells how many licences the "
    "farm\n"
    "would have needed. FILE holds one JSON object a line; '-' is the standard input; several files are one "
    "log.\n"
    "\n"
    "  {\"ts\": Unix ms, \"event\": \"connect\"|\"disconnect\"|\"logoff\", \"host\": ..., \"session\": ...}\n"
    "  and on connect: \"user\": ..., \"admin\": true|false, \"kind\": \"desktop\"|\"application\",\n"
    "                  \"route\": \"broker\"|\"rdp\"|\"rdp-tunnel\"|\"console\"|\"ssh\"\n"
    "\n"
    "options:\n"
    "  --json          one JSON object with the peak of every 20-minute window\n"
    "  --routes LIST   the routes that count, separated by commas (broker,rdp,rdp-tunnel)\n"
    "  --help          print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 64 usage; 65 the log is not as it should be\n";

struct options {
    bool json, help;
    unsigned routes;
    char **files;
    int file_count;
};

/* ---- options ------------------------------------------------------------------------------------------- */

static bool parse_routes(const char *list, unsigned *ret_routes)
{
    unsigned routes = 0;
    char word[16];
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

static bool parse_options(int argc, char **argv, struct options *ret_options)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'},
        {"routes", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct options options = {.routes = ROUTES_COUNTED_DEFAULT};
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (option) {
        case 'j':
            options.json = true;
            break;
        case 'r':
            if (!parse_routes(optarg, &options.routes))
                return false;
            break;
        case 'h':
            options.help = true;
            break;
        default:
            fprintf(stderr, "farmgate size: '%s' is not understood; see farmgate size --help\n",
                    argv[optind - 1]);
            return false;
        }
    }
    options.files = argv + optind;
    options.file_count = argc - optind;
    if (options.file_count == 0 && !options.help) {
        fprintf(stderr, "farmgate size: no file given; see farmgate size --help\n");
        return false;
    }
    *ret_options = options;
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static int read_open(int fd, const char *name, struct ndjson *ndjson)
{
    char bytes[READ_BYTES];
    struct error_detail detail;
    int code = 0;
    for (;;) {
        ssize_t count = read(fd, bytes, sizeof bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            fprintf(stderr, "farmgate size: %s: %s\n", name, strerror(errno));
            return COMMAND_FAILED;
        }
        code = count > 0 ? ndjson_feed(ndjson, bytes, (size_t)count, &detail) : ndjson_end(ndjson, &detail);
        if (code < 0 || count == 0)
            break;
    }
    if (code == 0)
        return COMMAND_OK;
    fprintf(stderr, "farmgate size: %s\n", detail.text);
    return code == ERROR_NO_MEMORY ? COMMAND_FAILED : COMMAND_DATA;
}

static int read_file(const char *path, struct gather *gather)
{
    bool standard_input = strcmp(path, "-") == 0;
    int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        fprintf(stderr, "farmgate size: %s: %s\n", path, strerror(errno));
        return COMMAND_FAILED;
    }
    int code = COMMAND_FAILED;
    struct ndjson *ndjson = ndjson_create(gather, path);
    if (ndjson != NULL)
        code = read_open(fd, path, ndjson);
    else
        fprintf(stderr, "farmgate size: %s\n", error_text(ERROR_NO_MEMORY));
    ndjson_destroy(ndjson);
    if (!standard_input)
        close(fd);
    return code;
}

/* ---- telling ------------------------------------------------------------------------------------------- */

static int print_json(const struct sizing_result *result)
{
    struct json_writer *writer = json_writer_create(false);
    const char *text;
    size_t bytes;
    if (writer == NULL)
        return ERROR_NO_MEMORY;
    json_open_object(writer, NULL);
    json_integer(writer, "events", (int64_t)result->events);
    json_integer(writer, "users", (int64_t)result->users);
    json_integer(writer, "hosts", (int64_t)result->hosts);
    json_integer(writer, "peak_users", result->peak_users);
    if (result->events > 0)
        json_time(writer, "peak_at", result->peak_at_ms);
    else
        json_null(writer, "peak_at");
    json_open_array(writer, "windows");
    for (size_t i = 0; i < result->window_count; i++) {
        json_open_object(writer, NULL);
        json_time(writer, "start", result->windows[i].start_ms);
        json_integer(writer, "peak_users", result->windows[i].peak_users);
        json_close_object(writer);
    }
    json_close_array(writer);
    json_close_object(writer);
    int code = json_writer_finish(writer, &text, &bytes);
    if (code == 0)
        printf("%s\n", text);
    json_writer_destroy(writer);
    return code;
}

static int by_users(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

/* The middle one of the highest numbers of those days that had a user at all. */
static int median_of_days(const struct sizing_result *result, uint32_t *ret_users)
{
    uint32_t *days = malloc((result->window_count + 1) * sizeof *days);
    size_t count = 0;
    if (days == NULL)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < result->window_count; i++) {
        const struct sizing_window *window = &result->windows[i];
        bool new_day = i == 0 || window->start_ms / DAY_MS != window[-1].start_ms / DAY_MS;
        if (new_day && (count == 0 || days[count - 1] > 0))
            days[count++] = 0;
        if (window->peak_users > days[count - 1])
            days[count - 1] = window->peak_users;
    }
    if (count > 0 && days[count - 1] == 0)
        count--;
    qsort(days, count, sizeof *days, by_users);
    *ret_users = count == 0 ? 0 : days[count / 2];
    free(days);
    return 0;
}

static int print_summary(const struct sizing_result *result)
{
    char at[RFC3339_BYTES], first[RFC3339_BYTES], last[RFC3339_BYTES];
    uint32_t median;
    if (result->events == 0) {
        printf("no events\n");
        return 0;
    }
    int code = median_of_days(result, &median);
    if (code < 0)
        return code;
    rfc3339_format(result->peak_at_ms, at);
    rfc3339_format(result->first_at_ms, first);
    rfc3339_format(result->last_at_ms, last);
    printf("licences needed   %" PRIu32 "  (concurrent users at the peak)\n", result->peak_users);
    printf("first reached     %s\n", at);
    printf("busiest day       %.*s, with a peak of %" PRIu32 "; the median day's peak is %" PRIu32 "\n",
           DATE_BYTES, at, result->peak_users, median);
    printf("users             %" PRIu64 " on %" PRIu64 " hosts\n", result->users, result->hosts);
    printf("events            %" PRIu64 ", from %s to %s\n", result->events, first, last);
    return 0;
}

static void report_oddities(const struct sizing_result *result)
{
    if (result->repeated_connects > 0)
        fprintf(stderr,
                "farmgate size: %" PRIu64 " connects of sessions that were already live changed nothing\n",
                result->repeated_connects);
    if (result->unknown_sessions > 0)
        fprintf(stderr,
                "farmgate size: %" PRIu64 " disconnects or log-offs of unknown sessions were ignored\n",
                result->unknown_sessions);
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int replay(struct gather *gather, struct sizing *sizing, const struct options *options)
{
    const struct sizing_result *result;
    int code = gather_replay(gather, sizing);
    if (code == ERROR_TOO_LARGE) {
        fprintf(stderr, "farmgate size: ts: first and last event are more than %d windows apart\n",
                SIZING_WINDOWS_MAX);
        return COMMAND_DATA;
    }
    if (code == 0)
        code = sizing_finish(sizing, &result);
    if (code == 0)
        report_oddities(result);
    if (code == 0)
        code = options->json ? print_json(result) : print_summary(result);
    if (code == 0)
        return COMMAND_OK;
    fprintf(stderr, "farmgate size: %s\n", error_text(code));
    return COMMAND_FAILED;
}

static int size_files(const struct options *options, struct gather *gather, struct sizing *sizing)
{
    int code = COMMAND_OK;
    if (gather == NULL || sizing == NULL) {
        fprintf(stderr, "farmgate size: %s\n", error_text(ERROR_NO_MEMORY));
        return COMMAND_FAILED;
    }
    for (int i = 0; i < options->file_count && code == COMMAND_OK; i++)
        code = read_file(options->files[i], gather);
    return code == COMMAND_OK ? replay(gather, sizing, options) : code;
}

int size_command(int argc, char **argv)
{
    struct options options;
    if (!parse_options(argc, argv, &options))
        return COMMAND_USAGE;
    if (options.help) {
        fputs(help, stdout);
        return COMMAND_OK;
    }
    struct tally_settings settings = {.count_disconnected = true, .routes_counted = options.routes};
    if (getentropy(settings.seed, sizeof settings.seed) != 0) {
        perror("farmgate size: getentropy");
        return COMMAND_FAILED;
    }
    struct gather *gather = gather_create();
    struct sizing *sizing = sizing_create(&settings, NULL);
    int code = size_files(&options, gather, sizing);
    sizing_destroy(sizing);
    gather_destroy(gather);
    return code;
}
