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

/* --- a program that has the whole terminal ---------------------------------------------------- */

/* Wrapping, the cursor and the screen that was there before. */
#define CONSOLE_LEAVE "\033[?7h\033[?25h\033[?1049l"

struct console_signals {
    const int *endings; /* what ends it, ended by 0 */
    int stop, resume;   /* of a shell's jobs; 0: there are none here */
};
const struct console_signals *console_signals(void);

/* Stops this program and those it was started with, as the terminal's Ctrl-Z would; returns when it goes on.
 */
void console_stop(void);

/* Should the program crash, the terminal is given back before it ends as it would have. */
void console_guard(void);

/* Whether a terminal shows UTF-8 where the environment names this locale ("": none). */
bool console_is_utf8(const char *locale);

#endif
