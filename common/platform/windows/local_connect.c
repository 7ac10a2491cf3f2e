#include "../local_connect.h"

#include "common/error.h"
#include "pipe_rights.h"
#include "wide.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdint.h>
#include <stdlib.h>
#include <windows.h>

/* What listens may know who we are and not act for us. A daemon makes an end anew for each client: for a
 * moment there may be none. */
static int open_end(const wchar_t *path, HANDLE *ret)
{
    uint64_t until_ms = GetTickCount64() + LOCAL_CONNECT_BUSY_MS;
    for (;;) {
        HANDLE pipe =
            CreateFileW(path, PIPE_RIGHTS_CLIENT, 0, NULL, OPEN_EXISTING,
                        FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
        if (pipe != INVALID_HANDLE_VALUE) {
            *ret = pipe;
            return 0;
        }
        uint64_t now_ms = GetTickCount64();
        DWORD error = GetLastError();
        if (error != ERROR_PIPE_BUSY || now_ms >= until_ms)
            return error == ERROR_PIPE_BUSY ? UV_ETIMEDOUT : uv_translate_sys_error((int)error);
        (void)WaitNamedPipeW(path, (DWORD)(until_ms - now_ms));
    }
}

/* Takes the end over. */
static int give(uv_pipe_t *pipe, HANDLE end)
{
    if (!pipe_rights_trusted(end)) {
        (void)CloseHandle(end);
        return ERROR_REFUSED;
    }
    int fd = _open_osfhandle((intptr_t)end, _O_BINARY | _O_NOINHERIT);
    if (fd < 0) {
        (void)CloseHandle(end);
        return UV_EMFILE;
    }
    int error = uv_pipe_open(pipe, fd);
    if (error)
        (void)_close(fd);
    return error;
}

void local_connect(uv_connect_t *request, uv_pipe_t *pipe, const char *path, uv_connect_cb done)
{
    HANDLE end = NULL;
    wchar_t *wide = wide_path(path);
    int error = wide ? open_end(wide, &end) : uv_translate_sys_error(ERROR_INVALID_NAME);
    free(wide);
    request->handle = (uv_stream_t *)pipe;
    done(request, error ? error : give(pipe, end));
}
