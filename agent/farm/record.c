#include "record.h"

#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keys ---------------------------------------------------------------------------------------------- */

static const char *const kind_names[RECORD_OTHER] = {
    [RECORD_HOST] = "host",
    [RECORD_SEQ] = "seq",
    [RECORD_SESSION] = "s",
    [RECORD_BROKER] = "b",
    [RECORD_BOOT] = "boot",
    [RECORD_LEADER] = "leader",
    [RECORD_CHECKPOINT] = "checkpoint",
    [RECORD_WINDOW] = "w",
    [RECORD_VERDICT] = "verdict",
    [RECORD_SETTINGS] = "settings",
};

/* Of which there is one, with nothing behind its name. */
static bool is_single(enum record_kind kind)
{
    return kind == RECORD_LEADER || kind == RECORD_CHECKPOINT || kind == RECORD_VERDICT ||
           kind == RECORD_SETTINGS;
}

int record_farm_init(struct record_farm *farm, const char *name, const uint8_t secret[SEAL_SECRET_BYTES])
{
    size_t bytes = strlen(name);
    if (bytes == 0 || bytes > RECORD_FARM_BYTES_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != bytes)
        return ERROR_INVALID;
    (void)snprintf(farm->prefix, sizeof farm->prefix, "/farmgate/%s/", name);
    seal_init(&farm->seal, secret);
    return 0;
}

struct record_key record_prefix(const struct record_farm *farm, enum record_kind kind, const char *host)
{
    struct record_key key;
    char name[SEAL_NAME_BYTES] = "";
    if (host != NULL)
        seal_name(&farm->seal, "host", host, name);
    (void)snprintf(key.text, sizeof key.text, "%s%s/%s%s", farm->prefix, kind_names[kind], name,
                   host == NULL ? "" : "/");
    return key;
}

struct record_key record_key(const struct record_farm *farm, enum record_kind kind, const char *host,
                             const char *session)
{
    struct record_key key;
    char host_name[SEAL_NAME_BYTES], session_name[SEAL_NAME_BYTES];
    if (host == NULL) {
        (void)snprintf(key.text, sizeof key.text, "%s%s", farm->prefix, kind_names[kind]);
        return key;
    }
    seal_name(&farm->seal, "host", host, host_name);
    if (session != NULL)
        seal_name(&farm->seal, "session", session, session_name);
    (void)snprintf(key.text, sizeof key.text, "%s%s/%s%s%s", farm->prefix, kind_names[kind], host_name,
                   session == NULL ? "" : "/", session == NULL ? "" : session_name);
    return key;
}

struct record_key record_window_key(const struct record_farm *farm, int64_t start_ms)
{
    struct record_key key;
    (void)snprintf(key.text, sizeof key.text, "%s%s/%020" PRId64, farm->prefix, kind_names[RECORD_WINDOW],
                   start_ms);
    return key;
}

enum record_kind record_kind_of(const struct record_farm *farm, const char *key)
{
    size_t prefix_bytes = strlen(farm->prefix);
    if (strncmp(key, farm->prefix, prefix_bytes) != 0)
        return RECORD_OTHER;
    key += prefix_bytes;
    size_t bytes = strcspn(key, "/");
    for (int i = 0; i < RECORD_OTHER; i++)
        if (strlen(kind_names[i]) == bytes && strncmp(kind_names[i], key, bytes) == 0 &&
            (key[bytes] == '/') != is_single((enum record_kind)i))
            return (enum record_kind)i;
    return RECORD_OTHER;
}

/* ---- changes ------------------------------------------------------------------------------------------- */

static const char *const change_names[] = {"booted", "session", "session_end", "broker", "broker_end", NULL};
static const char *const desktop_names[] = {"desktop", "application", NULL};
static const char *const route_names[] = {"broker", "rdp", "rdp-tunnel", "console", "ssh", NULL};
static const char *const state_names[] = {"active", "disconnected", NULL};
static const char *const administrator_names[] = {"no", "yes", "unknown", NULL};

_Static_assert(sizeof change_names / sizeof *change_names == CHANGE_TYPE_MAX + 1, "a name for each type");
_Static_assert(sizeof route_names / sizeof *route_names == ROUTE_MAX + 1, "a name for each route");

/* As it is read: choices are ints. */
struct change_line {
    struct change change;
    int64_t number;
    int type, kind, route, state, administrator;
};

#define TEXT_AT(struct_name, json, member, bytes_min, bytes_max)                           \
    {                                                                                      \
        .name = (json), .type = JSON_TEXT, .offset = offsetof(struct struct_name, member), \
        .min = (bytes_min), .max = (bytes_max)                                             \
    }
