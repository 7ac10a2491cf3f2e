/* core.h - the one decision maker. An event and an instant go in; the state changes; actions come out, in
 * order.
 *
 * Pure: no clock, no I/O, no globals, no logging. Every `now_ms` is licence time L (RULES §3.1), Unix ms. The
 * machines of standing.h, validations and reports run on L; sessions, windows and leases on event time E, the
 * later of L and the last event's (RULES §2.7). An L that goes back corrects the machines, and E stands still
 * until L has caught up; if E is more than CORE_AHEAD_MS ahead, a wrong clock was healed and E follows. At
 * equal instants the caller steps session events first, then entitlements, then EVENT_TIMER (RULES §3.5).
 *
 *     events ──► core_step ──► actions: persist, gate, report, log, clock
 *                 roster → tally → peak,   verdict,   reporter
 */
#ifndef FARMGATE_CORE_CORE_H
#define FARMGATE_CORE_CORE_H

#include "connection.h"
#include "core_error.h"
#include "log_event.h"
#include "peak.h"
#include "reporter.h"
#include "roster.h"
#include "standing.h"
#include "tally.h"
#include "verdict.h"

#define CORE_BOOT_ID_BYTES_MAX 63
#define CORE_FAILURE_BYTES_MAX 255  /* of what a hook tells */
#define CORE_UNSAVED_RETRY_MS  1000 /* after a list that could not be written to its end */
/* Windows that end later than this after the authority's time are refused (RULES §5.5): none of those that
 * lie further ahead can have been counted, so their time may come again. */
#define CORE_AHEAD_MS      DAY_MS
#define CORE_CLOCK_SAID_MS 60000 /* corrections of licence time by less are not said */

struct core;

struct core_settings {
    struct tally_settings tally;
    int64_t api_lease_ms;       /* RULES §2.9; 0: never */
    int64_t host_lost_after_ms; /* RULES §2.10; 0: never */
    int64_t overuse_settle_ms;  /* RULES §3.6; 0: the first instant */
    struct usage_warnings limit_warnings;
    bool spare_grace;            /* RULES §4: licences run out at the limit already, the grace is kept */
    bool strict;                 /* RULES §4: see admission.h */
    int64_t disconnected_for_ms; /* a session disconnected for so long may be ended: said as reclaim_due,
                                  * never of an administrator's; 0: never */
    bool by_files; /* at creation only: a closed network, no report is ever due: files carry the windows */
    uint64_t seed; /* for the reporter's jitter */
};

enum core_event_type {
    EVENT_STARTED,     /* every source has enumerated once: the gate may be judged (RULES §3.4) */
    EVENT_HOST_BOOTED, /* the boot id of a host, told once at start; a changed one ends its connections */
    EVENT_HOST_SILENT, /* a host of the farm is no longer heard of; CORE_UNKNOWN: none that has booted */
    EVENT_HOST_BACK,   /* it is heard of again */
    EVENT_HOST_SET,    /* a host source's whole set, classified */
    EVENT_BROKER_PUT,  /* one record from the local API */
    EVENT_BROKER_END,
    EVENT_BROKER_SET,      /* a broker's whole set for one host */
    EVENT_RECLAIMED,       /* a hook has had a session ended, or failed to: only said */
    EVENT_ACTIVATED,       /* the authority gave a farm id and a verified entitlement */
    EVENT_RELEASED,        /* the key was given back */
    EVENT_COPIED,          /* the machine id does not fit the identity */
    EVENT_ENTITLEMENT,     /* a verified entitlement came with a report */
    EVENT_REPORT_ACCEPTED, /* the authority acknowledged windows; CORE_UNKNOWN if no report waits for it and
                            * no file carried them */
    EVENT_REPORT_FAILED,   /* unreachable, or refused without a signed entitlement; CORE_UNKNOWN likewise */
    EVENT_REPORT_NOW,      /* the administrator asks for a report */
    EVENT_SETTINGS,        /* new counting settings (a reload) */
    EVENT_TIMER,           /* core_due_ms has come */
    EVENT_TYPE_MAX
};

/* The reason for which a window is not set aside but reported again under a new number (core_licence.c). */
#define CORE_NUMBER_USED "number_used"

struct core_refused_window {
    uint64_t sequence;
    const char *reason;
};

