/* event_text.h - the text of a log event as documents have it, where no field has a value yet. */
#ifndef FARMGATE_PACKAGING_EVENT_TEXT_H
#define FARMGATE_PACKAGING_EVENT_TEXT_H

#include "common/platform/hints.h"

#include <stddef.h>

#define EVENT_TEXT_BYTES 1024

/* Copies the text and, of the words for one and for many, takes those for many; {fields} stay. */
void event_text_many(const char *text, char ret[EVENT_TEXT_BYTES]);

/* Copies the advice, with what is said on that system in the place of each {hint}. */
void event_text_advice(const char *advice, enum hint_system system, char ret[EVENT_TEXT_BYTES]);

#endif
