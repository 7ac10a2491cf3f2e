#include "herd.h"

#include "world.h"

#include <string.h>

#define FARMS       1000
#define SEED        4711
#define EVENT_MS    (2 * HOUR_MS) /* when it begins */
#define CYCLE_MS    (20 * MINUTE_MS)
#define SECONDS     (CYCLE_MS / SECOND_MS)
#define MINUTES     (CYCLE_MS / MINUTE_MS)
#define BOOTED_MS   (10 * SECOND_MS) /* from power to an agent that reports */
#define SECOND_MOST 12 /* of a thousand farms: chance alone gives one or two, and eight now and then */

struct measure {
    int64_t from_ms;
    bool seen[FARMS];
    unsigned seconds[SECONDS];
};

const char *herd_event_text(enum herd_event event)
{
    static const char *const texts[] = {
        [HERD_OUTAGE] = "after an outage of seven hours",
        [HERD_RETRY_AFTER] = "after an hour of Retry-After: 600",
        [HERD_POWER_CUT] = "after a power cut",
    };
    return texts[event];
}

static void on_arrival(void *data, unsigned host, int64_t true_ms)
{
    struct measure *measure = data;
    if (true_ms < measure->from_ms || true_ms >= measure->from_ms + CYCLE_MS)
        return;
    measure->seen[host] = true;
    measure->seconds[(true_ms - measure->from_ms) / SECOND_MS]++;
}

static struct plan *plan_for(enum herd_event event, int64_t *ret_over_ms)
{
    struct plan *plan = plan_make_herd(SEED, FARMS, 12 * HOUR_MS);
    int64_t at_ms = plan->begin_ms + EVENT_MS;
    static const int64_t spans_ms[] = {
        [HERD_OUTAGE] = 7 * HOUR_MS, [HERD_RETRY_AFTER] = HOUR_MS, [HERD_POWER_CUT] = 10 * MINUTE_MS};
    *ret_over_ms = at_ms + spans_ms[event] + (event == HERD_POWER_CUT ? BOOTED_MS : 0);
    if (event == HERD_OUTAGE)
        plan_add(plan, PLAN_EVERYBODY, at_ms, ITEM_AUTHORITY_DIES, spans_ms[event], 0);
    for (unsigned i = 0; i < FARMS && event != HERD_OUTAGE; i++)
        plan_add(plan, i, at_ms, event == HERD_POWER_CUT ? ITEM_REBOOT : ITEM_PORTAL, spans_ms[event],
                 event == HERD_POWER_CUT ? 0 : 10 * MINUTE_MS);
    return plan;
}

struct herd_figures herd_run(enum herd_event event, bool in_step)
{
    struct measure measure = {0};
    struct herd_figures figures = {.least_minute = FARMS};
    struct outcome outcome;
    unsigned minutes[MINUTES] = {0};
    struct plan *plan = plan_for(event, &measure.from_ms);
    world_run_watched(plan, in_step, on_arrival, &measure, &outcome);
    plan_destroy(plan);
    if (outcome.witness.failed != CHECK_NONE)
        return (struct herd_figures){0};
    for (unsigned i = 0; i < FARMS; i++)
        figures.farms += measure.seen[i];
    for (unsigned i = 0; i < SECONDS; i++) {
        minutes[i / 60] += measure.seconds[i];
        figures.most_second =
            measure.seconds[i] > figures.most_second ? measure.seconds[i] : figures.most_second;
    }
    for (unsigned i = 0; i < MINUTES; i++) {
        figures.most_minute = minutes[i] > figures.most_minute ? minutes[i] : figures.most_minute;
        figures.least_minute = minutes[i] < figures.least_minute ? minutes[i] : figures.least_minute;
    }
    return figures;
}

bool herd_is_spread(const struct herd_figures *figures)
{
    return figures->farms == FARMS && figures->most_second <= SECOND_MOST && figures->least_minute > 0;
}
