/* utf8.h - is this text UTF-8, strictly: no overlong forms, no surrogates, nothing past U+10FFFF. */
#ifndef FARMGATE_COMMON_UTF8_H
#define FARMGATE_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed character that `text` begins with; 0 if there is none. */
size_t utf8_character(const void *text, size_t bytes);

bool utf8_valid(const void *text, size_t bytes);

/* Takes away the half of a character that cutting a text has left at its end. */
void utf8_cut(char *text);

#endif
