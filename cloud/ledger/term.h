/* term.h - how long a subscription runs (RULES §5.1): calendar months, or days. Pure. */
#ifndef FARMGATE_CLOUD_LEDGER_TERM_H
#define FARMGATE_CLOUD_LEDGER_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERM_DAYS_MAX   3660
#define TERM_TEXT_BYTES 12

struct term { /* exactly one is not 0 */
    int months;
    int days;
};

/* "1m", "1y", "2y", "3y" or "DAYSd" (1 … TERM_DAYS_MAX); false for anything else. */
bool term_parse(const char *text, struct term *ret);
void term_format(const struct term *term, char ret_text[TERM_TEXT_BYTES]);

/* The first instant after a term that begins at start_ms. The time of day is kept, so that nobody gets less
 * than was bought. Months end on `anchor_day` of the month, or on its last day if it has none such: counted
 * from the last end alone, 31 January would become 28 February, and stay a 28th for ever. */
int64_t term_end_ms(const struct term *term, int64_t start_ms, int anchor_day);

#endif
