#include "api_house.h"

#include "agent/metrics.h"
#include "agent/resources.h"
#include "agent/sessions/sessions.h"
#include "agent/store.h"
#include "common/http_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <poll.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_MS    5000
#define HOUSE_ROWS_MAX 256 /* of the store's answers */

/* --- doubles of the rooms behind the API ---------------------------------------------------- */

static struct held *hold(struct held **list, size_t bytes, void (*call)(struct held *), void *data)
{
    struct held *held = calloc(1, bytes);
    assert(held);
    held->call = call;
    held->data = data;
    while (*list)
        list = &(*list)->next;
    *list = held;
    return held;
}

void house_release(struct house *house, struct held **list, unsigned count)
{
    (void)house;
    while (*list && count-- > 0) {
        struct held *held = *list;
        *list = held->next;
        held->call(held);
        free(held);
    }
}

static void note(struct house *house, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
static void note(struct house *house, const char *format, ...)
{
    size_t length = strlen(house->log);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(house->log + length, sizeof(house->log) - length, format, arguments);
    va_end(arguments);
}

/* The API sees the core as a pointer only, so the house is one. */
void core_status(const struct core *core, struct core_status *ret_status)
{
    const struct house *house = (const void *)core;
    *ret_status =
        (struct core_status){.verdict = house->verdict,
                             .standing = house->standing,
                             .farm_id = house->standing.activation == ACTIVATION_NONE ? NULL : "farm-1",
                             .level = *tally_level(house->tally),
                             .window = {.start_ms = HOUSE_NOW_MS - 600000,
                                        .end_ms = HOUSE_NOW_MS + 600000,
                                        .peak_at_ms = HOUSE_NOW_MS - 1000,
                                        .peak_users = 7},
                             .today = {.at_ms = HOUSE_NOW_MS - 5000, .users = 8},
                             .ever = {.at_ms = HOUSE_NOW_MS - DAY_MS, .users = 9},
                             .next_report_ms = INT64_MAX,
                             .next_validation_ms = INT64_MAX,
                             .deactivates_ms = INT64_MAX,
                             .strict = house->strict,
                             .started = true};
}

const struct tally *core_tally(const struct core *core)
{
    return ((const struct house *)(const void *)core)->tally;
}

int64_t core_disconnected_since_ms(const struct core *core, uint32_t number)
{
    bool disconnected = tally_at(core_tally(core), number).connection.state == CONNECTION_DISCONNECTED;
    return disconnected ? HOUSE_NOW_MS - 30000 : 0;
}

int64_t core_lease_ends_ms(const struct core *core, uint32_t number)
{
    bool is_of_broker = tally_at(core_tally(core), number).connection.route == ROUTE_BROKER;
    return is_of_broker ? HOUSE_NOW_MS + 3600000 : INT64_MAX;
}

static struct account account_of(const char *user)
{
    static const char *const groups[] = {"staff", "sales"};
    return (struct account){.known = strncmp(user, "nobody-knows", 12) != 0,
                            .exists = true,
                            .groups = groups,
                            .group_count = strncmp(user, "sales", 5) == 0 ? 2 : 1,
                            .superuser = strncmp(user, "admin", 5) == 0 || strstr(user, "-admin")};
}

static void answer_account(struct held *held)
{
    struct account account = account_of(held->account.user);
    held->account.done(held->data, &account);
}

void accounts_ask(struct accounts *accounts, const char *user, unsigned timeout_ms, accounts_fn *done,
                  void *data)
{
    struct house *house = (void *)accounts;
    struct account account = account_of(user);
    assert(timeout_ms == 100);
    house->account_count++;
    if (!house->hold_accounts || strncmp(user, "slow", 4) != 0) {
        done(data, &account);
        return;
    }
    struct held *held = hold(&house->accounts, sizeof(*held), answer_account, data);
    held->account.done = done;
    (void)snprintf(held->account.user, sizeof(held->account.user), "%s", user);
}

void sessions_each_ignored(const struct sessions *sessions, sessions_visit_fn *visit, void *data)
{
    const struct session_facts greeter = {.host = "h1",
                                          .id = "c0",
                                          .user = "lightdm",
                                          .service = "lightdm-greeter",
                                          .session_class = "greeter"};
    const struct session_facts leaving = {.host = "h1", .id = "c9", .user = "alice", .closing = true};
    const struct classify_result by_rule = {.outcome = CLASSIFY_IGNORED, .rule = 3};
    const struct classify_result closing = {.outcome = CLASSIFY_CLOSING};
    (void)sessions;
    if (visit(data, &greeter, &by_rule))
        (void)visit(data, &leaving, &closing);
}

const struct classify_settings *sessions_rules(const struct sessions *sessions)
{
    static struct classify_settings rules;
    rules.rules = classify_default_rules(&rules.rule_count);
    (void)sessions;
    return &rules;
}

void resources_visible(const struct resources *resources, const char *const *groups, size_t group_count,
                       resources_visit_fn *visit, void *data)
{
    static struct resource word = {.id = "word",
                                   .name = "Word",
                                   .kind = KIND_APPLICATION,
                                   .command = "w.exe",
                                   .hosts = {"h1", "h2"},
                                   .host_count = 2};
    static struct resource office = {.id = "office", .name = "Office", .kind = KIND_DESKTOP};
    static struct resource crm = {.id = "crm", .name = "CRM", .kind = KIND_APPLICATION};
    (void)resources;
    visit(data, &word);
    visit(data, &office);
    for (size_t i = 0; i < group_count; i++)
        if (strcmp(groups[i], "sales") == 0)
            visit(data, &crm);
}

int64_t resources_changed_ms(const struct resources *resources)
{
    (void)resources;
    return 1767225600000; /* 2026-01-01 */
}

bool resources_ask_for_groups(const struct resources *resources)
{
    return !((const struct house *)(const void *)resources)->no_groups;
}

char *metrics_text(const struct metrics_input *input)
{
    char *text = NULL;
    if (asprintf(&text, "farmgate_concurrent_users %u\n", input->status->level.concurrent_users) < 0)
        return NULL;
    return text;
}

uint64_t store_next_event_id(const struct store *store)
{
    return ((const struct house *)(const void *)store)->next_event_id;
}

/* What a query was asked of the store with, and whose store it is. */
struct query_held {
    struct held held;
    struct house *house;
};

static void answer_events(struct held *held)
{
    struct house *house = ((struct query_held *)held)->house;
    store_events_fn *done = (store_events_fn *)held->query.done;
    struct store_event rows[HOUSE_ROWS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < house->event_count && count < held->query.limit; i++) {
        const struct house_event *event = &house->events[i];
        if (event->id > held->query.after)
            rows[count++] = (struct store_event){.id = event->id, .name = event->name, .json = event->json};
    }
    done(held->data, house->query_error, rows, house->query_error ? 0 : count);
}

static struct held *hold_query(struct house *house, void (*call)(struct held *), void *data)
{
    struct query_held *query = (void *)hold(&house->queries, sizeof(*query), call, data);
    query->house = house;
    return &query->held;
}

int store_query_events(struct store *store, uint64_t after_id, size_t limit, store_events_fn *done,
                       void *data)
{
    struct held *held = hold_query((void *)store, answer_events, data);
    held->query.done = (void (*)(void))done;
    held->query.after = after_id;
    held->query.limit = limit;
    assert(limit <= HOUSE_ROWS_MAX);
    return 0;
}

static void answer_windows(struct held *held)
{
    struct house *house = ((struct query_held *)held)->house;
    const struct window window = {.sequence = 4,
                                  .start_ms = HOUSE_NOW_MS - 1800000,
                                  .end_ms = HOUSE_NOW_MS - 600000,
                                  .peak_at_ms = HOUSE_NOW_MS - 1700000,
                                  .peak_users = 5};
    const struct store_windows windows = {.windows = &window, .states = "a", .count = 1};
    store_windows_fn *done = (store_windows_fn *)held->query.done;
    done(held->data, house->query_error, house->query_error ? NULL : &windows);
}

int store_query_windows(struct store *store, int64_t since_ms, int64_t until_ms, size_t limit,
                        store_windows_fn *done, void *data)
{
    struct house *house = (void *)store;
    house->asked_since_ms = since_ms;
    house->asked_until_ms = until_ms;
    struct held *held = hold_query(house, answer_windows, data);
    held->query.limit = limit;
    held->query.done = (void (*)(void))done;
    return 0;
}

static void answer_days(struct held *held)
{
    struct house *house = ((struct query_held *)held)->house;
    const struct store_day day = {.start_ms = HOUSE_NOW_MS / DAY_MS * DAY_MS - DAY_MS,
                                  .mark = {.at_ms = HOUSE_NOW_MS - DAY_MS, .users = 6}};
    store_days_fn *done = (store_days_fn *)held->query.done;
    done(held->data, house->query_error, &day, house->query_error ? 0 : 1);
}

int store_query_days(struct store *store, int64_t since_ms, int64_t until_ms, store_days_fn *done, void *data)
{
    struct house *house = (void *)store;
    house->asked_since_ms = since_ms;
    house->asked_until_ms = until_ms;
    hold_query(house, answer_days, data)->query.done = (void (*)(void))done;
    return 0;
}

/* --- the agent ------------------------------------------------------------------------------ */

static const struct core *agent_core(void *agent)
{
    return agent;
}

static void agent_status(void *agent, struct core_status *ret)
{
    core_status(agent, ret);
}

static void agent_place(void *agent, struct farm_place *ret)
{
    *ret = ((const struct house *)agent)->place;
}

static int64_t agent_now_ms(void *agent)
{
    (void)agent;
    return HOUSE_NOW_MS;
}

static struct store *agent_store(void *agent)
{
    return agent;
}

static struct accounts *agent_accounts(void *agent)
{
    return agent;
}

static const struct resources *agent_resources(void *agent)
{
    return agent;
}

static void agent_publisher(void *agent, struct api_publisher *ret)
{
    (void)agent;
    *ret = (struct api_publisher){.name = "The \"office\"", .address = "broker:3390"};
}

static const struct setbacks *agent_setbacks(void *agent)
{
    return &((struct house *)agent)->setbacks;
}

static const struct sessions *agent_sessions(void *agent)
{
    return agent;
}

static const char *agent_host(void *agent)
{
    (void)agent;
    return "h1";
}

static enum administrator agent_administrator(void *agent, const struct account *account)
{
    (void)agent;
    if (!account->known)
        return ADMINISTRATOR_UNKNOWN;
    return account->superuser ? ADMINISTRATOR_YES : ADMINISTRATOR_NO;
}

static void agent_refused(void *agent, const struct admission_question *question, const char *reason)
{
    note(agent, "refused %s %s %s %s\n", question->user, question->host, connection_kind_name(question->kind),
         reason);
}

static void note_connection(struct house *house, const struct connection *connection)
{
    char at[32] = "untold";
    if (connection->connected_at_ms != 0)
        (void)snprintf(at, sizeof(at), "%lld",
                       (long long)((connection->connected_at_ms - HOUSE_NOW_MS) / 1000));
    note(house, "put %s %s %s %s %s %s admin=%s at=%s\n", connection->host, connection->id, connection->user,
         connection_kind_name(connection->kind), connection_route_name(connection->route),
         connection_state_name(connection->state), administrator_name(connection->administrator), at);
}

static void answer_change(struct held *held)
{
    held->change.done(held->data, &held->change.outcome);
}

static void agent_answer(struct house *house, struct api_outcome outcome, api_done_fn *done, void *data)
{
    if (!house->hold_changes) {
        done(data, &outcome);
        return;
    }
    struct held *held = hold(&house->changes, sizeof(*held), answer_change, data);
    held->change.done = done;
    held->change.outcome = outcome;
}

static void agent_change(void *agent, const struct core_event *event, api_done_fn *done, void *data)
{
    struct house *house = agent;
    struct api_outcome outcome = house->outcome;
    house->change_count++;
    switch (event->type) {
    case EVENT_BROKER_PUT:
        note_connection(house, &event->put);
        if (outcome.status < 400)
            (void)tally_put(house->tally, &event->put, REPORTED_BY_BROKER);
        break;
    case EVENT_BROKER_END:
        note(house, "end %s %s\n", event->end.host, event->end.id);
        if (outcome.status < 400 && tally_end(house->tally, event->end.host, event->end.id) < 0)
            outcome = (struct api_outcome){.status = 404, .code = "unknown_connection", .moves_left = -1};
        break;
    case EVENT_BROKER_SET:
        note(house, "set %s %zu\n", event->set.host, event->set.count);
        for (size_t i = 0; i < event->set.count; i++)
            note_connection(house, &event->set.connections[i]);
        break;
    case EVENT_RECLAIMED:
        note(house, "reclaimed %s %s %s%s%s\n", event->reclaimed.host, event->reclaimed.id,
             event->reclaimed.user, event->reclaimed.failure ? " failed: " : "",
             event->reclaimed.failure ? event->reclaimed.failure : "");
        break;
    default:
        assert(false && "an event that is not the API's");
    }
    agent_answer(house, outcome, done, data);
}

static void agent_activate(void *agent, const char *key, bool move, api_done_fn *done, void *data)
{
    struct house *house = agent;
    note(house, "activate %s%s\n", key ? key : "trial", move ? " move" : "");
    if (house->outcome.status < 400)
        house->standing.activation = ACTIVATION_ACTIVE;
    agent_answer(house, house->outcome, done, data);
}

static void agent_request_file(void *agent, const struct api_wish *wish, api_done_fn *done, void *data)
{
    struct house *house = agent;
    note(house, "request file%s%s%s\n",
         wish->licence_key ? " with "
         : wish->trial     ? " of a trial"
                           : "",
         wish->licence_key ? wish->licence_key : "", wish->move ? " move" : "");
    struct api_outcome outcome = house->outcome;
    outcome.file = "farmgate-offline-request-1\n";
    agent_answer(house, outcome, done, data);
}

static void agent_import_file(void *agent, const char *text, size_t bytes, api_done_fn *done, void *data)
{
    struct house *house = agent;
    note(house, "import %.*s\n", (int)bytes, text);
    agent_answer(house, house->outcome, done, data);
}

static void agent_release(void *agent, api_done_fn *done, void *data)
{
    struct house *house = agent;
    note(house, "release\n");
    agent_answer(house, house->outcome, done, data);
}

static void agent_report(void *agent, api_done_fn *done, void *data)
{
    struct house *house = agent;
    note(house, "report\n");
    agent_answer(house, house->outcome, done, data);
}

static void answer_roll(struct held *held)
{
    held->roll.done(held->data, held->roll.roll, held->roll.error, held->roll.detail);
}

static void agent_farm_roll(void *agent, roll_done_fn *done, void *data)
{
    struct house *house = agent;
    struct held *held = hold(&house->rolls, sizeof(*held), answer_roll, data);
    held->roll.done = done;
    held->roll.roll = house->roll;
    held->roll.error = house->roll ? 0 : house->roll_error;
    held->roll.detail = house->roll ? "" : house->roll_detail;
}

static void agent_farm_settings(void *agent, api_farm_setting_fn *visit, void *data)
{
    const struct house *house = agent;
    for (size_t i = 0; i < house->farm_setting_count; i++)
        visit(data, house->farm_settings[i].path, house->farm_settings[i].farm, house->farm_settings[i].host);
}

static void agent_farm_set(void *agent, const char *path, const char *value, api_done_fn *done, void *data)
{
    struct house *house = agent;
    note(house, "farm set %s to %s\n", path, value ? value : "nothing");
    agent_answer(house, house->outcome, done, data);
}

static void agent_farm_leave(void *agent, bool force, api_done_fn *done, void *data)
{
    struct house *house = agent;
    note(house, "leave%s\n", force ? " by force" : "");
    agent_answer(house, house->outcome, done, data);
}

static void agent_measures(void *agent, struct metrics_input *ret)
{
    (void)agent;
    (void)ret;
}

static void agent_forget(void *agent, const char *user, api_done_fn *done, void *data)
{
    struct house *house = agent;
    note(house, "forget %s\n", user);
    agent_answer(house, house->outcome, done, data);
}

static void agent_health(void *agent, bool *ret_alive, bool *ret_ready, char *ret_text, size_t bytes)
{
    const struct house *house = agent;
    *ret_alive = house->alive;
    *ret_ready = house->ready;
    (void)snprintf(ret_text, bytes, "%s", house->health);
}

/* --- opening and closing -------------------------------------------------------------------- */

static void write_token(FILE *file, const char *name, const char *scope, const char *token)
{
    unsigned char hash[32];
    char hex[65];
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)token, strlen(token), NULL, 0);
    (void)fprintf(file, "%s:%s:%s\n", name, scope, sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)));
}

