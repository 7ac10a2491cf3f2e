/* audit_change.h - what is different between two states of a record, in one line. Pure. */
#ifndef FARMGATE_CLOUD_ADMIN_AUDIT_CHANGE_H
#define FARMGATE_CLOUD_ADMIN_AUDIT_CHANGE_H

#include "common/json.h"

/* "licences 10 -> 15, purchases 10 -> 15"; of one that was not there before, what it has: "licences 10, …".
 * The objects are of the audit log (start NULL: there is none); what does not fit is left away. */
void audit_change_format(const struct json_span *before, const struct json_span *after, char *ret,
                         size_t ret_bytes);

#endif
