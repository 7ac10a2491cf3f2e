/* files.c - unistd.h's, fcntl.h's and sys/stat.h's files on Windows' own calls. */
#include "../replacing.h"
#include "file_rights.h"
#include "wide.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <windows.h>

#define SHARE_ALL         (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define TRANSFER_MAX      (1u << 30) /* of one call of the C runtime's */
#define PIPE_BYTES        (64 * 1024)
#define TICKS_PER_SECOND  INT64_C(10000000)
#define UNIX_EPOCH_S      INT64_C(11644473600) /* in Windows' time */
#define OPEN_MODE         0666u                /* as open as the folder */
#define TEMPORARY_TRIES   100
#define MOVE_TRIES        10 /* after the first */
#define MOVE_WAIT_MS      10
#define TEMPORARY_LETTERS "XXXXXX"

/* --- opening ----------------------------------------------------------------------------------------------
 */

static DWORD wanted_access(int flags)
{
    int way = flags & (O_RDONLY | O_WRONLY | O_RDWR);
    DWORD access = way == O_WRONLY ? GENERIC_WRITE : GENERIC_READ;
    if (way == O_RDWR)
        access |= GENERIC_WRITE;
    if (flags & O_APPEND)
        access = (access & ~(DWORD)GENERIC_WRITE) | (FILE_GENERIC_WRITE & ~(DWORD)FILE_WRITE_DATA);
    return access;
}

static DWORD wanted_file(int flags)
{
    if (flags & O_CREAT)
        return flags & O_EXCL ? CREATE_NEW : flags & O_TRUNC ? CREATE_ALWAYS : OPEN_ALWAYS;
    return flags & O_TRUNC ? TRUNCATE_EXISTING : OPEN_EXISTING;
}

/* What lies behind a link is not what was asked for; a directory cannot be written. */
static int check_kind(HANDLE file, int flags)
{
    BY_HANDLE_FILE_INFORMATION about;
    if (GetFileType(file) != FILE_TYPE_DISK || !GetFileInformationByHandle(file, &about))
        return 0;
    bool directory = about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
    if ((flags & O_NOFOLLOW) && (about.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT))
        return ELOOP;
    if ((flags & O_DIRECTORY) && !directory)
        return ENOTDIR;
    return directory && (flags & (O_WRONLY | O_RDWR)) ? EISDIR : 0;
}

/* The rights that a new file of this mode has: NULL for the folder's. */
static bool rights_of(unsigned mode, SECURITY_ATTRIBUTES *ret)
{
    *ret = (SECURITY_ATTRIBUTES){.nLength = sizeof(*ret)};
    if (!file_rights_wanted(mode))
        return true;
    ret->lpSecurityDescriptor = file_rights_make();
    return ret->lpSecurityDescriptor;
}

static HANDLE create_file(const wchar_t *path, int flags, unsigned mode, DWORD attributes)
{
    SECURITY_ATTRIBUTES rights;
    if (!rights_of(flags & O_CREAT ? mode : OPEN_MODE, &rights))
        return INVALID_HANDLE_VALUE;
    HANDLE file =
        CreateFileW(path, wanted_access(flags), SHARE_ALL, &rights, wanted_file(flags), attributes, NULL);
    DWORD error = GetLastError();
    (void)LocalFree(rights.lpSecurityDescriptor);
    SetLastError(error);
    return file;
}

/* Anybody may read, write, rename and remove the file meanwhile, as elsewhere. */
int platform_open(const char *path, int flags, ...)
{
    unsigned mode = OPEN_MODE;
    wchar_t *wide = wide_path(path);
    if (!wide)
        return -1;
    if (flags & O_CREAT) {
        va_list more;
        va_start(more, flags);
        mode = va_arg(more, unsigned);
        va_end(more);
    }
    DWORD attributes = FILE_ATTRIBUTE_NORMAL | FILE_FLAG_BACKUP_SEMANTICS; /* directories as well */
    if (flags & O_NOFOLLOW)
        attributes |= FILE_FLAG_OPEN_REPARSE_POINT;
    HANDLE file = create_file(wide, flags, mode, attributes);
    free(wide);
    if (file == INVALID_HANDLE_VALUE) {
        wide_errno();
        return -1;
    }
    int number = check_kind(file, flags);
    int fd =
        number ? -1
               : _open_osfhandle((intptr_t)file, (flags & (O_APPEND | O_RDONLY)) | _O_NOINHERIT | _O_BINARY);
    if (fd < 0) {
        number = number ? number : EMFILE;
        (void)CloseHandle(file);
        errno = number;
    }
    return fd;
}

