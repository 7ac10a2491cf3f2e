#include "cloud/admin/list.h"

#include "cloud/admin/admin.h"
#include "cloud/admin/client.h"
#include "common/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LINES      500 /* the daemon's page */
#define CELL_BYTES      160
#define COLUMNS_MAX     12
#define MINUTES_TEXT    16 /* of an RFC 3339 text, to its minutes */
#define COLUMN_GAP      2
#define TARGET_BYTES    128
#define DATE_TIME_BREAK 10 /* where the T stands */

/* A page as it is read; its lines follow in memory. */
struct page {
    int64_t next; /* 0: none */
    size_t count;
};

struct lines {
    unsigned char *bytes;
    size_t count, line_bytes;
};

/* --- fetching ------------------------------------------------------------------------------------------- */

static int read_page(const struct list *list, const struct local_client_answer *answer, struct page *ret,
                     struct error_detail *ret_detail)
{
    const struct json_field fields[] = {
        {.name = list->name,
         .type = JSON_ARRAY,
         .offset = sizeof(struct page),
         .required = true,
         .shape = list->shape,
         .count_offset = offsetof(struct page, count),
         .count_max = PAGE_LINES,
         .element_bytes = list->line_bytes},
        {.name = "next",
         .type = JSON_INTEGER,
         .offset = offsetof(struct page, next),
         .min = 1,
         .max = INT64_MAX,
         .nullable = true},
    };
    const struct json_shape shape = {fields, sizeof fields / sizeof fields[0]};
    return json_read(&shape, answer->body, answer->body_bytes, ret, ret_detail, NULL);
}

static int append(struct lines *lines, const struct page *page)
{
    if (page->count == 0)
        return 0;
    unsigned char *bytes = realloc(lines->bytes, (lines->count + page->count) * lines->line_bytes);
    if (bytes == NULL)
        return ERROR_NO_MEMORY;
    memcpy(bytes + lines->count * lines->line_bytes, page + 1, page->count * lines->line_bytes);
    lines->bytes = bytes;
    lines->count += page->count;
    return 0;
}

/* Fetches the page after *cursor, and moves it on (0: that was the last). Returns the exit code. */
static int fetch_page(const struct list *list, const char *socket_path, struct lines *lines, int64_t *cursor)
{
    char target[TARGET_BYTES];
    struct local_client_answer answer;
    struct error_detail detail = {""};

    (void)snprintf(target, sizeof target, "%s?limit=%d&after=%lld", list->target, PAGE_LINES,
                   (long long)*cursor);
    int code = client_call(socket_path, "GET", target, NULL, &answer);
    if (code != ADMIN_OK)
        return code;
    struct page *page = calloc(1, sizeof *page + PAGE_LINES * list->line_bytes);
    int error = page != NULL ? read_page(list, &answer, page, &detail) : ERROR_NO_MEMORY;
    if (error == 0)
        error = append(lines, page);
    if (error == 0)
        *cursor = page->next;
    free(page);
    local_client_answer_finish(&answer);
    return error == 0 ? ADMIN_OK
                      : client_misunderstood(list->target, detail.text[0] ? detail.text : error_text(error));
}

/* --- as JSON -------------------------------------------------------------------------------------------- */

static void write_field(struct json_writer *writer, const struct json_field *field, const unsigned char *line)
{
    const void *at = line + field->offset;
    if (field->type == JSON_TEXT)
        json_text(writer, field->name, field->nullable && *(const char *)at == '\0' ? NULL : at);
    else if (field->type == JSON_TIME)
        json_time_or_null(writer, field->name, *(const int64_t *)at);
    else if (field->type == JSON_BOOLEAN)
        json_boolean(writer, field->name, *(const bool *)at);
    else
        json_integer(writer, field->name, *(const int64_t *)at);
}

