/* core_hosts.c - the farm's hosts: which boot of each was seen last, and which are no longer heard of
 * (RULES §2.8, §2.10).
 *
 *     heard ──silent──► silent ──host_lost_after──► lost
 *       ▲                 │ back                     │ back
 *       └─────────────────┴──────────────────────────┘ */
#include "core_private.h"
#include "sorted.h"

#include <stdlib.h>
#include <string.h>

static const char *host_at(const void *hosts, size_t place)
{
    return ((const struct known_host *)hosts)[place].host;
}

/* The place of a host in the array, or where it belongs. */
static size_t place_of(const struct core *core, const char *host, bool *ret_found)
{
    return sorted_place(core->hosts, core->host_count, host_at, host, ret_found);
}

static int insert_host(struct core *core, size_t place, const char *host, const char *boot_id)
{
    size_t bytes = strlen(host) + 1;
    if (core->host_count == TALLY_HOSTS_MAX)
        return CORE_FULL;
    if (core->host_count == core->host_room) {
        size_t room = core->host_room == 0 ? 4 : core->host_room * 2;
        struct known_host *hosts = realloc(core->hosts, room * sizeof(*hosts));
        if (hosts == NULL)
            return CORE_NO_MEMORY;
        core->hosts = hosts;
        core->host_room = room;
    }
    char *name = malloc(bytes);
    if (name == NULL)
        return CORE_NO_MEMORY;
    memcpy(name, host, bytes);
    struct known_host *at = core->hosts + place;
    memmove(at + 1, at, (core->host_count - place) * sizeof(*at));
    core->host_count++;
    *at = (struct known_host){.host = name};
    memcpy(at->boot_id, boot_id, strlen(boot_id) + 1);
    return 0;
}

struct core_host core_host_kept(const struct known_host *host)
{
    return (struct core_host){.host = host->host,
                              .boot_id = host->boot_id,
                              .silent_since_ms = host->silent_since_ms,
                              .lost = host->lost};
}

static void store(struct core *core, const struct known_host *host)
{
    struct persist persist = {.type = PERSIST_HOST, .host = core_host_kept(host)};
    core_persist(core, &persist);
}

static int check_boot(const char *host, const char *boot_id)
{
    bool valid = connection_text_valid(host, CONNECTION_HOST_BYTES_MAX) &&
                 connection_text_valid(boot_id, CORE_BOOT_ID_BYTES_MAX);
    return valid ? 0 : CORE_INVALID;
}

/* A boot id seen for the first time ends nothing: there is none that it differs from. */
int core_host_booted(struct core *core, const struct core_event *event)
{
    const char *host = event->booted.host, *boot_id = event->booted.boot_id;
    bool found;
    int code = check_boot(host, boot_id);
    if (code < 0)
        return code;
    size_t place = place_of(core, host, &found);
    if (found && strcmp(core->hosts[place].boot_id, boot_id) == 0)
        return 0;
    if (found) {
        struct log_event said = {.code = LOG_host_booted};
        log_event_text(&said, "host", host);
        memcpy(core->hosts[place].boot_id, boot_id, strlen(boot_id) + 1);
        core_log(core, &said);
        roster_host_gone(core->roster, host);
    } else {
        code = insert_host(core, place, host, boot_id);
        if (code < 0)
            return code;
    }
    store(core, &core->hosts[place]);
    return 0;
}

/* ---- hosts that are no longer heard of ----------------------------------------------------------------- */

static void say_host(struct core *core, enum log_event_code code, const char *host)
{
    struct log_event said = {.code = code};
    log_event_text(&said, "host", host);
    core_log(core, &said);
}

/* Its connections stay counted, exempt places included, until host_lost_after is over. */
static void fall_silent(struct core *core, struct known_host *host)
{
    core->hosts_silent++;
    host->silent_since_ms = core->clock_ms;
    store(core, host);
    struct log_event said = {.code = LOG_host_silent};
    log_event_text(&said, "host", host->host);
    if (core->settings.host_lost_after_ms != 0)
        log_event_number(&said, "lost_at", core->clock_ms + core->settings.host_lost_after_ms);
    core_log(core, &said);
}

static void come_back(struct core *core, struct known_host *host)
{
    core->hosts_silent -= !host->lost;
    host->silent_since_ms = 0;
    host->lost = false;
    store(core, host);
    say_host(core, LOG_host_back, host->host);
}

int core_host_heard(struct core *core, const struct core_event *event)
{
    const char *name = event->host;
    bool found, silent = event->type == EVENT_HOST_SILENT;
    if (!connection_text_valid(name, CONNECTION_HOST_BYTES_MAX))
        return CORE_INVALID;
    size_t place = place_of(core, name, &found);
    if (!found)
        return CORE_UNKNOWN;
    struct known_host *host = &core->hosts[place];
    if (silent && host->silent_since_ms == 0)
        fall_silent(core, host);
    else if (!silent && host->silent_since_ms != 0)
        come_back(core, host);
    return 0;
}

int64_t core_host_due_ms(const struct core *core)
{
    int64_t due_ms = INT64_MAX, after_ms = core->settings.host_lost_after_ms;
    if (core->hosts_silent == 0 || after_ms == 0)
        return INT64_MAX;
    for (size_t i = 0; i < core->host_count; i++) {
        const struct known_host *host = &core->hosts[i];
        if (host->silent_since_ms != 0 && !host->lost && host->silent_since_ms + after_ms < due_ms)
            due_ms = host->silent_since_ms + after_ms;
    }
    return due_ms < core->clock_ms ? core->clock_ms : due_ms;
}

/* Everything on those whose time has come ends now: it is not backdated. */
void core_lose_hosts(struct core *core)
{
    for (size_t i = 0; i < core->host_count; i++) {
        struct known_host *host = &core->hosts[i];
        if (host->silent_since_ms == 0 || host->lost ||
            host->silent_since_ms + core->settings.host_lost_after_ms > core->clock_ms)
            continue;
        host->lost = true;
        core->hosts_silent--;
        store(core, host);
        say_host(core, LOG_host_lost, host->host);
        roster_host_gone(core->roster, host->host);
    }
}

/* Licence time was set back: none is silent since later. */
void core_hosts_set_back(struct core *core)
{
    for (size_t i = 0; i < core->host_count; i++) {
        if (core->hosts[i].silent_since_ms <= core->clock_ms)
            continue;
        core->hosts[i].silent_since_ms = core->clock_ms;
        store(core, &core->hosts[i]);
    }
}

/* ---- over a restart ------------------------------------------------------------------------------------ */

int core_restore_hosts(struct core *core, const struct core_saved *saved)
{
    for (size_t i = 0; i < saved->host_count; i++) {
        bool found;
        const struct core_host *host = &saved->hosts[i];
        size_t place = place_of(core, host->host, &found);
        int code = check_boot(host->host, host->boot_id);
        if (code == 0 && !found)
            code = insert_host(core, place, host->host, host->boot_id);
        if (code < 0)
            return code;
        if (found)
            continue;
        core->hosts[place].silent_since_ms = host->silent_since_ms;
        core->hosts[place].lost = host->lost;
        core->hosts_silent += host->silent_since_ms != 0 && !host->lost;
    }
    return 0;
}

void core_each_host(const struct core *core, core_host_fn *visit, void *data)
{
    for (size_t i = 0; i < core->host_count; i++) {
        struct core_host host = core_host_kept(&core->hosts[i]);
        visit(data, &host);
    }
}

void core_forget_hosts(struct core *core)
{
    for (size_t i = 0; i < core->host_count; i++)
        free(core->hosts[i].host);
    free(core->hosts);
}
