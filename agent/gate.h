/* gate.h - the gate's files (DESIGN §9): `nologin` exists while the farm is deactivated, with the text users
 * see; `present` lists, one a line, who may come back. Both 0600, written to a temporary name and renamed,
 * never through a link. `present` is written before `nologin` appears. */
#ifndef FARMGATE_AGENT_GATE_H
#define FARMGATE_AGENT_GATE_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct gate {
    char directory[256]; /* "" no files */
    bool written;        /* what is on disk is known: */
    bool closed;
    char *text, *present; /* as last written */
};

void gate_init(struct gate *gate, const char *directory);

/* Brings the files to this state; what is there already is not written again. `present`: user names as this
 * host's PAM spells them; those with control characters are left out. text: shown to users, a newline is
 * added. Called again after an error it tries everything again. */
int gate_apply(struct gate *gate, bool closed, const char *text, const char *const *present,
               size_t present_count, struct error_detail *ret_detail);

/* Leaves the files as they stand: deactivation survives the agent (RULES §4). */
void gate_finish(struct gate *gate);

#endif
