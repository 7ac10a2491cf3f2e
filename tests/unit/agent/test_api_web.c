/* GET / and /v1/web/links: the page, and the keys to it. */
#include "api_house.h"

#include "agent/api/api_internal.h"
#include "agent/api/web_links.h"
#include "agent/web/page.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOUR_MS 3600000

static struct answer answer;

static void ask(struct house *house, enum api_door door, const char *method, const char *path,
                const char *headers, const char *body)
{
    house_ask(house, door, method, path, headers, body, &answer);
}

static void expect(const char *what, int status, const char *code)
{
    char got[80];
    (void)answer_member(&answer, "code", got, sizeof(got));
    if (answer.status != status || (code && strcmp(code, got) != 0))
        fail_msg("%s: %d %s, not %d %s\n%s", what, answer.status, got, status, code ? code : "", answer.body);
}

/* Makes a link; `ret` is the header that its bearer sends. */
static void make_link(struct house *house, enum api_door door, const char *body, char ret[128])
{
    char token[TOKENS_TEXT_BYTES + 8];
    ask(house, door, "POST", "/v1/web/links", NULL, body);
    expect("a link", 200, NULL);
    (void)answer_member(&answer, "token", token, sizeof(token));
    assert_int_equal(strlen(token), TOKENS_TEXT_BYTES - 1);
    (void)snprintf(ret, 128, "Authorization: Bearer %s\r\n", token);
}

static void test_page(void **state)
{
    static const char *const headers[] = {
        "Content-Type: text/html; charset=utf-8\r\n",
        "Content-Security-Policy: default-src 'none'; script-src 'sha256-",
        "; style-src 'sha256-",
        "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ",
        "X-Frame-Options: DENY\r\n",
        "X-Content-Type-Options: nosniff\r\n",
        "Referrer-Policy: no-referrer\r\n",
    };
    struct house *house = house_open();
    (void)state;
    for (int door = 0; door < API_DOOR_MAX; door++) {
        ask(house, (enum api_door)door, "GET", "/", NULL, NULL);
        expect("the page takes no token", 200, NULL);
        for (size_t i = 0; i < COUNT(headers); i++)
            if (!answer_has(&answer, headers[i]))
                fail_msg("door %d: no %s", door, headers[i]);
        assert_memory_equal(answer.body, web_page, web_page_bytes);
    }
    assert_true(web_page_bytes <= 60000);
    assert_null(strstr(web_page_policy, "unsafe"));
    ask(house, API_DOOR_TCP, "HEAD", "/", NULL, NULL);
    expect("its head", 200, NULL);
    ask(house, API_DOOR_TCP, "GET", "/", "Host: rebound.evil.example\r\n", NULL);
    expect("under a stranger's name", 403, "host_not_allowed");
    ask(house, API_DOOR_TCP, "POST", "/", NULL, "");
    expect("another method", 405, "method_not_allowed");
    ask(house, API_DOOR_TCP, "GET", "/?token=x", NULL, NULL);
    expect("a token where servers see it", 400, "unknown_parameter");
    house_close(house);
}

static void test_link(void **state)
{
    struct house *house = house_open();
    char bearer[128], address[64], ends_at[64], wanted[64];
    (void)state;
    make_link(house, API_DOOR_READER, NULL, bearer);
    (void)answer_member(&answer, "address", address, sizeof(address));
    (void)snprintf(wanted, sizeof(wanted), "127.0.0.1:%d", house->port);
    assert_string_equal(address, wanted);
    (void)answer_member(&answer, "ends_at", ends_at, sizeof(ends_at));
    assert_string_equal(ends_at, "2026-01-05T16:00:00.000Z");
    ask(house, API_DOOR_TCP, "GET", "/v1/users", bearer, NULL);
    expect("it reads", 200, NULL);
    ask(house, API_DOOR_TCP, "GET", "/v1/gate?user=alice&host=h2", bearer, NULL);
    assert_int_not_equal(answer.status, 401);
    ask(house, API_DOOR_TCP, "DELETE", "/v1/connections/h1/1", bearer, NULL);
    expect("and changes nothing", 403, "read_only");
    ask(house, API_DOOR_TCP, "POST", "/v1/web/links", bearer, NULL);
    expect("nor makes itself another", 403, "read_only");
    assert_int_equal(house->change_count, 0);
    bearer[strlen(bearer) - 3] ^= 1;
    ask(house, API_DOOR_TCP, "GET", "/v1/users", bearer, NULL);
    expect("another token", 401, "token_unknown");
    ask(house, API_DOOR_TCP, "POST", "/v1/web/links", "Authorization: Bearer " HOUSE_WRITER "\r\n", NULL);
    expect("over TCP nobody makes one", 403, "socket_only");
    ask(house, API_DOOR_TCP, "DELETE", "/v1/web/links", "Authorization: Bearer " HOUSE_WRITER "\r\n", NULL);
    expect("or takes one back", 403, "socket_only");
    house_close(house);
}

