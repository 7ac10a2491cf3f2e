#include "model_authority.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MS   DAY_MS
#define IN_STEP_MS 5000

void model_authority_init(struct model_authority *authority, const struct plan *plan, struct witness *witness,
                          const int64_t *true_ms)
{
    *authority =
        (struct model_authority){.witness = witness, .true_ms = true_ms, .key_count = plan->key_count};
    for (unsigned i = 0; i < plan->key_count; i++) {
        const struct key_traits *traits = &plan->keys[i];
        authority->keys[i] = (struct model_key){.limit = traits->licences,
                                                .purchases = traits->licences,
                                                .term_ms = traits->term_ms,
                                                .refresh_ms = traits->refresh_ms,
                                                .holder = -1};
    }
}

void model_authority_finish(struct model_authority *authority)
{
    for (size_t i = 0; i < authority->farm_count; i++) {
        free(authority->farms[i].seen);
        free(authority->farms[i].counted);
    }
    free(authority->farms);
}

static int64_t now_ms(const struct model_authority *authority)
{
    return *authority->true_ms + authority->clock_error_ms;
}

/* ---- entitlements -------------------------------------------------------------------------------------- */

/* Neither serial nor date goes back, whatever the clock does. */
static void issue(struct model_authority *authority, struct model_farm_account *farm, struct grant *ret)
{
    const struct model_key *key = farm->key == PLAN_TRIAL ? NULL : &authority->keys[farm->key];
    uint64_t by_clock = (uint64_t)now_ms(authority);
    farm->serial = by_clock > farm->serial ? by_clock : farm->serial + 1;
    if (now_ms(authority) > farm->issued_ms)
        farm->issued_ms = now_ms(authority);
    *ret = (struct grant){
        .serial = farm->serial,
        .status = farm->active ? GRANT_ACTIVE : GRANT_DEACTIVATED,
        .limit = key != NULL ? key->limit : MODEL_TRIAL_LIMIT,
        .purchases = key != NULL ? key->purchases : 0,
        .trial = key == NULL,
        .expires_at_ms = key != NULL ? key->expires_ms : farm->trial_ends_ms,
        .issued_at_ms = farm->issued_ms,
        .refresh_by_ms = farm->issued_ms + (key != NULL ? key->refresh_ms : 30 * DAY_MS),
    };
    memcpy(ret->farm_id, farm->farm_id, sizeof(ret->farm_id));
    memcpy(ret->installation_id, farm->installation_id, sizeof(ret->installation_id));
    if (!farm->active)
        (void)snprintf(ret->reason, sizeof(ret->reason), "deactivated");
    farm->last_grant[farm->grants++ % 4] = *ret;
}

/* ---- farms --------------------------------------------------------------------------------------------- */

/* Every id ends with the farm's place. */
struct model_farm_account *model_authority_find(struct model_authority *authority, const char *farm_id)
{
    const char *dash = strrchr(farm_id, '-');
    size_t place = dash != NULL ? strtoul(dash + 1, NULL, 10) : authority->farm_count;
    bool known = place < authority->farm_count && strcmp(authority->farms[place].farm_id, farm_id) == 0;
    return known ? &authority->farms[place] : NULL;
}

/* Ids that lie far apart, as random ones do: the farm's phase is a hash of it. */
static void name_farm(const struct model_authority *authority, char ret[GRANT_ID_BYTES_MAX + 1])
{
    uint64_t number = (authority->farm_count + 1) * UINT64_C(0x9e3779b97f4a7c15);
    do
        (void)snprintf(ret, GRANT_ID_BYTES_MAX + 1, "f-%016" PRIx64 "-%zu", number++, authority->farm_count);
    while (authority->in_step && reporter_phase(ret) > IN_STEP_MS);
}

/* Key and installation give the same farm for ever. */
static int farm_of(struct model_authority *authority, int key, const char *installation_id, unsigned host)
{
    for (size_t i = 0; i < authority->farm_count; i++) {
        struct model_farm_account *farm = &authority->farms[i];
        if (farm->key == key && strcmp(farm->installation_id, installation_id) == 0)
            return (int)i;
    }
    if (authority->farm_count == authority->farm_room) {
        authority->farm_room = authority->farm_room == 0 ? 8 : authority->farm_room * 2;
        authority->farms = realloc(authority->farms, authority->farm_room * sizeof(*authority->farms));
        if (authority->farms == NULL)
            abort();
    }
    struct model_farm_account *farm = &authority->farms[authority->farm_count];
    *farm = (struct model_farm_account){.key = key, .host = host};
    name_farm(authority, farm->farm_id);
    (void)snprintf(farm->installation_id, sizeof(farm->installation_id), "%s", installation_id);
    return (int)authority->farm_count++;
}

