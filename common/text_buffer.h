/* text_buffer.h - a text that grows. It has no limit: what comes from outside is measured before it comes
 * here. */
#ifndef FARMGATE_COMMON_TEXT_BUFFER_H
#define FARMGATE_COMMON_TEXT_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct text_buffer { /* zeroed to begin with */
    char *text;      /* ends with a NUL; NULL: nothing was added yet */
    size_t bytes, room;
    bool failed; /* without memory: what is added from then on is left out */
};

void text_buffer_add(struct text_buffer *buffer, const char *text, size_t bytes);
void text_buffer_add_text(struct text_buffer *buffer, const char *text);
void text_buffer_print(struct text_buffer *buffer, const char *format, ...)
    __attribute__((format(__printf__, 2, 3)));
void text_buffer_vprint(struct text_buffer *buffer, const char *format, va_list arguments)
    __attribute__((format(__printf__, 2, 0)));

/* The whole text, "" if nothing was added, to be freed with free(); NULL if it failed. The buffer is empty
 * then. */
char *text_buffer_take(struct text_buffer *buffer);
/* Frees the text; the buffer is as it was to begin with. */
void text_buffer_finish(struct text_buffer *buffer);

#endif