FILE *platform_fopen(const char *path, const char *mode)
{
    bool both = strchr(mode, '+');
    int flags = both ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
    char runtime_mode[] = {mode[0], 'b', both ? '+' : '\0', '\0'};
    if (mode[0] != 'r')
        flags |= O_CREAT | (mode[0] == 'a' ? O_APPEND : O_TRUNC);
    if (strchr(mode, 'x'))
        flags |= O_EXCL;
    int fd = platform_open(path, flags, OPEN_MODE);
    FILE *file = fd >= 0 ? _fdopen(fd, runtime_mode) : NULL;
    if (!file && fd >= 0)
        (void)close(fd);
    return file;
}

int platform_pipe(int ret_fds[2])
{
    return _pipe(ret_fds, PIPE_BYTES, _O_BINARY | _O_NOINHERIT);
}

/* --- bytes ------------------------------------------------------------------------------------------------
 */

ssize_t platform_read(int fd, void *bytes, size_t count)
{
    return _read(fd, bytes, count < TRANSFER_MAX ? (unsigned)count : TRANSFER_MAX);
}

ssize_t platform_pread(int fd, void *bytes, size_t count, int64_t offset)
{
    OVERLAPPED at = {.Offset = (DWORD)(offset & UINT32_MAX), .OffsetHigh = (DWORD)(offset >> 32)};
    DWORD got = 0, wanted = count < TRANSFER_MAX ? (DWORD)count : TRANSFER_MAX;
    intptr_t file = _get_osfhandle(fd);
    if (file == -1) {
        errno = EBADF;
        return -1;
    }
    if (ReadFile((HANDLE)file, bytes, wanted, &got, &at) || GetLastError() == ERROR_HANDLE_EOF)
        return (ssize_t)got;
    wide_errno();
    return -1;
}

ssize_t platform_write(int fd, const void *bytes, size_t count)
{
    return _write(fd, bytes, count < TRANSFER_MAX ? (unsigned)count : TRANSFER_MAX);
}

int platform_fsync(int fd)
{
    struct stat status;
    if (platform_fstat(fd, &status) != 0)
        return -1;
    if (S_ISDIR(status.st_mode) || FlushFileBuffers((HANDLE)_get_osfhandle(fd)))
        return 0;
    wide_errno();
    return -1;
}

/* --- names ------------------------------------------------------------------------------------------------
 */

/* Calls Windows with the path; it says whether that went well. */
static int with_path(const char *path, BOOL (*call)(const wchar_t *path))
{
    wchar_t *wide = wide_path(path);
    if (!wide)
        return -1;
    BOOL done = call(wide);
    if (!done)
        wide_errno();
    free(wide);
    return done ? 0 : -1;
}

static BOOL delete_file(const wchar_t *path)
{
    return DeleteFileW(path);
}

static BOOL remove_directory(const wchar_t *path)
{
    return RemoveDirectoryW(path);
}

static BOOL create_directory(const wchar_t *path)
{
    return CreateDirectoryW(path, NULL);
}

static BOOL create_private_directory(const wchar_t *path)
{
    SECURITY_ATTRIBUTES rights;
    if (!rights_of(S_IRWXU, &rights))
        return FALSE;
    BOOL done = CreateDirectoryW(path, &rights);
    DWORD error = GetLastError();
    (void)LocalFree(rights.lpSecurityDescriptor);
    SetLastError(error);
    return done;
}

