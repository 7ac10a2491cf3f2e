/* answer.h - what a log came to, as people and programs read it. All return 0 or a negative code of
 * common/error.h; whether the file took it all, its owner asks (ferror). */
#ifndef FARMGATE_CTL_SIZING_ANSWER_H
#define FARMGATE_CTL_SIZING_ANSWER_H

#include "recommend.h"

#include "common/error.h"

#include <stdio.h>

struct term;

struct answer {
    const struct sizing_result *result;
    const struct recommendation *recommendation;
    const struct sizing_zone *zone; /* of days, hours and instants; NULL: UTC */
    const char *zone_name;          /* "UTC", "CET" */
    unsigned routes_counted;        /* ROUTE_BIT()s */
    int64_t limit_asked;            /* a number of licences to tell of; CHOICES_NONE_ASKED */
};

/* For a terminal: charts as wide as it is, of ASCII where `unicode` is false. */
int answer_text(const struct answer *answer, const struct term *term, bool unicode);

/* One JSON object: the peak of every window; with `full` everything else as well. Instants are UTC. */
int answer_json(const struct answer *answer, bool full, FILE *file);

/* "start,peak_users" and a line a window. */
int answer_csv(const struct answer *answer, FILE *file);

/* A page that needs nothing else. */
int answer_html(const struct answer *answer, FILE *file);
/* The same written whole to `path`, or not at all: as file_replace. */
int answer_html_file(const struct answer *answer, const char *path, struct error_detail *ret_detail);

/* Whether this locale's characters are Unicode's (LC_ALL, LC_CTYPE, LANG). */
bool answer_unicode(void);

/* The zone that this machine's clocks show (TZ, else the system's), and its name from one instant to another
 * ("CET", or where its clocks were changed "CET/CEST"). */
#define ANSWER_ZONE_BYTES 32
extern const struct sizing_zone answer_local_zone;
const char *answer_local_zone_name(int64_t first_ms, int64_t last_ms, char ret_name[ANSWER_ZONE_BYTES]);

#endif
