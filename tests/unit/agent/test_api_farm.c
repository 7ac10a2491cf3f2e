/* test_api_farm.c - a farm of many hosts through the API: what a host tells of itself, of the others, and of
 * what it does not know. */
#include "api_house.h"

#include "tests/unit/unit.h"

#include <string.h>
#include <unistd.h>

static struct answer answer;

static void ask(struct house *house, enum api_door door, const char *method, const char *path,
                const char *body)
{
    house_ask(house, door, method, path, NULL, body, &answer);
}

static void expect_body(const char *text)
{
    if (!answer_has(&answer, text))
        fail_msg("missing: %s\n%s", text, answer.body);
}

static void put(struct house *house, const char *host, const char *id, const char *user,
                enum administrator administrator)
{
    const struct connection connection = {
        host, id, user, HOUSE_NOW_MS, KIND_DESKTOP, ROUTE_RDP, CONNECTION_ACTIVE, administrator};
    assert_int_equal(tally_put(house->tally, &connection, REPORTED_BY_HOST), 0);
}

/* h1 follows h2. */
static struct house *follower(void)
{
    struct house *house = house_open();
    house->place = (struct farm_place){.part = FARM_FOLLOWS,
                                       .name = "office",
                                       .leader = "h2",
                                       .holder = "",
                                       .detail = "",
                                       .endpoint = "https://etcd1:2379",
                                       .verdict_at_ms = HOUSE_NOW_MS - 1000,
                                       .waiting = 3,
                                       .waiting_since_ms = HOUSE_NOW_MS - 2000,
                                       .revision = 40,
                                       .head = 42,
                                       .gaps = 1};
    return house;
}

static struct roll_host hosts[] = {
    {.host = "h1",
     .version = "0.7.0",
     .machine_id = "m1",
     .is_up = true,
     .through = 12,
     .last_change_ms = HOUSE_NOW_MS - 60000},
    {.host = "h2",
     .version = "0.7.1",
     .machine_id = "m2",
     .is_up = true,
     .through = 4,
     .last_change_ms = HOUSE_NOW_MS - 30000},
    {.host = "h3", .silent_since_ms = HOUSE_NOW_MS - 90000, .through = 9},
    {.host = "h4", .silent_since_ms = HOUSE_NOW_MS - 900000, .lost = true},
    {.host = "h5"},
};
static struct roll roll = {.hosts = hosts,
                           .host_count = 5,
                           .leader = "h2",
                           .head = 44,
                           .checkpoint_n = 7,
                           .checkpoint_at_ms = HOUSE_NOW_MS - 10000,
                           .checkpoint_revision = 41,
                           .unreadable = 2,
                           .gaps = {{.after_revision = 10,
                                     .through_revision = 20,
                                     .host = "h3",
                                     .changes = 4,
                                     .after_ms = HOUSE_NOW_MS - DAY_MS,
                                     .through_ms = HOUSE_NOW_MS - DAY_MS + 1000}},
                           .gap_count = 1,
                           .gaps_ever = 1};

/* The answer to GET /v1/farm, which waits for the roll. */
static void ask_farm(struct house *house)
{
    static const char request[] = "GET /v1/farm HTTP/1.1\r\nHost: x\r\n\r\n";
    int client = house_connect(house, API_DOOR_READER);
    house_send(house, client, request, strlen(request));
    house_turn(house);
    assert_non_null(house->rolls);
    house_release(house, &house->rolls, 1);
    house_receive(house, client, &answer);
    (void)close(client);
    assert_int_equal(answer.status, 200);
}

