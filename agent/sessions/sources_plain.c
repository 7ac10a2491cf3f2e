/* sources_plain.c - the session sources of a build without libsystemd. */
#include "sources_plain.h"

#include "source.h"

#define TYPE(name) &source_##name,
const struct source_type *const source_types[] = {SOURCES_BUILT_IN(TYPE) NULL};
