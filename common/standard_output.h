/* standard_output.h - whether what a command printed has arrived. */
#ifndef FARMGATE_COMMON_STANDARD_OUTPUT_H
#define FARMGATE_COMMON_STANDARD_OUTPUT_H

#include <stdbool.h>

/* The last thing a command does: false if what it printed could not be written (a full disk), which is said
 * on standard error in the program's name - unless its reader has gone. */
bool standard_output_finish(const char *program);

#endif
