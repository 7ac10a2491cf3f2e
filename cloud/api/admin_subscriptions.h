/* admin_subscriptions.h - /v1/admin/subscriptions: bought, ordered for, renamed, shown. */
#ifndef FARMGATE_CLOUD_API_ADMIN_SUBSCRIPTIONS_H
#define FARMGATE_CLOUD_API_ADMIN_SUBSCRIPTIONS_H

#include "cloud/api/admin_call.h"

extern const struct admin_action admin_subscription_list, admin_subscription_create, admin_subscription_show,
    admin_subscription_edit, admin_order_list, admin_order_make;

#endif
