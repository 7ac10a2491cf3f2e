/* farmgate connections, users: who is on, and whether each one counts. */
#include "commands.h"

#include "ask.h"
#include "connections_view.h"
#include "disconnected_view.h"
#include "options.h"
#include "shape.h"
#include "term.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX CONNECTIONS_VIEW_ROWS_MAX

static int no_memory(void)
{
    (void)fprintf(stderr, "farmgate: out of memory\n");
    return COMMAND_FAILED;
}

static void note_more(bool more)
{
    if (more)
        (void)printf("… there are more; ask by --host or --user\n");
}

static void note_scope(const char *scope)
{
    if (strcmp(scope, "host") == 0)
        (void)printf(
            "\nThese are this host's alone; `farmgate farm status` tells which host knows the others'.\n");
}

/* --- sessions that are no connections ------------------------------------------------------- */

static bool print_ignored(const struct ignored_row *rows, size_t count, const struct term *term)
{
    static const char *const titles[] = {"HOST", "ID", "USER", "SERVICE", "NOT COUNTED"};
    if (count == 0)
        return true;
    struct table *table = table_create(titles, sizeof(titles) / sizeof(titles[0]));
    if (!table)
        return false;
    for (size_t i = 0; i < count; i++) {
        table_cell(table, TERM_PLAIN, rows[i].host);
        table_cell(table, TERM_PLAIN, rows[i].id);
        table_cell(table, TERM_PLAIN, rows[i].user[0] ? rows[i].user : "-");
        table_cell(table, TERM_PLAIN, rows[i].service[0] ? rows[i].service : "-");
        table_cell(table, TERM_DIM, rows[i].reason);
    }
    (void)fputc('\n', term->file);
    bool printed = table_print(table, term);
    table_destroy(table);
    return printed;
}

/* --- connections ---------------------------------------------------------------------------- */

static void add_connection(struct table *table, const struct connection_row *row)
{
    char time[TERM_TIME_BYTES];
    table_cell(table, TERM_PLAIN, row->host);
    table_cell(table, TERM_PLAIN, row->id);
    table_cell(table, TERM_PLAIN, row->user);
    table_cell(table, TERM_PLAIN, row->kind);
    table_cell(table, TERM_PLAIN, row->route);
    table_cell(table, strcmp(row->state, "active") == 0 ? TERM_PLAIN : TERM_WARN, row->state);
    table_cell(table, TERM_PLAIN, term_time(row->connected_at_ms, time));
    table_cell(table, row->counted ? TERM_GOOD : TERM_DIM, row->reason);
}

static int print_connections(const struct connections_view *view)
{
    static const char *const titles[] = {"HOST", "ID", "USER", "KIND", "ROUTE", "STATE", "SINCE", "COUNTS"};
    struct term term;
    struct table *table = table_create(titles, sizeof(titles) / sizeof(titles[0]));
    if (!table)
        return no_memory();
    term_init(&term, stdout);
    for (size_t i = 0; i < view->connections_count; i++)
        add_connection(table, &view->connections[i]);
    bool printed = view->connections_count == 0 || table_print(table, &term);
    table_destroy(table);
    if (!printed || !print_ignored(view->ignored, view->ignored_count, &term))
        return no_memory();
    if (view->connections_count == 0 && view->ignored_count == 0)
        (void)printf("nobody is connected\n");
    note_more(view->more);
    note_scope(view->scope);
    return COMMAND_OK;
}

/* Asks, then prints the answer as it is or by shape. `bytes`: of the view. */
static int ask_and_print(const struct ask *question, bool json, const struct json_shape *shape, size_t bytes,
                         int (*print)(const void *view))
{
    struct local_client_answer answer;
    int code = ask(question, &answer);
    if (code != COMMAND_OK)
        return code;
    void *view = json ? NULL : calloc(1, bytes);
    if (json)
        ask_print(&answer);
    else if (!view)
        code = no_memory();
    else if ((code = ask_read(&answer, shape, view)) == COMMAND_OK)
        code = print(view);
    free(view);
    local_client_answer_finish(&answer);
    return code;
}

static int ask_disconnected(const struct ask *question)
{
    struct local_client_answer answer;
    int code = ask(question, &answer);
    if (code != COMMAND_OK)
        return code;
    code = disconnected_view_print(&answer);
    local_client_answer_finish(&answer);
    return code;
}

static int print_connections_view(const void *view)
{
    return print_connections(view);
}

