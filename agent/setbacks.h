/* setbacks.h - what the authority refused, and what kept its answers from coming: in words, with what to do
 * about it, and since when. Pure.
 *
 * Kept from the first failure until the next contact that succeeds, so that an administrator who comes later
 * finds it in `farmgate status`. In memory: after a restart the next attempt says it again. */
#ifndef FARMGATE_AGENT_SETBACKS_H
#define FARMGATE_AGENT_SETBACKS_H

#include "agent/core/explain.h"
#include "common/error.h"

#include <stdint.h>

#define SETBACK_WINDOW_REFUSED 1 /* in the place of an error: a report succeeded, but not for this window */

enum setback_code {
#define SETBACK(name, error, problem, what, remedy) SETBACK_##name,
#include "agent/setbacks.def"
    SETBACK_CODE_MAX
};

/* What had been asked. */
enum setback_asked {
    SETBACK_ACTIVATION,
    SETBACK_REPORT,
    SETBACK_RELEASE,
    SETBACK_WINDOW, /* to count one: SETBACK_WINDOW_REFUSED */
    SETBACK_ASKED_MAX
};

/* How it ended. Texts are copied; NULL is "". */
struct setback_cause {
    enum setback_asked asked;
    int error; /* of error.h or core_error.h, or SETBACK_WINDOW_REFUSED */
    int http_status;
    const char *problem; /* the authority's problem code; why a window was refused */
    const char *said;    /* for people, as it came */
    int64_t moves_left;  /* -1 not told */
    int64_t retry_after_ms;
};

struct setback {
    enum setback_asked asked;
    enum setback_code code;
    int64_t since_ms, last_ms; /* licence time */
    int64_t tries;             /* in a row that ended so; of windows: how many of the last report */
    int64_t moves_left;        /* -1 not told */
    int64_t not_before_ms;     /* 0 not told */
    char said[EXPLAIN_SAID_BYTES_MAX + 1];
};

#define SETBACKS_MAX 8 /* one for whatever failed, and one for each reason why windows were refused */
struct setbacks {
    struct setback kept[SETBACKS_MAX];
    size_t count;
};

/* Something failed. The same again goes on with when it began; another failure of what was asked takes its
 * place. Returns what is kept of it now, valid until the next call. */
const struct setback *setbacks_note(struct setbacks *setbacks, const struct setback_cause *cause,
                                    int64_t now_ms);

/* The authority was reached, and did what it was asked. */
void setbacks_clear(struct setbacks *setbacks);

const char *setback_code_name(enum setback_code code);    /* "key_in_use" */
const char *setback_asked_name(enum setback_asked asked); /* "activation" */

/* What happened, and what to do. Texts live as long as *setback. `lead`: with since when and how often. */
void setback_explain(const struct setback *setback, bool lead, struct explain_why *ret_why,
                     struct explain_why *ret_remedies);

/* The same in one line of English, without the lead. */
void setback_write(const struct setback *setback, struct error_detail *ret_text);

#endif
