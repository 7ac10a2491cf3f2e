#include "wide.h"

#include "../paths.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define OLD_PATH_MAX          (MAX_PATH - 13) /* of a directory: a short name must find room behind it */
#define LONG_PREFIX           L"\\\\?\\"
#define LONG_PREFIX_ELSEWHERE L"\\\\?\\UNC\\"

wchar_t *wide_text(const char *text)
{
    int count = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *wide = count > 0 ? malloc((size_t)count * sizeof(*wide)) : NULL;
    if (!wide) {
        errno = count > 0 ? ENOMEM : EILSEQ;
        return NULL;
    }
    (void)MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, count);
    return wide;
}

/* Of a path of another host: "\\\\host\\share". Pipes and what is free of the limit already are told apart
 * before. */
static bool is_elsewhere(const wchar_t *path)
{
    return path[0] == L'\\' && path[1] == L'\\';
}

static wchar_t *without_limit(wchar_t *path)
{
    const bool elsewhere = is_elsewhere(path);
    const wchar_t *prefix = elsewhere ? LONG_PREFIX_ELSEWHERE : LONG_PREFIX;
    const size_t length = wcslen(prefix);
    DWORD room = GetFullPathNameW(path, 0, NULL, NULL);
    wchar_t *whole = room > 0 ? malloc((length + room) * sizeof(*whole)) : NULL;
    if (!whole) {
        errno = room > 0 ? ENOMEM : EINVAL;
    } else {
        (void)GetFullPathNameW(path, room, whole + length, NULL);
        if (elsewhere) /* its own two strokes stand in the prefix */
            memmove(whole + length, whole + length + 2, (wcslen(whole + length) - 1) * sizeof(*whole));
        memcpy(whole, prefix, length * sizeof(*whole));
    }
    free(path);
    return whole;
}

wchar_t *wide_path(const char *path)
{
    char whole[PATH_MAX];
    if (path[0] == '%' && paths_absolute(path)) { /* no other path changes */
        if (paths_resolve(path, whole) != 0) {
            errno = ENOENT;
            return NULL;
        }
        path = whole;
    }
    wchar_t *wide = wide_text(path);
    if (!wide)
        return NULL;
    for (wchar_t *at = wide; *at; at++)
        *at = *at == L'/' ? L'\\' : *at;
    bool named =
        is_elsewhere(wide) && (wide[2] == L'.' || wide[2] == L'?'); /* a pipe, or free of it already */
    return wcslen(wide) < OLD_PATH_MAX || named ? wide : without_limit(wide);
}

char *wide_to_utf8(const wchar_t *text)
{
    int count = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *utf8 = count > 0 ? malloc((size_t)count) : NULL;
    if (utf8)
        (void)WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, count, NULL, NULL);
    return utf8;
}

void wide_errno(void)
{
    static const struct {
        DWORD error;
        int number;
    } known[] = {
        {ERROR_FILE_NOT_FOUND, ENOENT},
        {ERROR_PATH_NOT_FOUND, ENOENT},
        {ERROR_INVALID_DRIVE, ENOENT},
        {ERROR_BAD_NETPATH, ENOENT},
        {ERROR_BAD_NET_NAME, ENOENT},
        {ERROR_INVALID_NAME, ENOENT},
        {ERROR_DIRECTORY, ENOTDIR},
        {ERROR_ACCESS_DENIED, EACCES},
        {ERROR_SHARING_VIOLATION, EACCES},
        {ERROR_LOCK_VIOLATION, EACCES},
        {ERROR_PRIVILEGE_NOT_HELD, EPERM},
        {ERROR_WRITE_PROTECT, EROFS},
        {ERROR_FILE_EXISTS, EEXIST},
        {ERROR_ALREADY_EXISTS, EEXIST},
        {ERROR_DISK_FULL, ENOSPC},
        {ERROR_HANDLE_DISK_FULL, ENOSPC},
        {ERROR_DIR_NOT_EMPTY, ENOTEMPTY},
        {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
        {ERROR_OUTOFMEMORY, ENOMEM},
        {ERROR_TOO_MANY_OPEN_FILES, EMFILE},
        {ERROR_INVALID_HANDLE, EBADF},
        {ERROR_BROKEN_PIPE, EPIPE},
        {ERROR_NO_DATA, EPIPE},
        {ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG},
        {ERROR_INVALID_PARAMETER, EINVAL},
    };
    DWORD error = GetLastError();
    errno = EIO;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].error == error)
            errno = known[i].number;
}
