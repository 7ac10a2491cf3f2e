/* ask_etcd.c - what agent/farm/etcd.c makes of a real etcd, for test_etcd.py.
 *
 *     ask_etcd [--ca FILE] [--cert FILE --key FILE] [--user NAME --password WORD] [--request-ms N]
 *              [--stalled-ms N] ENDPOINT...
 *
 * Reads one request a line from standard input and answers it with lines that begin with the request's word;
 * several may be under way. `word` is any word of the tester's:
 *     word put KEY VALUE            word delete KEY
 *     word if version|create|mod|lease KEY NUMBER    (then nothing: did it hold?)
 *     word range PREFIX [REVISION [LIMIT [AFTER]]]
 *     word grant SECONDS | keepalive LEASE | revoke LEASE | compact REVISION | status
 *     word watch PREFIX REVISION    word2 cancel word
 * Ends at the end of its input. */
#include "agent/farm/etcd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX    6
#define REQUESTS_MAX 64
#define LINE_BYTES   65536

struct request {
    struct program *program;
    char word[32];
    int64_t id; /* 0: free */
};

struct program {
    uv_loop_t loop;
    uv_pipe_t input;
    struct etcd *etcd;
    struct request requests[REQUESTS_MAX];
    char line[LINE_BYTES];
    size_t line_bytes;
};

static int on_kv(void *data, const struct wire_kv *kv)
{
    const struct request *request = data;
    printf("%s %s %s %.*s mod %" PRId64 " create %" PRId64 " version %" PRId64 "\n", request->word,
           kv->deleted ? "deleted" : "key", kv->key, (int)kv->value_bytes,
           kv->value == NULL ? "" : (const char *)kv->value, kv->mod_revision, kv->create_revision,
           kv->version);
    return 0;
}

static int on_message(void *data, const struct wire_message *message)
{
    const struct request *request = data;
    printf("%s message revision %" PRId64, request->word, message->revision);
    if (message->failed)
        printf(" failed %d %s", message->code, message->text);
    if (message->succeeded)
        printf(" succeeded");
    if (message->lease != 0)
        printf(" lease %" PRId64 " ttl %" PRId64, message->lease, message->ttl);
    if (message->count != 0)
        printf(" count %" PRId64 "%s", message->count, message->more ? " more" : "");
    if (message->version[0] != '\0')
        printf(" version %s", message->version);
    if (message->created)
        printf(" created");
    if (message->cancelled)
        printf(" cancelled compacted %" PRId64 " %s", message->compacted, message->text);
    printf("\n");
    return 0;
}

static void on_done(void *data, int error, const char *detail)
{
    struct request *request = data;
    printf("%s done %s: %s (%s)\n", request->word, error == 0 ? "well" : error_text(error), detail,
           etcd_endpoint(request->program->etcd));
    request->id = 0;
}

static char *txn_text(const char *words[], size_t count)
{
    static const char *const targets[] = {"version", "create", "mod", "lease"};
    struct wire_compare compare = {0};
    struct wire_op op = {.key = words[2]};
    struct wire_txn txn = {.success = &op, .success_count = 1};
    if (strcmp(words[1], "if") == 0 && count == 5) {
        while (strcmp(targets[compare.target], words[2]) != 0)
            compare.target = (enum wire_target)(compare.target + 1);
        compare.key = words[3];
        compare.number = strtoll(words[4], NULL, 10);
        txn = (struct wire_txn){.compares = &compare, .compare_count = 1};
    } else if (strcmp(words[1], "put") == 0) {
        op.type = WIRE_PUT;
        op.value = words[3];
        op.value_bytes = strlen(words[3]);
    } else {
        op.type = WIRE_DELETE;
    }
    return wire_txn_text(&txn);
}

static int64_t number_at(const char *words[], size_t count, size_t place)
{
    return place < count ? strtoll(words[place], NULL, 10) : 0;
}

