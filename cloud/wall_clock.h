/* wall_clock.h - the authority's time: the system's, Unix ms. */
#ifndef FARMGATE_CLOUD_WALL_CLOCK_H
#define FARMGATE_CLOUD_WALL_CLOCK_H

#include <stdint.h>

int64_t wall_clock_ms(void);

#endif
