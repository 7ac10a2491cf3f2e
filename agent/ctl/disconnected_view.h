/* disconnected_view.h - what `farmgate connections --disconnected` shows: who is disconnected, for how long,
 * and what it would save to end these sessions. */
#ifndef FARMGATE_CTL_DISCONNECTED_VIEW_H
#define FARMGATE_CTL_DISCONNECTED_VIEW_H

#include "common/local_client.h"

/* Prints the answer to GET /v1/connections?state=disconnected, the session that is forgotten longest first.
 * An exit code. */
int disconnected_view_print(const struct local_client_answer *answer);

#endif
