/* fuzz_farm_state.c - a store that says anything, well sealed or not, in answer to who loads and follows a
 * farm. The input is lines:
 *
 *     k KIND HOST SESSION TEXT   a key of this farm with TEXT sealed for it (KIND: 0 host, 1 seq, 2 s, …)
 *     d KIND HOST SESSION        its deletion
 *     r KEY VALUE                any key with a value as it is
 *     m FLAGS                    the message is over: tell_message has the flags
 *     e                          the connection breaks
 *     t MS                       so much later
 *     w                          its owner wants to load anew
 */
#include "agent/farm/farm_state.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0         INT64_C(1700000400000)
#define ASKED_MAX  64
#define LINES_MAX  200
#define WORD_BYTES 300

/* What was asked and not answered yet. */
struct asked {
    int64_t id;
    struct etcd_told told;
    void *data;
    bool is_watch, cancelled;
};

struct store {
    struct record_farm farm;
    struct farm_state *state;
    struct core *core;
    struct asked asked[ASKED_MAX];
    size_t asked_count;
    int64_t last_id, now_ms, revision;
    size_t events;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the port ------------------------------------------------------------------------------------------ */

static int64_t port_ask(void *etcd, const char *path, char *text, const struct etcd_told *told, void *data)
{
    struct store *store = etcd;
    require(text != NULL);
    free(text);
    if (store->asked_count == ASKED_MAX)
        return ERROR_FULL;
    store->asked[store->asked_count++] = (struct asked){
        .id = ++store->last_id, .told = *told, .data = data, .is_watch = strcmp(path, WIRE_PATH_WATCH) == 0};
    return store->last_id;
}

static void port_cancel(void *etcd, int64_t id)
{
    struct store *store = etcd;
    for (size_t i = 0; i < store->asked_count; i++)
        if (store->asked[i].id == id)
            store->asked[i].cancelled = true;
}

static void finish(struct store *store, size_t place, int error)
{
    struct asked asked = store->asked[place];
    store->asked_count--;
    memmove(&store->asked[place], &store->asked[place + 1],
            (store->asked_count - place) * sizeof *store->asked);
    store->events = 0;
    asked.told.done(asked.data, error, "");
}

static void finish_cancelled(struct store *store)
{
    for (size_t i = 0; i < store->asked_count;)
        if (store->asked[i].cancelled)
            finish(store, i, ERROR_CANCELLED);
        else
            i++;
}

/* ---- the owner ----------------------------------------------------------------------------------------- */

static const struct core_settings core_settings = {
    .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
    .api_lease_ms = DAY_MS,
    .host_lost_after_ms = 300000,
    .overuse_settle_ms = USAGE_SETTLE_MS};

static int64_t on_licence_ms(void *data)
{
    const struct store *store = data;
    return T0 + store->now_ms;
}

static const struct core_settings *on_settings(void *data)
{
    (void)data;
    return &core_settings;
}

static int on_begin(void *data, const struct farm_begin *begin)
{
    struct store *store = data;
    core_destroy(store->core);
    store->core = core_create(&core_settings);
    require(store->core != NULL);
    struct core_saved saved = *begin->saved;
    if (saved.installation_id == NULL)
        saved.installation_id = "inst";
    return core_restore(store->core, &saved, begin->at_ms);
}

static const struct core *on_core(void *data)
{
    const struct store *store = data;
    return store->core;
}

static int on_step(void *data, const struct core_event *event, int64_t at_ms)
{
    const struct store *store = data;
    struct core_actions *actions = core_actions_create();
    require(actions != NULL && at_ms == farm_state_now_ms(store->state));
    (void)core_step(store->core, event, at_ms, actions);
    core_actions_destroy(actions);
    return 0;
}

static int on_checkpoint(void *data, const struct checkpoint *checkpoint, int64_t revision, int64_t at_ms)
{
    (void)data;
    (void)revision;
    (void)at_ms;
    require(checkpoint->n > 0);
    return 0;
}

static void on_window(void *data, const char *farm_id, const struct window *window)
{
    (void)data;
    (void)window;
    require(strlen(farm_id) <= GRANT_ID_BYTES_MAX);
}

static void on_settled(void *data)
{
    (void)data;
}

static void on_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    (void)data;
    require(note < FARM_NOTE_MAX && key[0] != '\0' && detail[0] != '\0');
}

static void on_failed(void *data, int error, const char *detail)
{
    (void)data;
    require(error < 0 && detail != NULL);
}

static void on_late(void *data, const struct checkpoint_gap *late)
{
    (void)data;
    require(late->host[0] != '\0' && late->changes == 1 && late->after_ms < late->through_ms);
}

/* ---- the script ---------------------------------------------------------------------------------------- */

static size_t take_word(const char **at, const char *end, char ret[WORD_BYTES])
{
    size_t bytes = 0;
    while (*at < end && **at != ' ' && bytes < WORD_BYTES - 1)
        ret[bytes++] = *(*at)++;
    if (*at < end && **at == ' ')
        ++*at;
    ret[bytes] = '\0';
    return bytes;
}