static void write_tokens(struct house *house)
{
    FILE *file = fopen(house->token_file, "w");
    assert(file);
    (void)fprintf(file, "# who may use TCP\n\n");
    write_token(file, "dashboard", "read", HOUSE_READER);
    write_token(file, "broker", "write", HOUSE_WRITER);
    (void)fclose(file);
}

static void listen_everywhere(struct house *house)
{
    struct sockaddr_in address;
    socklen_t bytes = sizeof(address);
    int fd = -1;
    static const enum api_door doors[] = {API_DOOR_READER, API_DOOR_ADMIN};
    for (int i = 0; i < 2; i++) {
        assert(http_listen_unix(house->paths[i], 0600, &fd) == 0);
        assert(api_listen(house->api, doors[i], fd) == 0);
    }
    assert(http_listen_tcp("127.0.0.1:0", &fd) == 0);
    assert(getsockname(fd, (struct sockaddr *)&address, &bytes) == 0);
    house->port = ntohs(address.sin_port);
    assert(api_listen(house->api, API_DOOR_TCP, fd) == 0);
}

struct house *house_open(void)
{
    static const struct tally_settings counting = {.count_disconnected = true,
                                                   .routes_counted = ROUTES_COUNTED_DEFAULT};
    static const char *const hosts[] = {"portal.example"};
    struct error_detail detail;
    struct house *house = calloc(1, sizeof(*house));
    assert(house && sodium_init() >= 0);
    (void)snprintf(house->directory, sizeof(house->directory), "/tmp/farmgate-api-XXXXXX");
    assert(mkdtemp(house->directory));
    (void)snprintf(house->token_file, sizeof(house->token_file), "%s/tokens", house->directory);
    (void)snprintf(house->paths[0], sizeof(house->paths[0]), "%s/agent.sock", house->directory);
    (void)snprintf(house->paths[1], sizeof(house->paths[1]), "%s/admin.sock", house->directory);
    write_tokens(house);
    assert(uv_loop_init(&house->loop) == 0);
    house->tally = tally_create(&counting);
    house->verdict = (struct verdict){.open = true, .reason = VERDICT_OPEN, .admission = ADMISSION_ALL};
    house->alive = house->ready = true;
    house->health = "";
    house->outcome = (struct api_outcome){.status = 200, .moves_left = -1};
    house->next_event_id = 1;
    house->place = (struct farm_place){.part = FARM_ALONE,
                                       .whole = true,
                                       .name = "",
                                       .leader = "",
                                       .holder = "",
                                       .detail = "",
                                       .endpoint = ""};
    const struct api_agent agent = {.agent = house,
                                    .core = agent_core,
                                    .status = agent_status,
                                    .place = agent_place,
                                    .now_ms = agent_now_ms,
                                    .store = agent_store,
                                    .accounts = agent_accounts,
                                    .resources = agent_resources,
                                    .sessions = agent_sessions,
                                    .setbacks = agent_setbacks,
                                    .host = agent_host,
                                    .publisher = agent_publisher,
                                    .administrator = agent_administrator,
                                    .refused = agent_refused,
                                    .change = agent_change,
                                    .activate = agent_activate,
                                    .release = agent_release,
                                    .request_file = agent_request_file,
                                    .import_file = agent_import_file,
                                    .report = agent_report,
                                    .farm_roll = agent_farm_roll,
                                    .farm_settings = agent_farm_settings,
                                    .farm_set = agent_farm_set,
                                    .farm_leave = agent_farm_leave,
                                    .health = agent_health,
                                    .measures = agent_measures,
                                    .forget = agent_forget};
    const struct api_settings settings = {
        .token_file = house->token_file, .hosts = hosts, .host_count = 1, .clients_max = 0};
    house->api = api_create(&house->loop, &settings, &agent, &detail);
    assert(house->api);
    listen_everywhere(house);
    return house;
}

