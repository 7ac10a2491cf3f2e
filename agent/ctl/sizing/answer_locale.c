#include "answer.h"
#include "local_terms.h"

#include <string.h>

#define MONTH_MS (INT64_C(30) * 86400000) /* no clock is changed and changed back within it */

bool answer_unicode(void)
{
    return local_unicode();
}

static int64_t offset_ms(const void *data, int64_t at_ms)
{
    (void)data;
    return local_offset_ms(at_ms);
}

const struct sizing_zone answer_local_zone = {offset_ms, NULL};

const char *answer_local_zone_name(int64_t first_ms, int64_t last_ms, char ret_name[ANSWER_ZONE_BYTES])
{
    char name[LOCAL_ZONE_BYTES], other[LOCAL_ZONE_BYTES];
    local_zone_name(first_ms, name);
    snprintf(ret_name, ANSWER_ZONE_BYTES, "%s", name);
    for (int64_t at_ms = first_ms; at_ms < last_ms;) {
        at_ms = last_ms - at_ms < MONTH_MS ? last_ms : at_ms + MONTH_MS;
        local_zone_name(at_ms, other);
        if (strcmp(name, other) == 0)
            continue;
        snprintf(ret_name, ANSWER_ZONE_BYTES, "%s/%s", name, other);
        break;
    }
    return ret_name;
}
