/* support_names.h - people's names, licence keys and entitlements taken out of texts before they are handed
 * on. */
#ifndef FARMGATE_CTL_SUPPORT_NAMES_H
#define FARMGATE_CTL_SUPPORT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUPPORT_NAMES_KEY_BYTES 32
#define SUPPORT_PSEUDONYM_BYTES 24 /* "person-k7q2m4rt" */
#define SUPPORT_NAMES_MAX       100000

struct support_names;

/* Pseudonyms are a keyed hash: the same key gives the same name for the same person, and without it nobody
 * tells whose it is. NULL without memory. */
struct support_names *support_names_create(const uint8_t key[SUPPORT_NAMES_KEY_BYTES]);
void support_names_destroy(struct support_names *names);

/* False without memory, or past SUPPORT_NAMES_MAX: then nothing may be handed on with these names. */
bool support_names_add(struct support_names *names, const char *name);
/* Every name that stands in JSON where the agent names people. */
bool support_names_collect(struct support_names *names, const char *json);

/* The text with every whole word that is a name replaced; of JSON (also of many objects) only what its
 * strings say, not what their members are called. To be freed with free(); NULL without memory. */
char *support_names_replace(struct support_names *names, const char *text, bool json);

/* In place: of a licence key only its last group stays, of an entitlement nothing. */
void support_mask(char *text);

#endif
