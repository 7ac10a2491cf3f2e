/* rules_farm.h - a farm under the core, and the few words in which the rules are told to it, so that a test
 * reads like the rule that it proves. One farm at a time: RULE_TEST gives every test its own, active with a
 * limit of 10, no end of its term and no refresh_by, at START.
 *
 * The farm lives as under the agent: what is due is stepped at its own instant, corrections of licence time
 * are followed, and what is to be stored is kept for a restart. */
#ifndef FARMGATE_TESTS_RULES_FARM_H
#define FARMGATE_TESTS_RULES_FARM_H

#include "tests/unit/unit.h"

#include "agent/core/admission.h"
#include "agent/core/core.h"

#define SECONDS(count) (INT64_C(1000) * (count))
#define MINUTES(count) (INT64_C(60000) * (count))
#define HOURS(count)   (INT64_C(3600000) * (count))
#define DAYS(count)    (INT64_C(86400000) * (count))

#define START INT64_C(1700006400000) /* 2023-11-15 00:00 UTC, where a window starts */

#define RULE(name)      static void name(__attribute__((unused)) void **state)
#define RULE_TEST(name) cmocka_unit_test_setup_teardown(name, farm_opens, farm_closes)
int farm_opens(void **state);
int farm_closes(void **state);

/* ---- time ---------------------------------------------------------------------------------------------- */

int64_t now(void);         /* licence time */
void after(int64_t ms);    /* passes, with every timer at its instant */
void until(int64_t at_ms); /* the same, up to and with this instant */
void asleep(int64_t ms);   /* passes with nobody awake; then one late timer */
void late(int64_t ms);     /* passes, and nothing is stepped: the next event finds it passed */
void wakes_at(int64_t ms); /* licence time is this, also earlier: a timer is stepped there */
int64_t validation(void);  /* passes up to and with the next validation, whose instant it returns */
int64_t next_phase(void);  /* the next instant of the farm's phase */

/* ---- who is on ----------------------------------------------------------------------------------------- */

/* That many users, all told at once by the source of host "crowd". */
void users(uint32_t count);
void users_unseen(uint32_t count); /* told with the next start */

/* One session of a host, as its source tells: `comes(.user = "alice", .route = ROUTE_RDP)`. What is not named
 * is host "h1", the user's name as its id, a desktop by broker, active, no administrator, the arrival. */
#define comes(...) farm_comes((struct connection){__VA_ARGS__})
void farm_comes(struct connection session);
void leaves(const char *host, const char *id);
/* The host's whole set, at once: `tells("h1", {.user = "alice"}, {.user = "bob"})`. */
#define tells(host, ...)                                       \
    farm_tells(host, (const struct connection[]){__VA_ARGS__}, \
               sizeof((const struct connection[]){__VA_ARGS__}) / sizeof(struct connection))
void farm_tells(const char *host, const struct connection *sessions, size_t count);
void tells_nobody(const char *host);
void boots(const char *host, const char *boot_id);
/* The farm hears nothing more of a host; hears of it again. 0, or CORE_UNKNOWN. */
int falls_silent(const char *host);
int comes_back(const char *host);

/* What a broker tells, with the same defaults. */
#define broker_puts(...) farm_broker_puts((struct connection){__VA_ARGS__})
void farm_broker_puts(struct connection session);
int broker_ends(const char *host, const char *id);

/* ---- what the authority says --------------------------------------------------------------------------- */

/* What the next entitlement or activation says; its serial and issued_at are filled in then. */
struct grant *grant(void);
void entitled(void);                   /* now */
int entitled_at(int64_t issued_at_ms); /* the authority's clock stands there */
void limit(uint32_t users);            /* an entitlement with this limit */
void purchased(uint32_t users);        /* more licences: purchases grow, and the limit is this */
void revoked(const char *reason);      /* a signed "deactivated" */
int activated(const char *farm_id);    /* with grant(), now */
void released(void);
void copied(void);
void report_accepted(uint64_t through);
void report_failed(bool refused);

/* ---- the agent ----------------------------------------------------------------------------------------- */

struct core_settings *settings(void);
void reloads(void);  /* the settings hold from now on */
void stops(void);    /* the agent is gone; licence time goes on by late() */
void starts(void);   /* from what was stored: every source tells its sessions, then the gate is judged */
void restarts(void); /* both, at one instant */
void starts_but_does_not_judge_yet(void);
void farm_goes_on_from(const struct core_saved *saved); /* in place of this one */
void farm_without_a_past(void); /* in place of this one: an agent that was never activated, started */
void judges(void);              /* EVENT_STARTED */

/* Any event at all, now; what core_step returned. */
int farm_hears(const struct core_event *event);

/* ---- what holds ---------------------------------------------------------------------------------------- */

struct core_status status(void);
const struct core *core(void);
const struct tally *tally(void);
/* Why a connection counts or not; TALLY_REASON_MAX if it is not live. */
enum tally_reason reason_of(const char *host, const char *id);
struct admission_answer asks(const char *user, const char *host, enum connection_kind kind,
                             enum administrator administrator);

#define EXPECT_NAMES(name, is, should_be) assert_string_equal(name(is), name(should_be))
#define expect(it)                        EXPECT_NAMES(usage_state_name, status().standing.usage.state, it)
#define expect_term(it)                   EXPECT_NAMES(term_state_name, status().standing.term, it)
#define expect_contact(it)                EXPECT_NAMES(contact_state_name, status().standing.contact, it)
#define expect_activation(it)             EXPECT_NAMES(activation_state_name, status().standing.activation, it)
#define expect_gate(it)                   EXPECT_NAMES(verdict_reason_name, status().verdict.reason, it)
#define expect_admits(it)                 EXPECT_NAMES(admission_name, status().verdict.admission, it)
#define expect_users(count)               assert_int_equal(status().level.concurrent_users, count)

/* Log events since the farm opened or forget(). */
void forget(void);
size_t said(enum log_event_code code);
/* Of the last one: its instant, and a field that is a number; 0 if it was not said. */
int64_t said_at(enum log_event_code code);
int64_t said_number(enum log_event_code code, const char *field);

/* Closed windows since the farm opened, the first 0. */
size_t windows(void);
const struct window *window(size_t number);
size_t reports(void);    /* ACTION_REPORT since the farm opened or forget() */
size_t gate_moves(void); /* ACTION_GATE likewise */

#endif
