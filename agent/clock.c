#include "clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t bounded(int64_t ms)
{
    if (ms > CLOCK_MS_MAX)
        return CLOCK_MS_MAX;
    return ms < -CLOCK_MS_MAX ? -CLOCK_MS_MAX : ms;
}

static int64_t clock_id_ms(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now); /* neither clock can fail on a kernel that has it */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void clock_system_read(void *data, struct clock_reading *ret)
{
    (void)data;
    ret->wall_ms = clock_id_ms(CLOCK_REALTIME);
    ret->boot_ms = clock_id_ms(CLOCK_BOOTTIME);
}

static struct clock_reading reading_of(const struct clock *clock)
{
    struct clock_reading reading = {0};
    clock->read(clock->data, &reading);
    reading.wall_ms = bounded(reading.wall_ms);
    reading.boot_ms = bounded(reading.boot_ms);
    return reading;
}

static bool same_boot(const struct clock_saved *saved, const char *boot_id, int64_t boot_ms)
{
    return boot_id[0] != '\0' && strcmp(saved->boot_id, boot_id) == 0 && boot_ms >= saved->boot_ms;
}

static int64_t licence_time_at_start(const struct clock_saved *saved, const char *boot_id,
                                     const struct clock_reading *now)
{
    int64_t stored_ms = bounded(saved->licence_ms);
    if (same_boot(saved, boot_id, now->boot_ms))
        return bounded(stored_ms + (now->boot_ms - bounded(saved->boot_ms)));
    int64_t by_wall_ms = bounded(now->wall_ms + bounded(saved->offset_ms));
    return by_wall_ms > stored_ms ? by_wall_ms : stored_ms;
}

void clock_start(struct clock *clock, const struct clock_saved *saved, const char *boot_id,
                 clock_read_fn *read, void *data)
{
    *clock = (struct clock){.read = read, .data = data, .anchored = saved->anchored};
    (void)snprintf(clock->boot_id, sizeof(clock->boot_id), "%s", boot_id);
    if (!saved->anchored)
        return;
    struct clock_reading now = reading_of(clock);
    clock->anchor_boot_ms = now.boot_ms;
    clock->anchor_licence_ms = licence_time_at_start(saved, clock->boot_id, &now);
}

static int64_t licence_time(const struct clock *clock, const struct clock_reading *now)
{
    if (!clock->anchored)
        return now->wall_ms;
    return bounded(clock->anchor_licence_ms + (now->boot_ms - clock->anchor_boot_ms));
}

int64_t clock_now_ms(const struct clock *clock)
{
    struct clock_reading now = reading_of(clock);
    return licence_time(clock, &now);
}

void clock_set(struct clock *clock, int64_t issued_at_ms)
{
    struct clock_reading now = reading_of(clock);
    clock->anchor_boot_ms = now.boot_ms;
    clock->anchor_licence_ms = bounded(issued_at_ms);
    clock->anchored = true;
}

void clock_save(const struct clock *clock, struct clock_saved *ret)
{
    struct clock_reading now = reading_of(clock);
    int64_t licence_ms = licence_time(clock, &now);
    *ret = (struct clock_saved){
        .licence_ms = licence_ms,
        .boot_ms = now.boot_ms,
        .offset_ms = bounded(licence_ms - now.wall_ms),
        .anchored = clock->anchored,
    };
    memcpy(ret->boot_id, clock->boot_id, sizeof(ret->boot_id));
}
