/* standard_streams.h - a program that was started without them, or is left by who reads them. */
#ifndef FARMGATE_COMMON_PLATFORM_STANDARD_STREAMS_H
#define FARMGATE_COMMON_PLATFORM_STANDARD_STREAMS_H

#include <stdbool.h>

/* First in main(): whoever closed standard input, output or error before he started us (`>&-`) finds it
 * taken, so that no file or socket of ours becomes it. Writing to a stream that was closed fails. */
void standard_streams_hold(void);

/* Whether a write to standard output failed with this errno because its reader has gone (`| head`): nothing
 * to complain of. */
bool standard_output_left(int error);

#endif
