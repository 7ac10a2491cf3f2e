/* temporary.h - a file for as long as it is open. Windows' own files include it. */
#ifndef FARMGATE_COMMON_PLATFORM_WINDOWS_TEMPORARY_H
#define FARMGATE_COMMON_PLATFORM_WINDOWS_TEMPORARY_H

#include <stdbool.h>
#include <windows.h>

/* Empty, of a name that nobody can foresee, to be read and written by this handle alone, which programs that
 * are started have too if it is `inherited`; gone when it is closed. INVALID_HANDLE_VALUE with
 * GetLastError(). */
HANDLE temporary_open(bool inherited);

#endif