static void close_farm(struct model_authority *authority, struct model_farm_account *farm)
{
    struct model_key *key = farm->key == PLAN_TRIAL ? NULL : &authority->keys[farm->key];
    farm->active = false;
    if (key != NULL && key->holder >= 0 && &authority->farms[key->holder] == farm)
        key->holder = -1;
}

/* A token stays good until a later one is used: an answer that is lost, or a request that comes late, burns
 * nothing. */
static bool has_token(const struct model_farm_account *farm, uint64_t token)
{
    return farm != NULL && token != 0 && token >= farm->used_token && token <= farm->newest_token;
}

/* ---- activation (RULES §3.13) -------------------------------------------------------------------------- */

static enum model_answer_type try_key(struct model_authority *authority, struct model_key *key, int farm,
                                      bool move)
{
    const char *installation_id = authority->farms[farm].installation_id;
    bool is_move = key->last_installation[0] != '\0' && strcmp(key->last_installation, installation_id) != 0;
    if (key->expires_ms != 0 && now_ms(authority) >= key->expires_ms)
        return ANSWER_KEY_EXPIRED;
    if (key->holder >= 0 && key->holder != farm && !move)
        return ANSWER_KEY_IN_USE;
    if (is_move && key->moves == MODEL_MOVES_MAX)
        return ANSWER_MOVES_EXHAUSTED;
    if (key->expires_ms == 0)
        key->expires_ms = now_ms(authority) + key->term_ms;
    if (is_move) {
        key->moves++;
        witness_note(authority->witness, HAPPENED_MOVED);
    }
    if (key->holder >= 0 && key->holder != farm)
        close_farm(authority, &authority->farms[key->holder]);
    (void)snprintf(key->last_installation, sizeof(key->last_installation), "%s", installation_id);
    key->holder = farm;
    return ANSWER_GRANTED;
}

static enum model_answer_type try_trial(struct model_authority *authority, struct model_farm_account *farm)
{
    if (farm->trial_ends_ms == 0)
        farm->trial_ends_ms = now_ms(authority) + MODEL_TRIAL_MS;
    return now_ms(authority) >= farm->trial_ends_ms ? ANSWER_TRIAL_USED : ANSWER_GRANTED;
}

void model_authority_activate(struct model_authority *authority, unsigned host, const char *installation_id,
                              int key, bool move, struct model_answer *ret)
{
    int number = farm_of(authority, key, installation_id, host);
    struct model_farm_account *farm = &authority->farms[number];
    *ret = (struct model_answer){.type = key == PLAN_TRIAL
                                             ? try_trial(authority, farm)
                                             : try_key(authority, &authority->keys[key], number, move)};
    if (ret->type != ANSWER_GRANTED)
        return;
    if (key != PLAN_TRIAL) { /* a key over a trial */
        int trial = farm_of(authority, PLAN_TRIAL, installation_id, host);
        close_farm(authority, &authority->farms[trial]);
        farm = &authority->farms[number];
    }
    witness_note(authority->witness, key == PLAN_TRIAL ? HAPPENED_TRIAL : HAPPENED_ACTIVATED);
    farm->active = true;
    issue(authority, farm, &ret->grant);
    farm->newest_token = ++authority->tokens;
    ret->token = farm->newest_token;
}

void model_authority_release(struct model_authority *authority, const char *farm_id, uint64_t token,
                             struct model_answer *ret)
{
    struct model_farm_account *farm = model_authority_find(authority, farm_id);
    *ret = (struct model_answer){.type = ANSWER_UNKNOWN};
    if (!has_token(farm, token))
        return;
    farm->used_token = token;
    close_farm(authority, farm);
    ret->type = ANSWER_GRANTED;
    issue(authority, farm, &ret->grant);
}

/* ---- windows (RULES §5.5) ------------------------------------------------------------------------------ */

static size_t place_of(const struct model_farm_account *farm, uint64_t sequence)
{
    size_t at = farm->seen_count;
    while (at > 0 && farm->seen[at - 1].window.sequence >= sequence)
        at--;
    return at;
}

/* Where a window that begins at start_ms belongs among the counted ones. */
static size_t counted_place(const struct model_farm_account *farm, int64_t start_ms)
{
    size_t at = farm->counted_count;
    while (at > 0 && farm->counted[at - 1][0] >= start_ms)
        at--;
    return at;
}

static bool is_acceptable(const struct model_authority *authority, const struct model_farm_account *farm,
                          const struct window *window)
{
    if (window->end_ms <= window->start_ms || window->end_ms - window->start_ms > WINDOW_MS)
        return false;
    if (window->end_ms > now_ms(authority) + (authority->impatient ? -MINUTE_MS : AHEAD_MS))
        return false;
    size_t at = counted_place(farm, window->start_ms);
    bool overlaps_last = at > 0 && farm->counted[at - 1][1] > window->start_ms;
    bool overlaps_next = at < farm->counted_count && farm->counted[at][0] < window->end_ms;
    return !overlaps_last && !overlaps_next;
}

