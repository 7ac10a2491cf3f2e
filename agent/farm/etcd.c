#include "etcd.h"

#include "common/http_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum ask_state { ASK_WAITING, ASK_SENT, ASK_OVER };

struct ask {
    struct etcd *etcd;
    struct ask *next;
    int64_t id, sent_id; /* its own, and http_client's */
    enum ask_state state;
    size_t member; /* that it was sent to */
    const char *path;
    char *text;
    struct etcd_told told;
    void *data;
    struct wire_reader *reader;
    struct error_detail detail;
    bool is_watch, cancelled;
    bool has_new_token;                /* it was refused once for its token: not again */
    bool unauthenticated, unavailable; /* as etcd said */
    int error;
};

struct etcd {
    uv_loop_t *loop;
    struct http_client *client;
    uv_idle_t turn; /* what was asked within a callback goes out at the loop's next turn */
    char *endpoints[ETCD_ENDPOINTS_MAX];
    size_t endpoint_count, at;
    char *user, *password;
    char token[WIRE_TEXT_BYTES_MAX + 1];
    unsigned stalled_ms;
    struct ask *asks, *authenticating;
    size_t ask_count;
    int64_t last_id;
    bool closing;
    int handle_count;
    void (*closed)(void *data);
    void *closed_data;
};

/* ---- versions ------------------------------------------------------------------------------------------ */

/* In these any client that reaches the port may compact the history away or drop leases without a token
 * (CVE-2026-33413), and in older 3.5 and 3.4 a stalled leader revokes leases that live. */
int etcd_version_check(const char *version, struct error_detail *ret_detail)
{
    static const struct {
        int major, minor, patch; /* from this patch on */
    } good[] = {{3, 5, 28}, {3, 6, 9}};
    int major, minor, patch;
    if (sscanf(version, "%d.%d.%d", &major, &minor, &patch) != 3) {
        error_detail_set(ret_detail, "\"%s\" is no version of etcd", version);
        return ERROR_INVALID;
    }
    if (major > 3 || (major == 3 && minor > 6))
        return 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (major == good[i].major && minor == good[i].minor && patch >= good[i].patch)
            return 0;
    error_detail_set(
        ret_detail,
        "etcd %s is too old: whoever reaches its port may erase the farm's history and its hosts' "
        "leases without a password; use 3.5.28, 3.6.9 or newer",
        version);
    return ERROR_REFUSED;
}

/* ---- members ------------------------------------------------------------------------------------------- */

const char *etcd_endpoint(const struct etcd *etcd)
{
    return etcd->endpoints[etcd->at];
}

/* What one member does not do the next may. Of many requests that fail together the first turns, or all of
 * them would turn past the one that answers. */
