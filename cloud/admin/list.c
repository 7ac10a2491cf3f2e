#include "cloud/admin/list.h"

#include "cloud/admin/admin.h"
#include "cloud/admin/cell.h"
#include "cloud/admin/client.h"
#include "common/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_LINES  500 /* the daemon's page */
#define COLUMNS_MAX 32
#define COLUMN_GAP  2
#define CUT_MIN     8 /* what is left of a column that is cut */
#define NAME_BYTES  64

/* The columns that are wanted, in their order. */
struct choice {
    size_t columns[COLUMNS_MAX];
    size_t count;
};

/* What is gathered of a table before its widths are known: every row is its cells, one after another, each
 * with its NUL. */
struct rows {
    char **rows;
    size_t count, room;
    size_t widths[COLUMNS_MAX];
};

/* What a page is printed into. */
struct output {
    const struct list *list;
    const struct list_how *how;
    struct choice choice;
    struct rows rows;
    size_t printed;
};

/* --- columns -------------------------------------------------------------------------------------------- */

static const struct json_field *field_of(const struct list *list, size_t column)
{
    const struct json_shape *shape = list->shape;
    for (size_t i = 0; i < shape->field_count; i++) {
        if (strcmp(shape->fields[i].name, list->columns[column].field) == 0)
            return &shape->fields[i];
    }
    abort(); /* our own tables do not fit together */
}

static void choose_default(const struct list *list, bool all, struct choice *ret)
{
    ret->count = 0;
    for (size_t i = 0; i < list->column_count; i++)
        if (all || list->columns[i].show != LIST_HIDDEN)
            ret->columns[ret->count++] = i;
}

static int tell_column(const struct list *list, const char *name)
{
    const char *names[COLUMNS_MAX];
    for (size_t i = 0; i < list->column_count; i++)
        names[i] = list->columns[i].field;
    const char *nearest = config_nearest(name, names, list->column_count);
    (void)fprintf(stderr, "farmgate-cloud: --columns: there is no '%s'", name);
    if (nearest != NULL)
        (void)fprintf(stderr, "; did you mean '%s'?\n", nearest);
    else
        for (size_t i = 0; i < list->column_count; i++)
            (void)fprintf(stderr, "%s%s%s", i == 0 ? "; there are " : ", ", names[i],
                          i + 1 == list->column_count ? "\n" : "");
    return ADMIN_USAGE;
}

static int choose_one(const struct list *list, const char *name, struct choice *choice)
{
    for (size_t i = 0; i < list->column_count; i++) {
        if (strcmp(list->columns[i].field, name) != 0)
            continue;
        if (choice->count == COLUMNS_MAX) {
            (void)fprintf(stderr, "farmgate-cloud: --columns: more than %d\n", COLUMNS_MAX);
            return ADMIN_USAGE;
        }
        choice->columns[choice->count++] = i;
        return ADMIN_OK;
    }
    return tell_column(list, name);
}

static int choose(const struct list *list, const struct list_how *how, struct choice *ret)
{
    const char *text = how->columns;
    if (text == NULL || strcmp(text, "all") == 0) {
        choose_default(list, how->csv || text != NULL, ret);
        return ADMIN_OK;
    }
    ret->count = 0;
    for (int code; *text != '\0';) {
        char name[NAME_BYTES];
        size_t bytes = strcspn(text, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)bytes, text);
        if ((code = choose_one(list, name, ret)) != ADMIN_OK)
            return code;
        text += bytes + (text[bytes] == ',');
    }
    return ret->count > 0 ? ADMIN_OK : tell_column(list, "");
}

/* --- as a table ----------------------------------------------------------------------------------------- */

static int add_row(struct output *output, const unsigned char *line)
{
    char text[COLUMNS_MAX * CELL_BYTES];
    size_t bytes = 0;
    struct rows *rows = &output->rows;
    for (size_t i = 0; i < output->choice.count; i++) {
        char *cell = text + bytes;
        cell_format(field_of(output->list, output->choice.columns[i]), line, cell);
        if (cell_width(cell) > rows->widths[i])
            rows->widths[i] = cell_width(cell);
        bytes += strlen(cell) + 1;
    }
    if (rows->count == rows->room) {
        size_t room = rows->room > 0 ? 2 * rows->room : PAGE_LINES;
        char **grown = realloc(rows->rows, room * sizeof *grown);
        if (grown == NULL)
            return ERROR_NO_MEMORY;
        rows->rows = grown;
        rows->room = room;
    }
    char *row = malloc(bytes);
    if (row == NULL)
        return ERROR_NO_MEMORY;
    memcpy(row, text, bytes);
    rows->rows[rows->count++] = row;
    return 0;
}

/* On a terminal that is too narrow the columns that may be cut are. */
static void fit(struct output *output)
{
    size_t width = cell_terminal_width(), whole = 0;
    for (size_t i = 0; i < output->choice.count; i++)
        whole += output->rows.widths[i] + (i > 0 ? COLUMN_GAP : 0);
    for (size_t i = output->choice.count; i-- > 0 && width > 0 && whole > width;) {
        size_t *column = &output->rows.widths[i], over = whole - width;
        if (output->list->columns[output->choice.columns[i]].show != LIST_CUT || *column <= CUT_MIN)
            continue;
        size_t cut = *column - CUT_MIN < over ? *column - CUT_MIN : over;
        *column -= cut;
        whole -= cut;
    }
}

static void print_row(const struct output *output, const char *cell)
{
    for (size_t i = 0; i < output->choice.count; i++) {
        bool last = i + 1 == output->choice.count;
        cell_print(cell, output->rows.widths[i], last);
        (void)printf("%*s", last ? 0 : COLUMN_GAP, "");
        cell += strlen(cell) + 1;
    }
    (void)printf("\n");
}

