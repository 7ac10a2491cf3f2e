#include "hints.h"

#include <string.h>

static const struct {
    const char *name, *texts[2]; /* by system */
} hints[] = {
#define HINT(name, on_linux, on_windows) {#name, {on_linux, on_windows}},
#include "hints.def"
};

const char *hint_on(enum hint_system system, enum hint hint)
{
    return hints[hint].texts[system];
}

const char *hint_named(enum hint_system system, const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < HINT_MAX; i++)
        if (strlen(hints[i].name) == name_bytes && memcmp(hints[i].name, name, name_bytes) == 0)
            return hints[i].texts[system];
    return NULL;
}
