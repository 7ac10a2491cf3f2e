/* group_members_windows.c - local groups: what is in them by name, other groups left out. */
#include "group_members.h"

#include "common/platform/windows/wide.h"

#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

#include <lm.h>

static int visit_wide(const wchar_t *wide, int (*visit)(void *data, const char *name), void *data)
{
    char *name = wide_to_utf8(wide);
    int code = name ? visit(data, name) : ERROR_NO_MEMORY;
    free(name);
    return code;
}

static int visit_page(const LOCALGROUP_MEMBERS_INFO_2 *members, DWORD count,
                      int (*visit)(void *data, const char *name), void *data)
{
    int code = 0;
    for (DWORD i = 0; i < count && code == 0; i++)
        if (members[i].lgrmi2_sidusage == SidTypeUser)
            code = visit_wide(members[i].lgrmi2_domainandname, visit, data);
    return code;
}

int group_members(const char *group, int (*visit)(void *data, const char *name), void *data,
                  struct error_detail *ret_detail)
{
    wchar_t *wide = wide_text(group);
    NET_API_STATUS status = ERROR_MORE_DATA;
    DWORD_PTR place = 0;
    int code = wide ? 0 : ERROR_NO_MEMORY;
    while (code == 0 && status == ERROR_MORE_DATA) {
        BYTE *page = NULL;
        DWORD count = 0, total;
        status = NetLocalGroupGetMembers(NULL, wide, 2, &page, MAX_PREFERRED_LENGTH, &count, &total, &place);
        if (status == NERR_Success || status == ERROR_MORE_DATA)
            code = visit_page((const LOCALGROUP_MEMBERS_INFO_2 *)(void *)page, count, visit, data);
        (void)NetApiBufferFree(page);
    }
    free(wide);
    if (code != 0 || status == NERR_Success)
        return code;
    bool unknown = status == NERR_GroupNotFound || status == ERROR_NO_SUCH_ALIAS;
    if (unknown)
        error_detail_set(ret_detail, "there is no group '%s' on this host", group);
    else
        error_detail_set(ret_detail, "the members of '%s' cannot be read (%lu)", group, status);
    return unknown ? ERROR_NOT_FOUND : ERROR_IO;
}
