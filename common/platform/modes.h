/* modes.h - what is kept of a file's mode. */
#ifndef FARMGATE_COMMON_PLATFORM_MODES_H
#define FARMGATE_COMMON_PLATFORM_MODES_H

#include <stdbool.h>

/* Whether what stat() tells (st_mode) is what a file of this mode has; on Windows, where a file is private or
 * as open as its folder (windows/include/sys/stat.h), whether it is private if that is asked for. */
bool modes_match(unsigned told, unsigned mode);

#endif
