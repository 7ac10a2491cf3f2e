/* rules_said.h - the core's log events that tell a transition or a warning, as the model tells it. */
#ifndef FARMGATE_TESTS_RULES_SAID_H
#define FARMGATE_TESTS_RULES_SAID_H

#include "rules_model.h"

#include "agent/core/log_event.h"

#define RULES_SAID_MAX 256

/* The instant is event time, as in the log. */
struct rules_said {
    int64_t at_ms;
    enum rules_what what;
    int64_t number;
};

/* In order. */
struct rules_sayings {
    struct rules_said all[RULES_SAID_MAX];
    size_t count;
};

void rules_said_add(struct rules_sayings *sayings, struct rules_said said);

/* Adds what the event tells, if it tells anything of the kind. */
void rules_said_log(struct rules_sayings *sayings, const struct log_event *event);

/* What is said of one machine: of several at one instant the last, and only what moved it from where it was
 * before. */
void rules_said_moves(const struct rules_sayings *from, enum rules_what what, int64_t before,
                      struct rules_sayings *to);

/* All that is said of one warning. */
void rules_said_of(const struct rules_sayings *from, enum rules_what what, struct rules_sayings *to);

#endif
