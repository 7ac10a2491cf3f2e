/* rules_model.h - RULES.md §2 to §4 for one farm, in the plainest C: everything is an array, everything is
 * worked out anew at every event. Written from the rules alone, knowing nothing of how agent/core does it; it
 * takes only the words of connection.h.
 *
 * Instants are licence time L in Unix ms. Event time E is max(previous E, L): windows, peaks and leases run
 * on E, the four machines, validations and reports on L. Users are the same when their names are the same
 * bytes. A host tells its whole set, a broker its own records; the same session is never told by both. */
#ifndef FARMGATE_TESTS_RULES_MODEL_H
#define FARMGATE_TESTS_RULES_MODEL_H

#include "agent/core/connection.h"

#include <stddef.h>

#define RULES_NAME_BYTES_MAX  23
#define RULES_CONNECTIONS_MAX 512
#define RULES_LEVELS_MAX      2048
#define RULES_HOSTS_MAX       32
#define RULES_FORMER_MAX      4 /* farms whose usage state is kept besides this one */
#define RULES_FARMS_MAX       16
#define RULES_BATCH_MAX       216   /* windows in a report */
#define RULES_CATCH_UP_MAX    28800 /* windows that a pause makes up for; after a longer one they begin anew */
#define RULES_NEVER           INT64_MAX

enum rules_activation { RULES_NONE, RULES_ACTIVE, RULES_REVOKED };
enum rules_term { RULES_VALID, RULES_EXPIRY_GRACE, RULES_EXPIRED };
enum rules_contact { RULES_FRESH, RULES_STALE };
enum rules_usage_state { RULES_WITHIN, RULES_SETTLING, RULES_OVERUSE_GRACE, RULES_ENFORCED, RULES_OVER };

/* The first machine that closes the gate; RULES_OPEN: none. Copied is activation none, said by its cause. */
enum rules_reason {
    RULES_OPEN,
    RULES_NOT_ACTIVATED,
    RULES_COPIED,
    RULES_WAS_REVOKED,
    RULES_HAS_EXPIRED,
    RULES_IS_STALE,
    RULES_IS_OVER
};

enum rules_mode { RULES_FOR_ALL, RULES_FOR_HOLDERS, RULES_FOR_NONE };

struct rules_settings {
    bool count_disconnected;
    unsigned routes;   /* ROUTE_BIT of those that count */
    int64_t settle_ms; /* overuse_settle */
    int64_t lease_ms;  /* api_lease; 0: never */
    int64_t lost_ms;   /* host_lost_after; 0: never */
    bool strict;
    bool spare_grace;
};

struct rules_connection {
    char host[RULES_NAME_BYTES_MAX + 1];
    char id[RULES_NAME_BYTES_MAX + 1];
    char user[RULES_NAME_BYTES_MAX + 1];
    int64_t connected_ms;
    enum connection_kind kind;
    enum connection_route route;
    enum connection_state state;
    enum administrator administrator;
    bool by_broker;
    int64_t lease_at_ms; /* E at which the broker last told of it */
};

struct rules_grant {
    uint64_t serial;
    uint32_t limit;
    uint64_t purchases;
    bool deactivated;
    bool trial;
    int64_t issued_ms;
    int64_t expires_ms; /* 0: never */
    int64_t refresh_ms;
};

enum rules_event_type {
    RULES_EVENT_SETTINGS,
    RULES_EVENT_BOOTED,
    RULES_EVENT_SET, /* a host's whole set */
    RULES_EVENT_PUT, /* one record of a broker */
    RULES_EVENT_END,
    RULES_EVENT_SILENT, /* a host that has booted is no longer heard of */
    RULES_EVENT_BACK,   /* heard of again; of a lost one its set and its brokers' records are told anew */
    RULES_EVENT_ACTIVATED,
    RULES_EVENT_GRANT, /* an entitlement came with an answer */
    RULES_EVENT_RELEASED,
    RULES_EVENT_COPIED,
    RULES_EVENT_ACCEPTED, /* the first `answered` windows of the report in flight; `refused` of them set aside
                           */
    RULES_EVENT_FAILED,
    RULES_EVENT_REPORT_NOW,
    RULES_EVENT_STARTED,
    RULES_EVENT_TIMER,
    RULES_EVENT_RESTART, /* not a step: the agent is gone and back; nothing happens until the next event */
    RULES_EVENT_TYPE_MAX
};

struct rules_event {
    enum rules_event_type type;
    char host[RULES_NAME_BYTES_MAX + 1]; /* BOOTED, SET, END, SILENT, BACK */
    char id[RULES_NAME_BYTES_MAX + 1];   /* the boot id; END: the connection; ACTIVATED: the farm */
    struct rules_settings settings;
    struct rules_grant grant;
    const struct rules_connection *connections; /* SET; PUT: one */
    size_t count;
    unsigned answered; /* ACCEPTED; more than were sent: all */
    unsigned refused;  /* ACCEPTED: the position, from 1, of a window that is set aside; 0: none */
};

struct rules_window {
    int64_t start_ms, end_ms;
    uint32_t peak_users, users_at_end, exempt_peak, hosts;
    int64_t peak_at_ms;
    uint64_t sequence; /* 0: not for the authority */
};

struct rules_mark {
    uint32_t users;
    int64_t at_ms;
};

struct rules_day {
    int64_t start_ms;
    struct rules_mark mark;
};

