/* admin_audit.h - /v1/admin/audit: who changed what, when, and how it stood before and after. */
#ifndef FARMGATE_CLOUD_API_ADMIN_AUDIT_H
#define FARMGATE_CLOUD_API_ADMIN_AUDIT_H

#include "cloud/api/admin_call.h"

extern const struct admin_action admin_audit_list;

#endif
