#include "utf16.h"

#include <stdbool.h>

#define REPLACEMENT 0xfffd

static size_t put_utf8(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t utf16_decode(struct utf16 *utf16, uint16_t unit, char *ret_text)
{
    bool is_high = unit >= 0xd800 && unit < 0xdc00, is_low = unit >= 0xdc00 && unit < 0xe000;
    if (utf16->high != 0 && is_low) {
        uint32_t code = 0x10000 + ((uint32_t)(utf16->high - 0xd800) << 10) + (unit - 0xdc00u);
        utf16->high = 0;
        return put_utf8(code, ret_text);
    }
    size_t bytes = utf16_end(utf16, ret_text);
    if (is_high)
        utf16->high = unit;
    else
        bytes += put_utf8(is_low ? REPLACEMENT : unit, ret_text + bytes);
    return bytes;
}

size_t utf16_end(struct utf16 *utf16, char *ret_text)
{
    if (utf16->high == 0)
        return 0;
    utf16->high = 0;
    return put_utf8(REPLACEMENT, ret_text);
}
