/* admin_offline.h - a request file of a farm without a network, and the file that answers it. */
#ifndef FARMGATE_CLOUD_API_ADMIN_OFFLINE_H
#define FARMGATE_CLOUD_API_ADMIN_OFFLINE_H

#include "cloud/api/admin_call.h"

extern const struct admin_action admin_offline_exchange;

#endif
