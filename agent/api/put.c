#include "put.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"

static_assert(sizeof(bool) == sizeof(unsigned char), "put.administrator is read as a bool");

static const char *const event_names[] = {"put", "end", NULL};
static const char *const kind_names[] = {"desktop", "application", NULL};
static const char *const route_names[] = {"broker", "rdp", "rdp-tunnel", "console", "ssh", NULL};
static const char *const state_names[] = {"active", "disconnected", NULL};
static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == KIND_MAX + 1, "a name for each kind");
static_assert(sizeof(route_names) / sizeof(route_names[0]) == ROUTE_MAX + 1, "a name for each route");
static_assert(sizeof(state_names) / sizeof(state_names[0]) == CONNECTION_STATE_MAX + 1,
              "a name for each state");

#define EVENT_FIELD                                                                                          \
    {                                                                                                        \
        .name = "event", .type = JSON_CHOICE, .offset = offsetof(struct put, event), .choices = event_names, \
        .required = true                                                                                     \
    }
#define NAME_FIELD(member, bytes_max, must)                                                   \
    {                                                                                         \
        .name = #member, .type = JSON_TEXT, .offset = offsetof(struct put, member), .min = 1, \
        .max = (bytes_max), .required = (must)                                                \
    }
/* What PUT tells of a connection; a line that ends one leaves it all out. */
#define CONNECTION_FIELDS(must)                                                                       \
    {.name = "user",                                                                                  \
     .type = JSON_TEXT,                                                                               \
     .offset = offsetof(struct put, user),                                                            \
     .min = 1,                                                                                        \
     .max = CONNECTION_USER_BYTES_MAX,                                                                \
     .required = (must),                                                                              \
     .present_offset = offsetof(struct put, has_user)},                                               \
        {.name = "kind",                                                                              \
         .type = JSON_CHOICE,                                                                         \
         .offset = offsetof(struct put, kind),                                                        \
         .choices = kind_names,                                                                       \
         .required = (must),                                                                          \
         .present_offset = offsetof(struct put, has_kind)},                                           \
        {.name = "route",                                                                             \
         .type = JSON_CHOICE,                                                                         \
         .offset = offsetof(struct put, route),                                                       \
         .choices = route_names},                                                                     \
        {.name = "state",                                                                             \
         .type = JSON_CHOICE,                                                                         \
         .offset = offsetof(struct put, state),                                                       \
         .choices = state_names},                                                                     \
        {.name = "connected_at", .type = JSON_TIME, .offset = offsetof(struct put, connected_at_ms)}, \
    {                                                                                                 \
        .name = "administrator", .type = JSON_BOOLEAN, .offset = offsetof(struct put, administrator), \
        .nullable = true                                                                              \
    }

static const struct json_field one_fields[] = {CONNECTION_FIELDS(true)};
static const struct json_field element_fields[] = {NAME_FIELD(id, CONNECTION_ID_BYTES_MAX, true),
                                                   CONNECTION_FIELDS(true)};
static const struct json_field line_fields[] = {
    EVENT_FIELD, NAME_FIELD(host, CONNECTION_HOST_BYTES_MAX, true),
    NAME_FIELD(id, CONNECTION_ID_BYTES_MAX, true), CONNECTION_FIELDS(false)};

#define SHAPE(fields)                                \
    {                                                \
        (fields), sizeof(fields) / sizeof(fields[0]) \
    }
static const struct json_shape one_shape = SHAPE(one_fields);
static const struct json_shape element_shape = SHAPE(element_fields);
static const struct json_shape line_shape = SHAPE(line_fields);

/* Shortest record a set can hold: bounds what is allocated for a body. */
#define ELEMENT_BYTES_MIN (sizeof("{\"id\":\"1\",\"user\":\"a\",\"kind\":\"desktop\"}") - 1)

void put_init(struct put *put)
{
    memset(put, 0, sizeof(*put));
    put->route = ROUTE_BROKER;
    put->state = CONNECTION_ACTIVE;
    put->administrator = PUT_ADMINISTRATOR_UNTOLD;
}

static bool refuse(struct put_fault *fault, const char *field, const char *what)
{
    (void)snprintf(fault->field, sizeof(fault->field), "%s", field);
    error_detail_set(&fault->detail, "%s: %s", field, what);
    return false;
}

bool put_text_valid(const char *field, const char *text, uint32_t bytes_max, struct put_fault *ret_fault)
{
    if (text[0] == '\0')
        return refuse(ret_fault, field, "empty");
    if (strlen(text) > bytes_max)
        return refuse(ret_fault, field, "too long");
    return connection_text_valid(text, bytes_max) ||
           refuse(ret_fault, field, "control characters or invalid UTF-8");
}

bool put_host_valid(const char *host, struct put_fault *ret_fault)
{
    if (!put_text_valid("host", host, CONNECTION_HOST_BYTES_MAX, ret_fault))
        return false;
    return !strchr(host, '/') || refuse(ret_fault, "host", "a slash in a host's name");
}

