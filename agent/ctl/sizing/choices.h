/* choices.h - the numbers of licences that a buyer may choose from, and what each would have meant. */
#ifndef FARMGATE_CTL_SIZING_CHOICES_H
#define FARMGATE_CTL_SIZING_CHOICES_H

#include "recommend.h"

/* Why a number is offered: CHOICE(name, words). */
#define CHOICES(CHOICE)                                                          \
    CHOICE(PEAK, "nobody is ever turned away: the peak")                         \
    CHOICE(WITHIN_GRACE, "the 7 days of grace cover every excess")               \
    CHOICE(WITHIN_SETTLED_GRACE, "so they do, excesses of up to a minute aside") \
    CHOICE(NEVER_DEACTIVATED, "never deactivated: no excess is over 60 minutes") \
    CHOICE(ONE_PERCENT, "too few for at most 1 % of the time")                   \
    CHOICE(FIVE_PERCENT, "too few for at most 5 % of the time")                  \
    CHOICE(OFFICE_95, "enough for 95 % of office time")                          \
    CHOICE(ASKED, "the number that was asked for")

#define CHOICE_ENUM(name, words) CHOICE_##name,
enum choice_reason { CHOICES(CHOICE_ENUM) CHOICE_MAX };
#undef CHOICE_ENUM

struct choice {
    uint32_t limit;
    unsigned reasons;   /* bits of enum choice_reason */
    int64_t above_ms;   /* for so long more were on */
    int64_t a_year_ms;  /* which would be so much a year; -1: the log is too short to say */
    uint64_t excesses;  /* so often */
    int64_t longest_ms; /* at most so long without interruption */
};

#define CHOICES_YEAR_FROM_MS (INT64_C(28) * 86400000) /* a log shorter than that says nothing of years */

const char *choice_words(enum choice_reason reason);
/* The same of any limit, above the peak as well, without a reason. */
struct choice choice_of(const struct sizing_result *result, uint32_t limit);

#define CHOICES_NONE_ASKED INT64_C(-1)

/* The highest limit first, each once; returns how many. A log no longer than the grace says nothing of it.
 * `asked` is a limit that is among them, or CHOICES_NONE_ASKED. */
size_t choices_make(const struct sizing_result *result, const struct recommendation *recommendation,
                    int64_t asked, struct choice ret_choices[CHOICE_MAX]);

#endif
