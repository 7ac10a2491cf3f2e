/* farmgate explain: why the gate stands as it does, what happens next, and why each user counts. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "setback_row.h"
#include "shape.h"
#include "term.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_MAX         20000 /* what the agent tells at most */
#define IGNORED_ROWS_MAX 65536
#define CLOCKS_AGREE_MS  90000

/* Why something is so: where the sentences stand in the answer. */
struct why {
    struct json_span sentences[EXPLAIN_WHY_MAX];
    size_t sentences_count;
};
/* Members of a row with a `why`. */
#define SHAPE_WHY(json_name, row, member) SHAPE_SPANS(json_name, row, member.sentences)

struct machine_row {
    char machine[16];
    bool closes;
    struct why why;
};
struct admission_row {
    struct why why;
};
struct user_row {
    char user[CONNECTION_USER_BYTES_MAX + 1];
    bool counted;
    struct why why;
};
/* A connection, or a session that is none. */
struct session_row {
    char host[CONNECTION_HOST_BYTES_MAX + 1], id[CONNECTION_ID_BYTES_MAX + 1];
    char user[CONNECTION_USER_BYTES_MAX + 1]; /* of a connection: as whom it is counted */
    int64_t connected_at_ms;
    struct why why;
};
struct verdict_part {
    bool open;
    struct why why;
};
struct explain_view {
    int64_t now_ms;
    struct verdict_part verdict;
    struct why remedies, scope_why;
    size_t machines_count, setbacks_count, next_count, admission_count, users_count, connections_count,
        ignored_count;
    struct machine_row machines[EXPLAIN_MACHINE_MAX];
    struct setback_row setbacks[SETBACK_ROWS_MAX];
    struct json_span next[2 * EXPLAIN_STEPS_MAX];
    struct admission_row admission[2 * KIND_MAX];
    struct user_row users[ROWS_MAX];
    struct session_row connections[ROWS_MAX], ignored[IGNORED_ROWS_MAX];
    bool more;
};

static const struct json_field machine_fields[] = {
    SHAPE_TEXT("machine", struct machine_row, machine),
    SHAPE_YES_NO("closes", struct machine_row, closes),
    SHAPE_WHY("why", struct machine_row, why),
};
static const struct json_shape machine_shape = SHAPE_OF(machine_fields);
static const struct json_field admission_fields[] = {SHAPE_WHY("why", struct admission_row, why)};
static const struct json_shape admission_shape = SHAPE_OF(admission_fields);
static const struct json_field user_fields[] = {
    SHAPE_TEXT("user", struct user_row, user),
    SHAPE_YES_NO("counted", struct user_row, counted),
    SHAPE_WHY("why", struct user_row, why),
};
static const struct json_shape user_shape = SHAPE_OF(user_fields);
static const struct json_field connection_fields[] = {
    SHAPE_TEXT("host", struct session_row, host),
    SHAPE_TEXT("id", struct session_row, id),
    SHAPE_TIME("connected_at", struct session_row, connected_at_ms),
    SHAPE_TEXT("counted_as", struct session_row, user),
    SHAPE_WHY("why", struct session_row, why),
};
static const struct json_shape connection_shape = SHAPE_OF(connection_fields);
static const struct json_field ignored_fields[] = {
    SHAPE_TEXT("host", struct session_row, host),
    SHAPE_TEXT("id", struct session_row, id),
    SHAPE_TEXT("user", struct session_row, user),
    SHAPE_TIME("connected_at", struct session_row, connected_at_ms),
    SHAPE_WHY("why", struct session_row, why),
};
static const struct json_shape ignored_shape = SHAPE_OF(ignored_fields);
static const struct json_field verdict_fields[] = {
    SHAPE_YES_NO("open", struct verdict_part, open),
    SHAPE_WHY("why", struct verdict_part, why),
};
static const struct json_shape verdict_shape = SHAPE_OF(verdict_fields);
static const struct json_field explain_fields[] = {
    SHAPE_TIME("now", struct explain_view, now_ms),
    SHAPE_PART("verdict", struct explain_view, verdict, verdict_shape),
    SHAPE_LIST("machines", struct explain_view, machines, machine_shape),
    SHAPE_LIST("setbacks", struct explain_view, setbacks, setback_row_shape),
    SHAPE_SPANS("next", struct explain_view, next),
    SHAPE_WHY("remedies", struct explain_view, remedies),
    SHAPE_WHY("scope_why", struct explain_view, scope_why),
    SHAPE_LIST("admission", struct explain_view, admission, admission_shape),
    SHAPE_LIST("users", struct explain_view, users, user_shape),
    SHAPE_LIST("connections", struct explain_view, connections, connection_shape),
    SHAPE_LIST("ignored", struct explain_view, ignored, ignored_shape),
    SHAPE_YES_NO("more", struct explain_view, more),
};
static const struct json_shape explain_shape = SHAPE_OF(explain_fields);

