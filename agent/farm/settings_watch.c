#include "settings_watch.h"

#include "ask.h"

#include <stdlib.h>
#include <string.h>

/* A value that is being put. */
struct put {
    farm_done_fn *done; /* NULL: none is */
    void *data;
    bool failed, succeeded;
    char *text; /* as it is put; NULL without memory for it */
    size_t bytes;
    int64_t revision; /* that it has then */
};

struct settings_watch {
    const struct record_farm *farm;
    struct farm_port port;
    struct settings_watch_told told;
    struct record_key key;
    struct ask *asking, *putting;
    bool is_watching, failed, is_read;
    int64_t now_ms, due_ms, backoff_ms;
    int64_t head, mod; /* of the store as it was read; of the key, 0: there is none */
    char *text;        /* as it was told last; NULL: none */
    size_t bytes;
    struct put put;
};

/* ---- reading ------------------------------------------------------------------------------------------- */

static void tell(struct settings_watch *watch, char *text, size_t bytes)
{
    bool same = watch->is_read && (text == NULL) == (watch->text == NULL) &&
                (text == NULL || (bytes == watch->bytes && memcmp(text, watch->text, bytes) == 0));
    watch->is_read = true;
    free(watch->text);
    watch->text = text;
    watch->bytes = bytes;
    if (!same)
        watch->told.settings(watch->told.data, text, bytes);
}

/* A value that was deleted, or does not open, changes nothing: the last one stays. */
static int on_kv(void *data, const struct wire_kv *kv)
{
    struct settings_watch *watch = data;
    struct error_detail detail = {""};
    char *text;
    size_t bytes;
    watch->mod = kv->deleted ? 0 : kv->mod_revision;
    if (kv->deleted)
        return 0;
    int code = record_open(watch->farm, kv, &text, &bytes, &detail);
    if (code == ERROR_NO_MEMORY)
        return code;
    if (code == 0)
        tell(watch, text, bytes);
    else
        watch->told.unreadable(watch->told.data, kv->key, detail.text);
    return 0;
}

static int on_message(void *data, const struct wire_message *message)
{
    struct settings_watch *watch = data;
    watch->failed = message->failed || message->cancelled;
    if (watch->failed)
        return ERROR_CANCELLED;
    watch->backoff_ms = SETTINGS_WATCH_FIRST_MS;
    if (!watch->is_watching)
        watch->head = message->revision;
    return 0;
}

static void look_again(struct settings_watch *watch)
{
    watch->is_watching = false;
    watch->due_ms = watch->now_ms + watch->backoff_ms;
    watch->backoff_ms *= 2;
    if (watch->backoff_ms > SETTINGS_WATCH_LAST_MS)
        watch->backoff_ms = SETTINGS_WATCH_LAST_MS;
}

static void on_done(void *data, int error, const char *detail)
{
    struct settings_watch *watch = data;
    (void)detail;
    if (error != 0 || watch->failed || watch->is_watching) {
        look_again(watch);
        return;
    }
    if (!watch->is_read)
        tell(watch, NULL, 0); /* there are none, or a stranger's, which may be set anew */
    watch->is_watching = true;
    watch->due_ms = watch->now_ms;
}

static void ask(struct settings_watch *watch)
{
    static const struct etcd_told told = {on_kv, on_message, on_done};
    const struct wire_op range = {.type = WIRE_RANGE, .key = watch->key.text};
    watch->due_ms = INT64_MAX;
    watch->failed = false;
    if (!watch->is_watching)
        watch->mod = 0;
    char *text =
        watch->is_watching ? wire_watch_text(watch->key.text, watch->head + 1) : wire_range_text(&range);
    if (ask_send(&watch->asking, &watch->port, watch->is_watching ? WIRE_PATH_WATCH : WIRE_PATH_RANGE, text,
                 &told, watch) < 0)
        look_again(watch);
}

/* ---- writing ------------------------------------------------------------------------------------------- */

