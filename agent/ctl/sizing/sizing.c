#include "sizing.h"

#include "calendar.h"
#include "excess.h"
#include "name_set.h"
#include "peak_names.h"
#include "replay.h"

#include "agent/core/peak.h"
#include "agent/core/tally.h"
#include "common/error.h"
#include "common/room.h"

#include <stdlib.h>

const int sizing_saving_hours[SIZING_SAVINGS] = {1, 2, 4};

struct sizing {
    struct tally_settings settings;
    const struct sizing_zone *zone;
    struct replay replay;
    struct peak peak;
    struct excess excess;
    struct calendar calendar;
    struct peak_names names;
    struct name_set users, hosts;
    struct sizing_window *windows;
    size_t window_room;
    struct sizing_result result;
    bool window_lost; /* for want of memory */
};

/* ---- time ---------------------------------------------------------------------------------------------- */

static void keep_window(void *data, const struct window *closed)
{
    struct sizing *sizing = data;
    void *windows = sizing->windows;
    if (!room_reserve(&windows, &sizing->window_room, sizing->result.window_count + 1,
                      sizeof *sizing->windows)) {
        sizing->window_lost = true;
        return;
    }
    sizing->windows = windows;
    sizing->windows[sizing->result.window_count++] =
        (struct sizing_window){window_start(closed->start_ms), closed->peak_users};
}

static int start(struct sizing *sizing, int64_t now_ms)
{
    sizing->result.first_at_ms = sizing->result.last_at_ms = now_ms;
    peak_start(&sizing->peak, tally_level(sizing->replay.tally), now_ms);
    return excess_start(&sizing->excess, now_ms) && calendar_start(&sizing->calendar, sizing->zone, now_ms)
               ? 0
               : ERROR_NO_MEMORY;
}

/* All time until now, in which the level has not changed. The peak leaves a gap after too long a pause; a
 * log's pauses are walked through in steps that are not. */
static int pass_time(struct sizing *sizing)
{
    const int64_t step_ms = (PEAK_CATCH_UP_MAX - 1) * WINDOW_MS, now_ms = sizing->result.last_at_ms;
    while (now_ms - sizing->peak.now_ms > step_ms)
        peak_advance(&sizing->peak, sizing->peak.now_ms + step_ms, keep_window, sizing);
    peak_advance(&sizing->peak, now_ms, keep_window, sizing);
    excess_advance(&sizing->excess, now_ms);
    return sizing->window_lost || !calendar_advance(&sizing->calendar, now_ms) ? ERROR_NO_MEMORY : 0;
}

/* Most events change no level: their time passes together. */
static int observe(struct sizing *sizing)
{
    const struct tally_level *level = tally_level(sizing->replay.tally);
    if (level->concurrent_users == sizing->excess.users)
        return 0;
    int code = pass_time(sizing);
    if (code < 0)
        return code;
    (void)peak_observe(&sizing->peak, level, sizing->result.last_at_ms);
    bool observed = excess_observe(&sizing->excess, level->concurrent_users) &&
                    calendar_observe(&sizing->calendar, level->concurrent_users);
    return observed ? 0 : ERROR_NO_MEMORY;
}

/* ---- taking -------------------------------------------------------------------------------------------- */

static bool counts(const struct sizing *sizing, enum connection_route route)
{
    return (sizing->settings.routes_counted & ROUTE_BIT(route)) != 0;
}

static int note_names(struct sizing *sizing, const struct sizing_event *event)
{
    char key[IDENTITY_KEY_BYTES_MAX];
    identity_key(event->user, sizing->settings.aliases, sizing->settings.alias_count, key);
    bool noted = name_set_add(&sizing->users, key) && name_set_add(&sizing->hosts, event->host);
    return noted ? 0 : ERROR_NO_MEMORY;
}

static void note_done(struct sizing *sizing, const struct sizing_event *event, const struct replayed *done)
{
    struct sizing_result *result = &sizing->result;
    result->events++;
    result->repeated_connects += done->repeated;
    result->unknown_sessions += done->unknown;
    result->disconnects += done->left;
    result->ended_with_host += done->ended_by_host;
    if (!done->began)
        return;
    result->sessions[event->route]++;
    if (counts(sizing, event->route) && event->kind == KIND_DESKTOP &&
        event->administrator == ADMINISTRATOR_UNKNOWN)
        result->administrators_unknown++;
}

