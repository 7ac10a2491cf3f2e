#include "common/rfc3339.h"
#include "reports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX    256
#define ANSWER_BYTES  16384
#define REQUEST_BYTES 2048
#define SAMPLES_MAX   (8U * 1024 * 1024)

struct client {
    int fd;
    uint32_t farm;
    double asked_s;
    size_t bytes;
    char answer[ANSWER_BYTES + 1];
};

struct drive {
    const struct reports_ledger *ledger;
    struct entitlement_keyring keyring;
    struct client *clients;
    unsigned client_count;
    int epoll;
    uint32_t next;
    uint32_t *samples_us;
    size_t sample_count;
    double end_s;
    bool failed;
};

static void fail(struct drive *drive, const char *what, const char *detail)
{
    if (!drive->failed)
        fprintf(stderr, "bench_reports: %s%s\n", what, detail);
    drive->failed = true;
}

static void ask(struct drive *drive, struct client *client)
{
    char id[REPORTS_FARM_BYTES], token[MESSAGE_TOKEN_BYTES_MAX + 1], body[REQUEST_BYTES / 2],
        request[REQUEST_BYTES];
    struct reports_turn turn = reports_turn(drive->ledger, drive->next++);
    struct report_window window = reports_window(drive->ledger, turn);
    char start[RFC3339_BYTES], end[RFC3339_BYTES], peak_at[RFC3339_BYTES];
    client->farm = turn.farm;
    reports_farm_id(client->farm, id);
    reports_token(client->farm, token);
    (void)rfc3339_format(window.start_ms, start);
    (void)rfc3339_format(window.end_ms, end);
    (void)rfc3339_format(window.peak_at_ms, peak_at);
    int body_bytes = snprintf(body, sizeof body,
                              "{\"farm_id\":\"%s\",\"app_version\":\"0.1.0\",\"windows\":[{\"sequence\":%d,"
                              "\"start\":\"%s\",\"end\":\"%s\",\"peak_users\":%d,\"peak_at\":\"%s\","
                              "\"users_at_end\":%d,\"exempt_peak\":%d,\"hosts\":%d}]}",
                              id, (int)window.sequence, start, end, (int)window.peak_users, peak_at,
                              (int)window.users_at_end, (int)window.exempt_peak, (int)window.hosts);
    int bytes = snprintf(request, sizeof request,
                         "POST /v1/reports HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
                         "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                         token, body_bytes, body);
    client->bytes = 0;
    client->asked_s = reports_now_s();
    if (send(client->fd, request, (size_t)bytes, MSG_NOSIGNAL) != bytes)
        fail(drive, "cannot send: ", strerror(errno));
}

/* The body of a complete answer, NULL until it is there. */
static const char *body_of(struct client *client, size_t *ret_bytes)
{
    client->answer[client->bytes] = '\0';
    const char *end = strstr(client->answer, "\r\n\r\n");
    if (end == NULL)
        return NULL;
    const char *length = strcasestr(client->answer, "\r\ncontent-length:");
    size_t bytes = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    if ((size_t)(client->answer + client->bytes - (end + 4)) < bytes)
        return NULL;
    *ret_bytes = bytes;
    return end + 4;
}

/* Whether the last answer is a report's, signed for its farm; the others are taken to be like it. */
static void check_signature(struct drive *drive, const struct client *client, const char *body, size_t bytes)
{
    struct report_answer *answer = malloc(sizeof *answer);
    struct entitlement entitlement;
    char id[REPORTS_FARM_BYTES];
    reports_farm_id(client->farm, id);
    if (answer == NULL || report_answer_decode(body, bytes, answer, NULL) != 0 ||
        answer->refused_count != 0 ||
        entitlement_verify(answer->entitlement, strlen(answer->entitlement), &drive->keyring, &entitlement,
                           NULL) != 0 ||
        strcmp(entitlement.farm_id, id) != 0 || entitlement.status != ENTITLEMENT_STANDS)
        fail(drive, "not the signed answer to a report: ", client->answer);
    free(answer);
}

static void take_answer(struct drive *drive, struct client *client)
{
    size_t bytes = 0;
    const char *body = body_of(client, &bytes);
    if (body == NULL)
        return;
    double now_s = reports_now_s();
    if (strncmp(client->answer, "HTTP/1.1 200", 12) != 0 || strstr(body, "\"entitlement\":\"fg1.") == NULL) {
        fail(drive, "no answer to a report: ", client->answer);
        return;
    }
    if (drive->sample_count < SAMPLES_MAX)
        drive->samples_us[drive->sample_count++] = (uint32_t)((now_s - client->asked_s) * 1e6);
    if (now_s >= drive->end_s)
        check_signature(drive, client, body, bytes);
    else
        ask(drive, client);
}

static void hear(struct drive *drive, struct client *client)
{
    ssize_t bytes =
        recv(client->fd, client->answer + client->bytes, ANSWER_BYTES - client->bytes, MSG_DONTWAIT);
    if (bytes > 0) {
        client->bytes += (size_t)bytes;
        take_answer(drive, client);
    } else if (bytes == 0 || (errno != EAGAIN && errno != EINTR)) {
        fail(drive, "the connection ended after: ", client->answer);
    }
}

static int dial(struct drive *drive, struct client *client, unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = client}};
    int on = 1;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    (void)setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return epoll_ctl(drive->epoll, EPOLL_CTL_ADD, client->fd, &event);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print(struct drive *drive, double taken_s, double cpu_s)
{
    size_t count = drive->sample_count;
    if (count == 0) {
        fail(drive, "nothing was answered", "");
        return;
    }
    qsort(drive->samples_us, count, sizeof drive->samples_us[0], compare);
    printf("%zu %.3f %u %u %u %.3f\n", count, taken_s, drive->samples_us[count / 2],
           drive->samples_us[count - 1 - count / 100], drive->samples_us[count - 1], cpu_s);
}

