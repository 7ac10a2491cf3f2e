#include "folder_rights.h"

#include "owner.h"
#include "wide.h"

#include <stdlib.h>

#include <aclapi.h>
#include <sddl.h>

/* Of Administrators; protected from what the folder above lets others do; for files and folders below, too.
 */
#define RIGHTS L"O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"

static int failed(const char *what, DWORD error, struct error_detail *ret_detail)
{
    error_detail_set(ret_detail, "%s (Windows error %lu)", what, (unsigned long)error);
    return error == ERROR_ACCESS_DENIED ? ERROR_FORBIDDEN : ERROR_IO;
}

/* What is there must be a folder, and one of SYSTEM's, of an administrator's or our own. */
static int look(wchar_t *path, struct error_detail *ret_detail)
{
    PSECURITY_DESCRIPTOR about = NULL;
    PSID owner = NULL;
    DWORD attributes = GetFileAttributesW(path);
    if (attributes == INVALID_FILE_ATTRIBUTES)
        return failed("it cannot be looked at", GetLastError(), ret_detail);
    if (!(attributes & FILE_ATTRIBUTE_DIRECTORY) || (attributes & FILE_ATTRIBUTE_REPARSE_POINT)) {
        error_detail_set(ret_detail, "it is no folder, or leads elsewhere: move it away, and install again");
        return ERROR_FORBIDDEN;
    }
    DWORD error = GetNamedSecurityInfoW(path, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION, &owner, NULL, NULL,
                                        NULL, &about);
    if (error != ERROR_SUCCESS)
        return failed("whose it is cannot be told", error, ret_detail);
    bool trusted = owner_trusted(owner);
    (void)LocalFree(about);
    if (trusted)
        return 0;
    error_detail_set(ret_detail,
                     "it belongs to another account than SYSTEM or Administrators, who may have put things "
                     "there: look at what is in it, move it away, and install again");
    return ERROR_FORBIDDEN;
}

static int give(wchar_t *path, struct error_detail *ret_detail)
{
    PSECURITY_DESCRIPTOR rights;
    PSID owner;
    PACL list;
    BOOL present, defaulted;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(RIGHTS, SDDL_REVISION_1, &rights, NULL))
        return failed("its rights cannot be made", GetLastError(), ret_detail);
    DWORD error = ERROR_INVALID_SECURITY_DESCR;
    if (GetSecurityDescriptorOwner(rights, &owner, &defaulted) &&
        GetSecurityDescriptorDacl(rights, &present, &list, &defaulted))
        error = SetNamedSecurityInfoW(path, SE_FILE_OBJECT,
                                      OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION |
                                          PROTECTED_DACL_SECURITY_INFORMATION,
                                      owner, NULL, list, NULL);
    (void)LocalFree(rights);
    return error == ERROR_SUCCESS ? 0 : failed("its rights cannot be set", error, ret_detail);
}

int folder_rights_set(const char *path, struct error_detail *ret_detail)
{
    wchar_t *wide = wide_path(path);
    if (!wide)
        return failed("its name cannot be used", ERROR_INVALID_NAME, ret_detail);
    int code = 0;
    if (!CreateDirectoryW(wide, NULL) && GetLastError() != ERROR_ALREADY_EXISTS)
        code = failed("it cannot be made", GetLastError(), ret_detail);
    if (code == 0)
        code = look(wide, ret_detail);
    if (code == 0)
        code = give(wide, ret_detail);
    free(wide);
    return code;
}
