/* core_private.h - what the core's own files share: core.c (the step), core_sessions.c (who is on),
 * core_hosts.c (which hosts are up), core_reclaim.c (who is disconnected, since when), core_licence.c (what
 * the authority says), core_standing.c (what follows from it). */
#ifndef FARMGATE_CORE_CORE_PRIVATE_H
#define FARMGATE_CORE_CORE_PRIVATE_H

#include "core.h"
#include "core_actions.h"
#include "disconnected.h"

/* A host of the farm; a small array, sorted by name. */
struct known_host {
    char *host;
    char boot_id[CORE_BOOT_ID_BYTES_MAX + 1];
    int64_t silent_since_ms; /* licence time; 0: it is heard of */
    bool lost;               /* its connections have ended for that */
};

struct core {
    struct core_settings settings;
    struct tally *tally;
    struct roster *roster;
    struct disconnected disconnected;
    struct peak peak;
    struct reporter *reporter;
    struct standing standing;
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* "" without one; kept through a release */
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    struct known_host *hosts;
    size_t host_count, host_room;
    size_t hosts_silent; /* of them, and not yet lost */

    int64_t now_ms;   /* event time E: the later of licence time and the last event's (RULES §2.7) */
    int64_t clock_ms; /* licence time L as told last: an entitlement may have set it back */
    int64_t validation_due_ms; /* the next one by the farm's phase (RULES §3.4); of use once started */
    bool started;
    enum outage outage; /* as it was said last */
    struct verdict told;
    bool told_once;
    uint64_t sessions_revision;

    /* of the step under way: */
    struct core_actions *actions;
    bool marks_moved, standing_moved; /* to be persisted at its end */
    bool refusal_said;                /* one line for a set that does not fit, not thousands */
    bool unsaved; /* something was not put on the list: the next step begins with a whole copy */
};

/* Put on the list of the step; without memory they note that the state is unsaved. */
void core_persist(struct core *core, const struct persist *persist);
void core_log(struct core *core, struct log_event *event); /* dated here */

/* Licence time becomes clock_ms, and everything that falls due before it happens, each thing at its own
 * instant; with `inclusive` also what is due at clock_ms itself. Going back corrects the machines. */
void core_move_time(struct core *core, int64_t clock_ms, bool inclusive);
/* The first instant after at_ms that lies at the farm's phase (RULES §3.4). */
int64_t core_phase_after(const struct core *core, int64_t at_ms);
/* The validation that deactivates if nothing changes; INT64_MAX: none. */
int64_t core_deactivates_ms(const struct core *core);
struct verdict core_verdict(const struct core *core);

/* core_sessions.c */
roster_change_fn core_on_change;
int core_session_event(struct core *core, const struct core_event *event);

/* core_hosts.c */
int core_host_booted(struct core *core, const struct core_event *event);
int core_host_heard(struct core *core, const struct core_event *event); /* HOST_SILENT, HOST_BACK */
/* When the next silent host is lost, licence time, not before now; INT64_MAX: none. core_lose_hosts ends the
 * connections of all whose time has come. */
int64_t core_host_due_ms(const struct core *core);
void core_lose_hosts(struct core *core);
void core_hosts_set_back(struct core *core);
struct core_host core_host_kept(const struct known_host *host); /* as it is made durable */
int core_restore_hosts(struct core *core, const struct core_saved *saved);
void core_forget_hosts(struct core *core);

/* core_reclaim.c */
/* A connection was opened, has changed or ended. Returns since when it is disconnected; 0: it is not, or that
 * could not be kept. */
int64_t core_follow_state(struct core *core, const struct roster_change *change);
int core_restore_disconnected(struct core *core, const struct core_saved *saved, int64_t now_ms);
/* The authority's time corrects licence time by so much: ages stay what they are. Before time moves. */
void core_reclaim_corrected(struct core *core, int64_t by_ms);
/* Licence time was set back: none is disconnected since later. */
void core_reclaim_set_back(struct core *core);
/* When the next connection has been disconnected for as long as is allowed, licence time, not before now;
 * INT64_MAX: none. core_reclaim says of all whose time has come that they are due. */
int64_t core_reclaim_due_ms(const struct core *core);
void core_reclaim(struct core *core);
/* One of whose time has come is perhaps reclaimed only now that it has changed; or with other settings. */
void core_reclaim_changed(struct core *core, uint32_t number);
void core_reclaim_resettle(struct core *core);
int core_reclaimed(struct core *core, const struct core_event *event);

/* core_licence.c */
int core_activated(struct core *core, const struct core_event *event, int64_t now_ms);
int core_licence_event(struct core *core, const struct core_event *event);
/* Whether the farm reports: it is activated, or has the identity of a farm whose entitlement was lost and
 * comes back with a report. */
bool core_reports(const struct core *core);

/* core_standing.c: move the machines at core->clock_ms, say what moved and note that it is to be stored. */
void core_judge(struct core *core);    /* the level may be another */
void core_pass(struct core *core);     /* something fell due */
void core_validate(struct core *core); /* RULES §3.4; and when the next is due */
void core_resettle(struct core *core); /* other settings */
void core_set_back(struct core *core, int64_t before_ms);
/* A checked grant, of a report or of an activation. */
void core_grant(struct core *core, const struct grant *grant, bool activates);

#endif