/* Texts and arrays belong to the caller and are copied where kept. */
struct core_event {
    enum core_event_type type;
    int64_t clock_ms; /* ACTIVATED, ENTITLEMENT: what licence time becomes, of an answer that was long on its
                       * way; 0: the date of the grant (RULES §3.1) */
    union {
        struct {
            const char *host, *boot_id;
        } booted;
        const char *host; /* HOST_SILENT, HOST_BACK */
        struct {
            const char *host;
            const struct connection *connections;
            size_t count;
        } set; /* HOST_SET and BROKER_SET */
        struct connection put;
        struct {
            const char *host, *id;
        } end;
        struct {
            const char *host, *id, *user;
            const char *failure; /* NULL: it was ended */
        } reclaimed;
        struct {
            const char *farm_id, *installation_id;
            const struct grant *grant;
            uint64_t next_sequence; /* where an earlier activation of this farm id is known; else 0 */
        } activated;
        const struct grant *grant; /* ENTITLEMENT */
        struct {
            uint64_t through;
            const struct core_refused_window *refused;
            size_t refused_count;
            uint64_t carried_through; /* 0: the answer to the report on its way; else to a file with the
                                       * windows up to this one, refused ones rising */
        } accepted;
        struct {
            bool refused;           /* an answer without a signed entitlement; else unreachable */
            int64_t retry_after_ms; /* -1: none asked */
            const char *detail;     /* for the log: "connection refused", "HTTP 403" */
        } failed;
        const struct core_settings *settings;
    };
};

enum action_type {
    ACTION_PERSIST, /* make durable; every action behind it waits for that */
    ACTION_CLOCK,   /* licence time becomes clock_ms now (RULES §3.1); steps after it use the new time */
    ACTION_GATE,    /* reason or admission moved: files and followers; and once at EVENT_STARTED */
    ACTION_REPORT,  /* send core_report_batch to the authority now; it stays the same until the answer */
    ACTION_LOG,     /* a log event */
    ACTION_TYPE_MAX
};

enum persist_type {
    PERSIST_CLEAR,            /* forget all connections: a whole copy follows */
    PERSIST_CONNECTION,       /* insert or replace by (host, id) */
    PERSIST_CONNECTION_ENDED, /* delete by (host, id) */
    PERSIST_HOST,             /* a host's boot id, and since when it is silent */
    PERSIST_WINDOW,           /* a closed window, insert or replace by start_ms */
    PERSIST_RUNNING,          /* the running window and the marks of today and ever */
    PERSIST_ACKNOWLEDGED,     /* windows `first` through `sequence` are accepted */
    PERSIST_SET_ASIDE,        /* window `sequence` was refused, with the reason */
    PERSIST_NEXT_SEQUENCE,    /* the next window's number is at least this */
    PERSIST_DAY,              /* the peak of a finished UTC day */
    PERSIST_STANDING,         /* the licence file: standing and entitlement */
    PERSIST_TYPE_MAX
};

/* A host of the farm, as it is kept. Alone it is never silent. */
struct core_host {
    const char *host, *boot_id;
    int64_t silent_since_ms; /* licence time; 0: it is heard of */
    bool lost;               /* its connections have ended for that */
};

struct persist {
    enum persist_type type;
    union {
        struct roster_change connection; /* CONNECTION, CONNECTION_ENDED (host and id only) */
        struct core_host host;
        struct window window;
        struct {
            struct window window;
            struct peak_mark today, ever;
        } running;
        struct {
            uint64_t sequence;
            const char *reason;
            uint64_t first; /* of ACKNOWLEDGED: older ones were not in the report */
        } acknowledged;     /* ACKNOWLEDGED, SET_ASIDE */
        uint64_t next_sequence;
        struct {
            int64_t start_ms;
            struct peak_mark mark;
        } day;
        struct standing standing;
    };
};

struct action {
    enum action_type type;
    union {
        struct persist persist;
        int64_t clock_ms;
        struct log_event log;
    };
};

/* The actions of one or more steps, in order. Their texts live in the list until it is cleared. */
struct core_actions;
struct core_actions *core_actions_create(void);
void core_actions_destroy(struct core_actions *actions);
void core_actions_clear(struct core_actions *actions);
const struct action *core_actions_all(const struct core_actions *actions, size_t *ret_count);
/* Adds an edge's own log event to the list, texts copied, so that all events take one way. */
int core_actions_log(struct core_actions *actions, const struct log_event *event);

