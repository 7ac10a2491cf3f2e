/* admin_backup.h - POST /v1/admin/backup: the whole ledger as it is at the end of the copying, as a file. */
#ifndef FARMGATE_CLOUD_API_ADMIN_BACKUP_H
#define FARMGATE_CLOUD_API_ADMIN_BACKUP_H

#include "cloud/api/api.h"

/* The copy is made beside the ledger, then sent and removed: where it is to stay, only the asker may write.
 * Answers 409 while one is being made. */
void admin_backup_send(struct api_context *context, struct http_exchange *exchange);

#endif