/* In the order of time, and not so far that the windows are too many. */
static int check_time(const struct sizing *sizing, int64_t at_ms)
{
    if (sizing->result.events == 0)
        return 0;
    if (at_ms < sizing->result.last_at_ms)
        return ERROR_INVALID;
    int64_t windows = (at_ms - window_start(sizing->result.first_at_ms)) / WINDOW_MS;
    return windows >= SIZING_WINDOWS_MAX ? ERROR_TOO_LARGE : 0;
}

int sizing_take(struct sizing *sizing, const struct sizing_event *event)
{
    struct replayed done;
    int code = check_time(sizing, event->at_ms);
    if (code == 0 && sizing->result.events == 0)
        code = start(sizing, event->at_ms);
    if (code < 0)
        return code;
    sizing->result.last_at_ms = event->at_ms;
    replay_advance(&sizing->replay, event->at_ms);
    code = replay_take(&sizing->replay, event, &done);
    if (code == 0 && event->type == SIZING_CONNECT && !done.counted_before && counts(sizing, event->route))
        code = note_names(sizing, event);
    if (code == 0)
        code = observe(sizing);
    if (code == 0)
        note_done(sizing, event, &done);
    return code;
}

/* ---- what it came to ----------------------------------------------------------------------------------- */

static void tell_what_ifs(const struct what_if *what_if, struct sizing_result *result)
{
    result->peak_without_exemptions = what_if->peak[WHAT_IF_UNEXEMPTED];
    for (int i = 0; i < SIZING_SAVINGS; i++) {
        result->peak_ended_after[i] = what_if->peak[i];
        result->sessions_ended_after[i] = what_if->ended[i];
    }
}

/* Time passes to the last event, and that is over. */
static int end_time(struct sizing *sizing)
{
    int code = pass_time(sizing);
    if (code < 0)
        return code;
    keep_window(sizing, &sizing->peak.window);
    replay_advance(&sizing->replay, sizing->result.last_at_ms + 1);
    excess_close(&sizing->excess);
    return sizing->window_lost ? ERROR_NO_MEMORY : 0;
}

int sizing_finish(struct sizing *sizing, const struct sizing_result **ret_result)
{
    struct sizing_result *result = &sizing->result;
    int code = result->events > 0 ? end_time(sizing) : 0;
    if (code == 0)
        code = peak_names_tell(&sizing->names, &result->peak_names, &result->peak_name_count);
    if (code < 0)
        return code;
    result->peak_users = sizing->peak.ever.users;
    result->peak_at_ms = result->peak_users == 0 ? result->first_at_ms : sizing->peak.ever.at_ms;
    result->users = sizing->users.count;
    result->hosts = sizing->hosts.count;
    result->windows = sizing->windows;
    result->days = sizing->calendar.days;
    result->day_count = sizing->calendar.day_count;
    calendar_week(&sizing->calendar, result->week);
    result->levels = sizing->excess.levels;
    result->open_at_end = tally_level(sizing->replay.tally)->connections;
    tell_what_ifs(&sizing->replay.what_if, result);
    *ret_result = result;
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

struct sizing *sizing_create(const struct tally_settings *settings, const struct sizing_zone *zone)
{
    struct sizing *sizing = calloc(1, sizeof *sizing);
    if (sizing == NULL)
        return NULL;
    sizing->settings = *settings;
    sizing->zone = zone;
    name_set_init(&sizing->users, settings->seed);
    name_set_init(&sizing->hosts, settings->seed);
    int code = replay_init(&sizing->replay, settings, &sizing->names);
    peak_names_init(&sizing->names, settings, sizing->replay.tally);
    if (code == 0)
        return sizing;
    sizing_destroy(sizing);
    return NULL;
}

void sizing_destroy(struct sizing *sizing)
{
    if (sizing == NULL)
        return;
    replay_finish(&sizing->replay);
    peak_names_finish(&sizing->names);
    calendar_finish(&sizing->calendar);
    excess_finish(&sizing->excess);
    name_set_finish(&sizing->hosts);
    name_set_finish(&sizing->users);
    free(sizing->windows);
    free(sizing);
}
