/* text.h - names are short: a few words compared, copied and searched without a call. */
#ifndef FARMGATE_CORE_TEXT_H
#define FARMGATE_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEXT_EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (uint64_t)(byte))

static inline uint64_t text_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return word;
}

/* The last 0..7 bytes of a text as a word, the rest of it zero, without a call or a loop: overlapping halves.
 */
static inline uint64_t text_tail(const char *text, size_t bytes)
{
    if (bytes >= 4) {
        uint32_t low, high;
        memcpy(&low, text, sizeof low);
        memcpy(&high, text + bytes - sizeof high, sizeof high);
        return low | (uint64_t)high << (bytes - 4) * 8;
    }
    if (bytes == 0)
        return 0;
    uint64_t first = (unsigned char)text[0], middle = (unsigned char)text[bytes / 2],
             last = (unsigned char)text[bytes - 1];
    return first | middle << (bytes / 2) * 8 | last << (bytes - 1) * 8;
}

/* Whether `bytes` bytes are the same. */
static inline bool text_same(const char *one, const char *other, size_t bytes)
{
    if (bytes < 8)
        return text_tail(one, bytes) == text_tail(other, bytes);
    uint64_t difference = text_word(one + bytes - 8) ^ text_word(other + bytes - 8);
    for (size_t at = 0; at + 8 < bytes; at += 8)
        difference |= text_word(one + at) ^ text_word(other + at);
    return difference == 0;
}

/* Whether a text of `bytes` bytes stands in a room of `room_bytes`, ended by a NUL. */
static inline bool text_stands_in(const char *room, size_t room_bytes, const char *text, size_t bytes)
{
    return bytes < room_bytes && room[bytes] == '\0' && text_same(room, text, bytes);
}

/* Copies up to 24 bytes, in overlapping pieces. */
static inline void text_copy_short(char *to, const char *from, size_t bytes)
{
    if (bytes >= 8) {
        uint64_t first = text_word(from), last = text_word(from + bytes - 8);
        if (bytes > 16)
            memcpy(to + 8, from + 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + bytes - 8, &last, 8);
    } else if (bytes >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + bytes - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + bytes - 4, &last, 4);
    } else {
        for (size_t i = 0; i < bytes; i++)
            to[i] = from[i];
    }
}

static inline uint64_t text_zero_bytes(uint64_t word)
{
    return (word - TEXT_EACH_BYTE(1)) & ~word & TEXT_EACH_BYTE(0x80);
}

static inline bool text_word_has_either(uint64_t word, char one, char other)
{
    return (text_zero_bytes(word ^ TEXT_EACH_BYTE(one)) | text_zero_bytes(word ^ TEXT_EACH_BYTE(other))) != 0;
}

/* Whether one of two characters, neither of them NUL, is among the first `bytes` bytes. */
static inline bool text_has_either(const char *text, size_t bytes, char one, char other)
{
    if (bytes < 8)
        return text_word_has_either(text_tail(text, bytes), one, other);
    for (size_t at = 0; at + 8 < bytes; at += 8)
        if (text_word_has_either(text_word(text + at), one, other))
            return true;
    return text_word_has_either(text_word(text + bytes - 8), one, other);
}

#endif
