/* sources_plain.c - the session sources of a build without libsystemd. */
#include "source.h"

const struct source_type *const source_types[] = {&source_utmp, &source_scripted, NULL};
