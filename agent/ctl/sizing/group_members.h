/* group_members.h - who is in a group of this host. */
#ifndef FARMGATE_CTL_GROUP_MEMBERS_H
#define FARMGATE_CTL_GROUP_MEMBERS_H

#include "common/error.h"

/* Visits every member, those whose first group it is included, until a visit gives other than 0, which is the
 * result then. ERROR_NOT_FOUND, or ERROR_IO, with *ret_detail. */
int group_members(const char *group, int (*visit)(void *data, const char *name), void *data,
                  struct error_detail *ret_detail);

#endif
