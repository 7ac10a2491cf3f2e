/* Windows event logs as JSON lines: an object a record, as nxlog writes them (flat, all in the object
 * itself), Winlogbeat (`winlog` with `event_data` or `user_data`; before version 7 without `winlog`; an
 * export of Elasticsearch has it in `_source`), and converters of .evtx files (`Event` with `System` and
 * `EventData` or `UserData`; a value may be an object with its text and attributes, or a list of pairs of
 * name and text; one has a record's data as a text that is JSON itself). */
#include "line_reader.h"
#include "windows_input.h"

#include "common/json.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

/* What the members of an object are. */
enum context {
    CONTEXT_RECORD,   /* the record itself, or `Event` in it */
    CONTEXT_WINLOG,   /* Winlogbeat's part of it */
    CONTEXT_SYSTEM,   /* what every record has */
    CONTEXT_DATA,     /* what this event has */
    CONTEXT_PAIR,     /* one of that: its name and its text */
    CONTEXT_VALUE,    /* a value and its attributes */
    CONTEXT_PROVIDER, /* whose attribute is its name */
    CONTEXT_TIME,     /* whose attribute is the instant */
    CONTEXT_PAYLOAD,  /* the data as a text that is JSON itself */
    CONTEXT_SKIPPED,
};

struct level {
    enum context context;
    enum windows_field field;                           /* of a value */
    enum part { PART_NONE, PART_NAME, PART_TEXT } part; /* of a pair */
    bool is_list, is_attributes;
};

struct pair {
    enum windows_field field;
    char text[WINDOWS_VALUE_BYTES_MAX + 1];
    size_t bytes;
};

struct parse {
    struct windows_record *record;
    struct level levels[JSON_DEPTH_MAX];
    size_t depth;
    struct level next; /* of the value that comes */
    struct pair pair;
    char *payload;
    bool is_payload; /* is being parsed */
    bool no_memory;
};

struct json_lines {
    struct line_reader lines;
    struct windows_input input;
    struct parse parse;
    yajl_handle handle; /* NULL: to be made */
};

static struct json_lines *own(struct reader *base)
{
    return (struct json_lines *)base;
}

/* ---- names --------------------------------------------------------------------------------------------- */

struct member {
    const char *name;
    enum windows_field field;
};

static const struct member record_members[] = {
    {"EventID", WINDOWS_EVENT_ID},     {"EventId", WINDOWS_EVENT_ID},
    {"event_id", WINDOWS_EVENT_ID},    {"Channel", WINDOWS_CHANNEL},
    {"log_name", WINDOWS_CHANNEL},     {"Hostname", WINDOWS_COMPUTER},
    {"Computer", WINDOWS_COMPUTER},    {"computer_name", WINDOWS_COMPUTER},
    {"SourceName", WINDOWS_PROVIDER},  {"source_name", WINDOWS_PROVIDER},
    {"Provider", WINDOWS_PROVIDER},    {"TimeCreated", WINDOWS_SYSTEM_TIME},
    {"EventTime", WINDOWS_EVENT_TIME}, {"EventReceivedTime", WINDOWS_RECEIVED_TIME},
    {"@timestamp", WINDOWS_TIMESTAMP}, {"Message", WINDOWS_MESSAGE},
    {"message", WINDOWS_MESSAGE},
};
static const struct member winlog_members[] = {
    {"event_id", WINDOWS_EVENT_ID},      {"channel", WINDOWS_CHANNEL},
    {"computer_name", WINDOWS_COMPUTER}, {"record_id", WINDOWS_RECORD_ID},
    {"provider_name", WINDOWS_PROVIDER},
};
static const struct member system_members[] = {
    {"EventID", WINDOWS_EVENT_ID},
    {"EventRecordID", WINDOWS_RECORD_ID},
    {"Channel", WINDOWS_CHANNEL},
    {"Computer", WINDOWS_COMPUTER},
};

static bool is(const char *text, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(text, word, bytes) == 0;
}

static enum windows_field member_of(const struct member *members, size_t count, const char *name,
                                    size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        if (is(name, bytes, members[i].name))
            return members[i].field;
    return WINDOWS_FIELD_MAX;
}

#define MEMBER_OF(members, name, bytes) \
    member_of((members), sizeof(members) / sizeof *(members), (name), (bytes))

static bool is_one_of(const char *name, size_t bytes, const char *const *words)
{
    for (; *words != NULL; words++)
        if (is(name, bytes, *words))
            return true;
    return false;
}

