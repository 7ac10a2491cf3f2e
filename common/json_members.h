/* json_members.h - the members of a JSON object whose names are not known beforehand, each as text: for
 * handing an object on. What has a known form is read by shape (json.h). */
#ifndef FARMGATE_COMMON_JSON_MEMBERS_H
#define FARMGATE_COMMON_JSON_MEMBERS_H

#include "error.h"

#include <stddef.h>

/* One member: a text, a number as it is written, "true" or "false"; NULL for null, an object or an array.
 * Both texts are valid UTF-8 without NUL and live as long as the call. What it returns but 0 ends the
 * reading. */
typedef int json_member_fn(void *data, const char *name, const char *value);

/* Calls on_member for each member of the object `text`, in their order. 0, what on_member returned,
 * ERROR_INVALID (not one whole object), ERROR_TOO_DEEP (past JSON_DEPTH_MAX), ERROR_NO_MEMORY. */
int json_members(const char *text, size_t bytes, json_member_fn *on_member, void *data);

#endif
