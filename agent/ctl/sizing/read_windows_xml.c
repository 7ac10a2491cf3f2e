/* Windows event logs as XML: <Event> elements one after another, with or without a root around them, as
 * `wevtutil qe … /f:xml`, PowerShell and Event Viewer write them, in UTF-8 or UTF-16.
 *
 * Each <Event> is cut out and parsed as a document of its own: what is wrong with one ends at its end, and
 * there is no place for a document type, its entities and what they refer to. */
#include "utf16.h"
#include "windows_input.h"
#include "windows_walk.h"

#include "common/utf8.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_BYTES_MAX (1u << 20)
#define PIECE_BYTES     4096
#define HEAD_BYTES      4096 /* that are looked at to recognise */

enum encoding { ENCODING_UNKNOWN, ENCODING_BYTES, ENCODING_UTF16_LITTLE, ENCODING_UTF16_BIG };

/* From the file's bytes to UTF-8. */
struct decoder {
    enum encoding encoding;
    unsigned char begun[4]; /* bytes that are no character yet */
    size_t begun_bytes;
    struct utf16 utf16;
};

struct xml_reader {
    struct reader base;
    struct windows_input input;
    struct windows_walk walk;
    XML_Parser parser;
    struct decoder decoder;
    char *text; /* from a '<' on: of a tag outside, or of an event */
    size_t bytes, room;
    bool in_tag, in_event, too_deep;
    uint64_t line, event_line;
};

static struct xml_reader *own(struct reader *base)
{
    return (struct xml_reader *)base;
}

/* ---- an event ------------------------------------------------------------------------------------------ */

static void on_open(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct xml_reader *reader = data;
    if (!windows_walk_open(&reader->walk, name, strlen(name))) {
        reader->too_deep = true;
        (void)XML_StopParser(reader->parser, XML_FALSE);
        return;
    }
    for (; attributes[0] != NULL; attributes += 2)
        windows_walk_attribute(&reader->walk, attributes[0], strlen(attributes[0]), attributes[1],
                               strlen(attributes[1]));
}

static void on_text(void *data, const XML_Char *text, int bytes)
{
    struct xml_reader *reader = data;
    windows_walk_text(&reader->walk, text, (size_t)bytes);
}

static void on_close(void *data, const XML_Char *name)
{
    struct xml_reader *reader = data;
    (void)name;
    windows_walk_close(&reader->walk);
}

/* What is no UTF-8 was written in the code page of a console. It is not told which; names stay different. */
static int take_event(struct xml_reader *reader)
{
    const char *encoding = utf8_valid(reader->text, reader->bytes) ? "UTF-8" : "ISO-8859-1";
    if (!XML_ParserReset(reader->parser, encoding))
        return ERROR_NO_MEMORY;
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_open, on_close);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    windows_walk_begin(&reader->walk, &reader->input.record);
    reader->too_deep = false;
    reader->base.place.number = reader->event_line;
    if (XML_Parse(reader->parser, reader->text, (int)reader->bytes, XML_TRUE) == XML_STATUS_OK)
        return windows_input_take(&reader->input);
    enum XML_Error error = XML_GetErrorCode(reader->parser);
    if (error == XML_ERROR_NO_MEMORY)
        return ERROR_NO_MEMORY;
    reader_repair(&reader->base, REPAIR_NOT_UNDERSTOOD,
                  reader->too_deep ? "nested too deeply" : XML_ErrorString(error));
    return 0;
}

/* ---- finding events ------------------------------------------------------------------------------------ */

static bool is_event_tag(const char *tag, size_t bytes)
{
    static const char start[] = "<Event";
    const size_t start_bytes = sizeof start - 1;
    return bytes > start_bytes && memcmp(tag, start, start_bytes) == 0 &&
           strchr(" \t\r\n>/", tag[start_bytes]) != NULL;
}

static bool is_end_tag(const char *tag, size_t bytes)
{
    static const char end[] = "</Event>";
    return bytes == sizeof end - 1 && memcmp(tag, end, bytes) == 0;
}

