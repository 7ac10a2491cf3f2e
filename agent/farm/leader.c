#include "leader_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JITTER_MS 300 /* not all hosts of a farm stand at the same instant */

static void look(struct leader *leader);
static void pass_following(struct leader *leader);
static void pass_campaigning(struct leader *leader);

static void (*const passes[LEADER_STATE_MAX])(struct leader *leader) = {
    [LEADER_FOLLOWING] = pass_following,
    [LEADER_CAMPAIGNING] = pass_campaigning,
    [LEADER_REPLAYING] = leader_write_pass,
    [LEADER_LIVE] = leader_write_pass,
};

static bool is_elected(const struct leader *leader)
{
    return leader->state == LEADER_REPLAYING || leader->state == LEADER_LIVE;
}

void leader_note_answer(struct leader_answer *answer, const struct wire_message *message)
{
    *answer = (struct leader_answer){.failed = message->failed,
                                     .succeeded = message->succeeded,
                                     .more = message->more,
                                     .code = message->code,
                                     .revision = message->revision,
                                     .lease = message->lease,
                                     .ttl = message->ttl};
    memcpy(answer->text, message->text, sizeof(answer->text));
}

static struct record_key leader_key(const struct leader *leader)
{
    return record_key(leader->settings.farm, RECORD_LEADER, NULL, NULL);
}

/* ---- who leads ----------------------------------------------------------------------------------------- */

