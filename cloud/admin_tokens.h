/* admin_tokens.h - the administrators' token file: common/tokens.h's, with names that the audit log can tell
 * from everybody else who is named in it. */
#ifndef FARMGATE_CLOUD_ADMIN_TOKENS_H
#define FARMGATE_CLOUD_ADMIN_TOKENS_H

#include "common/tokens.h"

/* Letters, digits and . _ - only, and no name that means another: "socket", "authority". */
bool admin_tokens_name_good(const char *name);

/* As tokens_read; ERROR_FORBIDDEN too if others than the owner may read or write the file. On failure *ret is
 * as it was. */
int admin_tokens_read(const char *path, struct tokens *ret, struct error_detail *ret_detail);

#endif
