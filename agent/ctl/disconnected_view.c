#include "disconnected_view.h"

#include "ask.h"
#include "shape.h"
#include "term.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX    20000 /* what the agent tells at most */
#define NOT_KNOWN   2     /* whether the user is an administrator */
#define SAVES_BYTES 64

struct row {
    char host[256], id[128], user[512], counted_as[512], reason[64];
    int64_t disconnected_at_ms;
    unsigned char administrator; /* 0, 1 or NOT_KNOWN: written as a bool where it is told */
    bool counted, would_save;
};
static_assert(sizeof(bool) == sizeof(unsigned char), "row.administrator is read as a bool");

struct view {
    int64_t now_ms, would_save;
    bool more;
    size_t connections_count;
    struct row connections[ROWS_MAX];
};

static const struct json_field row_fields[] = {
    SHAPE_TEXT("host", struct row, host),
    SHAPE_TEXT("id", struct row, id),
    SHAPE_TEXT("user", struct row, user),
    SHAPE_TEXT("counted_as", struct row, counted_as),
    SHAPE_TEXT("reason", struct row, reason),
    SHAPE_TIME("disconnected_at", struct row, disconnected_at_ms),
    SHAPE_YES_NO("administrator", struct row, administrator),
    SHAPE_YES_NO("counted", struct row, counted),
    SHAPE_YES_NO("would_save", struct row, would_save),
};
static const struct json_shape row_shape = SHAPE_OF(row_fields);
static const struct json_field view_fields[] = {
    SHAPE_TIME("now", struct view, now_ms),
    SHAPE_NUMBER("would_save", struct view, would_save),
    SHAPE_LIST("connections", struct view, connections, row_shape),
    SHAPE_YES_NO("more", struct view, more),
};
static const struct json_shape view_shape = SHAPE_OF(view_fields);

/* --- order ---------------------------------------------------------------------------------- */

/* By user, so that all of one are together. */
static int by_user(const void *left, const void *right)
{
    return strcmp((*(struct row *const *)left)->counted_as, (*(struct row *const *)right)->counted_as);
}

/* The longest forgotten first; last those of which it is not known. */
static int by_age(const void *left, const void *right)
{
    const struct row *one = *(struct row *const *)left, *other = *(struct row *const *)right;
    bool known = one->disconnected_at_ms != 0, other_known = other->disconnected_at_ms != 0;
    if (known != other_known)
        return known ? -1 : 1;
    if (one->disconnected_at_ms != other->disconnected_at_ms)
        return one->disconnected_at_ms < other->disconnected_at_ms ? -1 : 1;
    int order = strcmp(one->user, other->user);
    return order != 0 ? order : strcmp(one->id, other->id);
}

/* --- what it would save --------------------------------------------------------------------- */

/* `savers`: so many of its user would have to end to save one. */
static const char *say_saving(const struct row *row, size_t savers, char ret[SAVES_BYTES])
{
    if (row->would_save && savers > 1)
        (void)snprintf(ret, SAVES_BYTES, "a licence, if all %zu end", savers);
    else if (row->would_save)
        (void)snprintf(ret, SAVES_BYTES, "a licence");
    else if (!row->counted)
        (void)snprintf(ret, SAVES_BYTES, "nothing: it does not count");
    else if (row->administrator == NOT_KNOWN)
        (void)snprintf(ret, SAVES_BYTES, "left alone: perhaps an administrator's");
    else if (row->administrator)
        (void)snprintf(ret, SAVES_BYTES, "left alone: an administrator's");
    else
        (void)snprintf(ret, SAVES_BYTES, "nothing: the user has others that count");
    return ret;
}

/* Of each row how many of its user save one together; returns how many users there are. `sorted` is by user.
 */
static size_t count_savers(struct row *const *sorted, size_t count, const struct row *rows,
                           size_t *ret_savers)
{
    size_t users = 0;
    for (size_t i = 0, end; i < count; i = end) {
        size_t savers = 0;
        for (end = i; end < count && by_user(&sorted[i], &sorted[end]) == 0; end++)
            savers += sorted[end]->would_save;
        for (size_t j = i; j < end; j++)
            ret_savers[sorted[j] - rows] = savers;
        users++;
    }
    return users;
}

/* --- what is printed ------------------------------------------------------------------------ */

static void add_row(struct table *table, const struct row *row, size_t savers, int64_t now_ms)
{
    char span[TERM_TIME_BYTES], saving[SAVES_BYTES];
    bool known = row->disconnected_at_ms != 0;
    table_cell(table, TERM_PLAIN, row->user);
    table_cell(table, TERM_PLAIN, row->host);
    table_cell(table, TERM_PLAIN, row->id);
    table_cell(table, TERM_PLAIN, known ? term_span(now_ms - row->disconnected_at_ms, span) : "not known");
    table_cell(table, row->counted ? TERM_WARN : TERM_DIM, row->reason);
    table_cell(table, row->would_save ? TERM_GOOD : TERM_DIM, say_saving(row, savers, saving));
}

static bool print_rows(const struct view *view, struct row *const *sorted, const size_t *savers)
{
    static const char *const titles[] = {"USER", "HOST", "ID", "DISCONNECTED FOR", "COUNTS", "WOULD SAVE"};
    struct table *table = table_create(titles, sizeof(titles) / sizeof(titles[0]));
    struct term term;
    if (!table)
        return false;
    term_init(&term, stdout);
    for (size_t i = 0; i < view->connections_count; i++)
        add_row(table, sorted[i], savers[sorted[i] - view->connections], view->now_ms);
    bool printed = table_print(table, &term);
    table_destroy(table);
    return printed;
}

static void print_sum(const struct view *view, size_t users)
{
    char fewer[64] = "no concurrent user fewer";
    if (view->would_save > 0)
        (void)snprintf(fewer, sizeof(fewer), "%" PRId64 " concurrent user%s fewer", view->would_save,
                       view->would_save == 1 ? "" : "s");
    (void)printf("\n%zu disconnected session%s of %zu user%s; without them, administrators' left alone, "
                 "there would be %s\n",
                 view->connections_count, view->connections_count == 1 ? "" : "s", users,
                 users == 1 ? "" : "s", fewer);
    if (view->more)
        (void)printf("… there are more; ask by --host or --user\n");
}

static bool print_view(struct view *view)
{
    size_t count = view->connections_count;
    if (count == 0) {
        (void)printf("nobody is disconnected\n");
        return true;
    }
    struct row **sorted = calloc(count, sizeof(*sorted));
    size_t *savers = calloc(count, sizeof(*savers));
    bool printed = false;
    if (sorted && savers) {
        for (size_t i = 0; i < count; i++)
            sorted[i] = &view->connections[i];
        qsort(sorted, count, sizeof(*sorted), by_user);
        size_t users = count_savers(sorted, count, view->connections, savers);
        qsort(sorted, count, sizeof(*sorted), by_age);
        printed = print_rows(view, sorted, savers);
        if (printed)
            print_sum(view, users);
    }
    free(sorted);
    free(savers);
    return printed;
}

int disconnected_view_print(const struct local_client_answer *answer)
{
    struct view *view = calloc(1, sizeof(*view));
    int code = COMMAND_OK;
    for (size_t i = 0; view && i < ROWS_MAX; i++)
        view->connections[i].administrator = NOT_KNOWN;
    if (view)
        code = ask_read(answer, &view_shape, view);
    if (!view || (code == COMMAND_OK && !print_view(view))) {
        (void)fprintf(stderr, "farmgate: out of memory\n");
        code = COMMAND_FAILED;
    }
    free(view);
    return code;
}
