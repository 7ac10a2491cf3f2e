#include "windows_join.h"

#include "repair.h"
#include "windows_sessions.h"

#include "agent/core/hash_index.h"
#include "agent/core/identity.h"
#include "common/error.h"

#include <stdlib.h>
#include <string.h>

enum witness { WITNESS_LSM, WITNESS_SECURITY, WITNESS_MAX, WITNESS_NONE = WITNESS_MAX };

/* A live session, as one or both tell it. */
struct joined {
    char *host, *identity;
    char *known_as;         /* the id that the first of both gave it */
    char *ids[WITNESS_MAX]; /* NULL: does not tell it */
    int64_t begun_ms[WITNESS_MAX];
    bool is_active;
    uint32_t next_free;
};

/* What waits for the events of the next seconds. Texts are one piece of memory. */
struct held {
    struct sizing_event event;
    char *texts;
};

struct windows_join {
    struct windows_join_settings settings;
    struct keyed_hash_keys keys;
    struct hash_index by_id, by_user;
    struct joined *all;
    uint32_t count, free_joined;
    size_t room;
    struct held held[WINDOWS_JOIN_HELD_MAX]; /* a ring */
    size_t held_first, held_count;
};

/* ---- names --------------------------------------------------------------------------------------------- */

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Where several readers' ids are told apart, theirs stands behind a number and a slash. */
static enum witness witness_of(const char *session)
{
    const char *own = session;
    while (*own >= '0' && *own <= '9')
        own++;
    own = *own == '/' ? own + 1 : session;
    if (*own == *WINDOWS_LSM_PREFIX && begins_with(own, WINDOWS_LSM_PREFIX))
        return WITNESS_LSM;
    return *own == *WINDOWS_SECURITY_PREFIX && begins_with(own, WINDOWS_SECURITY_PREFIX) ? WITNESS_SECURITY
                                                                                         : WITNESS_NONE;
}

static uint32_t hash_of(const struct windows_join *join, const char *host, const char *name)
{
    struct keyed_hash state = keyed_hash_begin(&join->keys);
    keyed_hash_text(&state, host, strlen(host));
    keyed_hash_text(&state, name, strlen(name));
    return keyed_hash_end(&join->keys, state);
}

static void repaired(const struct windows_join *join)
{
    repair_add(join->settings.repairs, REPAIR_DUPLICATE, 1);
}

/* ---- live sessions ------------------------------------------------------------------------------------- */

static struct joined *find(const struct windows_join *join, const struct sizing_event *event,
                           enum witness witness)
{
    uint32_t hash = hash_of(join, event->host, event->session), number,
             position = hash_index_home(&join->by_id, hash);
    while ((number = hash_index_candidate(&join->by_id, hash, &position)) != HASH_INDEX_NONE) {
        struct joined *joined = &join->all[number];
        if (joined->ids[witness] != NULL && strcmp(joined->ids[witness], event->session) == 0 &&
            strcmp(joined->host, event->host) == 0)
            return joined;
    }
    return NULL;
}

/* Whether what `witness` now tells for the first time is this session, which the other one has told. */
static bool is_the_same(const struct joined *joined, const struct sizing_event *event, enum witness witness)
{
    if (joined->ids[witness] != NULL)
        return false;
    return witness == WITNESS_LSM || event->at_ms - joined->begun_ms[WITNESS_LSM] <= WINDOWS_JOIN_MS;
}

/* Of several the one that began last. */
static struct joined *find_partner(const struct windows_join *join, const struct sizing_event *event,
                                   enum witness witness)
{
    char identity[IDENTITY_KEY_BYTES_MAX];
    identity_key(event->user, NULL, 0, identity);
    uint32_t hash = hash_of(join, event->host, identity), number,
             position = hash_index_home(&join->by_user, hash);
    struct joined *best = NULL;
    enum witness other = witness == WITNESS_LSM ? WITNESS_SECURITY : WITNESS_LSM;
    while ((number = hash_index_candidate(&join->by_user, hash, &position)) != HASH_INDEX_NONE) {
        struct joined *joined = &join->all[number];
        if (strcmp(joined->identity, identity) == 0 && strcmp(joined->host, event->host) == 0 &&
            is_the_same(joined, event, witness) &&
            (best == NULL || joined->begun_ms[other] >= best->begun_ms[other]))
            best = joined;
    }
    return best;
}

static uint32_t number_of(const struct windows_join *join, const struct joined *joined)
{
    return (uint32_t)(joined - join->all);
}

static void free_texts(struct joined *joined)
{
    free(joined->host);
    free(joined->identity);
    free(joined->known_as);
    for (int i = 0; i < WITNESS_MAX; i++)
        free(joined->ids[i]);
    *joined = (struct joined){0};
}

