#include "sizing.h"

#include "calendar.h"
#include "excess.h"
#include "name_set.h"
#include "peak_names.h"
#include "room.h"
#include "variant.h"

#include "agent/core/peak.h"
#include "agent/core/tally.h"
#include "common/error.h"

#include <stdlib.h>

#define HOUR_MS INT64_C(3600000)

const int sizing_saving_hours[SIZING_SAVINGS] = {1, 2, 4};

struct sizing {
    struct tally_settings settings;
    const struct sizing_zone *zone;
    struct variant farm; /* as it was */
    /* As it would have been: made by the first event by which they differ from it, tally NULL until then. */
    struct variant unexempted, saving[SIZING_SAVINGS];
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
    peak_start(&sizing->peak, tally_level(sizing->farm.tally), now_ms);
    return excess_start(&sizing->excess, now_ms) && calendar_start(&sizing->calendar, sizing->zone, now_ms)
               ? 0
               : ERROR_NO_MEMORY;
}

static int advance_variants(struct sizing *sizing, int64_t now_ms)
{
    int code = 0;
    for (int i = 0; i < SIZING_SAVINGS && code == 0 && sizing->saving[i].tally != NULL; i++)
        code = variant_advance(&sizing->saving[i], now_ms);
    return code;
}

/* The peak leaves a gap after too long a pause; a log's pauses are walked through in steps that are not. */
static int advance(struct sizing *sizing, int64_t now_ms)
{
    const int64_t step_ms = (PEAK_CATCH_UP_MAX - 1) * WINDOW_MS;
    if (now_ms == sizing->result.last_at_ms)
        return 0;
    while (now_ms - sizing->peak.now_ms > step_ms)
        peak_advance(&sizing->peak, sizing->peak.now_ms + step_ms, keep_window, sizing);
    peak_advance(&sizing->peak, now_ms, keep_window, sizing);
    excess_advance(&sizing->excess, now_ms);
    if (sizing->window_lost || !calendar_advance(&sizing->calendar, now_ms))
        return ERROR_NO_MEMORY;
    sizing->result.last_at_ms = now_ms;
    return advance_variants(sizing, now_ms);
}

static int observe(struct sizing *sizing)
{
    const struct tally_level *level = tally_level(sizing->farm.tally);
    (void)peak_observe(&sizing->peak, level, sizing->result.last_at_ms);
    if (level->concurrent_users == sizing->excess.users)
        return 0;
    bool observed = excess_observe(&sizing->excess, level->concurrent_users) &&
                    calendar_observe(&sizing->calendar, level->concurrent_users);
    return observed ? 0 : ERROR_NO_MEMORY;
}

/* ---- one event to one variant -------------------------------------------------------------------------- */

/* What it did, as far as anything is made of it. */
struct done {
    bool began;             /* a session */
    bool repeated;          /* a connect that changed nothing */
    bool left;              /* the client of a session */
    bool unknown;           /* the session was not live */
    uint32_t ended_by_host; /* sessions */
};

static int apply_connect(struct variant *variant, const struct sizing_event *event, struct done *ret_done)
{
    const struct connection connection = {
        .host = event->host,
        .id = event->session,
        .user = event->user,
        .connected_at_ms = event->at_ms,
        .kind = event->kind,
        .route = event->route,
        .state = CONNECTION_ACTIVE,
        .administrator = event->administrator,
    };
    enum variant_connected connected = VARIANT_BEGAN;
    int code = variant_connect(variant, &connection, &connected);
    *ret_done = (struct done){.began = connected == VARIANT_BEGAN, .repeated = connected == VARIANT_REPEATED};
    return code;
}

static int apply_disconnect(struct variant *variant, const struct sizing_event *event, struct done *ret_done)
{
    enum variant_disconnected disconnected = VARIANT_UNKNOWN;
    int code = variant_disconnect(variant, event->host, event->session, event->at_ms, &disconnected);
    *ret_done =
        (struct done){.left = disconnected == VARIANT_LEFT, .unknown = disconnected == VARIANT_UNKNOWN};
    return code;
}

static int apply(struct variant *variant, const struct sizing_event *event, struct done *ret_done)
{
    struct done done = {0};
    bool was_live = true;
    int code;
    switch (event->type) {
    case SIZING_CONNECT:
        return apply_connect(variant, event, ret_done);
    case SIZING_DISCONNECT:
        return apply_disconnect(variant, event, ret_done);
    case SIZING_HOST_END:
        code = variant_end_host(variant, event->host, &done.ended_by_host);
        break;
    default:
        code = variant_logoff(variant, event->host, event->session, &was_live);
        done.unknown = !was_live;
    }
    *ret_done = done;
    return code;
}

