/* sources_logind.c - the session sources of a build with libsystemd. */
#include "source.h"

const struct source_type *const source_types[] = {&source_logind, &source_utmp, &source_scripted, NULL};
