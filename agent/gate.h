/* gate.h - the gate's files (farmgate-pam(8)): `nologin` exists while the farm is deactivated, and while its
 * licences have run out, with the text users see; `present` lists, one a line, who may come back. All are
 * 0600, written to a temporary name and renamed, never through a link. `present` is written before `nologin`
 * appears.
 *
 * Only deactivation survives the agent (RULES §4): while nologin stands because licences have run out, the
 * file `run-out` stands beside it. It is written before that nologin; before a deactivation replaces it, that
 * one's text is added to `run-out`, which goes when it stands. So whoever finds it after the agent's end may
 * remove both, unless nologin is what it tells of: then the deactivation stays. */
#ifndef FARMGATE_AGENT_GATE_H
#define FARMGATE_AGENT_GATE_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

/* pam_listfile reads lines of 255 bytes; the rest of a longer one would be another name. */
#define GATE_NAME_BYTES_MAX 254

enum gate_state { GATE_OPEN, GATE_RUN_OUT, GATE_CLOSED };

struct gate {
    char directory[256]; /* "" no files */
    bool written;        /* what is on disk is known: */
    enum gate_state state;
    char *text, *present; /* as last written */
};

void gate_init(struct gate *gate, const char *directory);

/* Brings the files to this state; what is there already is not written again. `present`: user names as this
 * host's PAM spells them; those with control characters and those longer than GATE_NAME_BYTES_MAX are left
 * out. text: shown to users while the state is not GATE_OPEN, a newline is added. Called again after an error
 * it tries everything again. */
int gate_apply(struct gate *gate, enum gate_state state, const char *text, const char *const *present,
               size_t present_count, struct error_detail *ret_detail);

/* Whatever agent wrote the files of this directory has ended: a nologin that stands because licences had run
 * out goes, a deactivation stays. "": nothing to do. */
int gate_after_stop(const char *directory, struct error_detail *ret_detail);

/* The same for this gate; what remains is left as it stands. */
int gate_finish(struct gate *gate, struct error_detail *ret_detail);

#endif
