#include "follower.h"

#include "ask.h"

#include <stdlib.h>
#include <string.h>

struct follower {
    struct follower_settings settings;
    struct follower_told told;
    void *data;
    int64_t steady_ms;

    struct ask *verdict_ask;
    bool is_watching, answer_failed;
    int64_t verdict_due_ms, backoff_ms;
    int64_t head; /* of the store, when the verdict was read */
    int64_t n, verdict_revision;
    int64_t window_start_ms; /* of the window that runs, as the verdict says */

    struct ask *windows_ask;
    bool windows_wanted, windows_failed, windows_more;
    int64_t windows_after_ms, windows_due_ms;

    struct ask *identity_ask;
    bool identity_wanted, identity_failed;
    int64_t identity_due_ms;
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* of the licence that was read, or is to be */
    uint64_t serial;

    bool wants_state; /* the verdict admits holders alone */
    struct farm_state *farm_state;
};

/* ---- the verdict --------------------------------------------------------------------------------------- */

static void note_licence(struct follower *follower, const struct farm_verdict *verdict)
{
    uint64_t serial = verdict->status.standing.grant.serial;
    if (serial == follower->serial && strcmp(verdict->farm_id, follower->farm_id) == 0)
        return;
    follower->serial = serial;
    memcpy(follower->farm_id, verdict->farm_id, sizeof(follower->farm_id));
    follower->identity_wanted = true;
    follower->identity_due_ms = follower->steady_ms;
}

static void take_verdict(struct follower *follower, const struct wire_kv *kv,
                         const struct farm_verdict *verdict)
{
    if (verdict->n < follower->n) {
        follower->told.note(follower->data, FARM_NOTE_OLD, kv->key, "an earlier verdict was put back");
        follower->told.went_back(follower->data);
        return;
    }
    bool is_new = verdict->n > follower->n || follower->verdict_revision == 0;
    follower->n = verdict->n;
    follower->verdict_revision = kv->mod_revision;
    follower->wants_state = verdict->status.verdict.admission == ADMISSION_HOLDERS;
    if (verdict->status.window.start_ms != follower->window_start_ms)
        follower->windows_wanted = true;
    follower->window_start_ms = verdict->status.window.start_ms;
    note_licence(follower, verdict);
    if (is_new)
        follower->told.verdict(follower->data, verdict);
}

/* One that is gone, or does not open, changes nothing: the last one stays. */
static int on_verdict_kv(void *data, const struct wire_kv *kv)
{
    struct follower *follower = data;
    struct farm_verdict verdict;
    struct error_detail detail = {""};
    if (kv->deleted)
        return 0;
    int code = farm_verdict_read(follower->settings.farm, kv, &verdict, &detail);
    if (code == ERROR_NO_MEMORY)
        return code;
    if (code < 0)
        follower->told.note(follower->data, FARM_NOTE_UNREADABLE, kv->key, detail.text);
    else
        take_verdict(follower, kv, &verdict);
    return 0;
}

static int on_verdict_message(void *data, const struct wire_message *message)
{
    struct follower *follower = data;
    follower->answer_failed = message->failed || message->cancelled;
    if (follower->answer_failed)
        return ERROR_CANCELLED;
    follower->backoff_ms = FOLLOWER_RETRY_MS;
    if (follower->is_watching)
        return 0;
    bool went_back = message->revision < follower->head;
    follower->head = message->revision;
    if (went_back)
        follower->told.went_back(follower->data);
    return 0;
}

static void look_again(struct follower *follower)
{
    follower->is_watching = false;
    follower->verdict_due_ms = follower->steady_ms + follower->backoff_ms;
    follower->backoff_ms *= 2;
    if (follower->backoff_ms > FOLLOWER_RETRY_MAX_MS)
        follower->backoff_ms = FOLLOWER_RETRY_MAX_MS;
}

static void on_verdict_done(void *data, int error, const char *detail)
{
    struct follower *follower = data;
    (void)detail;
    if (error != 0 || follower->answer_failed || follower->is_watching) {
        look_again(follower);
        return;
    }
    follower->is_watching = true;
    follower->verdict_due_ms = follower->steady_ms;
}

/* Read first, then watched from there on: whatever history is gone, nothing is missed but what was passing.
 */
static void ask_verdict(struct follower *follower)
{
    static const struct etcd_told told = {on_verdict_kv, on_verdict_message, on_verdict_done};
    const struct record_key key = record_key(follower->settings.farm, RECORD_VERDICT, NULL, NULL);
    const struct wire_op range = {.type = WIRE_RANGE, .key = key.text};
    char *text =
        follower->is_watching ? wire_watch_text(key.text, follower->head + 1) : wire_range_text(&range);
    follower->verdict_due_ms = INT64_MAX;
    follower->answer_failed = false;
    if (ask_send(&follower->verdict_ask, &follower->settings.port,
                 follower->is_watching ? WIRE_PATH_WATCH : WIRE_PATH_RANGE, text, &told, follower) < 0)
        look_again(follower);
}

