#include "group_members.h"

#include <grp.h>
#include <pwd.h>
#include <stddef.h>

int group_members(const char *group, int (*visit)(void *data, const char *name), void *data,
                  struct error_detail *ret_detail)
{
    int code = 0;
    const struct group *found = getgrnam(group);
    if (found == NULL) {
        error_detail_set(ret_detail, "there is no group '%s' on this host", group);
        return ERROR_NOT_FOUND;
    }
    gid_t number = found->gr_gid;
    for (char **member = found->gr_mem; code == 0 && *member != NULL; member++)
        code = visit(data, *member);
    setpwent();
    const struct passwd *user;
    while (code == 0 && (user = getpwent()) != NULL)
        if (user->pw_gid == number)
            code = visit(data, user->pw_name);
    endpwent();
    return code;
}