#define CHOICE(json, member, names)                                                          \
    {                                                                                        \
        .name = (json), .type = JSON_CHOICE, .offset = offsetof(struct change_line, member), \
        .choices = (names)                                                                   \
    }
static const struct json_field change_fields[] = {
    {.name = "number",
     .type = JSON_INTEGER,
     .offset = offsetof(struct change_line, number),
     .min = 1,
     .max = INT64_MAX,
     .required = true},
    {.name = "at",
     .type = JSON_INTEGER,
     .offset = offsetof(struct change_line, change.at_ms),
     .max = ROSTER_TIME_MS_MAX,
     .required = true},
    {.name = "type",
     .type = JSON_CHOICE,
     .offset = offsetof(struct change_line, type),
     .choices = change_names,
     .required = true},
    {.name = "more", .type = JSON_BOOLEAN, .offset = offsetof(struct change_line, change.more)},
    {.name = "host",
     .type = JSON_TEXT,
     .offset = offsetof(struct change_line, change.host),
     .min = 1,
     .max = CONNECTION_HOST_BYTES_MAX,
     .required = true},
    TEXT_AT(change_line, "id", change.id, 1, CONNECTION_ID_BYTES_MAX),
    TEXT_AT(change_line, "user", change.user, 1, CONNECTION_USER_BYTES_MAX),
    TEXT_AT(change_line, "boot_id", change.boot_id, 1, CORE_BOOT_ID_BYTES_MAX),
    {.name = "connected_at",
     .type = JSON_INTEGER,
     .offset = offsetof(struct change_line, change.connected_at_ms),
     .max = ROSTER_TIME_MS_MAX},
    CHOICE("kind", kind, desktop_names),
    CHOICE("route", route, route_names),
    CHOICE("state", state, state_names),
    CHOICE("administrator", administrator, administrator_names),
    TEXT_AT(change_line, "told_by", change.told_by, 0, CONNECTION_HOST_BYTES_MAX),
};
static const struct json_shape change_shape = {change_fields, sizeof change_fields / sizeof *change_fields};

static bool has_connection(enum change_type type)
{
    return type == CHANGE_SESSION || type == CHANGE_BROKER;
}

static void write_change(struct json_writer *writer, const char *name, const struct change *change)
{
    json_open_object(writer, name);
    json_integer(writer, "number", (int64_t)change->number);
    json_integer(writer, "at", change->at_ms);
    json_text(writer, "type", change_names[change->type]);
    if (change->more)
        json_boolean(writer, "more", true);
    json_text(writer, "host", change->host);
    if (change->type == CHANGE_BOOTED)
        json_text(writer, "boot_id", change->boot_id);
    else
        json_text(writer, "id", change->id);
    if (has_connection(change->type)) {
        json_text(writer, "user", change->user);
        json_integer(writer, "connected_at", change->connected_at_ms);
        json_text(writer, "kind", connection_kind_name(change->kind));
        json_text(writer, "route", connection_route_name(change->route));
        json_text(writer, "state", connection_state_name(change->state));
        json_text(writer, "administrator", administrator_names[change->administrator]);
    }
    if (change->told_by[0] != '\0')
        json_text(writer, "told_by", change->told_by);
    json_close_object(writer);
}

/* What the shape cannot say: which fields a type needs, and that names are such. */
static int judge_change(const struct change_line *line, struct change *ret, struct error_detail *ret_detail)
{
    struct change change = line->change;
    const char *wrong = NULL;
    change.number = (uint64_t)line->number;
    change.type = (enum change_type)line->type;
    change.kind = (enum connection_kind)line->kind;
    change.route = (enum connection_route)line->route;
    change.state = (enum connection_state)line->state;
    change.administrator = (enum administrator)line->administrator;
    if (!connection_text_valid(change.host, CONNECTION_HOST_BYTES_MAX))
        wrong = "host: contains a control character";
    else if (change.type == CHANGE_BOOTED && !connection_text_valid(change.boot_id, CORE_BOOT_ID_BYTES_MAX))
        wrong = "boot_id: missing, or contains a control character";
    else if (change.type != CHANGE_BOOTED && !connection_text_valid(change.id, CONNECTION_ID_BYTES_MAX))
        wrong = "id: missing, or contains a control character";
    else if (has_connection(change.type) && !connection_text_valid(change.user, CONNECTION_USER_BYTES_MAX))
        wrong = "user: missing, or contains a control character";
    if (wrong != NULL) {
        error_detail_set(ret_detail, "%s", wrong);
        return ERROR_INVALID;
    }
    *ret = change;
    return 0;
}

