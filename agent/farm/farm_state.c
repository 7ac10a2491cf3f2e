#include "farm_state_private.h"

#include <stdlib.h>
#include <string.h>

static int ignore_kv(struct farm_state *state, const struct wire_kv *kv)
{
    (void)state;
    (void)kv;
    return 0;
}

/* What is asked in each phase of a load. */
struct phase_form {
    enum record_kind kind;
    int64_t page; /* 0: a single key */
    int (*kv)(struct farm_state *state, const struct wire_kv *kv);
};
static const struct phase_form phases[PHASE_MAX] = {
    [PHASE_CHECKPOINT] = {RECORD_CHECKPOINT, 0, farm_load_checkpoint},
    [PHASE_BOOT] = {RECORD_BOOT, FARM_STATE_PAGE, farm_load_boot},
    [PHASE_HOST] = {RECORD_HOST, FARM_STATE_PAGE, farm_load_host},
    [PHASE_SEQ] = {RECORD_SEQ, FARM_STATE_SEQ_PAGE, farm_load_seq},
    [PHASE_SESSION] = {RECORD_SESSION, FARM_STATE_PAGE, farm_load_session},
    [PHASE_BROKER] = {RECORD_BROKER, FARM_STATE_PAGE, farm_load_broker},
    [PHASE_WINDOW] = {RECORD_WINDOW, FARM_STATE_PAGE, farm_load_window},
    [PHASE_FOLLOWING] = {RECORD_OTHER, 0, farm_follow_kv},
    [PHASE_CHECKING] = {RECORD_CHECKPOINT, 0, ignore_kv},
};

static void ask(struct farm_state *state);

/* ---- what is wrong ------------------------------------------------------------------------------------- */

static uint64_t hash_of(enum farm_note note, const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)note;
    for (; *key != '\0'; key++)
        hash = (hash ^ (uint8_t)*key) * UINT64_C(1099511628211);
    return hash;
}

void farm_state_note(struct farm_state *state, enum farm_note note, const char *key, const char *detail)
{
    uint64_t hash = hash_of(note, key);
    for (size_t i = 0; i < state->noted_count; i++)
        if (state->noted[i] == hash)
            return;
    if (state->noted_count == FARM_STATE_NOTED_MAX)
        return;
    state->noted[state->noted_count++] = hash;
    state->told.note(state->data, note, key, detail);
}

static void stop(struct farm_state *state, int error, const char *detail)
{
    state->phase = PHASE_STOPPED;
    state->due_ms = INT64_MAX;
    state->told.failed(state->data, error, detail);
}

static void try_again(struct farm_state *state)
{
    state->due_ms = state->steady_ms + state->backoff_ms;
    state->backoff_ms *= 2;
    if (state->backoff_ms > FARM_STATE_RETRY_LAST_MS)
        state->backoff_ms = FARM_STATE_RETRY_LAST_MS;
}

/* ---- loading ------------------------------------------------------------------------------------------- */

static void start(struct farm_state *state)
{
    host_sets_finish(&state->sets);
    free(state->checkpoint);
    state->checkpoint = NULL;
    state->phase = PHASE_CHECKPOINT;
    state->after.text[0] = '\0';
    state->unsent_count = 0;
    state->checkpoint_before = state->checkpoint_revision = state->followed_n = 0;
    state->hosts_wait = state->has_gap = state->is_older = false;
}

/* History is gone: what is there now has to do, and it is said since when nothing is known. */
static void start_as_of_now(struct farm_state *state)
{
    state->as_of_now = true;
    start(state);
}

/* The checkpoint says as of which revision the rest is loaded. A store that was put back may be behind it. */
static void choose_revision(struct farm_state *state)
{
    const struct checkpoint *checkpoint = state->checkpoint;
    bool now = checkpoint == NULL || state->as_of_now || checkpoint->revision > state->head;
    if (now && checkpoint != NULL) {
        state->has_gap = true;
        state->gap = (struct checkpoint_gap){.after_revision = checkpoint->revision,
                                             .through_revision = state->head,
                                             .after_ms = checkpoint->event_ms,
                                             .through_ms = state->told.licence_ms(state->data)};
        farm_state_note(state, FARM_NOTE_GAP, state->farm->prefix,
                        "history was compacted before it was read");
    }
    state->revision = now ? state->head : checkpoint->revision;
}

