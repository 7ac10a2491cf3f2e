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

void event_text_advice(const char *advice, enum hint_system system, char ret[EVENT_TEXT_BYTES])
{
    size_t room = EVENT_TEXT_BYTES;
    while (*advice) {
        const char *piece = advice;
        size_t bytes = strcspn(advice, "{");
        advice += bytes;
        if (bytes == 0) {
            size_t name_bytes = strcspn(++advice, "}");
            piece = hint_named(system, advice, name_bytes);
            assert(piece);
            bytes = strlen(piece);
            advice += name_bytes + 1;
        }
        assert(bytes < room);
        memcpy(ret, piece, bytes);
        ret += bytes;
        room -= bytes;
    }
    *ret = '\0';
}