static BOOL find_file(const wchar_t *path)
{
    return GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

static BOOL find_writable(const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return FALSE;
    SetLastError(ERROR_ACCESS_DENIED);
    return !(attributes & FILE_ATTRIBUTE_READONLY);
}

int platform_unlink(const char *path)
{
    return with_path(path, delete_file);
}

int platform_rmdir(const char *path)
{
    return with_path(path, remove_directory);
}

int platform_remove(const char *path)
{
    return platform_unlink(path) == 0 || platform_rmdir(path) == 0 ? 0 : -1;
}

int platform_mkdir(const char *path, unsigned mode)
{
    return with_path(path, file_rights_wanted(mode) ? create_private_directory : create_directory);
}

int platform_access(const char *path, int mode)
{
    return with_path(path, mode & W_OK ? find_writable : find_file);
}

int platform_lchown(const char *path, uid_t uid, gid_t gid)
{
    if (platform_access(path, F_OK) != 0)
        return -1;
    errno = EPERM;
    return uid == 0 && gid == 0 ? 0 : -1;
}

int platform_link(const char *from, const char *to)
{
    wchar_t *wide_from = wide_path(from), *wide_to = wide_from ? wide_path(to) : NULL;
    BOOL done = wide_to && CreateHardLinkW(wide_to, wide_from, NULL);
    if (wide_to && !done)
        wide_errno();
    free(wide_from);
    free(wide_to);
    return done ? 0 : -1;
}

static bool is_directory(const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

/* A file that somebody has open cannot be replaced, whatever he lets others do. */
static BOOL move(const wchar_t *from, const wchar_t *to, int tries)
{
    for (int i = 0;; i++) {
        if (MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
            return TRUE;
        DWORD error = GetLastError();
        bool held = error == ERROR_ACCESS_DENIED || error == ERROR_SHARING_VIOLATION;
        if (!held || i == tries || is_directory(to)) {
            SetLastError(error);
            return FALSE;
        }
        Sleep(MOVE_WAIT_MS);
    }
}

static int rename_file(const char *from, const char *to, int tries)
{
    wchar_t *wide_from = wide_path(from), *wide_to = wide_from ? wide_path(to) : NULL;
    BOOL done = wide_to && move(wide_from, wide_to, tries);
    if (wide_to && !done)
        wide_errno();
    if (wide_to && !done && errno == EACCES && is_directory(wide_to))
        errno = EISDIR;
    free(wide_from);
    free(wide_to);
    return done ? 0 : -1;
}

int platform_rename(const char *from, const char *to)
{
    return rename_file(from, to, 0);
}

int replacing_rename(const char *from, const char *to)
{
    return rename_file(from, to, MOVE_TRIES);
}

char *platform_mkdtemp(char *path)
{
    char *letters = path + strlen(path) - strlen(TEMPORARY_LETTERS);
    for (int i = 0; i < TEMPORARY_TRIES; i++) {
        uint32_t number;
        char text[sizeof(TEMPORARY_LETTERS)];
        if (getrandom(&number, sizeof(number), 0) != sizeof(number))
            return NULL;
        (void)snprintf(text, sizeof(text), "%06x", number & 0xFFFFFF);
        memcpy(letters, text, strlen(TEMPORARY_LETTERS));
        if (platform_mkdir(path, S_IRWXU) == 0)
            return path;
        if (errno != EEXIST)
            return NULL;
    }
    return NULL;
}

/* --- what a file is ---------------------------------------------------------------------------------------
 */

static struct timespec unix_time(FILETIME time)
{
    int64_t ticks = (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
    return (struct timespec){.tv_sec = ticks / TICKS_PER_SECOND - UNIX_EPOCH_S,
                             .tv_nsec = (long)(ticks % TICKS_PER_SECOND * 100)};
}

/* There are two: one's own and Administrators' alone, or as the folder has it. */
static unsigned mode_of(DWORD attributes, bool private)
{
    unsigned readable = attributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666;
    unsigned those = private ? S_IRWXU : 0777;
    if (attributes & FILE_ATTRIBUTE_REPARSE_POINT)
        return S_IFLNK | 0777;
    return (attributes & FILE_ATTRIBUTE_DIRECTORY ? S_IFDIR | 0777 : S_IFREG | readable) & (S_IFMT | those);
}

static int stat_handle(HANDLE file, struct stat *ret)
{
    BY_HANDLE_FILE_INFORMATION about;
    DWORD type = GetFileType(file);
    if (type == FILE_TYPE_PIPE || type == FILE_TYPE_CHAR) {
        *ret = (struct stat){.st_mode = type == FILE_TYPE_PIPE ? S_IFIFO : S_IFCHR};
        return 0;
    }
    if (!GetFileInformationByHandle(file, &about)) {
        wide_errno();
        return -1;
    }
    *ret = (struct stat){
        .st_dev = about.dwVolumeSerialNumber,
        .st_ino = (uint64_t)about.nFileIndexHigh << 32 | about.nFileIndexLow,
        .st_mode = mode_of(about.dwFileAttributes, file_rights_private(file)),
        .st_nlink = about.nNumberOfLinks,
        .st_size = (int64_t)((uint64_t)about.nFileSizeHigh << 32 | about.nFileSizeLow),
        .st_atim = unix_time(about.ftLastAccessTime),
        .st_mtim = unix_time(about.ftLastWriteTime),
        .st_ctim = unix_time(about.ftLastWriteTime),
    };
    return 0;
}

static HANDLE open_to_look(const char *path, DWORD flags)
{
    wchar_t *wide = wide_path(path);
    if (!wide)
        return INVALID_HANDLE_VALUE;
    HANDLE file = CreateFileW(wide, FILE_READ_ATTRIBUTES | READ_CONTROL, SHARE_ALL, NULL, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS | flags, NULL);
    if (file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_ACCESS_DENIED) /* nobody says whose it is */
        file = CreateFileW(wide, FILE_READ_ATTRIBUTES, SHARE_ALL, NULL, OPEN_EXISTING,
                           FILE_FLAG_BACKUP_SEMANTICS | flags, NULL);
    if (file == INVALID_HANDLE_VALUE)
        wide_errno();
    free(wide);
    return file;
}

static int stat_path(const char *path, DWORD flags, struct stat *ret)
{
    HANDLE file = open_to_look(path, flags);
    if (file == INVALID_HANDLE_VALUE)
        return -1;
    int code = stat_handle(file, ret);
    (void)CloseHandle(file);
    if (code == 0 && flags == 0 &&
        S_ISLNK(ret->st_mode)) /* it was followed: the mark is not of a link's kind */
        ret->st_mode = S_IFREG | 0666;
    return code;
}

int platform_stat(const char *path, struct stat *ret)
{
    return stat_path(path, 0, ret);
}

int platform_lstat(const char *path, struct stat *ret)
{
    return stat_path(path, FILE_FLAG_OPEN_REPARSE_POINT, ret);
}

int platform_fstat(int fd, struct stat *ret)
{
    intptr_t file = _get_osfhandle(fd);
    if (file == -1) {
        errno = EBADF;
        return -1;
    }
    return stat_handle((HANDLE)file, ret);
}

static int change_mode(const wchar_t *path, unsigned mode)
{
    HANDLE file = CreateFileW(path, READ_CONTROL | WRITE_DAC, SHARE_ALL, NULL, OPEN_EXISTING,
                              FILE_FLAG_BACKUP_SEMANTICS, NULL);
    DWORD error = file == INVALID_HANDLE_VALUE ? GetLastError() : ERROR_SUCCESS;
    if (!error && file_rights_private(file) != file_rights_wanted(mode))
        error = file_rights_set(file, file_rights_wanted(mode));
    if (file != INVALID_HANDLE_VALUE)
        (void)CloseHandle(file);
    SetLastError(error);
    if (error)
        wide_errno();
    return error ? -1 : 0;
}

int platform_chmod(const char *path, unsigned mode)
{
    wchar_t *wide = wide_path(path);
    int code = wide ? change_mode(wide, mode) : -1;
    free(wide);
    return code;
}

/* A file is opened to be read and written, not to be given away: for that it is opened anew. */
int platform_fchmod(int fd, unsigned mode)
{
    HANDLE file = (HANDLE)_get_osfhandle(fd);
    if (file == INVALID_HANDLE_VALUE) {
        errno = EBADF;
        return -1;
    }
    if (file_rights_private(file) == file_rights_wanted(mode))
        return 0;
    HANDLE again = ReOpenFile(file, READ_CONTROL | WRITE_DAC, SHARE_ALL, FILE_FLAG_BACKUP_SEMANTICS);
    DWORD error =
        again == INVALID_HANDLE_VALUE ? GetLastError() : file_rights_set(again, file_rights_wanted(mode));
    if (again != INVALID_HANDLE_VALUE)
        (void)CloseHandle(again);
    SetLastError(error);
    if (error)
        wide_errno();
    return error ? -1 : 0;
}

/* --- whole paths ------------------------------------------------------------------------------------------
 */

/* Without the prefix that frees it of the old limit: wide_path() gives it that anew. */
static bool print_path(const wchar_t *whole, char ret[PATH_MAX])
{
    static const wchar_t prefix[] = L"\\\\?\\", of_host[] = L"\\\\?\\UNC\\";
    size_t bytes = sizeof(prefix) / sizeof(wchar_t) - 1,
           of_host_bytes = sizeof(of_host) / sizeof(wchar_t) - 1;
    bool on_host = wcsncmp(whole, of_host, of_host_bytes) == 0;
    if (on_host)
        whole += of_host_bytes;
    else if (wcsncmp(whole, prefix, bytes) == 0)
        whole += bytes;
    char *text = wide_to_utf8(whole);
    bool fits = text && snprintf(ret, PATH_MAX, "%s%s", on_host ? "//" : "", text) < PATH_MAX;
    for (char *at = ret; fits && *at; at++)
        *at = *at == '\\' ? '/' : *at;
    errno = text ? ENAMETOOLONG : ENOMEM;
    free(text);
    return fits;
}

char *platform_realpath(const char *path, char *ret)
{
    wchar_t whole[PATH_MAX];
    HANDLE file = open_to_look(path, 0);
    if (file == INVALID_HANDLE_VALUE)
        return NULL;
    DWORD count = GetFinalPathNameByHandleW(file, whole, PATH_MAX, FILE_NAME_NORMALIZED | VOLUME_NAME_DOS);
    if (count == 0)
        wide_errno();
    (void)CloseHandle(file);
    if (count >= PATH_MAX)
        errno = ENAMETOOLONG;
    return count > 0 && count < PATH_MAX && print_path(whole, ret) ? ret : NULL;
}
