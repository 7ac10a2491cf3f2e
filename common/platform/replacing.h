/* replacing.h - one file in the place of another. */
#ifndef FARMGATE_COMMON_PLATFORM_REPLACING_H
#define FARMGATE_COMMON_PLATFORM_REPLACING_H

/* rename() of a file. On Windows, where one that somebody has open cannot be replaced, it waits up to 0.1 s
 * for whoever looks at every new file (against viruses, for a backup). 0, or -1 with errno. */
int replacing_rename(const char *from, const char *to);

#endif
