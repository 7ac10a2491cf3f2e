/* Bytes of a client on the authority's door: everything behind the HTTP server that somebody without a token,
 * a farm or an administrator can reach - paths, queries, tokens, X-Forwarded-For, licence keys, every body by
 * its shape, and what the ledger makes of them. What must hold for any bytes: nothing that a client says
 * makes the ledger fail, every answer is HTTP, and an input leaves nothing behind.
 *
 * @ADMIN@, @TOKEN@, @FARM@ and @KEY@ stand for an administrator's token, a farm's token, its id and its key.
 */
#include "cloud/api/public_api.h"
#include "cloud/authority_admin.h"
#include "cloud/key_chain.h"
#include "cloud/wall_clock.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TEXT_BYTES_MAX  (128 * 1024)
#define TURNS_MAX       400
#define TURNS_AFTER_END 8
#define ADMIN_TOKEN     "administrators-token"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* --- a store without a pool: what is submitted is done at once, and undone after the input -----------------
 */

struct store {
    struct rows *rows;
};

struct rows *store_rows(struct store *store)
{
    return store->rows;
}

bool store_failing(struct store *store)
{
    (void)store;
    return false;
}

int store_submit(struct store *store, struct store_job *job)
{
    job->detail.text[0] = '\0';
    require(rows_job_begin(store->rows, &job->detail) == 0);
    job->error = job->run(job, store->rows, &job->detail);
    require(rows_job_end(store->rows, job->error == 0, &job->detail) == 0);
    job->done(job, job->error, job->detail.text);
    return 0;
}

/* Asked for over the socket only: who comes by the door gets none. */
int store_copy(struct store *store, const char *path, store_copied_fn *done, void *data)
{
    (void)store;
    (void)path;
    (void)done;
    (void)data;
    abort();
}

/* --- the authority, made once
 * ------------------------------------------------------------------------------- */

struct world {
    uv_loop_t loop;
    struct settings settings;
    struct store store;
    struct backlog backlog;
    struct sweep sweep;
    struct api_context context;
    struct public_api *api;
    char directory[32], door[64];
    char farm_id[LEDGER_ID_BYTES_MAX + 1], token[MESSAGE_TOKEN_BYTES_MAX + 1], key[LEDGER_KEY_BYTES_MAX + 1];
};

static struct world world;

static void remove_files(void)
{
    static const char *const names[] = {"ledger.db", "ledger.db-wal", "ledger.db-shm", "door"};
    rows_close(world.store.rows);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", world.directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(world.directory);
    key_chain_destroy(world.context.authority.chain);
}

static void open_ledger(void)
{
    char path[64];
    struct error_detail detail;
    (void)snprintf(world.directory, sizeof world.directory, "/tmp/farmgate-fuzz-XXXXXX");
    require(mkdtemp(world.directory) != NULL);
    (void)snprintf(path, sizeof path, "%s/ledger.db", world.directory);
    require(rows_open(path, &world.store.rows, &detail) == 0);
    (void)atexit(remove_files);
}

/* A subscription whose primary key runs a farm. */
static void begin_farm(void)
{
    static const struct subscription_order wanted = {
        .name = "fuzz", .contract = "", .licences = 10, .term = {.months = 12}};
    const struct audit_author author = {"fuzz", wall_clock_ms()};
    struct activation_request request = {.installation_id = "host"};
    struct admin_subscription of;
    struct error_detail detail;
    struct authority_activation *activation = calloc(1, sizeof *activation);
    require(activation != NULL && authority_admin_buy(world.store.rows, &author, &wanted, &of, &detail) == 0);
    (void)snprintf(world.key, sizeof world.key, "%s", of.primary.text);
    (void)snprintf(request.license_key, sizeof request.license_key, "%s", of.primary.text);
    require(authority_activate(&world.context.authority, world.store.rows, &request, "", author.now_ms,
                               activation, &detail) == 0);
    require(activation->verdict == ACTIVATION_GRANTED);
    (void)snprintf(world.farm_id, sizeof world.farm_id, "%s", activation->answer.farm_id);
    (void)snprintf(world.token, sizeof world.token, "%s", activation->answer.farm_token);
    free(activation);
}

