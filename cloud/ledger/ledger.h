/* ledger.h - what the authority keeps, as plain structs: subscriptions, their keys, the farms that run on
 * them. The rules over them are in the files beside this one: pure, no clock, no I/O. Instants are Unix ms; 0
 * means never or not yet. */
#ifndef FARMGATE_CLOUD_LEDGER_LEDGER_H
#define FARMGATE_CLOUD_LEDGER_LEDGER_H

#include "cloud/ledger/term.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEDGER_ID_BYTES_MAX      63
#define LEDGER_NAME_BYTES_MAX    127
#define LEDGER_VERSION_BYTES_MAX 31
#define LEDGER_KEY_BYTES_MAX     31
#define LEDGER_LICENCES_MAX      10000000

/* What was bought. */
struct subscription {
    int64_t id; /* 0: not stored yet */
    char name[LEDGER_NAME_BYTES_MAX + 1];
    uint32_t licences;
    uint64_t purchases; /* licences ever ordered: grows only by orders that add some (RULES §5.2) */
    struct term term;
    int64_t created_ms, activated_ms, expires_ms; /* the term begins with the first activation */
};

/* A key: the right of one installation at a time to use `quota` of its subscription's licences. It is kept as
 * it is, not hashed: whoever issued it must be able to tell a customer who lost it. The ledger is 0600;
 * farms' tokens, which nobody needs to read again, are hashes. */
struct licence {
    int64_t id; /* 0: not stored yet */
    int64_t subscription_id;
    char key[LEDGER_KEY_BYTES_MAX + 1]; /* canonical spelling */
    char name[LEDGER_NAME_BYTES_MAX + 1];
    uint32_t quota;
    int64_t created_ms;
    int64_t expires_ms; /* 0: with the subscription */
    int64_t deleted_ms;
    unsigned moves;
    char last_installation[LEDGER_ID_BYTES_MAX + 1]; /* "" before the first activation */
    char holder[LEDGER_ID_BYTES_MAX + 1];            /* id of the farm that runs on it; "": the key is free */
};

enum farm_status { FARM_NEW, FARM_ACTIVE, FARM_DEACTIVATED, FARM_STATUS_MAX };

/* Why a farm is deactivated: code for programs, text for the entitlement. */
#define FARM_REASONS(X)                                                               \
    X(FARM_REASON_NONE, "", "")                                                       \
    X(FARM_REASON_ADMINISTRATOR, "administrator", "deactivated by the administrator") \
    X(FARM_REASON_MOVED, "moved", "key moved")                                        \
    X(FARM_REASON_RELEASED, "released", "key given back")                             \
    X(FARM_REASON_REPLACED, "replaced", "trial replaced by a key")

#define FARM_REASON_ENUM(name, code, text) name,
enum farm_reason { FARM_REASONS(FARM_REASON_ENUM) FARM_REASON_MAX };
#undef FARM_REASON_ENUM

/* An installation under a key, or under its trial. A key and an installation give the same farm for ever; a
 * key activated over a trial makes another farm (with its grace available) and closes the trial's. */
struct farm {
    char id[LEDGER_ID_BYTES_MAX + 1];
    int64_t licence_id; /* 0: a trial */
    char installation_id[LEDGER_ID_BYTES_MAX + 1];
    char name[LEDGER_NAME_BYTES_MAX + 1];
    char app_version[LEDGER_VERSION_BYTES_MAX + 1];
    enum farm_status status;
    enum farm_reason reason;
    int64_t activated_ms, deactivated_ms, reported_ms;
    uint32_t trial_limit;
    int64_t trial_ends_ms;
    uint64_t serial;   /* of the last entitlement, which never goes back */
    int64_t issued_ms; /* nor does its date */
};

const char *farm_status_name(enum farm_status status); /* "active", "deactivated" */
const char *farm_reason_code(enum farm_reason reason);
const char *farm_reason_text(enum farm_reason reason);

#endif