static int print_json(const struct list *list, const struct lines *lines)
{
    struct json_writer *writer = json_writer_create(true);
    if (writer == NULL)
        return ADMIN_FAILED;
    json_open_object(writer, NULL);
    json_open_array(writer, list->name);
    for (size_t i = 0; i < lines->count; i++) {
        json_open_object(writer, NULL);
        for (size_t j = 0; j < list->shape->field_count; j++)
            write_field(writer, &list->shape->fields[j], lines->bytes + i * lines->line_bytes);
        json_close_object(writer);
    }
    json_close_array(writer);
    json_close_object(writer);
    char *text = json_writer_take(writer);
    if (text == NULL)
        return ADMIN_FAILED;
    size_t bytes = strlen(text);
    (void)printf("%s%s", text, bytes > 0 && text[bytes - 1] == '\n' ? "" : "\n");
    free(text);
    return ADMIN_OK;
}

/* --- as a table ----------------------------------------------------------------------------------------- */

static const struct json_field *field_of(const struct list *list, size_t column)
{
    const struct json_shape *shape = list->shape;
    for (size_t i = 0; i < shape->field_count; i++) {
        if (strcmp(shape->fields[i].name, list->columns[column].field) == 0)
            return &shape->fields[i];
    }
    abort(); /* our own tables do not fit together */
}

/* Farms name themselves: what they say must not steer the administrator's terminal. */
static void disarm(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f)
            *at = '?';
        else if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* C1 controls */
            at[0] = at[1] = '?';
    }
}

static void format_cell(const struct json_field *field, const unsigned char *line, char ret[CELL_BYTES])
{
    const void *at = line + field->offset;
    char time[RFC3339_BYTES];
    if (field->type == JSON_TEXT) {
        (void)snprintf(ret, CELL_BYTES, "%s", *(const char *)at != '\0' ? (const char *)at : "-");
    } else if (field->type == JSON_TIME && *(const int64_t *)at == 0) {
        (void)snprintf(ret, CELL_BYTES, "-");
    } else if (field->type == JSON_TIME) {
        (void)snprintf(ret, CELL_BYTES, "%.*s", MINUTES_TEXT, rfc3339_format(*(const int64_t *)at, time));
        ret[DATE_TIME_BREAK] = ' ';
    } else if (field->type == JSON_BOOLEAN) {
        (void)snprintf(ret, CELL_BYTES, "%s", *(const bool *)at ? "yes" : "no");
    } else {
        (void)snprintf(ret, CELL_BYTES, "%lld", (long long)*(const int64_t *)at);
    }
    disarm(ret);
}

/* Characters, for columns that stand under each other. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(const char *text, size_t width, bool last)
{
    size_t pad = last ? 0 : width - width_of(text) + COLUMN_GAP;
    (void)printf("%s%*s%s", text, (int)pad, "", last ? "\n" : "");
}

static int print_table(const struct list *list, const struct lines *lines)
{
    size_t widths[COLUMNS_MAX];
    char cell[CELL_BYTES];
    if (lines->count == 0) {
        (void)printf("%s\n", list->when_empty);
        return ADMIN_OK;
    }
    for (size_t j = 0; j < list->column_count; j++) {
        widths[j] = strlen(list->columns[j].title);
        for (size_t i = 0; i < lines->count; i++) {
            format_cell(field_of(list, j), lines->bytes + i * lines->line_bytes, cell);
            if (width_of(cell) > widths[j])
                widths[j] = width_of(cell);
        }
    }
    for (size_t j = 0; j < list->column_count; j++)
        print_cell(list->columns[j].title, widths[j], j + 1 == list->column_count);
    for (size_t i = 0; i < lines->count; i++) {
        for (size_t j = 0; j < list->column_count; j++) {
            format_cell(field_of(list, j), lines->bytes + i * lines->line_bytes, cell);
            print_cell(cell, widths[j], j + 1 == list->column_count);
        }
    }
    return ADMIN_OK;
}

int list_print(const struct list *list, const char *socket_path, bool json)
{
    struct lines lines = {.line_bytes = list->line_bytes};
    int64_t cursor = 0;
    int code;
    do
        code = fetch_page(list, socket_path, &lines, &cursor);
    while (code == ADMIN_OK && cursor != 0);
    if (code == ADMIN_OK)
        code = json ? print_json(list, &lines) : print_table(list, &lines);
    free(lines.bytes);
    return code;
}
