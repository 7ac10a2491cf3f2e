/* The local API: requests in, answers out, and what reaches the agent. */
#include "api_house.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BEARER(token) "Authorization: Bearer " token "\r\n"
#define ALICE         "{\"user\":\"alice\",\"kind\":\"desktop\"}"

static struct answer answer;

static void setup_people(struct house *house)
{
    static const struct connection people[] = {
        {"h1", "1", "alice", HOUSE_NOW_MS - 60000, KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE,
         ADMINISTRATOR_NO},
        {"h2", "1", "alice", HOUSE_NOW_MS - 50000, KIND_APPLICATION, ROUTE_BROKER, CONNECTION_DISCONNECTED,
         ADMINISTRATOR_UNKNOWN},
        {"h1", "2", "admin", HOUSE_NOW_MS - 70000, KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE,
         ADMINISTRATOR_YES},
        {"h2", "7", "bob", HOUSE_NOW_MS - 10000, KIND_DESKTOP, ROUTE_CONSOLE, CONNECTION_ACTIVE,
         ADMINISTRATOR_NO},
    };
    for (size_t i = 0; i < COUNT(people); i++)
        assert_int_equal(tally_put(house->tally, &people[i], REPORTED_BY_HOST), 0);
}

static void ask(struct house *house, enum api_door door, const char *method, const char *path,
                const char *headers, const char *body)
{
    house_ask(house, door, method, path, headers, body, &answer);
}

/* Status, code and field of the last answer; NULL: not looked at. */
static void expect(const char *what, int status, const char *code, const char *field)
{
    char got_code[80], got_field[80];
    (void)answer_member(&answer, "code", got_code, sizeof(got_code));
    (void)answer_member(&answer, "field", got_field, sizeof(got_field));
    if (answer.status != status || (code && strcmp(code, got_code) != 0) ||
        (field && strcmp(field, got_field) != 0))
        fail_msg("%s: %d %s %s, not %d %s %s\n%s", what, answer.status, got_code, got_field, status,
                 code ? code : "", field ? field : "", answer.body);
}

static void expect_body(const char *text)
{
    if (!answer_has(&answer, text))
        fail_msg("no %s in\n%s", text, answer.text);
}

/* --- bad requests --------------------------------------------------------------------------- */

#define DEEP32 "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["

static void test_bad_requests(void **state)
{
    static const struct {
        const char *method, *path, *body;
        int status;
        const char *code, *field;
    } cases[] = {
        /* paths and methods */
        {"GET", "/index.html", NULL, 404, "not_found", ""},
        {"GET", "/v1/statu", NULL, 404, "not_found", ""},
        {"GET", "/v1/status/", NULL, 404, "not_found", ""},
        {"GET", "/v2/status", NULL, 404, "not_found", ""},
        {"POST", "/v1/status", "{}", 405, "method_not_allowed", ""},
        {"PATCH", "/v1/connections/h1/1", "{}", 405, "method_not_allowed", ""},
        {"GET", "/v1/connections/h1/1", NULL, 405, "method_not_allowed", ""},
        {"DELETE", "/v1/connections/h1", NULL, 405, "method_not_allowed", ""},
        {"HEAD", "/v1/events", NULL, 405, NULL, NULL},
        /* query parameters */
        {"GET", "/v1/gate", NULL, 400, "invalid", "user"},
        {"GET", "/v1/gate?user=", NULL, 400, "invalid", "user"},
        {"GET", "/v1/gate?user=a&user=b", NULL, 400, "invalid", "user"},
        {"GET", "/v1/gate?user=%00", NULL, 400, "invalid", "user"},
        {"GET", "/v1/gate?user=a%0Ab", NULL, 400, "invalid", "user"},
        {"GET", "/v1/gate?user=%FF", NULL, 400, "invalid", "user"},
        {"GET", "/v1/gate?user=%zz", NULL, 400, "invalid", "user"},
        {"GET", "/v1/gate?usr=alice", NULL, 400, "unknown_parameter", "usr"},
        {"GET", "/v1/gate?user=alice&kind=deskto", NULL, 400, "invalid", "kind"},
        {"GET", "/v1/gate?user=alice&host=%01", NULL, 400, "invalid", "host"},
        {"GET", "/v1/status?verbose=1", NULL, 400, "unknown_parameter", "verbose"},
        {"GET", "/v1/connections?state=asleep", NULL, 400, "invalid", "state"},
        {"GET", "/v1/connections?user=", NULL, 400, "invalid", "user"},
        {"GET", "/v1/windows?since=yesterday", NULL, 400, "invalid", "since"},
        {"GET", "/v1/windows?until=2026-13-01T00:00:00Z", NULL, 400, "invalid", "until"},
        {"GET", "/v1/windows?since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", NULL, 400, "invalid",
         "since"},
        {"GET", "/v1/days?since=2999-01-02T00:00:00Z", NULL, 400, "invalid", "since"},
        {"GET", "/v1/events?after=-1", NULL, 400, "invalid", "after"},
        {"GET", "/v1/events?after=9999999999999999999", NULL, 400, "invalid", "after"},
        {"GET", "/v1/resources", NULL, 400, "invalid", "user"},
        {"GET", "/v1/resources/word.rdp", NULL, 400, "invalid", "user"},
        {"GET", "/v1/resources/word.rdp?user=a&host=", NULL, 400, "invalid", "host"},
        {"GET", "/v1/resources/word?user=a", NULL, 404, "not_found", NULL},
        {"GET", "/v1/resources/?user=a", NULL, 404, "not_found", NULL},
        {"GET", "/v1/resources/a/word.rdp?user=a", NULL, 404, "not_found", NULL},
        {"GET", "/v1/workspace", NULL, 400, "invalid", "user"},
        {"GET", "/v1/workspace?user=a&base=elsewhere/", NULL, 400, "invalid", "base"},
        {"GET", "/v1/workspace?user=a&kind=desktop", NULL, 400, "unknown_parameter", "kind"},
        /* hosts and ids */
        {"PUT", "/v1/connections/", "{\"connections\":[]}", 400, "invalid", "host"},
        {"PUT", "/v1/connections/h1/", ALICE, 400, "invalid", "id"},
        {"PUT", "/v1/connections//1", ALICE, 400, "invalid", "host"},
        {"PUT", "/v1/connections/h%0A1/1", ALICE, 400, "invalid", "host"},
        {"PUT", "/v1/connections/h1/%1B", ALICE, 400, "invalid", "id"},
        {"DELETE", "/v1/connections/h1/", NULL, 400, "invalid", "id"},
        {"PUT", "/v1/connections/h%2F1/2", ALICE, 400, "invalid", "host"},
        {"DELETE", "/v1/connections/h%2f1/2", NULL, 400, "invalid", "host"},
        {"PUT", "/v1/connections/h%2F1", ALICE, 400, "invalid", "host"},
        /* a record */
        {"PUT", "/v1/connections/h1/1", "", 400, "invalid", ""},
        {"PUT", "/v1/connections/h1/1", "[]", 400, "invalid", ""},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"alice\"", 400, "invalid", ""},
        {"PUT", "/v1/connections/h1/1", "{}", 400, "invalid", "user"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"alice\"}", 400, "invalid", "kind"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":7,\"kind\":\"desktop\"}", 400, "invalid", "user"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"\",\"kind\":\"desktop\"}", 400, "invalid", "user"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\\u0000b\",\"kind\":\"desktop\"}", 400, "invalid",
         "user"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\\nb\",\"kind\":\"desktop\"}", 400, "invalid", "user"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\\u007fb\",\"kind\":\"desktop\"}", 400, "invalid",
         "user"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\\ud800\",\"kind\":\"desktop\"}", 400, "invalid", NULL},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"\xff\",\"kind\":\"desktop\"}", 400, "invalid", NULL},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\",\"kind\":\"shell\"}", 400, "invalid", "kind"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\",\"kind\":\"desktop\",\"route\":\"air\"}", 400,
         "invalid", "route"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\",\"kind\":\"desktop\",\"state\":1}", 400, "invalid",
         "state"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\",\"kind\":\"desktop\",\"administrator\":\"no\"}", 400,
         "invalid", "administrator"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\",\"kind\":\"desktop\",\"connected_at\":\"noon\"}",
         400, "invalid", "connected_at"},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\",\"user\":\"b\",\"kind\":\"desktop\"}", 400,
         "invalid", "user"},
        {"PUT", "/v1/connections/h1/1", "{\"x\":" DEEP32 DEEP32, 400, "invalid", NULL},
        {"PUT", "/v1/connections/h1/1", "{\"user\":\"a\",\"kind\":\"desktop\"} {}", 400, "invalid", NULL},
        /* a set */
        {"PUT", "/v1/connections/h1", "{}", 400, "invalid", "connections"},
        {"PUT", "/v1/connections/h1", "{\"connections\":{}}", 400, "invalid", "connections"},
        {"PUT", "/v1/connections/h1", "{\"connections\":[{\"user\":\"a\",\"kind\":\"desktop\"}]}", 400,
         "invalid", "connections[0].id"},
        {"PUT", "/v1/connections/h1",
         "{\"connections\":[{\"id\":\"1\",\"user\":\"a\",\"kind\":\"desktop\"},"
         "{\"id\":\"1\",\"user\":\"b\",\"kind\":\"desktop\"}]}",
         400, "invalid", "connections[1].id"},
        {"PUT", "/v1/connections/h1",
         "{\"connections\":[{\"id\":\"1\",\"user\":\"a\",\"kind\":\"desktop\"},"
         "{\"id\":\"2\",\"user\":\"b\\t\",\"kind\":\"desktop\"}]}",
         400, "invalid", "connections[1].user"},
        /* what a hook did */
        {"POST", "/v1/reclaims", "", 400, "invalid", ""},
        {"POST", "/v1/reclaims", "{\"id\":\"1\",\"user\":\"alice\"}", 400, "invalid", "host"},
        {"POST", "/v1/reclaims", "{\"host\":\"h1\",\"user\":\"alice\"}", 400, "invalid", "id"},
        {"POST", "/v1/reclaims", "{\"host\":\"h1\",\"id\":\"1\"}", 400, "invalid", "user"},
        {"POST", "/v1/reclaims", "{\"host\":\"h/1\",\"id\":\"1\",\"user\":\"alice\"}", 400, "invalid",
         "host"},
        {"POST", "/v1/reclaims", "{\"host\":\"h1\",\"id\":\"1\\u0007\",\"user\":\"alice\"}", 400, "invalid",
         "id"},
        {"POST", "/v1/reclaims", "{\"host\":\"h1\",\"id\":\"1\",\"user\":\"\"}", 400, "invalid", "user"},
        {"POST", "/v1/reclaims", "{\"host\":\"h1\",\"id\":\"1\",\"user\":\"a\",\"failure\":\"\"}", 400,
         "invalid", "failure"},
        {"POST", "/v1/reclaims", "{\"host\":\"h1\",\"id\":\"1\",\"user\":\"a\",\"failure\":\"a\\nb\"}", 400,
         "invalid", "failure"},
        {"POST", "/v1/reclaims", "{\"host\":\"h1\",\"id\":\"1\",\"user\":\"a\",\"failure\":null}", 400,
         "invalid", "failure"},
        /* the farm */
        {"POST", "/v1/farm", "{}", 405, "method_not_allowed", ""},
        {"GET", "/v1/farm/settings/gate.strict", NULL, 405, "method_not_allowed", ""},
        {"PUT", "/v1/farm/settings/gate/strict", "{\"value\":\"true\"}", 404, "not_found", ""},
        {"PUT", "/v1/farm/settings/", "{\"value\":\"true\"}", 400, "invalid", "path"},
        {"PUT", "/v1/farm/settings/gate.strict", "", 400, "invalid", ""},
        {"PUT", "/v1/farm/settings/gate.strict", "{}", 400, "invalid", "value"},
        {"PUT", "/v1/farm/settings/gate.strict", "{\"value\":\"\"}", 400, "invalid", "value"},
        {"PUT", "/v1/farm/settings/gate.strict", "{\"value\":true}", 400, "invalid", "value"},
        {"DELETE", "/v1/farm/settings/", NULL, 400, "invalid", "path"},
        {"POST", "/v1/farm/leave", "{\"force\":1}", 400, "invalid", "force"},
        {"POST", "/v1/farm/leave", "[]", 400, "invalid", NULL},
        /* activation */
        {"POST", "/v1/activation", "{}", 400, "invalid", "license_key"},
        {"POST", "/v1/activation", "{\"trial\":false}", 400, "invalid", "license_key"},
        {"POST", "/v1/activation", "{\"license_key\":7}", 400, "invalid", "license_key"},
        {"POST", "/v1/activation", "{\"trial\":1}", 400, "invalid", "trial"},
        {"POST", "/v1/activation", "{\"license_key\":\"ABCDE\",\"trial\":true}", 400, "invalid", "trial"},
        {"POST", "/v1/activation/request", "{\"license_key\":7}", 400, "invalid", "license_key"},
        {"POST", "/v1/activation/request", "{\"license_key\":\"ABCDE\",\"trial\":true}", 400, "invalid",
         "trial"},
        {"POST", "/v1/activation/request", "{\"move\":true}", 400, "invalid", "move"},
        {"POST", "/v1/activation/request", "{\"trial\":true,\"move\":true}", 400, "invalid", "move"},
        {"POST", "/v1/activation/request", "[]", 400, "invalid", NULL},
    };
    struct house *house = house_open();
    char what[300];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ask(house, API_DOOR_ADMIN, cases[i].method, cases[i].path, NULL, cases[i].body);
        (void)snprintf(what, sizeof(what), "%s %s %s", cases[i].method, cases[i].path,
                       cases[i].body ? cases[i].body : "");
        expect(what, cases[i].status, cases[i].code, cases[i].field);
    }
    assert_int_equal(house->change_count, 0);
    assert_string_equal(house->log, "");
    house_close(house);
}

