#include "file_rights.h"

#include "owner.h"

#include <stdio.h>
#include <wchar.h>

#include <aclapi.h>
#include <sddl.h>

#define SDDL_CHARACTERS 256
#define OTHERS          077
/* What is more than to know that it is there. */
#define USE                                                                                                 \
    (GENERIC_ALL | GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | FILE_READ_DATA | FILE_WRITE_DATA |      \
     FILE_APPEND_DATA | FILE_EXECUTE | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | FILE_DELETE_CHILD | DELETE | \
     WRITE_DAC | WRITE_OWNER)

bool file_rights_wanted(unsigned mode)
{
    return (mode & OTHERS) == 0;
}

PSECURITY_DESCRIPTOR file_rights_make(void)
{
    union owner_holder holder;
    wchar_t *own = NULL, text[SDDL_CHARACTERS];
    PSECURITY_DESCRIPTOR made = NULL;
    if (!owner_read(TokenOwner, &holder) || !ConvertSidToStringSidW(holder.owner.Owner, &own))
        return NULL;
    int count = swprintf(text, SDDL_CHARACTERS, L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;%ls)", own);
    (void)LocalFree(own);
    bool done =
        count > 0 && ConvertStringSecurityDescriptorToSecurityDescriptorW(text, SDDL_REVISION_1, &made, NULL);
    return done ? made : NULL;
}

/* What is only for things below a folder says nothing of the folder. */
static bool lets_others(PACL list)
{
    for (WORD i = 0; i < list->AceCount; i++) {
        ACCESS_ALLOWED_ACE *entry;
        if (!GetAce(list, i, (void **)&entry))
            return true;
        if (entry->Header.AceType == ACCESS_DENIED_ACE_TYPE || (entry->Header.AceFlags & INHERIT_ONLY_ACE))
            continue;
        if (entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE ||
            ((entry->Mask & USE) && !owner_trusted(&entry->SidStart)))
            return true;
    }
    return false;
}

bool file_rights_private(HANDLE file)
{
    PSECURITY_DESCRIPTOR about = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    if (GetSecurityInfo(file, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner,
                        NULL, &list, NULL, &about) != ERROR_SUCCESS)
        return false;
    bool alone = owner_trusted(owner) && list && !lets_others(list);
    (void)LocalFree(about);
    return alone;
}

DWORD file_rights_set(HANDLE file, bool private)
{
    ACL none;
    PACL list = &none;
    BOOL present = TRUE, defaulted;
    PSECURITY_DESCRIPTOR rights = private ? file_rights_make() : NULL;
    if (private && (!rights || !GetSecurityDescriptorDacl(rights, &present, &list, &defaulted)))
        return ERROR_INVALID_SECURITY_DESCR;
    if (!private && !InitializeAcl(&none, sizeof(none), ACL_REVISION))
        return GetLastError();
    DWORD error =
        SetSecurityInfo(file, SE_FILE_OBJECT,
                        DACL_SECURITY_INFORMATION | (private ? PROTECTED_DACL_SECURITY_INFORMATION
                                                             : UNPROTECTED_DACL_SECURITY_INFORMATION),
                        NULL, NULL, list, NULL);
    (void)LocalFree(rights);
    return error;
}
