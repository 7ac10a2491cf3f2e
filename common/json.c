#include "json.h"

#include "rfc3339.h"
#include "utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

/* ---- reading ---- */

/* An object or array that is open: where its values go. */
struct frame {
    const struct json_shape *shape; /* of an object; NULL in an array */
    const struct json_field
        *field;    /* object: whose value comes next, NULL to skip it; array: its own field */
    char *base;    /* of the struct or of the array's first element */
    uint64_t seen; /* object: bit i for shape->fields[i] */
    size_t next;   /* object: where the next name probably stands; array: elements so far */
    size_t *count; /* array: where the number of elements goes */
};

struct json_reader {
    yajl_handle handle; /* NULL: to be made; dropped after an error, since yajl cannot start anew */
    const struct json_shape *shape;
    const char *text;
    char *ret;
    struct frame frames[JSON_DEPTH_MAX];
    size_t depth;           /* frames in use */
    size_t skipped;         /* open objects and arrays inside an unknown field or a span, not in frames */
    struct json_span *span; /* the one that is open */
    bool complete;          /* the object has been closed */
    size_t end;             /* the byte behind it */
    int error;              /* the first, 0 if none */
    struct error_detail detail;
    char path[ERROR_DETAIL_BYTES]; /* of the field in error */
    bool in_value;                 /* a field's name was read, its value not yet */
};

static void append(char *text, size_t room, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));
static void append(char *text, size_t room, const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + length, room - length, format, arguments);
    va_end(arguments);
}

/* Names the field that is being read: "windows[3].start". `missing` names a member of the innermost object.
 */
static void name_path(struct json_reader *reader, const struct json_field *missing)
{
    char *path = reader->path;
    path[0] = '\0';
    for (size_t i = 0; i < reader->depth; i++) {
        const struct frame *frame = &reader->frames[i];
        bool innermost = i + 1 == reader->depth;
        const struct json_field *field = innermost && missing ? missing : frame->field;
        if (frame->shape && field)
            append(path, sizeof(reader->path), "%s%s", path[0] ? "." : "", field->name);
        else if (!frame->shape)
            append(path, sizeof(reader->path), "[%zu]", frame->next);
    }
}

/* Remembers what is wrong with the value being read; returns 0, which stops yajl. */
static int refuse_value(struct json_reader *reader, int error, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));
static int refuse_value(struct json_reader *reader, int error, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (reader->path[0] == '\0')
        name_path(reader, NULL);
    reader->error = error;
    error_detail_set(&reader->detail, "%s%s%s", reader->path, reader->path[0] ? ": " : "", what);
    return 0;
}

static const char *const wanted_words[] = {
    [JSON_TEXT] = "a text",   [JSON_INTEGER] = "an integer", [JSON_BOOLEAN] = "true or false",
    [JSON_CHOICE] = "a text", [JSON_TIME] = "a time",        [JSON_OBJECT] = "an object",
    [JSON_ARRAY] = "a list",  [JSON_TEXTS] = "a list",       [JSON_SPAN] = "an object",
    [JSON_SPANS] = "a list",
};

static int refuse_type(struct json_reader *reader, const struct json_field *field)
{
    const struct frame *top = &reader->frames[reader->depth - 1];
    if (!top->shape)
        return refuse_value(reader, ERROR_INVALID, "not %s",
                            field->type == JSON_TEXTS ? "a text" : "an object");
    return refuse_value(reader, ERROR_INVALID, "not %s", wanted_words[field->type]);
}

/* Where the next value goes; NULL if it is to be skipped or the reader is done (then with error set). */
static const struct json_field *expected(struct json_reader *reader)
{
    if (reader->skipped > 0)
        return NULL;
    if (reader->depth == 0) {
        (void)refuse_value(reader, ERROR_INVALID,
                           reader->complete ? "more follows after the object" : "not an object");
        return NULL;
    }
    return reader->frames[reader->depth - 1].field;
}

/* The address of the value; for an array's element, after checking that there is room. NULL: refused. */
static char *place(struct json_reader *reader, const struct json_field *field)
{
    struct frame *top = &reader->frames[reader->depth - 1];
    if (top->shape)
        return top->base + field->offset;
    if (top->next >= field->count_max) {
        (void)refuse_value(reader, ERROR_TOO_LARGE, "more than %zu elements", field->count_max);
        return NULL;
    }
    return top->base + top->next * field->element_bytes;
}

