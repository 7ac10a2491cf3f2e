#include "wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#define DEPTH_MAX      16
#define KEY_ROOM       (WIRE_KEY_BYTES_MAX + 1)
#define BASE64_OF(n)   (((n) + 2) / 3 * 4)
#define VALUE_TEXT_MAX BASE64_OF((size_t)WIRE_VALUE_BYTES_MAX)

/* The members that matter, wherever they stand; all others are skipped. */
enum member {
    MEMBER_OTHER,
    MEMBER_RESULT,
    MEMBER_HEADER,
    MEMBER_REVISION,
    MEMBER_CLUSTER_ID,
    MEMBER_KVS,
    MEMBER_EVENTS,
    MEMBER_KV,
    MEMBER_PREV_KV,
    MEMBER_TYPE,
    MEMBER_KEY,
    MEMBER_VALUE,
    MEMBER_CREATE_REVISION,
    MEMBER_MOD_REVISION,
    MEMBER_VERSION,
    MEMBER_ETCDSERVER,
    MEMBER_LEASE,
    MEMBER_RESPONSES,
    MEMBER_RESPONSE_RANGE,
    MEMBER_COUNT,
    MEMBER_MORE,
    MEMBER_SUCCEEDED,
    MEMBER_ID,
    MEMBER_TTL,
    MEMBER_TOKEN,
    MEMBER_CREATED,
    MEMBER_CANCELED,
    MEMBER_CANCEL_REASON,
    MEMBER_COMPACT_REVISION,
    MEMBER_ERROR,
    MEMBER_MESSAGE,
    MEMBER_CODE,
    MEMBER_GRPC_CODE,
    MEMBER_MAX
};

static const char *const member_names[MEMBER_MAX] = {
    [MEMBER_RESULT] = "result",
    [MEMBER_HEADER] = "header",
    [MEMBER_REVISION] = "revision",
    [MEMBER_CLUSTER_ID] = "cluster_id",
    [MEMBER_KVS] = "kvs",
    [MEMBER_EVENTS] = "events",
    [MEMBER_KV] = "kv",
    [MEMBER_PREV_KV] = "prev_kv",
    [MEMBER_TYPE] = "type",
    [MEMBER_KEY] = "key",
    [MEMBER_VALUE] = "value",
    [MEMBER_CREATE_REVISION] = "create_revision",
    [MEMBER_MOD_REVISION] = "mod_revision",
    [MEMBER_VERSION] = "version",
    [MEMBER_ETCDSERVER] = "etcdserver",
    [MEMBER_LEASE] = "lease",
    [MEMBER_RESPONSES] = "responses",
    [MEMBER_RESPONSE_RANGE] = "response_range",
    [MEMBER_COUNT] = "count",
    [MEMBER_MORE] = "more",
    [MEMBER_SUCCEEDED] = "succeeded",
    [MEMBER_ID] = "ID",
    [MEMBER_TTL] = "TTL",
    [MEMBER_TOKEN] = "token",
    [MEMBER_CREATED] = "created",
    [MEMBER_CANCELED] = "canceled",
    [MEMBER_CANCEL_REASON] = "cancel_reason",
    [MEMBER_COMPACT_REVISION] = "compact_revision",
    [MEMBER_ERROR] = "error",
    [MEMBER_MESSAGE] = "message",
    [MEMBER_CODE] = "code",
    [MEMBER_GRPC_CODE] = "grpc_code",
};

/* An object or array that is open. */
struct level {
    enum member name; /* under which it stands; an array's elements have that of the array */
    enum member next; /* an object's: the member whose value comes next */
    bool is_array;
    size_t count; /* an array's: elements so far */
};

struct wire_reader {
    struct wire_told told;
    yajl_handle handle;
    struct level levels[DEPTH_MAX];
    size_t depth;
    struct wire_message message;
    struct wire_kv kv;
    bool typed_delete; /* of the event being read, whose kv may stand before or behind its type */
    bool has_event_kv;
    size_t response;
    char key[KEY_ROOM];
    uint8_t *value;
    size_t value_room;
    int error; /* why yajl was stopped */
    struct error_detail detail;
};