/* What there was to tell, each with its instant. */
enum rules_what {
    RULES_TOLD_ACTIVATION, /* number: the new state */
    RULES_TOLD_TERM,
    RULES_TOLD_CONTACT,
    RULES_TOLD_USAGE,
    RULES_TOLD_REASON,      /* the verdict; only once started */
    RULES_TOLD_EXCEEDS,     /* 1: users exceed the limit; 0: no longer */
    RULES_TOLD_USERS,       /* warning, number: percent */
    RULES_TOLD_TERM_ENDS,   /* warning, number: days */
    RULES_TOLD_EXPIRY_ENDS, /* warning: days until the expiry grace ends */
    RULES_TOLD_CONTACT_ENDS,
    RULES_TOLD_GRACE_ENDS,
    RULES_TOLD_REPORT, /* number: windows in it */
    RULES_TOLD_MAX
};

struct rules_told {
    int64_t at_ms;       /* L */
    int64_t event_at_ms; /* E, as in the log */
    enum rules_what what;
    int64_t number;
};

struct rules_level {
    int64_t at_ms; /* E */
    uint32_t users, exempt, hosts;
};

/* What stays with a farm id. */
struct rules_usage {
    char farm_id[RULES_NAME_BYTES_MAX + 1];
    uint64_t purchases;
    bool exceeding, has_grace, over;
    int64_t exceeding_since_ms, grace_started_ms;
    bool grace_warned;
};

struct rules_list {
    void *items;
    size_t count, room;
};

struct rules_model {
    struct rules_settings settings;
    bool begun, started;
    int64_t licence_ms;   /* L */
    int64_t judged_ms;    /* everything that fell due up to here has happened */
    int64_t event_ms;     /* E */
    int64_t validated_ms; /* the last validation or correction */

    struct rules_connection live[RULES_CONNECTIONS_MAX];
    size_t live_count;
    char boot_hosts[RULES_HOSTS_MAX][RULES_NAME_BYTES_MAX + 1];
    char boot_ids[RULES_HOSTS_MAX][RULES_NAME_BYTES_MAX + 1];
    size_t boot_count;
    int64_t silent_since_ms[RULES_HOSTS_MAX]; /* of those that booted; 0: heard of */
    bool lost[RULES_HOSTS_MAX];

    enum rules_activation activation;
    enum rules_term term;
    enum rules_contact contact;
    enum rules_usage_state usage_state;
    enum rules_reason reason;
    bool copied;
    struct rules_grant grant;
    struct rules_usage usage;
    struct rules_usage former[RULES_FORMER_MAX]; /* the last one left first */
    size_t former_count;
    bool latched[3];             /* 80, 90, 100 % */
    int term_said, contact_said; /* how far the warnings went */
    int64_t term_said_for_ms;    /* the expires_at that term_said belongs to */

    struct rules_level levels[RULES_LEVELS_MAX]; /* of the running window; the first is carried in */
    size_t level_count;
    int64_t window_start_ms;
    struct rules_mark today, ever;
    char farms[RULES_FARMS_MAX][RULES_NAME_BYTES_MAX + 1];
    uint64_t farm_sequences[RULES_FARMS_MAX]; /* the next one of each */
    size_t farm_count;

    /* Reports: one at a time. An answer to one that went out for another activation says nothing. */
    bool in_flight, flight_stale, flight_full;
    size_t batch_count;     /* of the queue, in flight */
    int64_t report_due_ms;  /* RULES_NEVER: none, or one is in flight */
    int64_t reported_at_ms; /* the phase instant at or before the last report; 0: none */
    bool failing;           /* the last report failed: it may be sent again at any instant */
    bool another_farm; /* of the step: it brings another farm, so windows that close first are nobody's */

    struct rules_list queue;  /* struct rules_window: closed, not yet accepted */
    struct rules_list closed; /* struct rules_window: closed since rules_forget */
    struct rules_list days;   /* struct rules_day: finished since rules_forget */
    struct rules_list told;   /* struct rules_told since rules_forget */
};

struct rules_model *rules_create(const struct rules_settings *settings);
void rules_destroy(struct rules_model *model);
struct rules_model *rules_copy(const struct rules_model *model);

/* False if the event is refused (an outdated entitlement, an answer to nothing, an end of nothing); what time
 * brought has happened all the same. */
bool rules_step(struct rules_model *model, const struct rules_event *event, int64_t now_ms);

/* Empties closed, days and told. */
void rules_forget(struct rules_model *model);

/* A report that failed is tried again now, which the rules leave to chance. False: none had failed. */
bool rules_retry(struct rules_model *model);

/* The next instant at which time alone brings something; RULES_NEVER. */
int64_t rules_due_ms(const struct rules_model *model);

/* The first phase instant strictly after an instant, whatever the state. */
int64_t rules_phase_after_ms(const char *farm_id, int64_t ms);

/* Two names. */
bool rules_same(const char *one, const char *other);
/* Users, exempt connections and hosts of what is live, counted anew. */
struct rules_level rules_work_out_level(const struct rules_model *model);
/* As worked out after the last batch; once begun. */
struct rules_level rules_level(const struct rules_model *model);
/* The running window as if it ended now. */
struct rules_window rules_running(const struct rules_model *model);
bool rules_consumes(const struct rules_model *model, const struct rules_connection *connection);
bool rules_holds(const struct rules_model *model, const char *user);
bool rules_on_host(const struct rules_model *model, const char *user, const char *host);

enum rules_mode rules_mode(const struct rules_model *model);
struct rules_admission {
    bool gate, list;
};
struct rules_admission rules_admit(const struct rules_model *model, const char *user, const char *host,
                                   enum connection_kind kind, enum administrator administrator);
/* Whether the file nologin stands, and whether `present` of a host names the user. */
bool rules_nologin(const struct rules_model *model);
bool rules_present(const struct rules_model *model, const char *user, const char *host);

#endif
