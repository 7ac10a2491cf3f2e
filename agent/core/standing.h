/* standing.h - how the farm stands with the authority: four small independent machines, always running (RULES
 * §3), and the grant they are judged by. Persisted with every change.
 *
 *     activation (here)   none → active → revoked
 *     term.h              valid → expiry_grace → expired
 *     contact.h           fresh → stale
 *     usage.h             within → settling → overuse_grace → enforced → over
 *
 * Every now_ms is licence time. */
#ifndef FARMGATE_CORE_STANDING_H
#define FARMGATE_CORE_STANDING_H

#include "contact.h"
#include "grant.h"
#include "term.h"
#include "usage.h"

#include <stdbool.h>
#include <stdint.h>

#define STANDING_FORMER_MAX 4 /* farms whose usage is remembered, should their key come back */

enum activation_state { ACTIVATION_NONE, ACTIVATION_ACTIVE, ACTIVATION_REVOKED, ACTIVATION_STATE_MAX };

/* Usage stays with the farm id (RULES §3.13). */
struct former_farm {
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* "": a free place */
    uint64_t purchases;
    struct usage usage;
};

/* All zero: never activated. */
struct standing {
    enum activation_state activation;
    bool copied; /* machine id and identity disagree */
    enum term_state term;
    enum contact_state contact;
    struct usage usage;
    struct grant grant;      /* the last one of its farm; in force unless activation is none */
    int64_t last_contact_ms; /* 0: never */
    struct term_said term_said;
    unsigned contact_said_days;
    struct former_farm former[STANDING_FORMER_MAX]; /* the one left last first */
};

const char *activation_state_name(enum activation_state state);
bool activation_state_closes(enum activation_state state);

/* Checks a grant against what is in force: CORE_NOT_OURS for another farm or installation, CORE_OUTDATED for
 * an older serial or issued_at, else 0. */
int standing_check(const struct standing *standing, const char *farm_id, const char *installation_id,
                   const struct grant *grant);

/* Applies a checked grant that came with a report (RULES §3.9, §3.11, §3.12) at now_ms, the instant after
 * licence time was corrected. One that deactivates revokes at once; one that says "active" to a revoked farm
 * leaves it revoked, for only a new activation opens the gate again. Judge the usage afterwards. */
void standing_apply(struct standing *standing, const struct grant *grant, int64_t now_ms);

/* Applies a checked grant that an activation brought: the farm is active, whatever it was before. A farm id
 * that was here before finds its usage again, a new one begins with its grace available. */
void standing_activate(struct standing *standing, const struct grant *grant, int64_t now_ms);

/* The farm is activated no longer. The grant is kept: activated again, the same farm id goes on from its
 * serial. */
void standing_release(struct standing *standing);

/* The farm is this one now, whose grant is not known (it was lost). */
void standing_name(struct standing *standing, const char *farm_id);

/* How many users there are now, against the limit in force. */
void standing_judge(struct standing *standing, uint32_t users, int64_t settle_ms,
                    const struct usage_warnings *warnings, int64_t now_ms);

/* Licence time was set back from before_ms to now_ms. What was said of the days that are left is not said
 * again, unless it was said more than STANDING_SAID_MS too early. */
#define STANDING_SAID_MS INT64_C(86400000)
void standing_set_back(struct standing *standing, int64_t before_ms, int64_t now_ms);

/* The next instant after now_ms at which standing_pass has something to do (what is overdue: now_ms itself);
 * INT64_MAX: none. */
int64_t standing_due_ms(const struct standing *standing, int64_t now_ms);
/* Brings the machines to now_ms: what follows from time alone. */
void standing_pass(struct standing *standing, int64_t now_ms);

/* A validation (RULES §3.4). */
void standing_validate(struct standing *standing, int64_t now_ms);

#endif
