/* ledger.h - what the authority keeps, as plain structs: subscriptions, their keys, the farms that run on
 * them. The rules over them are in the files beside this one: pure, no clock, no I/O. Instants are Unix ms; 0
 * means never or not yet. */
#ifndef FARMGATE_CLOUD_LEDGER_LEDGER_H
#define FARMGATE_CLOUD_LEDGER_LEDGER_H

#include "cloud/ledger/term.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_ID_BYTES_MAX       63
#define LEDGER_NAME_BYTES_MAX     127
#define LEDGER_VERSION_BYTES_MAX  31
#define LEDGER_KEY_BYTES_MAX      31
#define LEDGER_CONTRACT_BYTES_MAX 511
#define LEDGER_NOTE_BYTES_MAX     1023
#define LEDGER_LICENCES_MAX       10000000
#define LEDGER_KEYS_MAX           10000 /* of a subscription: each change adds them up */

enum plan { PLAN_STANDARD, PLAN_PREMIUM, PLAN_MAX };
enum channel { CHANNEL_ONLINE, CHANNEL_RESELLER, CHANNEL_MAX };

/* What was bought. Its keys' quotas add up to its licences, always (ledger_check). */
struct subscription {
    int64_t id;                                   /* 0: not stored yet */
    char name[LEDGER_NAME_BYTES_MAX + 1];         /* for display */
    char contract[LEDGER_CONTRACT_BYTES_MAX + 1]; /* whatever its owner wants to keep with it */
    uint32_t licences;
    uint64_t purchases; /* licences ever ordered: grows only by orders that add some (RULES §5.2) */
    struct term term;
    enum plan plan;
    enum channel channel;
    bool renews;                                  /* by itself, at its expiration */
    int64_t created_ms, activated_ms, expires_ms; /* the term begins with the first activation */
    int anchor_day; /* of the month, on which its months end (RULES §5.1); 0 before the term begins */
    int64_t cancelled_ms;
};

/* A key: the right of one installation at a time to use `quota` of its subscription's licences. It is kept as
 * it is, not hashed: whoever issued it must be able to tell a customer who lost it. The ledger is 0600;
 * farms' tokens, which nobody needs to read again, are hashes. */
struct key {
    int64_t id; /* 0: not stored yet */
    int64_t subscription_id;
    char text[LEDGER_KEY_BYTES_MAX + 1]; /* canonical spelling */
    char name[LEDGER_NAME_BYTES_MAX + 1];
    bool primary;   /* its quota is what the others leave; it cannot be deleted (RULES §5.3) */
    uint32_t quota; /* of a further key: reserved, used or not, until it is deleted; then 0 */
    int64_t created_ms;
    int64_t expires_ms; /* 0: with the subscription */
    int64_t deleted_ms;
    unsigned moves;
    char last_installation[LEDGER_ID_BYTES_MAX + 1]; /* "" before the first activation */
    char holder[LEDGER_ID_BYTES_MAX + 1];            /* id of the farm that runs on it; "": the key is free */
};

enum order_kind { ORDER_PURCHASE, ORDER_ADD, ORDER_RENEW, ORDER_CANCEL, ORDER_KIND_MAX };

/* A line of a subscription's history: what was ordered, and what came of it. */
struct order {
    int64_t id; /* 0: not stored yet */
    int64_t subscription_id;
    enum order_kind kind;
    bool automatic;    /* a renewal that nobody asked for */
    uint32_t licences; /* PURCHASE, ADD: how many more */
    struct term term;  /* PURCHASE, RENEW */
    int64_t at_ms;
    int64_t expires_before_ms, expires_after_ms;
};

enum farm_status { FARM_NEW, FARM_ACTIVE, FARM_DEACTIVATED, FARM_STATUS_MAX };

/* Why a farm is deactivated: code for programs, text for the entitlement. */
#define FARM_REASONS(X)                                                           \
    X(FARM_REASON_NONE, "", "")                                                   \
    X(FARM_REASON_ADMINISTRATOR, "administrator", "deactivated by administrator") \
    X(FARM_REASON_MOVED, "moved", "key moved")                                    \
    X(FARM_REASON_KEY_DELETED, "key_deleted", "key deleted")                      \
    X(FARM_REASON_CANCELLED, "cancelled", "subscription cancelled")               \
    X(FARM_REASON_RELEASED, "released", "key given back")                         \
    X(FARM_REASON_REPLACED, "replaced", "trial replaced by a key")

