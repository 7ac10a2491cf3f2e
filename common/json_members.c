#include "json_members.h"

#include "json.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

struct reading {
    json_member_fn *on_member;
    void *data;
    char *name; /* of the member whose value comes next */
    size_t depth;
    bool began; /* the object has been opened */
    int error;
};

static int stop(struct reading *reading, int error)
{
    reading->error = error;
    return 0;
}

static char *copy(const void *text, size_t bytes)
{
    return utf8_valid(text, bytes) && !memchr(text, '\0', bytes) ? strndup(text, bytes) : NULL;
}

/* A value of the outermost object is told; one further in is a part of a value that was told as NULL. */
static int tell(struct reading *reading, const char *value)
{
    if (reading->depth == 0)
        return stop(reading, ERROR_INVALID);
    if (reading->depth > 1)
        return 1;
    int result = reading->on_member(reading->data, reading->name, value);
    return result == 0 ? 1 : stop(reading, result);
}

static int tell_copy(struct reading *reading, const void *text, size_t bytes)
{
    if (reading->depth > 1)
        return 1;
    char *value = copy(text, bytes);
    int going = value ? tell(reading, value) : stop(reading, ERROR_INVALID);
    free(value);
    return going;
}

static int on_null(void *context)
{
    return tell(context, NULL);
}

static int on_boolean(void *context, int yes)
{
    return tell(context, yes ? "true" : "false");
}

static int on_number(void *context, const char *text, size_t bytes)
{
    return tell_copy(context, text, bytes);
}

static int on_string(void *context, const unsigned char *text, size_t bytes)
{
    return tell_copy(context, text, bytes);
}

static int open_value(struct reading *reading)
{
    if (reading->depth == JSON_DEPTH_MAX)
        return stop(reading, ERROR_TOO_DEEP);
    if (reading->depth == 1 && !tell(reading, NULL))
        return 0;
    reading->depth++;
    return 1;
}

static int on_start_map(void *context)
{
    struct reading *reading = context;
    if (reading->depth > 0)
        return open_value(reading);
    reading->began = true;
    reading->depth = 1;
    return 1;
}

static int on_start_array(void *context)
{
    struct reading *reading = context;
    return reading->depth > 0 ? open_value(reading) : stop(reading, ERROR_INVALID);
}

static int on_end(void *context)
{
    struct reading *reading = context;
    reading->depth--;
    return 1;
}

static int on_map_key(void *context, const unsigned char *name, size_t bytes)
{
    struct reading *reading = context;
    if (reading->depth > 1)
        return 1;
    free(reading->name);
    reading->name = copy(name, bytes);
    return reading->name ? 1 : stop(reading, ERROR_INVALID);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_map_key = on_map_key,
    .yajl_end_map = on_end,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end,
};

int json_members(const char *text, size_t bytes, json_member_fn *on_member, void *data)
{
    struct reading reading = {.on_member = on_member, .data = data};
    yajl_handle handle = yajl_alloc(&callbacks, NULL, &reading);
    if (!handle)
        return ERROR_NO_MEMORY;
    yajl_status status = yajl_parse(handle, (const unsigned char *)text, bytes);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(handle);
    if (reading.error == 0 && (status != yajl_status_ok || !reading.began))
        reading.error = ERROR_INVALID;
    yajl_free(handle);
    free(reading.name);
    return reading.error;
}