/* ---- closed windows ------------------------------------------------------------------------------------ */

static int on_windows_kv(void *data, const struct wire_kv *kv)
{
    struct follower *follower = data;
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct window window;
    struct error_detail detail = {""};
    int code = checkpoint_window_read(follower->settings.farm, kv, farm_id, &window, &detail);
    if (code == ERROR_NO_MEMORY)
        return code;
    if (code < 0) {
        follower->told.note(follower->data, FARM_NOTE_UNREADABLE, kv->key, detail.text);
        return 0;
    }
    follower->windows_after_ms = window.start_ms;
    follower->told.window(follower->data, farm_id, &window);
    return 0;
}

static int on_windows_message(void *data, const struct wire_message *message)
{
    struct follower *follower = data;
    follower->windows_failed = message->failed;
    follower->windows_more = message->more;
    return 0;
}

static void on_windows_done(void *data, int error, const char *detail)
{
    struct follower *follower = data;
    (void)detail;
    if (error != 0 || follower->windows_failed) {
        follower->windows_wanted = true;
        follower->windows_due_ms = follower->steady_ms + FOLLOWER_RETRY_MS;
    } else if (follower->windows_more) {
        follower->windows_wanted = true;
    }
}

static void ask_windows(struct follower *follower)
{
    static const struct etcd_told told = {on_windows_kv, on_windows_message, on_windows_done};
    const struct record_key prefix = record_prefix(follower->settings.farm, RECORD_WINDOW, NULL);
    const struct record_key after = record_window_key(follower->settings.farm, follower->windows_after_ms);
    const struct wire_op range = {.type = WIRE_RANGE,
                                  .key = prefix.text,
                                  .prefix = true,
                                  .limit = FOLLOWER_WINDOWS_PAGE,
                                  .after_key = after.text};
    follower->windows_wanted = false;
    follower->windows_failed = true;
    follower->windows_due_ms = follower->steady_ms;
    if (ask_send(&follower->windows_ask, &follower->settings.port, WIRE_PATH_RANGE, wire_range_text(&range),
                 &told, follower) < 0) {
        follower->windows_wanted = true;
        follower->windows_due_ms = follower->steady_ms + FOLLOWER_RETRY_MS;
    }
}

/* ---- who the farm is ------------------------------------------------------------------------------------
 */

/* The checkpoint is of the verdict's transaction, or of a later one. What is wrong with it the leader says.
 */
static int on_identity_kv(void *data, const struct wire_kv *kv)
{
    struct follower *follower = data;
    struct checkpoint *checkpoint = NULL;
    struct error_detail detail = {""};
    int code = checkpoint_read(follower->settings.farm, kv, &checkpoint, &detail);
    if (code == ERROR_NO_MEMORY)
        return code;
    if (code == 0 && checkpoint->n >= follower->n) {
        follower->identity_failed = false;
        follower->told.identity(follower->data, checkpoint);
    }
    free(checkpoint);
    return 0;
}

static int on_identity_message(void *data, const struct wire_message *message)
{
    (void)data;
    (void)message; /* without the key in it, it is asked again */
    return 0;
}

static void on_identity_done(void *data, int error, const char *detail)
{
    struct follower *follower = data;
    (void)error;
    (void)detail;
    if (!follower->identity_failed)
        return;
    follower->identity_wanted = true;
    follower->identity_due_ms = follower->steady_ms + FOLLOWER_RETRY_MAX_MS;
}

static void ask_identity(struct follower *follower)
{
    static const struct etcd_told told = {on_identity_kv, on_identity_message, on_identity_done};
    const struct record_key key = record_key(follower->settings.farm, RECORD_CHECKPOINT, NULL, NULL);
    const struct wire_op range = {.type = WIRE_RANGE, .key = key.text};
    follower->identity_wanted = false;
    follower->identity_failed = true;
    if (ask_send(&follower->identity_ask, &follower->settings.port, WIRE_PATH_RANGE, wire_range_text(&range),
                 &told, follower) < 0)
        on_identity_done(follower, ERROR_NO_MEMORY, "");
}

/* ---- the whole state ----------------------------------------------------------------------------------- */

static int64_t on_licence_ms(void *data)
{
    const struct follower *follower = data;
    return follower->told.licence_ms(follower->data);
}

static const struct core_settings *on_settings(void *data)
{
    const struct follower *follower = data;
    return follower->told.settings(follower->data);
}