static void next_phase(struct farm_state *state)
{
    if (state->phase == PHASE_CHECKPOINT)
        choose_revision(state);
    state->phase++;
    state->after.text[0] = '\0';
    if (state->phase == PHASE_WINDOW && (state->checkpoint == NULL || state->checkpoint->unsent_count == 0))
        state->phase++;
    if (state->phase != PHASE_FOLLOWING)
        return;
    int error = farm_load_begin(state);
    if (error < 0)
        stop(state, error, "the farm's state cannot be taken over");
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static int on_kv(void *data, const struct wire_kv *kv)
{
    struct farm_state *state = data;
    size_t bytes = strlen(kv->key);
    if (state->phase != PHASE_FOLLOWING && bytes < sizeof(state->after.text))
        memcpy(state->after.text, kv->key, bytes + 1);
    if (state->phase == PHASE_FOLLOWING)
        state->event_revision = kv->mod_revision;
    else if (record_kind_of(state->farm, kv->key) != phases[state->phase].kind) {
        farm_state_note(state, FARM_NOTE_FOREIGN, kv->key, "not what was asked for");
        return 0;
    }
    return phases[state->phase].kv(state, kv);
}

/* A watch has many messages; after one all of its events are in the core. */
static int follow_message(struct farm_state *state, const struct wire_message *message)
{
    if (message->cancelled || message->failed)
        return ERROR_CANCELLED;
    if (message->created && message->revision < state->revision) {
        state->phase = PHASE_CHECKING; /* the store was put back, or this member is behind */
        return ERROR_CANCELLED;
    }
    state->backoff_ms = FARM_STATE_RETRY_FIRST_MS;
    if (message->events > 0)
        state->revision = state->event_revision;
    state->told.settled(state->data);
    return 0;
}

static int on_message(void *data, const struct wire_message *message)
{
    struct farm_state *state = data;
    state->answer = (struct farm_answer){.failed = message->failed,
                                         .code = message->code,
                                         .more = message->more,
                                         .revision = message->revision,
                                         .compacted = message->cancelled && message->compacted > 0};
    if (message->revision > state->head || (state->phase == PHASE_CHECKPOINT && message->revision > 0))
        state->head = message->revision;
    return state->phase == PHASE_FOLLOWING ? follow_message(state, message) : 0;
}

/* An answer to a part of a load. */
static void loaded(struct farm_state *state)
{
    state->backoff_ms = FARM_STATE_RETRY_FIRST_MS;
    if (!state->answer.more)
        next_phase(state);
    if (state->phase != PHASE_STOPPED)
        ask(state);
}

/* Revisions never go back but with a backup that was put back. */
static void checked(struct farm_state *state)
{
    if (state->answer.revision >= state->revision) {
        state->phase = PHASE_FOLLOWING;
        try_again(state);
        return;
    }
    farm_state_note(state, FARM_NOTE_OLD, state->farm->prefix, "revisions of the store went back");
    start_as_of_now(state);
    ask(state);
}

/* The history that was asked for is gone. */
static bool is_gone(const struct farm_state *state)
{
    return state->answer.compacted || (state->answer.failed && state->answer.code == WIRE_OUT_OF_RANGE);
}

static void lose_history(struct farm_state *state)
{
    if (state->phase == PHASE_CHECKPOINT) { /* no earlier one can be read: there is none */
        state->answer.more = false;
        loaded(state);
    } else {
        start_as_of_now(state);
        ask(state);
    }
}

static void on_done(void *data, int error, const char *detail)
{
    struct farm_state *state = data;
    if (error == ERROR_NO_MEMORY || error == ERROR_NEWER)
        stop(state, error, error == ERROR_NEWER ? state->newer.text : detail);
    else if (is_gone(state))
        lose_history(state);
    else if (state->phase == PHASE_FOLLOWING || error != 0 || state->answer.failed)
        try_again(state);
    else if (state->phase == PHASE_CHECKING)
        checked(state);
    else if (state->phase == PHASE_CHECKPOINT && state->wants_earlier)
        ask(state);
    else
        loaded(state);
}

/* Windows are written with the checkpoint that has them, which is later than what it was made of. */
static int64_t revision_asked(const struct farm_state *state)
{
    switch (state->phase) {
    case PHASE_CHECKPOINT:
        return state->checkpoint_before;
    case PHASE_CHECKING:
        return 0;
    case PHASE_WINDOW:
        return state->revision < state->loaded_revision ? state->loaded_revision : state->revision;
    default:
        return state->revision;
    }
}

static char *range_text(const struct farm_state *state)
{
    const struct phase_form *form = &phases[state->phase];
    struct record_key key = form->page == 0 ? record_key(state->farm, form->kind, NULL, NULL)
                                            : record_prefix(state->farm, form->kind, NULL);
    struct record_key after = state->after;
    if (state->phase == PHASE_WINDOW && after.text[0] == '\0' && state->checkpoint->unsent_from_ms > 0)
        after = record_window_key(state->farm, state->checkpoint->unsent_from_ms - 1);
    const struct wire_op range = {.type = WIRE_RANGE,
                                  .key = key.text,
                                  .prefix = form->page != 0,
                                  .limit = form->page,
                                  .revision = revision_asked(state),
                                  .after_key = after.text[0] != '\0' ? after.text : NULL};
    return wire_range_text(&range);
}

static void ask(struct farm_state *state)
{
    static const struct etcd_told told = {on_kv, on_message, on_done};
    bool following = state->phase == PHASE_FOLLOWING;
    char *text = following ? wire_watch_text(state->farm->prefix, state->revision + 1) : range_text(state);
    state->due_ms = INT64_MAX;
    state->answer = (struct farm_answer){.failed = false};
    state->wants_earlier = false;
    int error = ask_send(&state->ask, &state->port, following ? WIRE_PATH_WATCH : WIRE_PATH_RANGE, text,
                         &told, state);
    if (error < 0)
        try_again(state);
}

/* ---- for its owner ------------------------------------------------------------------------------------- */

struct farm_state *farm_state_create(const struct record_farm *farm, const struct farm_port *port,
                                     const struct farm_state_told *told, void *data, int64_t seen_n)
{
    struct farm_state *state = calloc(1, sizeof(*state));
    if (state == NULL)
        return NULL;
    state->seq = calloc(1, sizeof(*state->seq));
    if (state->seq == NULL) {
        free(state);
        return NULL;
    }
    state->farm = farm;
    state->port = *port;
    state->told = *told;
    state->data = data;
    state->seen_n = seen_n;
    state->backoff_ms = FARM_STATE_RETRY_FIRST_MS;
    host_sets_init(&state->sets);
    start(state);
    return state;
}

void farm_state_destroy(struct farm_state *state)
{
    if (state == NULL)
        return;
    ask_drop(&state->ask);
    host_sets_finish(&state->sets);
    free(state->checkpoint);
    free(state->unsent);
    free(state->seq);
    free(state);
}

void farm_state_pass(struct farm_state *state, int64_t steady_ms)
{
    state->steady_ms = steady_ms;
    if (state->ask == NULL && state->due_ms <= steady_ms)
        ask(state);
}

int64_t farm_state_due_ms(const struct farm_state *state)
{
    return state->ask == NULL ? state->due_ms : INT64_MAX;
}

void farm_state_reload(struct farm_state *state)
{
    if (state->phase == PHASE_STOPPED)
        return;
    ask_drop(&state->ask);
    start_as_of_now(state);
    state->due_ms = state->steady_ms;
}

void farm_state_watch_again(struct farm_state *state)
{
    if (state->phase != PHASE_FOLLOWING)
        return;
    ask_drop(&state->ask);
    state->due_ms = state->steady_ms;
}

bool farm_state_is_following(const struct farm_state *state)
{
    return state->phase == PHASE_FOLLOWING;
}

int64_t farm_state_revision(const struct farm_state *state)
{
    return state->revision;
}

int64_t farm_state_head(const struct farm_state *state)
{
    return state->head;
}

int64_t farm_state_seen_n(const struct farm_state *state)
{
    return state->seen_n;
}

int64_t farm_state_checkpoint_revision(const struct farm_state *state)
{
    return state->checkpoint_revision;
}

int64_t farm_state_now_ms(const struct farm_state *state)
{
    return state->now_ms;
}

bool farm_state_wants_time(const struct farm_state *state)
{
    return state->hosts_wait;
}

bool farm_state_host_is_up(const struct farm_state *state, const char *host)
{
    const struct host_set *set = host_sets_find(&state->sets, &state->farm->seal, host);
    return set != NULL && set->is_up;
}