static void test_long_names(void **state)
{
    struct house *house = house_open();
    char name[600], path[1200], body[1200];
    (void)state;
    memset(name, 'x', sizeof(name));
    name[512] = '\0';
    (void)snprintf(body, sizeof(body), "{\"user\":\"%s\",\"kind\":\"desktop\"}", name);
    ask(house, API_DOOR_ADMIN, "PUT", "/v1/connections/h1/1", NULL, body);
    expect("a user of 512 bytes", 400, "invalid", "user");
    (void)snprintf(path, sizeof(path), "/v1/gate?user=%s", name);
    ask(house, API_DOOR_READER, "GET", path, NULL, NULL);
    expect("the gate for it", 400, "invalid", "user");
    name[511] = '\0';
    (void)snprintf(path, sizeof(path), "/v1/gate?user=%s", name);
    ask(house, API_DOOR_READER, "GET", path, NULL, NULL);
    expect("the gate for 511 bytes", 204, NULL, NULL);
    name[256] = '\0';
    (void)snprintf(path, sizeof(path), "/v1/connections/%s/1", name);
    ask(house, API_DOOR_ADMIN, "PUT", path, NULL, ALICE);
    expect("a host of 256 bytes", 400, "invalid", "host");
    name[128] = '\0';
    (void)snprintf(path, sizeof(path), "/v1/connections/h1/%s", name);
    ask(house, API_DOOR_ADMIN, "PUT", path, NULL, ALICE);
    expect("an id of 128 bytes", 400, "invalid", "id");
    assert_int_equal(house->change_count, 0);
    house_close(house);
}

static void test_allow_header(void **state)
{
    struct house *house = house_open();
    (void)state;
    ask(house, API_DOOR_ADMIN, "PATCH", "/v1/connections", NULL, NULL);
    expect_body("Allow: GET, HEAD, POST\r\n");
    ask(house, API_DOOR_ADMIN, "GET", "/v1/connections/h1/1", NULL, NULL);
    expect_body("Allow: PUT, DELETE\r\n");
    ask(house, API_DOOR_ADMIN, "POST", "/v1/events", NULL, NULL);
    expect_body("Allow: GET\r\n");
    house_close(house);
}

/* --- doors ---------------------------------------------------------------------------------- */

/* Every call, and whether it is open on TCP without a token. */
static const struct {
    const char *method, *path, *body;
    bool open, changes;
    int good; /* status when it may pass */
} calls[] = {
    {"GET", "/healthz", NULL, true, false, 200},
    {"GET", "/readyz", NULL, true, false, 200},
    {"GET", "/metrics", NULL, true, false, 200},
    {"GET", "/", NULL, true, false, 200},
    {"POST", "/v1/web/links", "", false, true, 200},
    {"DELETE", "/v1/web/links", NULL, false, true, 204},
    {"GET", "/v1/gate?user=alice", NULL, true, false, 204},
    {"GET", "/v1/status", NULL, false, false, 200},
    {"HEAD", "/v1/status", NULL, false, false, 200},
    {"GET", "/v1/connections", NULL, false, false, 200},
    {"GET", "/v1/users", NULL, false, false, 200},
    {"GET", "/v1/explain", NULL, false, false, 200},
    {"GET", "/v1/windows", NULL, false, false, 200},
    {"GET", "/v1/days", NULL, false, false, 200},
    {"GET", "/v1/resources?user=alice", NULL, false, false, 200},
    {"GET", "/v1/resources/office.rdp?user=alice", NULL, false, false, 200},
    {"GET", "/v1/workspace?user=alice", NULL, false, false, 200},
    {"HEAD", "/v1/workspace?user=alice", NULL, false, false, 200},
    {"GET", "/v1/farm", NULL, false, false, 200},
    {"GET", "/v1/farm/settings", NULL, false, false, 200},
    {"PUT", "/v1/farm/settings/gate.strict", "{\"value\":\"true\"}", false, true, 204},
    {"DELETE", "/v1/farm/settings/gate.strict", NULL, false, true, 204},
    {"POST", "/v1/farm/leave", "", false, true, 204},
    {"GET", "/v1/version", NULL, false, false, 200},
    {"GET", "/v1/events?after=-1", NULL, false, false, 400},
    {"PUT", "/v1/connections/h1/1", ALICE, false, true, 204},
    {"DELETE", "/v1/connections/h1/1", NULL, false, true, 204},
    {"PUT", "/v1/connections/h1", "{\"connections\":[]}", false, true, 204},
    {"POST", "/v1/connections", "", false, true, 200},
    {"POST", "/v1/activation", "{\"trial\":true}", false, true, 200},
    {"DELETE", "/v1/activation", NULL, false, true, 204},
    {"POST", "/v1/activation/request", "", false, true, 200},
    {"POST", "/v1/activation/import", "a file", false, true, 200},
    {"POST", "/v1/report", "", false, true, 200},
    {"POST", "/v1/reclaims", "{\"host\":\"h1\",\"id\":\"1\",\"user\":\"alice\"}", false, true, 204},
};