static void run(struct drive *drive, unsigned port, double seconds)
{
    struct epoll_event events[EVENTS_MAX];
    for (unsigned i = 0; i < drive->client_count; i++)
        if (dial(drive, &drive->clients[i], port) != 0) {
            fail(drive, "cannot connect: ", strerror(errno));
            return;
        }
    double begun_s = reports_now_s(), cpu_s = reports_cpu_s();
    drive->end_s = begun_s + seconds;
    for (unsigned i = 0; i < drive->client_count; i++)
        ask(drive, &drive->clients[i]);
    while (!drive->failed && reports_now_s() < drive->end_s) {
        int count = epoll_wait(drive->epoll, events, EVENTS_MAX, 100);
        for (int i = 0; i < count; i++)
            hear(drive, events[i].data.ptr);
    }
    if (!drive->failed)
        print(drive, reports_now_s() - begun_s, reports_cpu_s() - cpu_s);
}

int reports_drive(const struct reports_ledger *ledger, uint32_t from, unsigned port, unsigned clients,
                  double seconds, const char *public_key)
{
    struct drive drive = {.ledger = ledger, .client_count = clients, .next = from};
    drive.epoll = epoll_create1(EPOLL_CLOEXEC);
    drive.clients = calloc(clients, sizeof *drive.clients);
    drive.samples_us = malloc(SAMPLES_MAX * sizeof drive.samples_us[0]);
    drive.keyring.count = 1;
    if (drive.epoll < 0 || drive.clients == NULL || drive.samples_us == NULL)
        fail(&drive, "no memory", "");
    else if (entitlement_key_parse(public_key, &drive.keyring.keys[0]) != 0)
        fail(&drive, "no public key: ", public_key);
    else
        run(&drive, port, seconds);
    free(drive.samples_us);
    free(drive.clients);
    return drive.failed;
}
