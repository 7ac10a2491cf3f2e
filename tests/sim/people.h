/* people.h - who is on at a host, and how many of them count: RULES §2's table and its first three rules, by
 * looking at everybody. */
#ifndef FARMGATE_TESTS_SIM_PEOPLE_H
#define FARMGATE_TESTS_SIM_PEOPLE_H

#include "agent/core/connection.h"

#include <stddef.h>

#define PEOPLE_MAX        64 /* sessions of one host */
#define PEOPLE_NAME_BYTES 16

struct session {
    int64_t number; /* its id on the host */
    int64_t connected_at_ms;
    uint8_t person, kind, route, state;
    bool administrator;
    bool leaves; /* as soon as the machine is awake */
};

struct people {
    size_t count;
    struct session sessions[PEOPLE_MAX];
};

void people_copy(struct people *to, const struct people *from);
/* NULL if it is not on. */
struct session *people_find(struct people *people, int64_t number);
/* False where no more find a place. */
bool people_add(struct people *people, const struct session *session);
void people_remove(struct people *people, int64_t number);

/* How the host's source tells it. `names` keeps the texts. */
struct people_names {
    char ids[PEOPLE_MAX][PEOPLE_NAME_BYTES], users[PEOPLE_MAX][PEOPLE_NAME_BYTES];
};
void people_tell(const struct people *people, const char *host, struct people_names *names,
                 struct connection ret[PEOPLE_MAX]);
void people_name(unsigned person, char ret[PEOPLE_NAME_BYTES]);

struct people_level {
    uint32_t users, exempt;
    uint32_t desktops; /* administrators' that could be exempt */
    uint64_t holders;  /* bit p: person p is a concurrent user */
    uint64_t present;  /* bit p: person p has a session */
};
struct people_level people_count(const struct people *people, bool count_disconnected);

#endif
