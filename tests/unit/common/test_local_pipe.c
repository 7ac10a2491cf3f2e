/* Named pipes of Windows as the server's and the client's local sockets. */
#include "common/error.h"
#include "common/http_server.h"
#include "common/local_client.h"
#include "common/platform/windows/pipe_rights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include <sddl.h>

#include <cmocka.h>

#define CLIENTS        48
#define REQUESTS       4
#define PATIENCE_TURNS 2000
#define TURN_MS        5
#define LARGE_BYTES    (512 * 1024)

struct house {
    uv_loop_t loop;
    struct http_server *server;
    char path[64];
    unsigned requests;
    bool closed;
    char large[LARGE_BYTES];
};

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    struct house *house = data;
    house->requests++;
    bool large = strcmp(request->path, "/large") == 0;
    const struct http_reply reply = {.status = 200,
                                     .content_type = "text/plain",
                                     .body = large ? house->large : request->body.text,
                                     .body_bytes = large ? sizeof(house->large) : request->body.bytes};
    http_respond(exchange, &reply);
}

static int open_house(void **state)
{
    static struct house house;
    static unsigned count;
    house = (struct house){.requests = 0};
    memset(house.large, 'x', sizeof(house.large));
    (void)snprintf(house.path, sizeof(house.path), "//./pipe/farmgate-test-%lu-%u", GetCurrentProcessId(),
                   count++);
    const struct http_handlers handlers = {.on_request = on_request, .data = &house};
    assert_int_equal(uv_loop_init(&house.loop), 0);
    house.server = http_server_create(&house.loop, &handlers, NULL);
    assert_non_null(house.server);
    assert_int_equal(http_listen_local(house.server, house.path, 0, "no-such-group", NULL), 0);
    *state = &house;
    return 0;
}

static void on_house_closed(void *data)
{
    ((struct house *)data)->closed = true;
}

static int close_house(void **state)
{
    struct house *house = *state;
    http_server_close(house->server, 0, on_house_closed, house);
    (void)uv_run(&house->loop, UV_RUN_DEFAULT);
    assert_true(house->closed);
    return uv_loop_close(&house->loop);
}

/* --- clients, each on a thread of its own -----------------------------------------------------------------
 */

struct client {
    const char *path, *target;
    unsigned requests, answered;
    size_t body_bytes;
    int error;
    atomic_bool done;
    uv_thread_t thread;
};

static void run_client(void *data)
{
    struct client *client = data;
    for (unsigned i = 0; i < client->requests; i++) {
        const struct local_client_request request = {.socket_path = client->path,
                                                     .method = "POST",
                                                     .target = client->target,
                                                     .content_type = "text/plain",
                                                     .body = "body",
                                                     .body_bytes = 4};
        struct local_client_answer answer;
        client->error = local_client_request(&request, &answer, NULL);
        if (client->error)
            break;
        client->answered += answer.status == 200;
        client->body_bytes = answer.body_bytes;
        local_client_answer_finish(&answer);
    }
    atomic_store(&client->done, true);
}

static void start_client(struct client *client, const struct house *house, const char *target,
                         unsigned requests)
{
    *client = (struct client){.path = house->path, .target = target, .requests = requests};
    assert_int_equal(uv_thread_create(&client->thread, run_client, client), 0);
}

static void turn(struct house *house)
{
    (void)uv_run(&house->loop, UV_RUN_NOWAIT);
    Sleep(TURN_MS);
}

static void finish_client(struct client *client, struct house *house)
{
    for (unsigned i = 0; i < PATIENCE_TURNS && !atomic_load(&client->done); i++)
        turn(house);
    assert_true(atomic_load(&client->done));
    assert_int_equal(uv_thread_join(&client->thread), 0);
}

static void many_clients_are_answered(void **state)
{
    static struct client clients[CLIENTS];
    struct house *house = *state;
    for (unsigned i = 0; i < CLIENTS; i++)
        start_client(&clients[i], house, "/", REQUESTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        finish_client(&clients[i], house);
        assert_int_equal(clients[i].error, 0);
        assert_int_equal(clients[i].answered, REQUESTS);
        assert_int_equal(clients[i].body_bytes, 4);
    }
    assert_int_equal(house->requests, CLIENTS * REQUESTS);
}