static void print_table(struct output *output)
{
    char titles[COLUMNS_MAX * NAME_BYTES], *at = titles;
    if (output->rows.count == 0) {
        (void)printf("%s\n", output->list->when_empty);
        return;
    }
    for (size_t i = 0; i < output->choice.count; i++) {
        const char *title = output->list->columns[output->choice.columns[i]].title;
        if (strlen(title) > output->rows.widths[i])
            output->rows.widths[i] = strlen(title);
        at = stpcpy(at, title) + 1;
    }
    fit(output);
    print_row(output, titles);
    for (size_t i = 0; i < output->rows.count; i++)
        print_row(output, output->rows.rows[i]);
}

static void destroy_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        free(rows->rows[i]);
    free(rows->rows);
}

/* --- as comma-separated values -------------------------------------------------------------------------- */

static void print_csv_titles(const struct output *output)
{
    for (size_t i = 0; i < output->choice.count; i++)
        (void)printf("%s%s", i > 0 ? "," : "", output->list->columns[output->choice.columns[i]].field);
    (void)printf("\r\n");
}

static void print_csv_line(const struct output *output, const unsigned char *line)
{
    for (size_t i = 0; i < output->choice.count; i++) {
        if (i > 0)
            (void)printf(",");
        cell_print_csv(field_of(output->list, output->choice.columns[i]), line);
    }
    (void)printf("\r\n");
}

/* --- page by page --------------------------------------------------------------------------------------- */

/* A page as it is read; its lines follow in memory. */
struct page {
    int64_t next; /* 0: none */
    size_t count;
};

static int read_page(const struct output *output, const struct local_client_answer *answer, size_t line_bytes,
                     struct page *ret, struct error_detail *ret_detail)
{
    const struct list *list = output->list;
    const struct json_field fields[] = {
        {.name = list->name,
         .type = output->how->json ? JSON_SPANS : JSON_ARRAY,
         .offset = sizeof(struct page),
         .required = true,
         .shape = list->shape,
         .count_offset = offsetof(struct page, count),
         .count_max = PAGE_LINES,
         .element_bytes = line_bytes},
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

static int put_page(struct output *output, struct page *page, size_t line_bytes)
{
    unsigned char *line = (unsigned char *)(page + 1);
    int error = 0;
    for (size_t i = 0; i < page->count && error == 0; i++, line += line_bytes) {
        const struct json_span *span = (const struct json_span *)line;
        if (!output->how->json && output->list->prepare != NULL)
            output->list->prepare(line);
        if (output->how->json)
            (void)printf("%s\n%.*s", output->printed > 0 ? "," : "", (int)span->bytes, span->start);
        else if (output->how->csv)
            print_csv_line(output, line);
        else
            error = add_row(output, line);
        output->printed++;
    }
    return error;
}

/* What stands before the first line; nothing where not even that came. */
static void put_head(const struct output *output)
{
    if (output->how->json)
        (void)printf("{\"%s\": [", output->list->name);
    else if (output->how->csv)
        print_csv_titles(output);
}

static void put_foot(struct output *output)
{
    if (output->how->json)
        (void)printf("%s]}\n", output->printed > 0 ? "\n" : "");
    else if (!output->how->csv)
        print_table(output);
}

/* Puts the page after *cursor out, and moves the cursor on (0: that was the last). */
static int take_page(struct output *output, int64_t *cursor)
{
    const struct list_how *how = output->how;
    char target[CLIENT_TARGET_BYTES + NAME_BYTES];
    struct local_client_answer answer;
    struct error_detail detail = {""};
    size_t line_bytes = how->json ? sizeof(struct json_span) : output->list->line_bytes;

    (void)snprintf(target, sizeof target, "%s%climit=%d&after=%lld", how->target,
                   strchr(how->target, '?') != NULL ? '&' : '?', PAGE_LINES, (long long)*cursor);
    int code = client_call(how->socket_path, "GET", target, NULL, &answer);
    if (code != ADMIN_OK)
        return code;
    struct page *page = calloc(1, sizeof *page + PAGE_LINES * line_bytes);
    int error = page != NULL ? read_page(output, &answer, line_bytes, page, &detail) : ERROR_NO_MEMORY;
    if (error == 0 && *cursor == 0)
        put_head(output);
    if (error == 0)
        error = put_page(output, page, line_bytes);
    if (error == 0)
        *cursor = page->next;
    free(page);
    local_client_answer_finish(&answer);
    return error == 0 ? ADMIN_OK
                      : client_misunderstood(how->target, detail.text[0] ? detail.text : error_text(error));
}

int list_print(const struct list *list, const struct list_how *how)
{
    struct output output = {.list = list, .how = how};
    int64_t cursor = 0;
    int code = choose(list, how, &output.choice);
    if (code != ADMIN_OK)
        return code;
    do
        code = take_page(&output, &cursor);
    while (code == ADMIN_OK && cursor != 0);
    if (code == ADMIN_OK)
        put_foot(&output);
    destroy_rows(&output.rows);
    return code;
}

void list_print_line(const struct list *list, const void *line)
{
    size_t width = 0;
    for (size_t i = 0; i < list->column_count; i++)
        width = strlen(list->columns[i].field) > width ? strlen(list->columns[i].field) : width;
    for (size_t i = 0; i < list->column_count; i++) {
        char cell[CELL_BYTES];
        cell_format(field_of(list, i), line, cell);
        if (strcmp(cell, CELL_NOTHING) != 0)
            (void)printf("%-*s  %s\n", (int)width, list->columns[i].field, cell);
    }
}