static void make_context(void)
{
    struct api_context *context = &world.context;
    struct token *token = &context->tokens.list[context->tokens.count++];
    context->store = &world.store;
    context->backlog = &world.backlog;
    context->sweep = &world.sweep;
    world.sweep.store = &world.store;
    world.sweep.log = &context->log;
    log_init(&context->log, "fuzz");
    context->log.severity_max = -1;
    context->authority.trial_limit = 5;
    context->authority.trials_per_day = context->authority.trials_per_day_and_source = 1000;
    context->authority.refresh_ms = context->offline_refresh_ms = 86400000;
    require(entitlement_key_generate("k1", &context->authority.key) == 0);
    context->authority.chain = key_chain_create(&context->authority.key.key);
    require(context->authority.chain != NULL);
    context->answering = context->authority;
    (void)snprintf(token->name, sizeof token->name, "ann");
    token->scope = TOKENS_WRITE;
    (void)crypto_generichash(token->hash, sizeof token->hash, (const unsigned char *)ADMIN_TOKEN,
                             strlen(ADMIN_TOKEN), NULL, 0);
}

static void open_door(void)
{
    int fd = -1;
    require(settings_read(NULL, &world.settings, NULL) == 0);
    world.settings.trusted_proxy_count = 1; /* everybody: what they forward is read */
    require(source_network_parse("::/0", &world.settings.trusted[0]));
    world.settings.activations_per_minute = world.settings.activations_burst = 6000;
    world.settings.reports_per_minute = world.settings.reports_burst = 6000;
    world.settings.wrong_tokens_per_minute = world.settings.wrong_tokens_burst = 6000;
    (void)snprintf(world.door, sizeof world.door, "%s/door", world.directory);
    require(http_listen_unix(world.door, 0600, &fd) == 0);
    world.api = public_api_create(&world.loop, &world.context, &world.settings);
    require(world.api != NULL && public_api_listen(world.api, fd) == 0);
}

static void begin_world(void)
{
    if (world.api != NULL)
        return;
    require(entitlement_init() == 0 && uv_loop_init(&world.loop) == 0);
    open_ledger();
    make_context();
    begin_farm();
    open_door();
}

/* --- an input
 * ------------------------------------------------------------------------------------------------ */

/* The bytes with the names of what was made. */
static size_t fill_in(const uint8_t *data, size_t size, char *ret)
{
    const struct {
        const char *mark, *text;
    } marks[] = {
        {"@ADMIN@", ADMIN_TOKEN},
        {"@TOKEN@", world.token},
        {"@FARM@", world.farm_id},
        {"@KEY@", world.key},
    };
    size_t used = 0;
    for (size_t at = 0; at < size && used + MESSAGE_TOKEN_BYTES_MAX < TEXT_BYTES_MAX;) {
        size_t i = 0, bytes = 0;
        for (; i < sizeof marks / sizeof marks[0]; i++) {
            bytes = strlen(marks[i].mark);
            if (size - at >= bytes && memcmp(data + at, marks[i].mark, bytes) == 0)
                break;
        }
        if (i == sizeof marks / sizeof marks[0]) {
            ret[used++] = (char)data[at++];
            continue;
        }
        memcpy(ret + used, marks[i].text, strlen(marks[i].text));
        used += strlen(marks[i].text);
        at += bytes;
    }
    return used;
}

static int knock(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", world.door);
    require(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static bool holds(const char *text, size_t bytes, const char *word)
{
    return memmem(text, bytes, word, strlen(word)) != NULL;
}

/* Reads what there is; false at the end. The first bytes of all are an answer's. */
static bool hear(int fd, bool *heard)
{
    char text[16384];
    ssize_t bytes;
    while ((bytes = recv(fd, text, sizeof text, 0)) > 0) {
        require(*heard || bytes < 9 || memcmp(text, "HTTP/1.1 ", 9) == 0);
        require(!holds(text, (size_t)bytes, "\"code\":\"store_unavailable\""));
        require(!holds(text, (size_t)bytes, "\"code\":\"out_of_memory\""));
        *heard = true;
    }
    return bytes != 0;
}

static void converse(const char *text, size_t bytes)
{
    int fd = knock(), after_end = 0;
    bool heard = false, open = true;
    size_t sent = 0;
    for (int turn = 0; open && turn < TURNS_MAX && after_end < TURNS_AFTER_END; turn++) {
        ssize_t count = sent < bytes ? send(fd, text + sent, bytes - sent, MSG_NOSIGNAL) : 0;
        if (count > 0)
            sent += (size_t)count;
        if (sent == bytes && after_end++ == 0)
            (void)shutdown(fd, SHUT_WR);
        (void)uv_run(&world.loop, UV_RUN_NOWAIT);
        open = hear(fd, &heard);
    }
    (void)close(fd);
    for (int turn = 0; turn < 3; turn++)
        (void)uv_run(&world.loop, UV_RUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_BYTES_MAX];
    begin_world();
    size_t bytes = fill_in(data, size, text);
    require(rows_exec(world.store.rows, "SAVEPOINT input", NULL) == 0);
    converse(text, bytes);
    require(rows_exec(world.store.rows, "ROLLBACK TO input; RELEASE input", NULL) == 0);
    return 0;
}
