/* farmgate connection reclaimable|reclaimed: what a hook asks before it has a session ended, and tells after.
 */
#include "reclaim_command.h"

#include "ask.h"
#include "options.h"
#include "shape.h"
#include "term.h"

#include "common/rfc3339.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 8192 /* disconnected sessions of one user on one host */

/* --- before --------------------------------------------------------------------------------- */

struct reclaim_row {
    char id[128];
    int64_t disconnected_at_ms;
    bool reclaimable;
};

struct reclaim_view {
    size_t connections_count;
    struct reclaim_row connections[ROWS_MAX];
};

static const struct json_field row_fields[] = {
    SHAPE_TEXT("id", struct reclaim_row, id),
    SHAPE_TIME("disconnected_at", struct reclaim_row, disconnected_at_ms),
    SHAPE_YES_NO("reclaimable", struct reclaim_row, reclaimable),
};
static const struct json_shape row_shape = SHAPE_OF(row_fields);
static const struct json_field view_fields[] = {
    SHAPE_LIST("connections", struct reclaim_view, connections, row_shape),
};
static const struct json_shape view_shape = SHAPE_OF(view_fields);

struct host_view {
    char host[256];
};
static const struct json_field host_fields[] = {SHAPE_TEXT("host", struct host_view, host)};
static const struct json_shape host_shape = SHAPE_OF(host_fields);

/* Asked at the administrator's socket: who may not tell what was done shall not do it. */
static int ask_administrators(const char *socket, const char *target, const struct json_shape *shape,
                              void *ret)
{
    struct local_client_answer answer;
    const struct ask question = {.socket = socket ? socket : ASK_ADMIN_SOCKET, .target = target};
    int code = ask(&question, &answer);
    if (code != COMMAND_OK)
        return code;
    code = ask_read(&answer, shape, ret);
    local_client_answer_finish(&answer);
    return code;
}

static int no(const char *why)
{
    (void)printf("%s\n", why);
    return COMMAND_CLOSED;
}

static int judge(const struct reclaim_view *view, const char *id, int64_t since_ms)
{
    const struct reclaim_row *row = view->connections;
    const struct reclaim_row *end = row + view->connections_count;
    while (row < end && strcmp(row->id, id) != 0)
        row++;
    if (row == end)
        return no("no such session is disconnected");
    if (!row->reclaimable)
        return no("it is an administrator's, or perhaps one's, or it consumes nothing, or its host does not "
                  "see it");
    if (row->disconnected_at_ms == 0)
        return no("since when it is disconnected is not known");
    if (row->disconnected_at_ms > since_ms)
        return no("its user has come back since then");
    return COMMAND_OK;
}

static int check_host(const char *socket, const char *host)
{
    struct host_view here = {""};
    int code = ask_administrators(socket, "/v1/status", &host_shape, &here);
    if (code == COMMAND_OK && strcmp(here.host, host) != 0)
        return no("it is another host's");
    return code;
}

static int check_session(const char *socket, const char *host, const char *id, const char *user,
                         int64_t since_ms)
{
    char target[ASK_TARGET_BYTES] = "/v1/connections?state=disconnected";
    if (!ask_parameter(target, "host", host) || !ask_parameter(target, "user", user))
        return COMMAND_DATA;
    struct reclaim_view *view = calloc(1, sizeof(*view));
    if (!view) {
        (void)fprintf(stderr, "farmgate: out of memory\n");
        return COMMAND_FAILED;
    }
    int code = ask_administrators(socket, target, &view_shape, view);
    if (code == COMMAND_OK)
        code = judge(view, id, since_ms);
    free(view);
    return code;
}

int connection_reclaimable(const char *help, int argc, char **argv)
{
    const char *socket = NULL, *user = NULL, *since = NULL;
    const struct option_spec specs[] = {
        {"user", OPTION_TEXT, &user}, {"since", OPTION_TEXT, &since}, {"socket", OPTION_TEXT, &socket}};
    const struct options_form form = {"connection reclaimable",         help, specs,
                                      sizeof(specs) / sizeof(specs[0]), 2,    2};
    char **operands;
    int count;
    int64_t since_ms = INT64_MAX;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    if (!user) {
        (void)fprintf(stderr, "farmgate connection reclaimable: --user is missing\n");
        return COMMAND_USAGE;
    }
    if (since && !rfc3339_parse(since, strlen(since), &since_ms)) {
        (void)fprintf(stderr, "farmgate connection reclaimable: --since: not an instant: %s\n", since);
        return COMMAND_USAGE;
    }
    code = check_host(socket, operands[0]);
    return code == COMMAND_OK ? check_session(socket, operands[0], operands[1], user, since_ms) : code;
}

/* --- after ---------------------------------------------------------------------------------- */

int connection_reclaimed(const char *help, int argc, char **argv)
{
    const char *user = NULL, *failure = NULL;
    struct ask question = {.method = "POST", .target = "/v1/reclaims"};
    const struct option_spec specs[] = {{"user", OPTION_TEXT, &user},
                                        {"failure", OPTION_TEXT, &failure},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"connection reclaimed",           help, specs,
                                      sizeof(specs) / sizeof(specs[0]), 2,    2};
    struct local_client_answer answer;
    char **operands;
    size_t bytes;
    int count;
    int code = options_parse(&form, argc, argv, &operands, &count);
    if (code != OPTIONS_GO_ON)
        return code;
    if (!user) {
        (void)fprintf(stderr, "farmgate connection reclaimed: --user is missing\n");
        return COMMAND_USAGE;
    }
    struct json_writer *writer = json_writer_create(false);
    if (!writer)
        return COMMAND_FAILED;
    json_open_object(writer, NULL);
    json_text(writer, "host", operands[0]);
    json_text(writer, "id", operands[1]);
    json_text(writer, "user", user);
    if (failure)
        json_text(writer, "failure", failure);
    json_close_object(writer);
    code = COMMAND_FAILED;
    if (json_writer_finish(writer, &question.body, &bytes) == 0 &&
        (code = ask(&question, &answer)) == COMMAND_OK)
        local_client_answer_finish(&answer);
    json_writer_destroy(writer);
    return code;
}
