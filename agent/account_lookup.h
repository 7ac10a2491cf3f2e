/* account_lookup.h - one user's groups, asked of the name service: may take seconds, so only on a pool
 * thread. */
#ifndef FARMGATE_AGENT_ACCOUNT_LOOKUP_H
#define FARMGATE_AGENT_ACCOUNT_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

/* One block of memory, to be freed with free(). */
struct account_answer {
    struct account_answer *next; /* the owner's */
    bool exists, superuser;
    size_t group_count;
    const char **groups; /* names, inside the block */
};

/* NULL: the name service failed or there is no memory; an unknown user is an answer. Safe on any thread. */
struct account_answer *account_lookup(const char *user);

#endif