static void on_closed(void *data)
{
    ((struct house *)data)->closed = true;
}

void house_close(struct house *house)
{
    if (!house->closed) {
        api_close(house->api, 0, on_closed, house);
        while (!house->closed)
            (void)uv_run(&house->loop, UV_RUN_ONCE);
    }
    house_release(house, &house->changes, UINT32_MAX);
    house_release(house, &house->accounts, UINT32_MAX);
    house_release(house, &house->queries, UINT32_MAX);
    house_release(house, &house->rolls, UINT32_MAX);
    (void)uv_run(&house->loop, UV_RUN_DEFAULT);
    assert(uv_loop_close(&house->loop) == 0);
    tally_destroy(house->tally);
    (void)unlink(house->paths[0]);
    (void)unlink(house->paths[1]);
    (void)unlink(house->token_file);
    (void)rmdir(house->directory);
    free(house);
}

void house_turn(struct house *house)
{
    for (int i = 0; i < 5; i++) {
        (void)uv_run(&house->loop, UV_RUN_NOWAIT);
        if (!house->hold_queries)
            house_release(house, &house->queries, UINT32_MAX);
    }
}

/* --- clients -------------------------------------------------------------------------------- */

int house_connect(struct house *house, enum api_door door)
{
    struct sockaddr_in tcp = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)house->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    bool is_tcp = door == API_DOOR_TCP;
    (void)snprintf(local.sun_path, sizeof(local.sun_path), "%s", house->paths[door == API_DOOR_ADMIN]);
    int client = socket(is_tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);
    const struct sockaddr *address = is_tcp ? (const struct sockaddr *)&tcp : (const struct sockaddr *)&local;
    assert(client >= 0);
    assert(connect(client, address, is_tcp ? sizeof(tcp) : sizeof(local)) == 0);
    return client;
}

