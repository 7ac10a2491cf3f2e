/* html.h - texts that come from a log, on a page: whatever they hold, they stay texts. */
#ifndef FARMGATE_CTL_SIZING_HTML_H
#define FARMGATE_CTL_SIZING_HTML_H

#include <stdio.h>

/* Writes a text between tags or in a quoted attribute. What is no UTF-8, and control characters, become
 * U+FFFD. */
void html_text(FILE *file, const char *text);

#endif
