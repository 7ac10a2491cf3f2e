/* shrink.h - a failing run made short: items are dropped as long as the same check goes on failing. */
#ifndef FARMGATE_TESTS_SIM_SHRINK_H
#define FARMGATE_TESTS_SIM_SHRINK_H

#include "world.h"

/* The part of a plan that still fails as *failed did; plan_destroy it. Its run is in *ret_outcome. It takes
 * at most so many runs. */
struct plan *shrink(const struct plan *plan, enum mistake mistake, const struct outcome *failed,
                    unsigned runs, struct outcome *ret_outcome);

#endif
