/* bench_hosts.c - many hosts of a farm in one process, for bench_farm.py: each with the agent's own way to
 * the store (member, writer, follower, who leads, the farm's settings) and a journal in memory, over
 * connections of its own.
 *
 *     bench_hosts FARM SECRET COUNT ENDPOINT...
 *
 * Says "joined" when all hosts are in the farm. Then reads a line at a time and answers each with its first
 * word and NAME=NUMBER... (times in microseconds; instants, as "at", of the steady clock):
 *     on COUNT SECONDS      log-ons of users of their own, evenly over hosts and time: commit latency is from
 *                           offer to when the writer knows that the farm has it
 *     fill COUNT            the same number at once, every host in one set
 *     race SECONDS          each host logs one on, then off, as fast as the farm takes it
 *     plain RATE SECONDS    one client alone puts a key of its own at that rate, as large as a log-on
 *     crowd SECONDS         the connections of all hosts put plain keys as fast as etcd takes them
 *     count                 verdicts told since the last time, hosts whose gate is open, sessions
 * and by itself "told REASON FIRST LAST" when all gates have been told of another reason, "leader gone AT"
 * and "leader new AT" as that key changes. It never leads. Ends at the end of its input. */
#include "agent/farm/etcd.h"
#include "agent/farm/follower.h"
#include "agent/farm/leader.h"
#include "agent/farm/member.h"
#include "agent/farm/settings_watch.h"
#include "agent/farm/writer.h"
#include "tests/daemon/etcd_env.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOSTS_MAX   2000
#define LINE_BYTES  256
#define JOINING_MAX 16
#define PASSES_MAX  32
#define VALUE_BYTES 420 /* of a log-on: two sealed values */
#define US          INT64_C(1000)
#define KEYS_MAX    20000
#define SECOND_NS   INT64_C(1000000000)

struct session {
    char id[24], user[32];
};

struct promise { /* of a journal */
    farm_journal_done_fn *done;
    void *data;
};

struct program;

struct host {
    struct program *program;
    struct record_host self;
    struct etcd *etcd;
    struct farm_port port;
    struct member *member;
    struct writer *writer;
    struct follower *follower;
    struct leader *leader;
    struct settings_watch *watch;
    struct promise promises[64];
    size_t promise_count;
    struct session *sessions;
    struct connection *set;
    size_t count, room;
    uint64_t told;    /* changes offered */
    uint64_t awaited; /* the last one that was known as committed */
    int64_t *offered; /* when, by number */
    size_t offered_room;
    enum verdict_reason reason;
};

enum work { WORK_NONE, WORK_ON, WORK_RACE, WORK_PLAIN, WORK_CROWD, WORK_MAX };

struct program {
    uv_loop_t loop;
    uv_pipe_t input;
    uv_timer_t timer;
    uv_prepare_t prepare;
    struct record_farm farm;
    struct host *hosts;
    size_t host_count, let_in;
    bool joined;
    bool is_late; /* plain: more are due than etcd_ask takes */
    char line[LINE_BYTES];
    size_t line_bytes;
    /* what is being done */
    enum work work;
    char word[16];
    uint64_t users, wanted, begun, done;
    int64_t from_ns, until_ns, rate;
    int64_t *latencies;
    size_t latency_count, latency_room;
    int64_t revision; /* of the store, when it began */
    int64_t put_revision;
    /* what is heard */
    uint64_t verdicts;
    enum verdict_reason moving;
    size_t moved;
    int64_t first_ns;
    struct etcd *plain;
    int64_t leader_revision;
};

static int64_t now_ns(void)
{
    return (int64_t)uv_hrtime();
}

static int64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

/* ---- figures ------------------------------------------------------------------------------------------- */

static void note_latency(struct program *program, int64_t ns)
{
    if (program->latency_count == program->latency_room) {
        program->latency_room = program->latency_room * 2 + 1024;
        program->latencies =
            must(realloc(program->latencies, program->latency_room * sizeof *program->latencies));
    }
    program->latencies[program->latency_count++] = ns;
}

