#include "text_buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 128

/* So many bytes more, and a NUL. */
static bool reserve(struct text_buffer *buffer, size_t bytes)
{
    size_t wanted = buffer->bytes + bytes + 1, room = buffer->room;
    if (buffer->failed || wanted <= room)
        return !buffer->failed;
    while (room < wanted)
        room = room > 0 ? 2 * room : ROOM_FIRST;
    char *text = realloc(buffer->text, room);
    buffer->failed = !text;
    if (!text)
        return false;
    buffer->text = text;
    buffer->room = room;
    return true;
}

void text_buffer_add(struct text_buffer *buffer, const char *text, size_t bytes)
{
    if (!reserve(buffer, bytes))
        return;
    memcpy(buffer->text + buffer->bytes, text, bytes);
    buffer->bytes += bytes;
    buffer->text[buffer->bytes] = '\0';
}

void text_buffer_add_text(struct text_buffer *buffer, const char *text)
{
    text_buffer_add(buffer, text, strlen(text));
}

void text_buffer_print(struct text_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_buffer_vprint(buffer, format, arguments);
    va_end(arguments);
}

void text_buffer_vprint(struct text_buffer *buffer, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    if (bytes < 0)
        buffer->failed = true;
    else if (reserve(buffer, (size_t)bytes))
        buffer->bytes += (size_t)vsnprintf(buffer->text + buffer->bytes, (size_t)bytes + 1, format, again);
    va_end(again);
}

char *text_buffer_take(struct text_buffer *buffer)
{
    text_buffer_add(buffer, "", 0);
    char *text = buffer->failed ? NULL : buffer->text;
    if (text)
        buffer->text = NULL;
    text_buffer_finish(buffer);
    return text;
}

void text_buffer_finish(struct text_buffer *buffer)
{
    free(buffer->text);
    *buffer = (struct text_buffer){.text = NULL};
}
