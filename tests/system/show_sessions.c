/* show_sessions.c - what one session source tells, as it tells it: a line of JSON for each set.
 *
 *     show_sessions logind | show_sessions utmp [FILE] | show_sessions scripted FILE */
#include "agent/sessions/source.h"
#include "common/json.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void print(struct json_writer *writer)
{
    const char *text;
    size_t bytes;

    json_close_object(writer);
    if (json_writer_finish(writer, &text, &bytes) == 0) {
        printf("%s\n", text);
        fflush(stdout);
    }
    json_writer_destroy(writer);
}

static void write_facts(struct json_writer *writer, const struct session_facts *facts)
{
    json_open_object(writer, NULL);
    json_text(writer, "id", facts->id);
    json_text(writer, "user", facts->user);
    json_text(writer, "service", facts->service);
    json_text(writer, "type", facts->type);
    json_text(writer, "class", facts->session_class);
    json_text(writer, "remote_host", facts->remote_host);
    json_boolean(writer, "remote", facts->remote);
    json_boolean(writer, "superuser", facts->superuser);
    json_boolean(writer, "closing", facts->closing);
    json_text(writer, "state", facts->state == CONNECTION_ACTIVE ? "active" : "disconnected");
    json_integer(writer, "connected_at_ms", facts->connected_at_ms);
    json_close_object(writer);
}

static void on_set(void *data, struct source *source, const char *host, const struct session_facts *sessions,
                   size_t count, bool complete)
{
    struct json_writer *writer = json_writer_create(false);

    (void)data;
    json_open_object(writer, NULL);
    json_integer(writer, "at_ms", wall_ms());
    json_text(writer, "source", source->type->name);
    json_text(writer, "host", host);
    json_boolean(writer, "complete", complete);
    json_open_array(writer, "sessions");
    for (size_t i = 0; i < count; i++)
        write_facts(writer, &sessions[i]);
    json_close_array(writer);
    print(writer);
}

static void on_health(void *data, struct source *source, int error, const char *detail)
{
    struct json_writer *writer = json_writer_create(false);

    (void)data;
    json_open_object(writer, NULL);
    json_integer(writer, "at_ms", wall_ms());
    json_text(writer, "source", source->type->name);
    json_integer(writer, "error", error);
    json_text(writer, "detail", detail);
    print(writer);
}

struct running {
    struct source *source;
    uv_signal_t end, refresh;
};

static void on_end(uv_signal_t *signal, int number)
{
    struct running *running = signal->data;

    (void)number;
    running->source->type->stop(running->source);
    uv_close((uv_handle_t *)&running->end, NULL);
    uv_close((uv_handle_t *)&running->refresh, NULL);
}

static void on_refresh(uv_signal_t *signal, int number)
{
    struct running *running = signal->data;

    (void)number;
    running->source->type->refresh(running->source);
}

static const struct source_type *type_named(const char *name)
{
    for (size_t i = 0; source_types[i] != NULL; i++)
        if (strcmp(source_types[i]->name, name) == 0)
            return source_types[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct source_type *type = argc > 1 ? type_named(argv[1]) : NULL;
    const char *file = argc > 2 ? argv[2] : NULL;
    const struct source_listener listener = {.on_set = on_set, .on_health = on_health};
    struct error_detail detail;
    struct running running;
    uv_loop_t loop;

    if (type == NULL) {
        fprintf(stderr, "usage: show_sessions logind | utmp [FILE] | scripted FILE\n");
        return 64;
    }
    uv_loop_init(&loop);
    const struct source_settings settings = {
        .loop = &loop, .host = "here", .scripted_file = file, .utmp_file = file};
    if (type->start(&settings, &listener, &running.source, &detail) < 0) {
        fprintf(stderr, "%s\n", detail.text);
        return 1;
    }
    uv_signal_init(&loop, &running.end);
    uv_signal_init(&loop, &running.refresh);
    running.end.data = running.refresh.data = &running;
    uv_signal_start(&running.end, on_end, SIGTERM);
    uv_signal_start(&running.refresh, on_refresh, SIGHUP);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