enum key { KEY_NONE, KEY_WRONG, KEY_BASIC, KEY_READER, KEY_WRITER, KEY_MAX };

static int wanted_status(enum api_door door, enum key key, size_t call)
{
    bool changes = calls[call].changes;
    bool link = strcmp(calls[call].path, "/v1/web/links") == 0; /* through sockets, POST through both */
    if (door == API_DOOR_READER)
        return changes && !(link && strcmp(calls[call].method, "POST") == 0) ? 403 : calls[call].good;
    if (door == API_DOOR_TCP && link && key >= KEY_READER)
        return 403;
    if (door == API_DOOR_ADMIN || calls[call].open || key == KEY_WRITER)
        return calls[call].good;
    if (key == KEY_READER)
        return changes ? 403 : calls[call].good;
    return 401;
}

static void test_doors(void **state)
{
    static const char *const headers[KEY_MAX] = {
        [KEY_WRONG] = BEARER("reader-token-012345678"),
        [KEY_BASIC] = "Authorization: Basic cmVhZGVyLXRva2VuLTAxMjM0NTY3ODk=\r\n",
        [KEY_READER] = BEARER(HOUSE_READER),
        [KEY_WRITER] = "authorization: bearer " HOUSE_WRITER "\r\n",
    };
    struct house *house = house_open();
    char what[120];
    (void)state;
    for (int door = 0; door < API_DOOR_MAX; door++)
        for (int key = 0; key < KEY_MAX; key++)
            for (size_t i = 0; i < COUNT(calls); i++) {
                unsigned before = house->change_count;
                int status = wanted_status((enum api_door)door, (enum key)key, i);
                ask(house, (enum api_door)door, calls[i].method, calls[i].path, headers[key], calls[i].body);
                (void)snprintf(what, sizeof(what), "door %d, key %d, %s %s", door, key, calls[i].method,
                               calls[i].path);
                expect(what, status, NULL, NULL);
                if (status == 401 && !answer_has(&answer, "WWW-Authenticate: Bearer"))
                    fail_msg("%s: no WWW-Authenticate", what);
                if ((status == 401 || status == 403) && house->change_count != before)
                    fail_msg("%s: something has changed", what);
            }
    ask(house, API_DOOR_READER, "PUT", "/v1/connections/h1/1", NULL, ALICE);
    expect("the reader's socket", 403, "read_only", NULL);
    ask(house, API_DOOR_TCP, "PUT", "/v1/connections/h1/1", BEARER(HOUSE_READER), ALICE);
    expect("the reader's token", 403, "read_only", NULL);
    ask(house, API_DOOR_TCP, "GET", "/v1/status", NULL, NULL);
    expect("no token", 401, "token_required", NULL);
    ask(house, API_DOOR_TCP, "GET", "/v1/status", headers[KEY_WRONG], NULL);
    expect("a wrong token", 401, "token_unknown", NULL);
    house_close(house);
}

static void test_host_header(void **state)
{
    struct house *house = house_open();
    (void)state;
    ask(house, API_DOOR_TCP, "GET", "/healthz", "Host: rebound.evil.example\r\n", NULL);
    expect("a stranger's name", 403, "host_not_allowed", NULL);
    ask(house, API_DOOR_TCP, "PUT", "/v1/connections/h1/1", "Host: evil.example\r\n" BEARER(HOUSE_WRITER),
        ALICE);
    expect("a stranger's name with a token", 403, "host_not_allowed", NULL);
    assert_int_equal(house->change_count, 0);
    ask(house, API_DOOR_TCP, "GET", "/healthz", "Host: portal.example\r\n", NULL);
    expect("a configured name", 200, NULL, NULL);
    ask(house, API_DOOR_READER, "GET", "/healthz", "Host: anything\r\n", NULL);
    expect("a socket", 200, NULL, NULL);
    house_close(house);
}

static void test_new_tokens(void **state)
{
    struct house *house = house_open();
    struct api_settings settings = {.token_file = house->token_file};
    struct error_detail detail;
    (void)state;
    FILE *file = fopen(house->token_file, "w");
    (void)fprintf(file, "a:read:12\n");
    (void)fclose(file);
    assert_int_equal(api_reconfigure(house->api, &settings, &detail), ERROR_CONFIGURATION);
    ask(house, API_DOOR_TCP, "GET", "/v1/status", BEARER(HOUSE_READER), NULL);
    expect("the old tokens stay", 200, NULL, NULL);
    settings.token_file = "";
    assert_int_equal(api_reconfigure(house->api, &settings, &detail), 0);
    ask(house, API_DOOR_TCP, "GET", "/v1/status", BEARER(HOUSE_READER), NULL);
    expect("no tokens", 401, "token_unknown", NULL);
    ask(house, API_DOOR_TCP, "GET", "/healthz", "Host: portal.example\r\n", NULL);
    expect("the name is gone too", 403, "host_not_allowed", NULL);
    house_close(house);
}

/* --- the gate ------------------------------------------------------------------------------- */

/* The farm in each of the ways that the gate can stand. */
enum standing_farm {
    FARM_OPEN,
    FARM_RUN_OUT,
    FARM_RUN_OUT_STRICT,
    FARM_CLOSED,
    FARM_CLOSED_STRICT,
    FARM_MAX
};

static void set_farm(struct house *house, enum standing_farm farm)
{
    house->strict = farm == FARM_RUN_OUT_STRICT || farm == FARM_CLOSED_STRICT;
    house->verdict = (struct verdict){.open = farm < FARM_CLOSED,
                                      .reason = farm < FARM_CLOSED ? VERDICT_OPEN : VERDICT_REVOKED,
                                      .admission = farm == FARM_OPEN    ? ADMISSION_ALL
                                                   : farm < FARM_CLOSED ? ADMISSION_HOLDERS
                                                                        : ADMISSION_NONE};
}

static void test_gate(void **state)
{
    static const struct {
        const char *query;
        bool allowed[FARM_MAX];
        bool asked[FARM_MAX]; /* the name service */
    } cases[] = {
        {"user=alice", {true, true, true, true, false}, {false}},         /* a session here, a licence */
        {"user=bob", {true, false, false, false, false}, {false}},        /* a console elsewhere */
        {"user=bob&host=h2", {true, true, true, true, false}, {false}},   /* there, without a licence */
        {"user=alice&host=h2", {true, true, true, true, false}, {false}}, /* a session there, too */
        {"user=alice&host=h3", {true, true, true, false, false}, {false}},
        {"user=carol", {true}, {false}},
        {"user=carol&kind=desktop", {true}, {false, true, true, true, false}},
        {"user=administer&kind=desktop",
         {true, true, true, true, false},
         {false, true, true, true, false}},   /* in an administrators' group */
        {"user=administer", {true}, {false}}, /* but not for an application */
        {"user=nobody-knows&kind=desktop", {true}, {false, true, true, true, false}},
    };
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    for (int farm = 0; farm < FARM_MAX; farm++) {
        const char *code = farm < FARM_CLOSED ? "no_license_free" : "revoked";
        set_farm(house, (enum standing_farm)farm);
        for (size_t i = 0; i < COUNT(cases); i++) {
            char path[128], header[64];
            unsigned before = house->account_count;
            bool allowed = cases[i].allowed[farm];
            (void)snprintf(path, sizeof(path), "/v1/gate?%s", cases[i].query);
            (void)snprintf(header, sizeof(header), "X-Farmgate-Reason: %s\r\n", code);
            ask(house, API_DOOR_READER, "GET", path, NULL, NULL);
            expect(path, allowed ? 204 : 403, allowed ? NULL : code, NULL);
            assert_int_equal(answer_has(&answer, header), !allowed);
            assert_int_equal(house->account_count - before, cases[i].asked[farm]);
        }
    }
    house_close(house);
}

