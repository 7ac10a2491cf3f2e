#include "http_client.h"

#include "heap_trim.h"

#include <arpa/inet.h>
#include <assert.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RETRY_AFTER_MS_MAX (INT64_C(24) * 60 * 60 * 1000)

struct transfer {
    struct http_client *client;
    struct transfer *next;
    int64_t id;
    http_client_fn *done;
    http_client_bytes_fn *on_bytes;
    void *data;
    int stopped; /* what on_bytes returned to end it */
    CURL *easy;
    struct curl_slist *headers;
    char *body; /* of the request */
    char words[CURL_ERROR_SIZE];
    char *answer;
    size_t answer_bytes, answer_room, header_bytes;
    bool head_ended, finished, too_large, no_memory, cancelled;
    CURLcode result;
};

struct watched_socket {
    uv_poll_t poll;
    struct http_client *client;
    curl_socket_t fd;
};

struct http_client {
    uv_loop_t *loop;
    char *ca_file, *proxy, *user_agent, *certificate_file, *key_file;
    unsigned connect_ms, total_ms;
    CURLM *multi;      /* NULL while nothing is under way */
    uv_timer_t timer;  /* curl's */
    uv_idle_t deliver; /* runs while finished transfers wait to be told */
    struct transfer *transfers;
    int64_t last_id;
    unsigned transfer_count, handle_count;
    bool closing;
    void (*closed)(void *data);
    void *closed_data;
};

/* --- URLs --- */

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    char bare[INET6_ADDRSTRLEN + 1] = "";
    size_t bytes = strlen(host);
    if (strcasecmp(host, "localhost") == 0) /* which libcurl itself takes for 127.0.0.1 and ::1 */
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (bytes < 3 || bytes > sizeof bare || host[0] != '[' || host[bytes - 1] != ']')
        return false;
    memcpy(bare, host + 1, bytes - 2);
    return inet_pton(AF_INET6, bare, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int check_parts(const char *scheme, const char *host, bool has_user, struct error_detail *ret_detail)
{
    if (has_user) {
        error_detail_set(ret_detail, "no user name or password may stand in a URL");
        return ERROR_INVALID;
    }
    if (strcmp(scheme, "https") == 0)
        return 0;
    if (strcmp(scheme, "http") != 0) {
        error_detail_set(ret_detail, "\"%s\" is neither https nor http", scheme);
        return ERROR_INVALID;
    }
    if (!is_loopback(host)) {
        error_detail_set(ret_detail,
                         "http goes only to this machine (127.0.0.1, ::1, localhost), not to \"%s\": "
                         "use https",
                         host);
        return ERROR_INVALID;
    }
    return 0;
}

int http_client_url_check(const char *url, struct error_detail *ret_detail)
{
    char *scheme = NULL, *host = NULL, *user = NULL, *password = NULL;
    int error = ERROR_INVALID;
    CURLU *parsed = curl_url();
    if (!parsed) {
        error_detail_set(ret_detail, "out of memory");
        return ERROR_NO_MEMORY;
    }
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (!code)
        code = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
    if (!code)
        code = curl_url_get(parsed, CURLUPART_HOST, &host, 0);
    if (code) {
        error_detail_set(ret_detail, "not a URL: %s", curl_url_strerror(code));
    } else {
        bool has_user = curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK ||
                        curl_url_get(parsed, CURLUPART_PASSWORD, &password, 0) == CURLUE_OK;
        error = check_parts(scheme, host, has_user, ret_detail);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_free(password);
    curl_url_cleanup(parsed);
    return error;
}

/* curl takes port 1080 where none is told, and a scheme it does not know only when it is used. */
static int check_proxy_parts(const char *scheme, bool has_port, struct error_detail *ret_detail)
{
    static const char *const schemes[] = {"http", "https", "socks5", "socks5h"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strcmp(scheme, schemes[i]) != 0)
            continue;
        if (has_port)
            return 0;
        error_detail_set(ret_detail, "no port; allowed: like \"http://proxy.example:3128\"");
        return ERROR_INVALID;
    }
    error_detail_set(ret_detail, "\"%s\" is no kind of proxy; allowed: http, https, socks5, socks5h", scheme);
    return ERROR_INVALID;
}

int http_client_proxy_check(const char *url, struct error_detail *ret_detail)
{
    char *scheme = NULL, *port = NULL;
    int error = ERROR_INVALID;
    CURLU *parsed = curl_url();
    if (!parsed) {
        error_detail_set(ret_detail, "out of memory");
        return ERROR_NO_MEMORY;
    }
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (!code)
        code = curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0);
    if (code)
        error_detail_set(ret_detail, "not a URL like \"http://proxy.example:3128\": %s",
                         curl_url_strerror(code));
    else
        error = check_proxy_parts(scheme, curl_url_get(parsed, CURLUPART_PORT, &port, 0) == CURLUE_OK,
                                  ret_detail);
    curl_free(scheme);
    curl_free(port);
    curl_url_cleanup(parsed);
    return error;
}

