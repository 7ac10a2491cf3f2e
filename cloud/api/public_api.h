/* public_api.h - the farms' door: activations, reports, keys handed back (cloud/openapi.yaml). */
#ifndef FARMGATE_CLOUD_API_PUBLIC_API_H
#define FARMGATE_CLOUD_API_PUBLIC_API_H

#include "cloud/api/api.h"
#include "cloud/settings.h"

#define PUBLIC_API_BODY_BYTES_MAX (128 * 1024) /* a report of MESSAGE_WINDOWS_MAX windows is about 60 KiB */
#define PUBLIC_API_PACE_BYTES     4096 /* of a body or an answer, in HTTP_IDLE_MS, unless it ends before */

struct public_api;

/* NULL without memory. Context and settings must outlive it. */
struct public_api *public_api_create(uv_loop_t *loop, struct api_context *context,
                                     const struct settings *settings);
int public_api_listen(struct public_api *api, int fd);
/* Only when the store has no work of it any more (store_close was called back). NULL: calls closed at once.
 */
void public_api_close(struct public_api *api, unsigned grace_ms, void (*closed)(void *data), void *data);

#endif
