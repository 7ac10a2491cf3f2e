#include "rules_history.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_MS    INT64_C(1000)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const verbs[RULES_EVENT_TYPE_MAX] = {
    [RULES_EVENT_SETTINGS] = "settings", [RULES_EVENT_BOOTED] = "boot",
    [RULES_EVENT_SET] = "set",           [RULES_EVENT_PUT] = "put",
    [RULES_EVENT_END] = "end",           [RULES_EVENT_ACTIVATED] = "activate",
    [RULES_EVENT_GRANT] = "grant",       [RULES_EVENT_RELEASED] = "release",
    [RULES_EVENT_COPIED] = "copied",     [RULES_EVENT_ACCEPTED] = "accepted",
    [RULES_EVENT_FAILED] = "failed",     [RULES_EVENT_REPORT_NOW] = "report-now",
    [RULES_EVENT_STARTED] = "started",   [RULES_EVENT_TIMER] = "timer",
    [RULES_EVENT_RESTART] = "restart",   [RULES_EVENT_SILENT] = "silent",
    [RULES_EVENT_BACK] = "back",
};

static const char *const kinds[KIND_MAX] = {"desktop", "application"};
static const char *const routes[ROUTE_MAX] = {"broker", "rdp", "rdp-tunnel", "console", "ssh"};
static const char *const states[CONNECTION_STATE_MAX] = {"active", "disconnected"};
static const char *const flags[ADMINISTRATOR_MAX] = {"no", "yes", "unknown"};

const char *rules_reason_word(enum rules_reason reason)
{
    static const char *const words[] = {"open",    "not_activated", "copied", "revoked",
                                        "expired", "stale",         "over"};
    return words[reason];
}

const char *rules_activation_word(enum rules_activation activation)
{
    static const char *const words[] = {"none", "active", "revoked"};
    return words[activation];
}

const char *rules_term_word(enum rules_term term)
{
    static const char *const words[] = {"valid", "expiry_grace", "expired"};
    return words[term];
}

const char *rules_contact_word(enum rules_contact contact)
{
    static const char *const words[] = {"fresh", "stale"};
    return words[contact];
}

const char *rules_usage_word(enum rules_usage_state usage)
{
    static const char *const words[] = {"within", "settling", "overuse_grace", "enforced", "over"};
    return words[usage];
}

const char *rules_told_word(enum rules_what what)
{
    static const char *const words[RULES_TOLD_MAX] = {
        "activation", "term",      "contact",     "usage",        "reason",     "exceeds",
        "users",      "term_ends", "expiry_ends", "contact_ends", "grace_ends", "report"};
    return words[what];
}

/* ---- a history ----------------------------------------------------------------------------------------- */

void history_init(struct history *history)
{
    *history = (struct history){.timers = true};
}

void history_finish(struct history *history)
{
    for (size_t i = 0; i < history->count; i++)
        free((void *)history->lines[i].event.connections);
    free(history->lines);
    history_init(history);
}

void history_add(struct history *history, const struct history_line *line)
{
    if (history->count == history->room) {
        history->room = history->room == 0 ? 256 : 2 * history->room;
        history->lines = realloc(history->lines, history->room * sizeof(*history->lines));
        if (history->lines == NULL)
            abort();
    }
    struct history_line *added = &history->lines[history->count++];
    size_t bytes = line->event.count * sizeof(struct rules_connection);
    *added = *line;
    added->event.connections = NULL;
    if (bytes == 0)
        return;
    struct rules_connection *connections = malloc(bytes);
    if (connections == NULL)
        abort();
    memcpy(connections, line->event.connections, bytes);
    added->event.connections = connections;
}

/* ---- printing ------------------------------------------------------------------------------------------ */

static void print_settings(const struct rules_settings *settings, FILE *file)
{
    fprintf(file, " disconnected=%d routes=%u settle=%" PRId64 " lease=%" PRId64 " strict=%d spare=%d",
            settings->count_disconnected, settings->routes, settings->settle_ms, settings->lease_ms,
            settings->strict, settings->spare_grace);
}

static void print_session(const struct rules_connection *connection, FILE *file)
{
    fprintf(file, " %s:%s:%s:%s:%s:%s:%" PRId64, connection->id, connection->user, kinds[connection->kind],
            routes[connection->route], flags[connection->administrator], states[connection->state],
            connection->connected_ms);
}