/* What was saved, to go on from. Arrays and texts belong to the caller. */
struct core_saved {
    const struct roster_change *connections; /* best by lease_at_ms: see roster_restore */
    size_t connection_count;
    const struct core_host *hosts;
    size_t host_count;
    const struct window *unsent; /* by sequence */
    size_t unsent_count;
    uint64_t next_sequence; /* 0: 1 */
    bool has_running;
    struct window running;
    struct peak_mark today, ever;
    struct standing standing;
    int64_t clock_ms;    /* licence time when the standing was stored; 0: not known */
    const char *farm_id; /* NULL: never activated */
    const char *installation_id;
};

/* NULL without memory. The settings' aliases outlive the core or the next EVENT_SETTINGS. */
struct core *core_create(const struct core_settings *settings);
void core_destroy(struct core *core);

/* Once, before the first step, with everything that was stored. */
int core_restore(struct core *core, const struct core_saved *saved, int64_t now_ms);

/* The decision. Appends to *actions. What fell due before now_ms happens first, each thing at its own
 * instant, however late the timer. On an error (core_error.h) nothing has changed but time, and the actions
 * that time itself brought are still there; HOST_SET and BROKER_SET do what fits and then report the error.
 *
 * CORE_NO_MEMORY may also mean that the event was applied but could not be put on the list: then nobody may
 * be told that it is durable; the next step, due in CORE_UNSAVED_RETRY_MS, begins with a whole copy of the
 * state. */
int core_step(struct core *core, const struct core_event *event, int64_t now_ms,
              struct core_actions *actions);

/* When EVENT_TIMER is due next, licence time; INT64_MAX: never. */
int64_t core_due_ms(const struct core *core);

/* Appends a whole copy of the state (PERSIST_CLEAR first), for a store that has lost writes. */
int core_snapshot(const struct core *core, struct core_actions *actions);

/* The state as core_restore takes it, but for connections and hosts; arrays and texts live until the next
 * step. *ret_event_ms is the instant to restore it at: event time. */
void core_keep(const struct core *core, struct core_saved *ret_saved, int64_t *ret_event_ms);
/* Visits every host that has booted, by name; texts live as long. */
typedef void core_host_fn(void *data, const struct core_host *host);
void core_each_host(const struct core *core, core_host_fn *visit, void *data);

/* Why reports fail: no answer came, or one without a signed entitlement. */
enum outage { OUTAGE_NONE, OUTAGE_UNREACHABLE, OUTAGE_REFUSED };

/* The farm at a glance; texts live until the next step. */
struct core_status {
    struct verdict verdict;
    struct standing standing;
    const char *farm_id; /* NULL before activation and after a release */
    struct tally_level level;
    struct window window; /* the running one; users_at_end: now */
    struct peak_mark today, ever;
    int64_t next_report_ms;     /* INT64_MAX: none */
    int64_t next_validation_ms; /* by the farm's phase; INT64_MAX: none */
    int64_t deactivates_ms;     /* the validation that deactivates if nothing changes; INT64_MAX: none */
    bool strict, spare_grace;   /* settings: see admission.h, verdict.h */
    bool by_files;              /* no report is ever due */
    enum outage outage;         /* how the last reports failed */
    size_t windows_queued;
    unsigned report_failures; /* in a row */
    bool started;
    uint64_t sessions_revision; /* grows whenever the live set changes */
};
void core_status(const struct core *core, struct core_status *ret_status);
const struct tally *core_tally(const struct core *core);
const struct roster *core_roster(const struct core *core);
/* Since when the connection with this number (tally_at) is disconnected, licence time; 0: it is active, or
 * that is not known. */
int64_t core_disconnected_since_ms(const struct core *core, uint32_t number);
/* When the broker's word on it is no longer believed unless it is told again, event time; INT64_MAX: never.
 */
int64_t core_lease_ends_ms(const struct core *core, uint32_t number);
const struct window *core_report_batch(const struct core *core, size_t *ret_count);
/* Every window that is not acknowledged yet, by sequence; valid until the next step. */
const struct window *core_unsent(const struct core *core, size_t *ret_count);

#endif