/* With `strict`, an administrator's desktop needs a place that is free. */
static void test_gate_strict_place(void **state)
{
    static const struct connection second = {"h1",         "3",       "admin2",          HOUSE_NOW_MS - 1000,
                                             KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, ADMINISTRATOR_YES};
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    set_farm(house, FARM_RUN_OUT_STRICT);
    ask(house, API_DOOR_READER, "GET", "/v1/gate?user=administer&kind=desktop", NULL, NULL);
    expect("one place is free", 204, NULL, NULL);
    assert_int_equal(tally_put(house->tally, &second, REPORTED_BY_HOST), 0);
    unsigned before = house->account_count;
    ask(house, API_DOOR_READER, "GET", "/v1/gate?user=administer&kind=desktop", NULL, NULL);
    expect("none is free", 403, "no_license_free", NULL);
    assert_int_equal(house->account_count, before); /* who he is makes no difference */
    set_farm(house, FARM_RUN_OUT);
    ask(house, API_DOOR_READER, "GET", "/v1/gate?user=administer&kind=desktop", NULL, NULL);
    expect("not strict: he counts", 204, NULL, NULL);
    house_close(house);
}

static void test_refusals_are_told(void **state)
{
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    ask(house, API_DOOR_READER, "GET", "/v1/gate?user=carol", NULL, NULL);
    ask(house, API_DOOR_READER, "GET", "/v1/resources?user=carol", NULL, NULL);
    assert_string_equal(house->log, "");
    set_farm(house, FARM_RUN_OUT);
    ask(house, API_DOOR_READER, "GET", "/v1/gate?user=alice", NULL, NULL);
    assert_string_equal(house->log, "");
    ask(house, API_DOOR_READER, "GET", "/v1/gate?user=carol&host=h2&kind=desktop", NULL, NULL);
    ask(house, API_DOOR_READER, "HEAD", "/v1/gate?user=carol", NULL, NULL);
    set_farm(house, FARM_CLOSED);
    ask(house, API_DOOR_READER, "GET", "/v1/resources?user=alice", NULL, NULL);
    ask(house, API_DOOR_READER, "GET", "/v1/gate?user=%01", NULL, NULL); /* no question at all */
    assert_string_equal(house->log, "refused carol h2 desktop no_license_free\n"
                                    "refused carol h1 application no_license_free\n"
                                    "refused alice h1 application revoked\n");
    house_close(house);
}

static void test_gate_without_token(void **state)
{
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    house->verdict = (struct verdict){.open = false, .reason = VERDICT_REVOKED};
    ask(house, API_DOOR_TCP, "GET", "/v1/gate?user=alice", NULL, NULL);
    expect("this host", 204, NULL, NULL);
    ask(house, API_DOOR_TCP, "GET", "/v1/gate?user=alice&host=h1", NULL, NULL);
    expect("this host by name", 204, NULL, NULL);
    ask(house, API_DOOR_TCP, "GET", "/v1/gate?user=bob&host=h2", NULL, NULL);
    expect("another host", 401, "token_required", "host");
    ask(house, API_DOOR_TCP, "GET", "/v1/gate?user=bob&host=h2", BEARER(HOUSE_READER), NULL);
    expect("another host with a token", 204, NULL, NULL);
    house_close(house);
}

/* A slow name service: the answer comes when it is there, and the client's leaving harms nothing. */
static void test_gate_waits(void **state)
{
    static const char request[] = "GET /v1/gate?user=slow-admin&kind=desktop HTTP/1.1\r\nHost: x\r\n\r\n";
    struct house *house = house_open();
    (void)state;
    house->verdict = (struct verdict){.open = false, .reason = VERDICT_STALE};
    house->hold_accounts = true;
    int client = house_connect(house, API_DOOR_READER);
    house_send(house, client, request, strlen(request));
    int leaver = house_connect(house, API_DOOR_READER);
    house_send(house, leaver, request, strlen(request));
    (void)close(leaver);
    house_turn(house);
    house_receive_some(house, client, &answer);
    assert_int_equal(answer.bytes, 0);
    house_release(house, &house->accounts, 2);
    assert_true(house_receive(house, client, &answer));
    expect("an administrator, late", 204, NULL, NULL);
    (void)close(client);
    house_close(house);
}

static void test_resources(void **state)
{
    struct house *house = house_open();
    (void)state;
    ask(house, API_DOOR_READER, "GET", "/v1/resources?user=sales-1", NULL, NULL);
    expect("open", 200, NULL, NULL);
    expect_body("\"id\":\"word\"");
    expect_body("\"hosts\":[\"h1\",\"h2\"]");
    expect_body("\"id\":\"crm\"");
    expect_body("\"groups_known\":true");
    ask(house, API_DOOR_READER, "GET", "/v1/resources?user=nobody-knows", NULL, NULL);
    expect_body("\"groups_known\":false");
    assert_false(answer_has(&answer, "crm"));
    house->verdict = (struct verdict){.open = false, .reason = VERDICT_EXPIRED};
    unsigned before = house->account_count;
    ask(house, API_DOOR_READER, "GET", "/v1/resources?user=admin-1", NULL, NULL);
    expect("closed", 403, "expired", NULL);
    expect_body("X-Farmgate-Reason: expired\r\n");
    assert_int_equal(house->account_count, before); /* nobody is shown anything */
    house_close(house);
}

/* The same people are shown the same, whichever way they ask. */
static void test_workspace(void **state)
{
    static const char *const files[] = {"word", "office", "crm"};
    static const struct {
        const char *user;
        bool shown[COUNT(files)], listed;
        int not_shown; /* the status of what there is, but not for him */
    } cases[] = {
        {"alice", {true, true, false}, true, 404}, /* holds a licence */
        {"admin-1", {false, true, false}, true, 403},
        {"carol", {false, false, false}, false, 403},
    };
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    set_farm(house, FARM_RUN_OUT);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[80], title[40];
        (void)snprintf(path, sizeof(path), "/v1/workspace?user=%s", cases[i].user);
        ask(house, API_DOOR_READER, "GET", path, NULL, NULL);
        expect(path, cases[i].listed ? 200 : 403, cases[i].listed ? NULL : "no_license_free", NULL);
        for (size_t j = 0; j < COUNT(files); j++) {
            (void)snprintf(title, sizeof(title), " ID=\"%s\"", files[j]);
            assert_int_equal(answer_has(&answer, title), cases[i].shown[j]);
        }
        for (size_t j = 0; j < COUNT(files); j++) {
            int other = strcmp(files[j], "crm") == 0 && cases[i].listed ? 404 : cases[i].not_shown;
            (void)snprintf(path, sizeof(path), "/v1/resources/%s.rdp?user=%s", files[j], cases[i].user);
            ask(house, API_DOOR_READER, "GET", path, NULL, NULL);
            expect(path, cases[i].shown[j] ? 200 : other, NULL, NULL);
        }
    }
    house_close(house);
}

/* Asked for each kind. */
static void test_resources_while_licences_have_run_out(void **state)
{
    static const struct {
        const char *user;
        bool word, office, asked_without_groups;
    } cases[] = {
        {"alice", true, true, false},         /* holds a licence */
        {"bob", false, false, true},          /* is on another host, not counted */
        {"admin-1", false, true, true},       /* an administrator: desktops */
        {"carol", false, false, true},        /* anyone else */
        {"nobody-knows", false, false, true}, /* perhaps an administrator: no */
    };
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    set_farm(house, FARM_RUN_OUT);
    for (int pass = 0; pass < 2; pass++) {
        house->no_groups = pass == 1;
        for (size_t i = 0; i < COUNT(cases); i++) {
            char path[64];
            bool any = cases[i].word || cases[i].office;
            unsigned before = house->account_count;
            (void)snprintf(path, sizeof(path), "/v1/resources?user=%s", cases[i].user);
            ask(house, API_DOOR_READER, "GET", path, NULL, NULL);
            expect(path, any ? 200 : 403, any ? NULL : "no_license_free", NULL);
            assert_int_equal(answer_has(&answer, "\"id\":\"word\""), cases[i].word);
            assert_int_equal(answer_has(&answer, "\"id\":\"office\""), cases[i].office);
            assert_int_equal(answer_has(&answer, "X-Farmgate-Reason: no_license_free\r\n"), !any);
            assert_int_equal(house->account_count - before,
                             !house->no_groups || cases[i].asked_without_groups);
        }
    }
    expect_body("All licences of this farm are in use.");
    set_farm(house, FARM_OPEN);
    unsigned before = house->account_count;
    ask(house, API_DOOR_READER, "GET", "/v1/resources?user=nobody-knows", NULL, NULL);
    expect("open, and nothing is for groups", 200, NULL, NULL);
    expect_body("\"groups_known\":true");
    assert_int_equal(house->account_count, before);
    house_close(house);
}

/* --- changes -------------------------------------------------------------------------------- */

