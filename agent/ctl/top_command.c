/* farmgate top: the farm in the whole terminal, live. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "screen.h"
#include "top_feed.h"
#include "top_page.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_MIN_MS     100
#define INTERVAL_MAX_MS     3600000
#define INTERVAL_DEFAULT_MS 1000
#define MINUTE_MS           60000

static const char help[] =
    "usage: farmgate top [--interval SECONDS] [--socket PATH]\n"
    "\n"
    "The farm in the whole terminal, live: the gate and why, users and licences, today's windows, what runs\n"
    "out when, who is on and why each counts, events, and the hosts of a farm of many. It moves when an\n"
    "event tells of a change, and writes only what has changed: an idle farm costs a slow line nothing.\n"
    "A lost agent is waited for. Without a terminal the status is printed once, as `farmgate status` does.\n"
    "\n"
    "keys: q leave; s, r sort; / filter; Tab, 1 2 3 who is on, events, hosts; arrows, PgUp, PgDn; ? all "
    "keys\n"
    "\n"
    "options:\n"
    "  --interval SECONDS  ask at most so often: 0.1 to 3600 (1)\n"
    "  --socket PATH       another agent's socket\n"
    "  --help              print this\n"
    "\n"
    "exit codes: 0 done; 1 failed; 3 no agent, without a terminal; 64 usage; 77 forbidden\n";

struct top {
    uv_loop_t loop;
    uv_timer_t minute; /* spans of time move with it */
    struct screen *screen;
    struct top_feed *feed;
    struct top_page page;
    int signal; /* what has ended us */
    bool leaving, failed;
};

static int64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void leave(struct top *top)
{
    if (top->leaving)
        return;
    top->leaving = true;
    top_feed_stop(top->feed);
    screen_close(top->screen);
    uv_close((uv_handle_t *)&top->minute, NULL);
}

static void draw(void *data)
{
    struct top *top = data;
    if (top->leaving || !top->screen || !top->feed)
        return;
    const struct top_now now = {uv_now(&top->loop), wall_ms()};
    if (top_page_draw(&top->page, top_feed_told(top->feed), &now, screen_cells(top->screen))) {
        screen_show(top->screen);
    } else {
        top->failed = true;
        leave(top);
    }
}

static void on_key(void *data, enum key key, const char *text)
{
    struct top *top = data;
    switch (top_page_key(&top->page, key, text)) {
    case TOP_LEAVE:
        leave(top);
        break;
    case TOP_SUSPEND:
        screen_suspend(top->screen);
        break;
    case TOP_REDRAW:
        top_feed_refresh(top->feed);
        screen_redraw(top->screen);
        break;
    default:
        draw(top);
        break;
    }
}

static void on_end(void *data, int number)
{
    struct top *top = data;
    top->signal = number;
    leave(top);
}

static void on_minute(uv_timer_t *timer)
{
    struct top *top = timer->data;
    (void)uv_timer_start(timer, on_minute, (uint64_t)(MINUTE_MS - wall_ms() % MINUTE_MS), 0);
    draw(top);
}

static int run(const char *socket, uint64_t interval_ms)
{
    struct top *top = calloc(1, sizeof(*top));
    struct error_detail detail = {"out of memory"};
    const struct screen_calls calls = {.key = on_key, .draw = draw, .end = on_end, .data = top};
    if (!top || uv_loop_init(&top->loop) != 0) {
        (void)fprintf(stderr, "farmgate top: %s\n", detail.text);
        free(top);
        return COMMAND_FAILED;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    top_page_init(&top->page);
    int error = screen_open(&top->loop, &calls, &top->screen, &detail);
    if (!error) {
        (void)uv_timer_init(&top->loop, &top->minute);
        top->minute.data = top;
        top->feed = top_feed_create(&top->loop, socket, interval_ms, draw, top);
        on_minute(&top->minute);
        if (!top->feed) {
            top->failed = true;
            leave(top);
        }
        (void)uv_run(&top->loop, UV_RUN_DEFAULT);
    }
    top_feed_destroy(top->feed);
    screen_destroy(top->screen);
    (void)uv_loop_close(&top->loop);
    int number = top->signal;
    if (error || top->failed)
        (void)fprintf(stderr, "farmgate top: %s\n", detail.text);
    int code = error || top->failed ? COMMAND_FAILED : COMMAND_OK;
    free(top);
    if (number)
        (void)raise(number); /* has its default action again */
    return code;
}

/* An agent that may not be asked is told of before the terminal is taken; one that is not there is waited
 * for. */
static int try_agent(const char *socket)
{
    struct error_detail detail = {""};
    struct local_client_answer answer;
    const struct local_client_request request = {
        .socket_path = socket, .method = "GET", .target = "/v1/version"};
    int error = ask_quietly(&request, false, &answer, &detail);
    if (!error)
        local_client_answer_finish(&answer);
    return error == ERROR_FORBIDDEN || error == ERROR_INVALID ? ask_failure(error, &detail) : COMMAND_OK;
}

static bool parse_interval(const char *text, uint64_t *ret_ms)
{
    char *end = NULL;
    double seconds = text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : -1;
    if (!end || *end != '\0' || !(seconds * 1000 >= INTERVAL_MIN_MS && seconds * 1000 <= INTERVAL_MAX_MS)) {
        (void)fprintf(stderr, "farmgate top: --interval: not 0.1 to 3600 seconds: %s\n", text);
        return false;
    }
    *ret_ms = (uint64_t)(seconds * 1000);
    return true;
}

static int print_once(const char *socket)
{
    char name[] = "status", option[] = "--socket";
    char *path = socket ? strdup(socket) : NULL;
    char *words[] = {name, option, path, NULL};
    (void)fprintf(stderr,
                  "farmgate top: this is no terminal; `farmgate status --watch` goes on without one\n");
    int code = status_command(path ? 3 : 1, words);
    free(path);
    return code;
}

int top_command(int argc, char **argv)
{
    const char *interval = NULL, *socket = NULL;
    uint64_t interval_ms = INTERVAL_DEFAULT_MS;
    const struct option_spec specs[] = {{"interval", OPTION_TEXT, &interval},
                                        {"socket", OPTION_TEXT, &socket}};
    const struct options_form form = {"top", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (interval && !parse_interval(interval, &interval_ms))
        return COMMAND_USAGE;
    if (!screen_possible())
        return print_once(socket);
    code = try_agent(socket);
    return code == COMMAND_OK ? run(socket, interval_ms) : code;
}
