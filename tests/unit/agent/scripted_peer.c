#include "scripted_peer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDLESS_BYTES 100000000
#define CHUNK_BYTES   65536

struct peer_client {
    struct peer_client *next;
    struct scripted_peer *peer;
    uv_tcp_t tcp;
    char request[PEER_REQUEST_BYTES_MAX];
    size_t request_bytes;
};

struct sending {
    uv_write_t write;
    char *text;
};

static void on_client_closed(uv_handle_t *handle)
{
    struct peer_client *client = handle->data;
    struct peer_client **link = &client->peer->clients;
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    free(client);
}

static void hang_up(struct peer_client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->tcp))
        uv_close((uv_handle_t *)&client->tcp, on_client_closed);
}

static void on_sent(uv_write_t *write, int status)
{
    struct sending *sending = (struct sending *)write;
    struct peer_client *client = write->handle->data;
    (void)status;
    free(sending->text);
    free(sending);
    hang_up(client);
}

static void send_text(struct peer_client *client, char *text, size_t bytes, uv_write_cb on_written)
{
    struct sending *sending = calloc(1, sizeof(*sending));
    uv_buf_t buffer = uv_buf_init(text, (unsigned)bytes);
    sending->text = text;
    if (uv_write(&sending->write, (uv_stream_t *)&client->tcp, &buffer, 1, on_written) != 0)
        hang_up(client);
}

static void send_more(struct peer_client *client);

static void on_sent_more(uv_write_t *write, int status)
{
    struct sending *sending = (struct sending *)write;
    struct peer_client *client = write->handle->data;
    free(sending->text);
    free(sending);
    if (status == 0)
        send_more(client);
    else
        hang_up(client);
}

static void send_more(struct peer_client *client)
{
    if (client->peer->sent_bytes >= ENDLESS_BYTES || uv_is_closing((uv_handle_t *)&client->tcp)) {
        hang_up(client);
        return;
    }
    char *chunk = malloc(CHUNK_BYTES);
    memset(chunk, 'x', CHUNK_BYTES);
    client->peer->sent_bytes += CHUNK_BYTES;
    send_text(client, chunk, CHUNK_BYTES, on_sent_more);
}

static void send_answer(struct peer_client *client, size_t announced_bytes)
{
    const struct scripted_peer *peer = client->peer;
    char *text;
    int bytes =
        asprintf(&text, "HTTP/1.1 %d Whatever\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n%s",
                 peer->status, announced_bytes, peer->headers, peer->body);
    send_text(client, text, (size_t)bytes, on_sent);
}

static void send_garbage(struct peer_client *client)
{
    char *text = malloc(1000);
    for (int i = 0; i < 1000; i++)
        text[i] = (char)(i * 37 + 200);
    send_text(client, text, 1000, on_sent);
}

static void send_redirect(struct peer_client *client)
{
    char *text = strdup("HTTP/1.1 302 Found\r\nLocation: /v1/reports\r\nContent-Length: 0\r\n"
                        "Connection: close\r\n\r\n");
    send_text(client, text, strlen(text), on_sent);
}

static void send_endless(struct peer_client *client)
{
    char *text;
    int bytes = asprintf(&text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", ENDLESS_BYTES);
    send_text(client, text, (size_t)bytes, on_sent_more);
}

static void act(struct peer_client *client)
{
    struct scripted_peer *peer = client->peer;
    peer->requests++;
    memcpy(peer->request, client->request, client->request_bytes + 1);
    switch (peer->trick) {
    case PEER_ANSWERS:
        send_answer(client, strlen(peer->body));
        break;
    case PEER_HANGS_UP_HALFWAY:
        send_answer(client, 2 * strlen(peer->body));
        break;
    case PEER_TALKS_GARBAGE:
        send_garbage(client);
        break;
    case PEER_HANGS_UP:
        hang_up(client);
        break;
    case PEER_NEVER_ENDS:
        send_endless(client);
        break;
    case PEER_REDIRECTS:
        send_redirect(client);
        break;
    case PEER_SAYS_NOTHING:
        break;
    }
}

static bool complete(const struct peer_client *client)
{
    const char *end = strstr(client->request, "\r\n\r\n");
    const char *length = strcasestr(client->request, "\r\ncontent-length:");
    size_t body_bytes = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
    return end && client->request_bytes >= (size_t)(end + 4 - client->request) + body_bytes;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct peer_client *client = handle->data;
    (void)suggested;
    *ret = uv_buf_init(client->request + client->request_bytes,
                       (unsigned)(PEER_REQUEST_BYTES_MAX - 1 - client->request_bytes));
}

static void on_bytes(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer)
{
    struct peer_client *client = stream->data;
    (void)buffer;
    if (bytes < 0) {
        hang_up(client);
        return;
    }
    client->request_bytes += (size_t)bytes;
    client->request[client->request_bytes] = '\0';
    if (bytes > 0 && complete(client))
        act(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct scripted_peer *peer = listener->data;
    struct peer_client *client = status == 0 ? calloc(1, sizeof(*client)) : NULL;
    if (!client)
        return;
    client->peer = peer;
    client->next = peer->clients;
    peer->clients = client;
    (void)uv_tcp_init(listener->loop, &client->tcp);
    client->tcp.data = client;
    if (uv_accept(listener, (uv_stream_t *)&client->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&client->tcp, on_room, on_bytes) != 0)
        hang_up(client);
}

int scripted_peer_start(struct scripted_peer *peer, uv_loop_t *loop, char *ret_url, size_t ret_bytes)
{
    struct sockaddr_in address;
    int length = sizeof(address);
    (void)uv_tcp_init(loop, &peer->listener);
    peer->listener.data = peer;
    int error = uv_ip4_addr("127.0.0.1", 0, &address);
    if (error == 0)
        error = uv_tcp_bind(&peer->listener, (const struct sockaddr *)&address, 0);
    if (error == 0)
        error = uv_listen((uv_stream_t *)&peer->listener, 16, on_connection);
    if (error == 0)
        error = uv_tcp_getsockname(&peer->listener, (struct sockaddr *)&address, &length);
    if (error == 0)
        (void)snprintf(ret_url, ret_bytes, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return error;
}

void scripted_peer_stop(struct scripted_peer *peer)
{
    for (struct peer_client *client = peer->clients; client; client = client->next)
        hang_up(client);
    if (!uv_is_closing((uv_handle_t *)&peer->listener))
        uv_close((uv_handle_t *)&peer->listener, NULL);
}

const char *scripted_peer_body(const struct scripted_peer *peer)
{
    const char *end = strstr(peer->request, "\r\n\r\n");
    return end ? end + 4 : "";
}
