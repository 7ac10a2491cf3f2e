/* licence_key.h - licence keys: 115 random bits and a 10-bit check group, as 25 characters of Crockford's
 * base 32 in groups of five ("K7Q2M-…"), so that typing errors are told from unknown keys. Case, spaces and
 * dashes do not matter; O, I and L are read as 0, 1 and 1. */
#ifndef FARMGATE_COMMON_LICENCE_KEY_H
#define FARMGATE_COMMON_LICENCE_KEY_H

#include <stdbool.h>

#define LICENCE_KEY_TEXT_BYTES 30 /* 25 characters, 4 dashes, NUL */

void licence_key_generate(char ret_text[LICENCE_KEY_TEXT_BYTES]);

/* The canonical spelling; false for anything that is not a key (wrong length, character or check group). */
bool licence_key_parse(const char *text, char ret_canonical[LICENCE_KEY_TEXT_BYTES]);

/* For logs: "K7Q2M-…" (the first group only). */
void licence_key_masked(const char *canonical, char ret_text[LICENCE_KEY_TEXT_BYTES]);

#endif
