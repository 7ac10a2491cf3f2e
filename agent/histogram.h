/* histogram.h - how long things took, as Prometheus counts it: how many, their sum, and how many took no
 * longer than each of a few bounds. */
#ifndef FARMGATE_AGENT_HISTOGRAM_H
#define FARMGATE_AGENT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 11

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* by the first bound that holds it; the last: longer than all */
    uint64_t sum_ns;
};

/* The bounds rise, from a tenth of a millisecond to ten seconds. */
uint64_t histogram_bound_ns(size_t bound);

void histogram_note(struct histogram *histogram, uint64_t duration_ns);

#endif
