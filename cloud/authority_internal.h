/* authority_internal.h - what the authority's way over the network (authority.c) and the one by files
 * (authority_offline.c) share. Inside the caller's transaction. */
#ifndef FARMGATE_CLOUD_AUTHORITY_INTERNAL_H
#define FARMGATE_CLOUD_AUTHORITY_INTERNAL_H

#include "cloud/authority.h"

/* Whether what was brought fits the token of this hash (all zero: there is none). */
typedef bool authority_fits_fn(const void *proof, const unsigned char hash[ROWS_TOKEN_HASH_BYTES]);

/* The farm, set only if it may come in; with its usage unless that is NULL. */
int authority_find_farm(struct rows *rows, const char *farm_id, authority_fits_fn *fits, const void *proof,
                        int64_t now_ms, struct farm *ret_farm, struct usage *ret_usage,
                        enum authority_access *ret_access, struct error_detail *ret_detail);

/* Issues the farm's next entitlement and stores the farm with it. */
int authority_issue(const struct authority *authority, struct rows *rows, struct farm *farm, int64_t now_ms,
                    char ret[ENTITLEMENT_BYTES_MAX + 1], struct error_detail *ret_detail);

struct usage_window authority_window(const struct report_window *reported);

#endif
