/* farm_leader.c - parts of a farm of many hosts on a real etcd, for test_farm_leader.py.
 *
 *     farm_leader lead NAME EPOCH_MS SPEED ENDPOINT...      leads, or waits to; says what becomes of it
 *     farm_leader write NAME EPOCH_MS SPEED ENDPOINT...     a host: reads "on ID USER" and "off ID" a line,
 *                                                           says "acked REVISION AT_MS on ID USER"
 *     farm_leader history NAME EPOCH_MS SPEED ENDPOINT...   every checkpoint ever written, every window and
 * every leader, as they stand in the store; then ends
 *
 * Licence time is T0 at the wall clock's EPOCH_MS and runs SPEED times as fast, so that windows close while
 * somebody looks on. */
#include "etcd_env.h"

#include "agent/farm/etcd.h"
#include "agent/farm/leader.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define T0         INT64_C(1700000400000)
#define LINE_BYTES 4096
#define LEASE_S    2
#define QUIET_MS   1500 /* of a history that nothing is added to any more */

struct program {
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t timer;
    uv_pipe_t input;
    struct etcd *etcd;
    struct farm_port port;
    struct record_farm farm;
    const char *name;
    int64_t epoch_ms, speed;
    char instance[RECORD_INSTANCE_BYTES_MAX + 1];
    /* lead */
    struct leader *leader;
    struct core *core;
    /* write */
    char line[LINE_BYTES];
    size_t line_bytes;
    bool is_busy, was_before, succeeded, input_over;
    uint64_t through;
    int64_t version, revision;
    struct change change;
    char said[LINE_BYTES];
};

static const struct core_settings core_settings = {
    .tally = {.count_disconnected = true, .routes_counted = ROUTES_COUNTED_DEFAULT},
    .api_lease_ms = DAY_MS,
    .host_lost_after_ms = 0};

