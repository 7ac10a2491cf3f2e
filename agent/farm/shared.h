/* shared.h - the farm of many hosts (farmgate-farm(7)), wired together for one of them. Session events of
 * this host go by the journal to the store; one host counts for all, and its verdict moves every gate.
 *
 *     offer ─► here (a core of this host's own sessions)
 *          └─► writer ─► journal, etcd ─► leader: whole (a core of all) ─► checkpoint, verdict
 *                              └────────► follower: verdict; whole, while it admits holders alone
 *
 * On a host that follows farm_core is `here`: it knows nobody else's sessions. */
#ifndef FARMGATE_AGENT_FARM_SHARED_H
#define FARMGATE_AGENT_FARM_SHARED_H

#include "etcd.h"
#include "farm.h"
#include "journal.h"
#include "record.h"
#include "roll.h"

#include "agent/licence_json.h"

#define SHARED_PATIENCE_MS \
    10000 /* at start the gate waits so long for the farm's verdict, then takes its own */
#define SHARED_AHEAD_MS      60000 /* licence time further ahead of the leader's than this is set back to it */
#define SHARED_KEEP_MS       (20 * 60 * 1000) /* so often at least a follower keeps how the farm stands */
#define SHARED_HAND_ON_MS    500              /* at the end, for the leadership to be given back */
#define SHARED_LEASE_LEAST_S 2                /* etcd grants no less */
#define SHARED_REQUEST_MS    1000 /* a request to the store has so long at least: see farm.lease_ttl */

struct farm_shared_settings {
    uv_loop_t *loop;
    const char *name; /* the farm's in the store */
    uint8_t secret[SEAL_SECRET_BYTES];
    struct etcd_settings etcd; /* request_ms 0: as suits the lease */
    bool any_version;          /* an etcd that is too old is accepted */
    struct record_host self;   /* but for the instance, which is made here */
    int64_t lease_ttl_s;
    /* How things stood when this host stopped. It outlives the farm: a farm that has no state yet begins with
     * it, and until there is a verdict its standing is the farm's. */
    const struct core *kept;
    int64_t seen_n;           /* the highest verdict or checkpoint that was seen; 0: none */
    int64_t windows_after_ms; /* windows that began later are to be kept */
    const struct farm_journal_kept *told;
    struct farm_journal journal;
};

/* What the agent does for its farm. Every call comes from the loop, or from a call of farm.h's. */
struct farm_shared_told {
    int64_t (*licence_ms)(void *data);
    const struct core_settings *(*settings)(void *data); /* this host's, which the farm's have changed */
    void (*clock)(void *data, int64_t licence_ms);
    /* Who the farm is: this host leads, and leaves it in the store; or it has found it there. */
    void (*identity)(void *data, struct store_identity *ret, char ret_entitlement[STORE_ENTITLEMENT_MAX + 1]);
    void (*adopt)(void *data, const struct store_identity *identity, const char *entitlement);
    /* A follower knows the farm's id first, under which it keeps the farm's windows. Never "". `first`: this
     * host had not heard of its farm before. */
    void (*named)(void *data, const char *farm_id, bool first);
    /* What the next window of this farm id gets, by those that this host keeps; 0: none was seen. */
    uint64_t (*next_sequence)(void *data, const char *farm_id);
    void (*gate)(void *data);   /* the verdict has moved */
    void (*moved)(void *data);  /* who is on */
    void (*report)(void *data); /* ACTION_REPORT: core_report_batch of farm_core is to be sent */
    /* The farm begins with this host: its closed windows that begin before this are asked for, to be given to
     * farm_shared_add_history. */
    void (*history)(void *data, int64_t before_ms);
    /* Log events, and what else this host is to keep, too: windows, days, how the farm stands. */
    void (*keep)(void *data, const struct core_actions *actions);
    void (*say)(void *data, const struct log_event *event);
    /* The farm's settings (farm_settings.h); NULL: it has none yet. Where they are not set by then, the first
     * leader is asked for those of its file: NULL, or to be freed. */
    void (*farm_settings)(void *data, const char *text, size_t bytes);
    char *(*first_settings)(void *data);
    /* Another machine has this host's name, and this one was not in the farm yet: it must not run. */
    void (*refused)(void *data, const char *detail);
    void *data;
};

/* NULL in *ret and ERROR_NO_MEMORY, or ERROR_CONFIGURATION with words. The secret is copied. */
int farm_shared_create(const struct farm_shared_settings *settings, const struct farm_shared_told *told,
                       struct farm **ret, struct error_detail *ret_detail);

/* --- of this farm alone; see farm.h for what every farm has ------------------------------------------------
 */

/* Asks the store who is in the farm: see roll.h. Not after farm_close. */
void farm_shared_roll(struct farm *farm, roll_done_fn *done, void *data);
/* This host's own connections. */
uint32_t farm_shared_connections(const struct farm *farm);

/* Whether told.farm_settings has told how things stand. */
bool farm_shared_settings_known(const struct farm *farm);

/* `windows` is the farm's from here on, freed with free(). */
void farm_shared_add_history(struct farm *farm, struct window *windows, size_t count);

/* Another value of the farm's settings; `done` with ERROR_BUSY if it was changed meanwhile. */
void farm_shared_put_settings(struct farm *farm, const char *text, size_t bytes, farm_done_fn *done,
                              void *done_data);

/* This host is to be taken out: another one leads, its name is given back. */
void farm_shared_leave(struct farm *farm);

#endif