int change_read(const char *text, size_t bytes, struct change *ret, struct error_detail *ret_detail)
{
    struct change_line line = {.administrator = ADMINISTRATOR_UNKNOWN};
    int code = json_read(&change_shape, text, bytes, &line, ret_detail, NULL);
    return code < 0 ? code : judge_change(&line, ret, ret_detail);
}

char *change_text(const struct change *change)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    write_change(writer, NULL, change);
    return json_writer_take(writer);
}

struct connection change_connection(const struct change *change)
{
    return (struct connection){.host = change->host,
                               .id = change->id,
                               .user = change->user,
                               .connected_at_ms = change->connected_at_ms,
                               .kind = change->kind,
                               .route = change->route,
                               .state = change->state,
                               .administrator = change->administrator};
}

static bool keep(char *ret, size_t room, const char *text)
{
    size_t bytes = strlen(text);
    if (bytes >= room)
        return false;
    memcpy(ret, text, bytes + 1);
    return true;
}

bool change_set_connection(struct change *change, const struct connection *connection)
{
    if (!keep(change->host, sizeof change->host, connection->host) ||
        !keep(change->id, sizeof change->id, connection->id) ||
        !keep(change->user, sizeof change->user, connection->user))
        return false;
    change->connected_at_ms = connection->connected_at_ms;
    change->kind = connection->kind;
    change->route = connection->route;
    change->state = connection->state;
    change->administrator = connection->administrator;
    return true;
}

/* ---- sealing ------------------------------------------------------------------------------------------- */

struct record_value record_seal(const struct record_farm *farm, const char *key, const char *text,
                                size_t bytes)
{
    struct record_value value = {malloc(bytes + SEAL_ADDED_BYTES), 0};
    if (value.bytes != NULL) {
        seal_close(&farm->seal, key, text, bytes, value.bytes);
        value.count = bytes + SEAL_ADDED_BYTES;
    }
    return value;
}

int record_open(const struct record_farm *farm, const struct wire_kv *kv, char **ret_text, size_t *ret_bytes,
                struct error_detail *ret_detail)
{
    size_t count;
    char *text = malloc(kv->value_bytes + 1);
    if (text == NULL)
        return ERROR_NO_MEMORY;
    int code = seal_open(&farm->seal, kv->key, kv->value, kv->value_bytes, (uint8_t *)text, &count);
    if (code < 0) {
        error_detail_set(ret_detail, "not written with this farm's secret, or for another key");
        free(text);
        return code;
    }
    text[count] = '\0';
    *ret_text = text;
    *ret_bytes = count;
    return 0;
}

static struct record_value seal_text(const struct record_farm *farm, const char *key,
                                     struct json_writer *writer)
{
    struct record_value value = {NULL, 0};
    const char *text;
    size_t bytes;
    if (writer != NULL && json_writer_finish(writer, &text, &bytes) == 0)
        value = record_seal(farm, key, text, bytes);
    json_writer_destroy(writer);
    return value;
}

static int read_sealed(const struct record_farm *farm, const struct wire_kv *kv,
                       const struct json_shape *shape, void *ret, struct error_detail *ret_detail)
{
    char *text;
    size_t bytes;
    int code = record_open(farm, kv, &text, &bytes, ret_detail);
    if (code < 0)
        return code;
    code = json_read(shape, text, bytes, ret, ret_detail, NULL);
    free(text);
    return code;
}

struct record_value record_change_value(const struct record_farm *farm, const char *key,
                                        const struct change *change)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer != NULL)
        write_change(writer, NULL, change);
    return seal_text(farm, key, writer);
}

int record_change_read(const struct record_farm *farm, const struct wire_kv *kv, struct change *ret,
                       struct error_detail *ret_detail)
{
    struct change_line line = {.administrator = ADMINISTRATOR_UNKNOWN};
    int code = read_sealed(farm, kv, &change_shape, &line, ret_detail);
    return code < 0 ? code : judge_change(&line, ret, ret_detail);
}

/* ---- hosts --------------------------------------------------------------------------------------------- */

static const struct json_field host_fields[] = {
    {.name = "host",
     .type = JSON_TEXT,
     .offset = offsetof(struct record_host, host),
     .min = 1,
     .max = CONNECTION_HOST_BYTES_MAX,
     .required = true},
    TEXT_AT(record_host, "machine_id", machine_id, 0, GRANT_ID_BYTES_MAX),
    {.name = "instance",
     .type = JSON_TEXT,
     .offset = offsetof(struct record_host, instance),
     .min = 1,
     .max = RECORD_INSTANCE_BYTES_MAX,
     .required = true},
    TEXT_AT(record_host, "version", version, 0, RECORD_VERSION_BYTES_MAX),
};
static const struct json_shape host_shape = {host_fields, sizeof host_fields / sizeof *host_fields};