static int64_t licence_ms(const struct program *program)
{
    struct timeval now;
    (void)gettimeofday(&now, NULL);
    int64_t wall_ms = (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
    return T0 + (wall_ms - program->epoch_ms) * program->speed;
}

static int64_t port_ask(void *etcd, const char *path, char *text, const struct etcd_told *told, void *data)
{
    return etcd_ask(etcd, path, text, told, data);
}

static void port_cancel(void *etcd, int64_t id)
{
    etcd_cancel(etcd, id);
}

/* ---- lead ---------------------------------------------------------------------------------------------- */

static int64_t on_licence_ms(void *data)
{
    return licence_ms(data);
}

static const struct core_settings *on_settings(void *data)
{
    (void)data;
    return &core_settings;
}

static int on_begin(void *data, const struct farm_begin *begin)
{
    struct program *program = data;
    struct core_saved saved = *begin->saved;
    saved.installation_id = "inst";
    if (begin->checkpoint == NULL)
        printf("first %" PRId64 "\n", begin->at_ms);
    if (begin->gap != NULL)
        printf("gap %" PRId64 " %" PRId64 "\n", begin->gap->after_revision, begin->gap->through_revision);
    core_destroy(program->core);
    program->core = core_create(&core_settings);
    return core_restore(program->core, &saved, begin->at_ms);
}

static const struct core *on_core(void *data)
{
    const struct program *program = data;
    return program->core;
}

static int on_step(void *data, const struct core_event *event, int64_t at_ms, struct core_actions *actions)
{
    struct program *program = data;
    return core_step(program->core, event, at_ms, actions);
}

static void on_identity(void *data, struct store_identity *ret,
                        char ret_entitlement[STORE_ENTITLEMENT_MAX + 1])
{
    (void)data;
    *ret = (struct store_identity){.installation_id = "inst"};
    ret_entitlement[0] = '\0';
}

static void on_live(void *data)
{
    (void)data;
    printf("live\n");
}

static void on_turn(void *data)
{
    (void)data;
}

static void on_saved(void *data, const struct core_actions *actions)
{
    (void)data;
    (void)actions;
}

static void on_resigned(void *data, int error, const char *detail)
{
    (void)data;
    (void)error;
    printf("resigned %s\n", detail);
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

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* the prepare handle does the rest */
}

/* Before the loop sleeps: what is due is done, and the next is waited for. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct program *program = prepare->data;
    int64_t now_ms = (int64_t)(uv_hrtime() / 1000000);
    for (int turns = 0; turns < 10 && leader_due_ms(program->leader) <= now_ms; turns++)
        leader_pass(program->leader, now_ms);
    int64_t due_ms = leader_due_ms(program->leader);
    int64_t wait_ms = due_ms == INT64_MAX || due_ms - now_ms > 1000 ? 1000 : due_ms - now_ms;
    (void)uv_timer_start(&program->timer, on_timer, (uint64_t)(wait_ms < 1 ? 1 : wait_ms), 0);
}

static void lead(struct program *program)
{
    static const struct leader_told told = {on_licence_ms, on_settings, on_begin,  on_core,
                                            on_step,       on_identity, on_live,   on_turn,
                                            on_saved,      on_resigned, on_window, on_note};
    struct leader_settings settings = {.farm = &program->farm, .port = program->port, .lease_ttl_s = LEASE_S};
    (void)snprintf(settings.self.host, sizeof settings.self.host, "%s", program->name);
    memcpy(settings.self.instance, program->instance, sizeof settings.self.instance);
    program->leader = leader_create(&settings, &told, program);
    (void)uv_timer_init(&program->loop, &program->timer);
    (void)uv_prepare_init(&program->loop, &program->prepare);
    program->prepare.data = program;
    (void)uv_prepare_start(&program->prepare, on_prepare);
}

/* ---- write --------------------------------------------------------------------------------------------- */

static void send_change(struct program *program);
static void next_line(struct program *program);

static int on_write_kv(void *data, const struct wire_kv *kv)
{
    struct program *program = data;
    program->was_before = kv->version == program->version + 1;
    program->revision = kv->mod_revision;
    return 0;
}

static int on_write_message(void *data, const struct wire_message *message)
{
    struct program *program = data;
    program->succeeded = message->succeeded && !message->failed;
    if (program->succeeded)
        program->revision = message->revision;
    return 0;
}

static void on_retry(uv_timer_t *timer)
{
    send_change(timer->data);
}

static void on_written(void *data, int error, const char *detail)
{
    struct program *program = data;
    (void)detail;
    if (error != 0 || (!program->succeeded && !program->was_before)) {
        (void)uv_timer_start(&program->timer, on_retry, 50, 0);
        return;
    }
    program->version++;
    program->is_busy = false;
    printf("acked %" PRId64 " %" PRId64 " %s\n", program->revision, program->change.at_ms, program->said);
    next_line(program);
}

static void send_change(struct program *program)
{
    static const struct etcd_told told = {on_write_kv, on_write_message, on_written};
    static struct record_seq seq;
    const struct change *change = &program->change;
    bool is_end = change->type == CHANGE_SESSION_END;
    struct record_key key = record_key(&program->farm, RECORD_SESSION, change->host, change->id);
    struct record_key seq_key = record_key(&program->farm, RECORD_SEQ, change->host, NULL);
    seq = (struct record_seq){.through = program->through, .count = 1, .changes = {*change}};
    memcpy(seq.instance, program->instance, sizeof seq.instance);
    struct record_value value = record_change_value(&program->farm, key.text, change);
    struct record_value seq_value = record_seq_value(&program->farm, seq_key.text, &seq);
    const struct wire_op ops[] = {
        {.type = is_end ? WIRE_DELETE : WIRE_PUT,
         .key = key.text,
         .value = value.bytes,
         .value_bytes = value.count},
        {.type = WIRE_PUT, .key = seq_key.text, .value = seq_value.bytes, .value_bytes = seq_value.count}};
    const struct wire_compare compare = {WIRE_VERSION, seq_key.text, program->version};
    const struct wire_op look = {.type = WIRE_RANGE, .key = seq_key.text};
    const struct wire_txn txn = {&compare, 1, ops, &look, 2, 1};
    program->was_before = program->succeeded = false;
    if (program->port.ask(program->port.etcd, WIRE_PATH_TXN, wire_txn_text(&txn), &told, program) < 0)
        (void)uv_timer_start(&program->timer, on_retry, 50, 0);
    free(value.bytes);
    free(seq_value.bytes);
}

static void obey(struct program *program, char *line)
{
    struct change *change = &program->change;
    (void)snprintf(program->said, sizeof program->said, "%s", line);
    const char *verb = strtok(line, " "), *id = strtok(NULL, " "), *user = strtok(NULL, " ");
    *change = (struct change){.number = ++program->through,
                              .at_ms = licence_ms(program),
                              .type = strcmp(verb, "on") == 0 ? CHANGE_SESSION : CHANGE_SESSION_END,
                              .route = ROUTE_RDP};
    change->connected_at_ms = change->at_ms;
    (void)snprintf(change->host, sizeof change->host, "%s", program->name);
    (void)snprintf(change->id, sizeof change->id, "%s", id);
    (void)snprintf(change->user, sizeof change->user, "%s", user != NULL ? user : "");
    program->is_busy = true;
    send_change(program);
}

static void on_etcd_closed(void *data)
{
    (void)data;
}

static void next_line(struct program *program)
{
    char *end = memchr(program->line, '\n', program->line_bytes);
    if (program->is_busy)
        return;
    if (end == NULL) {
        if (program->input_over) {
            uv_close((uv_handle_t *)&program->input, NULL);
            uv_close((uv_handle_t *)&program->timer, NULL);
            etcd_close(program->etcd, on_etcd_closed, NULL);
        }
        return;
    }
    char line[LINE_BYTES];
    size_t bytes = (size_t)(end - program->line) + 1;
    memcpy(line, program->line, bytes);
    line[bytes - 1] = '\0';
    program->line_bytes -= bytes;
    memmove(program->line, program->line + bytes, program->line_bytes);
    obey(program, line);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct program *program = handle->data;
    (void)suggested;
    *ret = uv_buf_init(program->line + program->line_bytes, (unsigned)(LINE_BYTES - program->line_bytes));
}

static void on_input(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct program *program = stream->data;
    (void)buffer;
    if (count < 0) {
        program->input_over = true;
        (void)uv_read_stop(stream);
    } else {
        program->line_bytes += (size_t)count;
    }
    next_line(program);
}

static void write_changes(struct program *program)
{
    (void)uv_timer_init(&program->loop, &program->timer);
    program->timer.data = program;
    (void)uv_pipe_init(&program->loop, &program->input, 0);
    program->input.data = program;
    (void)uv_pipe_open(&program->input, 0);
    (void)uv_read_start((uv_stream_t *)&program->input, on_allocate, on_input);
}

/* ---- history ------------------------------------------------------------------------------------------- */

static void on_quiet(uv_timer_t *timer)
{
    struct program *program = timer->data;
    uv_close((uv_handle_t *)timer, NULL);
    etcd_close(program->etcd, on_etcd_closed, NULL);
}

/* What came late is known, and at this speed a few real milliseconds are late. */
static int lost_spans(const struct checkpoint *checkpoint)
{
    int lost = 0;
    for (size_t i = 0; i < checkpoint->gap_count; i++)
        lost += checkpoint->gaps[i].host[0] == '\0';
    return lost;
}

static void show_checkpoint(const struct program *program, const struct wire_kv *kv)
{
    struct checkpoint *checkpoint;
    if (checkpoint_read(&program->farm, kv, &checkpoint, NULL) < 0)
        return;
    printf("checkpoint %" PRId64 " %" PRId64 " %d ever %u %" PRId64 " users %u by %s number %" PRId64 "\n",
           kv->mod_revision, checkpoint->at_ms, lost_spans(checkpoint), checkpoint->ever.users,
           checkpoint->ever.at_ms, checkpoint->running.users_at_end, checkpoint->instance, checkpoint->n);
    free(checkpoint);
}

/* "nobody": the lease is over, or it was given back. */
static void show_leader(const struct program *program, const struct wire_kv *kv)
{
    struct record_host leader;
    if (kv->deleted)
        printf("leader %" PRId64 " nobody\n", kv->mod_revision);
    else if (record_host_read(&program->farm, kv, &leader, NULL) == 0)
        printf("leader %" PRId64 " %s\n", kv->mod_revision, leader.instance);
}

static int on_history_kv(void *data, const struct wire_kv *kv)
{
    struct program *program = data;
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct window window;
    enum record_kind kind = record_kind_of(&program->farm, kv->key);
    if (kind == RECORD_CHECKPOINT && !kv->deleted)
        show_checkpoint(program, kv);
    if (kind == RECORD_LEADER)
        show_leader(program, kv);
    if (kind == RECORD_WINDOW && !kv->deleted &&
        checkpoint_window_read(&program->farm, kv, farm_id, &window, NULL) == 0)
        printf("window %" PRId64 " %" PRId64 " %u %" PRId64 " %u\n", window.start_ms, window.end_ms,
               window.peak_users, window.peak_at_ms, window.users_at_end);
    return 0;
}

static int on_history_message(void *data, const struct wire_message *message)
{
    struct program *program = data;
    if (message->cancelled)
        printf("cancelled %" PRId64 "\n", message->compacted);
    if (message->events > 0)
        (void)uv_timer_start(&program->timer, on_quiet, QUIET_MS, 0);
    return 0;
}

static void on_history_done(void *data, int error, const char *detail)
{
    (void)data;
    if (error != 0 && error != ERROR_CANCELLED)
        printf("broken %s\n", detail);
}

static void show_history(struct program *program)
{
    static const struct etcd_told told = {on_history_kv, on_history_message, on_history_done};
    (void)uv_timer_init(&program->loop, &program->timer);
    program->timer.data = program;
    (void)uv_timer_start(&program->timer, on_quiet, (uint64_t)10 * QUIET_MS, 0);
    (void)program->port.ask(program->port.etcd, WIRE_PATH_WATCH, wire_watch_text(program->farm.prefix, 1),
                            &told, program);
}

int main(int argc, char **argv)
{
    static struct program program;
    static const uint8_t secret[SEAL_SECRET_BYTES] = {8};
    struct error_detail detail = {""};
    int error;
    if (argc < 6 || sodium_init() < 0)
        return 64;
    struct etcd_settings settings = {.endpoints = (const char *const *)(argv + 5),
                                     .endpoint_count = (size_t)(argc - 5),
                                     .request_ms = 1500,
                                     .stalled_ms = 3000};
    etcd_env(&settings);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)uv_loop_init(&program.loop);
    program.name = argv[2];
    program.epoch_ms = strtoll(argv[3], NULL, 10);
    program.speed = strtoll(argv[4], NULL, 10);
    (void)snprintf(program.instance, sizeof program.instance, "%.16s-%d", program.name, (int)getpid());
    (void)record_farm_init(&program.farm, "farm", secret);
    program.etcd = etcd_create(&program.loop, &settings, &error, &detail);
    if (program.etcd == NULL) {
        printf("refused: %s\n", detail.text);
        return 1;
    }
    program.port = (struct farm_port){port_ask, port_cancel, program.etcd};
    if (strcmp(argv[1], "lead") == 0)
        lead(&program);
    else if (strcmp(argv[1], "write") == 0)
        write_changes(&program);
    else
        show_history(&program);
    (void)uv_run(&program.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&program.loop) == 0 ? 0 : 1;
}
