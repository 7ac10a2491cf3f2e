/* streams.c - stdio.h's streams that Windows' C runtime lacks. A stream into memory is a temporary file whose
 * bytes are handed over when it is flushed or closed. */
#include "temporary.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <windows.h>

#define FIRST_LINE_BYTES 256
#define KEPT_FILES       4

/* The process' streams into memory: whoever closes a FILE cannot tell one from another. */
struct memory_stream {
    struct memory_stream *next;
    FILE *file;
    char **ret_text; /* open_memstream */
    size_t *ret_bytes;
    char *bytes; /* fmemopen */
    size_t room;
};
static struct {
    SRWLOCK lock;
    struct memory_stream *first;
    FILE *kept[KEPT_FILES]; /* empty ones: to make one takes much longer than to write it */
} streams = {.lock = SRWLOCK_INIT};

static FILE *temporary_file(void)
{
    HANDLE handle = temporary_open(false);
    if (handle == INVALID_HANDLE_VALUE)
        return NULL;
    int fd = _open_osfhandle((intptr_t)handle, _O_BINARY | _O_NOINHERIT);
    FILE *file = fd >= 0 ? _fdopen(fd, "w+b") : NULL;
    if (!file && fd >= 0)
        (void)close(fd);
    else if (fd < 0)
        (void)CloseHandle(handle);
    return file;
}

static FILE *take_file(void)
{
    FILE *file = NULL;
    AcquireSRWLockExclusive(&streams.lock);
    for (size_t i = 0; i < KEPT_FILES && !file; i++) {
        file = streams.kept[i];
        streams.kept[i] = NULL;
    }
    ReleaseSRWLockExclusive(&streams.lock);
    return file ? file : temporary_file();
}

/* Whether it is kept, empty; else it is the caller's to close. */
static bool keep_file(FILE *file)
{
    bool kept = false;
    if (ferror(file) || _fseeki64(file, 0, SEEK_SET) != 0 || _chsize_s(_fileno(file), 0) != 0)
        return false;
    AcquireSRWLockExclusive(&streams.lock);
    for (size_t i = 0; i < KEPT_FILES && !kept; i++)
        if (!streams.kept[i]) {
            streams.kept[i] = file;
            kept = true;
        }
    ReleaseSRWLockExclusive(&streams.lock);
    return kept;
}

static FILE *open_memory(struct memory_stream given)
{
    struct memory_stream *stream = malloc(sizeof(*stream));
    FILE *file = stream ? take_file() : NULL;
    if (!file) {
        free(stream);
        errno = ENOMEM;
        return NULL;
    }
    *stream = given;
    stream->file = file;
    AcquireSRWLockExclusive(&streams.lock);
    stream->next = streams.first;
    streams.first = stream;
    ReleaseSRWLockExclusive(&streams.lock);
    return file;
}

FILE *platform_open_memstream(char **ret_text, size_t *ret_bytes)
{
    *ret_text = NULL;
    *ret_bytes = 0;
    return open_memory((struct memory_stream){.ret_text = ret_text, .ret_bytes = ret_bytes});
}

FILE *platform_fmemopen(void *bytes, size_t room, const char *mode)
{
    if (mode[0] != 'w' || room == 0) {
        errno = EINVAL;
        return NULL;
    }
    *(char *)bytes = '\0';
    return open_memory((struct memory_stream){.bytes = bytes, .room = room});
}

static struct memory_stream *find(FILE *file, bool forget)
{
    struct memory_stream *found = NULL;
    AcquireSRWLockExclusive(&streams.lock);
    for (struct memory_stream **at = &streams.first; *at && !found; at = &(*at)->next)
        if ((*at)->file == file) {
            found = *at;
            if (forget)
                *at = found->next;
            break;
        }
    ReleaseSRWLockExclusive(&streams.lock);
    return found;
}

static bool read_back(FILE *file, char *text, size_t count)
{
    bool whole = _fseeki64(file, 0, SEEK_SET) == 0 && fread(text, 1, count, file) == count;
    return _fseeki64(file, 0, SEEK_END) == 0 && whole;
}

/* All that was written so far, to whoever opened it. */
static int hand_over(struct memory_stream *stream)
{
    int64_t size = _fseeki64(stream->file, 0, SEEK_END) == 0 ? _ftelli64(stream->file) : -1;
    if (size < 0 || ferror(stream->file))
        return EOF;
    if (!stream->ret_text) {
        size_t count = (size_t)size < stream->room ? (size_t)size : stream->room;
        if (!read_back(stream->file, stream->bytes, count))
            return EOF;
        if (count < stream->room)
            stream->bytes[count] = '\0';
        return (size_t)size <= stream->room ? 0 : EOF;
    }
    char *text = realloc(*stream->ret_text, (size_t)size + 1);
    if (!text)
        return EOF;
    *stream->ret_text = text;
    text[size] = '\0';
    *stream->ret_bytes = (size_t)size;
    return read_back(stream->file, text, (size_t)size) ? 0 : EOF;
}

/* The C runtime's own have these names in its library alone. */
int runtime_fclose(FILE *file) __asm__("fclose");
int runtime_fflush(FILE *file) __asm__("fflush");

int platform_fflush(FILE *file)
{
    struct memory_stream *stream = file ? find(file, false) : NULL;
    int code = runtime_fflush(file);
    return code == 0 && stream ? hand_over(stream) : code;
}

int platform_fclose(FILE *file)
{
    struct memory_stream *stream = find(file, true);
    int code = stream ? hand_over(stream) : 0;
    bool kept = stream && keep_file(file);
    free(stream);
    if (kept)
        return code;
    return runtime_fclose(file) == 0 ? code : EOF;
}

static bool room_for(char **line, size_t *room, size_t count)
{
    if (*line && count < *room)
        return true;
    size_t wanted = *line && *room ? *room * 2 : FIRST_LINE_BYTES;
    char *larger = realloc(*line, wanted);
    if (!larger)
        return false;
    *line = larger;
    *room = wanted;
    return true;
}

ssize_t platform_getline(char **line, size_t *room, FILE *file)
{
    size_t count = 0;
    for (int byte = getc(file); byte != EOF; byte = getc(file)) {
        if (!room_for(line, room, count + 1))
            return -1;
        (*line)[count++] = (char)byte;
        if (byte == '\n')
            break;
    }
    if (count > 0)
        (*line)[count] = '\0';
    return count > 0 && !ferror(file) ? (ssize_t)count : -1;
}

int platform_dprintf(int fd, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int count = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (count < 0)
        return -1;
    ssize_t written = write(fd, text, (size_t)count);
    free(text);
    return written < 0 ? -1 : (int)written;
}
