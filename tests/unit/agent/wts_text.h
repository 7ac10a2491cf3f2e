/* wts_text.h - what is told of a Windows host's sessions as text, kinds and routes included. */
#ifndef FARMGATE_TESTS_WTS_TEXT_H
#define FARMGATE_TESTS_WTS_TEXT_H

#include "agent/core/classify.h"

/* "ID USER KIND ROUTE STATE ADMINISTRATOR[ CLIENT][ closing]", a line each. */
void wts_write_down(const struct session_facts *facts, size_t count, char *ret, size_t bytes);

#endif
