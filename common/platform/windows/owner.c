#include "owner.h"

bool owner_read(TOKEN_INFORMATION_CLASS what, union owner_holder *ret)
{
    HANDLE token;
    DWORD bytes;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return false;
    bool read = GetTokenInformation(token, what, ret, sizeof(*ret), &bytes);
    (void)CloseHandle(token);
    return read;
}

static bool is_ours(PSID owner)
{
    union owner_holder holder;
    return (owner_read(TokenUser, &holder) && EqualSid(owner, holder.user.User.Sid)) ||
           (owner_read(TokenOwner, &holder) && EqualSid(owner, holder.owner.Owner));
}

bool owner_trusted(PSID owner)
{
    return owner && (IsWellKnownSid(owner, WinLocalSystemSid) ||
                     IsWellKnownSid(owner, WinBuiltinAdministratorsSid) || is_ours(owner));
}