static void a_follower_tells_the_roll(void **state)
{
    struct house *house = follower();
    (void)state;
    house->roll = &roll;
    put(house, "h1", "1", "alice", ADMINISTRATOR_NO);
    put(house, "h9", "1", "told-by-a-broker", ADMINISTRATOR_NO);
    ask_farm(house);
    expect_body(
        "{\"farm_id\":null,\"mode\":\"etcd\",\"host\":\"h1\",\"now\":\"2026-01-05T08:00:00.000Z\","
        "\"name\":\"office\",\"part\":\"follows\",\"leader\":\"h2\",\"scope\":\"host\",\"since\":null,"
        "\"verdict_at\":\"2026-01-05T07:59:59.000Z\",\"waiting\":3,\"lag\":2,\"gaps\":1,\"detail\":\"\","
        "\"holder\":null,\"endpoint\":\"https://etcd1:2379\","
        "\"waiting_since\":\"2026-01-05T07:59:58.000Z\",\"revision\":40,\"head\":42,\"hosts\":[");
    expect_body("[{\"host\":\"h1\",\"connections\":1,\"exempt\":0,\"answering\":true,\"state\":\"follows\","
                "\"version\":\"0.7.0\",\"machine_id\":\"m1\",\"silent_since\":null,\"through\":12,"
                "\"last_change\":\"2026-01-05T07:59:00.000Z\"},{\"host\":\"h2\",\"connections\":null,"
                "\"exempt\":null,\"answering\":false,\"state\":\"leads\",\"version\":\"0.7.1\",");
    expect_body(
        "{\"host\":\"h3\",\"connections\":null,\"exempt\":null,\"answering\":false,\"state\":\"silent\","
        "\"version\":null,\"machine_id\":null,\"silent_since\":\"2026-01-05T07:58:30.000Z\"");
    expect_body(
        "{\"host\":\"h4\",\"connections\":null,\"exempt\":null,\"answering\":false,\"state\":\"lost\"");
    expect_body(
        "{\"host\":\"h5\",\"connections\":null,\"exempt\":null,\"answering\":false,\"state\":\"down\"");
    assert_false(answer_has(&answer, "h9"));
    expect_body(
        "\"store_detail\":\"\",\"store\":{\"revision\":44,\"checkpoint\":{\"number\":7,\"revision\":41,"
        "\"at\":\"2026-01-05T07:59:50.000Z\"},\"gaps\":[{\"after\":\"2026-01-04T08:00:00.000Z\","
        "\"through\":\"2026-01-04T08:00:01.000Z\",\"after_revision\":10,\"through_revision\":20,\"host\":"
        "\"h3\",\"changes\":4}],"
        "\"gaps_ever\":1,\"unreadable\":2,\"more\":false}}");
    house_close(house);
}

static void a_leader_knows_everybodys_connections(void **state)
{
    struct house *house = follower();
    (void)state;
    house->roll = &roll;
    house->place.part = FARM_LEADS;
    house->place.leader = "h1";
    house->place.whole = true;
    put(house, "h2", "1", "alice", ADMINISTRATOR_NO);
    put(house, "h9", "1", "bob", ADMINISTRATOR_NO);
    ask_farm(house);
    expect_body("\"part\":\"leads\",\"leader\":\"h2\",\"scope\":\"farm\""); /* who leads the store knows */
    expect_body("[{\"host\":\"h1\",\"connections\":0,\"exempt\":0,\"answering\":true,");
    expect_body("{\"host\":\"h2\",\"connections\":1,\"exempt\":0,\"answering\":false,\"state\":\"leads\"");
    expect_body("{\"host\":\"h3\",\"connections\":0,");
    expect_body("{\"host\":\"h9\",\"connections\":1,\"exempt\":0,\"answering\":false}],");
    house_close(house);
}

static void a_store_that_does_not_answer_leaves_the_rest(void **state)
{
    struct house *house = follower();
    (void)state;
    house->roll_error = ERROR_TIMEOUT;
    house->roll_detail = "the shared store does not answer";
    house->place.part = FARM_CUT_OFF;
    house->place.since_ms = HOUSE_NOW_MS - 5000;
    house->place.detail = "no answer";
    house->place.leader = "";
    house->place.revision = 0;
    ask_farm(house);
    expect_body("\"part\":\"cut_off\",\"leader\":null,\"scope\":\"host\",\"since\":"
                "\"2026-01-05T07:59:55.000Z\"");
    expect_body("\"lag\":null,");
    expect_body("\"detail\":\"no answer\",");
    expect_body("\"hosts\":null,\"store_detail\":\"the shared store does not answer\",\"store\":null}");
    house_close(house);
}

static void an_api_that_closes_meanwhile_tells_nobody(void **state)
{
    static const char request[] = "GET /v1/farm HTTP/1.1\r\nHost: x\r\n\r\n";
    struct house *house = follower();
    (void)state;
    int client = house_connect(house, API_DOOR_READER);
    house_send(house, client, request, strlen(request));
    house_turn(house);
    house_close(house);
}

static void status_tells_the_farm_and_this_host(void **state)
{
    struct house *house = follower();
    (void)state;
    put(house, "h1", "1", "alice", ADMINISTRATOR_NO);
    put(house, "h1", "2", "alice", ADMINISTRATOR_NO);
    put(house, "h1", "3", "root1", ADMINISTRATOR_YES);
    put(house, "h2", "1", "bob", ADMINISTRATOR_NO);
    ask(house, API_DOOR_READER, "GET", "/v1/status", NULL);
    assert_int_equal(answer.status, 200);
    expect_body(
        "\"farm\":{\"name\":\"office\",\"part\":\"follows\",\"leader\":\"h2\",\"scope\":\"host\","
        "\"since\":null,\"verdict_at\":\"2026-01-05T07:59:59.000Z\",\"waiting\":3,\"lag\":2,\"gaps\":1},"
        "\"this_host\":{\"concurrent_users\":1,\"users\":2,\"connections\":3,\"consuming\":2,"
        "\"exempt\":1,\"disconnected\":0}}");
    house_close(house);
}