static void a_large_answer_comes_whole(void **state)
{
    struct house *house = *state;
    struct client client;
    start_client(&client, house, "/large", 1);
    finish_client(&client, house);
    assert_int_equal(client.error, 0);
    assert_int_equal(client.body_bytes, LARGE_BYTES);
}

static HANDLE open_raw(const struct house *house, DWORD rights)
{
    wchar_t path[64];
    (void)swprintf(path, 64, L"%hs", house->path);
    for (wchar_t *at = path; *at; at++)
        *at = *at == L'/' ? L'\\' : *at;
    return CreateFileW(path, rights, 0, NULL, OPEN_EXISTING, 0, NULL);
}

static void clients_that_go_away_leave_nothing(void **state)
{
    static const char *const said[] = {"", "GET ",
                                       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
                                       "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"};
    struct house *house = *state;
    for (size_t i = 0; i < 3 * sizeof(said) / sizeof(said[0]); i++) {
        const char *text = said[i / 3];
        DWORD written;
        HANDLE pipe = open_raw(house, PIPE_RIGHTS_CLIENT);
        assert_ptr_not_equal(pipe, INVALID_HANDLE_VALUE);
        assert_true(WriteFile(pipe, text, (DWORD)strlen(text), &written, NULL));
        for (size_t turns = 0; turns < i % 3 * 4; turns++)
            turn(house);
        assert_true(CloseHandle(pipe));
        for (int turns = 0; turns < 4; turns++)
            turn(house);
    }
    for (unsigned i = 0; i < PATIENCE_TURNS && http_server_clients(house->server) > 0; i++)
        turn(house);
    assert_int_equal(http_server_clients(house->server), 0);
    struct client client;
    start_client(&client, house, "/", 1);
    finish_client(&client, house);
    assert_int_equal(client.answered, 1);
}

static void a_name_that_is_taken_is_said_to_be(void **state)
{
    struct house *house = *state;
    assert_int_equal(http_listen_local(house->server, house->path, 0, NULL, NULL), ERROR_BUSY);
    assert_int_equal(http_listen_local(house->server, "//./pipe/\xff", 0, NULL, NULL), ERROR_INVALID);
}

static void nobody_there_is_said_as_such(void **state)
{
    struct error_detail detail = {""};
    struct local_client_answer answer;
    const struct local_client_request request = {
        .socket_path = "//./pipe/farmgate-test-nobody", .method = "GET", .target = "/"};
    (void)state;
    assert_int_equal(local_client_request(&request, &answer, &detail), ERROR_UNREACHABLE);
    assert_non_null(strstr(detail.text, "nobody listens there"));
}

static void only_those_named_may_open_it(void **state)
{
    PSECURITY_DESCRIPTOR rights = pipe_rights_make("no-such-group");
    wchar_t *text = NULL;
    (void)state;
    assert_non_null(rights);
    assert_true(ConvertSecurityDescriptorToStringSecurityDescriptorW(rights, SDDL_REVISION_1,
                                                                     DACL_SECURITY_INFORMATION, &text, NULL));
    (void)LocalFree(rights);
    assert_int_equal(wcsncmp(text, L"D:P(D;;GA;;;NU)", 15), 0); /* what refuses comes first */
    assert_non_null(wcsstr(text, L"(A;;GA;;;SY)"));
    assert_non_null(wcsstr(text, L"(A;;GA;;;BA)"));
    unsigned entries = 0;
    for (const wchar_t *at = text; *at; at++)
        entries += *at == L'(';
    assert_int_equal(entries, 4); /* and our own account */
    (void)LocalFree(text);
    assert_false(PIPE_RIGHTS_CLIENT & FILE_CREATE_PIPE_INSTANCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_clients_are_answered, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_large_answer_comes_whole, open_house, close_house),
        cmocka_unit_test_setup_teardown(clients_that_go_away_leave_nothing, open_house, close_house),
        cmocka_unit_test_setup_teardown(a_name_that_is_taken_is_said_to_be, open_house, close_house),
        cmocka_unit_test(nobody_there_is_said_as_such),
        cmocka_unit_test(only_those_named_may_open_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
