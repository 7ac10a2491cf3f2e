/* http_client_probe URL CA_FILE TOTAL_MS - one request through common/http_client, for
 * test_http_client_tls.py: prints the error's words, the HTTP status, and the private dirty memory before,
 * during and after in KiB. */
#include "common/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe {
    struct http_client *client;
    long before_kib, during_kib;
};

static long private_kib(void)
{
    char line[256];
    long sum = 0, value = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Private_Dirty: %ld", &value) == 1)
            sum += value;
    if (file)
        fclose(file);
    return sum;
}

static void on_answer(void *data, const struct http_client_answer *answer)
{
    struct probe *probe = data;
    probe->during_kib = private_kib();
    printf("%s|%d|%.*s|%s\n", answer->error ? error_text(answer->error) : "ok", answer->status,
           (int)answer->body_bytes, answer->body, answer->detail);
}

static void on_closed(void *data)
{
    struct probe *probe = data;
    printf("%ld|%ld|%ld\n", probe->before_kib, probe->during_kib, private_kib());
}

static void on_later(uv_timer_t *timer)
{
    struct probe *probe = timer->data;
    http_client_close(probe->client, on_closed, probe);
    uv_close((uv_handle_t *)timer, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 64;
    uv_loop_t loop;
    uv_timer_t timer;
    struct http_client_settings settings = {.ca_file = strcmp(argv[2], "-") ? argv[2] : NULL,
                                            .total_ms = (unsigned)strtoul(argv[3], NULL, 10)};
    if (uv_loop_init(&loop))
        return 1;
    struct probe probe = {.client = http_client_create(&loop, &settings), .before_kib = private_kib()};
    struct http_client_request request = {
        .method = "POST", .url = argv[1], .body = "{}", .body_bytes = 2, .bearer = "token"};
    int64_t id = probe.client ? http_client_send(probe.client, &request, on_answer, &probe) : -1;
    if (id < 0)
        printf("not started|0||%s\n", error_text((int)id));
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_timer_init(&loop, &timer);
    timer.data = &probe;
    uv_timer_start(&timer, on_later, 0, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) ? 1 : 0;
}