/* The request's text and where it goes; NULL: no such request. */
static char *text_of(const char *words[], size_t count, const char **ret_path)
{
    const char *verb = words[1];
    int64_t number = number_at(words, count, 2);
    if (strcmp(verb, "range") == 0) {
        struct wire_op range = {.type = WIRE_RANGE,
                                .key = words[2],
                                .prefix = true,
                                .revision = number_at(words, count, 3),
                                .limit = number_at(words, count, 4),
                                .after_key = count > 5 ? words[5] : NULL};
        *ret_path = WIRE_PATH_RANGE;
        return wire_range_text(&range);
    }
    if (strcmp(verb, "watch") == 0) {
        *ret_path = WIRE_PATH_WATCH;
        return wire_watch_text(words[2], number_at(words, count, 3));
    }
    if (strcmp(verb, "grant") == 0) {
        *ret_path = WIRE_PATH_GRANT;
        return wire_grant_text(number);
    }
    if (strcmp(verb, "keepalive") == 0 || strcmp(verb, "revoke") == 0) {
        *ret_path = verb[0] == 'k' ? WIRE_PATH_KEEPALIVE : WIRE_PATH_REVOKE;
        return wire_lease_text(number);
    }
    if (strcmp(verb, "compact") == 0) {
        *ret_path = WIRE_PATH_COMPACT;
        return wire_compact_text(number);
    }
    if (strcmp(verb, "status") == 0) {
        *ret_path = WIRE_PATH_VERSION;
        return strdup("");
    }
    *ret_path = WIRE_PATH_TXN;
    return txn_text(words, count);
}

static void cancel(struct program *program, const char *word)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (program->requests[i].id != 0 && strcmp(program->requests[i].word, word) == 0)
            etcd_cancel(program->etcd, program->requests[i].id);
}

static void obey(struct program *program, char *line)
{
    static const struct etcd_told told = {on_kv, on_message, on_done};
    const char *words[WORDS_MAX] = {NULL}, *path = NULL;
    size_t count = 0, free_at = 0;
    for (char *word = strtok(line, " "); word != NULL && count < WORDS_MAX; word = strtok(NULL, " "))
        words[count++] = word;
    if (count >= 3 && strcmp(words[1], "cancel") == 0) {
        cancel(program, words[2]);
        return;
    }
    while (program->requests[free_at].id != 0)
        free_at++;
    struct request *request = &program->requests[free_at];
    request->program = program;
    (void)snprintf(request->word, sizeof request->word, "%s", words[0]);
    char *text = text_of(words, count, &path);
    int64_t id = etcd_ask(program->etcd, path, text, &told, request);
    if (id < 0)
        printf("%s done %s\n", request->word, error_text((int)id));
    else
        request->id = id;
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct program *program = handle->data;
    (void)suggested;
    *ret = uv_buf_init(program->line + program->line_bytes, (unsigned)(LINE_BYTES - program->line_bytes));
}

static void on_closed(void *data)
{
    (void)data;
    printf("closed\n");
}

static void on_input(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct program *program = stream->data;
    char *end;
    (void)buffer;
    if (count < 0) {
        uv_close((uv_handle_t *)stream, NULL);
        etcd_close(program->etcd, on_closed, NULL);
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

static struct etcd_settings parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"ca", required_argument, NULL, 'a'},         {"cert", required_argument, NULL, 'c'},
        {"key", required_argument, NULL, 'k'},        {"user", required_argument, NULL, 'u'},
        {"password", required_argument, NULL, 'p'},   {"request-ms", required_argument, NULL, 'r'},
        {"stalled-ms", required_argument, NULL, 's'}, {0}};
    struct etcd_settings settings = {0};
    const char **texts[] = {['a'] = &settings.ca_file,
                            ['c'] = &settings.certificate_file,
                            ['k'] = &settings.key_file,
                            ['u'] = &settings.user,
                            ['p'] = &settings.password};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'r')
            settings.request_ms = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == 's')
            settings.stalled_ms = (unsigned)strtoul(optarg, NULL, 10);
        else if (option == '?')
            exit(64);
        else
            *texts[option] = optarg;
    }
    settings.endpoints = (const char *const *)(argv + optind);
    settings.endpoint_count = (size_t)(argc - optind);
    return settings;
}

int main(int argc, char **argv)
{
    static struct program program;
    struct error_detail detail = {""};
    struct etcd_settings settings = parse(argc, argv);
    int error;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)uv_loop_init(&program.loop);
    program.etcd = etcd_create(&program.loop, &settings, &error, &detail);
    if (program.etcd == NULL) {
        printf("refused: %s\n", detail.text);
        return 1;
    }
    (void)uv_pipe_init(&program.loop, &program.input, 0);
    program.input.data = &program;
    (void)uv_pipe_open(&program.input, 0);
    (void)uv_read_start((uv_stream_t *)&program.input, on_allocate, on_input);
    (void)uv_run(&program.loop, UV_RUN_DEFAULT);
    return uv_loop_close(&program.loop) == 0 ? 0 : 1;
}