static bool names_attributes(const char *name, size_t bytes)
{
    static const char *const words[] = {"#attributes", "@attributes", "attributes", NULL};
    return is_one_of(name, bytes, words);
}

static bool names_text(const char *name, size_t bytes)
{
    static const char *const words[] = {"#text", "text", "Text", "value", NULL};
    return is_one_of(name, bytes, words);
}

static bool names_name(const char *name, size_t bytes)
{
    return is(name, bytes, "Name") || is(name, bytes, "@Name");
}

/* ---- what a member is ---------------------------------------------------------------------------------- */

static struct level level_of(enum context context)
{
    return (struct level){.context = context, .field = WINDOWS_FIELD_MAX};
}

static struct level value_of(enum windows_field field)
{
    return (struct level){.context = field == WINDOWS_FIELD_MAX ? CONTEXT_SKIPPED : CONTEXT_VALUE,
                          .field = field};
}

static struct level part_of_pair(enum part part)
{
    return (struct level){.context = CONTEXT_PAIR, .field = WINDOWS_FIELD_MAX, .part = part};
}

static struct level in_record(const char *name, size_t bytes)
{
    static const char *const data[] = {"EventData", "UserData", "event_data", "user_data", NULL};
    if (is(name, bytes, "winlog"))
        return level_of(CONTEXT_WINLOG);
    if (is(name, bytes, "System"))
        return level_of(CONTEXT_SYSTEM);
    if (is(name, bytes, "Event") || is(name, bytes, "_source"))
        return level_of(CONTEXT_RECORD);
    if (is(name, bytes, "Payload"))
        return level_of(CONTEXT_PAYLOAD);
    if (is_one_of(name, bytes, data))
        return level_of(CONTEXT_DATA);
    enum windows_field field = MEMBER_OF(record_members, name, bytes);
    return value_of(field != WINDOWS_FIELD_MAX ? field : windows_data_field(name, bytes));
}

static struct level in_winlog(const char *name, size_t bytes)
{
    if (is(name, bytes, "event_data") || is(name, bytes, "user_data"))
        return level_of(CONTEXT_DATA);
    return value_of(MEMBER_OF(winlog_members, name, bytes));
}

static struct level in_system(const char *name, size_t bytes)
{
    static const char suffix[] = "_attributes"; /* beside the value, where a converter is told so */
    const size_t suffix_bytes = sizeof suffix - 1;
    if (bytes > suffix_bytes && memcmp(name + bytes - suffix_bytes, suffix, suffix_bytes) == 0)
        bytes -= suffix_bytes;
    if (is(name, bytes, "Provider"))
        return level_of(CONTEXT_PROVIDER);
    if (is(name, bytes, "TimeCreated"))
        return level_of(CONTEXT_TIME);
    return value_of(MEMBER_OF(system_members, name, bytes));
}

/* An object inside the data is a value, a pair, or groups further data. */
static struct level in_data(const char *name, size_t bytes)
{
    if (is(name, bytes, "Data"))
        return level_of(CONTEXT_PAIR);
    enum windows_field field = windows_data_field(name, bytes);
    return field == WINDOWS_FIELD_MAX ? level_of(CONTEXT_DATA) : value_of(field);
}

static struct level in_pair(const char *name, size_t bytes)
{
    if (names_name(name, bytes))
        return part_of_pair(PART_NAME);
    if (names_text(name, bytes))
        return part_of_pair(PART_TEXT);
    return value_of(windows_data_field(name, bytes));
}

static struct level member_level(const struct level *object, const char *name, size_t bytes)
{
    if (names_attributes(name, bytes)) {
        struct level same = *object;
        same.is_list = false;
        same.is_attributes = true;
        return same;
    }
    switch (object->context) {
    case CONTEXT_RECORD:
        return in_record(name, bytes);
    case CONTEXT_WINLOG:
        return in_winlog(name, bytes);
    case CONTEXT_SYSTEM:
        return in_system(name, bytes);
    case CONTEXT_DATA:
        return in_data(name, bytes);
    case CONTEXT_PAIR:
        return in_pair(name, bytes);
    case CONTEXT_VALUE:
        return value_of(names_text(name, bytes) ? object->field : WINDOWS_FIELD_MAX);
    case CONTEXT_PROVIDER:
        return value_of(names_name(name, bytes) ? WINDOWS_PROVIDER : WINDOWS_FIELD_MAX);
    case CONTEXT_TIME:
        return value_of(is(name, bytes, "SystemTime") || is(name, bytes, "@SystemTime") ? WINDOWS_SYSTEM_TIME
                                                                                        : WINDOWS_FIELD_MAX);
    case CONTEXT_PAYLOAD:
    case CONTEXT_SKIPPED:
        break;
    }
    return level_of(CONTEXT_SKIPPED);
}

