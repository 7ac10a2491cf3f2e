/* core_actions.h - how the core's own files put actions on the list. */
#ifndef FARMGATE_CORE_CORE_ACTIONS_H
#define FARMGATE_CORE_CORE_ACTIONS_H

#include "core.h"

/* Append a copy; false without memory, and then nothing was appended. */
bool core_actions_persist(struct core_actions *actions, const struct persist *persist);
bool core_actions_event(struct core_actions *actions, const struct log_event *event);
bool core_actions_clock(struct core_actions *actions, int64_t clock_ms);
bool core_actions_signal(struct core_actions *actions, enum action_type type); /* GATE, REPORT */

/* Takes back what was appended since the list had `count` actions. */
size_t core_actions_count(const struct core_actions *actions);
void core_actions_rewind(struct core_actions *actions, size_t count);

#endif
