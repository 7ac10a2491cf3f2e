#include "html.h"

#include "agent/core/utf8.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

/* What stands for a character that may not stand for itself; NULL: it may. */
static const char *escaped(uint32_t character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return character < ' ' || (character >= 0x7f && character < 0xa0) ? REPLACEMENT : NULL;
    }
}

void html_text(FILE *file, const char *text)
{
    for (size_t rest = strlen(text), bytes; rest > 0; text += bytes, rest -= bytes) {
        uint32_t character;
        bytes = utf8_decode(text, rest, &character);
        const char *instead = bytes == 0 ? REPLACEMENT : escaped(character);
        bytes = bytes == 0 ? 1 : bytes;
        if (instead == NULL)
            (void)fwrite(text, 1, bytes, file);
        else
            (void)fputs(instead, file);
    }
}