/* Whichever of a user's connections is met first, and however many users there are. */
static void everyone_here_counts_once(void **state)
{
    struct house *house = follower();
    char id[16], user[16];
    (void)state;
    for (int i = 0; i < 300; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        (void)snprintf(user, sizeof(user), "user%d", i % 150);
        put(house, "h1", id, user, i < 3 || (i >= 150 && i < 153) ? ADMINISTRATOR_YES : ADMINISTRATOR_NO);
    }
    ask(house, API_DOOR_READER, "GET", "/v1/status", NULL);
    expect_body("\"this_host\":{\"concurrent_users\":150,\"users\":150,\"connections\":300,\"consuming\":298,"
                "\"exempt\":2,\"disconnected\":0}}");
    house_close(house);
}

static void lists_say_whose_they_are(void **state)
{
    static const char *const paths[] = {"/v1/connections", "/v1/users", "/v1/explain",
                                        "/v1/connections?state=disconnected"};
    struct house *house = follower();
    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ask(house, API_DOOR_READER, "GET", paths[i], NULL);
        assert_int_equal(answer.status, 200);
        expect_body("\"scope\":\"host\"");
    }
    house->place.whole = true;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ask(house, API_DOOR_READER, "GET", paths[i], NULL);
        expect_body("\"scope\":\"farm\"");
    }
    house_close(house);
}

static void an_explanation_says_what_it_does_not_know(void **state)
{
    struct house *house = follower();
    (void)state;
    ask(house, API_DOOR_READER, "GET", "/v1/explain?user=carol", NULL);
    expect_body("\"scope_why\":[{\"code\":\"speaks_for_itself\",");
    expect_body("\"fields\":{\"host\":\"h1\",\"leader\":\"h2\"}}]");
    expect_body("\"code\":\"user_not_here\"");
    house->place.leader = "";
    ask(house, API_DOOR_READER, "GET", "/v1/explain", NULL);
    expect_body("\"scope_why\":[{\"code\":\"nobody_leads\",");
    house->place.whole = true;
    ask(house, API_DOOR_READER, "GET", "/v1/explain?user=carol", NULL);
    expect_body("\"scope_why\":[],");
    expect_body("\"code\":\"user_not_on\"");
    house_close(house);
}

static void settings_are_the_farms(void **state)
{
    struct house *house = follower();
    (void)state;
    house->farm_settings[0] = (struct house_farm_setting){"gate.strict", "true", "false"};
    house->farm_settings[1] = (struct house_farm_setting){"sessions.api_lease", "\"12h\"", "\"12h\""};
    house->farm_setting_count = 2;
    ask(house, API_DOOR_READER, "GET", "/v1/farm/settings", NULL);
    expect_body(
        "{\"host\":\"h1\",\"settings\":[{\"path\":\"gate.strict\",\"value\":\"true\",\"host_value\":"
        "\"false\"},{\"path\":\"sessions.api_lease\",\"value\":\"\\\"12h\\\"\",\"host_value\":null}]}");
    ask(house, API_DOOR_ADMIN, "PUT", "/v1/farm/settings/gate.strict", "{\"value\":\"true\"}");
    assert_int_equal(answer.status, 204);
    ask(house, API_DOOR_ADMIN, "DELETE", "/v1/farm/settings/gate.strict", NULL);
    ask(house, API_DOOR_ADMIN, "POST", "/v1/farm/leave", NULL);
    ask(house, API_DOOR_ADMIN, "POST", "/v1/farm/leave", "{\"force\":true}");
    assert_string_equal(house->log, "farm set gate.strict to true\nfarm set gate.strict to nothing\nleave\n"
                                    "leave by force\n");
    house->outcome = (struct api_outcome){.status = 409, .code = "not_leader", .moves_left = -1};
    ask(house, API_DOOR_ADMIN, "DELETE", "/v1/farm/settings/gate.strict", NULL);
    assert_int_equal(answer.status, 409);
    expect_body("\"not_leader\"");
    house_close(house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_follower_tells_the_roll),
        cmocka_unit_test(a_leader_knows_everybodys_connections),
        cmocka_unit_test(a_store_that_does_not_answer_leaves_the_rest),
        cmocka_unit_test(an_api_that_closes_meanwhile_tells_nobody),
        cmocka_unit_test(status_tells_the_farm_and_this_host),
        cmocka_unit_test(everyone_here_counts_once),
        cmocka_unit_test(lists_say_whose_they_are),
        cmocka_unit_test(an_explanation_says_what_it_does_not_know),
        cmocka_unit_test(settings_are_the_farms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
