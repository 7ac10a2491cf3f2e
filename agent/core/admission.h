/* admission.h - what the gate answers one user (RULES §4). Pure: who asks and how the farm stands in, the
 * answer out. */
#ifndef FARMGATE_CORE_ADMISSION_H
#define FARMGATE_CORE_ADMISSION_H

#include "connection.h"
#include "verdict.h"

struct tally;

struct admission_question {
    const char *user;
    const char *host;
    enum connection_kind kind;
    enum administrator administrator; /* of the user on that host */
};

struct admission_answer {
    bool gate;                  /* may start or come back to a session */
    bool list;                  /* may see published resources */
    enum verdict_reason reason; /* why not; VERDICT_OPEN if both hold */
};

struct admission_answer admission_decide(const struct verdict *verdict, const struct tally *tally,
                                         const struct admission_question *question);

#endif
