/* recognise.h - which format a file has, by its first bytes. */
#ifndef FARMGATE_CTL_RECOGNISE_H
#define FARMGATE_CTL_RECOGNISE_H

#include "reader.h"

/* The surest of all formats; NULL with *ret_why ("looks binary, …") where none knows them. */
const struct reader_format *recognise(const char *head, size_t bytes, bool whole, const char **ret_why);

/* Nothing but blanks and ends of lines: a log without events, whatever its format. */
bool recognise_blank(const char *head, size_t bytes, bool whole);

#endif
