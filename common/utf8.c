#include "utf8.h"

#include <string.h>

static bool continues(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t utf8_character(const void *text, size_t bytes)
{
    const unsigned char *at = text;
    if (bytes == 0)
        return 0;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xC2 || at[0] > 0xF4)
        return 0;
    size_t length = at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (bytes < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (!continues(at[i]))
            return 0;
    bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool surrogate = at[0] == 0xED && at[1] >= 0xA0;
    bool past_last = at[0] == 0xF4 && at[1] >= 0x90;
    return overlong || surrogate || past_last ? 0 : length;
}

bool utf8_valid(const void *text, size_t bytes)
{
    const unsigned char *at = text;
    for (size_t i = 0; i < bytes;) {
        if (at[i] < 0x80) {
            i++;
            continue;
        }
        size_t length = utf8_character(at + i, bytes - i);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

void utf8_cut(char *text)
{
    size_t bytes = strlen(text);
    size_t last = bytes;
    while (last > 0 && continues((unsigned char)text[last - 1]))
        last--;
    if (last == 0)
        return;
    last--;
    if ((unsigned char)text[last] >= 0x80 && utf8_character(text + last, bytes - last) == 0)
        text[last] = '\0';
}