static void count_window(struct model_farm_account *farm, const struct window *window)
{
    size_t at = counted_place(farm, window->start_ms);
    if (farm->counted_count == farm->counted_room) {
        farm->counted_room = farm->counted_room == 0 ? 64 : farm->counted_room * 2;
        farm->counted = realloc(farm->counted, farm->counted_room * sizeof(*farm->counted));
        if (farm->counted == NULL)
            abort();
    }
    memmove(&farm->counted[at + 1], &farm->counted[at], (farm->counted_count - at) * sizeof(*farm->counted));
    farm->counted[at][0] = window->start_ms;
    farm->counted[at][1] = window->end_ms;
    farm->counted_count++;
    farm->windows_counted++;
    farm->users_counted += window->peak_users;
    if (window->sequence > farm->through)
        farm->through = window->sequence;
}

static bool take_new(struct model_authority *authority, struct model_farm_account *farm,
                     const struct window *window)
{
    bool accepted = is_acceptable(authority, farm, window);
    uint64_t last = farm->seen_count > 0 ? farm->seen[farm->seen_count - 1].window.sequence : 0;
    if (window->sequence > last + 1)
        witness_note(authority->witness, HAPPENED_WINDOW_GAP);
    if (farm->seen_count == farm->seen_room) {
        farm->seen_room = farm->seen_room == 0 ? 64 : farm->seen_room * 2;
        farm->seen = realloc(farm->seen, farm->seen_room * sizeof(*farm->seen));
        if (farm->seen == NULL)
            abort();
    }
    size_t at = place_of(farm, window->sequence);
    memmove(&farm->seen[at + 1], &farm->seen[at], (farm->seen_count - at) * sizeof(*farm->seen));
    farm->seen_count++;
    farm->seen[at] = (struct model_seen){.window = *window, .counted = accepted};
    if (accepted)
        count_window(farm, window);
    else
        witness_note(authority->witness, HAPPENED_WINDOW_REFUSED);
    return accepted;
}

/* The same sequence again gets the same answer and changes nothing. */
static bool take_window(struct model_authority *authority, struct model_farm_account *farm,
                        const struct window *window)
{
    size_t at = place_of(farm, window->sequence);
    bool repeated = at < farm->seen_count && farm->seen[at].window.sequence == window->sequence;
    bool accepted = repeated ? farm->seen[at].counted : take_new(authority, farm, window);
    if (repeated && authority->counts_twice)
        farm->windows_counted++;
    authority->judged(authority->judged_data, farm, window, accepted, repeated);
    return accepted;
}

void model_authority_report(struct model_authority *authority, const char *farm_id, uint64_t token,
                            const struct window *windows, size_t count, struct model_answer *ret)
{
    struct model_farm_account *farm = model_authority_find(authority, farm_id);
    *ret = (struct model_answer){.type = ANSWER_UNKNOWN};
    if (!has_token(farm, token))
        return;
    farm->used_token = token;
    assert(count <= REPORTER_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        bool lost = authority->forgets && windows[i].sequence % 50 == 0;
        if (lost)
            farm->through = windows[i].sequence;
        else if (!take_window(authority, farm, &windows[i]))
            ret->refused[ret->refused_count++] = windows[i].sequence;
    }
    ret->type = ANSWER_GRANTED;
    ret->through = farm->through;
    issue(authority, farm, &ret->grant);
}

/* ---- orders -------------------------------------------------------------------------------------------- */

void model_authority_purchase(struct model_authority *authority, unsigned key, uint32_t licences)
{
    authority->keys[key].limit += licences;
    authority->keys[key].purchases += licences;
    if (licences > 0)
        witness_note(authority->witness, HAPPENED_PURCHASED);
}

void model_authority_limit(struct model_authority *authority, unsigned key, uint32_t licences)
{
    if (licences < authority->keys[key].limit)
        witness_note(authority->witness, HAPPENED_LIMIT_LOWERED);
    authority->keys[key].limit = licences;
}

/* From the old end if ordered within 30 days after it, else from now (RULES §5.1). */
void model_authority_renew(struct model_authority *authority, unsigned number, int64_t by_ms)
{
    struct model_key *key = &authority->keys[number];
    if (key->expires_ms == 0)
        return;
    bool late = now_ms(authority) >= key->expires_ms + 30 * DAY_MS;
    key->expires_ms = (late ? now_ms(authority) : key->expires_ms) + by_ms;
    witness_note(authority->witness, HAPPENED_RENEWED);
}

void model_authority_deactivate(struct model_authority *authority, unsigned key)
{
    if (authority->keys[key].holder >= 0)
        close_farm(authority, &authority->farms[authority->keys[key].holder]);
}
