/* json.h - JSON in and out, over yajl's streaming parser and generator (never its tree).
 *
 * Reading is by shape: a table of fields says names, types, bounds and where the values go. Depth is at most
 * JSON_DEPTH_MAX, unknown fields are skipped, a duplicate field is an error, strings are valid UTF-8 without
 * NUL. */
#ifndef FARMGATE_COMMON_JSON_H
#define FARMGATE_COMMON_JSON_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX  16
#define JSON_FIELDS_MAX 64 /* of one shape */
#define JSON_PATH_BYTES 64 /* of a field's name in an answer */

enum json_type {
    JSON_TEXT,    /* char[max + 1] at offset, min..max bytes */
    JSON_INTEGER, /* int64_t, min..max */
    JSON_BOOLEAN, /* bool */
    JSON_CHOICE,  /* int: index into choices (NULL-terminated) */
    JSON_TIME,    /* int64_t Unix ms, from RFC 3339 ("2026-01-01T00:00:00.000Z", offsets accepted) */
    JSON_OBJECT,  /* a struct at offset, by *shape */
    JSON_ARRAY,   /* an array of structs at offset; elements by *shape */
    JSON_TEXTS,   /* an array of texts of min..max bytes, each in char[max + 1] */
    JSON_SPAN,    /* an object that is not read: a struct json_span that says where it stands */
    JSON_SPANS,   /* an array of such objects */
};

/* Within the text that was read, and as long as that lives: an object for reading by another shape. */
struct json_span {
    const char *start;
    size_t bytes;
};

/* Where a JSON_ARRAY goes: fixed room inside the struct that is read. */
struct json_shape;
struct json_field {
    const char *name;
    enum json_type type;
    size_t offset;
    int64_t min, max;
    bool required;
    bool nullable;         /* null leaves the value as it was */
    size_t present_offset; /* of a bool set when the field came (even null); 0: none */
    const char *const *choices;
    const struct json_shape *shape;
    /* JSON_ARRAY, JSON_TEXTS and JSON_SPANS: */
    size_t count_offset; /* size_t: elements read */
    size_t count_max;    /* room */
    size_t element_bytes;
};
struct json_shape {
    const struct json_field *fields;
    size_t field_count;
};

/* Reads one JSON object from `text` into *ret (which the caller has set to its defaults; on failure it is to
 * be thrown away). ERROR_INVALID, ERROR_TOO_DEEP or ERROR_TOO_LARGE (a text or a list past its bounds) with
 * *ret_detail naming the field ("windows[3].start: not a time") or the byte; `ret_field` (may be NULL) gets
 * just the field's path ("windows[3].start"), "" if none. ERROR_NO_MEMORY. */
int json_read(const struct json_shape *shape, const void *text, size_t bytes, void *ret,
              struct error_detail *ret_detail, char ret_field[JSON_PATH_BYTES]);

/* The same for many objects, one after another (the lines of NDJSON), without setting up a parser for each.
 */
struct json_reader;
struct json_reader *json_reader_create(void); /* NULL without memory */
void json_reader_destroy(struct json_reader *reader);
int json_reader_read(struct json_reader *reader, const struct json_shape *shape, const void *text,
                     size_t bytes, void *ret, struct error_detail *ret_detail,
                     char ret_field[JSON_PATH_BYTES]);

/* Writing: a growing buffer. Names are only for members of objects; pass NULL inside arrays. Errors stick:
 * json_writer_finish reports them once. */
struct json_writer;
struct json_writer *json_writer_create(bool pretty); /* NULL without memory */
void json_writer_destroy(struct json_writer *writer);
void json_open_object(struct json_writer *writer, const char *name);
void json_close_object(struct json_writer *writer);
void json_open_array(struct json_writer *writer, const char *name);
void json_close_array(struct json_writer *writer);
void json_text(struct json_writer *writer, const char *name,
               const char *text); /* NULL: null; bad UTF-8 is replaced */
void json_integer(struct json_writer *writer, const char *name, int64_t value);
void json_boolean(struct json_writer *writer, const char *name, bool value);
void json_time(struct json_writer *writer, const char *name, int64_t unix_ms); /* RFC 3339 UTC with ms */
void json_time_or_null(struct json_writer *writer, const char *name,
                       int64_t unix_ms); /* 0 or INT64_MAX: null */
void json_null(struct json_writer *writer, const char *name);
/* A value that is JSON already, as it is; NULL: null. It must be whole and right: nobody looks. */
void json_raw(struct json_writer *writer, const char *name, const char *json);
/* The text, NUL-terminated, owned by the writer until it is destroyed; negative error if any call failed. */
int json_writer_finish(struct json_writer *writer, const char **ret_text, size_t *ret_bytes);

/* Finishes and destroys the writer; its text is the caller's, to be freed with free(). NULL if any call
 * failed or the writer is NULL. */
char *json_writer_take(struct json_writer *writer);

#endif
