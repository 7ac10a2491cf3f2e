/* pipe_rights.h - who may open a named pipe, and whose it has to be. Only the platform's own files include
 * it. */
#ifndef FARMGATE_COMMON_PLATFORM_WINDOWS_PIPE_RIGHTS_H
#define FARMGATE_COMMON_PLATFORM_WINDOWS_PIPE_RIGHTS_H

#include <stdbool.h>
#include <windows.h>

/* What a client asks for: to read and write, and not to make ends of its own, by which it could pass for the
 * daemon. FILE_GENERIC_READ, FILE_WRITE_DATA, FILE_WRITE_EA, FILE_WRITE_ATTRIBUTES. */
#define PIPE_RIGHTS_CLIENT 0x12019b

/* SYSTEM, Administrators and this process's account: all; the group of this machine's by that name, if there
 * is one: a client's rights; whoever comes over the network: none. To be freed with LocalFree(); NULL: see
 * GetLastError(). */
PSECURITY_DESCRIPTOR pipe_rights_make(const char *group);

/* Whether the other end was made by SYSTEM, an administrator or this process's account. */
bool pipe_rights_trusted(HANDLE pipe);

#endif
