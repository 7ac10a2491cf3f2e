/* world.h - one plan run from its first to its last instant, then healed, and its books closed. */
#ifndef FARMGATE_TESTS_SIM_WORLD_H
#define FARMGATE_TESTS_SIM_WORLD_H

#include "mistakes.h"
#include "plan.h"
#include "witness.h"

struct outcome {
    struct witness witness;
    uint64_t host_days, steps;
};

/* The same plan and mistake give the same outcome. */
void world_run(const struct plan *plan, enum mistake mistake, struct outcome *ret);

/* The same, and prints every step of one host. */
void world_run_traced(const struct plan *plan, enum mistake mistake, unsigned host, struct outcome *ret);

/* The same, and tells of every report that reaches the authority. `in_step`: farms whose cycles lie together.
 */
typedef void world_arrival_fn(void *data, unsigned host, int64_t true_ms);
void world_run_watched(const struct plan *plan, bool in_step, world_arrival_fn *arrival, void *data,
                       struct outcome *ret);

#endif
