#include "recognise.h"

#include <string.h>

/* Of equally sure ones the first. */
static const struct reader_format *const formats[] = {
    &reader_wtmp,        &reader_syslog, &reader_journal, &reader_last, &reader_windows_json,
    &reader_windows_xml, &reader_evtx,   &reader_ndjson,  &reader_csv,
};

/* What people hand over that is no log yet. */
static const struct {
    const char *head, *why;
    size_t at, bytes;
} wrappings[] = {
    {"BZh", "is compressed by bzip2, which is not unpacked here: bzcat FILE | farmgate size -", 0, 3},
    {"PK\3\4", "is a zip archive, which is not unpacked here: unzip -p FILE | farmgate size -", 0, 4},
    {"\x04\x22\x4d\x18", "is compressed by lz4, which is not unpacked here: lz4cat FILE | farmgate size -", 0,
     4},
    {"7z\xbc\xaf\x27\x1c", "is a 7z archive, which is not unpacked here", 0, 6},
    {"ustar", "is a tar archive, which is not unpacked here", 257, 5},
};

static const char *wrapped_how(const char *head, size_t bytes)
{
    for (size_t i = 0; i < sizeof wrappings / sizeof *wrappings; i++)
        if (bytes >= wrappings[i].at + wrappings[i].bytes &&
            memcmp(head + wrappings[i].at, wrappings[i].head, wrappings[i].bytes) == 0)
            return wrappings[i].why;
    return NULL;
}

static const char *why_not(const char *head, size_t bytes)
{
    size_t controls = 0;
    for (size_t i = 0; i < bytes; i++)
        controls += (unsigned char)head[i] < 0x20 && strchr("\t\n\v\f\r\033", head[i]) == NULL;
    if (memchr(head, '\0', bytes) != NULL || controls > bytes / 32)
        return "looks binary, and is of no format that is known";
    return "is text of no format that is known";
}

const struct reader_format *recognise(const char *head, size_t bytes, bool whole, const char **ret_why)
{
    const struct reader_format *surest = NULL;
    enum recognised how_sure = RECOGNISED_NO;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        enum recognised sure = formats[i]->recognise(head, bytes, whole);
        if (sure <= how_sure)
            continue;
        surest = formats[i];
        how_sure = sure;
    }
    const char *wrapped = how_sure == RECOGNISED_YES ? NULL : wrapped_how(head, bytes);
    if (surest != NULL && wrapped == NULL)
        return surest;
    *ret_why = wrapped != NULL ? wrapped : why_not(head, bytes);
    return NULL;
}

bool recognise_blank(const char *head, size_t bytes, bool whole)
{
    for (size_t i = 0; i < bytes; i++)
        if (strchr(" \t\r\n", head[i]) == NULL || head[i] == '\0')
            return false;
    return whole;
}
