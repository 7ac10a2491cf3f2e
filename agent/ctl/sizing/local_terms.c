#include "local_terms.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

bool local_unicode(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (locale == (locale_t)0)
        return false;
    bool unicode = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return unicode;
}

int64_t local_offset_ms(int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    return localtime_r(&at, &tm) == NULL ? 0 : (int64_t)tm.tm_gmtoff * 1000;
}

void local_zone_name(int64_t at_ms, char ret_name[LOCAL_ZONE_BYTES])
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    tzset();
    snprintf(ret_name, LOCAL_ZONE_BYTES, "%s", localtime_r(&at, &tm) == NULL ? "UTC" : tm.tm_zone);
}
