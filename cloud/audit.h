/* audit.h - lines of the audit log (RULES §5): who changed what, when, and how it stood before and after. A
 * line is written in the transaction of its change and never touched again (the database refuses it).
 *
 * A line's subject is the id of what was changed: a subscription's number, a key, a farm's id, a signing
 * key's name. A farm that is closed by another change (its key deleted or moved, its subscription cancelled)
 * has a line of its own. */
#ifndef FARMGATE_CLOUD_AUDIT_H
#define FARMGATE_CLOUD_AUDIT_H

#include "cloud/store/rows.h"
#include "common/entitlement.h"

#define AUDIT_WHO_BYTES_MAX 127
#define AUDIT_AUTHORITY     "authority" /* who renews subscriptions that renew by themselves */

#define AUDIT_CHANGES(X)                                   \
    X(AUDIT_SUBSCRIPTION_CREATE, "subscription.create")    \
    X(AUDIT_SUBSCRIPTION_ADD, "subscription.add")          \
    X(AUDIT_SUBSCRIPTION_RENEW, "subscription.renew")      \
    X(AUDIT_SUBSCRIPTION_EDIT, "subscription.edit")        \
    X(AUDIT_SUBSCRIPTION_CANCEL, "subscription.cancel")    \
    X(AUDIT_KEY_CREATE, "key.create")                      \
    X(AUDIT_KEY_EDIT, "key.edit")                          \
    X(AUDIT_KEY_DELETE, "key.delete")                      \
    X(AUDIT_FARM_ACTIVATE, "farm.activate")                \
    X(AUDIT_FARM_MOVE, "farm.move") /* its key's place */  \
    X(AUDIT_FARM_TRIAL, "farm.trial")                      \
    X(AUDIT_FARM_RELEASE, "farm.release")                  \
    X(AUDIT_FARM_DEACTIVATE, "farm.deactivate")            \
    X(AUDIT_FARM_NOTE, "farm.note")                        \
    X(AUDIT_FARM_EXCHANGE, "farm.exchange") /* of files */ \
    X(AUDIT_SIGNING_KEY_ROTATE, "signing_key.rotate")

#define AUDIT_CHANGE_ENUM(name, text) name,
enum audit_change { AUDIT_CHANGES(AUDIT_CHANGE_ENUM) AUDIT_CHANGE_MAX };
#undef AUDIT_CHANGE_ENUM

const char *audit_change_name(enum audit_change change);

/* Who asks for a change ("socket", a token's name, "farm FARM"), and when. */
struct audit_author {
    const char *who;
    int64_t now_ms;
};

/* `before` or `after` may be NULL. `primary_key` (may be NULL) is said with a new subscription. */
int audit_subscription(struct rows *rows, const struct audit_author *author, enum audit_change change,
                       const struct subscription *before, const struct subscription *after,
                       const char *primary_key, struct error_detail *ret_detail);
int audit_key(struct rows *rows, const struct audit_author *author, enum audit_change change,
              const struct key *before, const struct key *after, struct error_detail *ret_detail);
/* A farm, with its key as it stood at the time (NULL: a trial). */
struct audit_farm_state {
    const struct farm *farm;
    const struct key *key;
};
int audit_farm(struct rows *rows, const struct audit_author *author, enum audit_change change,
               const struct audit_farm_state *before, const struct audit_farm_state *after,
               struct error_detail *ret_detail);
int audit_note(struct rows *rows, const struct audit_author *author, const char *farm_id, const char *before,
               const char *after, struct error_detail *ret_detail);

/* A signing key that follows another: the public sides as authority.key has them. */
int audit_signing_key(struct rows *rows, const struct audit_author *author,
                      const struct entitlement_key *before, const struct entitlement_key *after,
                      struct error_detail *ret_detail);

/* Any other change, its JSON objects made by the caller (NULL: none). */
int audit_line(struct rows *rows, const struct audit_author *author, const char *change, const char *subject,
               const char *before, const char *after, struct error_detail *ret_detail);

#endif