/* --- what a transfer tells its owner --- */

static int error_of(const struct transfer *transfer)
{
    if (transfer->cancelled)
        return ERROR_CANCELLED;
    if (transfer->stopped)
        return transfer->stopped;
    if (transfer->too_large)
        return ERROR_TOO_LARGE;
    if (transfer->no_memory)
        return ERROR_NO_MEMORY;
    switch (transfer->result) {
    case CURLE_OK:
        return transfer->head_ended ? 0 : ERROR_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return ERROR_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED:
        return ERROR_TOO_LARGE;
    case CURLE_OUT_OF_MEMORY:
        return ERROR_NO_MEMORY;
    case CURLE_SSL_CACERT_BADFILE:
        return ERROR_CONFIGURATION;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        return ERROR_CERTIFICATE;
    default:
        return ERROR_UNREACHABLE;
    }
}

static int64_t retry_after_ms(CURL *easy)
{
    curl_off_t seconds = 0;
    if (curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
        return -1;
    return seconds > RETRY_AFTER_MS_MAX / 1000 ? RETRY_AFTER_MS_MAX : (int64_t)seconds * 1000;
}

static const char *words_of(const struct transfer *transfer, int error)
{
    if (!error)
        return "";
    if (transfer->stopped)
        return error_text(error);
    if (transfer->result == CURLE_OK && error == ERROR_UNREACHABLE)
        return "the answer ends before its head does";
    if (transfer->words[0])
        return transfer->words;
    return error == ERROR_UNREACHABLE ? curl_easy_strerror(transfer->result) : error_text(error);
}

static void tell(struct transfer *transfer)
{
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    int error = error_of(transfer);
    const char *detail = words_of(transfer, error);
    if (!error && status >= 300 && status < 400) {
        error = ERROR_REFUSED;
        detail = "the answer is a redirect, which is not followed";
    }
    struct http_client_answer answer = {.error = error,
                                        .detail = detail,
                                        .status = (int)status,
                                        .body = !error && transfer->answer ? transfer->answer : "",
                                        .body_bytes = error ? 0 : transfer->answer_bytes,
                                        .retry_after_ms = retry_after_ms(transfer->easy)};
    transfer->done(transfer->data, &answer);
}

static void transfer_free(struct transfer *transfer)
{
    if (!transfer)
        return;
    if (transfer->easy)
        curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    free(transfer->body);
    free(transfer->answer);
    free(transfer);
}

static void tear_down(struct http_client *client)
{
    if (!client->multi)
        return;
    (void)curl_multi_cleanup(client->multi);
    client->multi = NULL;
    curl_global_cleanup();
    if (!uv_is_closing((uv_handle_t *)&client->timer))
        (void)uv_timer_stop(&client->timer);
    heap_trim();
}

static void on_handle_closed(uv_handle_t *handle);

static void close_own_handles(struct http_client *client)
{
    uv_close((uv_handle_t *)&client->timer, on_handle_closed);
    uv_close((uv_handle_t *)&client->deliver, on_handle_closed);
}

static struct transfer *take_finished(struct http_client *client)
{
    for (struct transfer **link = &client->transfers; *link; link = &(*link)->next) {
        struct transfer *transfer = *link;
        if (!transfer->finished)
            continue;
        *link = transfer->next;
        client->transfer_count--;
        return transfer;
    }
    return NULL;
}

/* From the loop and from nowhere else, so that `done` may send, cancel and close as it likes. */
static void on_deliver(uv_idle_t *idle)
{
    struct http_client *client = idle->data;
    struct transfer *transfer = NULL;
    (void)uv_idle_stop(idle);
    while ((transfer = take_finished(client))) {
        tell(transfer);
        transfer_free(transfer);
    }
    if (client->transfer_count > 0)
        return;
    tear_down(client);
    if (client->closing && !uv_is_closing((uv_handle_t *)&client->timer))
        close_own_handles(client);
}

static void finish(struct transfer *transfer, CURLcode result)
{
    struct http_client *client = transfer->client;
    if (transfer->finished)
        return;
    transfer->finished = true;
    transfer->result = result;
    (void)curl_multi_remove_handle(client->multi, transfer->easy);
    (void)uv_idle_start(&client->deliver, on_deliver);
}

/* --- libcurl on the loop --- */

/* After every socket action, for whatever reason it was: a transfer may end in any of them. */
static void act(struct http_client *client, curl_socket_t fd, int what)
{
    int count = 0;
    CURLMsg *message = NULL;
    if (!client->multi)
        return;
    CURLMcode code = curl_multi_socket_action(client->multi, fd, what, &count);
    while ((message = curl_multi_info_read(client->multi, &count))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode result = message->data.result; /* gone with the handle's removal */
        char *private = NULL;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finish((struct transfer *)(void *)private, result);
    }
    /* A socket could not be watched: libcurl takes its transfers for dead, but says so only at their next
     * timeout. */
    if (code == CURLM_ABORTED_BY_CALLBACK)
        for (struct transfer *each = client->transfers; each; each = each->next)
            finish(each, CURLE_ABORTED_BY_CALLBACK);
}

static void on_timer(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *data)
{
    (void)multi;
    struct http_client *client = data;
    if (uv_is_closing((uv_handle_t *)&client->timer))
        return 0;
    if (timeout_ms < 0)
        (void)uv_timer_stop(&client->timer);
    else /* 0 included: libcurl must not be called from its own callback */
        (void)uv_timer_start(&client->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched_socket *watched = poll->data;
    int what = status < 0 ? CURL_CSELECT_ERR : 0;
    what |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    what |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    act(watched->client, watched->fd, what);
}

static void client_free(struct http_client *client)
{
    free(client->ca_file);
    free(client->proxy);
    free(client->user_agent);
    free(client->certificate_file);
    free(client->key_file);
    free(client);
}

static void handle_gone(struct http_client *client)
{
    client->handle_count--;
    if (client->handle_count > 0)
        return;
    void (*closed)(void *) = client->closed;
    void *data = client->closed_data;
    client_free(client);
    if (closed)
        closed(data);
}

static void on_handle_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

static void on_watched_closed(uv_handle_t *handle)
{
    struct watched_socket *watched = handle->data;
    struct http_client *client = watched->client;
    free(watched);
    handle_gone(client);
}

static struct watched_socket *watch(struct http_client *client, curl_socket_t fd)
{
    struct watched_socket *watched = calloc(1, sizeof *watched);
    if (!watched)
        return NULL;
    if (uv_poll_init_socket(client->loop, &watched->poll, fd) < 0) {
        free(watched);
        return NULL;
    }
    client->handle_count++;
    watched->poll.data = watched;
    watched->client = client;
    watched->fd = fd;
    (void)curl_multi_assign(client->multi, fd, watched);
    return watched;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    (void)easy;
    struct http_client *client = data;
    struct watched_socket *watched = socket_data;
    if (what == CURL_POLL_REMOVE) {
        if (watched) {
            (void)curl_multi_assign(client->multi, fd, NULL);
            uv_close((uv_handle_t *)&watched->poll, on_watched_closed);
        }
        return 0;
    }
    if (!watched)
        watched = watch(client, fd);
    if (!watched)
        return -1; /* see act */
    int events = what & CURL_POLL_IN ? UV_READABLE : 0;
    events |= what & CURL_POLL_OUT ? UV_WRITABLE : 0;
    return uv_poll_start(&watched->poll, events, on_poll) < 0 ? -1 : 0;
}

static int set_up(struct http_client *client)
{
    if (client->multi)
        return 0;
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return ERROR_NO_MEMORY;
    client->multi = curl_multi_init();
    if (!client->multi) {
        curl_global_cleanup();
        return ERROR_NO_MEMORY;
    }
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    (void)curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    (void)curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    return 0;
}

/* --- a request --- */

/* An error's body is short and kept, whoever takes the bytes of a good answer. */
static bool is_streamed(const struct transfer *transfer)
{
    long status = 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return transfer->on_bytes && status < 300;
}

static size_t on_answer(char *bytes, size_t size, size_t count, void *data)
{
    struct transfer *transfer = data;
    count *= size;
    if (is_streamed(transfer)) {
        transfer->stopped = transfer->on_bytes(transfer->data, bytes, count);
        return transfer->stopped ? 0 : count;
    }
    if (count > HTTP_CLIENT_ANSWER_BYTES_MAX - transfer->answer_bytes) {
        transfer->too_large = true;
        return 0;
    }
    if (transfer->answer_bytes + count > transfer->answer_room) {
        size_t room = transfer->answer_room ? transfer->answer_room : 4096;
        while (room < transfer->answer_bytes + count)
            room *= 2;
        char *larger = realloc(transfer->answer, room);
        if (!larger) {
            transfer->no_memory = true;
            return 0;
        }
        transfer->answer = larger;
        transfer->answer_room = room;
    }
    memcpy(transfer->answer + transfer->answer_bytes, bytes, count);
    transfer->answer_bytes += count;
    return count;
}

/* libcurl keeps every header line of an answer without bound, and takes a head that is cut for a whole one.
 */
static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    struct transfer *transfer = data;
    count *= size;
    if (count > 5 && memcmp(bytes, "HTTP/", 5) == 0)
        transfer->head_ended = false; /* the first, or the one behind "100 Continue"; not a trailer */
    else if (count > 0 && (bytes[0] == '\r' || bytes[0] == '\n'))
        transfer->head_ended = true;
    if (count > HTTP_CLIENT_HEADER_BYTES_MAX - transfer->header_bytes) {
        transfer->too_large = true;
        return 0;
    }
    transfer->header_bytes += count;
    return count;
}

static int add_header(struct transfer *transfer, const char *line)
{
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (!longer)
        return ERROR_NO_MEMORY;
    transfer->headers = longer;
    return 0;
}

static int add_headers(struct transfer *transfer, const struct http_client_request *request)
{
    int error = add_header(transfer, "Expect:");
    if (!error)
        error = add_header(transfer, "Accept: application/json, application/problem+json");
    if (!error)
        error = add_header(transfer, request->body ? "Content-Type: application/json" : "Content-Type:");
    const char *authorization = request->bearer ? request->bearer : request->authorization;
    if (error || !authorization)
        return error;
    for (const char *at = authorization; *at; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at > '~')
            return ERROR_INVALID; /* it would become further headers */
    char *line = NULL;
    if (asprintf(&line, "Authorization: %s%s", request->bearer ? "Bearer " : "", authorization) < 0)
        return ERROR_NO_MEMORY;
    error = add_header(transfer, line);
    free(line);
    return error;
}

/* A POST without a body still says that its length is 0. */
static bool may_carry_body(const struct http_client_request *request)
{
    return request->body || (strcmp(request->method, "GET") != 0 && strcmp(request->method, "DELETE") != 0);
}

/* CURLE_OK only if all are. */
static CURLcode set_options(struct transfer *transfer, const struct http_client_request *request)
{
    const struct http_client *client = transfer->client;
    CURL *easy = transfer->easy;
    CURLcode bad = CURLE_OK;
#define SET(option, value) bad = bad ? bad : curl_easy_setopt(easy, CURLOPT_##option, value)
    SET(URL, request->url);
    SET(CUSTOMREQUEST, request->method);
    SET(PROTOCOLS_STR, "http,https");
    SET(FOLLOWLOCATION, 0L);
    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(PROXY_SSL_VERIFYPEER, 1L);
    SET(PROXY_SSL_VERIFYHOST, 2L);
    SET(PROXY, client->proxy ? client->proxy : ""); /* "": not the environment's either */
    SET(NOPROXY, "localhost,127.0.0.0/8,::1");
    SET(NOSIGNAL, 1L);
    SET(QUICK_EXIT, 1L); /* else the end of a request waits for the resolver's thread, and our loop with it */
    SET(CONNECTTIMEOUT_MS, (long)client->connect_ms);
    SET(TIMEOUT_MS, request->endless ? 0L : (long)client->total_ms);
    if (!request->on_bytes)
        SET(MAXFILESIZE, (long)HTTP_CLIENT_ANSWER_BYTES_MAX);
    if (request->stalled_ms) {
        SET(LOW_SPEED_LIMIT, 1L);
        SET(LOW_SPEED_TIME, (long)((request->stalled_ms + 999) / 1000));
    }
    SET(ERRORBUFFER, transfer->words);
    SET(PRIVATE, transfer);
    SET(HTTPHEADER, transfer->headers);
    SET(WRITEFUNCTION, on_answer);
    SET(WRITEDATA, transfer);
    SET(HEADERFUNCTION, on_header);
    SET(HEADERDATA, transfer);
    if (client->ca_file)
        SET(CAINFO, client->ca_file);
    if (client->user_agent)
        SET(USERAGENT, client->user_agent);
    if (client->certificate_file)
        SET(SSLCERT, client->certificate_file);
    if (client->key_file)
        SET(SSLKEY, client->key_file);
    if (may_carry_body(request)) {
        SET(POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
        SET(POSTFIELDS, transfer->body ? transfer->body : "");
        SET(CUSTOMREQUEST, request->method);
    }
#undef SET
    return bad;
}

static int transfer_create(struct http_client *client, const struct http_client_request *request,
                           struct transfer **ret)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return ERROR_NO_MEMORY;
    int error = ERROR_NO_MEMORY;
    transfer->client = client;
    if (request->body) {
        transfer->body = malloc(request->body_bytes + 1);
        if (!transfer->body)
            goto fail;
        memcpy(transfer->body, request->body, request->body_bytes);
    }
    error = add_headers(transfer, request);
    if (error)
        goto fail;
    error = ERROR_NO_MEMORY;
    transfer->easy = curl_easy_init();
    if (!transfer->easy)
        goto fail;
    switch (set_options(transfer, request)) {
    case CURLE_OK:
        break;
    case CURLE_OUT_OF_MEMORY:
        goto fail;
    default:
        error = ERROR_INVALID;
        goto fail;
    }
    *ret = transfer;
    return 0;
fail:
    transfer_free(transfer);
    return error;
}

int64_t http_client_send(struct http_client *client, const struct http_client_request *request,
                         http_client_fn *done, void *data)
{
    struct transfer *transfer = NULL;
    struct error_detail detail;
    if (client->closing)
        return ERROR_CANCELLED;
    if (client->transfer_count >= HTTP_CLIENT_REQUESTS_MAX)
        return ERROR_FULL;
    int error = http_client_url_check(request->url, &detail);
    if (!error)
        error = set_up(client);
    if (!error)
        error = transfer_create(client, request, &transfer);
    if (!error && curl_multi_add_handle(client->multi, transfer->easy) != CURLM_OK) {
        transfer_free(transfer);
        error = ERROR_NO_MEMORY;
    }
    if (error) {
        if (client->transfer_count == 0)
            tear_down(client);
        return error;
    }
    transfer->id = ++client->last_id;
    transfer->done = done;
    transfer->on_bytes = request->on_bytes;
    transfer->data = data;
    transfer->next = client->transfers;
    client->transfers = transfer;
    client->transfer_count++;
    return transfer->id;
}

static void cancel(struct transfer *transfer)
{
    if (transfer->finished && transfer->result == CURLE_OK && !transfer->client->closing)
        return; /* its answer is on the way */
    transfer->cancelled = true;
    finish(transfer, CURLE_ABORTED_BY_CALLBACK);
}

void http_client_cancel(struct http_client *client, int64_t id)
{
    for (struct transfer *each = client->transfers; each; each = each->next)
        if (each->id == id)
            cancel(each);
}

/* --- the client --- */

static int copy_text(const char *text, char **ret)
{
    *ret = NULL;
    if (!text || !*text)
        return 0;
    *ret = strdup(text);
    return *ret ? 0 : ERROR_NO_MEMORY;
}

struct http_client *http_client_create(uv_loop_t *loop, const struct http_client_settings *settings)
{
    struct http_client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    if (copy_text(settings->ca_file, &client->ca_file) || copy_text(settings->proxy, &client->proxy) ||
        copy_text(settings->user_agent, &client->user_agent) ||
        copy_text(settings->certificate_file, &client->certificate_file) ||
        copy_text(settings->key_file, &client->key_file)) {
        client_free(client);
        return NULL;
    }
    client->loop = loop;
    client->connect_ms = settings->connect_ms ? settings->connect_ms : HTTP_CLIENT_CONNECT_MS;
    client->total_ms = settings->total_ms ? settings->total_ms : HTTP_CLIENT_TOTAL_MS;
    (void)uv_timer_init(loop, &client->timer);
    (void)uv_idle_init(loop, &client->deliver);
    client->timer.data = client;
    client->deliver.data = client;
    client->handle_count = 2;
    return client;
}

void http_client_close(struct http_client *client, void (*closed)(void *data), void *data)
{
    assert(!client->closing);
    client->closing = true;
    client->closed = closed;
    client->closed_data = data;
    for (struct transfer *each = client->transfers; each; each = each->next)
        cancel(each);
    /* Told from the loop like any end; then the handles go. */
    (void)uv_idle_start(&client->deliver, on_deliver);
}