static int stop(struct wire_reader *reader, int error, const char *what)
{
    reader->error = error;
    error_detail_set(&reader->detail, "%s", what);
    return 0;
}

static enum member member_of(const unsigned char *name, size_t bytes)
{
    for (int i = MEMBER_OTHER + 1; i < MEMBER_MAX; i++)
        if (strlen(member_names[i]) == bytes && memcmp(member_names[i], name, bytes) == 0)
            return (enum member)i;
    return MEMBER_OTHER;
}

/* ---- where a value stands ------------------------------------------------------------------------------ */

static struct level *top(struct wire_reader *reader)
{
    return &reader->levels[reader->depth - 1];
}

/* The name of the object `above` levels above the innermost one; arrays do not count. */
static enum member around(const struct wire_reader *reader, size_t above)
{
    for (size_t i = reader->depth; i-- > 0;) {
        if (reader->levels[i].is_array)
            continue;
        if (above-- == 0)
            return reader->levels[i].name;
    }
    return MEMBER_OTHER;
}

static bool in_kv(const struct wire_reader *reader)
{
    enum member name = around(reader, 0);
    return name == MEMBER_KVS || name == MEMBER_KV;
}

/* The members of a message itself stand at the top, or in "result" (of a stream). */
static bool in_message(const struct wire_reader *reader)
{
    return reader->depth == 1 || (reader->depth == 2 && reader->levels[1].name == MEMBER_RESULT);
}

/* ---- values -------------------------------------------------------------------------------------------- */

static int64_t to_number(const unsigned char *text, size_t bytes)
{
    char number[24];
    if (bytes >= sizeof number)
        return 0;
    memcpy(number, text, bytes);
    number[bytes] = '\0';
    return strtoll(number, NULL, 10);
}

static int take_number(struct wire_reader *reader, enum member name, int64_t number)
{
    struct wire_message *message = &reader->message;
    if (in_kv(reader)) {
        switch (name) {
        case MEMBER_CREATE_REVISION:
            reader->kv.create_revision = number;
            break;
        case MEMBER_MOD_REVISION:
            reader->kv.mod_revision = number;
            break;
        case MEMBER_VERSION:
            reader->kv.version = number;
            break;
        case MEMBER_LEASE:
            reader->kv.lease = number;
            break;
        default:
            break;
        }
        return 1;
    }
    if (name == MEMBER_REVISION && around(reader, 0) == MEMBER_HEADER && reader->depth <= 3)
        message->revision = number;
    if (name == MEMBER_COUNT && (in_message(reader) || around(reader, 0) == MEMBER_RESPONSE_RANGE))
        message->count = number;
    if (name == MEMBER_GRPC_CODE && around(reader, 0) == MEMBER_ERROR)
        message->code = (int)number;
    if (!in_message(reader))
        return 1;
    switch (name) {
    case MEMBER_ID:
        message->lease = number;
        break;
    case MEMBER_TTL:
        message->ttl = number;
        break;
    case MEMBER_COMPACT_REVISION:
        message->compacted = number;
        break;
    case MEMBER_CODE:
        message->code = (int)number;
        break;
    default:
        break;
    }
    return 1;
}

