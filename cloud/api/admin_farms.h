/* admin_farms.h - /v1/admin/farms: listed, shown with what they reported, noted, deactivated. */
#ifndef FARMGATE_CLOUD_API_ADMIN_FARMS_H
#define FARMGATE_CLOUD_API_ADMIN_FARMS_H

#include "cloud/api/admin_call.h"

#define ADMIN_FARMS_MAX 500 /* deactivated by one call */

extern const struct admin_action admin_farm_list, admin_farm_show, admin_farm_history, admin_farm_note,
    admin_farm_deactivate;

#endif
