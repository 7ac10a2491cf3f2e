/* tell_farm.c - a host's member, writer and journal over a real etcd and a real disk, for
 * test_farm_writer.py.
 *
 *     tell_farm DIRECTORY HOST ENDPOINT...    one host; its state is in DIRECTORY
 *     tell_farm --show ENDPOINT...            all that was ever written, from the first revision on
 *
 * A host reads from standard input and answers each line with "WORD done CODE" once the journal has it:
 *     word boot ID        word set ID=USER...      word put HOST ID USER      word end HOST ID
 *     word status         word leave
 * and says by itself "member STATE" and "said WORD". Ends at the end of its input. */
#include "etcd_env.h"

#include "agent/farm/etcd.h"
#include "agent/farm/member.h"
#include "agent/farm/writer.h"
#include "agent/store.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX   256
#define LINE_BYTES  65536
#define TTL_SECONDS 2
#define MACHINE     "machine-1"

struct program {
    uv_loop_t loop;
    uv_pipe_t input;
    uv_timer_t timer;
    struct record_farm farm;
    struct etcd *etcd;
    struct store *store;
    struct member *member;
    struct writer *writer;
    const char *host;
    char line[LINE_BYTES];
    size_t line_bytes;
    bool closing;
};

static int64_t steady_ms(void)
{
    return (int64_t)(uv_hrtime() / 1000000);
}

