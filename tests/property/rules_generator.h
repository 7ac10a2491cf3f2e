/* rules_generator.h - random histories of one farm, made so that every state of every machine is visited: the
 * world knows the limit and moves around it for minutes or weeks, and likes the instants at which something
 * falls due. The same seed gives the same history. */
#ifndef FARMGATE_TESTS_RULES_GENERATOR_H
#define FARMGATE_TESTS_RULES_GENERATOR_H

#include "rules_history.h"

/* Fills an initialised history, running it as it goes: the watcher sees every step and may end it. Returns
 * its host-days: hosts times simulated days. */
double rules_generate(uint64_t seed, struct history *history, history_watcher *watcher, void *data);

#endif
