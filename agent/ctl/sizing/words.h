/* words.h - dates, spans and numbers as a buyer reads them. Dates are days from 1970-01-01 in the zone of the
 * days; instants are told in that zone, too. Every function returns its ret_text. */
#ifndef FARMGATE_CTL_SIZING_WORDS_H
#define FARMGATE_CTL_SIZING_WORDS_H

#include "recommend.h"

#define WORDS_BYTES 48

/* "2026-03-05" */
const char *words_date(int64_t date, char ret_text[WORDS_BYTES]);
/* "Mon", "Tue", …; 0 is Monday. */
const char *words_weekday(unsigned weekday);
unsigned words_weekday_of(int64_t date);
/* "Thu 5 March 2026" */
const char *words_long_date(int64_t date, char ret_text[WORDS_BYTES]);
/* "Thu 5 March 2026, 13:18:36" */
const char *words_instant(const struct sizing_zone *zone, int64_t at_ms, char ret_text[WORDS_BYTES]);
/* The date of an instant; *ret_ms: since its midnight. */
int64_t words_date_of(const struct sizing_zone *zone, int64_t at_ms, int64_t *ret_ms);
/* 2026 and 1..12 */
void words_month_of(int64_t date, int *ret_year, int *ret_month);
const char *words_month(int month); /* "Mar" */

/* "0", "20 s", "5 min", "1 h 12 min", "31 h", "3 days", "45 days": two figures that count. */
const char *words_span(int64_t ms, char ret_text[WORDS_BYTES]);
/* "12,345" */
const char *words_number(uint64_t number, char ret_text[WORDS_BYTES]);

/* "Mon-Fri 8-17 h": hours of the week in groups of days that are alike. Empty where there are none. `dash` is
 * what stands between. Where there are too many groups, "45 hours of the week". */
#define WORDS_OFFICE_BYTES 160
const char *words_office(const struct recommend_office *office, const char *dash,
                         char ret_text[WORDS_OFFICE_BYTES]);

#endif
