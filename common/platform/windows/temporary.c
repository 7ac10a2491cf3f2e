#include "temporary.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/random.h>
#include <wchar.h>

#define NAME_CHARACTERS 32 /* behind the folder's */

/* Not GetTempFileNameW(), which has 65535 names: whoever may write in the folder can take them all. */
HANDLE temporary_open(bool inherited)
{
    wchar_t path[MAX_PATH + NAME_CHARACTERS];
    SECURITY_ATTRIBUTES how = {.nLength = sizeof(how), .bInheritHandle = inherited};
    uint64_t number;
    DWORD count = GetTempPathW(MAX_PATH + 1, path);
    if (count == 0 || count > MAX_PATH)
        return INVALID_HANDLE_VALUE;
    if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
        SetLastError(ERROR_INVALID_FUNCTION);
        return INVALID_HANDLE_VALUE;
    }
    (void)swprintf(path + count, NAME_CHARACTERS, L"farmgate-%016llx.tmp", (unsigned long long)number);
    return CreateFileW(path, GENERIC_READ | GENERIC_WRITE | DELETE, 0, &how, CREATE_NEW,
                       FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
}
