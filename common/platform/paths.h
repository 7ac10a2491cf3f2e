/* paths.h - where the system keeps things. Paths have "/" between their parts everywhere. */
#ifndef FARMGATE_COMMON_PLATFORM_PATHS_H
#define FARMGATE_COMMON_PLATFORM_PATHS_H

#include <limits.h>
#include <stdbool.h>

/* Whether a path begins at a root: "/", on Windows "C:/", "//./pipe/", "%ProgramData%/"; with "\" as well. */
bool paths_absolute(const char *path);

/* An absolute path as every library takes it: on Windows, with the known folder in the place of
 * "%ProgramData%" and "/" for "\". ERROR_TOO_LARGE; ERROR_NOT_FOUND: there is no such folder. */
int paths_resolve(const char *path, char ret[PATH_MAX]);

#endif
