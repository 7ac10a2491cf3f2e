/* wts_read.h - reads all that Remote Desktop Services tell of this host's sessions (Windows; a test has its
 * own).
 */
#ifndef FARMGATE_AGENT_SESSIONS_WTS_READ_H
#define FARMGATE_AGENT_SESSIONS_WTS_READ_H

#include "wts_sessions.h"

/* One reading; blocks, in calls to other processes, and is made on a thread of its own. ERROR_IO where the
 * sessions cannot be listed: *ret_trouble says why, and there is nothing else. 0 with a snapshot for
 * wts_snapshot_finish, and in *ret_trouble the first thing that is missing from it, if any. ERROR_NO_MEMORY.
 */
int wts_read(struct wts_snapshot *ret_snapshot, struct wts_trouble *ret_trouble);

#endif
