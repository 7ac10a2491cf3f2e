#include "wts_token.h"

#include "wts_api.h"

/* Under User Account Control the token that a user's programs run with may deny him what he is: the whole one
 * is linked to it. */
static BOOL take_whole(HANDLE *token)
{
    TOKEN_ELEVATION_TYPE type;
    TOKEN_LINKED_TOKEN linked;
    DWORD bytes;

    if (!GetTokenInformation(*token, TokenElevationType, &type, sizeof(type), &bytes))
        return FALSE;
    if (type != TokenElevationTypeLimited)
        return TRUE;
    if (!GetTokenInformation(*token, TokenLinkedToken, &linked, sizeof(linked), &bytes))
        return FALSE;
    (void)CloseHandle(*token);
    *token = linked.LinkedToken;
    return TRUE;
}

static BOOL is_member(HANDLE token, WELL_KNOWN_SID_TYPE group, BOOL *ret)
{
    BYTE sid[SECURITY_MAX_SID_SIZE];
    DWORD bytes = sizeof(sid), error;
    HANDLE asking; /* only for such a token is membership told */
    BOOL told;

    if (!CreateWellKnownSid(group, NULL, sid, &bytes) ||
        !DuplicateTokenEx(token, TOKEN_QUERY, NULL, SecurityIdentification, TokenImpersonation, &asking))
        return FALSE;
    told = CheckTokenMembership(asking, sid, ret);
    error = GetLastError();
    (void)CloseHandle(asking);
    SetLastError(error);
    return told;
}

bool wts_token_allowed(void)
{
    TOKEN_PRIVILEGES wanted = {.PrivilegeCount = 1, .Privileges[0].Attributes = SE_PRIVILEGE_ENABLED};
    HANDLE token;
    bool missing;

    if (!LookupPrivilegeValueW(NULL, L"SeTcbPrivilege", &wanted.Privileges[0].Luid) ||
        !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES, &token))
        return true; /* nobody can say: what is asked for will show it */
    missing = AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL) &&
              GetLastError() == ERROR_NOT_ALL_ASSIGNED;
    (void)CloseHandle(token);
    return !missing;
}

bool wts_token_administrator(uint32_t session, enum administrator *ret, uint32_t *ret_error)
{
    HANDLE token;
    BOOL told, member = FALSE;

    SetLastError(0);
    if (!wts_api_token(session, &token)) {
        *ret_error = GetLastError();
        return false;
    }
    told = take_whole(&token) && is_member(token, WinBuiltinAdministratorsSid, &member);
    if (told)
        *ret = member ? ADMINISTRATOR_YES : ADMINISTRATOR_NO;
    else
        *ret_error = GetLastError();
    (void)CloseHandle(token);
    return told;
}