static int by_size(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

static int64_t percentile_us(const struct program *program, size_t percent)
{
    size_t count = program->latency_count;
    return count == 0 ? 0 : program->latencies[(count - 1) * percent / 100] / US;
}

static int64_t revision_of_all(const struct program *program)
{
    int64_t revision = program->put_revision;
    for (size_t i = 0; i < program->host_count; i++) {
        struct writer_status status = writer_status(program->hosts[i].writer);
        if (status.revision > revision)
            revision = status.revision;
    }
    return revision;
}

static void answer(struct program *program)
{
    qsort(program->latencies, program->latency_count, sizeof *program->latencies, by_size);
    printf("%s count=%zu us=%" PRId64 " p50=%" PRId64 " p99=%" PRId64 " max=%" PRId64 " revisions=%" PRId64
           "\n",
           program->word, program->latency_count, (now_ns() - program->from_ns) / US,
           percentile_us(program, 50), percentile_us(program, 99), percentile_us(program, 100),
           revision_of_all(program) - program->revision);
    program->work = WORK_NONE;
}

/* ---- a host's sessions --------------------------------------------------------------------------------- */

static void offer(struct host *host, const struct core_event *event)
{
    writer_offer(host->writer, event, wall_ms(), NULL, NULL);
}

static void offer_sessions(struct host *host)
{
    offer(host, &(struct core_event){
                    .type = EVENT_HOST_SET,
                    .set = {.host = host->self.host, .connections = host->set, .count = host->count}});
}

static void note_change(struct host *host)
{
    if (++host->told >= host->offered_room) {
        host->offered_room = host->offered_room * 2 + 64;
        host->offered = must(realloc(host->offered, host->offered_room * sizeof *host->offered));
    }
    host->offered[host->told] = now_ns();
}

static void begin_session(struct host *host)
{
    uint64_t number = ++host->program->users;
    if (host->count == host->room) {
        host->room = host->room * 2 + 8;
        host->sessions = must(realloc(host->sessions, host->room * sizeof *host->sessions));
        host->set = must(realloc(host->set, host->room * sizeof *host->set));
        for (size_t i = 0; i < host->count; i++) {
            host->set[i].id = host->sessions[i].id;
            host->set[i].user = host->sessions[i].user;
        }
    }
    struct session *session = &host->sessions[host->count];
    (void)snprintf(session->id, sizeof session->id, "c%" PRIu64, number);
    (void)snprintf(session->user, sizeof session->user, "EXAMPLE\\user%" PRIu64, number);
    host->set[host->count++] = (struct connection){.host = host->self.host,
                                                   .id = session->id,
                                                   .user = session->user,
                                                   .connected_at_ms = wall_ms(),
                                                   .route = ROUTE_RDP,
                                                   .administrator = ADMINISTRATOR_NO};
    note_change(host);
}

static void end_session(struct host *host)
{
    host->count--;
    note_change(host);
}

/* What the farm has by now. */
static void note_commits(struct host *host)
{
    struct program *program = host->program;
    uint64_t through = writer_status(host->writer).through;
    for (; host->awaited < through && host->awaited < host->told; host->awaited++) {
        if (program->work != WORK_ON && program->work != WORK_RACE)
            continue;
        note_latency(program, now_ns() - host->offered[host->awaited + 1]);
        program->done++;
    }
}

/* ---- journal in memory --------------------------------------------------------------------------------- */

static int keep(void *journal, const struct farm_journal_write *write, farm_journal_done_fn *done, void *data)
{
    struct host *host = journal;
    (void)write;
    if (host->promise_count == sizeof host->promises / sizeof *host->promises)
        return ERROR_FULL;
    host->promises[host->promise_count++] = (struct promise){done, data};
    return 0;
}

static void keep_promises(struct host *host)
{
    for (size_t i = 0, count = host->promise_count; i < count; i++) {
        struct promise promise = host->promises[0];
        memmove(host->promises, host->promises + 1, --host->promise_count * sizeof promise);
        promise.done(promise.data, 0, "");
    }
}

/* ---- following ----------------------------------------------------------------------------------------- */

static void on_verdict(void *data, const struct farm_verdict *verdict)
{
    struct host *host = data;
    struct program *program = host->program;
    enum verdict_reason reason = verdict->status.verdict.reason;
    program->verdicts++;
    if (reason == host->reason)
        return;
    host->reason = reason;
    if (program->moving != reason) {
        program->moving = reason;
        program->moved = 0;
        program->first_ns = now_ns();
    }
    if (++program->moved == program->host_count)
        printf("told %s %" PRId64 " %" PRId64 "\n", verdict_reason_name(reason), program->first_ns / US,
               now_ns() / US);
}

static void on_window(void *data, const char *farm_id, const struct window *window)
{
    (void)data;
    (void)farm_id;
    (void)window;
}

static void on_note(void *data, enum farm_note note, const char *key, const char *detail)
{
    (void)data;
    (void)note;
    printf("note %s: %s\n", key, detail);
}

static void on_identity(void *data, const struct checkpoint *checkpoint)
{
    (void)data;
    (void)checkpoint;
}

static int64_t on_licence_ms(void *data)
{
    (void)data;
    return wall_ms();
}

static const struct core_settings *on_core_settings(void *data)
{
    static const struct core_settings settings = {
        .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT}};
    (void)data;
    return &settings;
}

