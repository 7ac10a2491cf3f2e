/* utf16.h - UTF-16 as Windows writes it, unit by unit, in UTF-8. A half of a pair without the other becomes
 * U+FFFD. */
#ifndef FARMGATE_CTL_UTF16_H
#define FARMGATE_CTL_UTF16_H

#include <stddef.h>
#include <stdint.h>

#define UTF16_DECODED_BYTES_MAX 6 /* of one unit: U+FFFD for the one before it, and its own */

/* All zero before the first unit. */
struct utf16 {
    uint16_t high; /* the first half of a pair that waits for the other; 0: none */
};

/* Writes what the next unit completes, and returns its bytes. */
size_t utf16_decode(struct utf16 *utf16, uint16_t unit, char *ret_text);
/* There are no more units. */
size_t utf16_end(struct utf16 *utf16, char *ret_text);

#endif
