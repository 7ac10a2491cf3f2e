/* admission.h - what the gate answers one user (RULES §4). Pure: who asks and how the farm stands in, the
 * answer out. */
#ifndef FARMGATE_CORE_ADMISSION_H
#define FARMGATE_CORE_ADMISSION_H

#include "connection.h"
#include "verdict.h"

struct tally;

#define ADMISSION_NO_LICENSE "no_license_free" /* the code where licences have run out */

struct admission_question {
    const char *user;
    const char *host;
    enum connection_kind kind;
    enum administrator administrator; /* of the user on that host */
};

struct admission_answer {
    bool gate;        /* may start or come back to a session */
    bool list;        /* may see published resources */
    const char *code; /* why not: verdict_reason_name, or ADMISSION_NO_LICENSE; "open" if both hold */
    const char *text; /* the same as a sentence for people */
};

/* `strict` (RULES §4): nobody passes a closed gate, and where licences have run out an administrator's
 * desktop passes only into a free exempt place. */
struct admission_answer admission_decide(const struct verdict *verdict, bool strict,
                                         const struct tally *tally,
                                         const struct admission_question *question);

/* What users read while licences have run out. */
const char *admission_run_out_text(void);

#endif