/* No bench makes licences run out: 500 whole states would not fit into one process. */
static int on_begin(void *data, const struct farm_begin *begin)
{
    (void)data;
    (void)begin;
    return ERROR_NO_MEMORY;
}

static const struct core *on_core(void *data)
{
    (void)data;
    return NULL;
}

static int on_step(void *data, const struct core_event *event, int64_t at_ms)
{
    (void)data;
    (void)event;
    (void)at_ms;
    return 0;
}

static void on_dropped(void *data)
{
    (void)data;
}

static void on_farm_settings(void *data, const char *text, size_t bytes)
{
    (void)data;
    (void)text;
    (void)bytes;
}

static void on_unreadable(void *data, const char *key, const char *detail)
{
    on_note(data, FARM_NOTE_UNREADABLE, key, detail);
}

static void on_went_back(void *data)
{
    const struct host *host = data;
    writer_look(host->writer);
}

static void on_member(void *data, const struct member_news *news)
{
    const struct host *host = data;
    if (news->state != MEMBER_JOINED)
        printf("note %s is %s: %s\n", host->self.host, member_state_name(news->state), news->detail);
}

/* ---- plain puts ---------------------------------------------------------------------------------------- */

static int64_t next_ns(const struct program *program);

struct put {
    struct program *program;
    struct host *host; /* NULL: of the one client */
    int64_t sent_ns;
    bool failed;
};

static bool put_plain(struct program *program, struct host *host);

static int on_put_message(void *data, const struct wire_message *message)
{
    struct put *put = data;
    put->failed = message->failed;
    if (message->revision > put->program->put_revision)
        put->program->put_revision = message->revision;
    return 0;
}

static void on_put(void *data, int error, const char *detail)
{
    struct put *put = data;
    struct program *program = put->program;
    struct host *host = put->host;
    if (error != 0 || put->failed)
        printf("note a plain put failed: %s\n", detail);
    program->done++;
    note_latency(program, now_ns() - put->sent_ns);
    free(put);
    if (host != NULL && program->work == WORK_CROWD && now_ns() < program->until_ns)
        (void)put_plain(program, host);
}

/* false: too many are under way. */
static bool put_plain(struct program *program, struct host *host)
{
    static const struct etcd_told told = {NULL, on_put_message, on_put};
    static const uint8_t value[VALUE_BYTES] = {1};
    struct put *put = must(malloc(sizeof *put));
    char key[64];
    (void)snprintf(key, sizeof key, "/bench/%.15s/%" PRIu64, host != NULL ? host->self.host : "plain",
                   program->begun % KEYS_MAX);
    const struct wire_op op = {.type = WIRE_PUT, .key = key, .value = value, .value_bytes = sizeof value};
    const struct wire_txn txn = {.success = &op, .success_count = 1};
    *put = (struct put){
        .program = program, .host = host, .sent_ns = program->is_late ? next_ns(program) : now_ns()};
    if (etcd_ask(host != NULL ? host->etcd : program->plain, WIRE_PATH_TXN, wire_txn_text(&txn), &told, put) <
        0) {
        program->is_late = host == NULL;
        free(put);
        return false;
    }
    program->begun++;
    return true;
}

/* ---- what is due --------------------------------------------------------------------------------------- */