static int on_put_message(void *data, const struct wire_message *message)
{
    struct settings_watch *watch = data;
    watch->put.failed = message->failed;
    watch->put.succeeded = message->succeeded;
    watch->put.revision = message->revision;
    return 0;
}

static void answer(struct settings_watch *watch, int error, const char *detail)
{
    const struct put put = watch->put;
    watch->put = (struct put){.done = NULL};
    free(put.text);
    put.done(put.data, error, detail);
}

/* Who has set something sees it from then on, and may set the next: the watch may tell of it only later. */
static void take_put(struct settings_watch *watch)
{
    struct put *put = &watch->put;
    if (put->text != NULL && put->revision > watch->mod) {
        watch->mod = put->revision;
        tell(watch, put->text, put->bytes);
        put->text = NULL;
    }
    answer(watch, 0, NULL);
}

static void on_put(void *data, int error, const char *detail)
{
    struct settings_watch *watch = data;
    if (error != 0)
        answer(watch, error, detail);
    else if (watch->put.failed)
        answer(watch, ERROR_REFUSED, "etcd has refused the new value");
    else if (!watch->put.succeeded)
        answer(watch, ERROR_BUSY, "the farm's settings were changed elsewhere meanwhile");
    else
        take_put(watch);
}

static char *copy(const char *text, size_t bytes)
{
    char *copied = malloc(bytes + 1);
    if (copied != NULL) {
        memcpy(copied, text, bytes);
        copied[bytes] = '\0';
    }
    return copied;
}

void settings_watch_put(struct settings_watch *watch, const char *text, size_t bytes, farm_done_fn *done,
                        void *done_data)
{
    static const struct etcd_told told = {NULL, on_put_message, on_put};
    if (watch->put.done != NULL) {
        done(done_data, ERROR_BUSY, "another change of the farm's settings is under way");
        return;
    }
    struct record_value value = record_seal(watch->farm, watch->key.text, text, bytes);
    const struct wire_compare compare = {WIRE_MOD, watch->key.text, watch->mod};
    const struct wire_op put = {
        .type = WIRE_PUT, .key = watch->key.text, .value = value.bytes, .value_bytes = value.count};
    const struct wire_txn txn = {&compare, 1, &put, NULL, 1, 0};
    watch->put = (struct put){
        .done = done, .data = done_data, .failed = true, .text = copy(text, bytes), .bytes = bytes};
    int error = ask_send(&watch->putting, &watch->port, WIRE_PATH_TXN,
                         value.bytes != NULL ? wire_txn_text(&txn) : NULL, &told, watch);
    free(value.bytes);
    if (error < 0)
        answer(watch, error, error_text(error));
}

/* ---- for its owner ------------------------------------------------------------------------------------- */

struct settings_watch *settings_watch_create(const struct record_farm *farm, const struct farm_port *port,
                                             const struct settings_watch_told *told)
{
    struct settings_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return NULL;
    watch->farm = farm;
    watch->port = *port;
    watch->told = *told;
    watch->key = record_key(farm, RECORD_SETTINGS, NULL, NULL);
    watch->backoff_ms = SETTINGS_WATCH_FIRST_MS;
    return watch;
}

void settings_watch_destroy(struct settings_watch *watch)
{
    if (watch == NULL)
        return;
    ask_drop(&watch->asking);
    ask_drop(&watch->putting);
    free(watch->put.text);
    free(watch->text);
    free(watch);
}

void settings_watch_pass(struct settings_watch *watch, int64_t now_ms)
{
    watch->now_ms = now_ms;
    if (watch->asking == NULL && now_ms >= watch->due_ms)
        ask(watch);
}

int64_t settings_watch_due_ms(const struct settings_watch *watch)
{
    return watch->asking == NULL ? watch->due_ms : INT64_MAX;
}

bool settings_watch_is_read(const struct settings_watch *watch)
{
    return watch->is_read;
}
