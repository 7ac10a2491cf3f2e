#include "log_name.h"

#include "common/utf8.h"

#include <string.h>

#define ESCAPE_BYTES 4 /* of \xNN */

/* C0, DEL, and C1, which UTF-8 writes as C2 80 to C2 9F. */
static bool is_control(const unsigned char *character, size_t length)
{
    if (length == 1)
        return character[0] < 0x20 || character[0] == 0x7f;
    return length == 2 && character[0] == 0xc2 && character[1] < 0xa0;
}

/* Bytes of the character to be taken as it is; 0 if its first byte has to be escaped. A backslash before an x
 * is escaped too, or names could be mistaken for each other. */
static size_t plain_character(const char *bytes, size_t count)
{
    size_t length = utf8_character(bytes, count);
    if (length == 0 || is_control((const unsigned char *)bytes, length))
        return 0;
    return *bytes == '\\' && count > 1 && bytes[1] == 'x' ? 0 : length;
}

static bool is_plain_ascii(const char *bytes, size_t count)
{
    bool plain = true;
    for (size_t i = 0; i < count; i++)
        plain &= bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '\\';
    return plain;
}

bool log_name(const char *bytes, size_t count, char *ret_text, size_t room, bool *ret_escaped)
{
    static const char digits[] = "0123456789abcdef";
    char text[1024];
    size_t written = 0;
    bool escaped = false;

    if (count == 0 || count >= room)
        return false;
    if (is_plain_ascii(bytes, count)) {
        memcpy(ret_text, bytes, count);
        ret_text[count] = '\0';
        *ret_escaped = false;
        return true;
    }
    for (size_t at = 0; at < count;) {
        size_t length = plain_character(bytes + at, count - at);
        if (written + (length == 0 ? ESCAPE_BYTES : length) >= (room < sizeof text ? room : sizeof text))
            return false;
        if (length > 0) {
            memcpy(text + written, bytes + at, length);
            written += length;
            at += length;
            continue;
        }
        unsigned char byte = (unsigned char)bytes[at++];
        const char escape[ESCAPE_BYTES] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        memcpy(text + written, escape, sizeof escape);
        written += sizeof escape;
        escaped |= byte != '\\';
    }
    memcpy(ret_text, text, written);
    ret_text[written] = '\0';
    *ret_escaped = escaped;
    return true;
}
