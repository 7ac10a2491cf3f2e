/* change.h - what every change of connections needs before it goes to the agent: the administrator flag from
 * the name service. A connect time that was not told is left to the roster, which knows what it was before.
 */
#ifndef FARMGATE_AGENT_API_CHANGE_H
#define FARMGATE_AGENT_API_CHANGE_H

#include "api_internal.h"
#include "put.h"

/* The answer of the name service, into the record: untold stays untold if it is not known. */
void change_account(const struct api *api, struct put *put, const struct account *account);

#endif