static int64_t jitter_ms(const struct leader *leader)
{
    unsigned hash = 2166136261u;
    for (const char *at = leader->settings.self.instance; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    return hash % JITTER_MS;
}

static void look_later(struct leader *leader, int64_t wait_ms)
{
    leader->is_watching = false;
    leader->election_due_ms = leader->steady_ms + wait_ms;
}

/* Whoever wrote the key leads, readable or not. */
static int on_leader_kv(void *data, const struct wire_kv *kv)
{
    struct leader *leader = data;
    struct record_host host;
    leader->holder_revision = kv->deleted ? 0 : kv->create_revision;
    leader->holder_lease = kv->lease;
    leader->holder[0] = '\0';
    if (!kv->deleted && record_host_read(leader->settings.farm, kv, &host, NULL) == 0)
        memcpy(leader->holder, host.host, sizeof(leader->holder));
    return 0;
}

static int on_election_message(void *data, const struct wire_message *message)
{
    struct leader *leader = data;
    leader_note_answer(&leader->election_answer, message);
    if (!leader->is_watching)
        return 0;
    return message->failed || message->cancelled || leader->holder_revision == 0 ? ERROR_CANCELLED : 0;
}

static void ask_election(struct leader *leader, const char *path, char *text,
                         void (*done)(void *data, int error, const char *detail))
{
    const struct etcd_told told = {on_leader_kv, on_election_message, done};
    leader->election_due_ms = INT64_MAX;
    leader->election_answer = (struct leader_answer){.failed = false};
    if (ask_send(&leader->election, &leader->settings.port, path, text, &told, leader) < 0)
        look_later(leader, LEADER_RETRY_MS);
}

static void on_watched(void *data, int error, const char *detail)
{
    struct leader *leader = data;
    (void)error;
    (void)detail;
    look_later(leader, leader->holder_revision == 0 ? jitter_ms(leader) : LEADER_RETRY_MS);
}

static void watch(struct leader *leader)
{
    leader->is_watching = true;
    ask_election(leader, WIRE_PATH_WATCH,
                 wire_watch_text(leader_key(leader).text, leader->election_answer.revision + 1), on_watched);
}

static void on_looked(void *data, int error, const char *detail)
{
    struct leader *leader = data;
    (void)detail;
    if (error != 0 || leader->election_answer.failed)
        look_later(leader, LEADER_RETRY_MS);
    else if (leader->holder_revision != 0)
        watch(leader);
    else if (leader->stands)
        leader->state = LEADER_CAMPAIGNING;
    else
        look_later(leader, LEADER_RETRY_MS);
}

static void look(struct leader *leader)
{
    const struct record_key key = leader_key(leader);
    leader->holder_revision = leader->holder_lease = 0;
    leader->holder[0] = '\0';
    ask_election(leader, WIRE_PATH_RANGE,
                 wire_range_text(&(struct wire_op){.type = WIRE_RANGE, .key = key.text}), on_looked);
}

static void pass_following(struct leader *leader)
{
    if (leader->election == NULL && leader->steady_ms >= leader->election_due_ms)
        look(leader);
}

/* ---- the election -------------------------------------------------------------------------------------- */

static void on_ignored(void *data, int error, const char *detail)
{
    (void)data;
    (void)error;
    (void)detail;
}

/* Without a word if it fails: it runs out by itself. */
static void give_lease_back(struct leader *leader)
{
    static const struct etcd_told told = {NULL, NULL, on_ignored};
    ask_drop(&leader->keeping);
    if (leader->lease != 0)
        (void)ask_send(&leader->keeping, &leader->settings.port, WIRE_PATH_REVOKE,
                       wire_lease_text(leader->lease), &told, leader);
    leader->lease = 0;
}

static void follow(struct leader *leader, int64_t wait_ms)
{
    give_lease_back(leader);
    leader->state = LEADER_FOLLOWING;
    look_later(leader, wait_ms);
}

static void elected(struct leader *leader, int64_t create_revision)
{
    leader->create_revision = create_revision;
    memcpy(leader->holder, leader->settings.self.host, sizeof(leader->holder));
    if (leader_write_open(leader) == 0)
        leader->state = LEADER_REPLAYING;
    else
        follow(leader, LEADER_RETRY_MS);
}

/* Of an answer that was lost the next one tells: the key is there with our lease. */
static void on_campaigned(void *data, int error, const char *detail)
{
    struct leader *leader = data;
    const struct leader_answer *answer = &leader->election_answer;
    (void)detail;
    if (error != 0 || answer->failed)
        leader->election_due_ms = leader->steady_ms + LEADER_RETRY_MS;
    else if (answer->succeeded)
        elected(leader, answer->revision);
    else if (leader->holder_lease == leader->lease)
        elected(leader, leader->holder_revision);
    else
        follow(leader, 0);
}

static void campaign(struct leader *leader)
{
    const struct record_key key = leader_key(leader);
    const struct wire_compare compare = {WIRE_CREATE, key.text, 0};
    struct record_value value = record_host_value(leader->settings.farm, key.text, &leader->settings.self);
    const struct wire_op put = {.type = WIRE_PUT,
                                .key = key.text,
                                .value = value.bytes,
                                .value_bytes = value.count,
                                .lease = leader->lease};
    const struct wire_op range = {.type = WIRE_RANGE, .key = key.text};
    const struct wire_txn txn = {&compare, 1, &put, &range, 1, 1};
    leader->holder_revision = leader->holder_lease = 0;
    ask_election(leader, WIRE_PATH_TXN, value.bytes != NULL ? wire_txn_text(&txn) : NULL, on_campaigned);
    free(value.bytes);
}

static void note_lease(struct leader *leader, int64_t ttl_s)
{
    leader->lease_until_ms = leader->keep_sent_ms + ttl_s * 1000;
    leader->keep_due_ms = leader->keep_sent_ms + ttl_s * 1000 / 3;
}

static void on_granted(void *data, int error, const char *detail)
{
    struct leader *leader = data;
    const struct leader_answer *answer = &leader->election_answer;
    (void)detail;
    if (error != 0 || answer->failed || answer->lease == 0 || answer->ttl <= 0) {
        follow(leader, LEADER_RETRY_MS);
        return;
    }
    leader->lease = answer->lease;
    note_lease(leader, answer->ttl);
    campaign(leader);
}

static void pass_campaigning(struct leader *leader)
{
    if (leader->election != NULL)
        return;
    if (leader->lease == 0) {
        leader->keep_sent_ms = leader->steady_ms;
        ask_election(leader, WIRE_PATH_GRANT, wire_grant_text(leader->settings.lease_ttl_s), on_granted);
        if (leader->election == NULL)
            follow(leader, LEADER_RETRY_MS);
    } else if (leader->steady_ms >= leader->election_due_ms) {
        campaign(leader);
    }
}

/* ---- the lease ----------------------------------------------------------------------------------------- */

static int on_keeping_message(void *data, const struct wire_message *message)
{
    struct leader *leader = data;
    leader_note_answer(&leader->keeping_answer, message);
    return 0;
}

static void on_kept(void *data, int error, const char *detail)
{
    struct leader *leader = data;
    const struct leader_answer *answer = &leader->keeping_answer;
    (void)detail;
    if (error != 0 || answer->failed)
        leader->keep_due_ms = leader->steady_ms + LEADER_RETRY_MS;
    else if (answer->ttl > 0)
        note_lease(leader, answer->ttl);
    else
        leader_resign_soon(leader, ERROR_NOT_FOUND, "the lease is gone");
}

static void keep_lease(struct leader *leader)
{
    static const struct etcd_told told = {NULL, on_keeping_message, on_kept};
    if (leader->steady_ms >= leader->lease_until_ms) {
        leader_resign_soon(leader, ERROR_TIMEOUT, "the lease could not be renewed");
        return;
    }
    if (leader->keeping != NULL || leader->steady_ms < leader->keep_due_ms)
        return;
    leader->keep_sent_ms = leader->steady_ms;
    leader->keep_due_ms = leader->steady_ms + LEADER_RETRY_MS;
    leader->keeping_answer = (struct leader_answer){.failed = true};
    (void)ask_send(&leader->keeping, &leader->settings.port, WIRE_PATH_KEEPALIVE,
                   wire_lease_text(leader->lease), &told, leader);
}

/* ---- the end of a leadership --------------------------------------------------------------------------- */

void leader_resign_soon(struct leader *leader, int error, const char *detail)
{
    if (leader->resigning)
        return;
    leader->resigning = true;
    leader->resign_error = error;
    error_detail_set(&leader->resign_detail, "%s", detail);
}

static void resign(struct leader *leader)
{
    bool was_elected = is_elected(leader);
    int error = leader->resign_error;
    struct error_detail detail = leader->resign_detail;
    leader->resigning = false;
    leader_write_close(leader);
    ask_drop(&leader->election);
    follow(leader, LEADER_RETRY_MS);
    if (was_elected)
        leader->told.resigned(leader->data, error, detail.text);
}

void leader_resign(struct leader *leader)
{
    leader_resign_soon(leader, ERROR_CANCELLED, "it is handed on");
    resign(leader);
}

/* ---- for its owner ------------------------------------------------------------------------------------- */

struct leader *leader_create(const struct leader_settings *settings, const struct leader_told *told,
                             void *data)
{
    struct leader *leader = calloc(1, sizeof(*leader));
    if (leader == NULL)
        return NULL;
    leader->settings = *settings;
    leader->told = *told;
    leader->data = data;
    leader->stands = true;
    leader->seen_n = leader->last_n = settings->seen_n;
    return leader;
}

void leader_destroy(struct leader *leader)
{
    if (leader == NULL)
        return;
    leader_write_close(leader);
    ask_drop(&leader->election);
    ask_drop(&leader->keeping);
    free(leader->windows);
    free(leader);
}

void leader_saw(struct leader *leader, int64_t n)
{
    if (n > leader->seen_n)
        leader->seen_n = n;
}

void leader_stand(struct leader *leader, bool stands)
{
    leader->stands = stands;
}

void leader_pass(struct leader *leader, int64_t steady_ms)
{
    leader->steady_ms = steady_ms;
    if (leader->lease != 0 && !leader->resigning)
        keep_lease(leader);
    if (leader->resigning)
        resign(leader);
    passes[leader->state](leader);
    if (leader->resigning)
        resign(leader);
}

static int64_t least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

int64_t leader_due_ms(const struct leader *leader)
{
    if (leader->resigning ||
        (leader->state == LEADER_CAMPAIGNING && leader->lease == 0 && leader->election == NULL))
        return leader->steady_ms;
    int64_t due_ms = INT64_MAX;
    if (is_elected(leader))
        due_ms = leader_write_due_ms(leader);
    else if (leader->election == NULL)
        due_ms = leader->election_due_ms;
    if (leader->lease != 0)
        due_ms = least(due_ms, leader->keeping == NULL ? leader->keep_due_ms : leader->lease_until_ms);
    return due_ms;
}

enum leader_state leader_state(const struct leader *leader)
{
    return leader->state;
}

const char *leader_name(const struct leader *leader)
{
    return leader->holder;
}

const struct farm_state *leader_farm_state(const struct leader *leader)
{
    return is_elected(leader) ? leader->farm_state : NULL;
}

int64_t leader_gaps(const struct leader *leader)
{
    return leader->checkpoint != NULL ? leader->checkpoint->gaps_ever : 0;
}
