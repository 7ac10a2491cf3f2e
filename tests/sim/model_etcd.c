#include "model_etcd.h"

#include "model_etcd_read.h"
#include "model_etcd_store.h"

#include "tests/property/chance.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEVER           INT64_MAX
#define LEASES_MAX      1024
#define LEASE_TTL_MIN   2    /* seconds: etcd gives no shorter one */
#define WATCH_REVISIONS 1000 /* in one message */
#define HELD_PERCENT    50   /* of what is asked without a quorum: it happens when there is one again */
#define HELD_MAX        64   /* at a time */
#define UNAVAILABLE_MS  4000
#define EVERYTHING      INT64_MAX /* a revision: now */
#define CODE_COMPACTED  "etcdserver: mvcc: required revision has been compacted"
#define CODE_FUTURE     "etcdserver: mvcc: required revision is a future revision"

struct reply {
    struct wire_message message;
    struct wire_kv *kvs; /* with copies of keys and values */
    size_t count, room;
};

/* A request on its way, held, or answered; or a watch. */
struct ask {
    struct ask *next;
    int64_t id;
    unsigned client;
    const char *path;
    char *text;
    struct etcd_told told;
    void *data;
    bool is_watch, forgotten; /* nobody is told any more */
    bool held;                /* until there is a quorum */
    int64_t arrives_ms, reply_ms, ends_ms;
    int end; /* what is told at ends_ms */
    struct reply reply;
    /* a watch: */
    char prefix[ETCD_KEY_ROOM];
    int64_t from, heard_ms; /* the next revision; the last sign of life */
    bool created;
};

struct lease {
    int64_t id, ttl_ms, expires_ms; /* id 0: none */
};

