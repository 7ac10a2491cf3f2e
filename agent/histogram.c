#include "histogram.h"

#define MICROSECOND_NS UINT64_C(1000)
#define MILLISECOND_NS (1000 * MICROSECOND_NS)
#define SECOND_NS      (1000 * MILLISECOND_NS)

static const uint64_t bounds_ns[HISTOGRAM_BOUNDS] = {
    100 * MICROSECOND_NS, 500 * MICROSECOND_NS, 1 * MILLISECOND_NS,   5 * MILLISECOND_NS,
    10 * MILLISECOND_NS,  50 * MILLISECOND_NS,  100 * MILLISECOND_NS, 500 * MILLISECOND_NS,
    1 * SECOND_NS,        5 * SECOND_NS,        10 * SECOND_NS,
};

uint64_t histogram_bound_ns(size_t bound)
{
    return bounds_ns[bound];
}

void histogram_note(struct histogram *histogram, uint64_t duration_ns)
{
    size_t bound = 0;
    while (bound < HISTOGRAM_BOUNDS && duration_ns > bounds_ns[bound])
        bound++;
    histogram->counts[bound]++;
    histogram->sum_ns += duration_ns;
}