static bool reserve(struct windows_join *join)
{
    if (!hash_index_reserve(&join->by_id) || !hash_index_reserve(&join->by_user))
        return false;
    if (join->free_joined != HASH_INDEX_NONE || join->count < join->room)
        return true;
    size_t room = join->room == 0 ? 64 : join->room * 2;
    struct joined *all = realloc(join->all, room * sizeof *all);
    if (all == NULL)
        return false;
    join->all = all;
    join->room = room;
    return true;
}

static bool add(struct windows_join *join, const struct sizing_event *event, enum witness witness)
{
    char identity[IDENTITY_KEY_BYTES_MAX];
    identity_key(event->user, NULL, 0, identity);
    struct joined made = {.is_active = true};
    made.host = strdup(event->host);
    made.identity = strdup(identity);
    made.known_as = strdup(event->session);
    made.ids[witness] = strdup(event->session);
    made.begun_ms[witness] = event->at_ms;
    if (made.host == NULL || made.identity == NULL || made.known_as == NULL || made.ids[witness] == NULL ||
        !reserve(join)) {
        free_texts(&made);
        return false;
    }
    uint32_t number = join->free_joined;
    if (number != HASH_INDEX_NONE)
        join->free_joined = join->all[number].next_free;
    else
        number = join->count++;
    join->all[number] = made;
    hash_index_add(&join->by_id, hash_of(join, event->host, event->session), number);
    hash_index_add(&join->by_user, hash_of(join, event->host, identity), number);
    return true;
}

static bool attach(struct windows_join *join, struct joined *joined, const struct sizing_event *event,
                   enum witness witness)
{
    if (!hash_index_reserve(&join->by_id) || (joined->ids[witness] = strdup(event->session)) == NULL)
        return false;
    joined->begun_ms[witness] = event->at_ms;
    hash_index_add(&join->by_id, hash_of(join, event->host, event->session), number_of(join, joined));
    return true;
}

static void forget_id(struct windows_join *join, struct joined *joined, enum witness witness)
{
    if (joined->ids[witness] == NULL)
        return;
    hash_index_remove(&join->by_id, hash_of(join, joined->host, joined->ids[witness]),
                      number_of(join, joined));
    free(joined->ids[witness]);
    joined->ids[witness] = NULL;
}

static void forget(struct windows_join *join, struct joined *joined)
{
    uint32_t number = number_of(join, joined);
    for (int i = 0; i < WITNESS_MAX; i++)
        forget_id(join, joined, (enum witness)i);
    hash_index_remove(&join->by_user, hash_of(join, joined->host, joined->identity), number);
    free_texts(joined);
    joined->next_free = join->free_joined;
    join->free_joined = number;
}

/* ---- one event ----------------------------------------------------------------------------------------- */

static int give(const struct windows_join *join, const struct joined *joined,
                const struct sizing_event *event)
{
    struct sizing_event told = *event;
    told.session = joined->known_as;
    return join->settings.take(join->settings.data, &told);
}

/* LSM's word on who is connected stands where it has one. */
static bool has_the_word(const struct joined *joined, enum witness witness)
{
    return witness == WITNESS_LSM || joined->ids[WITNESS_LSM] == NULL;
}

static int change(const struct windows_join *join, struct joined *joined, const struct sizing_event *event,
                  enum witness witness)
{
    bool is_active = event->type == SIZING_CONNECT;
    if (!has_the_word(joined, witness) || joined->is_active == is_active) {
        repaired(join);
        return 0;
    }
    joined->is_active = is_active;
    return give(join, joined, event);
}

static int begin(struct windows_join *join, const struct sizing_event *event, enum witness witness)
{
    struct joined *partner = find_partner(join, event, witness);
    if (partner == NULL)
        return add(join, event, witness) ? join->settings.take(join->settings.data, event) : ERROR_NO_MEMORY;
    if (!attach(join, partner, event, witness))
        return ERROR_NO_MEMORY;
    return change(join, partner, event, witness);
}

static int end(struct windows_join *join, struct joined *joined, const struct sizing_event *event,
               enum witness witness)
{
    if (!has_the_word(joined, witness) && event->at_ms - joined->begun_ms[witness] <= WINDOWS_JOIN_MS) {
        forget_id(join, joined, witness);
        repaired(join);
        return 0;
    }
    int code = give(join, joined, event);
    forget(join, joined);
    return code;
}

static void forget_host(struct windows_join *join, const char *host)
{
    for (uint32_t i = 0; i < join->count; i++)
        if (join->all[i].host != NULL && strcmp(join->all[i].host, host) == 0)
            forget(join, &join->all[i]);
}

