/* hints.h - what people are told to do or to look at: the same thing is called differently on each system. */
#ifndef FARMGATE_COMMON_PLATFORM_HINTS_H
#define FARMGATE_COMMON_PLATFORM_HINTS_H

#include <stddef.h>

enum hint {
#define HINT(name, on_linux, on_windows) HINT_##name,
#include "hints.def"
    HINT_MAX
};

enum hint_system { HINT_LINUX, HINT_WINDOWS };

/* On this system: hint(HINT_restart) is "systemctl restart farmgated". */
const char *hint(enum hint hint);

/* On that one; by name: NULL if there is none of that name. */
const char *hint_on(enum hint_system system, enum hint hint);
const char *hint_named(enum hint_system system, const char *name, size_t name_bytes);

#endif