void house_send(struct house *house, int client, const char *text, size_t bytes)
{
    for (int waited_ms = 0; bytes > 0 && waited_ms < PATIENCE_MS;) {
        ssize_t sent = send(client, text, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        house_turn(house);
        if (sent < 0) {
            (void)poll(NULL, 0, 1);
            waited_ms++;
            continue;
        }
        text += sent;
        bytes -= (size_t)sent;
    }
}

/* True when the answer in `answer` is whole. */
static bool is_whole(struct answer *answer)
{
    static const char length_name[] = "\r\nContent-Length: ";
    const char *end = strstr(answer->text, "\r\n\r\n");
    if (!end)
        return false;
    answer->body = end + 4;
    answer->status = atoi(answer->text + strlen("HTTP/1.1 "));
    const char *length = strstr(answer->text, length_name);
    size_t body_bytes = length && length < end ? strtoul(length + strlen(length_name), NULL, 10) : 0;
    return answer->to_head || answer->bytes - (size_t)(answer->body - answer->text) >= body_bytes;
}

static bool read_more(int client, struct answer *answer)
{
    ssize_t got =
        recv(client, answer->text + answer->bytes, sizeof(answer->text) - 1 - answer->bytes, MSG_DONTWAIT);
    if (got > 0)
        answer->bytes += (size_t)got;
    answer->text[answer->bytes] = '\0';
    return got > 0;
}

bool house_receive(struct house *house, int client, struct answer *ret)
{
    ret->status = 0;
    ret->bytes = 0;
    ret->text[0] = '\0';
    ret->body = ret->text;
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms++) {
        house_turn(house);
        while (read_more(client, ret))
            ;
        if (is_whole(ret))
            return true;
        (void)poll(NULL, 0, 1);
    }
    return false;
}

