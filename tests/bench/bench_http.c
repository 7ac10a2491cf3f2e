/* bench_http - the smallest server on common/http_server: answers every request with 204, for bench_http.sh.
 */
#include "common/http_server.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static void on_request(void *data, struct http_exchange *exchange, const struct http_request *request)
{
    (void)data;
    char user[64];
    bool named = http_query(request, "user", user, sizeof user) > 0;
    http_respond(exchange, &(struct http_reply){.status = named ? 204 : 400});
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    uv_close((uv_handle_t *)signal, NULL);
    http_server_close(signal->data, 0, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_http ADDRESS:PORT\n");
        return 64;
    }
    uv_loop_t loop;
    uv_signal_t signal;
    struct http_handlers handlers = {.on_request = on_request};
    int fd = -1;
    if (uv_loop_init(&loop) || http_listen_tcp(argv[1], &fd))
        return 1;
    struct http_server *server = http_server_create(&loop, &handlers, NULL);
    if (!server || http_server_listen(server, fd, NULL))
        return 1;
    uv_signal_init(&loop, &signal);
    signal.data = server;
    uv_signal_start(&signal, on_signal, 15);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) ? 1 : 0;
}
