/* tally_model.h - RULES §2 by brute force: a list of live connections, everything worked out anew for every
 * question. Written from the rules, knowing nothing of how tally.c does it; names are the same user when the
 * world says so, by a person's number. */
#ifndef FARMGATE_TESTS_TALLY_MODEL_H
#define FARMGATE_TESTS_TALLY_MODEL_H

#include "agent/core/tally.h"

#define MODEL_CONNECTIONS_MAX 4096

struct model_connection {
    struct connection connection; /* strings belong to the world */
    unsigned person;              /* equal: the same user */
    unsigned tag;
};

struct model {
    bool count_disconnected;
    unsigned routes_counted;
    size_t count;
    enum tally_reason reasons[MODEL_CONNECTIONS_MAX]; /* of live, as last judged */
    struct model_connection live[MODEL_CONNECTIONS_MAX];
};

/* The position of a live connection, or -1. */
int model_find(const struct model *model, const char *host, const char *id);
void model_put(struct model *model, const struct connection *connection, unsigned person, unsigned tag);
/* False if it is not live. */
bool model_end(struct model *model, const char *host, const char *id);

/* Works out every reason anew. The questions below hold from here until the next change. */
void model_judge(struct model *model);
struct tally_level model_level(const struct model *model);
/* How a person stands; the name is left NULL. */
struct tally_user model_user(const struct model *model, unsigned person);
bool model_user_on_host(const struct model *model, unsigned person, const char *host);
uint32_t model_host_exempt(const struct model *model, const char *host);

#endif
