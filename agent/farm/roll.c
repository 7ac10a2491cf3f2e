#include "roll.h"

#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiter {
    struct waiter *next;
    roll_done_fn *done;
    void *data;
};

/* A host under its pseudonym, which is all that some keys tell of it. */
struct row {
    char name[SEAL_NAME_BYTES];
    struct roll_host host;
};

struct roll_call {
    const struct record_farm *farm;
    struct farm_port port;
    struct ask *ask;
    struct waiter *waiters; /* in the order they came */
    int64_t deadline_ms;

    struct roll roll;
    struct row **rows; /* by pseudonym */
    size_t row_count, row_room;
    struct checkpoint *checkpoint;
    struct record_seq *seq;       /* room to read one */
    struct record_key seq_behind; /* the page begins behind it; "": the first */
    struct wire_message answer;
};

/* ---- rows ---------------------------------------------------------------------------------------------- */

static struct row *insert_row(struct roll_call *call, size_t at, const char *name)
{
    if (call->row_count == call->row_room) {
        size_t room = call->row_room == 0 ? 64 : call->row_room * 2;
        struct row **rows = realloc(call->rows, room * sizeof *rows);
        if (rows == NULL)
            return NULL;
        call->rows = rows;
        call->row_room = room;
    }
    struct row *row = calloc(1, sizeof *row);
    if (row == NULL)
        return NULL;
    memcpy(row->name, name, SEAL_NAME_BYTES);
    memmove(&call->rows[at + 1], &call->rows[at], (call->row_count - at) * sizeof(struct row *));
    call->rows[at] = row;
    call->row_count++;
    return row;
}

