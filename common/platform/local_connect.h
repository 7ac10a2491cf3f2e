/* local_connect.h - the client's end of a local socket or named pipe. */
#ifndef FARMGATE_COMMON_PLATFORM_LOCAL_CONNECT_H
#define FARMGATE_COMMON_PLATFORM_LOCAL_CONNECT_H

#include <uv.h>

#define LOCAL_CONNECT_BUSY_MS 5000 /* that a daemon whose every end is taken is waited for */

/* Connects an initialised pipe to what listens at a path. `done` is called with 0 or how it failed, perhaps
 * before this returns: libuv's codes, or ERROR_REFUSED where what listens is neither the system's, an
 * administrator's nor the caller's own. */
void local_connect(uv_connect_t *request, uv_pipe_t *pipe, const char *path, uv_connect_cb done);

#endif
