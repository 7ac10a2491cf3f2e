/* wide.h - texts and paths as Windows takes them. Only the platform's own files include it. */
#ifndef FARMGATE_COMMON_PLATFORM_WINDOWS_WIDE_H
#define FARMGATE_COMMON_PLATFORM_WINDOWS_WIDE_H

#include <wchar.h>

/* A UTF-8 text in UTF-16, to be freed with free(); NULL with errno set: ENOMEM, or EILSEQ for no UTF-8. */
wchar_t *wide_text(const char *text);

/* The same of a path, with "/" as "\" and, if it is a long one, made absolute and free of Windows' old limit.
 */
wchar_t *wide_path(const char *path);

/* A UTF-16 text in UTF-8, to be freed with free(); what is half a character reads U+FFFD. NULL without
 * memory.
 */
char *wide_to_utf8(const wchar_t *text);

/* Sets errno by GetLastError(). */
void wide_errno(void);

#endif
