/* roster_model.h - RULES §2.4, §2.8 and §2.9 by brute force: a list of sessions, each with what its host says
 * of it and what a broker says of it, everything found by walking the list. Written from the rules and from
 * roster.h's contract, knowing nothing of how roster.c does it. */
#ifndef FARMGATE_TESTS_ROSTER_MODEL_H
#define FARMGATE_TESTS_ROSTER_MODEL_H

#include "agent/core/roster.h"

#include <stddef.h>

#define ROSTER_MODEL_SESSIONS_MAX 512

/* Strings belong to the world and live as long. */
struct roster_model_session {
    bool by_host, by_broker;
    struct connection host, broker; /* meaningful where the flag above is set */
    int64_t lease_at_ms;
};

struct roster_model {
    size_t count;
    struct roster_model_session sessions[ROSTER_MODEL_SESSIONS_MAX];
    unsigned (*person_of)(const char *user); /* equal: the same user */
};

void roster_model_host_set(struct roster_model *model, const char *host, const struct connection *set,
                           size_t count, int64_t now_ms);
void roster_model_put(struct roster_model *model, const struct connection *told, int64_t now_ms);
bool roster_model_end(struct roster_model *model, const char *host, const char *id);
void roster_model_broker_set(struct roster_model *model, const char *host, const struct connection *set,
                             size_t count, int64_t now_ms);
void roster_model_expire(struct roster_model *model, int64_t lease_ms, int64_t now_ms);
int64_t roster_model_due_ms(const struct roster_model *model, int64_t lease_ms);
void roster_model_host_gone(struct roster_model *model, const char *host);
/* What a restart forgets: how the host itself saw a session that a broker speaks of too. */
void roster_model_restart(struct roster_model *model);

/* A session as it is live. */
struct roster_change roster_model_view(const struct roster_model_session *session);
/* The live session with this key, NULL if there is none. */
const struct roster_model_session *roster_model_find(const struct roster_model *model, const char *host,
                                                     const char *id);

#endif
