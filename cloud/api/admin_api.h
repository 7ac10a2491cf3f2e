/* admin_api.h - the administrator's door, a Unix socket that only its owner may open: keys and farms. Its
 * client is the command line.
 *
 *     POST /v1/keys {limit, term, name}                  201 {key, …}
 *     GET  /v1/keys?after=&limit=                        {keys: […], next}
 *     GET  /v1/farms?after=&limit=                       {farms: […], next}
 *     POST /v1/farms/{farm_id}/deactivate                the farm
 *     GET  /v1/public-key                                {public_key}
 *     GET  /v1/version, /healthz
 */
#ifndef FARMGATE_CLOUD_API_ADMIN_API_H
#define FARMGATE_CLOUD_API_ADMIN_API_H

#include "cloud/api/api.h"

#define ADMIN_API_PAGE_MAX     500
#define ADMIN_API_PAGE_DEFAULT 500

struct admin_api;

/* NULL without memory. The context must outlive it. */
struct admin_api *admin_api_create(uv_loop_t *loop, struct api_context *context);
int admin_api_listen(struct admin_api *api, int fd);
/* As public_api_close. */
void admin_api_close(struct admin_api *api, unsigned grace_ms, void (*closed)(void *data), void *data);

#endif
