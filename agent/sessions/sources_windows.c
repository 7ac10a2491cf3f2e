/* sources_windows.c - the session sources of a build for Windows. */
#include "sources_windows.h"

#include "source.h"

#define TYPE(name) &source_##name,
const struct source_type *const source_types[] = {SOURCES_BUILT_IN(TYPE) NULL};