static void tell_kv(struct store *store, struct wire_kv *kv)
{
    if (store->asked_count == 0 || kv->key[0] == '\0' || strlen(kv->key) > WIRE_KEY_BYTES_MAX)
        return;
    const struct asked *asked = &store->asked[store->asked_count - 1];
    kv->mod_revision = kv->create_revision = ++store->revision;
    kv->version = 1 + store->revision % 3;
    store->events++;
    int error = asked->told.kv(asked->data, kv);
    if (error != 0)
        finish(store, store->asked_count - 1, error);
}

static void tell_ours(struct store *store, const char *at, const char *end, bool deleted)
{
    char kind[WORD_BYTES], host[WORD_BYTES], session[WORD_BYTES];
    (void)take_word(&at, end, kind);
    bool has_host = take_word(&at, end, host) > 0, has_session = take_word(&at, end, session) > 0;
    enum record_kind which = (enum record_kind)((unsigned char)(kind[0] - '0') % RECORD_OTHER);
    struct record_key key = which == RECORD_WINDOW ? record_window_key(&store->farm, T0 + store->revision)
                                                   : record_key(&store->farm, which, has_host ? host : NULL,
                                                                has_host && has_session ? session : NULL);
    struct record_value value = record_seal(&store->farm, key.text, at, (size_t)(end - at));
    struct wire_kv kv = {
        .key = key.text, .value = value.bytes, .value_bytes = value.count, .deleted = deleted};
    require(value.bytes != NULL);
    if (deleted)
        kv.value_bytes = 0;
    tell_kv(store, &kv);
    free(value.bytes);
}

static void tell_any(struct store *store, const char *at, const char *end)
{
    char key[WORD_BYTES];
    (void)take_word(&at, end, key);
    struct wire_kv kv = {.key = key, .value = (const uint8_t *)at, .value_bytes = (size_t)(end - at)};
    tell_kv(store, &kv);
}

/* f: failed, o: of lost history; c: cancelled, g: of lost history; n: begun; +: there is more; 0: no
 * revision. */
static void tell_message(struct store *store, const char *at, const char *end)
{
    struct wire_message message = {.revision = ++store->revision, .events = store->events};
    for (; at < end; at++) {
        message.failed |= *at == 'f' || *at == 'o';
        message.code = *at == 'o' ? WIRE_OUT_OF_RANGE : message.code;
        message.cancelled |= *at == 'c' || *at == 'g';
        message.compacted = *at == 'g' ? store->revision : message.compacted;
        message.created |= *at == 'n';
        message.more |= *at == '+';
        message.revision = *at == '0' ? 0 : message.revision;
    }
    if (store->asked_count == 0)
        return;
    const struct asked asked = store->asked[store->asked_count - 1];
    store->events = 0;
    int error = asked.told.message(asked.data, &message);
    if (error != 0 || !asked.is_watch)
        finish(store, store->asked_count - 1, error);
}

static void run_line(struct store *store, const char *at, const char *end)
{
    char verb = *at;
    const char *rest = end - at > 2 ? at + 2 : end;
    char word[WORD_BYTES];
    switch (verb) {
    case 'k':
    case 'd':
        tell_ours(store, rest, end, verb == 'd');
        break;
    case 'r':
        tell_any(store, rest, end);
        break;
    case 'm':
        tell_message(store, rest, end);
        break;
    case 'e':
        if (store->asked_count > 0)
            finish(store, store->asked_count - 1, ERROR_UNREACHABLE);
        break;
    case 't':
        (void)take_word(&rest, end, word);
        store->now_ms += llabs(strtoll(word, NULL, 10) % DAY_MS);
        break;
    case 'w':
        farm_state_reload(store->state);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {1};
    static const struct farm_state_told told = {.licence_ms = on_licence_ms,
                                                .settings = on_settings,
                                                .begin = on_begin,
                                                .core = on_core,
                                                .step = on_step,
                                                .checkpoint = on_checkpoint,
                                                .window = on_window,
                                                .settled = on_settled,
                                                .note = on_note,
                                                .failed = on_failed,
                                                .late = on_late};
    struct store store = {.revision = 1};
    const struct farm_port port = {port_ask, port_cancel, &store};
    require(sodium_init() >= 0 && record_farm_init(&store.farm, "fuzz", secret) == 0);
    store.state = farm_state_create(&store.farm, &port, &told, &store, 0);
    require(store.state != NULL);
    const char *at = (const char *)data, *end = at + size;
    for (int lines = 0; at < end && lines < LINES_MAX; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        farm_state_pass(store.state, store.now_ms);
        if (stop > at)
            run_line(&store, at, stop);
        finish_cancelled(&store);
        at = stop + 1;
    }
    farm_state_destroy(store.state);
    while (store.asked_count > 0)
        finish(&store, 0, ERROR_CANCELLED);
    core_destroy(store.core);
    return 0;
}
