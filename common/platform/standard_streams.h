/* standard_streams.h - a program that was started without them. */
#ifndef FARMGATE_COMMON_PLATFORM_STANDARD_STREAMS_H
#define FARMGATE_COMMON_PLATFORM_STANDARD_STREAMS_H

/* First in main(): whoever closed standard input, output or error before he started us (`>&-`) finds it
 * taken, so that no file or socket of ours becomes it. Writing to a stream that was closed fails. */
void standard_streams_hold(void);

#endif