int put_read_one(const char *text, size_t bytes, struct put *ret, struct put_fault *ret_fault)
{
    put_init(ret);
    int error = json_read(&one_shape, text, bytes, ret, &ret_fault->detail, ret_fault->field);
    if (!error && !put_text_valid("user", ret->user, CONNECTION_USER_BYTES_MAX, ret_fault))
        error = ERROR_INVALID;
    return error;
}

static int no_memory(struct put_fault *fault)
{
    fault->field[0] = '\0';
    error_detail_set(&fault->detail, "%s", error_text(ERROR_NO_MEMORY));
    return ERROR_NO_MEMORY;
}

static int order_by_id(const void *left, const void *right)
{
    return strcmp((*(const struct put *const *)left)->id, (*(const struct put *const *)right)->id);
}

/* Two records with one id could not both be true. */
static int check_unique(const struct put *puts, size_t count, struct put_fault *ret_fault)
{
    const struct put **sorted = malloc((count + 1) * sizeof(*sorted));
    char field[JSON_PATH_BYTES];
    int error = 0;
    if (!sorted)
        return no_memory(ret_fault);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &puts[i];
    qsort(sorted, count, sizeof(*sorted), order_by_id);
    for (size_t i = 1; i < count && !error; i++) {
        if (strcmp(sorted[i - 1]->id, sorted[i]->id) != 0)
            continue;
        const struct put *later = sorted[i - 1] > sorted[i] ? sorted[i - 1] : sorted[i];
        (void)snprintf(field, sizeof(field), "connections[%zu].id", (size_t)(later - puts));
        (void)refuse(ret_fault, field, "stands twice in the set");
        error = ERROR_INVALID;
    }
    free(sorted);
    return error;
}

static int check_set(const struct put *puts, size_t count, struct put_fault *ret_fault)
{
    char field[JSON_PATH_BYTES];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(field, sizeof(field), "connections[%zu].id", i);
        if (!put_text_valid(field, puts[i].id, CONNECTION_ID_BYTES_MAX, ret_fault))
            return ERROR_INVALID;
        (void)snprintf(field, sizeof(field), "connections[%zu].user", i);
        if (!put_text_valid(field, puts[i].user, CONNECTION_USER_BYTES_MAX, ret_fault))
            return ERROR_INVALID;
    }
    return check_unique(puts, count, ret_fault);
}

int put_read_set(const char *text, size_t bytes, struct put_set **ret, struct put_fault *ret_fault)
{
    size_t room = bytes / ELEMENT_BYTES_MIN + 1;
    room = room < API_SET_MAX ? room : API_SET_MAX;
    struct json_field field = {
        .name = "connections",
        .type = JSON_ARRAY,
        .offset = offsetof(struct put_set, puts),
        .required = true,
        .shape = &element_shape,
        .count_offset = offsetof(struct put_set, count),
        .count_max = room,
        .element_bytes = sizeof(struct put),
    };
    struct json_shape shape = {&field, 1};
    struct put_set *set = malloc(sizeof(*set) + room * sizeof(set->puts[0]));
    if (!set)
        return no_memory(ret_fault);
    set->count = 0;
    for (size_t i = 0; i < room; i++)
        put_init(&set->puts[i]);
    int error = json_read(&shape, text, bytes, set, &ret_fault->detail, ret_fault->field);
    if (!error)
        error = check_set(set->puts, set->count, ret_fault);
    if (error)
        free(set);
    else
        *ret = set;
    return error;
}

int put_read_line(struct json_reader *reader, const char *text, size_t bytes, struct put *ret,
                  struct put_fault *ret_fault)
{
    put_init(ret);
    int error = json_reader_read(reader, &line_shape, text, bytes, ret, &ret_fault->detail, ret_fault->field);
    if (error)
        return error;
    if (!put_host_valid(ret->host, ret_fault) ||
        !put_text_valid("id", ret->id, CONNECTION_ID_BYTES_MAX, ret_fault))
        return ERROR_INVALID;
    if (ret->event == PUT_EVENT_END)
        return 0;
    if (!ret->has_user && !refuse(ret_fault, "user", "missing"))
        return ERROR_INVALID;
    if (!ret->has_kind && !refuse(ret_fault, "kind", "missing"))
        return ERROR_INVALID;
    return put_text_valid("user", ret->user, CONNECTION_USER_BYTES_MAX, ret_fault) ? 0 : ERROR_INVALID;
}

struct connection put_connection(const struct put *put, const char *host)
{
    static const enum administrator administrators[] = {
        [0] = ADMINISTRATOR_NO, [1] = ADMINISTRATOR_YES, [PUT_ADMINISTRATOR_UNTOLD] = ADMINISTRATOR_UNKNOWN};
    return (struct connection){
        .host = host,
        .id = put->id,
        .user = put->user,
        .connected_at_ms = put->connected_at_ms,
        .kind = (enum connection_kind)put->kind,
        .route = (enum connection_route)put->route,
        .state = (enum connection_state)put->state,
        .administrator = administrators[put->administrator],
    };
}