static void test_put(void **state)
{
    static const struct {
        const char *path, *body, *wanted;
    } cases[] = {
        {"/v1/connections/h9/1", ALICE, "put h9 1 alice desktop broker active admin=no at=untold\n"},
        {"/v1/connections/h9/2", "{\"user\":\"admin\",\"kind\":\"application\",\"route\":\"rdp-tunnel\"}",
         "put h9 2 admin application rdp-tunnel active admin=yes at=untold\n"},
        {"/v1/connections/h9/3", "{\"user\":\"admin\",\"kind\":\"desktop\",\"administrator\":false}",
         "put h9 3 admin desktop broker active admin=no at=untold\n"},
        {"/v1/connections/h9/4", "{\"user\":\"alice\",\"kind\":\"desktop\",\"administrator\":true}",
         "put h9 4 alice desktop broker active admin=yes at=untold\n"},
        {"/v1/connections/h9/5", "{\"user\":\"nobody-knows\",\"kind\":\"desktop\",\"administrator\":null}",
         "put h9 5 nobody-knows desktop broker active admin=unknown at=untold\n"},
        {"/v1/connections/h9/6",
         "{\"connected_at\":\"2026-01-05T07:59:30.000Z\",\"user\":\"alice\",\"kind\":\"desktop\","
         "\"state\":\"disconnected\",\"unknown\":{\"x\":[1]}}",
         "put h9 6 alice desktop broker disconnected admin=no at=-30\n"},
        {"/v1/connections/h%209/a%2Fb/%C3%A4%25", ALICE,
         "put h 9 a/b/\xc3\xa4% alice desktop broker active admin=no at=untold\n"},
        /* what a time that is not told means for a live connection is the roster's to know */
        {"/v1/connections/h1/1", "{\"user\":\"alice\",\"kind\":\"application\"}",
         "put h1 1 alice application broker active admin=no at=untold\n"},
    };
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    for (size_t i = 0; i < COUNT(cases); i++) {
        house->log[0] = '\0';
        ask(house, API_DOOR_ADMIN, "PUT", cases[i].path, NULL, cases[i].body);
        expect(cases[i].body, 204, NULL, NULL);
        assert_string_equal(house->log, cases[i].wanted);
    }
    house_close(house);
}

static void test_refused_changes(void **state)
{
    static const struct api_outcome outcomes[] = {
        {.status = 503, .code = "store_unavailable", .detail = "disk full", .moves_left = -1},
        {.status = 409, .code = "key_in_use", .detail = "elsewhere", .moves_left = 2},
        {.status = 418, .code = "teapot", .detail = "short", .moves_left = -1},
        {.status = 400, .code = "invalid_key", .detail = "typed", .field = "license_key", .moves_left = -1},
    };
    static const int statuses[] = {503, 409, 502, 400};
    struct house *house = house_open();
    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        house->outcome = outcomes[i];
        ask(house, API_DOOR_ADMIN, "PUT", "/v1/connections/h1/1", NULL, ALICE);
        expect("put", statuses[i], outcomes[i].code, outcomes[i].field);
        ask(house, API_DOOR_ADMIN, "PUT", "/v1/connections/h1", NULL, "{\"connections\":[]}");
        expect("set", statuses[i], outcomes[i].code, outcomes[i].field);
        ask(house, API_DOOR_ADMIN, "DELETE", "/v1/connections/h1/1", NULL, NULL);
        expect("end", statuses[i], outcomes[i].code, outcomes[i].field);
        ask(house, API_DOOR_ADMIN, "POST", "/v1/activation", NULL, "{\"trial\":true,\"move\":true}");
        expect("activate", statuses[i], outcomes[i].code, outcomes[i].field);
        assert_int_equal(answer_has(&answer, "\"moves_left\":2"), i == 1);
        ask(house, API_DOOR_ADMIN, "DELETE", "/v1/activation", NULL, NULL);
        expect("release", statuses[i], outcomes[i].code, outcomes[i].field);
        ask(house, API_DOOR_ADMIN, "POST", "/v1/activation/request", NULL,
            "{\"license_key\":\"k\",\"move\":true}");
        expect("request a file", statuses[i], outcomes[i].code, outcomes[i].field);
        ask(house, API_DOOR_ADMIN, "POST", "/v1/activation/import", NULL, "anything\n");
        expect("import a file", statuses[i], outcomes[i].code, outcomes[i].field);
        ask(house, API_DOOR_ADMIN, "POST", "/v1/report", NULL, NULL);
        expect("report", statuses[i], outcomes[i].code, outcomes[i].field);
        ask(house, API_DOOR_ADMIN, "POST", "/v1/reclaims", NULL,
            "{\"host\":\"h1\",\"id\":\"1\",\"user\":\"alice\"}");
        expect("reclaim", statuses[i], outcomes[i].code, outcomes[i].field);
    }
    assert_non_null(strstr(house->log, "activate trial move\n"));
    house_close(house);
}

static void test_a_person_is_forgotten(void **state)
{
    char long_name[CONNECTION_USER_BYTES_MAX + 16] = "/v1/users/";
    struct house *house = house_open();
    (void)state;
    house->outcome = (struct api_outcome){.status = 200, .moves_left = -1, .events = 12};
    ask(house, API_DOOR_ADMIN, "DELETE", "/v1/users/CORP%5C%C3%84nne", NULL, NULL);
    expect("forget", 200, NULL, NULL);
    assert_true(answer_has(&answer, "{\"events\":12}"));
    assert_string_equal(house->log, "forget CORP\\\xc3\x84nne\n");
    house->outcome =
        (struct api_outcome){.status = 409, .code = "user_is_on", .detail = "on", .moves_left = -1};
    ask(house, API_DOOR_ADMIN, "DELETE", "/v1/users/alice", NULL, NULL);
    expect("who is on", 409, "user_is_on", NULL);
    ask(house, API_DOOR_READER, "DELETE", "/v1/users/alice", NULL, NULL);
    expect("a reader", 403, "read_only", NULL);
    ask(house, API_DOOR_ADMIN, "DELETE", "/v1/users/", NULL, NULL);
    expect("nobody", 400, "invalid", "user");
    memset(long_name + strlen(long_name), 'x', CONNECTION_USER_BYTES_MAX + 1);
    ask(house, API_DOOR_ADMIN, "DELETE", long_name, NULL, NULL);
    expect("a long name", 400, "invalid", "user");
    house_close(house);
}

static void test_files_of_a_closed_network(void **state)
{
    struct house *house = house_open();
    (void)state;
    ask(house, API_DOOR_ADMIN, "POST", "/v1/activation/request", NULL, NULL);
    expect("a report", 200, NULL, NULL);
    assert_true(answer_has(&answer, "Content-Type: text/plain; charset=utf-8"));
    assert_true(answer_has(&answer, "\r\n\r\nfarmgate-offline-request-1\n"));
    ask(house, API_DOOR_ADMIN, "POST", "/v1/activation/request", NULL, "{\"trial\":true}");
    expect("a trial", 200, NULL, NULL);
    ask(house, API_DOOR_ADMIN, "POST", "/v1/activation/request", NULL,
        "{\"license_key\":\"K\",\"move\":true}");
    expect("a move", 200, NULL, NULL);
    ask(house, API_DOOR_ADMIN, "POST", "/v1/activation/import", NULL, "farmgate-offline-answer-1");
    expect("an answer", 200, NULL, NULL);
    assert_true(answer_has(&answer, "\"windows_queued\":"));
    assert_string_equal(house->log, "request file\nrequest file of a trial\nrequest file with K move\n"
                                    "import farmgate-offline-answer-1\n");
    house_close(house);
}

static void test_what_a_hook_did(void **state)
{
    struct house *house = house_open();
    (void)state;
    ask(house, API_DOOR_ADMIN, "POST", "/v1/reclaims", NULL,
        "{\"host\":\"h1\",\"id\":\"c1\",\"user\":\"alice\"}");
    expect("ended", 204, NULL, NULL);
    ask(house, API_DOOR_ADMIN, "POST", "/v1/reclaims", NULL,
        "{\"host\":\"h1\",\"id\":\"c1\",\"user\":\"alice\",\"failure\":\"Access denied\"}");
    expect("not ended", 204, NULL, NULL);
    assert_string_equal(house->log, "reclaimed h1 c1 alice\nreclaimed h1 c1 alice failed: Access denied\n");
    house_close(house);
}

static void test_end_is_idempotent(void **state)
{
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    for (int i = 0; i < 2; i++) {
        ask(house, API_DOOR_ADMIN, "DELETE", "/v1/connections/h1/1", NULL, NULL);
        expect("end", 204, NULL, NULL);
    }
    assert_string_equal(house->log, "end h1 1\nend h1 1\n");
    house_close(house);
}

static void test_set(void **state)
{
    static const char body[] =
        "PUT /v1/connections/h1 HTTP/1.1\r\nHost: x\r\nContent-Length: 175\r\n\r\n"
        "{\"connections\":[{\"id\":\"1\",\"user\":\"slow-admin\",\"kind\":\"desktop\"},"
        "{\"id\":\"2\",\"user\":\"slow\",\"kind\":\"application\",\"administrator\":true},"
        "{\"id\":\"3\",\"user\":\"alice\",\"kind\":\"desktop\"}]}";
    struct house *house = house_open();
    (void)state;
    house->hold_accounts = true;
    assert_int_equal(strlen(strstr(body, "\r\n\r\n") + 4), 175);
    int client = house_connect(house, API_DOOR_ADMIN);
    house_send(house, client, body, strlen(body));
    assert_int_equal(house->change_count, 0);
    assert_int_equal(house->account_count, 2);
    house_release(house, &house->accounts, 1);
    assert_true(house_receive(house, client, &answer));
    expect("a set", 204, NULL, NULL);
    assert_string_equal(house->log, "set h1 3\n"
                                    "put h1 1 slow-admin desktop broker active admin=yes at=untold\n"
                                    "put h1 2 slow application broker active admin=yes at=untold\n"
                                    "put h1 3 alice desktop broker active admin=no at=untold\n");
    (void)close(client);
    ask(house, API_DOOR_ADMIN, "PUT", "/v1/connections/h1", NULL, "{\"connections\":[]}");
    expect("an empty set", 204, NULL, NULL);
    house_close(house);
}

