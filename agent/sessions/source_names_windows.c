/* source_names_windows.c - their names alone, for whoever only reads the configuration. */
#include "source_names.h"
#include "sources_windows.h"

#include <stddef.h>

#define NAME(name) #name,
const char *const source_names[] = {SOURCES_BUILT_IN(NAME) NULL};
const char source_names_default[] = SOURCES_DEFAULT;