static void print_grant(const struct rules_grant *grant, FILE *file)
{
    fprintf(file,
            " serial=%" PRIu64 " limit=%" PRIu32 " purchases=%" PRIu64 " status=%s trial=%d issued=%" PRId64
            " expires=%" PRId64 " refresh=%" PRId64,
            grant->serial, grant->limit, grant->purchases, grant->deactivated ? "deactivated" : "active",
            grant->trial, grant->issued_ms, grant->expires_ms, grant->refresh_ms);
}

static void print_step(const struct rules_event *event, FILE *file)
{
    fprintf(file, "%s", verbs[event->type]);
    if (*event->host != '\0')
        fprintf(file, " %s", event->host);
    if (*event->id != '\0')
        fprintf(file, " %s", event->id);
    for (size_t i = 0; i < event->count; i++)
        print_session(&event->connections[i], file);
    if (event->type == RULES_EVENT_SETTINGS)
        print_settings(&event->settings, file);
    else if (event->type == RULES_EVENT_ACTIVATED || event->type == RULES_EVENT_GRANT)
        print_grant(&event->grant, file);
    else if (event->type == RULES_EVENT_ACCEPTED)
        fprintf(file, " %u refused=%u", event->answered, event->refused);
}

void history_print(const struct history *history, FILE *file)
{
    fprintf(file, "begin at=%" PRId64 " timers=%d", history->begin_ms, history->timers);
    print_settings(&history->settings, file);
    fputc('\n', file);
    for (size_t i = 0; i < history->count; i++) {
        const struct history_line *line = &history->lines[i];
        int64_t second = line->at_ms / SECOND_MS;
        fprintf(file, "@%" PRId64 " ", line->at_ms);
        if (line->verb == HISTORY_STEP)
            print_step(&line->event, file);
        else if (line->verb == HISTORY_WALL)
            fprintf(file, "wall %" PRId64, line->wall_ms);
        else
            fprintf(file, "stop");
        fprintf(file, " # day %" PRId64 " %02" PRId64 ":%02" PRId64 ":%02" PRId64 "\n", second / 86400,
                second / 3600 % 24, second / 60 % 60, second % 60);
    }
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* The words of a line, one after the other. */
struct words {
    char *rest;
};

static const char *next_word(struct words *words)
{
    char *word = strtok_r(NULL, " \t\r\n", &words->rest);
    return word == NULL || *word == '#' ? NULL : word;
}

static bool read_number(const char *text, int64_t *ret_number)
{
    char *end;
    *ret_number = strtoll(text, &end, 10);
    return end != text && *end == '\0';
}

/* KEY=NUMBER, the key being the one expected here. */
static bool read_field(struct words *words, const char *key, int64_t *ret_number)
{
    const char *word = next_word(words);
    size_t length = strlen(key);
    return word != NULL && strncmp(word, key, length) == 0 && word[length] == '=' &&
           read_number(word + length + 1, ret_number);
}

static bool read_flag(struct words *words, const char *key, bool *ret_flag)
{
    int64_t number;
    if (!read_field(words, key, &number))
        return false;
    *ret_flag = number != 0;
    return true;
}

static bool read_name(const char *word, char name[RULES_NAME_BYTES_MAX + 1])
{
    if (word == NULL || *word == '\0' || strlen(word) > RULES_NAME_BYTES_MAX)
        return false;
    (void)snprintf(name, RULES_NAME_BYTES_MAX + 1, "%s", word);
    return true;
}

static bool read_settings(struct words *words, struct rules_settings *settings)
{
    int64_t routes_bits = 0;
    bool good =
        read_flag(words, "disconnected", &settings->count_disconnected) &&
        read_field(words, "routes", &routes_bits) && read_field(words, "settle", &settings->settle_ms) &&
        read_field(words, "lease", &settings->lease_ms) && read_flag(words, "strict", &settings->strict) &&
        read_flag(words, "spare", &settings->spare_grace);
    settings->routes = (unsigned)routes_bits;
    return good;
}

static bool read_grant(struct words *words, struct rules_grant *grant)
{
    int64_t serial, limit, purchases;
    if (!read_field(words, "serial", &serial) || !read_field(words, "limit", &limit) ||
        !read_field(words, "purchases", &purchases))
        return false;
    const char *status = next_word(words);
    if (status == NULL || (strcmp(status, "status=active") != 0 && strcmp(status, "status=deactivated") != 0))
        return false;
    *grant = (struct rules_grant){.serial = (uint64_t)serial,
                                  .limit = (uint32_t)limit,
                                  .purchases = (uint64_t)purchases,
                                  .deactivated = strcmp(status, "status=deactivated") == 0};
    return read_flag(words, "trial", &grant->trial) && read_field(words, "issued", &grant->issued_ms) &&
           read_field(words, "expires", &grant->expires_ms) &&
           read_field(words, "refresh", &grant->refresh_ms);
}

static bool read_choice(const char *word, const char *const *choices, size_t count, int *ret_choice)
{
    for (size_t i = 0; word != NULL && i < count; i++)
        if (strcmp(word, choices[i]) == 0) {
            *ret_choice = (int)i;
            return true;
        }
    return false;
}

static bool read_session(char *word, const char *host, struct rules_connection *ret)
{
    char *rest = NULL, *id = strtok_r(word, ":", &rest), *user = strtok_r(NULL, ":", &rest);
    int kind, route, flag, state;
    if (!read_name(id, ret->id) || !read_name(user, ret->user) || !read_name(host, ret->host) ||
        !read_choice(strtok_r(NULL, ":", &rest), kinds, COUNT(kinds), &kind) ||
        !read_choice(strtok_r(NULL, ":", &rest), routes, COUNT(routes), &route) ||
        !read_choice(strtok_r(NULL, ":", &rest), flags, COUNT(flags), &flag) ||
        !read_choice(strtok_r(NULL, ":", &rest), states, COUNT(states), &state))
        return false;
    ret->kind = (enum connection_kind)kind;
    ret->route = (enum connection_route)route;
    ret->administrator = (enum administrator)flag;
    ret->state = (enum connection_state)state;
    const char *connected = strtok_r(NULL, ":", &rest);
    return connected != NULL && read_number(connected, &ret->connected_ms);
}

static bool read_sessions(struct words *words, struct rules_event *event, struct rules_connection *sessions)
{
    char *word;
    while ((word = (char *)next_word(words)) != NULL) {
        sessions[event->count] = (struct rules_connection){.kind = KIND_DESKTOP};
        if (event->count == HISTORY_SET_MAX - 1 || !read_session(word, event->host, &sessions[event->count]))
            return false;
        event->count++;
    }
    event->connections = sessions;
    return event->type != RULES_EVENT_PUT || event->count == 1;
}

static bool read_answer(struct words *words, struct rules_event *event)
{
    int64_t answered, refused;
    const char *word = next_word(words);
    if (word == NULL || !read_number(word, &answered) || !read_field(words, "refused", &refused))
        return false;
    event->answered = (unsigned)answered;
    event->refused = (unsigned)refused;
    return true;
}

static bool read_step(struct words *words, const char *verb, struct rules_event *event,
                      struct rules_connection *sessions)
{
    int type;
    if (!read_choice(verb, verbs, COUNT(verbs), &type))
        return false;
    event->type = (enum rules_event_type)type;
    switch (event->type) {
    case RULES_EVENT_SETTINGS:
        return read_settings(words, &event->settings);
    case RULES_EVENT_BOOTED:
    case RULES_EVENT_END:
        return read_name(next_word(words), event->host) && read_name(next_word(words), event->id);
    case RULES_EVENT_SILENT:
    case RULES_EVENT_BACK:
        return read_name(next_word(words), event->host);
    case RULES_EVENT_SET:
    case RULES_EVENT_PUT:
        return read_name(next_word(words), event->host) && read_sessions(words, event, sessions);
    case RULES_EVENT_ACTIVATED:
        return read_name(next_word(words), event->id) && read_grant(words, &event->grant);
    case RULES_EVENT_GRANT:
        return read_grant(words, &event->grant);
    case RULES_EVENT_ACCEPTED:
        return read_answer(words, event);
    default:
        return true;
    }
}

static bool read_line(struct history *history, char *text)
{
    static struct rules_connection sessions[HISTORY_SET_MAX];
    struct history_line line = {.verb = HISTORY_STEP};
    struct words words;
    bool printed = strncmp(text, "# begin ", 8) == 0 || strncmp(text, "# @", 3) == 0;
    char *first = strtok_r(printed ? text + 2 : text, " \t\r\n", &words.rest);
    if (first == NULL || *first == '#')
        return true;
    if (strcmp(first, "begin") == 0)
        return history->count == 0 && read_field(&words, "at", &history->begin_ms) &&
               read_flag(&words, "timers", &history->timers) && read_settings(&words, &history->settings);
    const char *verb = next_word(&words);
    if (*first != '@' || !read_number(first + 1, &line.at_ms) || verb == NULL)
        return false;
    if (strcmp(verb, "wall") == 0) {
        const char *jump = next_word(&words);
        line.verb = HISTORY_WALL;
        if (jump == NULL || !read_number(jump, &line.wall_ms))
            return false;
    } else if (strcmp(verb, "stop") == 0) {
        line.verb = HISTORY_STOP;
    } else if (!read_step(&words, verb, &line.event, sessions)) {
        return false;
    }
    history_add(history, &line);
    return true;
}

bool history_read(struct history *history, FILE *file, size_t *ret_line)
{
    static char text[HISTORY_LINE_BYTES_MAX];
    size_t number = 0;
    while (fgets(text, sizeof(text), file) != NULL) {
        number++;
        if (!read_line(history, text)) {
            *ret_line = number;
            return false;
        }
    }
    return true;
}

/* ---- running ------------------------------------------------------------------------------------------- */

void history_run_init(struct history_run *run, const struct history *history)
{
    *run = (struct history_run){
        .model = rules_create(&history->settings), .offset_ms = history->begin_ms, .timers = history->timers};
}

void history_run_finish(struct history_run *run)
{
    rules_destroy(run->model);
    run->model = NULL;
}

static bool run_step(struct history_run *run, const struct rules_event *event, int64_t now_ms,
                     history_watcher *watcher, void *data)
{
    rules_forget(run->model);
    bool taken = rules_step(run->model, event, now_ms);
    if (event->type != RULES_EVENT_RESTART)
        run->offset_ms += run->model->licence_ms - now_ms;
    return watcher == NULL || watcher(data, run, event, now_ms, taken);
}

int64_t history_run_due_ms(const struct history_run *run)
{
    int64_t due_ms = rules_due_ms(run->model);
    int64_t other_ms = run->due_ms != NULL ? run->due_ms(run->due_data) : RULES_NEVER;
    return other_ms < due_ms ? other_ms : due_ms;
}

static const struct rules_event timer = {.type = RULES_EVENT_TIMER};

/* The agent's timer comes at every instant at which something falls due. */
static bool run_timers(struct history_run *run, int64_t to_ms, history_watcher *watcher, void *data)
{
    while (run->timers && !run->stopped && !run->jumped && run->model->begun) {
        int64_t due_ms = history_run_due_ms(run);
        if (due_ms >= to_ms + run->offset_ms)
            break;
        if (!run_step(run, &timer, due_ms, watcher, data))
            return false;
    }
    return true;
}

/* Nothing else moves L back (§3.1). */
static bool wall_may_jump(const struct history_run *run, int64_t by_ms)
{
    return run->model->grant.serial == 0 || (run->stopped && by_ms > 0);
}

bool history_run_line(struct history_run *run, const struct history_line *line, history_watcher *watcher,
                      void *data)
{
    if (!run_timers(run, line->at_ms, watcher, data))
        return false;
    run->at_ms = line->at_ms;
    if (line->verb == HISTORY_STOP) {
        run->stopped = true;
        return true;
    }
    if (line->verb == HISTORY_WALL) {
        if (wall_may_jump(run, line->wall_ms)) {
            run->offset_ms += line->wall_ms;
            run->jumped = true;
        }
        return true;
    }
    bool restart = line->event.type == RULES_EVENT_RESTART;
    if (run->stopped && !restart)
        return true;
    run->stopped = false;
    run->jumped = restart;
    bool reload = line->event.type == RULES_EVENT_SETTINGS;
    return run_step(run, &line->event, line->at_ms + run->offset_ms, watcher, data) &&
           (!reload || run_step(run, &timer, line->at_ms + run->offset_ms, watcher, data));
}
