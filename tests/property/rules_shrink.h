/* rules_shrink.h - a history that fails, made short: lines and sessions are left out as long as it fails. */
#ifndef FARMGATE_TESTS_RULES_SHRINK_H
#define FARMGATE_TESTS_RULES_SHRINK_H

#include "rules_history.h"

#define SHRINK_TRIES_MAX 4000

/* Whether it fails. */
typedef bool history_fails(void *data, const struct history *history);

void rules_shrink(struct history *history, history_fails *fails, void *data);

#endif