static void test_hours(void **state)
{
    static const struct {
        const char *body, *ends_at; /* NULL: refused */
    } cases[] = {
        {"{}", "2026-01-05T16:00:00.000Z"},
        {"{\"hours\":1}", "2026-01-05T09:00:00.000Z"},
        {"{\"hours\":24}", "2026-01-06T08:00:00.000Z"},
        {"{\"hours\":0}", NULL},
        {"{\"hours\":25}", NULL},
        {"{\"hours\":\"8\"}", NULL},
        {"{\"hours\":1.5}", NULL},
        {"8", NULL},
    };
    struct house *house = house_open();
    char ends_at[64];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        ask(house, API_DOOR_ADMIN, "POST", "/v1/web/links", NULL, cases[i].body);
        (void)answer_member(&answer, "ends_at", ends_at, sizeof(ends_at));
        expect(cases[i].body, cases[i].ends_at ? 200 : 400, cases[i].ends_at ? NULL : "invalid");
        assert_string_equal(ends_at, cases[i].ends_at ? cases[i].ends_at : "");
    }
    house_close(house);
}

static void test_ends(void **state)
{
    struct house *house = house_open();
    char first[128], second[128];
    (void)state;
    make_link(house, API_DOOR_ADMIN, NULL, first);
    make_link(house, API_DOOR_ADMIN, NULL, second);
    house->api->links.list[0].ends_ms = uv_now(&house->loop);
    ask(house, API_DOOR_TCP, "GET", "/v1/users", first, NULL);
    expect("after its hours", 401, "token_unknown");
    ask(house, API_DOOR_TCP, "GET", "/v1/users", second, NULL);
    expect("the other holds", 200, NULL);
    ask(house, API_DOOR_READER, "DELETE", "/v1/web/links", NULL, NULL);
    expect("a reader takes nobody's link back", 403, "read_only");
    ask(house, API_DOOR_ADMIN, "DELETE", "/v1/web/links", NULL, NULL);
    expect("an administrator does", 204, NULL);
    ask(house, API_DOOR_TCP, "GET", "/v1/users", second, NULL);
    expect("none holds", 401, "token_unknown");
    house_close(house);
}

static void test_no_listener(void **state)
{
    struct house *house = house_open();
    (void)state;
    house->api->tcp_address[0] = '\0';
    ask(house, API_DOOR_READER, "POST", "/v1/web/links", NULL, NULL);
    expect("no browser reaches it", 409, "no_tcp_listener");
    assert_int_equal(house->api->links.made, 0);
    house_close(house);
}

static int follow(struct house *house, const char *bearer)
{
    char request[256];
    int client = house_connect(house, API_DOOR_TCP);
    (void)snprintf(request, sizeof(request), "GET /v1/events HTTP/1.0\r\nHost: localhost\r\n%s\r\n", bearer);
    house_send(house, client, request, strlen(request));
    house_receive_some(house, client, &answer);
    expect("following", 200, NULL);
    return client;
}

static bool cut_off(struct house *house, int client)
{
    char byte;
    house_turn(house);
    return recv(client, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static void test_followers_end_with_their_link(void **state)
{
    struct house *house = house_open();
    char bearer[128];
    (void)state;
    make_link(house, API_DOOR_ADMIN, NULL, bearer);
    int by_link = follow(house, bearer);
    int by_file = follow(house, "Authorization: Bearer " HOUSE_READER "\r\n");
    assert_false(cut_off(house, by_link));
    ask(house, API_DOOR_ADMIN, "DELETE", "/v1/web/links", NULL, NULL);
    assert_true(cut_off(house, by_link));
    assert_false(cut_off(house, by_file));
    (void)close(by_link);
    (void)close(by_file);
    house_turn(house);
    house_close(house);
}

static void test_the_one_that_ends_first_gives_way(void **state)
{
    static struct web_links links;
    char token[TOKENS_TEXT_BYTES], other[TOKENS_TEXT_BYTES];
    (void)state;
    for (uint64_t i = 0; i < WEB_LINKS_MAX; i++)
        web_links_make(&links, 0, (i == 3 ? 1 : 2) * HOUR_MS, token);
    assert_true(web_links_holds(&links, 4, HOUR_MS - 1));
    assert_false(web_links_holds(&links, 4, HOUR_MS));
    web_links_make(&links, 0, HOUR_MS, other);
    assert_string_not_equal(token, other);
    assert_false(web_links_holds(&links, 4, 0));
    for (uint64_t number = 1; number <= WEB_LINKS_MAX + 1; number++)
        assert_int_equal(web_links_holds(&links, number, 0), number != 4);
    assert_false(web_links_holds(&links, 0, 0));
    web_links_make(&links, 2 * HOUR_MS, HOUR_MS, token); /* in the place of one that has ended */
    assert_true(web_links_holds(&links, WEB_LINKS_MAX + 2, 2 * HOUR_MS));
    assert_true(links.list[0].number == WEB_LINKS_MAX + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_no_listener),
        cmocka_unit_test(test_followers_end_with_their_link),
        cmocka_unit_test(test_the_one_that_ends_first_gives_way),
    };
    return cmocka_run_group_tests_name("api_web", tests, NULL, NULL);
}