/* Something about the event that has begun. */
static void tell_event(struct xml_reader *reader, enum repair repair)
{
    reader->base.place.number = reader->event_line;
    reader_repair(&reader->base, repair, NULL);
}

/* The '>' of a tag has come: outside of events, or inside of one. */
static int end_tag(struct xml_reader *reader)
{
    const char *tag = memrchr(reader->text, '<', reader->bytes); /* one before it that is cut off is no tag */
    size_t bytes = (size_t)(reader->text + reader->bytes - tag);
    int code = 0;
    reader->in_tag = false;
    if (is_event_tag(tag, bytes) && tag[bytes - 2] != '/') {
        if (reader->in_event)
            tell_event(reader, REPAIR_TORN);
        reader->in_event = true;
        reader->event_line = reader->line;
        memmove(reader->text, tag, bytes);
        reader->bytes = bytes;
    } else if (reader->in_event && is_end_tag(tag, bytes)) {
        code = take_event(reader);
        reader->in_event = false;
    }
    if (!reader->in_event)
        reader->bytes = 0;
    return code;
}

static int reserve(struct xml_reader *reader, size_t count)
{
    if (reader->bytes + count <= reader->room)
        return 0;
    size_t room = reader->room == 0 ? PIECE_BYTES : reader->room;
    while (room < reader->bytes + count)
        room *= 2;
    char *text = realloc(reader->text, room);
    if (text == NULL)
        return ERROR_NO_MEMORY;
    reader->text = text;
    reader->room = room;
    return 0;
}

static int keep(struct xml_reader *reader, const char *bytes, size_t count)
{
    if (!reader->in_tag && !reader->in_event)
        return 0;
    if (reader->bytes + count > EVENT_BYTES_MAX) {
        if (reader->in_event)
            tell_event(reader, REPAIR_TOO_LONG);
        reader->in_event = reader->in_tag = false;
        reader->bytes = 0;
        return 0;
    }
    int code = reserve(reader, count);
    if (code < 0)
        return code;
    memcpy(reader->text + reader->bytes, bytes, count);
    reader->bytes += count;
    return 0;
}

static uint64_t count_lines(const char *bytes, size_t count)
{
    uint64_t lines = 0;
    for (const char *end = bytes + count; (bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL;
         bytes++)
        lines++;
    return lines;
}

/* UTF-8, or near enough to find tags in it. */
static int take_bytes(struct xml_reader *reader, const char *bytes, size_t count)
{
    int code = 0;
    for (const char *end = bytes + count; bytes < end && code == 0;) {
        char stop = reader->in_tag ? '>' : '<';
        const char *found = memchr(bytes, stop, (size_t)(end - bytes));
        const char *until = found == NULL ? end : reader->in_tag ? found + 1 : found;
        code = keep(reader, bytes, (size_t)(until - bytes));
        reader->line += count_lines(bytes, (size_t)(until - bytes));
        bytes = until;
        if (found == NULL || code < 0)
            continue;
        if (reader->in_tag) {
            code = end_tag(reader);
        } else if (stop == '<') {
            reader->in_tag = true;
        }
    }
    return code;
}

/* ---- decoding ------------------------------------------------------------------------------------------ */

static uint16_t unit_of(const struct decoder *decoder, const unsigned char *bytes)
{
    bool little = decoder->encoding == ENCODING_UTF16_LITTLE;
    return (uint16_t)(bytes[little ? 0 : 1] | bytes[little ? 1 : 0] << 8);
}

static int feed_utf16(struct xml_reader *reader, const char *bytes, size_t count)
{
    struct decoder *decoder = &reader->decoder;
    char text[PIECE_BYTES];
    size_t text_bytes = 0;
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        decoder->begun[decoder->begun_bytes++] = (unsigned char)bytes[i];
        if (decoder->begun_bytes < 2)
            continue;
        decoder->begun_bytes = 0;
        text_bytes += utf16_decode(&decoder->utf16, unit_of(decoder, decoder->begun), text + text_bytes);
        if (text_bytes > sizeof text - UTF16_DECODED_BYTES_MAX) {
            code = take_bytes(reader, text, text_bytes);
            text_bytes = 0;
        }
    }
    return code == 0 ? take_bytes(reader, text, text_bytes) : code;
}

