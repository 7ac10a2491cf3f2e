/* local_terms_windows.c - Windows' names of zones are sentences: a zone is called by its offset. */
#include "local_terms.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <windows.h>

/* Our start has asked a console for UTF-8; without one somebody else reads it, who can. */
bool local_unicode(void)
{
    UINT page = GetConsoleOutputCP();
    return page == 0 || page == CP_UTF8;
}

int64_t local_offset_ms(int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    return localtime_r(&at, &tm) == NULL ? 0 : (int64_t)(timegm(&tm) - at) * 1000;
}

void local_zone_name(int64_t at_ms, char ret_name[LOCAL_ZONE_BYTES])
{
    long minutes = (long)(local_offset_ms(at_ms) / 60000);
    if (minutes == 0)
        (void)snprintf(ret_name, LOCAL_ZONE_BYTES, "UTC");
    else
        (void)snprintf(ret_name, LOCAL_ZONE_BYTES, "%c%02ld%02ld", minutes < 0 ? '-' : '+',
                       labs(minutes) / 60 % 100, labs(minutes) % 60);
}
