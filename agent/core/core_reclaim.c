/* core_reclaim.c - since when connections are disconnected, and what is said of those that are so for long.
 *
 * Since when is licence time, as of everything that lasts: the instant at which the agent learnt of it. It is
 * stored with the connection; a connection of which it is not known, for want of memory or because an older
 * version stored it, is disconnected since it is looked at next.
 *
 * Elsewhere a correction forward is time that passes. Here it is not: a clock that was years behind would
 * have every session ended that somebody has just left. When the authority's signed time corrects licence
 * time by so much that it is said, since when moves with it, and the age stays what it was. */
#include "core_private.h"
#include "reclaim.h"

#include <stdlib.h>

/* ---- since when ---------------------------------------------------------------------------------------- */

/* A session that has got its host's id is under the broker's for a moment still, and goes on from there. */
static int64_t begins_ms(const struct core *core, const struct roster_change *change)
{
    struct tally_entry before;
    if (!change->renamed || *change->broker_id == '\0' ||
        !tally_find(core->tally, change->connection.host, change->broker_id, &before))
        return core->clock_ms;
    int64_t since_ms = disconnected_since(&core->disconnected, before.number);
    return since_ms != 0 ? since_ms : core->clock_ms;
}

int64_t core_follow_state(struct core *core, const struct roster_change *change)
{
    if (change->type == ROSTER_ENDED || change->connection.state != CONNECTION_DISCONNECTED) {
        disconnected_remove(&core->disconnected, change->number);
        return 0;
    }
    (void)disconnected_add(&core->disconnected, change->number, begins_ms(core, change));
    return disconnected_since(&core->disconnected, change->number);
}

int64_t core_disconnected_since_ms(const struct core *core, uint32_t number)
{
    return disconnected_since(&core->disconnected, number);
}

static void store_anew(void *data, uint32_t number)
{
    struct core *core = data;
    struct persist persist = {.type = PERSIST_CONNECTION, .connection = roster_at(core->roster, number)};
    persist.connection.disconnected_at_ms = disconnected_since(&core->disconnected, number);
    core_persist(core, &persist);
}

void core_reclaim_corrected(struct core *core, int64_t by_ms)
{
    disconnected_shift(&core->disconnected, by_ms, store_anew, core);
}

void core_reclaim_set_back(struct core *core)
{
    disconnected_cut(&core->disconnected, core->clock_ms, store_anew, core);
    disconnected_wait_again(&core->disconnected);
}

/* ---- those that are so for long ------------------------------------------------------------------------ */

static void say_if_reclaimable(struct core *core, uint32_t number)
{
    struct tally_entry entry = tally_at(core->tally, number);
    if (!reclaim_may_end(&entry))
        return;
    disconnected_said(&core->disconnected, number);
    struct log_event event = {.code = LOG_reclaim_due};
    log_event_text(&event, "user", entry.connection.user);
    log_event_text(&event, "host", entry.connection.host);
    log_event_text(&event, "session", entry.connection.id);
    log_event_number(&event, "disconnected_at", disconnected_since(&core->disconnected, number));
    core_log(core, &event);
}

/* Before every source has enumerated a session may have come back or ended long ago. */
int64_t core_reclaim_due_ms(const struct core *core)
{
    int64_t since_ms, for_ms = core->settings.disconnected_for_ms;
    if (!core->started || for_ms == 0 ||
        disconnected_next(&core->disconnected, &since_ms) == DISCONNECTED_NONE)
        return INT64_MAX;
    return since_ms + for_ms > core->clock_ms ? since_ms + for_ms : core->clock_ms;
}

void core_reclaim(struct core *core)
{
    while (core_reclaim_due_ms(core) <= core->clock_ms) {
        int64_t since_ms;
        uint32_t number = disconnected_next(&core->disconnected, &since_ms);
        disconnected_pass(&core->disconnected);
        say_if_reclaimable(core, number);
    }
}

void core_reclaim_changed(struct core *core, uint32_t number)
{
    if (disconnected_is_unsaid(&core->disconnected, number))
        say_if_reclaimable(core, number);
}

void core_reclaim_resettle(struct core *core)
{
    disconnected_wait_again(&core->disconnected);
    core_reclaim(core);
}

/* The session may have ended before this was told: who was on is not asked. */
int core_reclaimed(struct core *core, const struct core_event *event)
{
    const char *failure = event->reclaimed.failure;
    if (!connection_text_valid(event->reclaimed.host, CONNECTION_HOST_BYTES_MAX) ||
        !connection_text_valid(event->reclaimed.id, CONNECTION_ID_BYTES_MAX) ||
        !connection_text_valid(event->reclaimed.user, CONNECTION_USER_BYTES_MAX) ||
        (failure != NULL && !connection_text_valid(failure, CORE_FAILURE_BYTES_MAX)))
        return CORE_INVALID;
    struct log_event said = {.code = failure != NULL ? LOG_reclaim_failed : LOG_session_reclaimed};
    log_event_text(&said, "user", event->reclaimed.user);
    log_event_text(&said, "host", event->reclaimed.host);
    log_event_text(&said, "session", event->reclaimed.id);
    if (failure != NULL)
        log_event_text(&said, "detail", failure);
    core_log(core, &said);
    return 0;
}

/* ---- over a restart ------------------------------------------------------------------------------------ */

struct restored {
    int64_t since_ms;
    uint32_t number;
};

static int by_since(const void *left, const void *right)
{
    const struct restored *one = left, *other = right;
    if (one->since_ms != other->since_ms)
        return one->since_ms < other->since_ms ? -1 : 1;
    return one->number < other->number ? -1 : one->number > other->number;
}

/* What is not as it was stored is stored anew with the first step. */
static size_t collect(struct core *core, const struct core_saved *saved, int64_t now_ms, struct restored *all)
{
    size_t count = 0;
    for (size_t i = 0; i < saved->connection_count; i++) {
        const struct roster_change *stored = &saved->connections[i];
        struct tally_entry entry;
        if (stored->connection.state != CONNECTION_DISCONNECTED ||
            !tally_find(core->tally, stored->connection.host, stored->connection.id, &entry))
            continue;
        int64_t since_ms = stored->disconnected_at_ms;
        bool known = since_ms > 0 && since_ms <= now_ms;
        core->unsaved |= !known;
        all[count++] = (struct restored){known ? since_ms : now_ms, entry.number};
    }
    return count;
}

/* In order, so that each takes its place without a search. */
int core_restore_disconnected(struct core *core, const struct core_saved *saved, int64_t now_ms)
{
    size_t disconnected = tally_level(core->tally)->disconnected;
    if (disconnected == 0)
        return 0;
    struct restored *all = malloc(disconnected * sizeof(*all));
    if (all == NULL)
        return CORE_NO_MEMORY;
    size_t count = collect(core, saved, now_ms, all);
    qsort(all, count, sizeof(*all), by_since);
    for (size_t i = 0; i < count; i++)
        (void)disconnected_add(&core->disconnected, all[i].number, all[i].since_ms);
    free(all);
    return 0;
}