/* The row of a pseudonym, made if there is none. 0 with NULL: there is no room for more hosts. */
static int make_row(struct roll_call *call, const char name[SEAL_NAME_BYTES], struct row **ret)
{
    size_t low = 0, high = call->row_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(call->rows[middle]->name, name);
        if (order == 0) {
            *ret = call->rows[middle];
            return 0;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    call->roll.more |= call->row_count == ROLL_HOSTS_MAX;
    *ret = call->row_count < ROLL_HOSTS_MAX ? insert_row(call, low, name) : NULL;
    return *ret == NULL && !call->roll.more ? ERROR_NO_MEMORY : 0;
}

static int make_row_of_host(struct roll_call *call, const char *host, struct row **ret)
{
    char name[SEAL_NAME_BYTES];
    seal_name(&call->farm->seal, "host", host, name);
    int code = make_row(call, name, ret);
    if (*ret != NULL)
        memcpy((*ret)->host.host, host, strlen(host) + 1);
    return code;
}

/* ---- what the store tells ------------------------------------------------------------------------------ */

static int take_leader(struct roll_call *call, const struct wire_kv *kv)
{
    struct record_host leader;
    int code = record_host_read(call->farm, kv, &leader, NULL);
    if (code == 0)
        memcpy(call->roll.leader, leader.host, sizeof call->roll.leader);
    return code;
}

static int take_checkpoint(struct roll_call *call, const struct wire_kv *kv)
{
    struct checkpoint *checkpoint;
    int code = checkpoint_read(call->farm, kv, &checkpoint, NULL);
    if (code < 0)
        return code;
    free(call->checkpoint);
    call->checkpoint = checkpoint;
    return 0;
}

static int take_host(struct roll_call *call, const struct wire_kv *kv)
{
    struct record_host host;
    struct row *row;
    int code = record_host_read(call->farm, kv, &host, NULL);
    if (code == 0)
        code = make_row_of_host(call, host.host, &row);
    if (code < 0 || row == NULL)
        return code;
    row->host.is_up = true;
    memcpy(row->host.version, host.version, sizeof row->host.version);
    memcpy(row->host.machine_id, host.machine_id, sizeof row->host.machine_id);
    return 0;
}

static int take_boot(struct roll_call *call, const struct wire_kv *kv)
{
    struct change change;
    struct row *row;
    int code = record_change_read(call->farm, kv, &change, NULL);
    return code < 0 ? code : make_row_of_host(call, change.host, &row);
}

/* Its key alone says whose it is. */
static int take_seq(struct roll_call *call, const struct wire_kv *kv)
{
    const char *name = strrchr(kv->key, '/') + 1;
    struct row *row;
    int code = strlen(name) == SEAL_NAME_BYTES - 1 ? record_seq_read(call->farm, kv, call->seq, NULL)
                                                   : ERROR_INVALID;
    if (code == 0)
        code = make_row(call, name, &row);
    if (code < 0 || row == NULL)
        return code;
    row->host.through = call->seq->through;
    if (call->seq->count > 0)
        row->host.last_change_ms = call->seq->changes[call->seq->count - 1].at_ms;
    return 0;
}

static int on_kv(void *data, const struct wire_kv *kv)
{
    struct roll_call *call = data;
    int code = 0;
    switch (record_kind_of(call->farm, kv->key)) {
    case RECORD_LEADER:
        code = take_leader(call, kv);
        break;
    case RECORD_CHECKPOINT:
        code = take_checkpoint(call, kv);
        break;
    case RECORD_HOST:
        code = take_host(call, kv);
        break;
    case RECORD_BOOT:
        code = take_boot(call, kv);
        break;
    case RECORD_SEQ:
        (void)snprintf(call->seq_behind.text, sizeof call->seq_behind.text, "%s", kv->key);
        code = take_seq(call, kv);
        break;
    default:
        break;
    }
    if (code == ERROR_NO_MEMORY)
        return code;
    call->roll.unreadable += code < 0;
    return 0;
}

static int on_message(void *data, const struct wire_message *message)
{
    struct roll_call *call = data;
    call->answer = *message;
    return 0;
}

/* ---- the answer ---------------------------------------------------------------------------------------- */

static void forget(struct roll_call *call)
{
    for (size_t i = 0; i < call->row_count; i++)
        free(call->rows[i]);
    free(call->rows);
    free(call->roll.hosts);
    free(call->checkpoint);
    free(call->seq);
    call->rows = NULL;
    call->row_count = call->row_room = 0;
    call->checkpoint = NULL;
    call->seq = NULL;
    call->roll = (struct roll){.head = 0};
}

/* Whoever asks from within `done` begins anew. */
static void tell(struct roll_call *call, int error, const char *detail)
{
    struct roll roll = call->roll;
    struct waiter *waiter = call->waiters;
    call->waiters = NULL;
    call->deadline_ms = INT64_MAX;
    call->roll.hosts = NULL;
    forget(call);
    while (waiter != NULL) {
        struct waiter *next = waiter->next;
        waiter->done(waiter->data, error == 0 ? &roll : NULL, error, detail);
        free(waiter);
        waiter = next;
    }
    free(roll.hosts);
}

static int add_silence(struct roll_call *call)
{
    const struct checkpoint *checkpoint = call->checkpoint;
    for (size_t i = 0; i < checkpoint->host_count; i++) {
        struct row *row;
        int code = make_row_of_host(call, checkpoint->hosts[i].host, &row);
        if (code < 0)
            return code;
        if (row == NULL)
            continue;
        row->host.silent_since_ms = checkpoint->hosts[i].silent_since_ms;
        row->host.lost = checkpoint->hosts[i].lost;
    }
    return 0;
}

static void add_checkpoint(struct roll *roll, const struct checkpoint *checkpoint)
{
    roll->checkpoint_n = checkpoint->n;
    roll->checkpoint_at_ms = checkpoint->at_ms;
    roll->checkpoint_revision = checkpoint->revision;
    roll->hosts_left_out = checkpoint->hosts_left_out;
    roll->gap_count = checkpoint->gap_count;
    roll->gaps_ever = checkpoint->gaps_ever;
    memcpy(roll->gaps, checkpoint->gaps, sizeof roll->gaps);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct roll_host *)left)->host, ((const struct roll_host *)right)->host);
}

static int add_hosts(struct roll_call *call)
{
    struct roll *roll = &call->roll;
    roll->hosts = calloc(call->row_count + 1, sizeof *roll->hosts);
    if (roll->hosts == NULL)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < call->row_count; i++)
        if (call->rows[i]->host.host[0] != '\0')
            roll->hosts[roll->host_count++] = call->rows[i]->host;
    qsort(roll->hosts, roll->host_count, sizeof *roll->hosts, by_name);
    return 0;
}

static void finish(struct roll_call *call)
{
    int code = call->checkpoint == NULL ? 0 : add_silence(call);
    if (code == 0)
        code = add_hosts(call);
    if (code == 0 && call->checkpoint != NULL)
        add_checkpoint(&call->roll, call->checkpoint);
    tell(call, code, code == 0 ? "" : error_text(code));
}

/* ---- asking -------------------------------------------------------------------------------------------- */

static void ask_seqs(struct roll_call *call);

static int error_of(const struct wire_message *answer)
{
    switch (answer->code) {
    case WIRE_UNAVAILABLE:
        return ERROR_UNREACHABLE;
    case WIRE_PERMISSION_DENIED:
    case WIRE_UNAUTHENTICATED:
        return ERROR_FORBIDDEN;
    default:
        return ERROR_REFUSED;
    }
}

