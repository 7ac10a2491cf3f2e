#include "script_line.h"

#include <string.h>

static const char *const events[] = {"connect", "disconnect", "logoff", NULL};
static const char *const kinds[] = {"desktop", "application", NULL};
static const char *const routes[] = {"broker", "rdp", "rdp-tunnel", "console", "ssh", NULL};

#define FIELD(member) .name = #member, .offset = offsetof(struct script_line, member)

static const struct json_field fields[] = {
    {FIELD(speed), .type = JSON_INTEGER, .min = 1, .max = SCRIPT_SPEED_MAX},
    {.name = "ts", .offset = offsetof(struct script_line, ts_ms), .type = JSON_INTEGER, .max = INT64_MAX / 2},
    {FIELD(event), .type = JSON_CHOICE, .choices = events},
    {FIELD(host), .type = JSON_TEXT, .min = 1, .max = CONNECTION_HOST_BYTES_MAX},
    {FIELD(session), .type = JSON_TEXT, .min = 1, .max = CONNECTION_ID_BYTES_MAX},
    {FIELD(user), .type = JSON_TEXT, .min = 1, .max = CONNECTION_USER_BYTES_MAX},
    {FIELD(admin), .type = JSON_BOOLEAN},
    {FIELD(kind), .type = JSON_CHOICE, .choices = kinds},
    {FIELD(route), .type = JSON_CHOICE, .choices = routes},
};
static const struct json_shape shape = {fields, sizeof(fields) / sizeof(fields[0])};

static int refuse(struct error_detail *ret_detail, const char *what)
{
    error_detail_set(ret_detail, "%s", what);
    return ERROR_INVALID;
}

static int check(const struct script_line *line, struct error_detail *ret_detail)
{
    if (line->speed != 0)
        return 0;
    if (line->event < 0)
        return refuse(ret_detail, "event: missing");
    if (line->session[0] == '\0')
        return refuse(ret_detail, "session: missing");
    if (line->event == SCRIPT_CONNECT && line->user[0] == '\0')
        return refuse(ret_detail, "user: missing, a connect needs one");
    return 0;
}

int script_line_read(struct json_reader *reader, const char *text, size_t bytes, struct script_line *ret,
                     struct error_detail *ret_detail)
{
    struct script_line line = {.event = -1, .kind = KIND_DESKTOP, .route = ROUTE_RDP};
    int r;

    if (bytes > SCRIPT_LINE_BYTES_MAX)
        return ERROR_TOO_LARGE;
    r = json_reader_read(reader, &shape, text, bytes, &line, ret_detail, NULL);
    if (r == 0)
        r = check(&line, ret_detail);
    if (r == 0)
        *ret = line;
    return r;
}