struct model_etcd {
    struct etcd_store store, backup;
    struct etcd_reader *reader;
    struct lease leases[LEASES_MAX];
    struct ask *asks; /* oldest first */
    struct model_weather weather[MODEL_ETCD_CLIENTS_MAX];
    struct way {
        struct model_etcd *etcd;
        unsigned client;
    } ways[MODEL_ETCD_CLIENTS_MAX];
    uint64_t chance;
    int64_t now_ms, progress_ms, last_id, last_lease;
    size_t lease_end; /* leases from here on are free */
    bool no_quorum;
    void (*changed)(void *data, const struct wire_kv *kv);
    void *changed_data;
    int64_t seen; /* what was changed through this revision is told */
};

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static int64_t least(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

/* ---- replies ------------------------------------------------------------------------------------------- */

static struct wire_kv kv_of(const struct etcd_version *version)
{
    return (struct wire_kv){.key = version->key,
                            .value = version->value,
                            .value_bytes = version->value_bytes,
                            .create_revision = version->create,
                            .mod_revision = version->mod,
                            .version = version->version,
                            .lease = version->lease,
                            .deleted = version->deleted};
}

static void reply_add(struct reply *reply, const struct etcd_version *version, size_t response)
{
    if (reply->count == reply->room) {
        reply->room = reply->room == 0 ? 4 : reply->room * 2;
        reply->kvs = must(realloc(reply->kvs, reply->room * sizeof *reply->kvs));
    }
    struct wire_kv *kv = &reply->kvs[reply->count++];
    uint8_t *value = must(malloc(version->value_bytes + 1));
    if (version->value_bytes > 0)
        memcpy(value, version->value, version->value_bytes);
    *kv = kv_of(version);
    kv->key = must(strdup(version->key));
    kv->value = value;
    kv->response = response;
}

static void reply_clear(struct reply *reply)
{
    for (size_t i = 0; i < reply->count; i++) {
        free((void *)(uintptr_t)reply->kvs[i].key);
        free((void *)(uintptr_t)reply->kvs[i].value);
    }
    free(reply->kvs);
    *reply = (struct reply){.count = 0};
}

static void refuse(struct reply *reply, int code, const char *text)
{
    reply_clear(reply);
    reply->message.failed = true;
    reply->message.code = code;
    (void)snprintf(reply->message.text, sizeof reply->message.text, "%s", text);
}

/* ---- ranges -------------------------------------------------------------------------------------------- */

static bool in_range(const struct etcd_range *range, const char *key)
{
    int order = strcmp(key, range->key);
    if (range->end[0] == '\0')
        return order == 0;
    return (range->behind ? order > 0 : order >= 0) && strcmp(key, range->end) < 0;
}

static void answer_range(const struct model_etcd *etcd, const struct etcd_range *range, size_t response,
                         struct reply *ret)
{
    const struct etcd_store *store = &etcd->store;
    int64_t revision = range->revision == 0 ? EVERYTHING : range->revision, count = 0;
    size_t first = etcd_store_place(store, range->key);
    size_t end = range->end[0] == '\0' ? first + 1 : etcd_store_place(store, range->end);
    for (size_t i = first; i < end && i < store->key_count; i++) {
        const struct etcd_version *version = etcd_store_at(store, i, revision);
        if (version == NULL || (i == first && !in_range(range, version->key)))
            continue;
        count++;
        if (!range->count_only && (range->limit == 0 || count <= range->limit))
            reply_add(ret, version, response);
    }
    ret->message.count = count;
    ret->message.more = range->limit != 0 && count > range->limit;
}

/* Why a revision cannot be told; NULL: it can. */
static const char *lost_revision(const struct model_etcd *etcd, int64_t revision)
{
    if (revision != 0 && revision < etcd->store.compacted)
        return CODE_COMPACTED;
    return revision > etcd->store.revision ? CODE_FUTURE : NULL;
}

static void do_range(struct model_etcd *etcd, const char *text, struct reply *ret)
{
    struct etcd_range range = etcd_read_range(etcd->reader, text);
    const char *lost = lost_revision(etcd, range.revision);
    if (lost != NULL)
        refuse(ret, WIRE_OUT_OF_RANGE, lost);
    else
        answer_range(etcd, &range, 0, ret);
}

/* ---- leases -------------------------------------------------------------------------------------------- */

/* id 0: a free place. */
static struct lease *find_lease(struct model_etcd *etcd, int64_t id)
{
    size_t end = id == 0 ? LEASES_MAX : etcd->lease_end;
    for (size_t i = 0; i < end; i++)
        if (etcd->leases[i].id == id)
            return &etcd->leases[i];
    return NULL;
}

/* All its keys go in one revision. */
static void end_lease(struct model_etcd *etcd, struct lease *lease)
{
    struct etcd_store *store = &etcd->store;
    bool changed = false;
    for (size_t i = 0; i < store->key_count; i++) {
        const struct etcd_version *version = etcd_store_at(store, i, EVERYTHING);
        if (version != NULL && version->lease == lease->id)
            changed = etcd_store_delete(store, store->keys[i].name) || changed;
    }
    store->revision += changed;
    *lease = (struct lease){.id = 0};
}

static void do_grant(struct model_etcd *etcd, const char *text, struct reply *ret)
{
    int64_t ttl = etcd_read_number(etcd->reader, text);
    struct lease *lease = must(find_lease(etcd, 0));
    if (ttl < LEASE_TTL_MIN)
        ttl = LEASE_TTL_MIN;
    *lease = (struct lease){.id = ++etcd->last_lease, .ttl_ms = ttl * 1000};
    if ((size_t)(lease - etcd->leases) >= etcd->lease_end)
        etcd->lease_end = (size_t)(lease - etcd->leases) + 1;
    lease->expires_ms = etcd->now_ms + lease->ttl_ms;
    ret->message.lease = lease->id;
    ret->message.ttl = ttl;
}

static void do_keepalive(struct model_etcd *etcd, const char *text, struct reply *ret)
{
    int64_t id = etcd_read_number(etcd->reader, text);
    struct lease *lease = find_lease(etcd, id);
    ret->message.lease = id;
    if (lease == NULL)
        return;
    lease->expires_ms = etcd->now_ms + lease->ttl_ms;
    ret->message.ttl = lease->ttl_ms / 1000;
}

static void do_revoke(struct model_etcd *etcd, const char *text, struct reply *ret)
{
    struct lease *lease = find_lease(etcd, etcd_read_number(etcd->reader, text));
    if (lease == NULL)
        refuse(ret, WIRE_NOT_FOUND, "etcdserver: requested lease not found");
    else
        end_lease(etcd, lease);
}

/* ---- transactions -------------------------------------------------------------------------------------- */

static bool holds(const struct model_etcd *etcd, const struct etcd_compare *compare)
{
    const struct etcd_version *version = etcd_store_get(&etcd->store, compare->key, EVERYTHING);
    switch (compare->target) {
    case WIRE_VERSION:
        return compare->number == (version == NULL ? 0 : version->version);
    case WIRE_CREATE:
        return compare->number == (version == NULL ? 0 : version->create);
    case WIRE_LEASE:
        return compare->number == (version == NULL ? 0 : version->lease);
    default:
        return compare->number == (version == NULL ? 0 : version->mod);
    }
}

/* The same key may be put once, and nothing may be put that the same transaction deletes. */
static bool twice(const struct etcd_branch *branch)
{
    for (size_t i = 0; i < branch->count; i++)
        for (size_t k = 0; k < branch->count && branch->ops[i].type == WIRE_PUT; k++)
            if (k != i && branch->ops[k].type != WIRE_RANGE &&
                in_range(&branch->ops[k].range, branch->ops[i].range.key))
                return true;
    return false;
}

static const char *wrong_request(const struct etcd_txn *txn)
{
    for (size_t i = 0; i < 2; i++) {
        if (txn->branches[i].count > ETCD_OPS_MAX)
            return "etcdserver: too many operations in txn request";
        if (twice(&txn->branches[i]))
            return "etcdserver: duplicate key given in txn request";
    }
    return NULL;
}

/* Before anything is done: false if it cannot be done whole. */
static bool check_branch(struct model_etcd *etcd, const struct etcd_branch *branch, struct reply *ret)
{
    for (size_t i = 0; i < branch->count; i++) {
        const struct etcd_op *op = &branch->ops[i];
        const char *lost = op->type == WIRE_RANGE ? lost_revision(etcd, op->range.revision) : NULL;
        if (lost != NULL)
            refuse(ret, WIRE_OUT_OF_RANGE, lost);
        else if (op->type == WIRE_PUT && op->lease != 0 && find_lease(etcd, op->lease) == NULL)
            refuse(ret, WIRE_NOT_FOUND, "etcdserver: requested lease not found");
        if (ret->message.failed)
            return false;
    }
    return true;
}

static bool delete_range(struct etcd_store *store, const struct etcd_range *range)
{
    bool changed = false;
    for (size_t i = etcd_store_place(store, range->key); i < store->key_count; i++)
        if (in_range(range, store->keys[i].name))
            changed = etcd_store_delete(store, store->keys[i].name) || changed;
        else if (strcmp(store->keys[i].name, range->key) != 0)
            break;
    return changed;
}

static void do_txn(struct model_etcd *etcd, const char *text, struct reply *ret)
{
    const struct etcd_txn *txn = etcd_read_txn(etcd->reader, text);
    const char *wrong =
        strlen(text) > ETCD_TEXT_MAX ? "etcdserver: request is too large" : wrong_request(txn);
    bool changed = false;
    if (wrong != NULL) {
        refuse(ret, WIRE_INVALID_ARGUMENT, wrong);
        return;
    }
    ret->message.succeeded = true;
    for (size_t i = 0; i < txn->compare_count; i++)
        ret->message.succeeded = ret->message.succeeded && holds(etcd, &txn->compares[i]);
    const struct etcd_branch *branch = &txn->branches[ret->message.succeeded];
    if (!check_branch(etcd, branch, ret)) {
        ret->message.succeeded = false;
        return;
    }
    for (size_t i = 0; i < branch->count; i++) {
        const struct etcd_op *op = &branch->ops[i];
        if (op->type == WIRE_PUT)
            etcd_store_put(&etcd->store, op->range.key, op->value, op->value_bytes, op->lease);
        else if (op->type == WIRE_RANGE)
            answer_range(etcd, &op->range, i, ret);
        changed = op->type == WIRE_PUT ||
                  (op->type == WIRE_DELETE && delete_range(&etcd->store, &op->range)) || changed;
    }
    etcd->store.revision += changed;
}

/* ---- what is asked ------------------------------------------------------------------------------------- */

static void do_compact(struct model_etcd *etcd, const char *text, struct reply *ret)
{
    int64_t revision = etcd_read_number(etcd->reader, text);
    if (revision > etcd->store.revision)
        refuse(ret, WIRE_OUT_OF_RANGE, CODE_FUTURE);
    else if (revision <= etcd->store.compacted)
        refuse(ret, WIRE_OUT_OF_RANGE, CODE_COMPACTED);
    else
        etcd_store_compact(&etcd->store, revision);
}

static void do_version(struct model_etcd *etcd, const char *text, struct reply *ret)
{
    (void)etcd;
    (void)text;
    (void)snprintf(ret->message.version, sizeof ret->message.version, "3.5.28");
}

static void do_authenticate(struct model_etcd *etcd, const char *text, struct reply *ret)
{
    (void)etcd;
    (void)text;
    (void)snprintf(ret->message.token, sizeof ret->message.token, "token");
}

static void carry_out(struct model_etcd *etcd, struct ask *ask)
{
    static const struct {
        const char *path;
        void (*carry_out)(struct model_etcd *etcd, const char *text, struct reply *ret);
    } services[] = {
        {WIRE_PATH_RANGE, do_range},         {WIRE_PATH_TXN, do_txn},
        {WIRE_PATH_COMPACT, do_compact},     {WIRE_PATH_GRANT, do_grant},
        {WIRE_PATH_KEEPALIVE, do_keepalive}, {WIRE_PATH_REVOKE, do_revoke},
        {WIRE_PATH_VERSION, do_version},     {WIRE_PATH_AUTHENTICATE, do_authenticate},
    };
    size_t i = 0;
    while (strcmp(services[i].path, ask->path) != 0)
        if (++i == sizeof services / sizeof *services)
            abort();
    services[i].carry_out(etcd, ask->text, &ask->reply);
    ask->reply.message.revision = etcd->store.revision;
    (void)snprintf(ask->reply.message.cluster_id, sizeof ask->reply.message.cluster_id, "1");
}

/* ---- asks ---------------------------------------------------------------------------------------------- */

static int64_t way_ms(struct model_etcd *etcd, unsigned client)
{
    int64_t most = etcd->weather[client].way_ms_max;
    return most <= 0 ? 0 : (int64_t)chance_below(&etcd->chance, (unsigned)most + 1);
}

static void free_ask(struct ask *ask)
{
    reply_clear(&ask->reply);
    free(ask->text);
    free(ask);
}

static void take_out(struct model_etcd *etcd, struct ask *ask)
{
    struct ask **link = &etcd->asks;
    while (*link != ask)
        link = &(*link)->next;
    *link = ask->next;
}

/* The client is told; the request itself may still be on its way. */
static void conclude(struct ask *ask, int error, const char *detail)
{
    ask->ends_ms = ask->reply_ms = NEVER;
    if (!ask->forgotten) {
        ask->forgotten = true;
        ask->told.done(ask->data, error, detail);
    }
}

static void begin_watch(struct model_etcd *etcd, struct ask *ask)
{
    struct etcd_range range = etcd_read_watch(etcd->reader, ask->text);
    (void)snprintf(ask->prefix, sizeof ask->prefix, "%s", range.key);
    ask->from = range.revision == 0 ? etcd->store.revision + 1 : range.revision;
    ask->heard_ms = etcd->now_ms;
    if (ask->arrives_ms != NEVER) /* else it has been lost, and ends as any other */
        ask->ends_ms = NEVER;
}

static void set_out(struct model_etcd *etcd, struct ask *ask)
{
    const struct model_weather *weather = &etcd->weather[ask->client];
    int64_t now_ms = etcd->now_ms;
    ask->reply_ms = NEVER;
    ask->arrives_ms = now_ms + way_ms(etcd, ask->client);
    ask->ends_ms = now_ms + MODEL_ETCD_REQUEST_MS;
    ask->end = ERROR_TIMEOUT;
    if (weather->refused) {
        ask->arrives_ms = NEVER;
        ask->ends_ms = now_ms;
        ask->end = ERROR_UNREACHABLE;
    } else if (weather->cut_off || chance_percent(&etcd->chance, weather->request_lost_percent)) {
        ask->arrives_ms = NEVER;
        if (!weather->cut_off && chance_percent(&etcd->chance, 50)) {
            ask->ends_ms = now_ms + way_ms(etcd, ask->client);
            ask->end = ERROR_UNREACHABLE;
        }
    } else if (chance_percent(&etcd->chance, weather->late_percent)) {
        ask->arrives_ms = ask->ends_ms + 1 + way_ms(etcd, ask->client);
    }
}

static int64_t port_ask(void *data, const char *path, char *text, const struct etcd_told *told,
                        void *told_data)
{
    struct way *way = data;
    struct model_etcd *etcd = way->etcd;
    struct ask **link = &etcd->asks;
    if (text == NULL)
        return ERROR_NO_MEMORY;
    while (*link != NULL)
        link = &(*link)->next;
    struct ask *ask = *link = must(calloc(1, sizeof *ask));
    *ask = (struct ask){.id = ++etcd->last_id,
                        .client = way->client,
                        .path = path,
                        .text = text,
                        .told = *told,
                        .data = told_data,
                        .is_watch = strcmp(path, WIRE_PATH_WATCH) == 0};
    set_out(etcd, ask);
    if (ask->is_watch)
        begin_watch(etcd, ask);
    return ask->id;
}

static void port_cancel(void *data, int64_t id)
{
    struct way *way = data;
    for (struct ask *ask = way->etcd->asks; ask != NULL; ask = ask->next)
        if (ask->id == id && !ask->forgotten) {
            ask->ends_ms = way->etcd->now_ms;
            ask->end = ERROR_CANCELLED;
            ask->reply_ms = NEVER;
        }
}

static bool is_held(struct model_etcd *etcd)
{
    unsigned held = 0;
    for (const struct ask *ask = etcd->asks; ask != NULL; ask = ask->next)
        held += ask->held;
    return held < HELD_MAX && chance_percent(&etcd->chance, HELD_PERCENT);
}

static void arrive(struct model_etcd *etcd, struct ask *ask)
{
    struct model_weather *weather = &etcd->weather[ask->client];
    ask->arrives_ms = NEVER;
    if (weather->cut_off || weather->refused)
        return;
    if (etcd->no_quorum) {
        ask->held = is_held(etcd);
        if (ask->held)
            return;
        refuse(&ask->reply, WIRE_UNAVAILABLE, "etcdserver: no leader");
        ask->reply_ms = etcd->now_ms + UNAVAILABLE_MS;
        return;
    }
    carry_out(etcd, ask);
    if (!chance_percent(&etcd->chance, weather->reply_lost_percent))
        ask->reply_ms = etcd->now_ms + way_ms(etcd, ask->client);
}

/* Keys, then the message; what a callback returned. */
static int tell(struct ask *ask, const struct reply *reply)
{
    int error = 0;
    for (size_t i = 0; i < reply->count && error == 0 && ask->told.kv != NULL; i++)
        error = ask->told.kv(ask->data, &reply->kvs[i]);
    if (error == 0 && ask->told.message != NULL)
        error = ask->told.message(ask->data, &reply->message);
    return error;
}

static void deliver(struct model_etcd *etcd, struct ask *ask)
{
    const struct model_weather *weather = &etcd->weather[ask->client];
    ask->reply_ms = NEVER;
    if (weather->cut_off || weather->refused || ask->forgotten)
        return;
    int error = tell(ask, &ask->reply);
    conclude(ask, error, "");
}

/* ---- watches ------------------------------------------------------------------------------------------- */

/* Whole revisions, as many as go into one message. */
static void gather(const struct model_etcd *etcd, struct ask *watch, struct reply *ret)
{
    const struct etcd_store *store = &etcd->store;
    int64_t last =
        store->revision < watch->from + WATCH_REVISIONS ? store->revision : watch->from + WATCH_REVISIONS - 1;
    for (size_t i = etcd_store_since(store, watch->from); i < store->log_count && store->log[i]->mod <= last;
         i++)
        if (strncmp(store->log[i]->key, watch->prefix, strlen(watch->prefix)) == 0)
            reply_add(ret, store->log[i], 0);
    watch->from = last + 1;
    ret->message.events = ret->count;
}

static int watch_message(struct model_etcd *etcd, struct ask *watch, struct reply *message)
{
    message->message.revision = etcd->store.revision;
    int error = tell(watch, message);
    reply_clear(message);
    return error;
}

/* The start of a watch lies before what is kept: said, and the connection stays. */
static int tell_compacted(struct model_etcd *etcd, struct ask *watch)
{
    struct reply reply = {.count = 0};
    reply.message.cancelled = true;
    reply.message.compacted = etcd->store.compacted;
    watch->from = NEVER;
    return watch_message(etcd, watch, &reply);
}

static void turn_watch(struct model_etcd *etcd, struct ask *watch)
{
    struct reply reply = {.count = 0};
    int error = 0;
    watch->heard_ms = etcd->now_ms;
    watch->arrives_ms = etcd->now_ms + etcd->progress_ms;
    if (!watch->created) {
        watch->created = reply.message.created = true;
        error = watch_message(etcd, watch, &reply);
    } else if (watch->from == NEVER) {
        return;
    } else if (watch->from < etcd->store.compacted) {
        error = tell_compacted(etcd, watch);
    } else {
        gather(etcd, watch, &reply);
        error = watch_message(etcd, watch, &reply);
    }
    if (watch->from != NEVER && watch->from <= etcd->store.revision)
        watch->arrives_ms = etcd->now_ms;
    if (error != 0)
        conclude(watch, error, "");
}

static void tell_changes(struct model_etcd *etcd)
{
    const struct etcd_store *store = &etcd->store;
    if (etcd->changed != NULL)
        for (size_t i = etcd_store_since(store, etcd->seen + 1); i < store->log_count; i++) {
            const struct wire_kv kv = kv_of(store->log[i]);
            etcd->changed(etcd->changed_data, &kv);
        }
    etcd->seen = store->revision;
}

/* A change is on its way to whoever watches. */
static void wake_watches(struct model_etcd *etcd)
{
    tell_changes(etcd);
    for (struct ask *ask = etcd->asks; ask != NULL; ask = ask->next)
        if (ask->is_watch && !ask->forgotten && ask->from <= etcd->store.revision)
            ask->arrives_ms = least(ask->arrives_ms, etcd->now_ms + way_ms(etcd, ask->client));
}

static void watch_due(struct model_etcd *etcd, struct ask *watch)
{
    const struct model_weather *weather = &etcd->weather[watch->client];
    int64_t stalled_ms = MODEL_ETCD_STALLED * etcd->progress_ms;
    bool silent = weather->cut_off || weather->reply_lost_percent == 100;
    if (weather->refused) {
        conclude(watch, ERROR_UNREACHABLE, "");
    } else if (!silent) {
        turn_watch(etcd, watch);
    } else if (etcd->now_ms - watch->heard_ms >= stalled_ms) {
        conclude(watch, ERROR_TIMEOUT, "");
    } else {
        watch->arrives_ms = watch->heard_ms + stalled_ms;
    }
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static int64_t ask_due_ms(const struct ask *ask)
{
    if (ask->is_watch)
        return ask->forgotten ? NEVER : least(ask->arrives_ms, ask->ends_ms);
    return least(least(ask->arrives_ms, ask->reply_ms), ask->ends_ms);
}

static int64_t lease_due_ms(const struct model_etcd *etcd, const struct lease *lease)
{
    return lease->id == 0 || etcd->no_quorum ? NEVER : lease->expires_ms;
}

static bool is_over(const struct ask *ask)
{
    return ask->forgotten && (ask->is_watch || (ask->arrives_ms == NEVER && !ask->held));
}

static void sweep(struct model_etcd *etcd)
{
    struct ask *next;
    for (struct ask *ask = etcd->asks; ask != NULL; ask = next) {
        next = ask->next;
        if (is_over(ask)) {
            take_out(etcd, ask);
            free_ask(ask);
        }
    }
}

static void ask_turn(struct model_etcd *etcd, struct ask *ask)
{
    if (ask->ends_ms <= etcd->now_ms)
        conclude(ask, ask->end, "");
    else if (ask->is_watch)
        watch_due(etcd, ask);
    else if (ask->arrives_ms <= etcd->now_ms)
        arrive(etcd, ask);
    else
        deliver(etcd, ask);
}

int64_t model_etcd_due_ms(const struct model_etcd *etcd)
{
    int64_t due_ms = NEVER;
    for (const struct ask *ask = etcd->asks; ask != NULL; ask = ask->next)
        due_ms = least(due_ms, ask_due_ms(ask));
    for (size_t i = 0; i < etcd->lease_end; i++)
        due_ms = least(due_ms, lease_due_ms(etcd, &etcd->leases[i]));
    return due_ms;
}

/* The one thing that is due first. */
static void turn(struct model_etcd *etcd, int64_t due_ms)
{
    int64_t revision = etcd->store.revision;
    if (due_ms > etcd->now_ms)
        etcd->now_ms = due_ms;
    for (size_t i = 0; i < etcd->lease_end; i++)
        if (lease_due_ms(etcd, &etcd->leases[i]) <= due_ms)
            end_lease(etcd, &etcd->leases[i]);
    struct ask *first = etcd->asks;
    while (first != NULL && ask_due_ms(first) > due_ms)
        first = first->next;
    if (first != NULL)
        ask_turn(etcd, first);
    sweep(etcd);
    if (etcd->store.revision != revision)
        wake_watches(etcd);
}

void model_etcd_pass(struct model_etcd *etcd, int64_t now_ms)
{
    int64_t due_ms;
    while ((due_ms = model_etcd_due_ms(etcd)) <= now_ms)
        turn(etcd, due_ms);
    if (now_ms > etcd->now_ms)
        etcd->now_ms = now_ms;
}

/* ---- what befalls it ----------------------------------------------------------------------------------- */

static void renew_leases(struct model_etcd *etcd)
{
    for (size_t i = 0; i < etcd->lease_end; i++)
        etcd->leases[i].expires_ms = etcd->now_ms + etcd->leases[i].ttl_ms;
}

void model_etcd_quorum(struct model_etcd *etcd, bool has_quorum)
{
    if (etcd->no_quorum != has_quorum)
        return;
    etcd->no_quorum = !has_quorum;
    if (!has_quorum)
        return;
    renew_leases(etcd);
    for (struct ask *ask = etcd->asks; ask != NULL; ask = ask->next)
        if (ask->held) {
            ask->held = false;
            ask->arrives_ms = etcd->now_ms + 1;
        }
}

void model_etcd_restart(struct model_etcd *etcd)
{
    renew_leases(etcd);
    for (struct ask *ask = etcd->asks; ask != NULL; ask = ask->next) {
        ask->arrives_ms = ask->reply_ms = NEVER;
        ask->held = false;
        ask->ends_ms = ask->forgotten ? NEVER : etcd->now_ms;
        ask->end = ask->end == ERROR_CANCELLED ? ERROR_CANCELLED : ERROR_UNREACHABLE;
    }
    sweep(etcd);
}

void model_etcd_forget(struct model_etcd *etcd, unsigned client)
{
    for (struct ask *ask = etcd->asks; ask != NULL; ask = ask->next)
        if (ask->client == client) {
            ask->forgotten = true;
            ask->ends_ms = ask->reply_ms = NEVER;
        }
    sweep(etcd);
}

void model_etcd_compact(struct model_etcd *etcd, int64_t revision)
{
    if (revision > etcd->store.compacted && revision <= etcd->store.revision)
        etcd_store_compact(&etcd->store, revision);
}

void model_etcd_put(struct model_etcd *etcd, const char *key, const void *value, size_t bytes)
{
    etcd_store_put(&etcd->store, key, value, bytes, 0);
    etcd->store.revision++;
    wake_watches(etcd);
}

void model_etcd_delete(struct model_etcd *etcd, const char *key)
{
    etcd->store.revision += etcd_store_delete(&etcd->store, key);
    wake_watches(etcd);
}

void model_etcd_backup(struct model_etcd *etcd)
{
    etcd_store_finish(&etcd->backup);
    etcd_store_copy(&etcd->store, &etcd->backup);
}

void model_etcd_restore(struct model_etcd *etcd)
{
    etcd_store_finish(&etcd->store);
    etcd_store_copy(&etcd->backup, &etcd->store);
    etcd->seen = etcd->store.revision;
    model_etcd_restart(etcd);
    for (size_t i = 0; i < etcd->store.key_count; i++) {
        const struct etcd_version *version = etcd_store_at(&etcd->store, i, EVERYTHING);
        if (version != NULL && version->lease != 0)
            etcd->store.revision += etcd_store_delete(&etcd->store, version->key);
    }
    memset(etcd->leases, 0, sizeof etcd->leases);
    etcd->lease_end = 0;
    tell_changes(etcd);
}

/* ---- looking ------------------------------------------------------------------------------------------- */

int64_t model_etcd_revision(const struct model_etcd *etcd)
{
    return etcd->store.revision;
}

int64_t model_etcd_compacted(const struct model_etcd *etcd)
{
    return etcd->store.compacted;
}

bool model_etcd_get(const struct model_etcd *etcd, const char *key, int64_t revision, struct wire_kv *ret)
{
    const struct etcd_version *version =
        etcd_store_get(&etcd->store, key, revision == 0 ? EVERYTHING : revision);
    if (version != NULL)
        *ret = kv_of(version);
    return version != NULL;
}

void model_etcd_progress(struct model_etcd *etcd, int64_t progress_ms)
{
    etcd->progress_ms = progress_ms;
}

void model_etcd_on_change(struct model_etcd *etcd, void (*changed)(void *data, const struct wire_kv *kv),
                          void *data)
{
    etcd->changed = changed;
    etcd->changed_data = data;
}

size_t model_etcd_each(const struct model_etcd *etcd, const char *prefix, int64_t revision,
                       void (*visit)(void *data, const struct wire_kv *kv), void *data)
{
    const struct etcd_store *store = &etcd->store;
    size_t count = 0, bytes = strlen(prefix);
    for (size_t i = etcd_store_place(store, prefix);
         i < store->key_count && strncmp(store->keys[i].name, prefix, bytes) == 0; i++) {
        const struct etcd_version *version = etcd_store_at(store, i, revision == 0 ? EVERYTHING : revision);
        if (version == NULL)
            continue;
        struct wire_kv kv = kv_of(version);
        if (visit != NULL)
            visit(data, &kv);
        count++;
    }
    return count;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

struct model_etcd *model_etcd_create(uint64_t seed)
{
    struct model_etcd *etcd = must(calloc(1, sizeof *etcd));
    etcd_store_init(&etcd->store);
    etcd_store_init(&etcd->backup);
    etcd->reader = etcd_reader_create();
    etcd->chance = seed;
    etcd->progress_ms = MODEL_ETCD_PROGRESS_MS;
    etcd->seen = etcd->store.revision;
    for (unsigned i = 0; i < MODEL_ETCD_CLIENTS_MAX; i++)
        etcd->ways[i] = (struct way){etcd, i};
    return etcd;
}

void model_etcd_destroy(struct model_etcd *etcd)
{
    struct ask *next;
    if (etcd == NULL)
        return;
    for (struct ask *ask = etcd->asks; ask != NULL; ask = next) {
        next = ask->next;
        free_ask(ask);
    }
    etcd_store_finish(&etcd->store);
    etcd_store_finish(&etcd->backup);
    etcd_reader_destroy(etcd->reader);
    free(etcd);
}

struct farm_port model_etcd_port(struct model_etcd *etcd, unsigned client)
{
    assert(client < MODEL_ETCD_CLIENTS_MAX);
    return (struct farm_port){.ask = port_ask, .cancel = port_cancel, .etcd = &etcd->ways[client]};
}

void model_etcd_weather(struct model_etcd *etcd, unsigned client, const struct model_weather *weather)
{
    etcd->weather[client] = *weather;
}
