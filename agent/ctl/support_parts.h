/* support_parts.h - what `farmgate support` puts together, each part from its own source. */
#ifndef FARMGATE_CTL_SUPPORT_PARTS_H
#define FARMGATE_CTL_SUPPORT_PARTS_H

#include "support_bundle.h"
#include "support_names.h"

#define SUPPORT_EVENTS_MAX  2000 /* the last ones */
#define SUPPORT_JOURNAL_MAX 2000 /* lines, the last ones */

struct support {
    struct support_bundle bundle;
    struct support_names *names;
    struct text_buffer missing; /* a line for each thing that could not be had, and why */
    bool failed;                /* without memory: nothing may be written */
};

void support_missing(struct support *support, const char *name, const char *why);
/* Adds a file; the text is taken over. */
void support_add(struct support *support, const char *name, bool json, struct text_buffer *text);

/* The settings of both files by their tables: what is no setting, and what may not be told, stays out. */
void support_add_configuration(struct support *support, const char *path);
/* Status, explanation, connections, farm, windows, days, metrics, the last events. `socket`: NULL for the
 * usual ones. */
void support_add_answers(struct support *support, const char *socket);
/* Programs and libraries, kernel, distribution, how the service manager sees the agent, and its journal. */
void support_add_system(struct support *support);

/* One for this machine, that others do not know; false: a random one, for the machine has none. */
bool support_machine_key(uint8_t ret_key[SUPPORT_NAMES_KEY_BYTES]);

#endif
