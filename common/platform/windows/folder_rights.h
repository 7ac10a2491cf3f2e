/* folder_rights.h - a folder for SYSTEM and Administrators alone. Windows' own files include it. */
#ifndef FARMGATE_COMMON_PLATFORM_WINDOWS_FOLDER_RIGHTS_H
#define FARMGATE_COMMON_PLATFORM_WINDOWS_FOLDER_RIGHTS_H

#include "common/error.h"

/* Makes the folder unless it is there, gives it to Administrators, and lets SYSTEM and Administrators do
 * everything in it and below, nobody else anything: ProgramData's own rights, which it would have otherwise,
 * let every user read, and make files of one's own.
 *
 * ERROR_FORBIDDEN: it belongs to another account, or is a link to elsewhere; somebody may have made it
 * before, to have a foot in it. ERROR_IO; both with words. */
int folder_rights_set(const char *path, struct error_detail *ret_detail);

#endif
