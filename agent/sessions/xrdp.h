/* xrdp.h - whether the client of an xrdp session is there. logind is told nothing when an RDP client goes or
 * comes back; but while it is there, xrdp holds a connected stream to the session's X server, bound at
 * /run/xrdp/sockdir/xrdp_display_N, and the kernel lists it.
 *
 * The list is readable text with paths printed raw, so a user can forge a line of it. That can make a session
 * look connected that is not. */
#ifndef FARMGATE_AGENT_SESSIONS_XRDP_H
#define FARMGATE_AGENT_SESSIONS_XRDP_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define XRDP_DISPLAYS_MAX 65536 /* highest display number and one */
#define XRDP_POLL_MS      60000 /* the net under the watch, only while there are xrdp sessions */

/* What the kernel's list says of a display's socket. */
enum xrdp_stream { XRDP_STREAM_NONE, XRDP_STREAM_LISTENING, XRDP_STREAM_CONNECTED };

struct xrdp_streams {
    unsigned char *of_display; /* enum xrdp_stream */
    size_t room;
};

/* Of all zero bytes is a valid, empty struct. Takes one line of /proc/self/net/unix; lines of other sockets
 * and malformed ones change nothing. Negative without memory. */
int xrdp_streams_line(struct xrdp_streams *streams, const char *line);
/* Reads the kernel's list, line by line, into an empty struct. Negative: it can not be read. */
int xrdp_streams_read(struct xrdp_streams *ret_streams);
enum xrdp_stream xrdp_streams_get(const struct xrdp_streams *streams, unsigned display);
void xrdp_streams_finish(struct xrdp_streams *streams);

/* The number of an X display of this host (":10", ":10.0"); false for anything else. */
bool xrdp_display_number(const char *display, unsigned *ret_number);

/* Tells when clients may have come or gone: xrdp makes and removes sockets in its directory then. Sleeps
 * unless it is needed. */
struct xrdp_watch;
struct xrdp_watch *xrdp_watch_create(uv_loop_t *loop, void (*changed)(void *data), void *data);
/* needed: some session is xrdp's. */
void xrdp_watch_set_needed(struct xrdp_watch *watch, bool needed);
/* No callback after this returns; the memory goes when the loop turns. */
void xrdp_watch_close(struct xrdp_watch *watch);

#endif
