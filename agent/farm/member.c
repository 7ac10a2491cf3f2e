#include "member.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER INT64_MAX

/* What is asked next, or under way. */
enum step {
    STEP_GRANT,  /* a lease */
    STEP_CLAIM,  /* the key, if nobody has it */
    STEP_TAKE,   /* the key, from the former process that was seen there */
    STEP_RENEW,  /* the lease */
    STEP_LOOK,   /* whether the key still stands as we wrote it */
    STEP_REVOKE, /* the lease */
    STEP_NONE,
    STEP_MAX
};

struct answer {
    bool has_message, has_holder;
    struct wire_message message;
    int error;
    bool opened; /* the holder's value is the farm's */
    struct record_host holder;
    int64_t holder_mod, holder_lease;
    struct error_detail detail;
};

struct member {
    struct member_settings settings;
    struct record_key key;
    int64_t ttl_ms;
    enum member_state state;
    enum step step;
    int64_t asked_id; /* 0: nothing under way */
    bool answered, leaving;
    struct answer answer;
    struct error_detail failure; /* of the last request; "" */
    int64_t due_ms, sent_ms, renewed_ms;
    int64_t lease, mod; /* mod: of the key as we wrote it, or of the one to take */
    unsigned failures, renewals;
    uint64_t chance;
};

const char *member_state_name(enum member_state state)
{
    static const char *const names[] = {
        [MEMBER_JOINING] = "joining", [MEMBER_JOINED] = "joined", [MEMBER_CUT_OFF] = "cut_off",
        [MEMBER_REFUSED] = "refused", [MEMBER_LEFT] = "left",
    };
    static_assert(sizeof names / sizeof *names == MEMBER_STATE_MAX, "a name for each state");
    return names[state];
}

enum member_state member_state(const struct member *member)
{
    return member->state;
}

const char *member_failure(const struct member *member)
{
    return member->failure.text;
}

/* ---- states -------------------------------------------------------------------------------------------- */

static void enter(struct member *member, enum member_state state, const struct record_host *holder,
                  const char *detail)
{
    const struct member_news news = {.state = state,
                                     .back = state == MEMBER_JOINED && member->renewed_ms != 0,
                                     .since_ms = member->renewed_ms,
                                     .holder = holder,
                                     .detail = detail};
    if (member->state == state)
        return;
    member->state = state;
    if (member->settings.changed != NULL)
        member->settings.changed(member->settings.data, &news);
}

static void next(struct member *member, enum step step, int64_t due_ms)
{
    member->step = step;
    member->due_ms = due_ms;
}

static int64_t renewal_ms(const struct member *member)
{
    return member->ttl_ms / MEMBER_RENEWALS;
}

/* The farm hears of this host, and has since the request went out. */
static void joined(struct member *member)
{
    int64_t sent_ms = member->sent_ms;
    member->failures = 0;
    member->failure.text[0] = '\0';
    enter(member, MEMBER_JOINED, NULL, "");
    member->renewed_ms = sent_ms > 0 ? sent_ms : 1;
    next(member, STEP_RENEW, sent_ms + renewal_ms(member));
}

static void cut_off(struct member *member, const char *why)
{
    if (member->state == MEMBER_JOINED)
        enter(member, MEMBER_CUT_OFF, NULL, why);
}

static void refused(struct member *member, int64_t now_ms)
{
    const struct record_host *holder = &member->answer.holder;
    char words[ERROR_DETAIL_BYTES];
    (void)snprintf(words, sizeof words,
                   "%s is in the farm already: machine %s (agent %s, version %s) has the name; give one of "
                   "the two another",
                   holder->host, holder->machine_id[0] == '\0' ? "without an id" : holder->machine_id,
                   holder->instance, holder->version);
    enter(member, MEMBER_REFUSED, holder, words);
    next(member, STEP_GRANT, now_ms + member->ttl_ms);
}

