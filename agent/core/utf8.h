/* utf8.h - characters out of bytes and back, strictly: no overlong forms, no surrogates, nothing above
 * U+10FFFF. */
#ifndef FARMGATE_CORE_UTF8_H
#define FARMGATE_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_BYTES_MAX 4 /* of one character */

static inline bool utf8_continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Reads the first character of `bytes` bytes into *ret_character. Returns its length, 0 for none. */
static inline size_t utf8_decode(const char *text, size_t bytes, uint32_t *ret_character)
{
    static const uint32_t least[UTF8_BYTES_MAX + 1] = {0, 0, 0x80, 0x800, 0x10000};
    if (bytes == 0)
        return 0;
    uint32_t first = (unsigned char)text[0];
    if (first < 0x80) {
        *ret_character = first;
        return 1;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > bytes)
        return 0;
    uint32_t character = first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (!utf8_continues(text[i]))
            return 0;
        character = character << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    if (character < least[length] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
        return 0;
    *ret_character = character;
    return length;
}

/* Writes a character that utf8_decode could have given. Returns its length. */
static inline size_t utf8_encode(uint32_t character, char ret_text[UTF8_BYTES_MAX])
{
    if (character < 0x80) {
        ret_text[0] = (char)character;
        return 1;
    }
    size_t length = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        ret_text[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    ret_text[0] = (char)((0xf00u >> length) | character);
    return length;
}

#endif
