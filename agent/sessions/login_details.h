/* login_details.h - what logind's session files do not tell: the user's name, and when the session began.
 * Both are properties of the session's object on the system bus, asked without waiting; without a bus the
 * name comes from the name service (on libuv's pool) and the beginning stays unknown. */
#ifndef FARMGATE_AGENT_SESSIONS_LOGIN_DETAILS_H
#define FARMGATE_AGENT_SESSIONS_LOGIN_DETAILS_H

#include "agent/core/connection.h"

#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#define LOGIN_DETAILS_TIMEOUT_MS    1000 /* then the name service is asked */
#define LOGIN_DETAILS_IN_FLIGHT_MAX 64   /* dbus-daemon allows 128 open calls a connection */

struct login_details;

struct login_answer {
    char user[CONNECTION_USER_BYTES_MAX + 1]; /* the uid as digits if nobody knows a name */
    int64_t began_ms;                         /* Unix ms; 0: not known */
};
typedef void login_details_fn(void *data, const char *session, uid_t uid, const struct login_answer *answer);

/* `answered` is called from the loop, once for each login_details_ask. NULL without memory. */
struct login_details *login_details_create(uv_loop_t *loop, login_details_fn *answered, void *data);

/* Asks for one session. Negative without memory: then no answer comes. */
int login_details_ask(struct login_details *details, const char *session, uid_t uid);

/* No answer after this returns; the memory goes when the loop turns. */
void login_details_close(struct login_details *details);

#endif
