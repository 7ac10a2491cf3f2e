#include "system_bus.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct system_bus {
    uv_loop_t *loop;
    sd_bus *connection; /* NULL: not open */
    uv_poll_t *poll;    /* of the connection's descriptor */
    uv_timer_t timer;   /* the connection's next deadline */
    uint64_t failed_at_ms;
    bool failed, processing;
};

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void free_bus(uv_handle_t *timer)
{
    free(timer->data);
}

struct system_bus *system_bus_create(uv_loop_t *loop)
{
    struct system_bus *bus = calloc(1, sizeof(*bus));

    if (bus == NULL)
        return NULL;
    bus->loop = loop;
    uv_timer_init(loop, &bus->timer);
    bus->timer.data = bus;
    return bus;
}

static void disconnect(struct system_bus *bus)
{
    uv_timer_stop(&bus->timer);
    if (bus->poll != NULL) {
        uv_poll_stop(bus->poll);
        uv_close((uv_handle_t *)bus->poll, free_handle);
        bus->poll = NULL;
    }
    bus->connection = sd_bus_close_unref(bus->connection);
}

static void process(struct system_bus *bus)
{
    int r;

    if (bus->processing)
        return; /* called from an answer: the loop below goes on */
    bus->processing = true;
    do
        r = sd_bus_process(bus->connection, NULL);
    while (r > 0);
    bus->processing = false;
    /* A broken connection has by now told everyone who was waiting. */
    if (r < 0 || sd_bus_is_open(bus->connection) <= 0) {
        disconnect(bus);
        bus->failed = true;
        bus->failed_at_ms = uv_now(bus->loop);
        return;
    }
    system_bus_wake(bus);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    process(poll->data);
}

static void on_timer(uv_timer_t *timer)
{
    process(timer->data);
}

static int poll_events(sd_bus *connection)
{
    int wanted = sd_bus_get_events(connection);
    int events = 0;

    if (wanted < 0)
        return UV_READABLE | UV_DISCONNECT;
    if (wanted & POLLIN)
        events |= UV_READABLE;
    if (wanted & POLLOUT)
        events |= UV_WRITABLE;
    return events | UV_DISCONNECT;
}

void system_bus_wake(struct system_bus *bus)
{
    uint64_t deadline_us, now_us = uv_hrtime() / 1000;

    if (bus->connection == NULL || bus->processing)
        return;
    uv_poll_start(bus->poll, poll_events(bus->connection), on_poll);
    if (sd_bus_get_timeout(bus->connection, &deadline_us) > 0 && deadline_us != UINT64_MAX)
        uv_timer_start(&bus->timer, on_timer, deadline_us > now_us ? (deadline_us - now_us + 999) / 1000 : 0,
                       0);
    else
        uv_timer_stop(&bus->timer);
}

static bool connect_bus(struct system_bus *bus)
{
    uv_poll_t *poll = calloc(1, sizeof(*poll));

    if (poll == NULL || sd_bus_open_system(&bus->connection) < 0) {
        free(poll);
        return false;
    }
    if (uv_poll_init(bus->loop, poll, sd_bus_get_fd(bus->connection)) < 0) {
        bus->connection = sd_bus_close_unref(bus->connection);
        free(poll);
        return false;
    }
    poll->data = bus;
    bus->poll = poll;
    return true;
}

sd_bus *system_bus_get(struct system_bus *bus)
{
    if (bus->connection != NULL)
        return bus->connection;
    if (bus->failed && uv_now(bus->loop) - bus->failed_at_ms < SYSTEM_BUS_REOPEN_MS)
        return NULL;
    bus->failed = !connect_bus(bus);
    bus->failed_at_ms = uv_now(bus->loop);
    return bus->connection;
}

void system_bus_close(struct system_bus *bus)
{
    if (bus == NULL)
        return;
    disconnect(bus);
    uv_close((uv_handle_t *)&bus->timer, free_bus);
}
