/* file_rights.h - modes as rights: what Windows has for them. Only the platform's own files include it. */
#ifndef FARMGATE_COMMON_PLATFORM_WINDOWS_FILE_RIGHTS_H
#define FARMGATE_COMMON_PLATFORM_WINDOWS_FILE_RIGHTS_H

#include <stdbool.h>
#include <windows.h>

/* Whether a mode lets neither the group nor others do anything. */
bool file_rights_wanted(unsigned mode);

/* SYSTEM, Administrators, and whom this process' files belong to: all; nobody else anything, whatever the
 * folder lets them do. In a folder with such rights, what is made has them as well. To be freed with
 * LocalFree(); NULL: see GetLastError(). */
PSECURITY_DESCRIPTOR file_rights_make(void);

/* Whether these alone may do anything with it, and one of them owns it. */
bool file_rights_private(HANDLE file);

/* Gives it those rights, or the folder's. Windows' error, 0 for none. */
DWORD file_rights_set(HANDLE file, bool private);

#endif