#define FARM_REASON_ENUM(name, code, text) name,
enum farm_reason { FARM_REASONS(FARM_REASON_ENUM) FARM_REASON_MAX };
#undef FARM_REASON_ENUM

/* An installation under a key, or under its trial. A key and an installation give the same farm for ever; a
 * key activated over a trial makes another farm (with its grace available) and closes the trial's. */
struct farm {
    char id[LEDGER_ID_BYTES_MAX + 1];
    int64_t key_id; /* 0: a trial */
    char installation_id[LEDGER_ID_BYTES_MAX + 1];
    char name[LEDGER_NAME_BYTES_MAX + 1];
    char app_version[LEDGER_VERSION_BYTES_MAX + 1];
    char note[LEDGER_NOTE_BYTES_MAX + 1]; /* the administrator's */
    enum farm_status status;
    enum farm_reason reason;
    int64_t activated_ms, deactivated_ms, reported_ms;
    uint32_t trial_limit;
    int64_t trial_ends_ms;
    uint64_t serial;   /* of the last entitlement, which never goes back */
    int64_t issued_ms; /* nor does its date */
};

const char *plan_name(enum plan plan);                 /* "standard", "premium" */
const char *channel_name(enum channel channel);        /* "online", "reseller" */
const char *order_kind_name(enum order_kind kind);     /* "purchase", "add", "renew", "cancel" */
const char *farm_status_name(enum farm_status status); /* "active", "deactivated" */
const char *farm_reason_code(enum farm_reason reason);
const char *farm_reason_text(enum farm_reason reason);

/* Every refusal of a change by the administrator: HTTP status, stable code, a sentence for people, and the
 * field of the request that it is about ("": none). One table for API, command line and tests. */
#define LEDGER_VERDICTS(X)                                                                                   \
    X(LEDGER_GRANTED, 200, "", "", "")                                                                       \
    X(LEDGER_UNKNOWN_SUBSCRIPTION, 404, "unknown_subscription", "no subscription has this id", "")           \
    X(LEDGER_UNKNOWN_KEY, 404, "unknown_key", "this key was never issued here", "")                          \
    X(LEDGER_UNKNOWN_FARM, 404, "unknown_farm", "no farm has this id", "")                                   \
    X(LEDGER_CANCELLED, 409, "subscription_cancelled", "the subscription is cancelled", "")                  \
    X(LEDGER_NOT_ACTIVATED, 409, "not_activated",                                                            \
      "the term has not begun: it begins with the first activation, and can be renewed from then on", "")    \
    X(LEDGER_RESELLER, 409, "renewed_by_reseller",                                                           \
      "a reseller's subscription does not renew by itself: order its renewal", "renews")                     \
    X(LEDGER_EXPIRED, 409, "subscription_expired", "the subscription has expired: order its renewal first",  \
      "renews")                                                                                              \
    X(LEDGER_MONTHLY_ONLINE, 400, "monthly_is_online_only", "a term of a month is sold online only", "term") \
    X(LEDGER_TOO_MANY, 409, "too_many_licences", "a subscription has at most 10,000,000 licences",           \
      "licences")                                                                                            \
    X(LEDGER_TOO_MANY_KEYS, 409, "too_many_keys", "a subscription has at most 10,000 keys", "")              \
    X(LEDGER_QUOTA_TOO_LARGE, 409, "quota_too_large", "more than is left of the subscription", "quota")      \
    X(LEDGER_BEYOND_SUBSCRIPTION, 409, "beyond_subscription",                                                \
      "a key cannot expire later than its subscription", "expires_at")                                       \
    X(LEDGER_PRIMARY, 409, "primary_key",                                                                    \
      "the primary key has what the others leave, ends with the subscription, and cannot be deleted", "")    \
    X(LEDGER_KEY_DELETED, 410, "key_deleted", "this key was deleted", "")                                    \
    X(LEDGER_BELOW_PEAK, 409, "below_peak",                                                                  \
      "a running farm would get less than its last reported peak; confirm it", "confirm")

#define LEDGER_VERDICT_ENUM(name, status, code, text, field) name,
enum ledger_verdict { LEDGER_VERDICTS(LEDGER_VERDICT_ENUM) LEDGER_VERDICT_MAX };
#undef LEDGER_VERDICT_ENUM

int ledger_http_status(enum ledger_verdict verdict);
const char *ledger_code(enum ledger_verdict verdict);
const char *ledger_text(enum ledger_verdict verdict);
const char *ledger_field(enum ledger_verdict verdict);

#endif
