/* admin_api.h - the administrator's API, /v1/admin/… (cloud/openapi.yaml), on two doors: a Unix socket that
 * only its owner may open, whose client is the command line, and the farms' door, with a token. */
#ifndef FARMGATE_CLOUD_API_ADMIN_API_H
#define FARMGATE_CLOUD_API_ADMIN_API_H

#include "cloud/api/api.h"
#include "cloud/api/visitors.h"
#include "common/offline.h"

#define ADMIN_WHO_SOCKET "socket" /* who asks on the socket, in the audit log */

#define ADMIN_API_BODY_BYTES_MAX                                              \
    OFFLINE_REQUEST_BYTES_MAX /* on the socket; the largest are request files \
                               */

struct admin_api;

/* NULL without memory. The context must outlive it. */
struct admin_api *admin_api_create(uv_loop_t *loop, struct api_context *context);
int admin_api_listen(struct admin_api *api, int fd);
/* As public_api_close. */
void admin_api_close(struct admin_api *api, unsigned grace_ms, void (*closed)(void *data), void *data);

/* A request on the farms' door: whether it is the administrator's; and answers or begins it, unless too many
 * wrong tokens came from `source`. */
bool admin_api_is_asked(const struct http_request *request);
void admin_api_take(struct api_context *context, struct visitors *visitors,
                    const struct source_address *source, struct http_exchange *exchange,
                    const struct http_request *request);

#endif