static int placed(struct json_reader *reader)
{
    struct frame *top = &reader->frames[reader->depth - 1];
    reader->in_value = false;
    if (!top->shape)
        *top->count = ++top->next;
    return 1;
}

static int read_text(struct json_reader *reader, const struct json_field *field, const char *text,
                     size_t bytes, char *at)
{
    if (memchr(text, '\0', bytes))
        return refuse_value(reader, ERROR_INVALID, "contains a NUL character");
    if (bytes > (size_t)field->max)
        return refuse_value(reader, ERROR_TOO_LARGE, "longer than %lld bytes", (long long)field->max);
    if (bytes < (size_t)field->min)
        return bytes == 0
                   ? refuse_value(reader, ERROR_INVALID, "empty")
                   : refuse_value(reader, ERROR_INVALID, "shorter than %lld bytes", (long long)field->min);
    memcpy(at, text, bytes);
    at[bytes] = '\0';
    return placed(reader);
}

static int read_choice(struct json_reader *reader, const struct json_field *field, const char *text,
                       size_t bytes, char *at)
{
    char allowed[200] = "";
    for (int i = 0; field->choices[i]; i++) {
        if (strlen(field->choices[i]) == bytes && memcmp(field->choices[i], text, bytes) == 0) {
            memcpy(at, &i, sizeof(i));
            return placed(reader);
        }
        append(allowed, sizeof(allowed), "%s\"%s\"", i > 0 ? ", " : "", field->choices[i]);
    }
    return refuse_value(reader, ERROR_INVALID, "not one of %s", allowed);
}

static int read_time(struct json_reader *reader, const char *text, size_t bytes, char *at)
{
    int64_t instant;
    if (!rfc3339_parse(text, bytes, &instant))
        return refuse_value(reader, ERROR_INVALID, "not a time");
    memcpy(at, &instant, sizeof(instant));
    return placed(reader);
}

static int on_string(void *context, const unsigned char *string, size_t bytes)
{
    struct json_reader *reader = context;
    const char *text = (const char *)string;
    if (!utf8_valid(text, bytes))
        return refuse_value(reader, ERROR_INVALID, "not valid UTF-8");
    const struct json_field *field = expected(reader);
    if (!field)
        return reader->error == 0;
    bool in_texts = !reader->frames[reader->depth - 1].shape && field->type == JSON_TEXTS;
    if (!in_texts && field->type != JSON_TEXT && field->type != JSON_CHOICE && field->type != JSON_TIME)
        return refuse_type(reader, field);
    char *at = place(reader, field);
    if (!at)
        return 0;
    if (field->type == JSON_CHOICE)
        return read_choice(reader, field, text, bytes, at);
    if (field->type == JSON_TIME)
        return read_time(reader, text, bytes, at);
    return read_text(reader, field, text, bytes, at);
}

/* Only plain integers: no fraction, no exponent, all 64 bits exact. */
static bool parse_integer(const char *text, size_t bytes, int64_t *ret, bool *ret_too_large)
{
    bool negative = bytes > 0 && text[0] == '-';
    int64_t value = 0;
    *ret_too_large = false;
    for (size_t i = negative ? 1 : 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        int digit = text[i] - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -digit : digit, &value))
            *ret_too_large = true;
    }
    *ret = value;
    return true;
}

static int on_number(void *context, const char *text, size_t bytes)
{
    struct json_reader *reader = context;
    const struct json_field *field = expected(reader);
    int64_t value;
    bool too_large;
    if (!field)
        return reader->error == 0;
    if (field->type != JSON_INTEGER || !reader->frames[reader->depth - 1].shape)
        return refuse_type(reader, field);
    if (!parse_integer(text, bytes, &value, &too_large))
        return refuse_value(reader, ERROR_INVALID, "not an integer");
    if (too_large || value < field->min || value > field->max)
        return refuse_value(reader, ERROR_INVALID, "not between %lld and %lld", (long long)field->min,
                            (long long)field->max);
    memcpy(place(reader, field), &value, sizeof(value));
    return 1;
}

static int on_boolean(void *context, int yes)
{
    struct json_reader *reader = context;
    const struct json_field *field = expected(reader);
    bool value = yes != 0;
    if (!field)
        return reader->error == 0;
    if (field->type != JSON_BOOLEAN || !reader->frames[reader->depth - 1].shape)
        return refuse_type(reader, field);
    memcpy(place(reader, field), &value, sizeof(value));
    return 1;
}