static int take_key(struct wire_reader *reader, const unsigned char *text, size_t bytes)
{
    size_t count = 0;
    if (sodium_base642bin((unsigned char *)reader->key, KEY_ROOM - 1, (const char *)text, bytes, NULL, &count,
                          NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return stop(reader, bytes > BASE64_OF((size_t)WIRE_KEY_BYTES_MAX) ? ERROR_TOO_LARGE : ERROR_INVALID,
                    "a key is too long, or not base64");
    reader->key[count] = '\0';
    if (strlen(reader->key) != count)
        return stop(reader, ERROR_INVALID, "a key contains NUL");
    reader->kv.key = reader->key;
    return 1;
}

static int take_value(struct wire_reader *reader, const unsigned char *text, size_t bytes)
{
    size_t room = bytes / 4 * 3 + 3, count = 0;
    if (bytes > VALUE_TEXT_MAX)
        return stop(reader, ERROR_TOO_LARGE, "a value is too long");
    if (room > reader->value_room) {
        uint8_t *grown = realloc(reader->value, room);
        if (grown == NULL)
            return stop(reader, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
        reader->value = grown;
        reader->value_room = room;
    }
    if (sodium_base642bin(reader->value, room, (const char *)text, bytes, NULL, &count, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return stop(reader, ERROR_INVALID, "a value is not base64");
    reader->kv.value = reader->value;
    reader->kv.value_bytes = count;
    return 1;
}

static void keep_text(char ret[WIRE_TEXT_BYTES_MAX + 1], const unsigned char *text, size_t bytes)
{
    size_t kept = bytes < WIRE_TEXT_BYTES_MAX ? bytes : WIRE_TEXT_BYTES_MAX;
    memcpy(ret, text, kept);
    ret[kept] = '\0';
}

static int take_message_text(struct wire_reader *reader, enum member name, const unsigned char *text,
                             size_t bytes)
{
    struct wire_message *message = &reader->message;
    switch (name) {
    case MEMBER_ERROR:
    case MEMBER_MESSAGE:
        message->failed = true;
        keep_text(message->text, text, bytes);
        return 1;
    case MEMBER_CANCEL_REASON:
        keep_text(message->text, text, bytes);
        return 1;
    case MEMBER_TOKEN:
        keep_text(message->token, text, bytes);
        return 1;
    case MEMBER_ETCDSERVER:
        keep_text(message->version, text, bytes);
        return 1;
    default:
        return take_number(reader, name, to_number(text, bytes));
    }
}

static int take_text(struct wire_reader *reader, const unsigned char *text, size_t bytes)
{
    enum member name = top(reader)->next;
    if (in_kv(reader) && name == MEMBER_KEY)
        return take_key(reader, text, bytes);
    if (in_kv(reader) && name == MEMBER_VALUE)
        return take_value(reader, text, bytes);
    if (name == MEMBER_TYPE && around(reader, 0) == MEMBER_EVENTS)
        reader->typed_delete = bytes == strlen("DELETE") && memcmp(text, "DELETE", bytes) == 0;
    if (name == MEMBER_CLUSTER_ID && around(reader, 0) == MEMBER_HEADER)
        keep_text(reader->message.cluster_id, text, bytes);
    if (name == MEMBER_MESSAGE && around(reader, 0) == MEMBER_ERROR) {
        reader->message.failed = true;
        keep_text(reader->message.text, text, bytes);
    }
    if (in_message(reader))
        return take_message_text(reader, name, text, bytes);
    return take_number(reader, name, to_number(text, bytes));
}

static int take_boolean(struct wire_reader *reader, bool value)
{
    enum member name = top(reader)->next;
    if (name == MEMBER_MORE && (in_message(reader) || around(reader, 0) == MEMBER_RESPONSE_RANGE))
        reader->message.more = value;
    if (!in_message(reader))
        return 1;
    if (name == MEMBER_SUCCEEDED)
        reader->message.succeeded = value;
    if (name == MEMBER_CREATED)
        reader->message.created = value;
    if (name == MEMBER_CANCELED)
        reader->message.cancelled = value;
    return 1;
}

/* ---- objects and arrays -------------------------------------------------------------------------------- */

static int tell_kv(struct wire_reader *reader)
{
    reader->kv.response = reader->response;
    if (reader->kv.key == NULL)
        return stop(reader, ERROR_INVALID, "a key and value without its key");
    reader->message.events++;
    reader->error = reader->told.kv(reader->told.data, &reader->kv);
    return reader->error == 0;
}

static int open_level(struct wire_reader *reader, bool is_array)
{
    enum member name = MEMBER_OTHER;
    if (reader->depth == DEPTH_MAX)
        return stop(reader, ERROR_TOO_DEEP, error_text(ERROR_TOO_DEEP));
    if (reader->depth > 0) {
        struct level *outer = top(reader);
        name = outer->is_array ? outer->name : outer->next;
        if (outer->is_array && name == MEMBER_RESPONSES && !is_array)
            reader->response = outer->count;
        if (outer->is_array)
            outer->count++;
    } else if (is_array) {
        return stop(reader, ERROR_INVALID, "not an object");
    } else {
        memset(&reader->message, 0, sizeof reader->message);
        reader->response = 0;
    }
    reader->levels[reader->depth++] = (struct level){.name = name, .is_array = is_array};
    if (!is_array && in_kv(reader))
        reader->kv = (struct wire_kv){0};
    if (!is_array && name == MEMBER_EVENTS)
        reader->typed_delete = reader->has_event_kv = false;
    /* {"error": {…}}: of a stream that ended */
    if (!is_array && name == MEMBER_ERROR && reader->depth == 2)
        reader->message.failed = true;
    return 1;
}

static int close_object(void *context)
{
    struct wire_reader *reader = context;
    enum member name = top(reader)->name;
    int go_on = 1;
    reader->depth--;
    if (name == MEMBER_KVS)
        go_on = tell_kv(reader);
    if (name == MEMBER_KV)
        reader->has_event_kv = true;
    if (name == MEMBER_EVENTS && reader->has_event_kv) {
        reader->kv.deleted = reader->typed_delete;
        go_on = tell_kv(reader);
    }
    if (reader->depth > 0 || !go_on)
        return go_on;
    reader->error = reader->told.message(reader->told.data, &reader->message);
    return reader->error == 0;
}

static int close_array(void *context)
{
    ((struct wire_reader *)context)->depth--;
    return 1;
}

static int open_object(void *context)
{
    return open_level(context, false);
}

static int open_array(void *context)
{
    return open_level(context, true);
}

static int on_name(void *context, const unsigned char *name, size_t bytes)
{
    struct wire_reader *reader = context;
    top(reader)->next = member_of(name, bytes);
    return 1;
}

/* A value that is neither object nor array cannot stand alone. */
static int outside(struct wire_reader *reader)
{
    return stop(reader, ERROR_INVALID, "not an object");
}

static int on_text(void *context, const unsigned char *text, size_t bytes)
{
    struct wire_reader *reader = context;
    return reader->depth == 0 ? outside(reader) : take_text(reader, text, bytes);
}

static int on_number(void *context, const char *text, size_t bytes)
{
    struct wire_reader *reader = context;
    if (reader->depth == 0)
        return outside(reader);
    return take_number(reader, top(reader)->next, to_number((const unsigned char *)text, bytes));
}

static int on_boolean(void *context, int value)
{
    struct wire_reader *reader = context;
    return reader->depth == 0 ? outside(reader) : take_boolean(reader, value != 0);
}

static int on_null(void *context)
{
    struct wire_reader *reader = context;
    return reader->depth == 0 ? outside(reader) : 1;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_text,
    .yajl_start_map = open_object,
    .yajl_map_key = on_name,
    .yajl_end_map = close_object,
    .yajl_start_array = open_array,
    .yajl_end_array = close_array,
};

struct wire_reader *wire_reader_create(const struct wire_told *told)
{
    struct wire_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->told = *told;
    reader->handle = yajl_alloc(&callbacks, NULL, reader);
    if (reader->handle != NULL && yajl_config(reader->handle, yajl_allow_multiple_values, 1))
        return reader;
    wire_reader_destroy(reader);
    return NULL;
}

void wire_reader_destroy(struct wire_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->handle != NULL)
        yajl_free(reader->handle);
    free(reader->value);
    free(reader);
}

int wire_reader_feed(struct wire_reader *reader, const char *bytes, size_t count,
                     struct error_detail *ret_detail)
{
    yajl_status status = yajl_parse(reader->handle, (const unsigned char *)bytes, count);
    if (status == yajl_status_ok)
        return 0;
    if (reader->error != 0) {
        if (*reader->detail.text != '\0')
            error_detail_set(ret_detail, "%s", reader->detail.text);
        return reader->error;
    }
    error_detail_set(ret_detail, "not the JSON of an etcd");
    return ERROR_INVALID;
}

int wire_reader_end(struct wire_reader *reader, struct error_detail *ret_detail)
{
    if (reader->depth == 0)
        return 0;
    error_detail_set(ret_detail, "the answer ends within a message");
    return ERROR_INVALID;
}
