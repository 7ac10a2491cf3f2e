#include "choices.h"

#include "agent/core/usage.h"

#include <stdlib.h>

#define YEAR_MS 31556952000.0 /* the mean of the Gregorian ones */

const char *choice_words(enum choice_reason reason)
{
#define CHOICE_WORDS(name, words) words,
    static const char *const all[] = {CHOICES(CHOICE_WORDS)};
#undef CHOICE_WORDS
    return all[reason];
}

struct choice choice_of(const struct sizing_result *result, uint32_t limit)
{
    static const struct sizing_level never = {0};
    const struct sizing_level *level = limit < result->peak_users ? &result->levels[limit] : &never;
    int64_t log_ms = recommend_log_ms(result), above_ms = recommend_above_ms(result, limit);
    double a_year_ms = log_ms == 0 ? 0 : (double)above_ms * YEAR_MS / (double)log_ms;
    return (struct choice){
        .limit = limit,
        .above_ms = above_ms,
        .a_year_ms = log_ms < CHOICES_YEAR_FROM_MS ? -1 : (int64_t)a_year_ms,
        .excesses = level->excesses,
        .longest_ms = level->longest_above_ms,
    };
}

static int by_limit(const void *one, const void *other)
{
    const struct choice *a = one, *b = other;
    return (a->limit < b->limit) - (a->limit > b->limit);
}

/* Adds a reason to the limit's choice, which may be a new one. */
static void offer(const struct sizing_result *result, enum choice_reason reason, uint32_t limit,
                  struct choice *choices, size_t *count)
{
    size_t i = 0;
    while (i < *count && choices[i].limit != limit)
        i++;
    if (i == *count)
        choices[(*count)++] = choice_of(result, limit);
    choices[i].reasons |= 1u << reason;
}

size_t choices_make(const struct sizing_result *result, const struct recommendation *recommendation,
                    int64_t asked, struct choice ret_choices[CHOICE_MAX])
{
    const struct recommendation *it = recommendation;
    size_t count = 0;
    if (result->events == 0)
        return 0;
    offer(result, CHOICE_PEAK, it->peak, ret_choices, &count);
    if (recommend_log_ms(result) > USAGE_GRACE_MS) {
        offer(result, CHOICE_WITHIN_GRACE, it->within_grace, ret_choices, &count);
        if (it->within_settled_grace != it->within_grace)
            offer(result, CHOICE_WITHIN_SETTLED_GRACE, it->within_settled_grace, ret_choices, &count);
    }
    offer(result, CHOICE_NEVER_DEACTIVATED, it->never_deactivated, ret_choices, &count);
    offer(result, CHOICE_ONE_PERCENT, it->one_percent, ret_choices, &count);
    offer(result, CHOICE_FIVE_PERCENT, it->five_percent, ret_choices, &count);
    if (it->office.hour_count > 0)
        offer(result, CHOICE_OFFICE_95, recommend_office_users(result, &it->office, 95), ret_choices, &count);
    if (asked != CHOICES_NONE_ASKED)
        offer(result, CHOICE_ASKED, (uint32_t)asked, ret_choices, &count);
    qsort(ret_choices, count, sizeof *ret_choices, by_limit);
    return count;
}
