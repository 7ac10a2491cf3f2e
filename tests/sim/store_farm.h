/* store_farm.h - a whole farm over a shared store, on virtual time: every host with its member, writer (and
 * journal), leader and follower as the agent has them, over one model of etcd, with people who log on and
 * off, an authority that answers reports, and whatever may befall them.
 *
 * Times are true Unix ms; a host's licence time is that plus its clock's error, its steady time that less
 * what it stood still. */
#ifndef FARMGATE_TESTS_SIM_STORE_FARM_H
#define FARMGATE_TESTS_SIM_STORE_FARM_H

#include "model_etcd.h"
#include "model_journal.h"
#include "store_truth.h"

#include "tests/property/chance.h"

#include "agent/farm/follower.h"
#include "agent/farm/leader.h"
#include "agent/farm/member.h"
#include "agent/farm/writer.h"

#define STORE_SEATS_MAX    6 /* sessions on one host at a time */
#define STORE_USERS        12
#define STORE_INSTALLATION "inst"
/* Whom nothing keeps from it has the verdict by then, and it may take as long to see that a watch is dead. */
#define STORE_VERDICT_LATE_MS INT64_C(60000)

/* How one farm lives, drawn by its seed. */
struct store_traits {
    uint64_t seed;
    unsigned hosts;
    int64_t ttl_s, progress_ms;
    int64_t lost_after_ms;
    int64_t clock_error_ms; /* of hosts: 0 to this, either way */
    bool count_disconnected, spare_grace;
    bool compacts, restores; /* an operator does */
};

/* What happened, over all farms. */
#define STORE_HAPPENINGS(X)                                                \
    X(LEADERSHIPS, "leaderships")                                          \
    X(FENCED, "leaderships that another one ended")                        \
    X(KILLS, "agents killed")                                              \
    X(REBOOTS, "machines that went and came back")                         \
    X(PAUSES, "agents paused, with and without their clocks")              \
    X(CUTS, "hosts cut off")                                               \
    X(ONE_WAYS, "ways on which one direction is lost")                     \
    X(NO_QUORUMS, "times without a quorum")                                \
    X(ETCD_RESTARTS, "restarts of etcd")                                   \
    X(COMPACTIONS, "compactions by an operator")                           \
    X(RESTORES, "backups put back")                                        \
    X(GAPS, "gaps reported")                                               \
    X(LATE, "histories that came late")                                    \
    X(CHECKPOINTS, "checkpoints compared")                                 \
    X(WINDOWS, "windows compared")                                         \
    X(HOSTS_LOST, "hosts lost")                                            \
    X(ACTIVATIONS, "activations")                                          \
    X(REPORTS_ACCEPTED, "reports accepted")                                \
    X(REPORTS_FAILED, "reports that failed")                               \
    X(GRACES, "checkpoints in an overuse grace")                           \
    X(CLOSED_FOR_OVERUSE, "checkpoints of a farm deactivated for overuse") \
    X(HOLDERS_ONLY, "checkpoints that admit holders alone")                \
    X(VERDICTS_FOLLOWED, "verdicts that hosts moved their gates by")
#define STORE_HAPPENING_ENUM(name, text) STORE_##name,
enum store_happening { STORE_HAPPENINGS(STORE_HAPPENING_ENUM) STORE_HAPPENING_MAX };
#undef STORE_HAPPENING_ENUM

/* A session, for as long as the farm lives; its id is its number. */
struct store_session {
    unsigned host, user;
    int64_t opened_ms, ended_ms; /* licence time of its host; ended_ms 0: it lives */
    enum connection_kind kind;
    enum connection_state state;
    bool administrator;
    bool durable; /* the host was told that it is */
    bool told;    /* it has reached the store */
};

struct store_offer {
    struct store_offer *next;
    struct store_farm *farm;
    size_t from, to; /* sessions that began with it */
};

/* A request of a leader's, looked at as its answers come: see store_host.c. */
struct store_tap;

struct store_host {
    struct store_farm *farm;
    unsigned number;
    char name[8];
    struct model_journal *journal;
    bool is_on; /* the machine, and its agent with it */
    int64_t clock_error_ms, frozen_ms;
    int64_t asleep_until_ms, cut_until_ms, back_at_ms; /* 0: it is not */
    int64_t well_since_ms;                             /* nothing keeps it from the store */
    unsigned boots, lives;
    size_t seats[STORE_SEATS_MAX]; /* sessions, + 1; 0: free */

    struct member *member;
    struct writer *writer;
    struct leader *leader;
    struct follower *follower;
    struct core *core, *holders; /* of the leader; of the follower */
    struct store_tap *taps;
    struct truth_life *life;
    bool is_live;
    struct store_identity identity;

    int64_t answer_at_ms; /* the authority's, on its way; 0: none */
    bool answer_came, answer_is_good, wants_activation;
    size_t reported;           /* windows in the report */
    int64_t verdict_n, seen_n; /* seen_n: kept on its disk */
    bool verdict_open;
};

/* What the authority knows of the farm. */
struct store_authority {
    char farm_id[24]; /* "": it never was activated */
    uint32_t limit;
    uint64_t purchases, serial;
    unsigned failing_percent;
    struct window *windows; /* by sequence, from 1 */
    size_t window_count, window_room;
};

struct store_farm {
    struct store_traits traits;
    uint64_t chance;
    int64_t now_ms, began_ms;
    struct record_farm record;
    struct core_settings settings;
    struct model_etcd *etcd;
    struct store_truth *truth;
    struct store_authority authority;
    struct store_host hosts[TRUTH_HOSTS_MAX];
    struct store_session *sessions;
    size_t session_count, session_room;
    struct store_offer *offers;
    bool has_quorum, was_restored;
    int64_t quorum_since_ms;
    int64_t verdict_n, verdict_at_ms; /* the last one in the store */
    bool verdict_open;
    bool is_traced;
    uint64_t *happened;
    char failure[256]; /* "": none */
};

struct store_farm *store_farm_create(const struct store_traits *traits, uint64_t *happened, bool is_traced);
void store_farm_destroy(struct store_farm *farm);
void store_farm_fail(struct store_farm *farm, const char *format, ...) __attribute__((format(printf, 2, 3)));
void store_farm_trace(const struct store_farm *farm, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool store_farm_has_failed(const struct store_farm *farm);

/* Time passes, and everything that falls due with it. */
void store_farm_run(struct store_farm *farm, int64_t for_ms);
/* Everything that was broken is mended. */
void store_farm_mend(struct store_farm *farm);
/* Every host's sessions are what the store says, and all that was durable has reached it. */
void store_farm_check_told(struct store_farm *farm);
/* Who leads; NULL: nobody does. */
struct store_host *store_farm_leader(struct store_farm *farm);

/* ---- one host (store_host.c) */

int64_t store_host_licence_ms(const struct store_host *host);
void store_host_start(struct store_host *host); /* its agent */
void store_host_kill(struct store_host *host);
void store_host_power_on(struct store_host *host);
void store_host_power_off(struct store_host *host);
void store_host_pass(struct store_host *host);
int64_t store_host_due_ms(const struct store_host *host); /* true time */
/* So many people come and go, as one set. */
void store_host_act(struct store_host *host, unsigned changes);
void store_host_weather(struct store_host *host, const struct model_weather *weather);

/* ---- what it asks of the authority (store_uplink.c) */

void store_uplink_saved(struct store_host *host, const struct core_actions *actions);
void store_uplink_turn(struct store_host *host);
void store_uplink_pass(struct store_host *host);

#endif
