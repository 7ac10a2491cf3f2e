/* farmgate web: a link to the status page, with a key of its own in it. */
#include "commands.h"

#include "ask.h"
#include "options.h"
#include "shape.h"
#include "term.h"

#include <stdlib.h>
#include <string.h>

struct link_view {
    char address[128], token[128];
    int64_t ends_at_ms;
};
static const struct json_field link_fields[] = {
    SHAPE_TEXT("address", struct link_view, address),
    SHAPE_TEXT("token", struct link_view, token),
    SHAPE_TIME("ends_at", struct link_view, ends_at_ms),
};
static const struct json_shape link_shape = SHAPE_OF(link_fields);

/* The link alone on stdout, so that it can be handed on; what to know of it beside it. */
static int show_link(const struct local_client_answer *answer)
{
    struct link_view view = {.ends_at_ms = 0};
    char time[TERM_TIME_BYTES], clean[TERM_TEXT_BYTES];
    int code = ask_read(answer, &link_shape, &view);
    if (code != COMMAND_OK)
        return code;
    term_clean(view.address, clean);
    const char *port = strrchr(clean, ':');
    (void)printf("http://%s/#token=%s\n", clean, view.token);
    (void)fflush(stdout);
    (void)fprintf(
        stderr,
        "It shows who is on, and changes nothing. It holds until %s, or until the agent restarts or\n"
        "`farmgate web --revoke`. On another computer open a way here first, then the same link:\n"
        "  ssh -N -L %s:%s THIS-HOST\n",
        term_time(view.ends_at_ms, time), port ? port + 1 : "", clean);
    return COMMAND_OK;
}

static int make_link(struct ask *question, const char *hours)
{
    struct local_client_answer answer;
    char body[32];
    question->method = "POST";
    if (hours) {
        (void)snprintf(body, sizeof(body), "{\"hours\":%s}", hours);
        question->body = body;
    }
    question->reads = true;
    int code = ask(question, &answer);
    if (code != COMMAND_OK)
        return code;
    code = show_link(&answer);
    local_client_answer_finish(&answer);
    return code;
}

static int revoke_links(struct ask *question)
{
    struct local_client_answer answer;
    question->method = "DELETE";
    int code = ask(question, &answer);
    if (code != COMMAND_OK)
        return code;
    (void)puts("no link to the status page holds any more");
    local_client_answer_finish(&answer);
    return COMMAND_OK;
}

static bool hours_valid(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= 2 && text[digits] == '\0' && text[0] != '0' && atoi(text) <= 24;
}

int web_command(int argc, char **argv)
{
    static const char help[] =
        "usage: farmgate web [--hours N | --revoke] [--socket PATH]\n"
        "\n"
        "Prints a link to the status page of this host's agent. Who has it reads, and changes nothing.\n"
        "The agent has to listen on TCP: api.listen = \"127.0.0.1:8620\" in farmgate.conf.\n"
        "\n"
        "options:\n"
        "  --hours N      how long the link holds, 1 to 24 (8); a restart of the agent ends it as well\n"
        "  --revoke       end every link; takes the administrator's socket\n"
        "  --socket PATH  another agent's socket\n"
        "  --help         print this\n"
        "\n"
        "exit codes: 0 done; 1 failed; 3 no agent; 64 usage; 65 data; 77 forbidden\n";
    const char *hours = NULL;
    bool revoke = false;
    struct ask question = {.target = "/v1/web/links"};
    const struct option_spec specs[] = {{"hours", OPTION_TEXT, &hours},
                                        {"revoke", OPTION_FLAG, &revoke},
                                        {"socket", OPTION_TEXT, &question.socket}};
    const struct options_form form = {"web", help, specs, sizeof(specs) / sizeof(specs[0]), 0, 0};
    int code = options_only(&form, argc, argv);
    if (code != OPTIONS_GO_ON)
        return code;
    if (revoke && hours) {
        (void)fprintf(stderr, "farmgate web: --hours is for a new link, --revoke ends all\n");
        return COMMAND_USAGE;
    }
    if (hours && !hours_valid(hours)) {
        (void)fprintf(stderr, "farmgate web: --hours: %s is not a number from 1 to 24\n", hours);
        return COMMAND_USAGE;
    }
    return revoke ? revoke_links(&question) : make_link(&question, hours);
}
