#include "recommend.h"

#include "agent/core/usage.h"

int64_t recommend_log_ms(const struct sizing_result *result)
{
    return result->last_at_ms - result->first_at_ms;
}

int64_t recommend_above_ms(const struct sizing_result *result, uint32_t limit)
{
    int64_t above_ms = 0;
    for (uint32_t users = result->peak_users; users > limit; users--)
        above_ms += result->levels[users].held_ms;
    return above_ms;
}

/* ---- the least limit of which something holds ---------------------------------------------------------- */

static bool is_within_grace(const struct sizing_level *level)
{
    return level->excesses == 0 || level->last_above_until_ms - level->first_above_ms <= USAGE_GRACE_MS;
}

/* The grace begins when the first excess has settled. None before that begins it, and none may be behind. */
static bool is_within_settled_grace(const struct sizing_level *level)
{
    return level->settled_excesses == 0 ||
           level->last_above_until_ms - level->first_settled_at_ms <= USAGE_SETTLE_MS + USAGE_GRACE_MS;
}

static bool never_deactivates(const struct sizing_level *level)
{
    return level->longest_above_ms <= USAGE_OVER_AFTER_MS;
}

static uint32_t least(const struct sizing_result *result, bool (*holds)(const struct sizing_level *))
{
    uint32_t limit = 0;
    while (limit < result->peak_users && !holds(&result->levels[limit]))
        limit++;
    return limit;
}

/* A log without duration says nothing of shares of time. */
static uint32_t least_above_for(const struct sizing_result *result, unsigned percent)
{
    int64_t log_ms = recommend_log_ms(result), above_ms = 0;
    uint32_t limit = result->peak_users;
    while (log_ms > 0 && limit > 0 &&
           (above_ms + result->levels[limit].held_ms) * 100 <= log_ms * (int64_t)percent)
        above_ms += result->levels[limit--].held_ms;
    return limit;
}

/* ---- office time --------------------------------------------------------------------------------------- */

static double mean_of(const struct sizing_hour *hour)
{
    return hour->held_ms == 0 ? 0 : (double)hour->user_ms / (double)hour->held_ms;
}

static void find_office(const struct sizing_result *result, struct recommend_office *office)
{
    double busiest = 0;
    for (int i = 0; i < SIZING_WEEK_HOURS; i++)
        busiest = mean_of(&result->week[i]) > busiest ? mean_of(&result->week[i]) : busiest;
    for (int i = 0; i < SIZING_WEEK_HOURS && busiest > 0; i++) {
        office->hours[i] = mean_of(&result->week[i]) * 2 >= busiest;
        office->hour_count += office->hours[i];
        office->held_ms += office->hours[i] ? result->week[i].held_ms : 0;
    }
}

static int64_t office_held_ms(const struct sizing_result *result, const struct recommend_office *office,
                              uint32_t users)
{
    int64_t held_ms = 0;
    for (int i = 0; i < SIZING_WEEK_HOURS; i++)
        if (office->hours[i] && users < result->week[i].level_count)
            held_ms += result->week[i].levels[users];
    return held_ms;
}

uint32_t recommend_office_users(const struct sizing_result *result, const struct recommend_office *office,
                                unsigned percent)
{
    int64_t held_ms = 0;
    if (office->hour_count == 0)
        return 0;
    for (uint32_t users = 0; users < result->peak_users; users++) {
        held_ms += office_held_ms(result, office, users);
        if (held_ms * 100 >= office->held_ms * (int64_t)percent)
            return users;
    }
    return result->peak_users;
}

void recommend(const struct sizing_result *result, struct recommendation *ret_recommendation)
{
    struct recommendation recommendation = {.peak = result->peak_users};
    if (result->events > 0) {
        recommendation.one_percent = least_above_for(result, 1);
        recommendation.five_percent = least_above_for(result, 5);
        recommendation.within_grace = least(result, is_within_grace);
        recommendation.within_settled_grace = least(result, is_within_settled_grace);
        recommendation.never_deactivated = least(result, never_deactivates);
        find_office(result, &recommendation.office);
    }
    *ret_recommendation = recommendation;
}