static bool is_refused(struct roll_call *call, int error, const char *detail)
{
    if (error != 0)
        tell(call, error, detail != NULL && detail[0] != '\0' ? detail : error_text(error));
    else if (call->answer.failed)
        tell(call, error_of(&call->answer), call->answer.text);
    return error != 0 || call->answer.failed;
}

static void on_seqs_done(void *data, int error, const char *detail)
{
    struct roll_call *call = data;
    if (is_refused(call, error, detail))
        return;
    if (call->answer.more)
        ask_seqs(call);
    else
        finish(call);
}

static void on_hosts_done(void *data, int error, const char *detail)
{
    struct roll_call *call = data;
    if (is_refused(call, error, detail))
        return;
    call->roll.head = call->answer.revision;
    call->roll.more |= call->answer.more;
    ask_seqs(call);
}

static void send(struct roll_call *call, const char *path, char *text,
                 void (*done)(void *data, int error, const char *detail))
{
    const struct etcd_told told = {on_kv, on_message, done};
    call->answer = (struct wire_message){.revision = 0};
    int code = ask_send(&call->ask, &call->port, path, text, &told, call);
    if (code < 0)
        tell(call, code, error_text(code));
}

/* All of one revision, so that no host stands twice or not at all. */
static void ask_seqs(struct roll_call *call)
{
    const struct record_key prefix = record_prefix(call->farm, RECORD_SEQ, NULL);
    const struct wire_op range = {.type = WIRE_RANGE,
                                  .key = prefix.text,
                                  .prefix = true,
                                  .limit = ROLL_SEQ_PAGE,
                                  .revision = call->roll.head,
                                  .after_key =
                                      call->seq_behind.text[0] != '\0' ? call->seq_behind.text : NULL};
    send(call, WIRE_PATH_RANGE, wire_range_text(&range), on_seqs_done);
}

static void ask_hosts(struct roll_call *call)
{
    const struct record_key leader = record_key(call->farm, RECORD_LEADER, NULL, NULL);
    const struct record_key checkpoint = record_key(call->farm, RECORD_CHECKPOINT, NULL, NULL);
    const struct record_key hosts = record_prefix(call->farm, RECORD_HOST, NULL);
    const struct record_key boots = record_prefix(call->farm, RECORD_BOOT, NULL);
    const struct wire_op ops[] = {
        {.type = WIRE_RANGE, .key = leader.text},
        {.type = WIRE_RANGE, .key = checkpoint.text},
        {.type = WIRE_RANGE, .key = hosts.text, .prefix = true, .limit = ROLL_HOSTS_MAX},
        {.type = WIRE_RANGE, .key = boots.text, .prefix = true, .limit = ROLL_HOSTS_MAX},
    };
    const struct wire_txn txn = {.success = ops, .success_count = sizeof ops / sizeof *ops};
    send(call, WIRE_PATH_TXN, wire_txn_text(&txn), on_hosts_done);
}

static void begin(struct roll_call *call, int64_t steady_ms)
{
    call->deadline_ms = steady_ms + ROLL_PATIENCE_MS;
    call->seq_behind.text[0] = '\0';
    call->seq = malloc(sizeof *call->seq);
    if (call->seq == NULL)
        tell(call, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
    else
        ask_hosts(call);
}

/* ---- for its owner ------------------------------------------------------------------------------------- */

struct roll_call *roll_call_create(const struct record_farm *farm, const struct farm_port *port)
{
    struct roll_call *call = calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    call->farm = farm;
    call->port = *port;
    call->deadline_ms = INT64_MAX;
    return call;
}

void roll_call_destroy(struct roll_call *call)
{
    if (call == NULL)
        return;
    ask_drop(&call->ask);
    tell(call, ERROR_CANCELLED, "the agent is stopping");
    free(call);
}

void roll_call_ask(struct roll_call *call, int64_t steady_ms, roll_done_fn *done, void *data)
{
    struct waiter **end = &call->waiters;
    struct waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL) {
        done(data, NULL, ERROR_NO_MEMORY, error_text(ERROR_NO_MEMORY));
        return;
    }
    *waiter = (struct waiter){.done = done, .data = data};
    bool is_first = call->waiters == NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = waiter;
    if (is_first)
        begin(call, steady_ms);
}

void roll_call_pass(struct roll_call *call, int64_t steady_ms)
{
    if (call->waiters == NULL || steady_ms < call->deadline_ms)
        return;
    ask_drop(&call->ask);
    tell(call, ERROR_TIMEOUT, "the shared store does not answer");
}

int64_t roll_call_due_ms(const struct roll_call *call)
{
    return call->deadline_ms;
}
