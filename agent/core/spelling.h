/* spelling.h - the names under which another host's PAM may know a user (RULES §4: `present` is spelt as this
 * host's PAM spells). PAM compares bytes, so every usual spelling of a Windows name is told: as it is,
 * folded, "DOMAIN\user" with the domain in capitals (winbind), and both forms that an alias joins. A Unix
 * name has one. All are the same user by identity.h. */
#ifndef FARMGATE_CORE_SPELLING_H
#define FARMGATE_CORE_SPELLING_H

#include "identity.h"

/* Some may come twice. `name` is valid during the call. */
typedef void spelling_fn(void *data, const char *name);

void spelling_each(const char *user, const struct identity_alias *aliases, size_t alias_count,
                   spelling_fn *visit, void *data);

#endif
