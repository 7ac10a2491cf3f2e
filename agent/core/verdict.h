/* verdict.h - is the gate open, and if not, why (RULES §3): the conjunction of four small independent
 * machines.
 *
 * Here stand activation, the limit and the authority's deactivation; the clocks of term, contact and usage
 * have their states and their place in the order, and never close the gate yet. */
#ifndef FARMGATE_CORE_VERDICT_H
#define FARMGATE_CORE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#define GRANT_ID_BYTES_MAX     63
#define GRANT_REASON_BYTES_MAX 127

enum grant_status { GRANT_ACTIVE, GRANT_DEACTIVATED, GRANT_STATUS_MAX };

/* What the authority grants, already verified (common/entitlement.h checks the signature; the core checks the
 * rest). Instants are Unix ms; 0 for expires_at_ms means never. */
struct grant {
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    uint64_t serial;
    enum grant_status status;
    char reason[GRANT_REASON_BYTES_MAX +
                1];     /* of a deactivation: "deactivated by administrator", "key moved", … */
    uint32_t limit;     /* concurrent users allowed; 0: nobody */
    uint64_t purchases; /* grows when licences are added */
    bool trial;
    int64_t expires_at_ms, issued_at_ms, refresh_by_ms;
};

enum activation_state { ACTIVATION_NONE, ACTIVATION_ACTIVE, ACTIVATION_REVOKED, ACTIVATION_STATE_MAX };
enum term_state { TERM_VALID, TERM_EXPIRY_GRACE, TERM_EXPIRED, TERM_STATE_MAX };
enum contact_state { CONTACT_FRESH, CONTACT_STALE, CONTACT_STATE_MAX };
enum usage_state {
    USAGE_WITHIN,
    USAGE_SETTLING,
    USAGE_OVERUSE_GRACE,
    USAGE_ENFORCED,
    USAGE_OVER,
    USAGE_STATE_MAX
};

/* The first in this order that closes the gate is the reason. */
enum verdict_reason {
    VERDICT_OPEN,
    VERDICT_NOT_ACTIVATED,
    VERDICT_COPIED, /* activation none: the state was copied to another machine */
    VERDICT_REVOKED,
    VERDICT_EXPIRED,
    VERDICT_STALE,
    VERDICT_OVER,
    VERDICT_REASON_MAX
};

/* All that is needed to judge, persisted with every change. */
struct standing {
    enum activation_state activation;
    enum term_state term;
    enum contact_state contact;
    enum usage_state usage;
    bool copied;             /* machine id and identity disagree */
    struct grant grant;      /* meaningful unless activation is none */
    int64_t last_contact_ms; /* 0: never */
};

struct verdict {
    bool open;
    enum verdict_reason reason;
};

struct verdict verdict_of(const struct standing *standing);

/* "open", "not_activated", "revoked", …: the stable code in JSON and log. */
const char *verdict_reason_name(enum verdict_reason reason);
/* A sentence for people, and for the nologin file: what is wrong and whom to ask. */
const char *verdict_reason_text(enum verdict_reason reason);
const char *activation_state_name(enum activation_state state);
const char *term_state_name(enum term_state state);
const char *contact_state_name(enum contact_state state);
const char *usage_state_name(enum usage_state state);

/* Checks a grant against what is in force: CORE_NOT_OURS for another farm or installation, CORE_OUTDATED for
 * an older serial or issued_at, else 0. */
int standing_check(const struct standing *standing, const char *farm_id, const char *installation_id,
                   const struct grant *grant);

/* Applies a checked grant that came with a report (RULES §3.9, §3.11, §3.12) at now_ms, the instant after
 * licence time was corrected. One that deactivates revokes at once; one that says "active" to a revoked farm
 * leaves it revoked, for only a new activation opens the gate again. */
void standing_apply(struct standing *standing, const struct grant *grant, int64_t now_ms);

/* Applies a checked grant that an activation brought: the farm is active, whatever it was before. */
void standing_activate(struct standing *standing, const struct grant *grant, int64_t now_ms);

/* The key was given back. The grant is kept: activated again, the same farm id goes on from its serial. */
void standing_release(struct standing *standing);

#endif