/* ---- on paper ---------------------------------------------------------------------------------- */

struct page {
    const struct explain_view *view;
    bool one_user;
    struct said *said;
    char since[SENTENCE_INSTANT_BYTES + 8], when[SENTENCE_INSTANT_BYTES + 8]; /* titles with the zone */
    struct term term;
    bool failed; /* without memory */
};

static const char *why_text(struct page *page, const struct why *why)
{
    return said_text(page->said, why->sentences, why->sentences_count);
}

static void say_why(struct page *page, const struct why *why)
{
    if (why->sentences_count > 0)
        term_wrap(&page->term, 0, why_text(page, why));
}

static struct table *begin_table(const char *const *titles, size_t columns)
{
    struct table *table = table_create(titles, columns);
    if (table)
        table_wrap(table);
    return table;
}

/* With a line between it and what stands before. */
static void end_table(struct page *page, struct table *table, size_t rows)
{
    if (rows > 0)
        (void)fputc('\n', page->term.file);
    if (table && rows > 0)
        page->failed |= !table_print(table, &page->term);
    page->failed |= !table;
    table_destroy(table);
}

/* ---- the farm ---------------------------------------------------------------------------------- */

static void print_machines(struct page *page)
{
    static const char *const titles[] = {"", "HOW IT STANDS"};
    struct table *table = begin_table(titles, 2);
    size_t rows = 0;
    for (size_t i = 0; table && i < page->view->machines_count; i++) {
        const struct machine_row *row = &page->view->machines[i];
        const char *text = why_text(page, &row->why);
        if (strcmp(text, explain_form(EXPLAIN_rests)->text) == 0)
            continue;
        table_cell(table, row->closes ? TERM_BAD : TERM_PLAIN, row->machine);
        table_cell(table, TERM_PLAIN, text);
        rows++;
    }
    end_table(page, table, rows);
}

static void print_setbacks(struct page *page)
{
    static const char *const titles[] = {"", "WHAT HAS FAILED, AND WHAT TO DO"};
    struct table *table = begin_table(titles, 2);
    for (size_t i = 0; table && i < page->view->setbacks_count; i++) {
        const struct setback_row *row = &page->view->setbacks[i];
        table_cell(table, TERM_WARN, row->asked);
        table_cell(table, TERM_PLAIN, setback_row_text(row, page->said));
    }
    end_table(page, table, page->view->setbacks_count);
}

static void print_next(struct page *page)
{
    const char *const titles[] = {page->when, "IN", "WHAT HAPPENS NEXT"};
    struct table *table = begin_table(titles, 3);
    for (size_t i = 0; table && i < page->view->next_count; i++) {
        int64_t now_ms = page->view->now_ms;
        char when[SENTENCE_INSTANT_BYTES], span[TERM_TIME_BYTES];
        const char *text = said_text(page->said, &page->view->next[i], 1);
        table_cell(table, TERM_PLAIN, said_cell(now_ms, said_at_ms(page->said), when));
        table_cell(table, TERM_DIM, term_span(said_at_ms(page->said) - now_ms, span));
        table_cell(table, TERM_PLAIN, text);
    }
    end_table(page, table, page->view->next_count);
}