static int64_t least(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

static int64_t due_ms(const struct host *host)
{
    int64_t due = least(member_due_ms(host->member), writer_due_ms(host->writer));
    due = least(due, follower_due_ms(host->follower));
    due = least(due, leader_due_ms(host->leader));
    return least(due, settings_watch_due_ms(host->watch));
}

static void pass(struct host *host, int64_t now_ms)
{
    keep_promises(host);
    for (int i = 0; i < PASSES_MAX && due_ms(host) <= now_ms; i++) {
        member_pass(host->member, now_ms);
        writer_pass(host->writer, now_ms, wall_ms());
        follower_pass(host->follower, now_ms);
        leader_pass(host->leader, now_ms);
        settings_watch_pass(host->watch, now_ms);
        keep_promises(host);
    }
    note_commits(host);
}

static bool is_joined(const struct host *host)
{
    const struct writer_status status = writer_status(host->writer);
    return member_state(host->member) == MEMBER_JOINED && status.loaded && status.waiting == 0 &&
           follower_is_live(host->follower) && settings_watch_is_read(host->watch);
}

/* One after the other: 500 hosts that shake hands at once want more of one process than of 500. */
static void let_in(struct program *program)
{
    size_t joined = 0;
    for (size_t i = 0; i < program->let_in; i++)
        joined += is_joined(&program->hosts[i]);
    while (program->let_in < program->host_count && program->let_in - joined < JOINING_MAX)
        program->let_in++;
    program->joined = joined == program->host_count;
    if (program->joined)
        printf("joined at=%" PRId64 "\n", now_ns() / US);
}

/* The next of those that come at a rate is due then; INT64_MAX: none. */
static int64_t next_ns(const struct program *program)
{
    bool at_rate = program->work == WORK_ON || program->work == WORK_PLAIN;
    if (!at_rate || program->begun >= program->wanted)
        return INT64_MAX;
    return program->from_ns +
           (int64_t)((double)program->begun / (double)program->wanted * (double)program->until_ns);
}

/* What cannot be sent yet is late, and counts from when it was due. */
static bool begin_next(struct program *program)
{
    if (program->work == WORK_PLAIN) {
        return put_plain(program, NULL);
    }
    struct host *host = &program->hosts[program->begun++ % program->host_count];
    begin_session(host);
    offer_sessions(host);
    return true;
}

static void race(struct program *program)
{
    bool on = now_ns() < program->until_ns;
    for (size_t i = 0; i < program->host_count && on; i++) {
        struct host *host = &program->hosts[i];
        if (host->awaited < host->told)
            continue;
        program->begun++;
        if (host->told % 2 == 0)
            begin_session(host);
        else
            end_session(host);
        offer_sessions(host);
    }
}

static void work(struct program *program)
{
    while (next_ns(program) <= now_ns() && begin_next(program))
        ;
    if (next_ns(program) > now_ns())
        program->is_late = false;
    if (program->work == WORK_RACE)
        race(program);
    bool timed = program->work == WORK_RACE || program->work == WORK_CROWD;
    bool over = timed ? now_ns() >= program->until_ns : program->begun >= program->wanted;
    if (program->work != WORK_NONE && over && program->done >= program->begun)
        answer(program);
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* the loop turns, and on_prepare does what is due */
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct program *program = prepare->data;
    int64_t now_ms = now_ns() / 1000000, due = now_ms + 1000;
    for (size_t i = 0; i < program->let_in; i++)
        pass(&program->hosts[i], now_ms);
    if (!program->joined)
        let_in(program);
    work(program);
    for (size_t i = 0; i < program->let_in; i++)
        due = program->hosts[i].promise_count > 0 ? now_ms : least(due, due_ms(&program->hosts[i]));
    if (next_ns(program) != INT64_MAX && !program->is_late)
        due = least(due, next_ns(program) / 1000000 + 1);
    uv_update_time(&program->loop);
    (void)uv_timer_start(&program->timer, on_timer, due > now_ms ? (uint64_t)(due - now_ms) : 0, 0);
}

/* ---- who leads ----------------------------------------------------------------------------------------- */

static int on_leader_kv(void *data, const struct wire_kv *kv)
{
    struct program *program = data;
    if (kv->deleted || kv->create_revision != program->leader_revision)
        printf("leader %s %" PRId64 "\n", kv->deleted ? "gone" : "new", now_ns() / US);
    program->leader_revision = kv->deleted ? 0 : kv->create_revision;
    return 0;
}

static void watch_leader(struct program *program);

static void on_leader_done(void *data, int error, const char *detail)
{
    struct program *program = data;
    (void)detail;
    if (error != ERROR_CANCELLED)
        watch_leader(program);
}

static void watch_leader(struct program *program)
{
    static const struct etcd_told told = {on_leader_kv, NULL, on_leader_done};
    const struct record_key key = record_key(&program->farm, RECORD_LEADER, NULL, NULL);
    (void)etcd_ask(program->plain, WIRE_PATH_WATCH, wire_watch_text(key.text, 0), &told, program);
}

/* ---- what it is told ----------------------------------------------------------------------------------- */

static void start_work(struct program *program, enum work what, uint64_t wanted, double seconds)
{
    bool timed = what == WORK_RACE || what == WORK_CROWD;
    program->work = what;
    program->wanted = wanted;
    program->begun = program->done = program->latency_count = 0;
    program->from_ns = now_ns();
    program->until_ns = (int64_t)(seconds * (double)SECOND_NS); /* at a rate: how long it takes */
    program->revision = revision_of_all(program);
    if (timed)
        program->until_ns += program->from_ns;
    if (what == WORK_CROWD)
        for (size_t i = 0; i < program->host_count; i++)
            (void)put_plain(program, &program->hosts[i]);
}

static void fill(struct program *program, uint64_t count)
{
    start_work(program, WORK_ON, count, 0);
    for (; program->begun < count; program->begun++)
        begin_session(&program->hosts[program->begun % program->host_count]);
    for (size_t i = 0; i < program->host_count; i++)
        offer_sessions(&program->hosts[i]);
}

static void tell_count(struct program *program)
{
    size_t open = 0, sessions = 0, joined = 0;
    for (size_t i = 0; i < program->host_count; i++) {
        open += program->hosts[i].reason == VERDICT_OPEN;
        joined += member_state(program->hosts[i].member) == MEMBER_JOINED;
        sessions += program->hosts[i].count;
    }
    printf("count verdicts=%" PRIu64 " open=%zu joined=%zu sessions=%zu\n", program->verdicts, open, joined,
           sessions);
    program->verdicts = 0;
}

static void obey(struct program *program, char *line)
{
    double seconds = 0;
    uint64_t number = 0;
    if (sscanf(line, "%15s", program->word) != 1)
        return;
    (void)sscanf(line, "%*s %" SCNu64 " %lf", &number, &seconds);
    if (strcmp(program->word, "on") == 0)
        start_work(program, WORK_ON, number, seconds);
    else if (strcmp(program->word, "fill") == 0)
        fill(program, number);
    else if (strcmp(program->word, "race") == 0)
        start_work(program, WORK_RACE, 0, (double)number);
    else if (strcmp(program->word, "plain") == 0)
        start_work(program, WORK_PLAIN, (uint64_t)((double)number * seconds), seconds);
    else if (strcmp(program->word, "crowd") == 0)
        start_work(program, WORK_CROWD, 0, (double)number);
    else if (strcmp(program->word, "count") == 0)
        tell_count(program);
}

/* ---- start and end ------------------------------------------------------------------------------------- */

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct program *program = handle->data;
    (void)suggested;
    *ret = uv_buf_init(program->line + program->line_bytes, (unsigned)(LINE_BYTES - program->line_bytes));
}

