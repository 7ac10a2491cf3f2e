/* texts.h - different texts, numbered from 0 in the order in which they came. */
#ifndef FARMGATE_CTL_TEXTS_H
#define FARMGATE_CTL_TEXTS_H

#include "agent/core/hash_index.h"
#include "agent/core/keyed_hash.h"

#define TEXTS_BYTES_MAX 1024 /* of one */

struct texts {
    struct hash_index index;
    char **texts;
    uint32_t count, room;
    struct keyed_hash_keys keys;
};

void texts_init(struct texts *texts);
void texts_finish(struct texts *texts);
/* The number of a text of 0..TEXTS_BYTES_MAX bytes, added if it is new. False without memory. */
bool texts_number(struct texts *texts, const char *text, uint32_t *ret_number);

#endif