static void print_remedies(struct page *page)
{
    static const char *const titles[] = {"WHAT WOULD CHANGE IT"};
    const struct why *remedies = &page->view->remedies;
    struct table *table = begin_table(titles, 1);
    for (size_t i = 0; table && i < remedies->sentences_count; i++)
        table_cell(table, TERM_PLAIN, said_text(page->said, &remedies->sentences[i], 1));
    end_table(page, table, remedies->sentences_count);
}

/* ---- users and sessions ------------------------------------------------------------------------ */

static void add_session(struct page *page, struct table *table, const struct session_row *row)
{
    char session[sizeof(row->host) + sizeof(row->id)], since[SENTENCE_INSTANT_BYTES];
    (void)snprintf(session, sizeof(session), "%s %s", row->host, row->id);
    table_cell(table, TERM_PLAIN, session);
    if (row->connected_at_ms != 0)
        table_cell(table, TERM_PLAIN, said_cell(page->view->now_ms, row->connected_at_ms, since));
    else
        table_cell(table, TERM_PLAIN, "-");
    table_cell(table, TERM_PLAIN, why_text(page, &row->why));
}

/* Whether the next connection is of this user. */
static bool is_of(const struct explain_view *view, size_t next, const struct user_row *user)
{
    return next < view->connections_count && strcmp(view->connections[next].user, user->user) == 0;
}

static void add_user(struct page *page, struct table *table, const struct user_row *user, size_t *next)
{
    for (bool first = true; is_of(page->view, *next, user); first = false) {
        const char *counts = user->counted ? "yes" : "no";
        if (!page->one_user) {
            table_cell(table, TERM_PLAIN, first ? user->user : "");
            table_cell(table, user->counted ? TERM_GOOD : TERM_DIM, first ? counts : "");
        }
        add_session(page, table, &page->view->connections[(*next)++]);
    }
}

/* One line a connection; a user stands at the first of his. */
static void print_connections(struct page *page)
{
    const char *const titles[] = {"USER", "COUNTS", "SESSION", page->since, "WHY"};
    size_t left = page->one_user ? 2 : 0;
    struct table *table = begin_table(titles + left, 5 - left);
    for (size_t i = 0, next = 0; table && i < page->view->users_count; i++)
        add_user(page, table, &page->view->users[i], &next);
    end_table(page, table, page->view->connections_count);
}

static void print_left_out(struct page *page)
{
    const char *const titles[] = {"USER", "SESSION", page->since, "WHY IT IS NO CONNECTION"};
    size_t left = page->one_user ? 1 : 0;
    struct table *table = begin_table(titles + left, 4 - left);
    for (size_t i = 0; table && i < page->view->ignored_count; i++) {
        const struct session_row *row = &page->view->ignored[i];
        if (!page->one_user)
            table_cell(table, TERM_PLAIN, row->user[0] ? row->user : "-");
        add_session(page, table, row);
    }
    end_table(page, table, page->view->ignored_count);
}

/* ---- the whole --------------------------------------------------------------------------------- */

/* Instants are the licence's; whoever looks at another clock is told. */
static void print_clocks(struct page *page, int64_t wall_ms)
{
    int64_t ahead_ms = page->view->now_ms - wall_ms;
    int64_t apart_ms = ahead_ms < 0 ? -ahead_ms : ahead_ms;
    char text[EXPLAIN_SENTENCE_BYTES];
    if (apart_ms < CLOCKS_AGREE_MS)
        return;
    const struct explain_sentence sentence = {.code =
                                                  ahead_ms > 0 ? EXPLAIN_clock_ahead : EXPLAIN_clock_behind,
                                              .field_count = 1,
                                              .fields = {{.name = "minutes", .number = apart_ms / 60000}}};
    (void)explain_write(&sentence, sentence_utc, NULL, text, sizeof(text));
    (void)fputc('\n', page->term.file);
    term_wrap(&page->term, 0, text);
}