static void test_set_too_large(void **state)
{
    struct house *house = house_open();
    char *body = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&body, &bytes);
    (void)state;
    (void)fprintf(file, "{\"connections\":[");
    for (int i = 0; i <= 8192; i++)
        (void)fprintf(file, "%s{\"id\":\"%d\",\"user\":\"u\",\"kind\":\"desktop\",\"administrator\":false}",
                      i ? "," : "", i);
    (void)fprintf(file, "]}");
    (void)fclose(file);
    ask(house, API_DOOR_ADMIN, "PUT", "/v1/connections/h1", NULL, body);
    expect("8193 connections", 400, "invalid", "connections[8192]");
    assert_int_equal(house->change_count, 0);
    free(body);
    house_close(house);
}

/* --- NDJSON --------------------------------------------------------------------------------- */

#define PUT_LINE(id, user) \
    "{\"event\":\"put\",\"host\":\"h1\",\"id\":\"" id "\",\"user\":\"" user "\",\"kind\":\"desktop\"}\n"
#define END_LINE(id) "{\"event\":\"end\",\"host\":\"h1\",\"id\":\"" id "\"}\n"

static void test_bulk(void **state)
{
    struct house *house = house_open();
    (void)state;
    ask(house, API_DOOR_ADMIN, "POST", "/v1/connections", NULL,
        PUT_LINE("1", "alice") "\n" PUT_LINE("2", "b\\nb") END_LINE("1") END_LINE(
            "1") "{\"event\":\"put\"\n"
                 "{\"event\":\"move\",\"host\":\"h1\",\"id\":\"1\"}\n"
                 "{\"event\":\"put\",\"host\":\"h1\",\"id\":\"1\"}\n"
                 "{\"event\":\"put\",\"host\":\"h1\",\"id\":\"1\",\"user\":\"a\"}\n"
                 "{\"event\":\"put\",\"host\":\"h/1\",\"id\":\"1\",\"user\":\"a\",\"kind\":\"desktop\"}\n"
                 "{\"event\":\"end\",\"host\":\"h1\",\"id\":\"3\"}");
    expect("bulk", 200, NULL, NULL);
    expect_body("\"accepted\":4,\"failed\":6");
    expect_body("{\"line\":3,\"code\":\"invalid\",\"detail\":\"user: control characters or invalid UTF-8\","
                "\"field\":\"user\"}");
    expect_body("{\"line\":6,");
    expect_body("\"line\":7,\"code\":\"invalid\",\"detail\":\"event: not one of \\\"put\\\", \\\"end\\\"\"");
    expect_body("\"line\":8,\"code\":\"invalid\",\"detail\":\"user: missing\",\"field\":\"user\"");
    expect_body("\"line\":9,\"code\":\"invalid\",\"detail\":\"kind: missing\",\"field\":\"kind\"");
    expect_body("\"line\":10,\"code\":\"invalid\",\"detail\":\"host: a slash in a host's name\"");
    assert_string_equal(house->log, "put h1 1 alice desktop broker active admin=no at=untold\n"
                                    "end h1 1\nend h1 1\nend h1 3\n");
    ask(house, API_DOOR_ADMIN, "POST", "/v1/connections", NULL, NULL);
    expect("nothing", 200, NULL, NULL);
    expect_body("\"accepted\":0,\"failed\":0,\"failures\":[]");
    house_close(house);
}

