/* pictures.h - a page's pictures, each an <svg> with a title and a description of its own. Colours are the
 * page's (answer_style.c). */
#ifndef FARMGATE_CTL_SIZING_PICTURES_H
#define FARMGATE_CTL_SIZING_PICTURES_H

#include "answer.h"
#include "choices.h"
#include "periods.h"

/* The most users of every period, and the limits that are offered. */
void picture_periods(const struct answer *answer, const struct periods *periods, const struct choice *choices,
                     size_t choice_count, FILE *file);
/* The day of the peak, by windows. */
void picture_peak_day(const struct answer *answer, FILE *file);
/* How many users are on in each hour of the week; office time has a frame. */
void picture_week(const struct answer *answer, FILE *file);
/* For what share of office time, and of all time, more than how many were on. */
void picture_curve(const struct answer *answer, FILE *file);

#endif
