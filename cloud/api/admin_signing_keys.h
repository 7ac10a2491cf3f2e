/* admin_signing_keys.h - /v1/admin/public-key and /v1/admin/signing-keys. */
#ifndef FARMGATE_CLOUD_API_ADMIN_SIGNING_KEYS_H
#define FARMGATE_CLOUD_API_ADMIN_SIGNING_KEYS_H

#include "cloud/api/admin_call.h"

/* What the authority knows without asking the ledger: answered at once, on a full disk as well. */
void admin_public_key_show(struct api_context *context, struct http_exchange *exchange);
void admin_signing_key_list(struct api_context *context, struct http_exchange *exchange);

extern const struct admin_action admin_signing_key_rotate;

#endif
