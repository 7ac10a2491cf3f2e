/* recommend.h - how many licences to buy, worked out of what a log came to. Pure.
 *
 * A limit is exceeded while more users than it are on. Every recommendation is the least limit of which
 * something holds; all of them are at most the peak. */
#ifndef FARMGATE_CTL_SIZING_RECOMMEND_H
#define FARMGATE_CTL_SIZING_RECOMMEND_H

#include "sizing.h"

#include <stdbool.h>

/* Office time: the hours of the week in which on average at least half as many users are on as in the busiest
 * of them. */
struct recommend_office {
    bool hours[SIZING_WEEK_HOURS];
    unsigned hour_count;
    int64_t held_ms; /* of the log */
};

struct recommendation {
    uint32_t peak;                      /* never exceeded */
    uint32_t one_percent, five_percent; /* exceeded for at most so much of the log's time */
    /* Every excess lies within 7 days of the first one's begin, so that the grace covers it (RULES §3.6). An
     * excess counts however short it is: the answer errs towards one licence more. `settled` is the answer to
     * what the farm itself would do, whose grace no excess of less than 60 s begins: nobody is ever turned
     * away for want of a licence. */
    uint32_t within_grace, within_settled_grace;
    /* No excess without interruption is longer than 60 minutes: with the grace spent no validation, at
     * whatever phase, would deactivate the farm (RULES §3.7). */
    uint32_t never_deactivated;
    struct recommend_office office;
};

/* Without events all is zero. */
void recommend(const struct sizing_result *result, struct recommendation *ret_recommendation);

/* From the first event to the last. */
int64_t recommend_log_ms(const struct sizing_result *result);
/* For how long more than `limit` users were on. */
int64_t recommend_above_ms(const struct sizing_result *result, uint32_t limit);
/* The least number of users that was not passed for `percent` of office time; 0 without any. */
uint32_t recommend_office_users(const struct sizing_result *result, const struct recommend_office *office,
                                unsigned percent);

#endif
