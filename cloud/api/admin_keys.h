/* admin_keys.h - /v1/admin/keys: carved out of a subscription, edited, deleted, listed. */
#ifndef FARMGATE_CLOUD_API_ADMIN_KEYS_H
#define FARMGATE_CLOUD_API_ADMIN_KEYS_H

#include "cloud/api/admin_call.h"

extern const struct admin_action admin_key_list, admin_key_create, admin_key_show, admin_key_edit,
    admin_key_delete;

/* The page of a subscription's keys ("keys"; 0: of all), for an object that is open. */
int admin_keys_write(struct admin_call *call, struct rows *rows, int64_t subscription_id,
                     struct admin_page *page, const char *next, struct error_detail *ret_detail);

#endif