static int process(struct windows_join *join, const struct sizing_event *event, enum witness witness)
{
    if (event->type == SIZING_HOST_END)
        forget_host(join, event->host);
    if (witness == WITNESS_NONE)
        return join->settings.take(join->settings.data, event);
    struct joined *joined = find(join, event, witness);
    if (event->type == SIZING_CONNECT)
        return joined == NULL ? begin(join, event, witness) : change(join, joined, event, witness);
    if (joined == NULL) { /* the other log has told its end */
        repaired(join);
        return 0;
    }
    return event->type == SIZING_LOGOFF ? end(join, joined, event, witness)
                                        : change(join, joined, event, witness);
}

/* ---- holding ------------------------------------------------------------------------------------------- */

static bool hold(struct windows_join *join, const struct sizing_event *event)
{
    const char *user = event->type == SIZING_CONNECT ? event->user : "";
    size_t host_bytes = strlen(event->host) + 1, session_bytes = strlen(event->session) + 1,
           user_bytes = strlen(user) + 1;
    char *texts = malloc(host_bytes + session_bytes + user_bytes);
    if (texts == NULL)
        return false;
    struct held *held = &join->held[(join->held_first + join->held_count++) % WINDOWS_JOIN_HELD_MAX];
    *held = (struct held){*event, texts};
    held->event.host = memcpy(texts, event->host, host_bytes);
    held->event.session = memcpy(texts + host_bytes, event->session, session_bytes);
    held->event.user = memcpy(texts + host_bytes + session_bytes, user, user_bytes);
    return true;
}

static bool same_user(const struct sizing_event *one, const struct sizing_event *other)
{
    char one_key[IDENTITY_KEY_BYTES_MAX], other_key[IDENTITY_KEY_BYTES_MAX];
    if (strcmp(one->host, other->host) != 0)
        return false;
    identity_key(one->user, NULL, 0, one_key);
    identity_key(other->user, NULL, 0, other_key);
    return strcmp(one_key, other_key) == 0;
}

static bool waits_for_flag(const struct sizing_event *event, enum witness witness)
{
    return event->type == SIZING_CONNECT && event->administrator == ADMINISTRATOR_UNKNOWN &&
           witness == WITNESS_LSM;
}

/* What Security says of the user of the earliest event that is held. */
static enum administrator flag_of_first(const struct windows_join *join)
{
    const struct sizing_event *first = &join->held[join->held_first].event;
    for (size_t i = 1; i < join->held_count; i++) {
        const struct sizing_event *event = &join->held[(join->held_first + i) % WINDOWS_JOIN_HELD_MAX].event;
        if (event->type == SIZING_CONNECT && witness_of(event->session) == WITNESS_SECURITY &&
            event->administrator != ADMINISTRATOR_UNKNOWN && same_user(first, event))
            return event->administrator;
    }
    return ADMINISTRATOR_UNKNOWN;
}

static int release_first(struct windows_join *join)
{
    struct held *held = &join->held[join->held_first];
    enum witness witness = witness_of(held->event.session);
    if (waits_for_flag(&held->event, witness))
        held->event.administrator = flag_of_first(join);
    int code = process(join, &held->event, witness);
    free(held->texts);
    join->held_first = (join->held_first + 1) % WINDOWS_JOIN_HELD_MAX;
    join->held_count--;
    return code;
}

static bool first_may_go(const struct windows_join *join, int64_t now_ms)
{
    const struct sizing_event *first = &join->held[join->held_first].event;
    return join->held_count == WINDOWS_JOIN_HELD_MAX || !waits_for_flag(first, witness_of(first->session)) ||
           first->at_ms + WINDOWS_JOIN_HOLD_MS < now_ms;
}

int windows_join_take(struct windows_join *join, const struct sizing_event *event)
{
    int code = 0;
    while (code == 0 && join->held_count > 0 && first_may_go(join, event->at_ms))
        code = release_first(join);
    if (code < 0)
        return code;
    enum witness witness = witness_of(event->session);
    if (join->held_count == 0 && !waits_for_flag(event, witness))
        return process(join, event, witness);
    return hold(join, event) ? 0 : ERROR_NO_MEMORY;
}

int windows_join_end(struct windows_join *join)
{
    int code = 0;
    while (code == 0 && join->held_count > 0)
        code = release_first(join);
    return code;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

struct windows_join *windows_join_create(const struct windows_join_settings *settings)
{
    struct windows_join *join = calloc(1, sizeof *join);
    if (join == NULL)
        return NULL;
    join->settings = *settings;
    join->free_joined = HASH_INDEX_NONE;
    keyed_hash_expand(settings->seed, &join->keys);
    return join;
}

void windows_join_destroy(struct windows_join *join)
{
    if (join == NULL)
        return;
    for (; join->held_count > 0; join->held_count--)
        free(join->held[(join->held_first + join->held_count - 1) % WINDOWS_JOIN_HELD_MAX].texts);
    for (uint32_t i = 0; i < join->count; i++)
        free_texts(&join->all[i]);
    free(join->all);
    hash_index_finish(&join->by_id);
    hash_index_finish(&join->by_user);
    free(join);
}