static int on_null(void *context)
{
    struct json_reader *reader = context;
    const struct json_field *field = expected(reader);
    if (!field)
        return reader->error == 0;
    if (!field->nullable || !reader->frames[reader->depth - 1].shape)
        return refuse_type(reader, field);
    return 1;
}

/* Counts an object or array that opens, known or skipped. */
static bool may_go_deeper(struct json_reader *reader)
{
    if (reader->depth + reader->skipped < JSON_DEPTH_MAX)
        return true;
    (void)refuse_value(reader, ERROR_TOO_DEEP, "nested more than %d deep", JSON_DEPTH_MAX);
    return false;
}

static void push(struct json_reader *reader, struct frame frame)
{
    reader->frames[reader->depth++] = frame;
}

/* yajl has consumed the brace. */
static int begin_span(struct json_reader *reader, const struct json_field *field)
{
    char *at = place(reader, field);
    if (!at)
        return 0;
    reader->span = (struct json_span *)(void *)at;
    reader->span->start = reader->text + yajl_get_bytes_consumed(reader->handle) - 1;
    reader->skipped++;
    return 1;
}

static int end_span(struct json_reader *reader)
{
    struct json_span *span = reader->span;
    span->bytes = (size_t)(reader->text + yajl_get_bytes_consumed(reader->handle) - span->start);
    reader->span = NULL;
    return placed(reader);
}

static int on_start_map(void *context)
{
    struct json_reader *reader = context;
    if (!may_go_deeper(reader))
        return 0;
    if (reader->depth == 0 && !reader->complete) {
        push(reader, (struct frame){.shape = reader->shape, .base = reader->ret});
        return 1;
    }
    const struct json_field *field = expected(reader);
    if (!field) {
        reader->skipped++;
        return reader->error == 0;
    }
    bool element = !reader->frames[reader->depth - 1].shape;
    if (field->type == (element ? JSON_SPANS : JSON_SPAN))
        return begin_span(reader, field);
    if (field->type != (element ? JSON_ARRAY : JSON_OBJECT))
        return refuse_type(reader, field);
    char *at = place(reader, field);
    if (!at)
        return 0;
    push(reader, (struct frame){.shape = field->shape, .base = at});
    return 1;
}

static int on_start_array(void *context)
{
    struct json_reader *reader = context;
    if (!may_go_deeper(reader))
        return 0;
    const struct json_field *field = expected(reader);
    if (!field) {
        reader->skipped++;
        return reader->error == 0;
    }
    struct frame *top = &reader->frames[reader->depth - 1];
    if (!top->shape || (field->type != JSON_ARRAY && field->type != JSON_TEXTS && field->type != JSON_SPANS))
        return refuse_type(reader, field);
    size_t *count = (size_t *)(void *)(top->base + field->count_offset);
    *count = 0;
    push(reader, (struct frame){.field = field, .base = top->base + field->offset, .count = count});
    return 1;
}

/* Members mostly come in the shape's order, so the search begins behind the last one found. */
static const struct json_field *find_field(struct frame *frame, const char *name, size_t bytes)
{
    size_t count = frame->shape->field_count;
    for (size_t i = 0, at = frame->next; i < count; i++, at++) {
        at = at >= count ? 0 : at;
        const struct json_field *field = &frame->shape->fields[at];
        if (strlen(field->name) == bytes && memcmp(field->name, name, bytes) == 0) {
            frame->next = at + 1;
            return field;
        }
    }
    return NULL;
}

static int on_map_key(void *context, const unsigned char *key, size_t bytes)
{
    struct json_reader *reader = context;
    struct frame *top = &reader->frames[reader->depth - 1];
    if (reader->skipped == 0)
        top->field = NULL;
    if (!utf8_valid(key, bytes))
        return refuse_value(reader, ERROR_INVALID, "a name is not valid UTF-8");
    if (reader->skipped > 0)
        return 1;
    top->field = find_field(top, (const char *)key, bytes);
    reader->in_value = top->field;
    if (!top->field)
        return 1;
    uint64_t bit = UINT64_C(1) << (top->field - top->shape->fields);
    if (top->seen & bit)
        return refuse_value(reader, ERROR_INVALID, "given twice");
    top->seen |= bit;
    if (top->field->present_offset != 0)
        *(bool *)(top->base + top->field->present_offset) = true;
    return 1;
}

