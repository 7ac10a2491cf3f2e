/* countdown.h - warnings on the way to an instant: some days before it, the most urgent one that has passed.
 */
#ifndef FARMGATE_CORE_COUNTDOWN_H
#define FARMGATE_CORE_COUNTDOWN_H

#include <stdint.h>

/* `days`: days before the end at which to warn, falling, closed by 0. The last of them that has passed at
 * now_ms; 0: none yet. At the instant itself it has. */
unsigned countdown_passed(const unsigned *days, int64_t end_ms, int64_t now_ms);

/* The next instant after now_ms at which countdown_passed changes; INT64_MAX: none. */
int64_t countdown_next_ms(const unsigned *days, int64_t end_ms, int64_t now_ms);

#endif
