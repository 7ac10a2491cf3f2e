/* console.h - what the terminal is, and how wide it shows a character. */
#ifndef FARMGATE_CTL_CONSOLE_H
#define FARMGATE_CTL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* 0: no terminal, or one that does not tell. */
unsigned console_columns(FILE *file);

/* Whether it is a terminal that knows the sequences for colours; where it has to be asked for that, it is. */
bool console_colours(FILE *file);

/* The first character of a text that is not empty: its bytes, and its columns (-1: none that may be shown).
 */
size_t console_character(const char *text, int *ret_columns);

#endif
