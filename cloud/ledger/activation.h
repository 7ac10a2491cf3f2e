/* activation.h - who may run on a key, and what becomes of the one that did (RULES §3.13). Pure. */
#ifndef FARMGATE_CLOUD_LEDGER_ACTIVATION_H
#define FARMGATE_CLOUD_LEDGER_ACTIVATION_H

#include "cloud/ledger/ledger.h"

#define ACTIVATION_MOVES_MAX 3
#define ACTIVATION_TRIAL_MS  (INT64_C(30) * 86400000)

/* HTTP status, stable code and a sentence for people, in one table for the API and its test. */
#define ACTIVATION_VERDICTS(X)                                                                          \
    X(ACTIVATION_GRANTED, 200, "", "")                                                                  \
    X(ACTIVATION_UNKNOWN_KEY, 404, "unknown_key", "this key was never issued here")                     \
    X(ACTIVATION_KEY_DELETED, 410, "key_deleted", "this key was deleted")                               \
    X(ACTIVATION_CANCELLED, 403, "subscription_cancelled", "the subscription of this key is cancelled") \
    X(ACTIVATION_EXPIRED, 403, "expired", "this key, or its subscription, has expired")                 \
    X(ACTIVATION_KEY_IN_USE, 409, "key_in_use",                                                         \
      "the key runs another installation; ask for a move to take it over")                              \
    X(ACTIVATION_MOVES_EXHAUSTED, 409, "moves_exhausted",                                               \
      "the key has been moved as often as it may; ask whoever issued it")                               \
    X(ACTIVATION_TRIAL_USED, 403, "trial_used", "the trial of this installation is over")               \
    X(ACTIVATION_TRIAL_CAP, 429, "trial_cap", "no more trials begin today; try again tomorrow, or use a key")

#define ACTIVATION_VERDICT_ENUM(name, status, code, text) name,
enum activation_verdict { ACTIVATION_VERDICTS(ACTIVATION_VERDICT_ENUM) ACTIVATION_VERDICT_MAX };
#undef ACTIVATION_VERDICT_ENUM

int activation_http_status(enum activation_verdict verdict);
const char *activation_code(enum activation_verdict verdict);
const char *activation_text(enum activation_verdict verdict);
const char *activation_field(enum activation_verdict verdict); /* of the request, that it is about */

/* A key with all that a decision about it needs. `farm` is that of the key and the asking installation
 * (status FARM_NEW and only the ids set if there was none). `holder` is the farm that runs on the key, if it
 * is another. */
struct activation_case {
    struct subscription subscription;
    struct key key;
    struct farm farm, holder;
    bool held_elsewhere;
};

/* Activates `farm` on the key: begins the term at the first activation, counts a move, closes the former
 * holder. Anything but ACTIVATION_GRANTED leaves *activation as it was. */
enum activation_verdict activation_by_key(struct activation_case *activation, bool move, int64_t now_ms);

/* Begins the trial of an installation (`farm` FARM_NEW), or goes on with it while it runs. `may_begin`: the
 * day's caps leave room for another. */
enum activation_verdict activation_by_trial(struct farm *farm, uint32_t limit, bool may_begin,
                                            int64_t now_ms);

unsigned activation_moves_left(const struct key *key);

/* Ends a farm's activation and frees its key (`key` NULL: a trial). False: it was not active, and nothing
 * changed. */
bool activation_end(struct farm *farm, struct key *key, enum farm_reason reason, int64_t now_ms);

/* When a key stops: the earlier of its own end and its subscription's; 0: not set. */
int64_t activation_expires_ms(const struct subscription *subscription, const struct key *key);

#endif
