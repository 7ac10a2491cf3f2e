/* What `farmgate size` is measured beside: yajl alone, with callbacks that do nothing, on the same log. And
 * that log: office days of 3,000 users on 60 hosts.
 *
 *     bench_ndjson generate EVENTS >LOG
 *     bench_ndjson yajl LOG */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

#define USERS      3000
#define HOSTS      60
#define DAY_MS     INT64_C(86400000)
#define FIRST_MS   INT64_C(1704067200000)
#define EVENTS_MAX (USERS * 8) /* a day */

enum what { CONNECT, DISCONNECT, LOGOFF };

struct event {
    int64_t at_ms;
    unsigned user, session, host;
    enum what what;
};

/* ---- the log ------------------------------------------------------------------------------------------- */

static uint32_t chance(void)
{
    static uint64_t state = 20260101;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33);
}

static int by_time(const void *one, const void *other)
{
    const struct event *a = one, *b = other;
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms ? -1 : 1;
    return a->session < b->session ? -1 : a->session > b->session;
}

/* A morning's log-on, some interruptions, and an evening's log-off. */
static size_t make_day(int64_t day_ms, unsigned *session, struct event *events)
{
    size_t count = 0;
    for (unsigned user = 0; user < USERS; user++) {
        struct event event = {day_ms + 6 * 3600000 + chance() % 10800000, user, (*session)++,
                              chance() % HOSTS, CONNECT};
        events[count++] = event;
        for (unsigned breaks = chance() % 4; breaks > 0; breaks--) {
            event.at_ms += 600000 + chance() % 7200000;
            event.what = DISCONNECT;
            events[count++] = event;
            event.at_ms += 60000 + chance() % 1800000;
            event.what = CONNECT;
            events[count++] = event;
        }
        event.at_ms += 3600000 + chance() % 7200000;
        event.what = LOGOFF;
        events[count++] = event;
    }
    qsort(events, count, sizeof *events, by_time);
    return count;
}

static void print_event(const struct event *event)
{
    static const char *const words[] = {"connect", "disconnect", "logoff"};
    printf("{\"ts\": %" PRId64 ", \"event\": \"%s\", \"host\": \"ts%02u\", \"session\": \"%u\"", event->at_ms,
           words[event->what], event->host, event->session);
    if (event->what == CONNECT)
        printf(", \"user\": \"user%04u\", \"admin\": %s, \"kind\": \"desktop\", \"route\": \"rdp\"",
               event->user, event->user % 100 == 0 ? "true" : "false");
    puts("}");
}

static int generate(uint64_t wanted)
{
    static struct event events[EVENTS_MAX];
    unsigned session = 1;
    for (int64_t day_ms = FIRST_MS; wanted > 0; day_ms += DAY_MS) {
        size_t count = make_day(day_ms, &session, events);
        for (size_t i = 0; i < count && wanted > 0; i++, wanted--)
            print_event(&events[i]);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- yajl alone ---------------------------------------------------------------------------------------- */

static int nothing(void *data)
{
    (void)data;
    return 1;
}

static int no_boolean(void *data, int value)
{
    (void)data;
    (void)value;
    return 1;
}

static int no_number(void *data, const char *text, size_t bytes)
{
    (void)data;
    (void)text;
    (void)bytes;
    return 1;
}

static int no_text(void *data, const unsigned char *text, size_t bytes)
{
    (void)data;
    (void)text;
    (void)bytes;
    return 1;
}

static int parse(const char *path)
{
    static const yajl_callbacks callbacks = {
        .yajl_null = nothing,
        .yajl_boolean = no_boolean,
        .yajl_number = no_number,
        .yajl_string = no_text,
        .yajl_start_map = nothing,
        .yajl_map_key = no_text,
        .yajl_end_map = nothing,
        .yajl_start_array = nothing,
        .yajl_end_array = nothing,
    };
    static unsigned char bytes[65536];
    yajl_handle handle = yajl_alloc(&callbacks, NULL, NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC), good = handle != NULL && fd >= 0;
    ssize_t count;
    if (good)
        (void)yajl_config(handle, yajl_allow_multiple_values, 1);
    while (good && (count = read(fd, bytes, sizeof bytes)) > 0)
        good = yajl_parse(handle, bytes, (size_t)count) == yajl_status_ok;
    if (handle != NULL)
        yajl_free(handle);
    if (fd >= 0)
        (void)close(fd);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "generate") == 0)
        return generate(strtoull(argv[2], NULL, 10));
    if (argc == 3 && strcmp(argv[1], "yajl") == 0)
        return parse(argv[2]);
    fprintf(stderr, "usage: bench_ndjson generate EVENTS | yajl LOG\n");
    return 64;
}