static int on_begin(void *data, const struct farm_begin *begin)
{
    const struct follower *follower = data;
    return follower->told.begin(follower->data, begin);
}

static const struct core *on_core(void *data)
{
    const struct follower *follower = data;
    return follower->told.core(follower->data);
}

/* What the core refuses has changed nothing. */
static int on_step(void *data, const struct core_event *event, int64_t at_ms)
{
    const struct follower *follower = data;
    (void)follower->told.step(follower->data, event, at_ms);
    return 0;
}

static int on_checkpoint(void *data, const struct checkpoint *checkpoint, int64_t revision, int64_t at_ms)
{
    (void)data;
    (void)checkpoint;
    (void)revision;
    (void)at_ms;
    return 0;
}

/* They are read by themselves. */
static void on_window(void *data, const char *farm_id, const struct window *window)
{
    (void)data;
    (void)farm_id;
    (void)window;
}

static void on_settled(void *data)
{
    (void)data;
}

static void on_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    const struct follower *follower = data;
    follower->told.note(follower->data, note, key, detail);
}

/* Without it the verdict alone has to do. */
static void on_failed(void *data, int error, const char *detail)
{
    const struct follower *follower = data;
    (void)error;
    follower->told.note(follower->data, FARM_NOTE_UNREADABLE, follower->settings.farm->prefix, detail);
}

/* The leader records it. */
static void on_late(void *data, const struct checkpoint_gap *late)
{
    (void)data;
    (void)late;
}

static void open_state(struct follower *follower)
{
    static const struct farm_state_told told = {on_licence_ms, on_settings,   on_begin,  on_core,
                                                on_step,       on_checkpoint, on_window, on_settled,
                                                on_note,       on_failed,     on_late};
    follower->farm_state =
        farm_state_create(follower->settings.farm, &follower->settings.port, &told, follower, 0);
}

static void close_state(struct follower *follower)
{
    farm_state_destroy(follower->farm_state);
    follower->farm_state = NULL;
    follower->told.dropped(follower->data);
}

/* ---- for its owner ------------------------------------------------------------------------------------- */

struct follower *follower_create(const struct follower_settings *settings, const struct follower_told *told,
                                 void *data)
{
    struct follower *follower = calloc(1, sizeof(*follower));
    if (follower == NULL)
        return NULL;
    follower->settings = *settings;
    follower->told = *told;
    follower->data = data;
    follower->n = settings->seen_n;
    follower->windows_after_ms = settings->windows_after_ms;
    follower->backoff_ms = FOLLOWER_RETRY_MS;
    return follower;
}

void follower_destroy(struct follower *follower)
{
    if (follower == NULL)
        return;
    ask_drop(&follower->verdict_ask);
    ask_drop(&follower->windows_ask);
    ask_drop(&follower->identity_ask);
    farm_state_destroy(follower->farm_state);
    free(follower);
}

void follower_pass(struct follower *follower, int64_t steady_ms)
{
    follower->steady_ms = steady_ms;
    if (follower->verdict_ask == NULL && steady_ms >= follower->verdict_due_ms)
        ask_verdict(follower);
    if (follower->windows_wanted && follower->windows_ask == NULL && steady_ms >= follower->windows_due_ms)
        ask_windows(follower);
    if (follower->identity_wanted && follower->identity_ask == NULL && steady_ms >= follower->identity_due_ms)
        ask_identity(follower);
    if (follower->wants_state && follower->farm_state == NULL)
        open_state(follower);
    else if (!follower->wants_state && follower->farm_state != NULL)
        close_state(follower);
    if (follower->farm_state != NULL)
        farm_state_pass(follower->farm_state, steady_ms);
}

static int64_t least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

int64_t follower_due_ms(const struct follower *follower)
{
    int64_t due_ms = follower->verdict_ask == NULL ? follower->verdict_due_ms : INT64_MAX;
    if (follower->windows_wanted && follower->windows_ask == NULL)
        due_ms = least(due_ms, follower->windows_due_ms);
    if (follower->identity_wanted && follower->identity_ask == NULL)
        due_ms = least(due_ms, follower->identity_due_ms);
    if (follower->wants_state != (follower->farm_state != NULL))
        return follower->steady_ms;
    return follower->farm_state != NULL ? least(due_ms, farm_state_due_ms(follower->farm_state)) : due_ms;
}

bool follower_is_current(const struct follower *follower)
{
    const struct farm_state *state = follower->farm_state;
    return state != NULL && farm_state_is_following(state) &&
           farm_state_revision(state) >= follower->verdict_revision;
}

bool follower_is_live(const struct follower *follower)
{
    return follower->is_watching;
}
