#include "cloud/ledger/term.h"

#include "cloud/ledger/calendar.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    int months;
} month_terms[] = {{"1m", 1}, {"1y", 12}, {"2y", 24}, {"3y", 36}};

static bool parse_days(const char *text, int *ret_days)
{
    int days = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        days = days * 10 + (*at - '0');
        if (days > TERM_DAYS_MAX)
            return false;
    }
    if (days == 0 || strcmp(at, "d") != 0)
        return false;
    *ret_days = days;
    return true;
}

bool term_parse(const char *text, struct term *ret)
{
    for (size_t i = 0; i < sizeof month_terms / sizeof month_terms[0]; i++) {
        if (strcmp(text, month_terms[i].text) == 0) {
            *ret = (struct term){.months = month_terms[i].months};
            return true;
        }
    }
    int days;
    if (!parse_days(text, &days))
        return false;
    *ret = (struct term){.days = days};
    return true;
}

void term_format(const struct term *term, char ret_text[TERM_TEXT_BYTES])
{
    if (term->months == 0)
        (void)snprintf(ret_text, TERM_TEXT_BYTES, "%dd", term->days);
    else if (term->months % 12 == 0)
        (void)snprintf(ret_text, TERM_TEXT_BYTES, "%dy", term->months / 12);
    else
        (void)snprintf(ret_text, TERM_TEXT_BYTES, "%dm", term->months);
}

int64_t term_end_ms(const struct term *term, int64_t start_ms, int anchor_day)
{
    if (term->months > 0)
        return calendar_add_months(start_ms, term->months, anchor_day);
    return start_ms + term->days * CALENDAR_DAY_MS;
}
