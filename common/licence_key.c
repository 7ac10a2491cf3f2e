#include "licence_key.h"

#include <assert.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define KEY_DIGITS    25 /* of 5 bits: 23 random, 2 for the check group */
#define CHECK_DIGITS  2
#define RANDOM_DIGITS (KEY_DIGITS - CHECK_DIGITS)
#define GROUP_DIGITS  5
#define GROUP_COUNT   (KEY_DIGITS / GROUP_DIGITS)

static_assert(LICENCE_KEY_TEXT_BYTES == KEY_DIGITS + GROUP_COUNT, "dashes between groups and a NUL");

/* The largest prime that fits the check group. Digits are weighted by powers of a primitive root of it, so
 * that every single wrong digit and every swap of two digits changes the sum. */
#define CHECK_PRIME 1021u
#define CHECK_ROOT  10u

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static unsigned check_of(const unsigned char digits[RANDOM_DIGITS])
{
    unsigned sum = 0;
    for (size_t i = 0; i < RANDOM_DIGITS; i++)
        sum = (sum * CHECK_ROOT + digits[i]) % CHECK_PRIME;
    return sum * CHECK_ROOT % CHECK_PRIME;
}

static void format(const unsigned char digits[KEY_DIGITS], char ret_text[LICENCE_KEY_TEXT_BYTES])
{
    char *at = ret_text;
    for (size_t i = 0; i < KEY_DIGITS; i++) {
        if (i > 0 && i % GROUP_DIGITS == 0)
            *at++ = '-';
        *at++ = alphabet[digits[i]];
    }
    *at = '\0';
}

void licence_key_generate(char ret_text[LICENCE_KEY_TEXT_BYTES])
{
    unsigned char digits[KEY_DIGITS];
    randombytes_buf(digits, RANDOM_DIGITS);
    for (size_t i = 0; i < RANDOM_DIGITS; i++)
        digits[i] &= 31;
    unsigned check = check_of(digits);
    digits[RANDOM_DIGITS] = (unsigned char)(check >> 5);
    digits[RANDOM_DIGITS + 1] = check & 31;
    format(digits, ret_text);
}

/* 0 to 31; -1 for a character that is none of Crockford's. */
static int digit_of(char character)
{
    char upper = character >= 'a' && character <= 'z' ? (char)(character - 'a' + 'A') : character;
    if (upper == 'O')
        return 0;
    if (upper == 'I' || upper == 'L')
        return 1;
    const char *at = upper != '\0' ? strchr(alphabet, upper) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

bool licence_key_parse(const char *text, char ret_canonical[LICENCE_KEY_TEXT_BYTES])
{
    unsigned char digits[KEY_DIGITS];
    size_t count = 0;
    for (; *text; text++) {
        if (*text == ' ' || *text == '-')
            continue;
        int digit = digit_of(*text);
        if (digit < 0 || count == KEY_DIGITS)
            return false;
        digits[count++] = (unsigned char)digit;
    }
    if (count != KEY_DIGITS)
        return false;
    unsigned check = (unsigned)digits[RANDOM_DIGITS] << 5 | digits[RANDOM_DIGITS + 1];
    if (check != check_of(digits))
        return false;
    format(digits, ret_canonical);
    return true;
}

void licence_key_masked(const char *canonical, char ret_text[LICENCE_KEY_TEXT_BYTES])
{
    (void)snprintf(ret_text, LICENCE_KEY_TEXT_BYTES, "%.*s-\xE2\x80\xA6", GROUP_DIGITS, canonical);
}