/* A line that waits for the name service holds back those behind it. */
static void test_bulk_keeps_order(void **state)
{
    static const char body[] = PUT_LINE("1", "slow-admin") PUT_LINE("1", "slow") END_LINE("1");
    char head[120];
    struct house *house = house_open();
    (void)state;
    house->hold_accounts = true;
    (void)snprintf(head, sizeof(head),
                   "POST /v1/connections HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    int client = house_connect(house, API_DOOR_ADMIN);
    house_send(house, client, head, strlen(head));
    house_send(house, client, body, strlen(body));
    assert_string_equal(house->log, "");
    assert_int_equal(house->account_count, 2);
    struct held *first = house->accounts;
    house->accounts = first->next;
    house_release(house, &house->accounts, 1); /* the second answers before the first */
    assert_string_equal(house->log, "");
    first->next = NULL;
    house_release(house, &first, 1);
    assert_true(house_receive(house, client, &answer));
    expect_body("\"accepted\":3,\"failed\":0");
    assert_string_equal(house->log, "put h1 1 slow-admin desktop broker active admin=yes at=untold\n"
                                    "put h1 1 slow desktop broker active admin=no at=untold\nend h1 1\n");
    (void)close(client);
    house_close(house);
}

static char *many_lines(size_t count, size_t *ret_bytes)
{
    char *body = NULL;
    FILE *file = open_memstream(&body, ret_bytes);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(
            file,
            "{\"event\":\"put\",\"host\":\"h1\",\"id\":\"%zu\",\"user\":\"u%zu\",\"kind\":\"desktop\","
            "\"administrator\":false}\n",
            i, i);
    (void)fclose(file);
    return body;
}

/* More lines than may be under way: the client is held back until the store has caught up. */
static void test_bulk_holds_the_client_back(void **state)
{
    enum { LINES = 20000 };
    struct house *house = house_open();
    size_t bytes = 0, sent = 0;
    char *body = many_lines(LINES, &bytes);
    char head[120];
    (void)state;
    house->hold_changes = true;
    (void)snprintf(head, sizeof(head),
                   "POST /v1/connections HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", bytes);
    int client = house_connect(house, API_DOOR_ADMIN);
    house_send(house, client, head, strlen(head));
    unsigned most_open = 0, answered = 0;
    for (int round = 0; answered < LINES && round < 100000; round++) {
        ssize_t count = send(client, body + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += count > 0 ? (size_t)count : 0;
        house_turn(house);
        unsigned open = house->change_count - answered;
        most_open = open > most_open ? open : most_open;
        if (round % 3 == 2) {
            unsigned some = open < 100 ? open : 100;
            answered += some;
            house_release(house, &house->changes, some);
        }
    }
    assert_int_equal(answered, LINES);
    assert_true(most_open >= 256);
    assert_true(most_open <= 256 + 16384 / 80); /* and the lines of one read */
    assert_true(house_receive(house, client, &answer));
    expect("a long bulk", 200, NULL, NULL);
    expect_body("\"accepted\":20000,\"failed\":0");
    free(body);
    (void)close(client);
    house_close(house);
}

static void test_bulk_failures(void **state)
{
    struct house *house = house_open();
    char *body = NULL;
    size_t bytes = 0;
    (void)state;
    house->outcome = (struct api_outcome){
        .status = 503, .code = "store_unavailable", .detail = "disk full", .moves_left = -1};
    ask(house, API_DOOR_ADMIN, "POST", "/v1/connections", NULL, PUT_LINE("1", "alice") PUT_LINE("2", "bob"));
    expect("a store that fails", 503, "store_unavailable", NULL);
    expect_body("\"accepted\":0,\"failed\":2");
    house->outcome = (struct api_outcome){.status = 200, .moves_left = -1};

    FILE *file = open_memstream(&body, &bytes);
    (void)fprintf(file, PUT_LINE("1", "alice"));
    for (int i = 0; i < 20000; i++)
        (void)fputc('x', file);
    (void)fprintf(file, "\n" PUT_LINE("2", "bob"));
    (void)fclose(file);
    ask(house, API_DOOR_ADMIN, "POST", "/v1/connections", NULL, body);
    expect("a line of 20000 bytes", 413, "line_too_long", NULL);
    expect_body("\"accepted\":1,\"failed\":1,\"failures\":[{\"line\":2,\"code\":\"line_too_long\"");
    free(body);

    file = open_memstream(&body, &bytes);
    for (int i = 0; i < 150; i++)
        (void)fprintf(file, "no\n");
    (void)fclose(file);
    ask(house, API_DOOR_ADMIN, "POST", "/v1/connections", NULL, body);
    expect_body("\"accepted\":0,\"failed\":150");
    expect_body("{\"line\":100,");
    assert_false(answer_has(&answer, "{\"line\":101,"));
    free(body);
    house_close(house);
}

/* A client that leaves in the middle: what was taken is done, and nothing is leaked or answered. */
static void test_bulk_client_leaves(void **state)
{
    static const char start[] =
        "POST /v1/connections HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n" PUT_LINE("1", "alice")
            PUT_LINE("2", "slow") PUT_LINE("3", "bob");
    struct house *house = house_open();
    (void)state;
    house->hold_changes = house->hold_accounts = true;
    int client = house_connect(house, API_DOOR_ADMIN);
    house_send(house, client, start, strlen(start));
    (void)close(client);
    house_turn(house);
    house_release(house, &house->changes, 9);
    house_release(house, &house->accounts, 9);
    house_release(house, &house->changes, 9);
    assert_int_equal(house->change_count, 3);
    house_close(house);
}

/* --- what is shown -------------------------------------------------------------------------- */

static void test_lists(void **state)
{
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    ask(house, API_DOOR_READER, "GET", "/v1/connections", NULL, NULL);
    expect("connections", 200, NULL, NULL);
    expect_body(
        "{\"now\":\"2026-01-05T08:00:00.000Z\",\"connections\":[{\"host\":\"h1\",\"id\":\"2\",\"user\":"
        "\"admin\",\"kind\":\"desktop\","
        "\"route\":\"rdp\",\"state\":\"active\",\"administrator\":true,\"connected_at\":"
        "\"2026-01-05T07:58:50.000Z\",\"disconnected_at\":null,\"counted\":false,\"reason\":\"exempt 1 of "
        "2\","
        "\"reported_by\":[\"host\"],\"reclaimable\":false},{\"host\":\"h1\",\"id\":\"1\",\"user\":\"alice\"");
    expect_body("\"user\":\"bob\",\"kind\":\"desktop\",\"route\":\"console\",\"state\":\"active\","
                "\"administrator\":false,\"connected_at\":\"2026-01-05T07:59:50.000Z\",\"disconnected_at\":"
                "null,\"counted\":false,"
                "\"reason\":\"route not counted\"");
    expect_body("\"administrator\":null");
    expect_body("\"ignored\":[{\"host\":\"h1\",\"id\":\"c0\",\"user\":\"lightdm\",\"service\":"
                "\"lightdm-greeter\",\"type\":null,\"class\":\"greeter\",\"reason\":\"ignored by rule 3\"},");
    expect_body("\"reason\":\"closing\"}],\"more\":false,\"scope\":\"farm\"}");
    ask(house, API_DOOR_READER, "GET", "/v1/connections?user=alice&state=disconnected", NULL, NULL);
    expect_body("\"connections\":[{\"host\":\"h2\",\"id\":\"1\",\"user\":\"alice\"");
    assert_false(answer_has(&answer, "\"host\":\"h1\",\"id\":\"1\""));
    assert_false(answer_has(&answer, "lightdm"));
    ask(house, API_DOOR_READER, "GET", "/v1/connections?host=h2", NULL, NULL);
    assert_false(answer_has(&answer, "\"h1\""));
    ask(house, API_DOOR_READER, "GET", "/v1/users", NULL, NULL);
    expect_body("{\"concurrent_users\":1,\"users\":[{\"user\":\"admin\",\"connections\":1,\"consuming\":0,"
                "\"counted\":false},{\"user\":\"alice\",\"connections\":2,\"consuming\":2,\"counted\":true},"
                "{\"user\":\"bob\"");
    ask(house, API_DOOR_READER, "GET", "/v1/farm", NULL, NULL);
    expect_body("\"hosts\":[{\"host\":\"h1\",\"connections\":2,\"exempt\":1,"
                "\"answering\":true},{\"host\":\"h2\",\"connections\":2,\"exempt\":0,\"answering\":false}],");
    house_close(house);
}

static void test_explanations(void **state)
{
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    ask(house, API_DOOR_READER, "GET", "/v1/explain?user=alice", NULL, NULL);
    expect_body("{\"host\":\"h1\",\"now\":\"2026-01-05T08:00:00.000Z\",\"verdict\":{\"open\":");
    expect_body(
        "\"machines\":[{\"machine\":\"activation\",\"state\":\"none\",\"closes\":true,\"why\":[{\"code\":"
        "\"activation_none\",\"text\":\"This farm is not activated.\",\"fields\":{}}]},");
    expect_body("\"admission\":[{\"host\":\"h1\",\"kind\":\"desktop\",");
    expect_body(
        "\"users\":[{\"user\":\"alice\",\"counted\":true,\"connections\":2,\"consuming\":2,\"why\":[{"
        "\"code\":"
        "\"user_counts_once\",\"text\":\"alice counts as one concurrent user: 2 of 2 connections consume a "
        "licence.\",\"fields\":{\"user\":\"alice\",\"consuming\":2,\"connections\":2}}]}],\"connections\":[{"
        "\"host\":\"h1\"");
    expect_body("\"reason\":\"counted\",\"counted_as\":\"alice\",\"reported_by\":[\"host\"],\"reclaimable\":"
                "false,\"why\":[{\"code\":"
                "\"desktop\",\"text\":\"Desktop by "
                "rdp.\",\"fields\":{\"route\":\"rdp\"}},{\"code\":\"consumes\",\"text\":"
                "\"Consumes a licence.\",\"fields\":{}}]},{\"host\":\"h2\",\"id\":\"1\",\"user\":\"alice\"");
    expect_body(
        "\"code\":\"application_disconnected_since\",\"text\":\"Application by broker, disconnected since "
        "2026-01-05T07:59:30Z.\",\"fields\":{\"route\":\"broker\",\"since_at\":\"2026-01-05T07:59:30.000Z\"}}"
        ","
        "{\"code\":\"shares\"");
    expect_body("\"lease_ends_at\":\"2026-01-05T09:00:00.000Z\"");
    expect_body("\"code\":\"administrator_unknown\"");
    expect_body("\"reason\":\"closing\",\"connected_at\":null,\"why\":[{\"code\":\"closing\"");
    assert_false(answer_has(&answer, "lightdm"));
    ask(house, API_DOOR_READER, "GET", "/v1/explain", NULL, NULL);
    expect_body("\"code\":\"user_does_not_count\"");
    expect_body("\"admission\":[],");
    expect_body("\"why\":[{\"code\":\"ignored\",\"text\":\"Does not count: rule 3 ignores it, { class = "
                "\\\"background*\\\"; kind = \\\"ignore\\\"; }.\",\"fields\":{\"rule\":3,");
    ask(house, API_DOOR_READER, "GET", "/v1/explain?user=carol", NULL, NULL);
    expect_body("\"users\":[{\"user\":\"carol\",\"counted\":false,\"connections\":0,\"consuming\":0,\"why\":["
                "{\"code\":"
                "\"user_not_on\"");
    expect_body("\"connections\":[],\"ignored\":[],\"more\":false");
    ask(house, API_DOOR_READER, "GET", "/v1/explain?user=lightdm", NULL, NULL);
    expect_body("\"code\":\"user_left_out\"");
    house_close(house);
}

/* The name service is asked whether the user is an administrator here; an API that closes meanwhile tells
 * nobody. */
static void test_an_explanation_waits_for_the_account(void **state)
{
    static const char request[] = "GET /v1/explain?user=slow-admin HTTP/1.1\r\nHost: x\r\n\r\n";
    struct house *house = house_open();
    (void)state;
    house->hold_accounts = true;
    house->verdict = (struct verdict){.open = false, .reason = VERDICT_STALE};
    int client = house_connect(house, API_DOOR_READER);
    house_send(house, client, request, strlen(request));
    house_release(house, &house->accounts, 1);
    assert_true(house_receive(house, client, &answer));
    expect_body("\"kind\":\"desktop\",\"gate\":true,\"list\":false,\"reason\":\"stale\",\"why\":[{\"code\":"
                "\"would_open_desktop\"");
    house_send(house, client, request, strlen(request));
    (void)close(client);
    house_close(house);
}

/* Who is disconnected, since when, and what it would save. */
static void test_disconnected(void **state)
{
    static const struct connection gone[] = {
        {"h1", "8", "CORP\\Dora", HOUSE_NOW_MS - 9000, KIND_DESKTOP, ROUTE_RDP, CONNECTION_DISCONNECTED,
         ADMINISTRATOR_NO},
        {"h1", "9", "corp\\dora", HOUSE_NOW_MS - 8000, KIND_DESKTOP, ROUTE_RDP, CONNECTION_DISCONNECTED,
         ADMINISTRATOR_NO},
        {"h2", "9", "corp\\dora", HOUSE_NOW_MS - 7000, KIND_DESKTOP, ROUTE_RDP, CONNECTION_DISCONNECTED,
         ADMINISTRATOR_YES},
        {"h1", "1", "erin", HOUSE_NOW_MS - 6000, KIND_DESKTOP, ROUTE_RDP, CONNECTION_DISCONNECTED,
         ADMINISTRATOR_NO},
        {"h2", "10", "erin", HOUSE_NOW_MS - 6000, KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE,
         ADMINISTRATOR_NO},
    };
    struct house *house = house_open();
    (void)state;
    for (size_t i = 0; i < COUNT(gone); i++)
        assert_int_equal(tally_put(house->tally, &gone[i], REPORTED_BY_HOST), 0);
    ask(house, API_DOOR_READER, "GET", "/v1/connections?state=disconnected", NULL, NULL);
    expect_body("\"id\":\"8\",\"user\":\"CORP\\\\Dora\",\"kind\":\"desktop\",\"route\":\"rdp\",\"state\":"
                "\"disconnected\","
                "\"administrator\":false,\"connected_at\":\"2026-01-05T07:59:51.000Z\","
                "\"disconnected_at\":\"2026-01-05T07:59:30.000Z\",\"counted\":true,\"reason\":\"counted\","
                "\"counted_as\":\"CORP\\\\Dora\",\"reported_by\":[\"host\"],\"reclaimable\":true,\"would_"
                "save\":true}");
    expect_body("\"id\":\"9\",\"user\":\"corp\\\\dora\"");
    expect_body(
        "\"administrator\":true,\"connected_at\":\"2026-01-05T07:59:53.000Z\","
        "\"disconnected_at\":\"2026-01-05T07:59:30.000Z\",\"counted\":false,\"reason\":\"exempt 1 of 2\","
        "\"counted_as\":\"CORP\\\\Dora\",\"reported_by\":[\"host\"],\"reclaimable\":false,\"would_save\":"
        "false}");
    expect_body(
        "\"counted_as\":\"erin\",\"reported_by\":[\"host\"],\"reclaimable\":true,\"would_save\":false}");
    expect_body("],\"would_save\":1,\"ignored\":");
    ask(house, API_DOOR_READER, "GET", "/v1/connections?state=disconnected&user=erin", NULL, NULL);
    expect_body("],\"would_save\":0,");
    ask(house, API_DOOR_READER, "GET", "/v1/connections?state=disconnected&host=h2", NULL, NULL);
    expect_body("],\"would_save\":0,"); /* dora has two on h1 */
    ask(house, API_DOOR_READER, "GET", "/v1/connections?state=active", NULL, NULL);
    assert_false(answer_has(&answer, "would_save"));
    house_close(house);
}

static void test_status(void **state)
{
    struct house *house = house_open();
    (void)state;
    setup_people(house);
    ask(house, API_DOOR_READER, "GET", "/v1/status", NULL, NULL);
    expect_body("\"farm_id\":null");
    expect_body("\"limit\":null,\"concurrent_users\":1,\"users\":3,\"connections\":4");
    expect_body("\"entitlement\":null");
    expect_body("\"clocks\":{\"settling_ends\":null,\"overuse_grace_ends\":null,\"deactivates_at\":null,"
                "\"expires_at\":null,\"expiry_grace_ends\":null,\"refresh_by\":null,\"next_validation\":null,"
                "\"next_report\":null},\"next\":null,");
    house->verdict = (struct verdict){.open = false, .reason = VERDICT_NOT_ACTIVATED};
    ask(house, API_DOOR_READER, "GET", "/v1/status", NULL, NULL);
    expect_body("\"admission\":\"none\"");
    expect_body("\"next\":{\"at\":null,\"code\":\"do_activate\",\"text\":\"Activate this farm with `farmgate "
                "activate KEY`");
    house->verdict = (struct verdict){.open = true, .admission = ADMISSION_ALL};
    house->standing.activation = ACTIVATION_ACTIVE;
    house->standing.grant =
        (struct grant){.limit = 5, .issued_at_ms = HOUSE_NOW_MS, .refresh_by_ms = HOUSE_NOW_MS};
    ask(house, API_DOOR_READER, "GET", "/v1/status", NULL, NULL);
    expect_body("\"farm_id\":\"farm-1\"");
    expect_body("\"limit\":5");
    expect_body("\"expires_at\":null,\"expiry_grace_ends\":null,\"refresh_by\":\"2026-01-05T08:00:00.000Z\"");
    expect_body("\"peak_today\":{\"users\":8,\"at\":\"2026-01-05T07:59:55.000Z\"}");
    ask(house, API_DOOR_READER, "GET", "/metrics", NULL, NULL);
    expect_body("Content-Type: text/plain; version=0.0.4");
    expect_body("farmgate_concurrent_users 1\n");
    house_close(house);
}

static void test_health(void **state)
{
    struct house *house = house_open();
    (void)state;
    ask(house, API_DOOR_TCP, "GET", "/healthz", NULL, NULL);
    expect_body("{\"status\":\"ok\",\"detail\":\"\"}");
    house->health = "gate: its files cannot be written";
    ask(house, API_DOOR_TCP, "GET", "/healthz", NULL, NULL);
    expect("alive with a fault", 200, NULL, NULL);
    expect_body("{\"status\":\"degraded\",\"detail\":\"gate: its files cannot be written\"}");
    house->health = "store: disk full";
    house->alive = house->ready = false;
    ask(house, API_DOOR_TCP, "GET", "/healthz", NULL, NULL);
    expect("a failed store", 503, "unhealthy", NULL);
    expect_body("store: disk full");
    ask(house, API_DOOR_TCP, "GET", "/readyz", NULL, NULL);
    expect("not ready", 503, "not_ready", NULL);
    house_close(house);
}

static void test_history(void **state)
{
    struct house *house = house_open();
    (void)state;
    ask(house, API_DOOR_READER, "GET", "/v1/windows", NULL, NULL);
    expect("windows", 200, NULL, NULL);
    assert_int_equal(house->asked_since_ms, HOUSE_NOW_MS + 1 - DAY_MS);
    expect_body("{\"windows\":[{\"sequence\":4,\"start\":\"2026-01-05T07:30:00.000Z\",\"end\":"
                "\"2026-01-05T07:50:00.000Z\",\"peak_users\":5,");
    expect_body("\"state\":\"accepted\"},{\"sequence\":null,\"start\":\"2026-01-05T07:50:00.000Z\"");
    expect_body("\"state\":\"running\"}],\"more\":false}");
    ask(house, API_DOOR_READER, "GET",
        "/v1/windows?since=2026-01-01T01:00:00%2B01:00&until=2026-01-02T00:00:00Z", NULL, NULL);
    assert_int_equal(house->asked_since_ms, INT64_C(1767225600000));
    assert_int_equal(house->asked_until_ms, INT64_C(1767312000000));
    assert_false(answer_has(&answer, "running"));
    ask(house, API_DOOR_READER, "GET", "/v1/days", NULL, NULL);
    expect_body("{\"days\":[{\"day\":\"2026-01-04\",\"peak_users\":6,");
    expect_body("{\"day\":\"2026-01-05\",\"peak_users\":8,\"peak_at\":\"2026-01-05T07:59:55.000Z\","
                "\"complete\":false}");
    house->query_error = ERROR_IO;
    ask(house, API_DOOR_READER, "GET", "/v1/windows", NULL, NULL);
    expect("an unreadable store", 503, "store_unavailable", NULL);
    ask(house, API_DOOR_READER, "GET", "/v1/days", NULL, NULL);
    expect("an unreadable store", 503, "store_unavailable", NULL);
    house_close(house);
}

/* --- the end -------------------------------------------------------------------------------- */

static void test_close_with_calls_under_way(void **state)
{
    static const char *const requests[] = {
        "PUT /v1/connections/h1/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 35\r\n\r\n"
        "{\"user\":\"alice\", \"kind\":\"desktop\" }",
        "PUT /v1/connections/h1/2 HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n"
        "{\"user\":\"slow\",\"kind\": \"desktop\"}",
        "POST /v1/connections HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n" PUT_LINE("3", "slow")
            PUT_LINE("4", "alice"),
        "POST /v1/connections HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n",
        "GET /v1/windows HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/events?after=0 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /v1/report HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    };
    struct house *house = house_open();
    int clients[COUNT(requests)];
    (void)state;
    house->hold_changes = house->hold_accounts = house->hold_queries = true;
    for (size_t i = 0; i < COUNT(requests); i++) {
        clients[i] = house_connect(house, API_DOOR_ADMIN);
        house_send(house, clients[i], requests[i], strlen(requests[i]));
    }
    house_turn(house);
    assert_int_equal(house->change_count, 1);
    house_close(house); /* answers them all afterwards; nothing may be asked of the agent then */
    for (size_t i = 0; i < COUNT(requests); i++)
        (void)close(clients[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_allow_header),
        cmocka_unit_test(test_doors),
        cmocka_unit_test(test_host_header),
        cmocka_unit_test(test_new_tokens),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_gate_strict_place),
        cmocka_unit_test(test_refusals_are_told),
        cmocka_unit_test(test_gate_without_token),
        cmocka_unit_test(test_gate_waits),
        cmocka_unit_test(test_resources),
        cmocka_unit_test(test_resources_while_licences_have_run_out),
        cmocka_unit_test(test_workspace),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_refused_changes),
        cmocka_unit_test(test_a_person_is_forgotten),
        cmocka_unit_test(test_files_of_a_closed_network),
        cmocka_unit_test(test_what_a_hook_did),
        cmocka_unit_test(test_end_is_idempotent),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_too_large),
        cmocka_unit_test(test_bulk),
        cmocka_unit_test(test_bulk_keeps_order),
        cmocka_unit_test(test_bulk_holds_the_client_back),
        cmocka_unit_test(test_bulk_failures),
        cmocka_unit_test(test_bulk_client_leaves),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_explanations),
        cmocka_unit_test(test_an_explanation_waits_for_the_account),
        cmocka_unit_test(test_disconnected),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_close_with_calls_under_way),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
