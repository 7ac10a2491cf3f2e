/* rules_outcome.h - what a history comes to: as text, a line a fact, for the same rules written in another
 * language; and as counts of the states and transitions it went through. */
#ifndef FARMGATE_TESTS_RULES_OUTCOME_H
#define FARMGATE_TESTS_RULES_OUTCOME_H

#include "rules_history.h"

#define OUTCOME_STATES_MAX 8

/* Prints what the model told in this step, and how it stands after it. */
void outcome_print(const struct history_run *run, bool taken, FILE *file);

struct outcome_counts {
    uint64_t steps, windows, reports, refused_events, modes[3], told[RULES_TOLD_MAX];
    int64_t last[RULES_TOLD_MAX];
    uint64_t moves[RULES_TOLD_REASON + 1][OUTCOME_STATES_MAX][OUTCOME_STATES_MAX];
};

/* A history begins: every machine stands at its first state. */
void outcome_begin(struct outcome_counts *counts);
void outcome_count(struct outcome_counts *counts, const struct history_run *run, bool taken);
/* Prints the counts as comments; false if a state, transition or warning came less than `least` times. */
bool outcome_covers(const struct outcome_counts *counts, uint64_t least, FILE *file);

#endif