/* By the byte order mark, or by a '<' of two bytes. A mark of UTF-8 is no tag and needs no care. */
static enum encoding encoding_of(const unsigned char *head)
{
    if ((head[0] == 0xff && head[1] == 0xfe) || (head[0] == '<' && head[1] == 0))
        return ENCODING_UTF16_LITTLE;
    if ((head[0] == 0xfe && head[1] == 0xff) || (head[0] == 0 && head[1] == '<'))
        return ENCODING_UTF16_BIG;
    return ENCODING_BYTES;
}

/* ---- the reader ---------------------------------------------------------------------------------------- */

static bool contains(const char *head, size_t bytes, const char *word)
{
    return memmem(head, bytes, word, strlen(word)) != NULL;
}

static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    char text[HEAD_BYTES];
    size_t used = 0;
    (void)whole;
    for (size_t i = 0; i < bytes && used < sizeof text; i++)
        if (head[i] != '\0') /* of UTF-16, as far as it is ASCII */
            text[used++] = head[i];
    size_t start = 0;
    while (start < used && strchr("\xff\xfe\xef\xbb\xbf \t\r\n-", text[start]) != NULL)
        start++;
    if (!contains(text, used, "<Event ") && !contains(text, used, "<Event>"))
        return RECOGNISED_NO;
    bool begins = start < used && text[start] == '<', has_system = contains(text, used, "<System>");
    if (begins || has_system) /* some programs write a line of their own before it */
        return begins && has_system ? RECOGNISED_YES : RECOGNISED_MAYBE;
    return RECOGNISED_NO;
}

static void destroy(struct reader *base)
{
    if (base == NULL)
        return;
    struct xml_reader *reader = own(base);
    if (reader->parser != NULL)
        XML_ParserFree(reader->parser);
    windows_input_finish(&reader->input);
    free(reader->text);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct xml_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader_init(&reader->base, settings, true);
    reader->parser = XML_ParserCreate(NULL);
    if (windows_input_init(&reader->input, &reader->base) && reader->parser != NULL)
        return &reader->base;
    destroy(&reader->base);
    return NULL;
}

static int begin_file(struct reader *base, const char *file)
{
    struct xml_reader *reader = own(base);
    windows_input_begin_file(&reader->input);
    reader->decoder = (struct decoder){.encoding = ENCODING_UNKNOWN};
    reader->in_tag = reader->in_event = false;
    reader->bytes = 0;
    reader->line = reader->event_line = 1;
    return reader_begin_file(base, file);
}

static int feed_known(struct xml_reader *reader, const char *bytes, size_t count)
{
    return reader->decoder.encoding == ENCODING_BYTES ? take_bytes(reader, bytes, count)
                                                      : feed_utf16(reader, bytes, count);
}

static int feed(struct reader *base, const char *bytes, size_t count)
{
    struct xml_reader *reader = own(base);
    struct decoder *decoder = &reader->decoder;
    while (decoder->encoding == ENCODING_UNKNOWN && count > 0) {
        decoder->begun[decoder->begun_bytes++] = (unsigned char)*bytes++;
        count--;
        if (decoder->begun_bytes < 2)
            continue;
        char head[2] = {(char)decoder->begun[0], (char)decoder->begun[1]};
        decoder->encoding = encoding_of(decoder->begun);
        decoder->begun_bytes = 0;
        int code = feed_known(reader, head, sizeof head);
        if (code < 0)
            return code;
    }
    return count == 0 ? 0 : feed_known(reader, bytes, count);
}

static int end_file(struct reader *base)
{
    struct xml_reader *reader = own(base);
    if (reader->in_event)
        tell_event(reader, REPAIR_TORN);
    reader->in_tag = reader->in_event = false;
    return windows_input_end_file(&reader->input);
}

const struct reader_format reader_windows_xml = {
    .name = "Windows events as XML",
    .in_utc = true,
    .recognise = recognise,
    .create = create,
    .begin_file = begin_file,
    .feed = feed,
    .end_file = end_file,
    .end = reader_end,
    .destroy = destroy,
};
