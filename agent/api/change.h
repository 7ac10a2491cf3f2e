/* change.h - what every change of connections needs before it goes to the agent: the administrator flag from
 * the name service, and a connect time. */
#ifndef FARMGATE_AGENT_API_CHANGE_H
#define FARMGATE_AGENT_API_CHANGE_H

#include "api_internal.h"
#include "put.h"

/* The answer of the name service, into the record: untold stays untold if it is not known. */
void change_account(const struct api *api, struct put *put, const struct account *account);

/* A connect time that was not told: that of the live connection of the same user, else now. */
void change_connect_time(const struct api *api, struct put *put, const char *host);

#endif
