/* account_answer.h - puts an answer about one user together, whoever was asked. */
#ifndef FARMGATE_AGENT_ACCOUNT_ANSWER_H
#define FARMGATE_AGENT_ACCOUNT_ANSWER_H

#include "account_lookup.h"

/* Names, each with its NUL, one behind the other. Zeroed to begin with; text is to be freed with free(). */
struct account_names {
    char *text;
    size_t bytes, count;
};

/* False without memory: then nothing was added. */
bool account_names_add(struct account_names *names, const char *name);

/* NULL without memory. The names stay the caller's. */
struct account_answer *account_answer_create(bool exists, bool superuser, const struct account_names *names);

#endif