static void print_farm(struct page *page)
{
    say_why(page, &page->view->verdict.why);
    print_machines(page);
    print_setbacks(page);
    print_next(page);
    print_remedies(page);
    print_connections(page);
    print_left_out(page);
}

static void print_user(struct page *page)
{
    for (size_t i = 0; i < page->view->users_count; i++)
        say_why(page, &page->view->users[i].why);
    print_connections(page);
    print_left_out(page);
    (void)fputc('\n', page->term.file);
    for (size_t i = 0; i < page->view->admission_count; i++)
        say_why(page, &page->view->admission[i].why);
    say_why(page, &page->view->verdict.why);
}

static int print_explanation(const struct explain_view *view, bool one_user)
{
    struct page page = {.view = view, .one_user = one_user, .said = said_create(view->now_ms)};
    char zone[SENTENCE_INSTANT_BYTES];
    if (page.said) {
        term_init(&page.term, stdout);
        (void)snprintf(page.since, sizeof(page.since), "SINCE (%s)", said_zone(view->now_ms, zone));
        (void)snprintf(page.when, sizeof(page.when), "WHEN (%s)", zone);
        if (one_user)
            print_user(&page);
        else
            print_farm(&page);
        print_clocks(&page, (int64_t)time(NULL) * 1000);
        if (view->more)
            (void)printf("… there are more; ask for one user\n");
        if (view->scope_why.sentences_count > 0)
            (void)fputc('\n', page.term.file);
        say_why(&page, &view->scope_why);
    }
    bool failed = !page.said || page.failed;
    said_destroy(page.said);
    if (failed)
        (void)fprintf(stderr, "farmgate: out of memory\n");
    return failed ? COMMAND_FAILED : COMMAND_OK;
}

/* The sentences stand in the answer, so it is read and printed while that is there. */
static int explain(const struct ask *question, bool json, bool one_user)
{
    struct local_client_answer answer;
    int code = ask(question, &answer);
    if (code != COMMAND_OK)
        return code;
    struct explain_view *view = json ? NULL : calloc(1, sizeof(*view));
    if (json) {
        ask_print(&answer);
    } else if (!view) {
        (void)fprintf(stderr, "farmgate: out of memory\n");
        code = COMMAND_FAILED;
    } else if ((code = ask_read(&answer, &explain_shape, view)) == COMMAND_OK) {
        code = print_explanation(view, one_user);
    }
    free(view);
    local_client_answer_finish(&answer);
    return code;
}

int explain_command(int argc, char **argv)
{
    static const char help[] =
        "usage: farmgate explain [[--user] NAME] [--json] [--socket PATH]\n"
        "\n"
        "Why the gate is open or closed, what happens next and when, what would change it,\n"
        "and why each user counts or not. Of one user, in any spelling: which connections\n"
        "there are, which one needs a licence and why, and what the gate would answer now.\n"
        "\n"
        "options:\n"
        "  --user NAME    of this user only\n"
        "  --json         the agent's answer as it is\n"
        "  --socket PATH  another agent's socket\n"
        "  --help         print this\n";
    bool json = false;
    const char *user = NULL;
    char target[ASK_TARGET_BYTES] = "/v1/explain";
    struct ask question = {.target = target};
    const struct option_spec specs[] = {{"json", OPTION_FLAG, &json},
                                        {"user", OPTION_TEXT, &user},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"explain", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 1};
    char **operands;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    user = count > 0 ? operands[0] : user;
    if (!ask_parameter(target, "user", user))
        return COMMAND_DATA;
    return explain(&question, json, user != NULL);
}
