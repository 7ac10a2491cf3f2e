/* admin_api.h - the administrator's API, /v1/admin/… (cloud/openapi.yaml), on two doors: a Unix socket that
 * only its owner may open, whose client is the command line, and the farms' door, with a token. */
#ifndef FARMGATE_CLOUD_API_ADMIN_API_H
#define FARMGATE_CLOUD_API_ADMIN_API_H

#include "cloud/api/api.h"

struct admin_api;

/* NULL without memory. The context must outlive it. */
struct admin_api *admin_api_create(uv_loop_t *loop, struct api_context *context);
int admin_api_listen(struct admin_api *api, int fd);
/* As public_api_close. */
void admin_api_close(struct admin_api *api, unsigned grace_ms, void (*closed)(void *data), void *data);

#endif
