#include "usage.h"

#include <assert.h>
#include <stddef.h>

#define WARNING_HYSTERESIS 5 /* points */

/* What may happen to a state. */
enum usage_input {
    EXCEEDS, /* users rise above the limit */
    FITS,    /* users fall to the limit, or below */
    SETTLED, /* they have exceeded it for the settling time */
    GRACE_ENDS,
    VALIDATED_OVER, /* a validation found them above it for an hour */
    VALIDATED_FIT,  /* a validation found them within it */
    PURCHASED
};

/* Every move there is; what is not here moves nothing. */
static const struct {
    enum usage_state from;
    enum usage_input input;
    enum usage_state to;
} moves[] = {
    {USAGE_WITHIN, EXCEEDS, USAGE_SETTLING},        {USAGE_SETTLING, FITS, USAGE_WITHIN},
    {USAGE_SETTLING, SETTLED, USAGE_OVERUSE_GRACE}, {USAGE_OVERUSE_GRACE, GRACE_ENDS, USAGE_ENFORCED},
    {USAGE_ENFORCED, VALIDATED_OVER, USAGE_OVER},   {USAGE_OVER, VALIDATED_FIT, USAGE_ENFORCED},
    {USAGE_SETTLING, PURCHASED, USAGE_WITHIN},      {USAGE_OVERUSE_GRACE, PURCHASED, USAGE_WITHIN},
    {USAGE_ENFORCED, PURCHASED, USAGE_WITHIN},      {USAGE_OVER, PURCHASED, USAGE_WITHIN},
};

struct cell {
    const char *name;
    bool closes;
};

static const struct cell *cell_of(enum usage_state state)
{
    static const struct cell cells[] = {
        [USAGE_WITHIN] = {"within", false},
        [USAGE_SETTLING] = {"settling", false},
        [USAGE_OVERUSE_GRACE] = {"overuse_grace", false},
        [USAGE_ENFORCED] = {"enforced", false},
        [USAGE_OVER] = {"over", true},
    };
    static_assert(sizeof(cells) / sizeof(cells[0]) == USAGE_STATE_MAX, "every state has its cell");
    return &cells[state];
}

static void move(struct usage *usage, enum usage_input input)
{
    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        if (moves[i].from == usage->state && moves[i].input == input) {
            usage->state = moves[i].to;
            return;
        }
    }
}

const char *usage_state_name(enum usage_state state)
{
    return cell_of(state)->name;
}

bool usage_state_closes(enum usage_state state)
{
    return cell_of(state)->closes;
}

static int64_t settles_ms(const struct usage *usage)
{
    return usage->exceeding_since_ms + usage->settle_ms;
}

static void start_grace(struct usage *usage, int64_t now_ms)
{
    move(usage, SETTLED);
    usage->grace_started_ms = now_ms;
}

void usage_judge(struct usage *usage, bool exceeds, int64_t settle_ms, int64_t now_ms)
{
    if (exceeds == (usage->exceeding_since_ms != 0))
        return;
    usage->exceeding_since_ms = exceeds ? now_ms : 0;
    usage->settle_ms = exceeds ? settle_ms : 0;
    move(usage, exceeds ? EXCEEDS : FITS);
    if (usage->state == USAGE_SETTLING && settle_ms == 0)
        start_grace(usage, now_ms);
}

void usage_resettle(struct usage *usage, int64_t settle_ms, int64_t now_ms)
{
    if (usage->state != USAGE_SETTLING || usage->settle_ms == settle_ms)
        return;
    usage->settle_ms = settle_ms;
    if (settles_ms(usage) <= now_ms)
        start_grace(usage, now_ms);
}

int64_t usage_grace_ends_ms(const struct usage *usage)
{
    return usage->grace_started_ms != 0 ? usage->grace_started_ms + USAGE_GRACE_MS : INT64_MAX;
}

int64_t usage_due_ms(const struct usage *usage)
{
    if (usage->state == USAGE_SETTLING)
        return settles_ms(usage);
    if (usage->state != USAGE_OVERUSE_GRACE)
        return INT64_MAX;
    return usage_grace_ends_ms(usage) - (usage->grace_end_said ? 0 : USAGE_GRACE_WARNING_MS);
}

void usage_pass(struct usage *usage, int64_t now_ms)
{
    if (usage->state == USAGE_SETTLING && now_ms >= settles_ms(usage))
        start_grace(usage, settles_ms(usage));
    if (usage->state != USAGE_OVERUSE_GRACE)
        return;
    int64_t ends_ms = usage_grace_ends_ms(usage);
    if (now_ms >= ends_ms - USAGE_GRACE_WARNING_MS)
        usage->grace_end_said = true;
    if (now_ms >= ends_ms)
        move(usage, GRACE_ENDS);
}

/* If users exceed the limit when the grace ends, the hour starts at that end. */
int64_t usage_deactivates_ms(const struct usage *usage)
{
    if (usage->state != USAGE_ENFORCED || usage->exceeding_since_ms == 0)
        return INT64_MAX;
    int64_t since_ms = usage->exceeding_since_ms, ends_ms = usage_grace_ends_ms(usage);
    return (since_ms > ends_ms ? since_ms : ends_ms) + USAGE_OVER_AFTER_MS;
}

void usage_validate(struct usage *usage, int64_t now_ms)
{
    if (usage->exceeding_since_ms == 0)
        move(usage, VALIDATED_FIT);
    else if (now_ms >= usage_deactivates_ms(usage))
        move(usage, VALIDATED_OVER);
}

void usage_purchased(struct usage *usage)
{
    move(usage, PURCHASED);
    usage->exceeding_since_ms = usage->settle_ms = usage->grace_started_ms = 0;
    usage->grace_end_said = false;
}

void usage_rest(struct usage *usage)
{
    move(usage, FITS);
    usage->exceeding_since_ms = usage->settle_ms = 0;
    usage->warned_percent = 0;
}

static void cut(int64_t *instant_ms, int64_t now_ms)
{
    if (*instant_ms > now_ms)
        *instant_ms = now_ms;
}

void usage_set_back(struct usage *usage, bool anew, int64_t now_ms)
{
    cut(&usage->exceeding_since_ms, now_ms);
    if (usage->grace_started_ms == 0)
        return;
    cut(&usage->grace_started_ms, now_ms);
    if (now_ms >= usage_grace_ends_ms(usage))
        return;
    usage->state = USAGE_OVERUSE_GRACE;
    if (anew)
        usage->grace_end_said = now_ms >= usage_grace_ends_ms(usage) - USAGE_GRACE_WARNING_MS;
}

/* Percents without a division; a limit of 0 is passed by the first user. */
static bool reaches(uint32_t users, uint32_t limit, unsigned percent)
{
    return limit == 0 ? users > 0 : (uint64_t)users * 100 >= (uint64_t)limit * percent;
}

static unsigned taken_back_below(unsigned percent)
{
    return percent > WARNING_HYSTERESIS ? percent - WARNING_HYSTERESIS : 1;
}

unsigned usage_warning(const struct usage_warnings *warnings, unsigned warned_percent, uint32_t users,
                       uint32_t limit)
{
    static const struct usage_warnings usual = {{80, 90, 100}};
    const unsigned *percents = warnings->percents[0] != 0 ? warnings->percents : usual.percents;
    for (size_t i = USAGE_WARNINGS_MAX; i-- > 0;) {
        unsigned percent = percents[i];
        unsigned held = percent <= warned_percent ? taken_back_below(percent) : percent;
        if (percent != 0 && reaches(users, limit, held))
            return percent;
    }
    return 0;
}