static void turn_to_next(const struct ask *ask, int error)
{
    struct etcd *etcd = ask->etcd;
    if (ask->member == etcd->at && (error == ERROR_UNREACHABLE || error == ERROR_TIMEOUT ||
                                    error == ERROR_CERTIFICATE || error == ERROR_REFUSED))
        etcd->at = (etcd->at + 1) % etcd->endpoint_count;
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static int on_kv(void *data, const struct wire_kv *kv)
{
    struct ask *ask = data;
    return ask->told.kv == NULL ? 0 : ask->told.kv(ask->data, kv);
}

static int on_message(void *data, const struct wire_message *message)
{
    struct ask *ask = data;
    if (message->failed && message->code == WIRE_UNAUTHENTICATED && ask->etcd->user != NULL &&
        !ask->has_new_token) {
        ask->unauthenticated = true; /* sent again: nobody is told */
        return 0;
    }
    ask->unavailable = message->failed && message->code == WIRE_UNAVAILABLE;
    return ask->told.message == NULL ? 0 : ask->told.message(ask->data, message);
}

static int on_bytes(void *data, const char *bytes, size_t count)
{
    struct ask *ask = data;
    return wire_reader_feed(ask->reader, bytes, count, &ask->detail);
}

static void start_turn(struct etcd *etcd);

static void forget(struct ask *ask)
{
    struct etcd *etcd = ask->etcd;
    struct ask **link = &etcd->asks;
    while (*link != ask)
        link = &(*link)->next;
    *link = ask->next;
    etcd->ask_count--;
    wire_reader_destroy(ask->reader);
    free(ask->text);
    free(ask);
}

static void conclude(struct ask *ask, int error, const char *detail)
{
    struct etcd_told told = ask->told;
    void *data = ask->data;
    char words[ERROR_DETAIL_BYTES];
    (void)snprintf(words, sizeof words, "%s", detail);
    forget(ask);
    told.done(data, error, words);
}

/* Again, with a token that is to be asked for first. */
static bool send_with_new_token(struct ask *ask)
{
    struct etcd *etcd = ask->etcd;
    const struct wire_told told = {on_kv, on_message, ask};
    struct wire_reader *reader = wire_reader_create(&told);
    if (reader == NULL)
        return false;
    wire_reader_destroy(ask->reader);
    ask->reader = reader;
    ask->unauthenticated = false;
    ask->has_new_token = true;
    ask->state = ASK_WAITING;
    etcd->token[0] = '\0';
    start_turn(etcd);
    return true;
}

/* An answer that is no etcd's: its first words say what it is. */
static int judge_foreign(const struct http_client_answer *answer, struct error_detail *ret_detail)
{
    const char *body = answer->body;
    size_t bytes = strcspn(body, "\r\n");
    bytes = bytes < answer->body_bytes ? bytes : answer->body_bytes;
    if (answer->status == 404)
        error_detail_set(ret_detail, "no JSON gateway there (etcd's --enable-grpc-gateway is off?)");
    else
        error_detail_set(ret_detail, "HTTP %d: %.*s", answer->status, (int)(bytes < 300 ? bytes : 300), body);
    return ERROR_REFUSED;
}

/* What came of it. */
static int judge(struct ask *ask, const struct http_client_answer *answer)
{
    if (ask->cancelled)
        return ERROR_CANCELLED;
    if (answer->error != 0) {
        if (ask->detail.text[0] == '\0')
            error_detail_set(&ask->detail, "%s", answer->detail);
        return answer->error;
    }
    if (answer->status < 300)
        return wire_reader_end(ask->reader, &ask->detail);
    int error = answer->body_bytes == 0
                    ? ERROR_INVALID
                    : wire_reader_feed(ask->reader, answer->body, answer->body_bytes, &ask->detail);
    if (error == 0)
        error = wire_reader_end(ask->reader, &ask->detail);
    return error == ERROR_INVALID ? judge_foreign(answer, &ask->detail) : error;
}

static void on_answer(void *data, const struct http_client_answer *answer)
{
    struct ask *ask = data;
    struct etcd *etcd = ask->etcd;
    int error = judge(ask, answer);
    if (error == 0 && ask->unauthenticated && send_with_new_token(ask))
        return;
    turn_to_next(ask, ask->unavailable ? ERROR_UNREACHABLE : error);
    if (error == ERROR_TIMEOUT)
        etcd->token[0] = '\0'; /* to one that it no longer knows etcd may not answer at all */
    ask->state = ASK_OVER;
    conclude(ask, error, error == ERROR_CANCELLED ? error_text(error) : ask->detail.text);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static int post(struct ask *ask)
{
    struct etcd *etcd = ask->etcd;
    char *url = NULL;
    if (asprintf(&url, "%s%s", etcd_endpoint(etcd), ask->path) < 0)
        return ERROR_NO_MEMORY;
    struct http_client_request request = {
        .method = ask->text[0] != '\0' ? "POST" : "GET",
        .url = url,
        .body = ask->text,
        .body_bytes = strlen(ask->text),
        .authorization = etcd->token[0] != '\0' && ask != etcd->authenticating ? etcd->token : NULL,
        .on_bytes = on_bytes,
        .endless = ask->is_watch,
        .stalled_ms = ask->is_watch ? etcd->stalled_ms : 0,
    };
    ask->member = etcd->at;
    ask->sent_id = http_client_send(etcd->client, &request, on_answer, ask);
    free(url);
    if (ask->sent_id < 0)
        return (int)ask->sent_id;
    ask->state = ASK_SENT;
    return 0;
}

static struct ask *make_ask(struct etcd *etcd, const char *path, char *text, const struct etcd_told *told,
                            void *data)
{
    struct ask *ask = calloc(1, sizeof *ask);
    if (ask == NULL)
        return NULL;
    const struct wire_told wire = {on_kv, on_message, ask};
    ask->reader = wire_reader_create(&wire);
    if (ask->reader == NULL) {
        free(ask);
        return NULL;
    }
    ask->etcd = etcd;
    ask->id = ++etcd->last_id;
    ask->path = path;
    ask->text = text;
    ask->told = *told;
    ask->data = data;
    ask->is_watch = strcmp(path, WIRE_PATH_WATCH) == 0;
    struct ask **link = &etcd->asks;
    while (*link != NULL)
        link = &(*link)->next;
    *link = ask;
    etcd->ask_count++;
    return ask;
}

int64_t etcd_ask(struct etcd *etcd, const char *path, char *text, const struct etcd_told *told, void *data)
{
    bool full = etcd->ask_count >= ETCD_REQUESTS_MAX || etcd->closing;
    struct ask *ask = full || text == NULL ? NULL : make_ask(etcd, path, text, told, data);
    if (ask == NULL) {
        free(text);
        return full ? ERROR_FULL : ERROR_NO_MEMORY;
    }
    start_turn(etcd);
    return ask->id;
}

void etcd_cancel(struct etcd *etcd, int64_t id)
{
    for (struct ask *ask = etcd->asks; ask != NULL; ask = ask->next) {
        if (ask->id != id || ask->cancelled)
            continue;
        ask->cancelled = true;
        start_turn(etcd);
    }
}

/* ---- tokens -------------------------------------------------------------------------------------------- */

static int on_token(void *data, const struct wire_message *message)
{
    struct etcd *etcd = data;
    if (!message->failed)
        memcpy(etcd->token, message->token, sizeof etcd->token);
    return 0;
}

/* Nobody who waits for a token gets further without one. */
static void on_authenticated(void *data, int error, const char *detail)
{
    struct etcd *etcd = data;
    etcd->authenticating = NULL;
    if (error == 0 && etcd->token[0] == '\0') {
        error = ERROR_FORBIDDEN;
        detail = "etcd takes neither this user nor this password, or has no users at all (`etcdctl auth "
                 "enable`)";
    }
    if (error == 0) {
        start_turn(etcd);
        return;
    }
    int64_t last_id = etcd->last_id; /* who asks from within done() waits for the next try */
    for (struct ask *ask = etcd->asks, *next; ask != NULL; ask = next) {
        next = ask->next;
        if (ask->state != ASK_WAITING || ask->id > last_id)
            continue;
        conclude(ask, error, detail);
        next = etcd->asks; /* it may be another list now */
    }
}

static int authenticate(struct etcd *etcd)
{
    static const struct etcd_told told = {.message = on_token, .done = on_authenticated};
    char *text = wire_authenticate_text(etcd->user, etcd->password == NULL ? "" : etcd->password);
    struct ask *ask = text == NULL ? NULL : make_ask(etcd, WIRE_PATH_AUTHENTICATE, text, &told, etcd);
    if (ask == NULL) {
        free(text);
        return ERROR_NO_MEMORY;
    }
    ask->has_new_token = true; /* that it is refused is the answer */
    etcd->authenticating = ask;
    return post(ask);
}

/* ---- the loop's turn ----------------------------------------------------------------------------------- */

static bool needs_token(const struct etcd *etcd)
{
    return etcd->user != NULL && etcd->token[0] == '\0';
}

/* One that is to be sent, or is cancelled; NULL: none. */
static struct ask *next_to_move(struct etcd *etcd)
{
    for (struct ask *ask = etcd->asks; ask != NULL; ask = ask->next) {
        if (ask->cancelled && ask->state == ASK_WAITING)
            return ask;
        if (ask->state == ASK_WAITING && !needs_token(etcd))
            return ask;
        if (ask->cancelled && ask->state == ASK_SENT && ask->sent_id != 0)
            return ask;
    }
    return NULL;
}

static void move(struct ask *ask)
{
    if (ask->state == ASK_SENT) {
        int64_t sent_id = ask->sent_id;
        ask->sent_id = 0;
        http_client_cancel(ask->etcd->client, sent_id);
        return;
    }
    if (ask->cancelled) {
        conclude(ask, ERROR_CANCELLED, error_text(ERROR_CANCELLED));
        return;
    }
    int error = post(ask);
    if (error != 0)
        conclude(ask, error, error_text(error));
}

static bool any_waits(const struct etcd *etcd)
{
    for (const struct ask *ask = etcd->asks; ask != NULL; ask = ask->next)
        if (ask->state == ASK_WAITING)
            return true;
    return false;
}

static void on_turn(uv_idle_t *turn)
{
    struct etcd *etcd = turn->data;
    struct ask *ask;
    (void)uv_idle_stop(turn);
    if (needs_token(etcd) && etcd->authenticating == NULL && any_waits(etcd)) {
        int error = authenticate(etcd);
        if (error != 0 && etcd->authenticating != NULL)
            conclude(etcd->authenticating, error, error_text(error));
        else if (error != 0)
            on_authenticated(etcd, error, error_text(error));
    }
    while ((ask = next_to_move(etcd)) != NULL)
        move(ask);
}

static void start_turn(struct etcd *etcd)
{
    if (!uv_is_closing((uv_handle_t *)&etcd->turn))
        (void)uv_idle_start(&etcd->turn, on_turn);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

static void release(struct etcd *etcd)
{
    for (size_t i = 0; i < etcd->endpoint_count; i++)
        free(etcd->endpoints[i]);
    free(etcd->user);
    free(etcd->password);
    free(etcd);
}

static bool copy(const char *text, char **ret)
{
    *ret = text == NULL || *text == '\0' ? NULL : strdup(text);
    return *ret != NULL || text == NULL || *text == '\0';
}

static int copy_endpoints(struct etcd *etcd, const struct etcd_settings *settings,
                          struct error_detail *ret_detail)
{
    if (settings->endpoint_count == 0 || settings->endpoint_count > ETCD_ENDPOINTS_MAX) {
        error_detail_set(ret_detail, "between 1 and %d endpoints are needed", ETCD_ENDPOINTS_MAX);
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < settings->endpoint_count; i++) {
        int error = http_client_url_check(settings->endpoints[i], ret_detail);
        if (error != 0)
            return error;
        size_t bytes = strlen(settings->endpoints[i]);
        while (bytes > 0 && settings->endpoints[i][bytes - 1] == '/')
            bytes--;
        etcd->endpoints[i] = strndup(settings->endpoints[i], bytes);
        if (etcd->endpoints[i] == NULL)
            return ERROR_NO_MEMORY;
        etcd->endpoint_count++;
    }
    return 0;
}

struct etcd *etcd_create(uv_loop_t *loop, const struct etcd_settings *settings, int *ret_error,
                         struct error_detail *ret_detail)
{
    struct etcd *etcd = calloc(1, sizeof *etcd);
    *ret_error = ERROR_NO_MEMORY;
    if (etcd == NULL)
        return NULL;
    int error = copy_endpoints(etcd, settings, ret_detail);
    if (error == 0 && (!copy(settings->user, &etcd->user) ||
                       !copy(settings->password == NULL ? "" : settings->password, &etcd->password)))
        error = ERROR_NO_MEMORY;
    if (error == 0) {
        const struct http_client_settings client = {
            .ca_file = settings->ca_file,
            .certificate_file = settings->certificate_file,
            .key_file = settings->key_file,
            .total_ms = settings->request_ms != 0 ? settings->request_ms : ETCD_REQUEST_MS,
            .connect_ms = settings->request_ms != 0 ? settings->request_ms : ETCD_REQUEST_MS,
        };
        etcd->client = http_client_create(loop, &client);
        error = etcd->client == NULL ? ERROR_NO_MEMORY : 0;
    }
    if (error != 0) {
        *ret_error = error;
        release(etcd);
        return NULL;
    }
    etcd->loop = loop;
    etcd->stalled_ms = settings->stalled_ms != 0 ? settings->stalled_ms : ETCD_STALLED_MS;
    (void)uv_idle_init(loop, &etcd->turn);
    etcd->turn.data = etcd;
    *ret_error = 0;
    return etcd;
}

static void gone(struct etcd *etcd)
{
    if (--etcd->handle_count > 0)
        return;
    void (*closed)(void *) = etcd->closed;
    void *data = etcd->closed_data;
    release(etcd);
    if (closed != NULL)
        closed(data);
}

static void on_turn_closed(uv_handle_t *turn)
{
    gone(turn->data);
}

static void on_client_closed(void *data)
{
    gone(data);
}

void etcd_close(struct etcd *etcd, void (*closed)(void *data), void *data)
{
    assert(!etcd->closing);
    etcd->closing = true;
    etcd->closed = closed;
    etcd->closed_data = data;
    etcd->handle_count = 2;
    uv_close((uv_handle_t *)&etcd->turn, on_turn_closed);
    for (struct ask *ask = etcd->asks; ask != NULL; ask = ask->next)
        ask->cancelled = true;
    for (struct ask *ask = etcd->asks; ask != NULL;) {
        if (ask->state != ASK_WAITING) {
            ask = ask->next; /* told by the client, whose closing ends it */
            continue;
        }
        conclude(ask, ERROR_CANCELLED, error_text(ERROR_CANCELLED));
        ask = etcd->asks;
    }
    http_client_close(etcd->client, on_client_closed, etcd);
}
