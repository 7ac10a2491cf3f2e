/* agent.h - the agent: owns the loop and wires the rooms together. It does not think: decisions
 * are the core's.
 *
 *     sessions ──► farm ──► commit (core, store) ──► gate, uplink, log
 *     api ────────► farm ──┘        └──► api followers
 */
#ifndef FARMGATE_AGENT_AGENT_H
#define FARMGATE_AGENT_AGENT_H

#include "agent/accounts.h"
#include "agent/api.h"
#include "agent/clock.h"
#include "agent/commit.h"
#include "agent/event_file.h"
#include "agent/farm/farm.h"
#include "agent/farm/roll.h"
#include "agent/gate.h"
#include "agent/loop_watch.h"
#include "agent/metrics.h"
#include "agent/refusals.h"
#include "agent/resources.h"
#include "agent/sessions/sessions.h"
#include "agent/setbacks.h"
#include "agent/settings.h"
#include "agent/store.h"
#include "agent/uplink.h"
#include "common/log.h"

#include <uv.h>

#define AGENT_STOP_GRACE_MS 300     /* answers in flight get this long at the end */
#define AGENT_REFRESH_MS    1200000 /* every source enumerates anew: heals what was lost */
#define AGENT_PRESENT_LAZY_MS \
    1000 /* while the gate is open, `present` follows the sessions at most this late */
#define AGENT_PRESENT_SPACING_MS 100  /* else at once, but for the changes of so long a time together */
#define AGENT_GATE_RETRY_MS      5000 /* gate files that could not be written are tried again */

/* Exit codes of farmgated. */
enum agent_exit {
    AGENT_OK = 0,
    AGENT_FAILED = 1,
    AGENT_USAGE = 64,
    AGENT_BUSY = 75,
    AGENT_CONFIGURATION = 78
};

struct report_waiter;

struct agent {
    const char *settings_path;   /* NULL: defaults only */
    struct settings *file;       /* as this host's file has them */
    struct settings *settings;   /* in force: the farm's where they are the farm's */
    struct settings_core *words; /* the settings as the core takes them; it keeps pointers into it */
    struct log log;
    struct event_file event_file;
    uv_loop_t loop;
    struct clock clock;
    char host[CONNECTION_HOST_BYTES_MAX + 1];

    struct store *store;
    struct store_identity identity;
    char entitlement[STORE_ENTITLEMENT_MAX + 1]; /* in force, as it was signed */
    struct error_detail refused_key;             /* that was told last */
    struct core *core;
    struct commit *commit;
    struct farm *farm;
    char *farm_settings; /* the value of the farm's; NULL: it has none, or is this host alone */
    size_t farm_settings_bytes;
    struct accounts *accounts;
    struct resources *resources;
    struct sessions *sessions;
    struct uplink *uplink;
    struct gate gate;
    struct refusals refusals; /* of the gate */
    struct setbacks setbacks; /* with the authority */
    struct api *api;

    struct metrics_counts counts;
    struct loop_watch watch;
    int64_t process_started_ms; /* of the wall clock */
    uv_timer_t due, refresh, watchdog, present, unsaid, file_news;
    uv_signal_t terminate, interrupt, reload;
    struct report_waiter *report_waiters; /* who asked for POST /v1/report */
    uint64_t present_revision;            /* of the sessions that `present` was last written for */
    uint64_t present_applied_ms;          /* of the loop's clock */
    bool gate_failed;                     /* said once */
    bool orphans_ended;                   /* stored sessions that no source speaks of any more */
    bool reload_refused;                  /* the last one */
    bool file_fails, file_recovered;      /* news of event_file that are not said yet */
    struct error_detail file_why;
    uint64_t file_missed;
    int unsent_error; /* why a report was not sent at all */
    bool ready, stopping;
    unsigned open_rooms;  /* that have yet to say they are closed */
    unsigned open_inlets; /* of them those that may still step the core */
    int exit_code;
};

/* Opens everything in order and serves until SIGTERM. Takes over the settings. Returns an agent_exit. */
int agent_run(const char *settings_path, struct settings *settings);
/* It must not go on. */
void agent_stop(struct agent *agent, int exit_code);

/* --- between the agent's own files ---------------------------------------------------------------------- */

/* Who hears whom (agent_hooks.c). */
struct commit_hooks agent_commit_hooks(struct agent *agent);
struct sessions_listener agent_sessions_listener(struct agent *agent);
farm_step_fn agent_step;
/* The farm's, also before there is one. */
void agent_status(const struct agent *agent, struct core_status *ret);
void agent_accounts_changed(void *agent);

/* What the API may ask (agent_asks.c). */
struct api_agent agent_offers(struct agent *agent);

/* Files of the gate (agent_gate.c): from now on they are this agent's, no other runs. */
void agent_gate_open(struct agent *agent);
/* They are brought to where the verdict and the sessions stand. */
void agent_gate_apply(struct agent *agent);
/* After a step: if the sessions changed, `present` must follow, at once while the gate is closed or licences
 * have run out. */
void agent_gate_follow(struct agent *agent);

/* One line of how things stand, to service_ready or service_status. */
void agent_show_status(const struct agent *agent, void (*show)(const char *line));

