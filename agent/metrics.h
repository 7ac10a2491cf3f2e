/* metrics.h - the agent's state as Prometheus text (DESIGN §5). */
#ifndef FARMGATE_AGENT_METRICS_H
#define FARMGATE_AGENT_METRICS_H

#include "agent/core/core.h"
#include "agent/farm/farm.h"

struct metrics_input {
    const struct core_status *status;
    const struct farm_place *place;
    int64_t now_ms;
    const char *version;
    bool store_healthy;
    unsigned api_clients;
};

/* To be freed with free(); NULL without memory. */
char *metrics_text(const struct metrics_input *input);

#endif
