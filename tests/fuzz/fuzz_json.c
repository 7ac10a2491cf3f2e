/* fuzz_json.c - a shape with every type, read from anything. What is accepted keeps the shape's promises, and
 * its members are texts. */
#include "common/json.h"
#include "common/json_members.h"
#include "common/utf8.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct item {
    int64_t number, at_ms;
};

struct document {
    char text[9];
    int64_t number, at_ms;
    bool yes;
    int choice;
    struct item item, items[3];
    size_t item_count;
    char texts[2][5];
    size_t text_count;
    struct json_span span, spans[2];
    size_t span_count;
};

static const char *const choices[] = {"red", "green", NULL};

#define ITEM(member) offsetof(struct item, member)
static const struct json_field item_fields[] = {
    {.name = "number", .type = JSON_INTEGER, .offset = ITEM(number), .min = 1, .max = 9, .required = true},
    {.name = "at", .type = JSON_TIME, .offset = ITEM(at_ms), .nullable = true},
};
static const struct json_shape item_shape = {item_fields, COUNT(item_fields)};

#define AT(member) offsetof(struct document, member)
static const struct json_field fields[] = {
    {.name = "text", .type = JSON_TEXT, .offset = AT(text), .min = 1, .max = 8},
    {.name = "number", .type = JSON_INTEGER, .offset = AT(number), .min = INT64_MIN, .max = INT64_MAX},
    {.name = "at", .type = JSON_TIME, .offset = AT(at_ms)},
    {.name = "yes", .type = JSON_BOOLEAN, .offset = AT(yes)},
    {.name = "choice", .type = JSON_CHOICE, .offset = AT(choice), .choices = choices},
    {.name = "item", .type = JSON_OBJECT, .offset = AT(item), .shape = &item_shape, .nullable = true},
    {.name = "items",
     .type = JSON_ARRAY,
     .offset = AT(items),
     .shape = &item_shape,
     .count_offset = AT(item_count),
     .count_max = 3,
     .element_bytes = sizeof(struct item)},
    {.name = "texts",
     .type = JSON_TEXTS,
     .offset = AT(texts),
     .max = 4,
     .count_offset = AT(text_count),
     .count_max = 2,
     .element_bytes = 5},
    {.name = "span", .type = JSON_SPAN, .offset = AT(span)},
    {.name = "spans",
     .type = JSON_SPANS,
     .offset = AT(spans),
     .count_offset = AT(span_count),
     .count_max = 2,
     .element_bytes = sizeof(struct json_span)},
};
static const struct json_shape shape = {fields, COUNT(fields)};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A span is a whole object of its own. */
static void check_span(const struct json_span *span)
{
    const struct json_shape any = {NULL, 0};
    require(span->start[0] == '{' && span->start[span->bytes - 1] == '}');
    require(json_read(&any, span->start, span->bytes, NULL, NULL, NULL) == 0);
}

static void check(const struct document *document)
{
    if (document->span.start)
        check_span(&document->span);
    require(document->span_count <= 2);
    for (size_t i = 0; i < document->span_count; i++)
        check_span(&document->spans[i]);
    require(strlen(document->text) <= 8 && utf8_valid(document->text, strlen(document->text)));
    require(document->choice == 0 || document->choice == 1);
    require(document->item_count <= 3 && document->text_count <= 2);
    for (size_t i = 0; i < document->item_count; i++)
        require(document->items[i].number >= 1 && document->items[i].number <= 9);
    for (size_t i = 0; i < document->text_count; i++)
        require(strlen(document->texts[i]) <= 4);
}

static int on_member(void *data, const char *name, const char *value)
{
    size_t *count = data;
    require(utf8_valid(name, strlen(name)));
    require(!value || utf8_valid(value, strlen(value)));
    ++*count;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char after[] = "{\"number\":7}";
    struct document document = {0};
    struct error_detail detail = {""};
    char field[JSON_PATH_BYTES] = "unset";
    struct json_reader *reader = json_reader_create();
    require(reader != NULL);
    int error = json_reader_read(reader, &shape, data, size, &document, &detail, field);
    size_t members = 0;
    require(json_members((const char *)data, size, on_member, &members) <= 0);
    if (error == 0)
        check(&document);
    else
        require(error < 0 && detail.text[0] && strcmp(field, "unset") != 0);
    document = (struct document){0}; /* whatever came before, the next object is read */
    require(json_reader_read(reader, &shape, after, sizeof(after) - 1, &document, NULL, NULL) == 0);
    require(document.number == 7);
    json_reader_destroy(reader);
    return 0;
}
