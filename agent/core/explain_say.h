/* explain_say.h - how sentences are made, for whoever explains something. */
#ifndef FARMGATE_CORE_EXPLAIN_SAY_H
#define FARMGATE_CORE_EXPLAIN_SAY_H

#include "explain.h"

/* A sentence without fields yet, and one that is added to others. One too many is our own bug. */
struct explain_sentence explain_begin(enum explain_code code);
struct explain_sentence *explain_say(struct explain_why *why, enum explain_code code);

/* A field; one that the table does not declare for the sentence is our own bug. */
void explain_text(struct explain_sentence *sentence, const char *name, const char *text);
void explain_number(struct explain_sentence *sentence, const char *name, int64_t number);

#endif
