/* term.h - how long the licence runs (RULES §3.10): valid until expires_at, then 30 more days (a trial has
 * none), then expired. It follows from the grant and licence time alone, so a correction of time corrects it.
 *
 *     valid ──expires_at──► expiry_grace ──+ 30 d──► expired
 *       └────────────── trial: expires_at ──────────────┘
 */
#ifndef FARMGATE_CORE_TERM_H
#define FARMGATE_CORE_TERM_H

#include "grant.h"

#include <stdbool.h>
#include <stdint.h>

#define TERM_GRACE_MS (INT64_C(30) * 86400000)

enum term_state { TERM_VALID, TERM_EXPIRY_GRACE, TERM_EXPIRED, TERM_STATE_MAX };

/* What has been said of the days that are left; all zero: nothing. */
struct term_said {
    unsigned days;       /* before expires_at: 90, 30, 7, 1 */
    unsigned grace_days; /* before the grace ends: 7, 1 */
};

enum term_state term_state_at(const struct grant *grant, int64_t now_ms);
const char *term_state_name(enum term_state state);
bool term_state_closes(enum term_state state);

/* From when on the gate is closed; INT64_MAX: never. */
int64_t term_closes_ms(const struct grant *grant);

/* What is due to have been said at now_ms. */
struct term_said term_said_at(const struct grant *grant, int64_t now_ms);

/* The next instant after now_ms at which the state or what is to be said changes; INT64_MAX: none. */
int64_t term_due_ms(const struct grant *grant, int64_t now_ms);

#endif
