#include "pipe_rights.h"

#include "owner.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <aclapi.h>
#include <sddl.h>

#define SID_CHARACTERS  192
#define SDDL_CHARACTERS 1024
#define NAME_CHARACTERS 512

static bool print_sid(PSID sid, wchar_t ret[SID_CHARACTERS])
{
    wchar_t *text;
    if (!ConvertSidToStringSidW(sid, &text))
        return false;
    int count = swprintf(ret, SID_CHARACTERS, L"%ls", text);
    (void)LocalFree(text);
    return count > 0;
}

/* Of this machine, by its name before the group's: other domains are not asked. */
static bool find_group(const char *group, wchar_t ret_sid[SID_CHARACTERS])
{
    wchar_t computer[MAX_COMPUTERNAME_LENGTH + 1], name[NAME_CHARACTERS], domain[NAME_CHARACTERS];
    DWORD computer_count = MAX_COMPUTERNAME_LENGTH + 1, domain_count = NAME_CHARACTERS;
    unsigned char sid[SECURITY_MAX_SID_SIZE];
    DWORD sid_bytes = sizeof(sid);
    SID_NAME_USE use;
    if (!GetComputerNameW(computer, &computer_count) ||
        swprintf(name, NAME_CHARACTERS, L"%ls\\%hs", computer, group) < 0 ||
        !LookupAccountNameW(NULL, name, sid, &sid_bytes, domain, &domain_count, &use))
        return false;
    return (use == SidTypeAlias || use == SidTypeGroup) && print_sid(sid, ret_sid);
}

PSECURITY_DESCRIPTOR pipe_rights_make(const char *group)
{
    union owner_holder holder;
    wchar_t own[SID_CHARACTERS], theirs[SID_CHARACTERS], text[SDDL_CHARACTERS], grant[SDDL_CHARACTERS] = L"";
    PSECURITY_DESCRIPTOR made = NULL;
    if (!owner_read(TokenUser, &holder) || !print_sid(holder.user.User.Sid, own))
        return NULL;
    if (group && find_group(group, theirs))
        (void)swprintf(grant, SDDL_CHARACTERS, L"(A;;0x%lx;;;%ls)", (unsigned long)PIPE_RIGHTS_CLIENT,
                       theirs);
    if (swprintf(text, SDDL_CHARACTERS, L"D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%ls)%ls", own,
                 grant) < 0)
        return NULL;
    return ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1, &made, NULL) ? made
                                                                                                    : NULL;
}

bool pipe_rights_trusted(HANDLE pipe)
{
    PSECURITY_DESCRIPTOR about = NULL;
    PSID owner = NULL;
    if (GetSecurityInfo(pipe, SE_KERNEL_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL, NULL,
                        &about) != ERROR_SUCCESS)
        return false;
    bool trusted = owner_trusted(owner);
    (void)LocalFree(about);
    return trusted;
}
