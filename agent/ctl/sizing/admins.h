/* admins.h - who is an administrator where a log does not tell: `--admins LIST|@group`. Names compare as
 * users do everywhere (identity.h). */
#ifndef FARMGATE_CTL_ADMINS_H
#define FARMGATE_CTL_ADMINS_H

#include "name_set.h"

#include "common/error.h"

struct admins {
    struct name_set keys;
};

void admins_init(struct admins *admins, const uint8_t seed[KEYED_HASH_SEED_BYTES]);
void admins_finish(struct admins *admins);

/* Names separated by commas; "@group" stands for the members of a group of this host, those whose first group
 * it is included. ERROR_INVALID or ERROR_NOT_FOUND with *ret_detail; ERROR_NO_MEMORY. */
int admins_add(struct admins *admins, const char *list, struct error_detail *ret_detail);

bool admins_has(const struct admins *admins, const char *user);

#endif