/* The authority over the network: what the core or an administrator wants of it (agent_contact.c). */
int agent_contact_open(struct agent *agent, struct error_detail *ret_detail);
void agent_contact_report(struct agent *agent);
void agent_contact_activate(void *agent, const char *licence_key_or_null, bool move, api_done_fn *done,
                            void *data);
void agent_contact_release(void *agent, api_done_fn *done, void *data);
void agent_contact_report_now(void *agent, api_done_fn *done, void *data);
/* Nobody waits in vain for an answer that a stopping agent will not get. */
void agent_contact_close(struct agent *agent);

/* The same by files, in a closed network (agent_offline.c). */
void agent_offline_request(void *agent, const struct api_wish *wish, api_done_fn *done, void *data);
void agent_offline_import(void *agent, const char *text, size_t bytes, api_done_fn *done, void *data);

/* What the authority's answers become, whichever way they came (agent_grant.c). The keys that are trusted:
 * the pinned one and those that were followed since; those that an answer brings, kept for good. */
void agent_grant_keyring(struct agent *agent, struct entitlement_keyring *ret);
void agent_grant_keys(struct agent *agent, const struct uplink_result *result);
/* Its entitlement, of which the text is kept only if the core takes what it says: 0, or why it does not. */
int agent_grant_entitlement(struct agent *agent, const struct uplink_result *result);
/* An activation of this installation: identity and entitlement change with one step, or stay. */
void agent_grant_activation(struct agent *agent, const char *installation_id,
                            const struct uplink_result *result, api_done_fn *done, void *data);
/* Keeps what failed for whoever asks later. Its words, with what to do. */
void agent_grant_setback(struct agent *agent, enum setback_asked asked, const struct uplink_result *result,
                         struct error_detail *ret_words);
/* What failed before is over; what this report's windows were refused for has just begun. */
void agent_grant_windows_refused(struct agent *agent, const struct uplink_result *result);
/* Whether this farm runs on a key that it holds now. */
bool agent_has_key(const struct agent *agent);

/* SIGHUP: the whole new configuration, or none of it (agent_reload.c). The farm's settings likewise. */
void agent_reload(struct agent *agent);
void agent_farm_settings(void *agent, const char *text, size_t bytes);

/* This host alone, or one of many (agent_farm.c). Before: whether other hosts may count, and nothing is
 * stepped here. */
bool agent_shares(const struct agent *agent);
int64_t agent_farm_n(const struct agent *agent); /* see store_licence */
int agent_farm_open(struct agent *agent, const struct store_loaded *loaded, struct error_detail *ret_detail);
/* What the API asks of it. */
void agent_farm_roll(void *agent, roll_done_fn *done, void *data);
void agent_farm_visit(void *agent, api_farm_setting_fn *visit, void *data);
void agent_farm_set(void *agent, const char *path, const char *value_or_null, api_done_fn *done, void *data);
void agent_farm_leave(void *agent, bool force, api_done_fn *done, void *data);

/* A person is taken out of what this host has stored (agent_forget.c). */
void agent_forget(void *agent, const char *user, api_done_fn *done, void *data);

/* How the agent speaks (agent_tell.c): an event of its own with one field (or none: NULL), and how a change
 * ended, as the API answers it. agent_answer_commit takes what agent_answer_later made, and frees it. */
void agent_say(struct agent *agent, enum log_event_code code, const char *name, const char *text);
/* One event to where people read it: the system's log or stderr, and the log file. `json` may be NULL. */
void agent_tell(struct agent *agent, const struct log_event *event, const char *json);
/* Why the agent has to end, with which exit code: before the store is open and after it is closed, too. */
void agent_tell_failed(struct agent *agent, const char *detail, int exit_code);
/* The log file as the settings have it now. */
void agent_open_log_file(struct agent *agent);
void agent_on_file_news(uv_timer_t *timer);
/* Somebody was refused: said now, or counted and said with others within the minute. */
void agent_refused(void *agent, const struct admission_question *question, const char *reason);
void agent_say_unsaid(struct agent *agent);
struct agent_answer;
struct agent_answer *agent_answer_later(api_done_fn *done, void *data);
commit_done_fn agent_answer_commit;
void agent_answer(api_done_fn *done, void *data, int status, const char *code, const char *detail);
/* True: answered, because no change can be taken now; or because another host counts for the farm, and has to
 * be asked. */
bool agent_refuses(const struct agent *agent, api_done_fn *done, void *data);
bool agent_refuses_to_lead(const struct agent *agent, api_done_fn *done, void *data);
#define AGENT_LEADS_NO_MORE "another host leads the farm now; ask again there, as `farmgate farm status` says"
/* A closed network: no authority.url, but a key to know the authority's files by. */
bool agent_uses_files(const struct agent *agent);
/* True: answered, because the authority cannot be asked over the network for this. */
enum agent_asked { AGENT_ASKED_ACTIVATE, AGENT_ASKED_REPORT, AGENT_ASKED_RELEASE };
bool agent_refuses_without_network(const struct agent *agent, enum agent_asked asked, api_done_fn *done,
                                   void *data);

#endif
