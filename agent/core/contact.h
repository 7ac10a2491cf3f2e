/* contact.h - how long the farm may go without the authority (RULES §3.11): every accepted entitlement is
 * contact and says until when the next must come; past that the gate closes, and the next contact opens it.
 *
 *     fresh ──refresh_by──► stale ──contact──► fresh
 */
#ifndef FARMGATE_CORE_CONTACT_H
#define FARMGATE_CORE_CONTACT_H

#include "grant.h"

#include <stdbool.h>
#include <stdint.h>

enum contact_state { CONTACT_FRESH, CONTACT_STALE, CONTACT_STATE_MAX };

enum contact_state contact_state_at(const struct grant *grant, int64_t now_ms);
const char *contact_state_name(enum contact_state state);
bool contact_state_closes(enum contact_state state);

/* From when on the gate is closed; INT64_MAX: never. */
int64_t contact_closes_ms(const struct grant *grant);

/* The warning that has passed at now_ms, in days before refresh_by: 7, 1, or 0: none. */
unsigned contact_days_passed(const struct grant *grant, int64_t now_ms);

/* The next instant after now_ms at which state or warning changes; INT64_MAX: none. */
int64_t contact_due_ms(const struct grant *grant, int64_t now_ms);

#endif
