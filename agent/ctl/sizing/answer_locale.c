#include "answer.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <time.h>

#define NAME_BYTES 12                       /* "+0545", "CEST" */
#define MONTH_MS   (INT64_C(30) * 86400000) /* no clock is changed and changed back within it */

bool answer_unicode(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    if (locale == (locale_t)0)
        return false;
    bool unicode = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return unicode;
}

static int64_t local_offset_ms(const void *data, int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    (void)data;
    return localtime_r(&at, &tm) == NULL ? 0 : (int64_t)tm.tm_gmtoff * 1000;
}

const struct sizing_zone answer_local_zone = {local_offset_ms, NULL};

static void name_of(int64_t at_ms, char ret_name[NAME_BYTES])
{
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    snprintf(ret_name, NAME_BYTES, "%s", localtime_r(&at, &tm) == NULL ? "UTC" : tm.tm_zone);
}

const char *answer_local_zone_name(int64_t first_ms, int64_t last_ms, char ret_name[ANSWER_ZONE_BYTES])
{
    char name[NAME_BYTES], other[NAME_BYTES];
    tzset();
    name_of(first_ms, name);
    snprintf(ret_name, ANSWER_ZONE_BYTES, "%s", name);
    for (int64_t at_ms = first_ms; at_ms < last_ms;) {
        at_ms = last_ms - at_ms < MONTH_MS ? last_ms : at_ms + MONTH_MS;
        name_of(at_ms, other);
        if (strcmp(name, other) == 0)
            continue;
        snprintf(ret_name, ANSWER_ZONE_BYTES, "%s/%s", name, other);
        break;
    }
    return ret_name;
}
