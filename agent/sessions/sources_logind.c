/* sources_logind.c - the session sources of a build with libsystemd. */
#include "sources_logind.h"

#include "source.h"

#define TYPE(name) &source_##name,
const struct source_type *const source_types[] = {SOURCES_BUILT_IN(TYPE) NULL};
