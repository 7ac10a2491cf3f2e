/* rules_core.h - the core beside the model: gets the same events at the same instants, keeps what it
 * persists, goes on from that after a restart, and is compared with the model after every step. */
#ifndef FARMGATE_TESTS_RULES_CORE_H
#define FARMGATE_TESTS_RULES_CORE_H

#include "rules_history.h"

#define RULES_DIFFERENCE_BYTES 512

struct rules_core;

struct rules_core *rules_core_create(const struct rules_settings *settings);
void rules_core_destroy(struct rules_core *core);

/* Does with the core what the model has just done; false if they differ now. */
bool rules_core_step(struct rules_core *core, struct history_run *run, const struct rules_event *event,
                     int64_t now_ms, bool taken);

/* For history_run: when the core's timer is due. */
int64_t rules_core_due_ms(void *core);

/* The first difference, "" if there is none. */
const char *rules_core_difference(const struct rules_core *core);

#endif