int connections_command(int argc, char **argv)
{
    static const char help[] =
        "usage: farmgate connections [--user NAME] [--host NAME] [--state STATE | --disconnected]\n"
        "                            [--json] [--socket PATH]\n"
        "\n"
        "Every live connection, and why it counts or not; then this host's sessions that "
        "are ignored.\n"
        "\n"
        "options:\n"
        "  --user NAME     of this user only\n"
        "  --host NAME     on this host only\n"
        "  --state STATE   active or disconnected\n"
        "  --disconnected  the disconnected ones: for how long, and what it would save to end them\n"
        "  --json          the agent's answer as it is\n"
        "  --socket PATH   another agent's socket\n"
        "  --help          print this\n";
    const char *user = NULL, *host = NULL, *state = NULL;
    bool disconnected = false, json = false;
    char target[ASK_TARGET_BYTES] = "/v1/connections";
    struct ask question = {.target = target};
    const struct option_spec specs[] = {
        {"user", OPTION_TEXT, &user},   {"host", OPTION_TEXT, &host},
        {"state", OPTION_TEXT, &state}, {"disconnected", OPTION_FLAG, &disconnected},
        {"json", OPTION_FLAG, &json},   {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"connections", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (state && disconnected) {
        (void)fprintf(stderr, "farmgate connections: --state and --disconnected exclude each other\n");
        return COMMAND_USAGE;
    }
    if (!ask_parameter(target, "user", user) || !ask_parameter(target, "host", host) ||
        !ask_parameter(target, "state", disconnected ? "disconnected" : state))
        return COMMAND_DATA;
    if (disconnected && !json)
        return ask_disconnected(&question);
    return ask_and_print(&question, json, &connections_view_shape, sizeof(struct connections_view),
                         print_connections_view);
}

/* --- users ---------------------------------------------------------------------------------- */

struct user_row {
    char user[512];
    int64_t connections, consuming;
    bool counted;
};
struct users_view {
    int64_t concurrent_users;
    bool more;
    char scope[8];
    size_t users_count;
    struct user_row users[ROWS_MAX];
};

static const struct json_field user_fields[] = {
    SHAPE_TEXT("user", struct user_row, user),
    SHAPE_NUMBER("connections", struct user_row, connections),
    SHAPE_NUMBER("consuming", struct user_row, consuming),
    SHAPE_YES_NO("counted", struct user_row, counted),
};
static const struct json_shape user_shape = SHAPE_OF(user_fields);
static const struct json_field users_fields[] = {
    SHAPE_NUMBER("concurrent_users", struct users_view, concurrent_users),
    SHAPE_LIST("users", struct users_view, users, user_shape),
    SHAPE_YES_NO("more", struct users_view, more),
    SHAPE_TEXT("scope", struct users_view, scope),
};
static const struct json_shape users_shape = SHAPE_OF(users_fields);

static int print_users(const void *data)
{
    static const char *const titles[] = {"USER", "CONNECTIONS", "CONSUMING", "COUNTS"};
    const struct users_view *view = data;
    struct term term;
    struct table *table = table_create(titles, sizeof(titles) / sizeof(titles[0]));
    if (!table)
        return no_memory();
    term_init(&term, stdout);
    table_right(table, 1);
    table_right(table, 2);
    for (size_t i = 0; i < view->users_count; i++) {
        const struct user_row *row = &view->users[i];
        table_cell(table, TERM_PLAIN, row->user);
        table_number(table, (uint64_t)row->connections);
        table_number(table, (uint64_t)row->consuming);
        table_cell(table, row->counted ? TERM_GOOD : TERM_DIM, row->counted ? "yes" : "no");
    }
    bool printed = view->users_count == 0 || table_print(table, &term);
    table_destroy(table);
    if (!printed)
        return no_memory();
    (void)printf("%s%" PRId64 " concurrent user%s%s\n", view->users_count ? "\n" : "", view->concurrent_users,
                 view->concurrent_users == 1 ? "" : "s", strcmp(view->scope, "host") == 0 ? " here" : "");
    note_more(view->more);
    note_scope(view->scope);
    return COMMAND_OK;
}

int users_command(int argc, char **argv)
{
    static const char help[] = "usage: farmgate users [--json] [--socket PATH]\n"
                               "\n"
                               "Every user with a live connection, and who is one of the concurrent users.\n"
                               "\n"
                               "options:\n"
                               "  --json         the agent's answer as it is\n"
                               "  --socket PATH  another agent's socket\n"
                               "  --help         print this\n";
    bool json = false;
    struct ask question = {.target = "/v1/users"};
    const struct option_spec specs[] = {{"json", OPTION_FLAG, &json},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"users", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    return ask_and_print(&question, json, &users_shape, sizeof(struct users_view), print_users);
}
