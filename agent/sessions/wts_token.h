/* wts_token.h - whether the user of a session is an administrator of this host, by the token of his log-on
 * (Windows). */
#ifndef FARMGATE_AGENT_SESSIONS_WTS_TOKEN_H
#define FARMGATE_AGENT_SESSIONS_WTS_TOKEN_H

#include "agent/core/connection.h"

/* True with the answer; false with GetLastError(), which may be 0. Only LocalSystem may ask. */
bool wts_token_administrator(uint32_t session, enum administrator *ret, uint32_t *ret_error);

/* Whether this process has the right that this takes (SeTcbPrivilege), which is made use of then. */
bool wts_token_allowed(void);

#endif