/* Leaves the innermost object or array: its own value has been read. */
static int pop(struct json_reader *reader)
{
    reader->depth--;
    if (reader->depth == 0) {
        reader->complete = true;
        reader->end = yajl_get_bytes_consumed(reader->handle);
        return 1;
    }
    return placed(reader);
}

static int on_end_map(void *context)
{
    struct json_reader *reader = context;
    if (reader->skipped > 0) {
        reader->skipped--;
        return reader->skipped == 0 && reader->span ? end_span(reader) : 1;
    }
    const struct frame *top = &reader->frames[reader->depth - 1];
    for (size_t i = 0; i < top->shape->field_count; i++) {
        const struct json_field *field = &top->shape->fields[i];
        if (field->required && !(top->seen & (UINT64_C(1) << i))) {
            name_path(reader, field);
            return refuse_value(reader, ERROR_INVALID, "missing");
        }
    }
    return pop(reader);
}

static int on_end_array(void *context)
{
    struct json_reader *reader = context;
    if (reader->skipped > 0) {
        reader->skipped--;
        return 1;
    }
    return pop(reader);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array,
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The code unit of "\uXXXX" at `at`, -1 if there is none. */
static int escaped_unit(const char *at, const char *end)
{
    int unit = 0;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* yajl turns half a surrogate pair into "?" without a word: two different names could become one. */
static const char *find_lone_surrogate(const char *text, size_t bytes)
{
    const char *end = text + bytes;
    const char *at = text;
    while (at < end && (at = memchr(at, '\\', (size_t)(end - at)))) {
        int unit = escaped_unit(at, end);
        if (unit >= 0xD800 && unit < 0xDC00) {
            int low = escaped_unit(at + 6, end);
            if (low < 0xDC00 || low > 0xDFFF)
                return at;
            at += 12;
        } else if (unit >= 0xDC00 && unit < 0xE000) {
            return at;
        } else {
            at += 2;
        }
    }
    return NULL;
}

/* What is wrong with the text itself; if it stands in a field's value, the field is named. */
static void refuse_text(struct json_reader *reader, const char *what)
{
    if (reader->in_value)
        (void)refuse_value(reader, ERROR_INVALID, "%s", what);
    reader->error = ERROR_INVALID;
    if (!reader->in_value)
        error_detail_set(&reader->detail, "%s", what);
}

/* yajl's words for what it could not read at byte `at`. */
static void refuse_syntax(struct json_reader *reader, size_t at)
{
    char what[200];
    unsigned char *words = yajl_get_error(reader->handle, 0, NULL, 0);
    const char *text = words ? (const char *)words : "";
    size_t length = strcspn(text, "\n");
    while (length > 0 && text[length - 1] == ' ')
        length--;
    (void)snprintf(what, sizeof(what), "not JSON at byte %zu: %.*s", at, (int)(length < 120 ? length : 120),
                   text);
    refuse_text(reader, what);
    if (words)
        yajl_free_error(reader->handle, words);
}

/* A text that breaks off behind the object (an open string, say) is nothing that yajl would mind: it waits
 * for more. */
static void refuse_rest(struct json_reader *reader, const char *text, size_t bytes)
{
    for (size_t at = reader->end; at < bytes; at++) {
        if (!strchr(" \t\r\n", text[at]) || text[at] == '\0') {
            reader->error = ERROR_INVALID;
            error_detail_set(&reader->detail, "more follows after the object");
            return;
        }
    }
}

/* Reads up to half a surrogate pair, to name the field that it stands in. */
static void refuse_surrogate(struct json_reader *reader, const unsigned char *text, size_t at)
{
    char what[64];
    yajl_status status = yajl_parse(reader->handle, text, at);
    (void)snprintf(what, sizeof(what), "half a surrogate pair at byte %zu", at);
    if (reader->error == 0 && status == yajl_status_ok)
        refuse_text(reader, what);
    else if (reader->error == 0)
        refuse_syntax(reader, yajl_get_bytes_consumed(reader->handle));
}

static void parse(struct json_reader *reader, const unsigned char *text, size_t bytes)
{
    const char *lone = find_lone_surrogate((const char *)text, bytes);
    if (lone) {
        refuse_surrogate(reader, text, (size_t)(lone - (const char *)text));
        return;
    }
    yajl_status status = yajl_parse(reader->handle, text, bytes);
    size_t at = yajl_get_bytes_consumed(reader->handle);
    if (status == yajl_status_ok) {
        status = yajl_complete_parse(reader->handle);
        at = bytes;
    }
    if (reader->error != 0)
        return;
    if (status != yajl_status_ok)
        refuse_syntax(reader, at);
    else if (!reader->complete)
        (void)refuse_value(reader, ERROR_INVALID, "not an object");
    else
        refuse_rest(reader, (const char *)text, bytes);
}

static bool prepare_handle(struct json_reader *reader)
{
    if (reader->handle)
        return true;
    reader->handle = yajl_alloc(&callbacks, NULL, reader);
    /* One handle reads object after object; that each text holds just one is checked here. So is UTF-8: yajl
     * lets overlong forms and surrogates pass and cannot name the field. */
    return reader->handle && yajl_config(reader->handle, yajl_allow_multiple_values, 1) &&
           yajl_config(reader->handle, yajl_dont_validate_strings, 1);
}

static void drop_handle(struct json_reader *reader)
{
    if (reader->handle)
        yajl_free(reader->handle);
    reader->handle = NULL;
}

struct json_reader *json_reader_create(void)
{
    return calloc(1, sizeof(struct json_reader));
}

void json_reader_destroy(struct json_reader *reader)
{
    if (!reader)
        return;
    drop_handle(reader);
    free(reader);
}

int json_reader_read(struct json_reader *reader, const struct json_shape *shape, const void *text,
                     size_t bytes, void *ret, struct error_detail *ret_detail,
                     char ret_field[JSON_PATH_BYTES])
{
    assert(shape->field_count <= JSON_FIELDS_MAX);
    reader->shape = shape;
    reader->text = text;
    reader->ret = ret;
    reader->span = NULL;
    reader->depth = reader->skipped = 0;
    reader->complete = reader->in_value = false;
    reader->error = 0;
    reader->path[0] = '\0';
    if (!prepare_handle(reader)) {
        reader->error = ERROR_NO_MEMORY;
        error_detail_set(&reader->detail, "%s", error_text(ERROR_NO_MEMORY));
    } else {
        parse(reader, text, bytes);
    }
    if (reader->error == 0)
        return 0;
    drop_handle(reader);
    if (ret_detail)
        *ret_detail = reader->detail;
    if (ret_field)
        (void)snprintf(ret_field, JSON_PATH_BYTES, "%.*s", JSON_PATH_BYTES - 1, reader->path);
    return reader->error;
}

int json_read(const struct json_shape *shape, const void *text, size_t bytes, void *ret,
              struct error_detail *ret_detail, char ret_field[JSON_PATH_BYTES])
{
    struct json_reader reader = {0};
    int error = json_reader_read(&reader, shape, text, bytes, ret, ret_detail, ret_field);
    drop_handle(&reader);
    return error;
}

/* ---- writing ---- */

#define FIRST_ROOM_BYTES 1024

struct json_writer {
    yajl_gen generator;
    char *text; /* always with room for a NUL behind it */
    size_t bytes, room;
    size_t depth;
    bool complete;
    int error; /* the first, 0 if none */
};

/* yajl's own buffer does not survive a failing allocation. */
static void on_print(void *context, const char *bytes, size_t count)
{
    struct json_writer *writer = context;
    if (writer->error != 0)
        return;
    if (writer->room - writer->bytes <= count) {
        size_t room = writer->room ? writer->room : FIRST_ROOM_BYTES;
        while (room - writer->bytes <= count)
            room *= 2;
        char *text = realloc(writer->text, room);
        if (!text) {
            writer->error = ERROR_NO_MEMORY;
            return;
        }
        writer->text = text;
        writer->room = room;
    }
    memcpy(writer->text + writer->bytes, bytes, count);
    writer->bytes += count;
}

struct json_writer *json_writer_create(bool pretty)
{
    struct json_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return NULL;
    writer->generator = yajl_gen_alloc(NULL);
    if (!writer->generator) {
        free(writer);
        return NULL;
    }
    (void)yajl_gen_config(writer->generator, yajl_gen_print_callback, on_print, writer);
    (void)yajl_gen_config(writer->generator, yajl_gen_beautify, pretty ? 1 : 0);
    (void)yajl_gen_config(writer->generator, yajl_gen_indent_string, "  ");
    return writer;
}

void json_writer_destroy(struct json_writer *writer)
{
    if (!writer)
        return;
    yajl_gen_free(writer->generator);
    free(writer->text);
    free(writer);
}

static void check(struct json_writer *writer, yajl_gen_status status)
{
    if (status != yajl_gen_status_ok && writer->error == 0)
        writer->error = ERROR_INVALID;
}

/* Replaces every byte that is no part of a character by U+FFFD. NULL without memory. */
static char *repair_utf8(const char *text, size_t bytes, size_t *ret_bytes)
{
    char *repaired = malloc(3 * bytes + 1);
    size_t length = 0;
    if (!repaired)
        return NULL;
    for (size_t i = 0; i < bytes;) {
        size_t character = utf8_character(text + i, bytes - i);
        memcpy(repaired + length, character > 0 ? text + i : "\xEF\xBF\xBD", character > 0 ? character : 3);
        length += character > 0 ? character : 3;
        i += character > 0 ? character : 1;
    }
    *ret_bytes = length;
    return repaired;
}

static void put_text(struct json_writer *writer, const char *text)
{
    size_t bytes = strlen(text);
    char *repaired = NULL;
    if (!utf8_valid(text, bytes)) {
        repaired = repair_utf8(text, bytes, &bytes);
        if (!repaired) {
            writer->error = writer->error ? writer->error : ERROR_NO_MEMORY;
            return;
        }
    }
    const char *shown = repaired ? repaired : text;
    check(writer, yajl_gen_string(writer->generator, (const unsigned char *)shown, bytes));
    free(repaired);
}

static void put_name(struct json_writer *writer, const char *name)
{
    if (name)
        put_text(writer, name);
}

static void opened(struct json_writer *writer, yajl_gen_status status)
{
    check(writer, status);
    writer->depth++;
}

static void closed(struct json_writer *writer, yajl_gen_status status)
{
    check(writer, status);
    if (writer->depth == 0)
        writer->error = writer->error ? writer->error : ERROR_INVALID;
    else
        writer->complete = --writer->depth == 0;
}

void json_open_object(struct json_writer *writer, const char *name)
{
    put_name(writer, name);
    opened(writer, yajl_gen_map_open(writer->generator));
}

void json_close_object(struct json_writer *writer)
{
    closed(writer, yajl_gen_map_close(writer->generator));
}

void json_open_array(struct json_writer *writer, const char *name)
{
    put_name(writer, name);
    opened(writer, yajl_gen_array_open(writer->generator));
}

void json_close_array(struct json_writer *writer)
{
    closed(writer, yajl_gen_array_close(writer->generator));
}

void json_text(struct json_writer *writer, const char *name, const char *text)
{
    if (!text) {
        json_null(writer, name);
        return;
    }
    put_name(writer, name);
    put_text(writer, text);
}

void json_integer(struct json_writer *writer, const char *name, int64_t value)
{
    put_name(writer, name);
    check(writer, yajl_gen_integer(writer->generator, value));
}

void json_boolean(struct json_writer *writer, const char *name, bool value)
{
    put_name(writer, name);
    check(writer, yajl_gen_bool(writer->generator, value ? 1 : 0));
}

void json_time(struct json_writer *writer, const char *name, int64_t unix_ms)
{
    char text[RFC3339_BYTES];
    json_text(writer, name, rfc3339_format(unix_ms, text));
}

void json_time_or_null(struct json_writer *writer, const char *name, int64_t unix_ms)
{
    if (unix_ms == 0 || unix_ms == INT64_MAX)
        json_null(writer, name);
    else
        json_time(writer, name, unix_ms);
}

void json_null(struct json_writer *writer, const char *name)
{
    put_name(writer, name);
    check(writer, yajl_gen_null(writer->generator));
}

void json_raw(struct json_writer *writer, const char *name, const char *json)
{
    if (!json) {
        json_null(writer, name);
        return;
    }
    put_name(writer, name);
    /* yajl writes a number as the caller spells it: its way of letting any value through */
    check(writer, yajl_gen_number(writer->generator, json, strlen(json)));
}

int json_writer_finish(struct json_writer *writer, const char **ret_text, size_t *ret_bytes)
{
    if (writer->error != 0)
        return writer->error;
    if (!writer->complete)
        return ERROR_INVALID;
    writer->text[writer->bytes] = '\0';
    *ret_text = writer->text;
    *ret_bytes = writer->bytes;
    return 0;
}

char *json_writer_take(struct json_writer *writer)
{
    const char *unused;
    size_t bytes;
    char *text = NULL;
    if (writer && json_writer_finish(writer, &unused, &bytes) == 0) {
        text = writer->text;
        writer->text = NULL;
    }
    json_writer_destroy(writer);
    return text;
}