void house_receive_some(struct house *house, int client, struct answer *ret)
{
    int quiet = 0;
    ret->bytes = 0;
    ret->status = 0;
    ret->body = ret->text;
    ret->text[0] = '\0';
    while (quiet < 5) {
        house_turn(house);
        quiet = read_more(client, ret) ? 0 : quiet + 1;
        (void)poll(NULL, 0, 1);
    }
    (void)is_whole(ret);
}

void house_ask(struct house *house, enum api_door door, const char *method, const char *path,
               const char *headers, const char *body, struct answer *ret)
{
    char *text = NULL;
    bool has_host = headers && strstr(headers, "Host:");
    size_t body_bytes = body ? strlen(body) : 0;
    int bytes =
        asprintf(&text, "%s %s HTTP/1.1\r\n%s%sContent-Length: %zu\r\n\r\n%s", method, path,
                 has_host ? "" : "Host: localhost\r\n", headers ? headers : "", body_bytes, body ? body : "");
    assert(bytes > 0);
    int client = house_connect(house, door);
    house_send(house, client, text, (size_t)bytes);
    ret->to_head = strcmp(method, "HEAD") == 0;
    (void)house_receive(house, client, ret);
    ret->to_head = false;
    (void)close(client);
    house_turn(house);
    free(text);
}

const char *answer_member(const struct answer *answer, const char *name, char *ret, size_t bytes)
{
    char pattern[80];
    ret[0] = '\0';
    (void)snprintf(pattern, sizeof(pattern), "\"%s\":\"", name);
    const char *value = strstr(answer->body, pattern);
    if (value) {
        value += strlen(pattern);
        (void)snprintf(ret, bytes, "%.*s", (int)strcspn(value, "\""), value);
    }
    return ret;
}

bool answer_has(const struct answer *answer, const char *text)
{
    return strstr(answer->text, text) != NULL;
}