/* ---- the variants -------------------------------------------------------------------------------------- */

/* Begins as the farm is now, or goes on with the event that the farm has just taken. */
static int follow(struct sizing *sizing, struct variant *variant, bool begins,
                  const struct sizing_event *event)
{
    struct done done;
    if (variant->tally != NULL)
        return apply(variant, event, &done);
    if (!begins)
        return 0;
    variant->peak_users = sizing->farm.peak_users; /* so far they are the same */
    return variant_copy(variant, &sizing->settings, sizing->farm.tally, event->at_ms);
}

static int follow_all(struct sizing *sizing, const struct sizing_event *event, const struct done *done)
{
    bool exempts = tally_level(sizing->farm.tally)->exempt > 0;
    int code = follow(sizing, &sizing->unexempted, exempts, event);
    for (int i = 0; i < SIZING_SAVINGS && code == 0; i++)
        code = follow(sizing, &sizing->saving[i], done->left, event);
    return code;
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

static void note_done(struct sizing *sizing, const struct sizing_event *event, const struct done *done)
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
    struct done done = {0};
    int code = check_time(sizing, event->at_ms);
    if (code == 0)
        code = sizing->result.events == 0 ? start(sizing, event->at_ms) : advance(sizing, event->at_ms);
    if (code == 0)
        code = apply(&sizing->farm, event, &done);
    if (code == 0 && event->type == SIZING_CONNECT && counts(sizing, event->route))
        code = note_names(sizing, event);
    if (code == 0)
        code = observe(sizing);
    if (code == 0)
        code = follow_all(sizing, event, &done);
    if (code == 0)
        note_done(sizing, event, &done);
    return code;
}

/* ---- what it came to ----------------------------------------------------------------------------------- */

static void tell_variants(struct sizing *sizing)
{
    struct sizing_result *result = &sizing->result;
    const struct variant *unexempted = &sizing->unexempted;
    result->peak_without_exemptions = unexempted->tally == NULL ? result->peak_users : unexempted->peak_users;
    for (int i = 0; i < SIZING_SAVINGS; i++) {
        const struct variant *saving = &sizing->saving[i];
        result->peak_ended_after[i] = saving->tally == NULL ? result->peak_users : saving->peak_users;
        result->sessions_ended_after[i] = saving->ended;
    }
}

int sizing_finish(struct sizing *sizing, const struct sizing_result **ret_result)
{
    struct sizing_result *result = &sizing->result;
    int code = 0;
    if (result->events > 0) {
        keep_window(sizing, &sizing->peak.window);
        code = sizing->window_lost ? ERROR_NO_MEMORY : advance_variants(sizing, result->last_at_ms + 1);
    }
    if (code == 0)
        code = peak_names_tell(&sizing->names, &result->peak_names, &result->peak_name_count);
    if (code < 0)
        return code;
    if (result->events > 0)
        excess_close(&sizing->excess);
    result->peak_users = sizing->peak.ever.users;
    result->peak_at_ms = result->peak_users == 0 ? result->first_at_ms : sizing->peak.ever.at_ms;
    result->users = sizing->users.count;
    result->hosts = sizing->hosts.count;
    result->windows = sizing->windows;
    result->days = sizing->calendar.days;
    result->day_count = sizing->calendar.day_count;
    calendar_week(&sizing->calendar, result->week);
    result->levels = sizing->excess.levels;
    result->open_at_end = tally_level(sizing->farm.tally)->connections;
    tell_variants(sizing);
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
    sizing->farm = (struct variant){.end_after_ms = VARIANT_NEVER, .names = &sizing->names};
    sizing->unexempted = (struct variant){.end_after_ms = VARIANT_NEVER, .exempts_nobody = true};
    for (int i = 0; i < SIZING_SAVINGS; i++)
        sizing->saving[i].end_after_ms = sizing_saving_hours[i] * HOUR_MS;
    if (variant_init(&sizing->farm, settings) == 0) {
        peak_names_init(&sizing->names, settings, sizing->farm.tally);
        return sizing;
    }
    sizing_destroy(sizing);
    return NULL;
}

void sizing_destroy(struct sizing *sizing)
{
    if (sizing == NULL)
        return;
    for (int i = 0; i < SIZING_SAVINGS; i++)
        variant_finish(&sizing->saving[i]);
    variant_finish(&sizing->unexempted);
    variant_finish(&sizing->farm);
    peak_names_finish(&sizing->names);
    calendar_finish(&sizing->calendar);
    excess_finish(&sizing->excess);
    name_set_finish(&sizing->hosts);
    name_set_finish(&sizing->users);
    free(sizing->windows);
    free(sizing);
}
