/* help_text.h - what --help prints, in the columns that every terminal has. */
#ifndef FARMGATE_COMMON_HELP_TEXT_H
#define FARMGATE_COMMON_HELP_TEXT_H

#include <stdio.h>

#define HELP_COLUMNS 80

/* Writes a help text; a paragraph, usage or option with a line that is too wide is filled anew: an option's
 * text stays in its column, a usage breaks between its parts, what stands indented stays as it is.
 * Ends with a line's end. */
void help_print(FILE *file, const char *text);

#endif
