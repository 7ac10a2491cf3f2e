/* account_lookup_windows.c - one user's groups: the local ones of this host, as Windows counts membership in
 * them through others. */
#include "account_answer.h"
#include "accounts.h"
#include "common/platform/windows/wide.h"

#include <stdlib.h>
#include <windows.h>

#include <lm.h>

#define NAME_CHARACTERS 512 /* DOMAIN\user, with its NUL */

enum found { FOUND, NOT_FOUND, FAILED };

/* Any spelling of a name, user@domain too, as DOMAIN\user. */
static enum found find_user(const char *user, wchar_t ret_name[NAME_CHARACTERS])
{
    union {
        SID sid;
        BYTE bytes[SECURITY_MAX_SID_SIZE];
    } sid;
    wchar_t domain[NAME_CHARACTERS / 2], name[NAME_CHARACTERS / 2];
    DWORD sid_bytes = sizeof(sid), domain_room = NAME_CHARACTERS / 2, name_room = NAME_CHARACTERS / 2;
    SID_NAME_USE use;
    wchar_t *wide = wide_text(user);
    if (!wide)
        return FAILED;
    BOOL known = LookupAccountNameW(NULL, wide, &sid, &sid_bytes, domain, &domain_room, &use);
    DWORD error = known ? ERROR_SUCCESS : GetLastError();
    free(wide);
    if (!known)
        return error == ERROR_NONE_MAPPED ? NOT_FOUND : FAILED;
    if (use != SidTypeUser)
        return NOT_FOUND;
    domain_room = NAME_CHARACTERS / 2;
    if (!LookupAccountSidW(NULL, &sid, name, &name_room, domain, &domain_room, &use))
        return FAILED;
    (void)_snwprintf(ret_name, NAME_CHARACTERS, L"%ls\\%ls", domain, name);
    ret_name[NAME_CHARACTERS - 1] = L'\0';
    return FOUND;
}

/* What this host calls its administrators, in its language. */
static bool administrators(wchar_t ret_name[NAME_CHARACTERS])
{
    union {
        SID sid;
        BYTE bytes[SECURITY_MAX_SID_SIZE];
    } sid;
    DWORD sid_bytes = sizeof(sid), name_room = NAME_CHARACTERS, domain_room = NAME_CHARACTERS;
    wchar_t domain[NAME_CHARACTERS];
    SID_NAME_USE use;
    return CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, &sid, &sid_bytes) &&
           LookupAccountSidW(NULL, &sid, ret_name, &name_room, domain, &domain_room, &use);
}

static bool add_wide(struct account_names *names, const wchar_t *wide)
{
    char *name = wide_to_utf8(wide);
    bool added = name && account_names_add(names, name);
    free(name);
    return added;
}

/* The groups, to be freed with NetApiBufferFree(). */
static bool find_groups(const wchar_t *user, LOCALGROUP_USERS_INFO_0 **ret_groups, DWORD *ret_count)
{
    DWORD total;
    BYTE *groups = NULL;
    if (NetUserGetLocalGroups(NULL, user, 0, LG_INCLUDE_INDIRECT, &groups, MAX_PREFERRED_LENGTH, ret_count,
                              &total) != NERR_Success)
        return false;
    *ret_groups = (LOCALGROUP_USERS_INFO_0 *)(void *)groups;
    return true;
}

static struct account_answer *answer_by(const wchar_t *user)
{
    wchar_t administrators_name[NAME_CHARACTERS];
    struct account_names names = {0};
    struct account_answer *answer = NULL;
    LOCALGROUP_USERS_INFO_0 *groups;
    DWORD count;
    bool superuser = false, whole = true;
    if (!administrators(administrators_name) || !find_groups(user, &groups, &count))
        return NULL;
    for (DWORD i = 0; i < count && whole; i++) {
        superuser = superuser || _wcsicmp(groups[i].lgrui0_name, administrators_name) == 0;
        if (names.count < ACCOUNTS_GROUPS_MAX)
            whole = add_wide(&names, groups[i].lgrui0_name);
    }
    if (whole)
        answer = account_answer_create(true, superuser, &names);
    (void)NetApiBufferFree(groups);
    free(names.text);
    return answer;
}

struct account_answer *account_lookup(const char *user)
{
    const struct account_names none = {0};
    wchar_t name[NAME_CHARACTERS];
    switch (find_user(user, name)) {
    case FOUND:
        return answer_by(name);
    case NOT_FOUND:
        return account_answer_create(false, false, &none);
    default:
        return NULL;
    }
}
