/* roff.h - texts as a manual page of mdoc(7) takes them. */
#ifndef FARMGATE_PACKAGING_ROFF_H
#define FARMGATE_PACKAGING_ROFF_H

#include <stdio.h>

/* Copies the manual page that argv[1] names to the standard output, and has `print` write in the place of its
 * line `mark`. The exit code of the whole program: 0, or else what is wrong has been said. */
int roff_fill(int argc, char **argv, const char *mark, void (*print)(FILE *out));

/* Running text within a line: what roff would take for its own is escaped, `words` in backquotes are set as
 * literals, {words} in braces as arguments, and sentences each begin a line of the page. */
void roff_text(FILE *out, const char *text);

/* The same as a line of its own. */
void roff_line(FILE *out, const char *text);

/* The same as a sentence: begins with a capital letter, unless its first word is no plain word, and ends with
 * a full stop. */
void roff_sentence(FILE *out, const char *text);

/* A macro with one text as its only argument, and punctuation behind it ("" for none). */
void roff_macro(FILE *out, const char *macro, const char *text, const char *punctuation);

#endif
