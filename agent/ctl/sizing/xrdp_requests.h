/* xrdp_requests.h - sessions that xrdp was asked for and that have not begun yet. Pure.
 *
 * xrdp 0.10 tells whose session is asked for, later the display that an X server is started for, and at last
 * that the session of that display is in progress: no line has both the user and the display. Requests are
 * served in their order. */
#ifndef FARMGATE_CTL_XRDP_REQUESTS_H
#define FARMGATE_CTL_XRDP_REQUESTS_H

#include "service_line.h"

#include <stdint.h>

#define XRDP_REQUESTS_MAX   32              /* at a time; the oldest gives way */
#define XRDP_REQUEST_MAX_MS INT64_C(300000) /* then it has failed */
#define XRDP_DISPLAY_MAX    11              /* digits */
#define XRDP_USER_BYTES_MAX CONNECTION_USER_BYTES_MAX

struct xrdp_requests {
    struct xrdp_request {
        uint32_t host;
        int64_t at_ms;
        char user[XRDP_USER_BYTES_MAX + 1], display[XRDP_DISPLAY_MAX + 1]; /* "": none yet */
    } requests[XRDP_REQUESTS_MAX];
    size_t count; /* in the order in which they were asked */
};

/* A session was asked for. What is too long to be a name is passed over. */
void xrdp_requests_add(struct xrdp_requests *requests, uint32_t host, int64_t at_ms, struct log_span user);
/* This user's last request came to something else than a session of its own. */
void xrdp_requests_drop(struct xrdp_requests *requests, uint32_t host, struct log_span user);
/* An X server is started for the earliest request that has none; one that was to have this display before has
 * failed. */
void xrdp_requests_show(struct xrdp_requests *requests, uint32_t host, int64_t at_ms,
                        struct log_span display);
/* A display's session has begun: whose it is, and its request is done with. False: nobody asked for it. */
bool xrdp_requests_take(struct xrdp_requests *requests, uint32_t host, int64_t at_ms, struct log_span display,
                        char ret_user[XRDP_USER_BYTES_MAX + 1]);

#endif
