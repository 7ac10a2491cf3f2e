#include "clocks.h"

#include "core.h"

#include <assert.h>

const char *farm_clock_name(enum farm_clock clock)
{
    static const char *const names[] = {
        [CLOCK_SETTLING_ENDS] = "settling_ends",         [CLOCK_OVERUSE_GRACE_ENDS] = "overuse_grace_ends",
        [CLOCK_DEACTIVATES_AT] = "deactivates_at",       [CLOCK_EXPIRES_AT] = "expires_at",
        [CLOCK_EXPIRY_GRACE_ENDS] = "expiry_grace_ends", [CLOCK_REFRESH_BY] = "refresh_by",
        [CLOCK_NEXT_VALIDATION] = "next_validation",     [CLOCK_NEXT_REPORT] = "next_report",
    };
    static_assert(sizeof(names) / sizeof(names[0]) == CLOCK_MAX, "every clock has a name");
    return names[clock];
}

static int64_t if_set(int64_t instant_ms)
{
    return instant_ms != 0 ? instant_ms : INT64_MAX;
}

static int64_t standing_clock_ms(const struct standing *standing, enum farm_clock clock)
{
    const struct usage *usage = &standing->usage;
    if (standing->activation == ACTIVATION_NONE)
        return INT64_MAX;
    switch (clock) {
    case CLOCK_SETTLING_ENDS:
        return usage->state == USAGE_SETTLING ? usage->exceeding_since_ms + usage->settle_ms : INT64_MAX;
    case CLOCK_OVERUSE_GRACE_ENDS:
        return usage->state == USAGE_OVERUSE_GRACE ? usage_grace_ends_ms(usage) : INT64_MAX;
    case CLOCK_EXPIRES_AT:
        return if_set(standing->grant.expires_at_ms);
    case CLOCK_EXPIRY_GRACE_ENDS:
        return standing->term == TERM_EXPIRY_GRACE ? term_closes_ms(&standing->grant) : INT64_MAX;
    case CLOCK_REFRESH_BY:
        return if_set(standing->grant.refresh_by_ms);
    case CLOCK_DEACTIVATES_AT:
    case CLOCK_NEXT_VALIDATION:
    case CLOCK_NEXT_REPORT:
    case CLOCK_MAX:
        break;
    }
    return INT64_MAX;
}

int64_t farm_clock_ms(const struct core_status *status, enum farm_clock clock)
{
    switch (clock) {
    case CLOCK_DEACTIVATES_AT:
        return status->deactivates_ms;
    case CLOCK_NEXT_VALIDATION:
        return status->next_validation_ms;
    case CLOCK_NEXT_REPORT:
        return status->next_report_ms;
    default:
        return standing_clock_ms(&status->standing, clock);
    }
}