static void on_input(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct program *program = stream->data;
    char *end;
    (void)buffer;
    if (count < 0)
        exit(0); /* hosts that die: their leases run out */
    program->line_bytes += (size_t)count;
    while ((end = memchr(program->line, '\n', program->line_bytes)) != NULL) {
        size_t bytes = (size_t)(end - program->line) + 1;
        *end = '\0';
        obey(program, program->line);
        program->line_bytes -= bytes;
        memmove(program->line, program->line + bytes, program->line_bytes);
    }
}

static int64_t port_ask(void *etcd, const char *path, char *text, const struct etcd_told *told, void *data)
{
    return etcd_ask(etcd, path, text, told, data);
}

static void port_cancel(void *etcd, int64_t id)
{
    etcd_cancel(etcd, id);
}

static void name_host(struct host *host, size_t number)
{
    struct record_host *self = &host->self;
    uint8_t random[RECORD_INSTANCE_BYTES_MAX / 2];
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(self->instance, sizeof self->instance, random, sizeof random);
    (void)snprintf(self->host, sizeof self->host, "ts%zu", number);
    (void)snprintf(self->machine_id, sizeof self->machine_id, "machine%zu", number);
    (void)snprintf(self->version, sizeof self->version, "1");
    host->reason = VERDICT_REASON_MAX;
}