/* ---- parsing ------------------------------------------------------------------------------------------- */

static int open_level(void *data, bool is_list)
{
    struct parse *parse = data;
    if (parse->depth == JSON_DEPTH_MAX)
        return 0;
    bool in_list = parse->depth > 0 && parse->levels[parse->depth - 1].is_list;
    struct level level = in_list ? parse->levels[parse->depth - 1] : parse->next;
    level.is_list = is_list;
    if (level.context == CONTEXT_PAIR && !is_list && !level.is_attributes)
        parse->pair = (struct pair){.field = WINDOWS_FIELD_MAX};
    parse->levels[parse->depth++] = level;
    return 1;
}

static int open_object(void *data)
{
    return open_level(data, false);
}

static int open_list(void *data)
{
    return open_level(data, true);
}

static int close_level(void *data)
{
    struct parse *parse = data;
    const struct level *level = &parse->levels[--parse->depth];
    const struct pair *pair = &parse->pair;
    if (level->context == CONTEXT_PAIR && !level->is_list && !level->is_attributes &&
        pair->field != WINDOWS_FIELD_MAX)
        windows_record_put(parse->record, pair->field, pair->text, pair->bytes);
    return 1;
}

static int take_name(void *data, const unsigned char *name, size_t bytes)
{
    struct parse *parse = data;
    parse->next = member_level(&parse->levels[parse->depth - 1], (const char *)name, bytes);
    return 1;
}

static int take_part(struct parse *parse, enum part part, const char *text, size_t bytes)
{
    struct pair *pair = &parse->pair;
    if (part == PART_NAME) {
        pair->field = windows_data_field(text, bytes);
    } else if (part == PART_TEXT) {
        pair->bytes = bytes < sizeof pair->text ? bytes : sizeof pair->text;
        memcpy(pair->text, text, pair->bytes);
    }
    return 1;
}

static int keep_payload(struct parse *parse, const char *text, size_t bytes)
{
    parse->payload = strndup(text, bytes);
    parse->no_memory = parse->payload == NULL;
    return !parse->no_memory;
}

static int take_text(void *data, const unsigned char *text, size_t bytes)
{
    struct parse *parse = data;
    if (parse->depth == 0)
        return 0;
    const struct level *top = &parse->levels[parse->depth - 1], *level = top->is_list ? top : &parse->next;
    if (level->context == CONTEXT_VALUE)
        windows_record_put(parse->record, level->field, (const char *)text, bytes);
    else if (level->context == CONTEXT_PAIR)
        return take_part(parse, level->part, (const char *)text, bytes);
    else if (level->context == CONTEXT_PAYLOAD && parse->payload == NULL && !parse->is_payload)
        return keep_payload(parse, (const char *)text, bytes);
    return 1;
}

static int take_number(void *data, const char *text, size_t bytes)
{
    return take_text(data, (const unsigned char *)text, bytes);
}

static int take_nothing(void *data)
{
    return ((struct parse *)data)->depth > 0;
}

static int take_boolean(void *data, int value)
{
    (void)value;
    return take_nothing(data);
}

static const yajl_callbacks callbacks = {
    .yajl_null = take_nothing,
    .yajl_boolean = take_boolean,
    .yajl_number = take_number,
    .yajl_string = take_text,
    .yajl_start_map = open_object,
    .yajl_map_key = take_name,
    .yajl_end_map = close_level,
    .yajl_start_array = open_list,
    .yajl_end_array = close_level,
};

/* Fills the record; false: not one whole object. `*handle` is made where needed, and goes with an error,
 * since yajl cannot start anew. */
static int parse_object(yajl_handle *handle, struct parse *parse, const char *text, size_t bytes,
                        bool *ret_good)
{
    if (*handle == NULL && (*handle = yajl_alloc(&callbacks, NULL, parse)) == NULL)
        return ERROR_NO_MEMORY;
    (void)yajl_config(*handle, yajl_allow_multiple_values, 1); /* line after line */
    (void)yajl_config(*handle, yajl_dont_validate_strings,
                      1); /* only names have to be text, and are judged */
    parse->depth = 0;
    parse->no_memory = false;
    parse->next = level_of(CONTEXT_RECORD);
    *ret_good =
        yajl_parse(*handle, (const unsigned char *)text, bytes) == yajl_status_ok && parse->depth == 0;
    if (!*ret_good) {
        yajl_free(*handle);
        *handle = NULL;
    }
    return parse->no_memory ? ERROR_NO_MEMORY : 0;
}

