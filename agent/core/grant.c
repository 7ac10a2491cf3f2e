#include "grant.h"

#include <stdio.h>
#include <string.h>

static void add(char text[GRANT_ODDITY_BYTES], const char *oddity)
{
    size_t bytes = strlen(text);
    (void)snprintf(text + bytes, GRANT_ODDITY_BYTES - bytes, "%s%s", bytes > 0 ? "; " : "", oddity);
}

static bool is_absurd(int64_t ends_at_ms, int64_t issued_at_ms)
{
    return ends_at_ms != 0 && ends_at_ms - issued_at_ms > GRANT_ABSURD_MS;
}

bool grant_is_odd(const struct grant *grant, char ret[GRANT_ODDITY_BYTES])
{
    char text[GRANT_ODDITY_BYTES] = "";
    if (grant->status == GRANT_ACTIVE && grant->limit == 0)
        add(text, "its limit is 0: nobody");
    if (grant->expires_at_ms != 0 && grant->expires_at_ms <= grant->issued_at_ms)
        add(text, "its term had ended when it was issued");
    if (grant->refresh_by_ms != 0 && grant->refresh_by_ms <= grant->issued_at_ms)
        add(text, "it had to be refreshed before it was issued");
    if (is_absurd(grant->expires_at_ms, grant->issued_at_ms) ||
        is_absurd(grant->refresh_by_ms, grant->issued_at_ms))
        add(text, "it ends more than a century after its issue");
    if (text[0] == '\0')
        return false;
    memcpy(ret, text, sizeof(text));
    return true;
}
