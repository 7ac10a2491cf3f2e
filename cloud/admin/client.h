/* client.h - one request to the daemon, its failure told on stderr. */
#ifndef FARMGATE_CLOUD_ADMIN_CLIENT_H
#define FARMGATE_CLOUD_ADMIN_CLIENT_H

#include "common/local_client.h"

/* ADMIN_OK: a 2xx answer came, in *ret_answer (local_client_answer_finish). Else the exit code; what failed
 * has been said. `body` is a JSON text or NULL. */
int client_call(const char *socket_path, const char *method, const char *target, const char *body,
                struct local_client_answer *ret_answer);

/* Says on stderr that the daemon's answer was not understood; returns the exit code. */
int client_misunderstood(const char *target, const char *detail);

#endif