static int parse_payload(struct json_lines *reader, bool *ret_good)
{
    yajl_handle handle = NULL;
    struct parse *parse = &reader->parse;
    char *payload = parse->payload;
    parse->is_payload = true;
    int code = parse_object(&handle, parse, payload, strlen(payload), ret_good);
    parse->is_payload = false;
    parse->payload = NULL;
    free(payload);
    if (handle != NULL)
        yajl_free(handle);
    return code;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

/* A list of records has its brackets and commas at the ends of lines. */
static void trim(const char **text, size_t *bytes)
{
    reader_skip_mark(text, bytes);
    while (*bytes > 0 && strchr(" \t[", **text) != NULL)
        (*text)++, (*bytes)--;
    while (*bytes > 0 && strchr(" \t\r,]", (*text)[*bytes - 1]) != NULL)
        (*bytes)--;
}

static int take_line(struct reader *base, const char *text, size_t bytes)
{
    struct json_lines *reader = own(base);
    struct windows_input *input = &reader->input;
    bool good = false;
    trim(&text, &bytes);
    if (bytes == 0)
        return 0;
    windows_record_begin(&input->record);
    int code = *text == '{' ? parse_object(&reader->handle, &reader->parse, text, bytes, &good) : 0;
    if (code == 0 && good && reader->parse.payload != NULL)
        code = parse_payload(reader, &good);
    free(reader->parse.payload);
    reader->parse.payload = NULL;
    if (code < 0)
        return code;
    if (good)
        return windows_input_take(input);
    reader_repair(base, REPAIR_NOT_UNDERSTOOD, "not JSON");
    return 0;
}

/* ---- the reader ---------------------------------------------------------------------------------------- */

static bool contains_any(const char *head, size_t bytes, const char *const *words)
{
    for (; *words != NULL; words++)
        if (memmem(head, bytes, *words, strlen(*words)) != NULL)
            return true;
    return false;
}

static enum recognised recognise(const char *head, size_t bytes, bool whole)
{
    static const char *const ids[] = {"\"EventID\"", "\"EventId\"", "\"event_id\"", NULL};
    static const char *const logs[] = {"\"Channel\"", "\"channel\"", "\"log_name\"", "\"Provider\"", NULL};
    (void)whole;
    while (bytes > 0 && strchr(" \t\r\n[\xef\xbb\xbf", *head) != NULL && *head != '\0')
        head++, bytes--;
    if (bytes == 0 || *head != '{' || !contains_any(head, bytes, ids))
        return RECOGNISED_NO;
    return contains_any(head, bytes, logs) ? RECOGNISED_YES : RECOGNISED_MAYBE;
}

static void destroy(struct reader *base)
{
    if (base == NULL)
        return;
    struct json_lines *reader = own(base);
    if (reader->handle != NULL)
        yajl_free(reader->handle);
    windows_input_finish(&reader->input);
    line_reader_finish(&reader->lines);
    free(reader);
}

static struct reader *create(const struct reader_settings *settings)
{
    struct json_lines *reader = malloc(sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->handle = NULL;
    reader->parse = (struct parse){.record = &reader->input.record};
    line_reader_init(&reader->lines, settings, READER_LINE_BYTES_MAX, take_line);
    if (windows_input_init(&reader->input, &reader->lines.base))
        return &reader->lines.base;
    destroy(&reader->lines.base);
    return NULL;
}

static int begin_file(struct reader *base, const char *file)
{
    windows_input_begin_file(&own(base)->input);
    return line_reader_begin_file(base, file);
}

static int end_file(struct reader *base)
{
    int code = line_reader_end_file(base);
    return code == 0 ? windows_input_end_file(&own(base)->input) : code;
}

const struct reader_format reader_windows_json = {
    .name = "Windows events as JSON lines",
    .in_utc = true,
    .recognise = recognise,
    .create = create,
    .begin_file = begin_file,
    .feed = line_reader_feed,
    .end_file = end_file,
    .end = reader_end,
    .destroy = destroy,
};
