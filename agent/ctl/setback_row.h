/* setback_row.h - one of the answer's "setbacks", as the commands read it: where its sentences stand. */
#ifndef FARMGATE_CTL_SETBACK_ROW_H
#define FARMGATE_CTL_SETBACK_ROW_H

#include "said.h"

#define SETBACK_ROWS_MAX 16 /* what is read; the agent tells of fewer */

struct setback_row {
    char asked[16]; /* "activation" */
    struct json_span why[EXPLAIN_WHY_MAX], remedies[EXPLAIN_WHY_MAX];
    size_t why_count, remedies_count;
};
extern const struct json_shape setback_row_shape;

/* What happened and what to do, one sentence after another; lives as long as said_text's. */
const char *setback_row_text(const struct setback_row *row, struct said *said);

#endif
