/* size_answer.h - gives the answers of `farmgate size` in the form that was asked for. */
#ifndef FARMGATE_CTL_SIZE_ANSWER_H
#define FARMGATE_CTL_SIZE_ANSWER_H

#include "agent/ctl/sizing/sizing.h"

#include <stdbool.h>

enum size_form { SIZE_TEXT, SIZE_JSON, SIZE_JSON_FULL, SIZE_CSV, SIZE_HTML };

struct size_answer {
    enum size_form form; /* on the standard output */
    const char *html;    /* a page is written to this file as well; NULL: none */
    int64_t limit;       /* a number of licences to tell of; -1: none */
    bool utc;            /* days, hours and times as UTC has them, not this machine's zone */
};

/* Of sizing_create. */
const struct sizing_zone *size_answer_zone(const struct size_answer *settings);

/* A COMMAND_ code; what failed was said. */
int size_answer(const struct size_answer *settings, const struct sizing_result *result,
                unsigned routes_counted);

#endif
