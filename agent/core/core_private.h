/* core_private.h - what the core's own files share: core.c (the step), core_sessions.c (who is on),
 * core_licence.c (what the authority says). */
#ifndef FARMGATE_CORE_CORE_PRIVATE_H
#define FARMGATE_CORE_CORE_PRIVATE_H

#include "core.h"
#include "core_actions.h"

/* The boot id of a host; a small array, sorted by host. */
struct booted_host {
    char *host;
    char boot_id[CORE_BOOT_ID_BYTES_MAX + 1];
};

enum outage { OUTAGE_NONE, OUTAGE_UNREACHABLE, OUTAGE_REFUSED };

struct core {
    struct core_settings settings;
    struct tally *tally;
    struct roster *roster;
    struct peak peak;
    struct reporter *reporter;
    struct standing standing;
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* "" without one; kept through a release */
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    struct booted_host *hosts;
    size_t host_count, host_room;

    int64_t now_ms;   /* event time: never goes back (RULES §2.7) */
    int64_t clock_ms; /* licence time as told last: an entitlement may have set it back */
    bool started;
    enum outage outage; /* as it was said last */
    struct verdict told;
    bool told_once;
    uint64_t sessions_revision;

    /* of the step under way: */
    struct core_actions *actions;
    bool marks_moved, standing_moved; /* to be persisted at its end */
    bool refusal_said;                /* one line for a set that does not fit, not thousands */
    bool unsaved; /* something could not be put on the list: the next step begins with a whole copy */
};

/* Put on the list of the step; without memory they note that the state is unsaved. */
void core_persist(struct core *core, const struct persist *persist);
void core_log(struct core *core, struct log_event *event); /* dated here */

/* Event time goes on to now_ms, and everything that falls due before it happens, each at its instant; with
 * `inclusive` also what is due at now_ms itself. */
void core_move_time(struct core *core, int64_t now_ms, bool inclusive);

/* core_sessions.c */
roster_change_fn core_on_change;
int core_host_booted(struct core *core, const struct core_event *event);
int core_restore_hosts(struct core *core, const struct core_saved *saved);
void core_forget_hosts(struct core *core);
int core_session_event(struct core *core, const struct core_event *event);

/* core_licence.c */
int core_activated(struct core *core, const struct core_event *event, int64_t now_ms);
int core_licence_event(struct core *core, const struct core_event *event);
/* Whether the farm reports: it is activated, or has the identity of a farm whose entitlement was lost and
 * comes back with a report. */
bool core_reports(const struct core *core);

#endif