static int64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void wake(void *data)
{
    struct program *program = data;
    if (!program->closing)
        (void)uv_timer_start(&program->timer, on_timer, 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct program *program = timer->data;
    int64_t now_ms = steady_ms();
    member_pass(program->member, now_ms);
    writer_pass(program->writer, now_ms, wall_ms());
    int64_t due_ms = member_due_ms(program->member), writer_ms = writer_due_ms(program->writer);
    if (writer_ms < due_ms)
        due_ms = writer_ms;
    if (due_ms != INT64_MAX && !program->closing)
        (void)uv_timer_start(timer, on_timer, due_ms > now_ms ? (uint64_t)(due_ms - now_ms) : 0, 0);
}

/* ---- what it says -------------------------------------------------------------------------------------- */

static void on_changed(void *data, const struct member_news *news)
{
    struct program *program = data;
    printf("member %s%s %s\n", member_state_name(news->state), news->back ? " back" : "", news->detail);
    if (news->back)
        writer_look(program->writer);
    writer_hold(program->writer, news->state == MEMBER_REFUSED);
}

static void on_said(void *data, enum writer_saying saying, const char *detail)
{
    (void)data;
    printf("said %s %s\n", writer_saying_name(saying), detail);
}

static void on_done(void *data, int error, const char *detail)
{
    char *word = data;
    (void)detail;
    printf("%s done %d\n", word, error);
    free(word);
}

/* ---- what it is told ----------------------------------------------------------------------------------- */

static void offer(struct program *program, const char *word, const struct core_event *event)
{
    writer_offer(program->writer, event, wall_ms(), on_done, strdup(word));
}

static void offer_set(struct program *program, char *words[], size_t count)
{
    struct connection set[WORDS_MAX];
    struct core_event event = {.type = EVENT_HOST_SET, .set = {.host = program->host, .connections = set}};
    for (size_t i = 2; i < count; i++) {
        char *user = strchr(words[i], '=');
        if (user == NULL)
            continue;
        *user = '\0';
        set[event.set.count++] = (struct connection){.host = program->host,
                                                     .id = words[i],
                                                     .user = user + 1,
                                                     .connected_at_ms = 1,
                                                     .route = ROUTE_RDP};
    }
    offer(program, words[0], &event);
}

static void tell_status(const struct program *program, const char *word)
{
    struct writer_status status = writer_status(program->writer);
    printf("%s status loaded %d waiting %zu through %" PRIu64 "\n", word, status.loaded, status.waiting,
           status.through);
}

static void obey(struct program *program, char *line)
{
    char *words[WORDS_MAX] = {NULL};
    size_t count = 0;
    for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX; word = strtok(NULL, " "))
        words[count++] = word;
    const char *verb = count < 2 ? "" : words[1];
    struct core_event event = {.type = EVENT_HOST_BOOTED};
    if (strcmp(verb, "boot") == 0 && count == 3) {
        event.booted.host = program->host;
        event.booted.boot_id = words[2];
        offer(program, words[0], &event);
    } else if (strcmp(verb, "set") == 0) {
        offer_set(program, words, count);
    } else if (strcmp(verb, "put") == 0 && count == 5) {
        event.type = EVENT_BROKER_PUT;
        event.put =
            (struct connection){.host = words[2], .id = words[3], .user = words[4], .connected_at_ms = 1};
        offer(program, words[0], &event);
    } else if (strcmp(verb, "end") == 0 && count == 4) {
        event.type = EVENT_BROKER_END;
        event.end.host = words[2];
        event.end.id = words[3];
        offer(program, words[0], &event);
    } else if (strcmp(verb, "status") == 0) {
        tell_status(program, words[0]);
    } else if (strcmp(verb, "leave") == 0) {
        member_leave(program->member);
        wake(program);
    }
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static void on_store_closed(void *data)
{
    struct program *program = data;
    writer_destroy(program->writer);
    member_destroy(program->member);
    printf("closed\n");
}

static void on_etcd_closed(void *data)
{
    struct program *program = data;
    if (program->store != NULL)
        store_close(program->store, on_store_closed, program);
}

static void finish(struct program *program)
{
    program->closing = true;
    uv_close((uv_handle_t *)&program->input, NULL);
    uv_close((uv_handle_t *)&program->timer, NULL);
    if (program->writer != NULL)
        writer_stop(program->writer);
    etcd_close(program->etcd, on_etcd_closed, program);
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
    char *end;
    (void)buffer;
    if (count < 0) {
        finish(program);
        return;
    }
    program->line_bytes += (size_t)count;
    while ((end = memchr(program->line, '\n', program->line_bytes)) != NULL) {
        size_t bytes = (size_t)(end - program->line) + 1;
        *end = '\0';
        obey(program, program->line);
        program->line_bytes -= bytes;
        memmove(program->line, program->line + bytes, program->line_bytes);
    }
}

/* ---- showing ------------------------------------------------------------------------------------------- */

static void show_change(const char *what, const struct change *change)
{
    static const char *const types[] = {"booted", "session", "session_end", "broker", "broker_end"};
    printf("%s %" PRIu64 " %s %s %s %s %d\n", what, change->number, types[change->type], change->host,
           change->type == CHANGE_BOOTED ? change->boot_id : change->id,
           change->user[0] == '\0' ? "-" : change->user, change->more);
}

static void show_seq(struct program *program, const struct wire_kv *kv)
{
    static struct record_seq seq;
    struct error_detail detail;
    if (record_seq_read(&program->farm, kv, &seq, &detail) != 0)
        return;
    printf("seq %s through %" PRIu64 " count %zu version %" PRId64 "\n", seq.instance, seq.through, seq.count,
           kv->version);
    for (size_t i = 0; i < seq.count; i++)
        show_change("change", &seq.changes[i]);
}

static int on_shown(void *data, const struct wire_kv *kv)
{
    struct program *program = data;
    struct error_detail detail;
    struct change change;
    enum record_kind kind = record_kind_of(&program->farm, kv->key);
    if (kv->deleted)
        printf("deleted %s\n", kv->key);
    else if (kind == RECORD_SEQ)
        show_seq(program, kv);
    else if (record_change_read(&program->farm, kv, &change, &detail) == 0) {
        printf("key %s ", kv->key);
        show_change("is", &change);
    }
    return 0;
}

static int on_shown_message(void *data, const struct wire_message *message)
{
    (void)data;
    printf("revision %" PRId64 "\n", message->revision);
    return 0;
}

static void on_shown_done(void *data, int error, const char *detail)
{
    (void)data;
    printf("over %s %s\n", error_text(error), detail);
}

static void show(struct program *program)
{
    static const struct etcd_told told = {on_shown, on_shown_message, on_shown_done};
    (void)etcd_ask(program->etcd, WIRE_PATH_WATCH, wire_watch_text(program->farm.prefix, 1), &told, program);
}

/* ---- the start ----------------------------------------------------------------------------------------- */

static int64_t ask(void *etcd, const char *path, char *text, const struct etcd_told *told, void *data)
{
    return etcd_ask(etcd, path, text, told, data);
}

static void cancel(void *etcd, int64_t id)
{
    etcd_cancel(etcd, id);
}

static bool start(struct program *program, const char *directory)
{
    struct store_loaded *loaded;
    struct error_detail detail = {""};
    char instance[RECORD_INSTANCE_BYTES_MAX + 1];
    uint8_t random[RECORD_INSTANCE_BYTES_MAX / 2];
    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(instance, sizeof instance, random, sizeof random);
    if (store_open(&program->loop, directory, wall_ms(), &program->store, &loaded, &detail) != 0) {
        printf("refused: %s\n", detail.text);
        return false;
    }
    struct member_settings member = {.farm = &program->farm,
                                     .ttl_seconds = TTL_SECONDS,
                                     .seed = 1,
                                     .port = {ask, cancel, program->etcd},
                                     .changed = on_changed,
                                     .wake = wake,
                                     .data = program};
    (void)snprintf(member.self.host, sizeof member.self.host, "%s", program->host);
    (void)snprintf(member.self.machine_id, sizeof member.self.machine_id, "%s",
                   getenv("MACHINE") == NULL ? MACHINE : getenv("MACHINE"));
    (void)snprintf(member.self.instance, sizeof member.self.instance, "%s", instance);
    const struct writer_settings settings = {.farm = &program->farm,
                                             .host = program->host,
                                             .instance = instance,
                                             .seed = 1,
                                             .port = member.port,
                                             .journal = {store_journal_write, program->store},
                                             .said = on_said,
                                             .wake = wake,
                                             .data = program};
    program->member = member_create(&member);
    program->writer = writer_create(&settings, &loaded->journal);
    store_loaded_free(loaded);
    wake(program);
    return true;
}

int main(int argc, char **argv)
{
    static struct program program;
    static const uint8_t secret[SEAL_SECRET_BYTES] = {1};
    struct error_detail detail = {""};
    bool shows = argc > 1 && strcmp(argv[1], "--show") == 0;
    int first = shows ? 2 : 3, error;
    if (argc <= first || sodium_init() < 0 || record_farm_init(&program.farm, "north", secret) != 0)
        return 64;
    struct etcd_settings settings = {.endpoints = (const char *const *)(argv + first),
                                     .endpoint_count = (size_t)(argc - first),
                                     .request_ms = 2000};
    etcd_env(&settings);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)uv_loop_init(&program.loop);
    (void)uv_timer_init(&program.loop, &program.timer);
    program.timer.data = program.input.data = &program;
    program.host = argv[2];
    program.etcd = etcd_create(&program.loop, &settings, &error, &detail);
    if (program.etcd == NULL || (!shows && !start(&program, argv[1])))
        return 1;
    (void)uv_pipe_init(&program.loop, &program.input, 0);
    (void)uv_pipe_open(&program.input, 0);
    (void)uv_read_start((uv_stream_t *)&program.input, on_allocate, on_input);
    if (shows)
        show(&program);
    (void)uv_run(&program.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&program.loop) == 0 ? 0 : 1;
}
