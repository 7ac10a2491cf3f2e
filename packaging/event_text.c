#include "event_text.h"

#include <assert.h>
#include <string.h>

void event_text_many(const char *text, char ret[EVENT_TEXT_BYTES])
{
    assert(strlen(text) < EVENT_TEXT_BYTES);
    while (*text) {
        size_t name = strcspn(text, "?}");
        if (*text == '{' && text[name] == '?') {
            const char *many = strchr(text, ':') + 1, *end = strchr(many, '}');
            memcpy(ret, many, (size_t)(end - many));
            ret += end - many;
            text = end + 1;
        } else {
            *ret++ = *text++;
        }
    }
    *ret = '\0';
}