/* Members of etcd are asked by turns: each host begins with another one. */
static bool open_host(struct host *host, const struct etcd_settings *settings, size_t number)
{
    static const struct follower_told follower_told = {.verdict = on_verdict,
                                                       .window = on_window,
                                                       .note = on_note,
                                                       .went_back = on_went_back,
                                                       .identity = on_identity,
                                                       .licence_ms = on_licence_ms,
                                                       .settings = on_core_settings,
                                                       .begin = on_begin,
                                                       .core = on_core,
                                                       .step = on_step,
                                                       .dropped = on_dropped};
    static const struct leader_told leader_told = {.licence_ms = on_licence_ms};
    struct program *program = host->program;
    struct error_detail detail;
    const char *endpoints[ETCD_ENDPOINTS_MAX];
    struct etcd_settings own = *settings;
    int error;
    for (size_t i = 0; i < own.endpoint_count; i++)
        endpoints[i] = settings->endpoints[(i + number) % own.endpoint_count];
    own.endpoints = endpoints;
    host->etcd = etcd_create(&program->loop, &own, &error, &detail);
    host->port = (struct farm_port){port_ask, port_cancel, host->etcd};
    name_host(host, number);
    const struct farm_journal_kept kept = {.line = ""};
    const struct member_settings member = {.farm = &program->farm,
                                           .self = host->self,
                                           .seed = number,
                                           .port = host->port,
                                           .changed = on_member,
                                           .data = host};
    const struct writer_settings writer = {.farm = &program->farm,
                                           .host = host->self.host,
                                           .instance = host->self.instance,
                                           .seed = number,
                                           .port = host->port,
                                           .journal = {keep, host}};
    const struct follower_settings follower = {.farm = &program->farm, .port = host->port};
    const struct leader_settings leader = {.farm = &program->farm, .port = host->port, .self = host->self};
    const struct settings_watch_told watch = {on_farm_settings, on_unreadable, host};
    if (host->etcd == NULL)
        return false;
    host->member = must(member_create(&member));
    host->writer = must(writer_create(&writer, &kept));
    host->follower = must(follower_create(&follower, &follower_told, host));
    host->leader = must(leader_create(&leader, &leader_told, host));
    host->watch = must(settings_watch_create(&program->farm, &host->port, &watch));
    leader_stand(host->leader, false);
    offer(host, &(struct core_event){.type = EVENT_HOST_BOOTED,
                                     .booted = {.host = host->self.host, .boot_id = host->self.instance}});
    note_change(host);
    return true;
}

static bool open_all(struct program *program, const struct etcd_settings *settings)
{
    struct error_detail detail;
    int error;
    program->plain = etcd_create(&program->loop, settings, &error, &detail);
    program->hosts = must(calloc(program->host_count, sizeof *program->hosts));
    for (size_t i = 0; i < program->host_count; i++) {
        program->hosts[i].program = program;
        if (program->plain == NULL || !open_host(&program->hosts[i], settings, i))
            return false;
    }
    return true;
}

static void start(struct program *program)
{
    (void)uv_timer_init(&program->loop, &program->timer);
    (void)uv_prepare_init(&program->loop, &program->prepare);
    (void)uv_pipe_init(&program->loop, &program->input, 0);
    program->prepare.data = program->input.data = program;
    (void)uv_prepare_start(&program->prepare, on_prepare);
    (void)uv_pipe_open(&program->input, 0);
    (void)uv_read_start((uv_stream_t *)&program->input, on_allocate, on_input);
    (void)uv_timer_start(&program->timer, on_timer, 0, 0);
    watch_leader(program);
}

int main(int argc, char **argv)
{
    static struct program program;
    uint8_t secret[SEAL_SECRET_BYTES];
    size_t bytes;
    if (argc < 5 || sodium_init() < 0 ||
        sodium_base642bin(secret, sizeof secret, argv[2], strlen(argv[2]), NULL, &bytes, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        bytes != sizeof secret || record_farm_init(&program.farm, argv[1], secret) != 0)
        return 64;
    struct etcd_settings settings = {.endpoints = (const char *const *)(argv + 4),
                                     .endpoint_count = (size_t)(argc - 4)};
    etcd_env(&settings);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)uv_loop_init(&program.loop);
    program.host_count = strtoul(argv[3], NULL, 10);
    program.moving = VERDICT_REASON_MAX;
    if (program.host_count == 0 || program.host_count > HOSTS_MAX || !open_all(&program, &settings)) {
        fprintf(stderr, "bench_hosts: cannot be opened\n");
        return 1;
    }
    start(&program);
    return uv_run(&program.loop, UV_RUN_DEFAULT);
}
