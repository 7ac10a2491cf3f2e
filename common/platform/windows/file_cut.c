#include "common/file.h"
#include "wide.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

static bool cut(HANDLE file, int64_t bytes)
{
    LARGE_INTEGER end = {.QuadPart = bytes};
    return SetFilePointerEx(file, end, NULL, FILE_BEGIN) && SetEndOfFile(file);
}

int file_cut(const char *path, int64_t bytes)
{
    wchar_t *wide = wide_path(path);
    if (!wide)
        return error_from_errno(errno);
    HANDLE file = CreateFileW(wide, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    free(wide);
    bool done = file != INVALID_HANDLE_VALUE && cut(file, bytes);
    if (!done)
        wide_errno();
    int error = done ? 0 : error_from_errno(errno);
    if (file != INVALID_HANDLE_VALUE)
        (void)CloseHandle(file);
    return error;
}