/* SplitMix64. */
static uint64_t draw(uint64_t *chance)
{
    uint64_t z = *chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void retry(struct member *member, int64_t now_ms)
{
    int64_t most_ms = renewal_ms(member);
    int64_t wait_ms = member->failures < 16 ? (int64_t)MEMBER_RETRY_FIRST_MS << member->failures : most_ms;
    if (wait_ms > most_ms)
        wait_ms = most_ms;
    member->failures++;
    if (member->step == STEP_LOOK)
        member->step = STEP_RENEW; /* the lease comes first */
    member->due_ms = now_ms + wait_ms / 2 + (int64_t)(draw(&member->chance) % (uint64_t)(wait_ms / 2 + 1));
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static char *grant_text(struct member *member)
{
    return wire_grant_text(member->ttl_ms / 1000);
}

static char *lease_text(struct member *member)
{
    return wire_lease_text(member->lease);
}

/* The key with our value on our lease, if the comparison holds; else who has it. */
static char *put_text(struct member *member, enum wire_target target, int64_t number)
{
    struct record_value value =
        record_host_value(member->settings.farm, member->key.text, &member->settings.self);
    const struct wire_compare compare = {.target = target, .key = member->key.text, .number = number};
    const struct wire_op put = {.type = WIRE_PUT,
                                .key = member->key.text,
                                .value = value.bytes,
                                .value_bytes = value.count,
                                .lease = member->lease};
    const struct wire_op look = {.type = WIRE_RANGE, .key = member->key.text};
    const struct wire_txn txn = {&compare, 1, &put, &look, 1, 1};
    char *text = value.bytes == NULL ? NULL : wire_txn_text(&txn);
    free(value.bytes);
    return text;
}

static char *claim_text(struct member *member)
{
    return put_text(member, WIRE_CREATE, 0);
}

static char *take_text(struct member *member)
{
    return put_text(member, WIRE_MOD, member->mod);
}

static char *look_text(struct member *member)
{
    const struct wire_compare compare = {.target = WIRE_MOD, .key = member->key.text, .number = member->mod};
    const struct wire_op look = {.type = WIRE_RANGE, .key = member->key.text};
    const struct wire_txn txn = {
        .compares = &compare, .compare_count = 1, .failure = &look, .failure_count = 1};
    return wire_txn_text(&txn);
}

/* ---- answers ------------------------------------------------------------------------------------------- */

static void judge_grant(struct member *member, int64_t now_ms)
{
    member->lease = member->answer.message.lease;
    next(member, STEP_CLAIM, now_ms);
}

static bool is_same_machine(const struct record_host *one, const struct record_host *other)
{
    return one->machine_id[0] != '\0' && strcmp(one->machine_id, other->machine_id) == 0;
}

/* Who has the key. What is not of this farm is nobody's: a stranger's value keeps no host out. */
static void judge_holder(struct member *member, int64_t now_ms)
{
    const struct answer *answer = &member->answer;
    const struct record_host *self = &member->settings.self, *holder = &answer->holder;
    bool is_own = answer->opened && strcmp(self->instance, holder->instance) == 0;
    if (!answer->has_holder) {
        next(member, STEP_CLAIM, now_ms);
    } else if (is_own && answer->holder_lease == member->lease) {
        member->mod = answer->holder_mod; /* the answer to our put was lost */
        joined(member);
    } else if (answer->opened && !is_own && !is_same_machine(self, holder)) {
        refused(member, now_ms);
    } else {
        member->mod = answer->holder_mod;
        next(member, STEP_TAKE, now_ms);
    }
}

static void judge_put(struct member *member, int64_t now_ms)
{
    const struct answer *answer = &member->answer;
    if (!answer->message.succeeded) {
        judge_holder(member, now_ms);
        return;
    }
    member->mod = answer->message.revision;
    joined(member);
}

static void judge_renewal(struct member *member, int64_t now_ms)
{
    if (member->answer.message.ttl <= 0) {
        cut_off(member, "the lease of this host is gone");
        next(member, STEP_GRANT, now_ms);
        return;
    }
    joined(member);
    if (++member->renewals % MEMBER_LOOK_EVERY == 0)
        next(member, STEP_LOOK, now_ms);
}

static void judge_look(struct member *member, int64_t now_ms)
{
    const struct answer *answer = &member->answer;
    if (answer->message.succeeded) {
        member->failures = 0;
        next(member, STEP_RENEW, member->renewed_ms + renewal_ms(member));
        return;
    }
    if (!answer->has_holder || !answer->opened || answer->holder_lease != member->lease)
        cut_off(member, "the key of this host is gone");
    judge_holder(member, now_ms);
}

static void judge_revoked(struct member *member, int64_t now_ms)
{
    (void)now_ms;
    next(member, STEP_NONE, NEVER);
    enter(member, MEMBER_LEFT, NULL, "");
}

static const struct {
    const char *path;
    char *(*text)(struct member *member);
    void (*judge)(struct member *member, int64_t now_ms);
} steps[] = {
    [STEP_GRANT] = {WIRE_PATH_GRANT, grant_text, judge_grant},
    [STEP_CLAIM] = {WIRE_PATH_TXN, claim_text, judge_put},
    [STEP_TAKE] = {WIRE_PATH_TXN, take_text, judge_put},
    [STEP_RENEW] = {WIRE_PATH_KEEPALIVE, lease_text, judge_renewal},
    [STEP_LOOK] = {WIRE_PATH_TXN, look_text, judge_look},
    [STEP_REVOKE] = {WIRE_PATH_REVOKE, lease_text, judge_revoked},
    [STEP_NONE] = {NULL, NULL, NULL},
};
static_assert(sizeof steps / sizeof *steps == STEP_MAX, "each step is told");

static int on_kv(void *data, const struct wire_kv *kv)
{
    struct member *member = data;
    struct answer *answer = &member->answer;
    if (strcmp(kv->key, member->key.text) != 0)
        return 0;
    answer->has_holder = true;
    answer->holder_mod = kv->mod_revision;
    answer->holder_lease = kv->lease;
    answer->opened = record_host_read(member->settings.farm, kv, &answer->holder, &answer->detail) == 0;
    return 0;
}

static int on_message(void *data, const struct wire_message *message)
{
    struct member *member = data;
    member->answer.has_message = true;
    member->answer.message = *message;
    return 0;
}

static void on_done(void *data, int error, const char *detail)
{
    struct member *member = data;
    member->asked_id = 0;
    member->answered = true;
    member->answer.error = error;
    if (error != 0)
        error_detail_set(&member->failure, "%s", detail);
    else if (member->answer.message.failed)
        error_detail_set(&member->failure, "%s", member->answer.message.text);
    if (member->settings.wake != NULL)
        member->settings.wake(member->settings.data);
}

static void send(struct member *member, int64_t now_ms)
{
    static const struct etcd_told told = {on_kv, on_message, on_done};
    const struct farm_port *port = &member->settings.port;
    member->answer = (struct answer){.has_message = false};
    member->sent_ms = now_ms;
    int64_t id =
        port->ask(port->etcd, steps[member->step].path, steps[member->step].text(member), &told, member);
    if (id < 0)
        retry(member, now_ms);
    else
        member->asked_id = id;
}

static void judge(struct member *member, int64_t now_ms)
{
    const struct answer *answer = &member->answer;
    bool lease_gone = answer->message.failed && answer->message.code == WIRE_NOT_FOUND;
    member->answered = false;
    if (member->leaving && member->step == STEP_REVOKE)
        judge_revoked(member, now_ms); /* one that was not heard ends by itself */
    else if (answer->error == ERROR_CANCELLED)
        next(member, STEP_NONE, NEVER);
    else if (lease_gone)
        next(member, STEP_GRANT, now_ms);
    else if (answer->error != 0 || !answer->has_message || answer->message.failed)
        retry(member, now_ms);
    else
        steps[member->step].judge(member, now_ms);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

void member_pass(struct member *member, int64_t now_ms)
{
    if (member->answered)
        judge(member, now_ms);
    if (member->state == MEMBER_JOINED && now_ms >= member->renewed_ms + member->ttl_ms)
        cut_off(member, "no answer from etcd");
    if (member->asked_id != 0 || member->step == STEP_NONE)
        return;
    if (member->leaving && member->step != STEP_REVOKE) {
        if (member->lease == 0)
            judge_revoked(member, now_ms);
        else
            next(member, STEP_REVOKE, now_ms);
    }
    if (now_ms >= member->due_ms && member->step != STEP_NONE)
        send(member, now_ms);
}

int64_t member_due_ms(const struct member *member)
{
    int64_t due_ms = NEVER;
    if (member->answered)
        return 0;
    if (member->asked_id == 0 && member->step != STEP_NONE)
        due_ms = member->leaving && member->step != STEP_REVOKE ? 0 : member->due_ms;
    if (member->state == MEMBER_JOINED && member->renewed_ms + member->ttl_ms < due_ms)
        due_ms = member->renewed_ms + member->ttl_ms;
    return due_ms;
}

void member_leave(struct member *member)
{
    member->leaving = true;
}

struct member *member_create(const struct member_settings *settings)
{
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL)
        return NULL;
    member->settings = *settings;
    member->ttl_ms = (settings->ttl_seconds == 0 ? MEMBER_TTL_SECONDS : settings->ttl_seconds) * 1000;
    member->key = record_key(settings->farm, RECORD_HOST, settings->self.host, NULL);
    member->chance = settings->seed;
    return member;
}

void member_destroy(struct member *member)
{
    free(member);
}