struct record_value record_host_value(const struct record_farm *farm, const char *key,
                                      const struct record_host *host)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer != NULL) {
        json_open_object(writer, NULL);
        json_text(writer, "host", host->host);
        json_text(writer, "machine_id", host->machine_id);
        json_text(writer, "instance", host->instance);
        json_text(writer, "version", host->version);
        json_close_object(writer);
    }
    return seal_text(farm, key, writer);
}

int record_host_read(const struct record_farm *farm, const struct wire_kv *kv, struct record_host *ret,
                     struct error_detail *ret_detail)
{
    struct record_host host = {.host = ""};
    int code = read_sealed(farm, kv, &host_shape, &host, ret_detail);
    if (code == 0 && !connection_text_valid(host.host, CONNECTION_HOST_BYTES_MAX)) {
        error_detail_set(ret_detail, "host: contains a control character");
        code = ERROR_INVALID;
    }
    if (code == 0)
        *ret = host;
    return code;
}

/* ---- a host's changes ---------------------------------------------------------------------------------- */

struct seq_line {
    char instance[RECORD_INSTANCE_BYTES_MAX + 1];
    int64_t through;
    size_t count;
    struct change_line changes[RECORD_CHANGES_MAX];
};

static const struct json_field seq_fields[] = {
    {.name = "instance",
     .type = JSON_TEXT,
     .offset = offsetof(struct seq_line, instance),
     .min = 1,
     .max = RECORD_INSTANCE_BYTES_MAX,
     .required = true},
    {.name = "through",
     .type = JSON_INTEGER,
     .offset = offsetof(struct seq_line, through),
     .max = INT64_MAX,
     .required = true},
    {.name = "changes",
     .type = JSON_ARRAY,
     .offset = offsetof(struct seq_line, changes),
     .shape = &change_shape,
     .count_offset = offsetof(struct seq_line, count),
     .count_max = RECORD_CHANGES_MAX,
     .element_bytes = sizeof(struct change_line),
     .required = true},
};
static const struct json_shape seq_shape = {seq_fields, sizeof seq_fields / sizeof *seq_fields};

struct record_value record_seq_value(const struct record_farm *farm, const char *key,
                                     const struct record_seq *seq)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer != NULL) {
        json_open_object(writer, NULL);
        json_text(writer, "instance", seq->instance);
        json_integer(writer, "through", (int64_t)seq->through);
        json_open_array(writer, "changes");
        for (size_t i = 0; i < seq->count; i++)
            write_change(writer, NULL, &seq->changes[i]);
        json_close_array(writer);
        json_close_object(writer);
    }
    return seal_text(farm, key, writer);
}

/* Numbers rise by one, and end at `through`. */
static int judge_seq(const struct seq_line *line, struct record_seq *ret, struct error_detail *ret_detail)
{
    memcpy(ret->instance, line->instance, sizeof ret->instance);
    ret->through = (uint64_t)line->through;
    ret->count = line->count;
    for (size_t i = 0; i < line->count; i++) {
        int code = judge_change(&line->changes[i], &ret->changes[i], ret_detail);
        if (code < 0)
            return code;
        if (ret->changes[i].number + (line->count - 1 - i) != ret->through) {
            error_detail_set(ret_detail, "changes[%zu].number: not in order", i);
            return ERROR_INVALID;
        }
    }
    return 0;
}

/* There is room for a hundred changes, and mostly one is there: the rest is neither cleared nor copied. */
static void take_seq(const struct record_seq *seq, struct record_seq *ret)
{
    memcpy(ret, seq, offsetof(struct record_seq, changes) + seq->count * sizeof seq->changes[0]);
}

int record_seq_read(const struct record_farm *farm, const struct wire_kv *kv, struct record_seq *ret,
                    struct error_detail *ret_detail)
{
    struct seq_line *line = calloc(1, sizeof *line);
    struct record_seq *seq = malloc(sizeof *seq);
    int code = ERROR_NO_MEMORY;
    if (line != NULL && seq != NULL) {
        for (size_t i = 0; i < RECORD_CHANGES_MAX; i++)
            line->changes[i].administrator = ADMINISTRATOR_UNKNOWN;
        code = read_sealed(farm, kv, &seq_shape, line, ret_detail);
    }
    if (code == 0)
        code = judge_seq(line, seq, ret_detail);
    if (code == 0)
        take_seq(seq, ret);
    free(line);
    free(seq);
    return code;
}
