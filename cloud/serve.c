#include "cloud/serve.h"

#include "cloud/admin_tokens.h"
#include "cloud/api/admin_api.h"
#include "cloud/api/public_api.h"
#include "cloud/authority_keys.h"
#include "cloud/service/service.h"
#include "cloud/signing_key.h"
#include "cloud/sweep.h"
#include "cloud/wall_clock.h"
#include "common/uv_reserve.h"
#include "version.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRACE_MS        300 /* for answers in flight when stopping */
#define FILES_BESIDE    64  /* descriptors for all but the farms' connections */
#define KEY_TEXT_BYTES  96
#define ADMIN_MODE      0600
#define SEVERITY_LOWEST 3 /* settings' "error" */

struct serve {
    const struct settings *settings;
    uv_loop_t loop;
    uv_signal_t terminate, interrupt, reload;
    struct api_context context;
    struct backlog backlog;
    struct public_api *public_api;
    struct admin_api *admin_api;
    struct sweep sweep;
    bool loop_made, signals_made, sweeping, stopping;
};

/* --- the book and its key ------------------------------------------------------------------------------- */

static int make_directory(const char *path, struct error_detail *ret_detail)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    int error = error_from_errno(errno);
    error_detail_set(ret_detail, "cannot make %s: %s", path, strerror(errno));
    return error;
}

/* Only where no farm trusts another one yet. */
static int make_key(struct rows *rows, const char *path, struct authority *authority,
                    struct error_detail *ret_detail)
{
    char noted[KEY_TEXT_BYTES];
    int error = authority_keys_noted(rows, noted, ret_detail);
    if (error != 0)
        return error;
    if (noted[0] == '\0')
        return signing_key_make(path, &authority->key, &authority->chain, ret_detail);
    error_detail_set(ret_detail,
                     "%s is missing; bring back the copy of the key %s that this ledger's farms trust", path,
                     noted);
    return ERROR_NOT_FOUND;
}

/* One transaction: the note and its lines of the audit log, if a key has followed since. */
static int note_key(struct rows *rows, const struct key_chain *chain, struct error_detail *ret_detail)
{
    const struct audit_author author = {AUDIT_AUTHORITY, wall_clock_ms()};
    int error = rows_exec(rows, "BEGIN IMMEDIATE", ret_detail);
    if (error == 0)
        error = authority_keys_note(rows, &author, chain, ret_detail);
    if (error == 0)
        error = rows_exec(rows, "COMMIT", ret_detail);
    if (error != 0 && rows_in_transaction(rows))
        (void)rows_exec(rows, "ROLLBACK", NULL);
    return error;
}

static int take_key(struct serve *serve, struct error_detail *ret_detail)
{
    const struct settings *settings = serve->settings;
    struct rows *rows = store_rows(serve->context.store);
    struct authority *authority = &serve->context.authority;
    char *path = serve->context.signing_key_file;

    if (settings->signing_key_file[0] != '\0')
        (void)snprintf(path, PATH_MAX, "%s", settings->signing_key_file);
    else
        (void)snprintf(path, PATH_MAX, "%s/signing-key", settings->state_directory);
    int error = signing_key_load(path, &authority->key, &authority->chain, ret_detail);
    if (error == ERROR_NOT_FOUND)
        error = make_key(rows, path, authority, ret_detail);
    serve->context.answering = *authority;
    return error != 0 ? error : note_key(rows, authority->chain, ret_detail);
}

static int open_book(struct serve *serve, struct error_detail *ret_detail)
{
    const char *directory = serve->settings->state_directory;
    int error = make_directory(directory, ret_detail);
    if (error == 0)
        error = store_open(&serve->loop, directory, &serve->context.store, ret_detail);
    if (error == 0) {
        (void)snprintf(serve->context.backup_file, PATH_MAX, "%s/ledger-backup", directory);
        (void)unlink(serve->context.backup_file); /* of a backup in which the authority was killed */
    }
    return error != 0 ? error : take_key(serve, ret_detail);
}

/* --- the doors ------------------------------------------------------------------------------------------ */

static int handed_over(const struct service_socket *sockets, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(sockets[i].name, name) == 0)
            return sockets[i].fd;
    }
    return -1;
}

static int open_public(struct serve *serve, int fd, struct error_detail *ret_detail)
{
    const char *address = serve->settings->listen;
    int error = fd >= 0 ? 0 : http_listen_tcp(address, &fd);
    if (error == 0)
        error = public_api_listen(serve->public_api, fd);
    if (error != 0)
        error_detail_set(ret_detail, "cannot listen on %s: %s", address, error_text(error));
    return error;
}

static int open_admin(struct serve *serve, int fd, struct error_detail *ret_detail)
{
    const char *path = serve->settings->admin_socket;
    int error = fd >= 0 ? 0 : http_listen_unix(path, ADMIN_MODE, &fd);
    if (error == 0)
        error = admin_api_listen(serve->admin_api, fd);
    if (error != 0)
        error_detail_set(ret_detail, "cannot listen on %s: %s", path, error_text(error));
    return error;
}

static int open_doors(struct serve *serve, struct error_detail *ret_detail)
{
    struct service_socket sockets[SERVICE_SOCKETS_MAX];
    size_t count = service_sockets(sockets);
    serve->public_api = public_api_create(&serve->loop, &serve->context, serve->settings);
    serve->admin_api = admin_api_create(&serve->loop, &serve->context);
    if (serve->public_api == NULL || serve->admin_api == NULL)
        return ERROR_NO_MEMORY;
    int error = open_admin(serve, handed_over(sockets, count, "admin"), ret_detail);
    return error != 0 ? error : open_public(serve, handed_over(sockets, count, "public"), ret_detail);
}

/* --- ending --------------------------------------------------------------------------------------------- */

/* The jobs are done and answered: what is left is to send the answers. */
static void on_store_closed(void *data)
{
    struct serve *serve = data;
    serve->context.store = NULL;
    public_api_close(serve->public_api, GRACE_MS, NULL, NULL);
    admin_api_close(serve->admin_api, GRACE_MS, NULL, NULL);
}

static void stop(struct serve *serve)
{
    if (serve->stopping)
        return;
    serve->stopping = true;
    if (serve->context.store != NULL) {
        struct store_figures figures = store_figures(serve->context.store);
        if (figures.calls > 0)
            log_line(&serve->context.log, 6, "%" PRIu64 " calls in %" PRIu64 " transactions", figures.calls,
                     figures.transactions);
    }
    serve->context.stopping = true;
    if (serve->signals_made) {
        uv_close((uv_handle_t *)&serve->terminate, NULL);
        uv_close((uv_handle_t *)&serve->interrupt, NULL);
        uv_close((uv_handle_t *)&serve->reload, NULL);
    }
    if (serve->sweeping)
        sweep_stop(&serve->sweep);
    if (serve->context.store != NULL)
        store_close(serve->context.store, on_store_closed, serve);
    else
        on_store_closed(serve);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct serve *serve = signal->data;
    log_line(&serve->context.log, 5, "stopping (signal %d)", number);
    service_stopping();
    stop(serve);
}

/* A wrong file leaves the tokens as they are: whoever has one goes on, and the log says what is wrong. */
static void on_reload(uv_signal_t *signal, int number)
{
    struct serve *serve = signal->data;
    struct error_detail detail = {""};
    (void)number;
    int error = admin_tokens_read(serve->settings->token_file, &serve->context.tokens, &detail);
    if (error == 0)
        log_line(&serve->context.log, 5, "tokens read again: %zu", serve->context.tokens.count);
    else
        log_line(&serve->context.log, 3, "the tokens stay as they are: %s",
                 detail.text[0] != '\0' ? detail.text : error_text(error));
}

static int watch_signals(struct serve *serve)
{
    (void)uv_signal_init(&serve->loop, &serve->terminate);
    (void)uv_signal_init(&serve->loop, &serve->interrupt);
    (void)uv_signal_init(&serve->loop, &serve->reload);
    serve->signals_made = true;
    serve->terminate.data = serve->interrupt.data = serve->reload.data = serve;
    int error = uv_signal_start(&serve->terminate, on_signal, SIGTERM);
    if (error == 0)
        error = uv_signal_start(&serve->interrupt, on_signal, SIGINT);
    return error != 0 ? error : uv_signal_start(&serve->reload, on_reload, SIGHUP);
}

/* --- the whole ------------------------------------------------------------------------------------------ */

static void begin_log(struct serve *serve)
{
    struct log *log = &serve->context.log;
    log_init(log, "farmgate-cloud");
    log->severity_max = SEVERITY_LOWEST + serve->settings->log_severity;
    if (serve->settings->log_format == SETTINGS_LOG_HUMAN)
        log->format = LOG_FORMAT_HUMAN;
    else if (serve->settings->log_format == SETTINGS_LOG_JSON)
        log->format = LOG_FORMAT_JSON;
}

/* Every client is a descriptor, and a process may begin with fewer than it may have. */
static void allow_files(const struct serve *serve)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)serve->settings->clients_max + HTTP_CLIENTS_MAX + FILES_BESIDE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_line(&serve->context.log, 4, "clients_max is %lld, but only %llu files may be open",
                 (long long)serve->settings->clients_max, (unsigned long long)limit.rlim_cur);
}

static int start(struct serve *serve, struct error_detail *ret_detail)
{
    /* Nothing that is made here is for others to read. A peer that hangs up and a full disk are errors to be
     * told, not reasons to die. */
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    allow_files(serve);

    int error = uv_reserve_install();
    if (error == 0)
        error = entitlement_init();
    if (error == 0)
        error = uv_loop_init(&serve->loop);
    if (error != 0)
        return error;
    serve->loop_made = true;
    serve->context.loop = &serve->loop;
    error = admin_tokens_read(serve->settings->token_file, &serve->context.tokens, ret_detail);
    if (error == 0)
        error = open_book(serve, ret_detail);
    if (error == 0)
        error = open_doors(serve, ret_detail);
    if (error == 0)
        error = watch_signals(serve);
    if (error != 0)
        return error;
    sweep_start(&serve->sweep, &serve->loop, serve->context.store, &serve->context.log);
    serve->sweeping = true;
    return 0;
}

static void say_ready(const struct serve *serve)
{
    char key[KEY_TEXT_BYTES];
    entitlement_key_format(&serve->context.authority.key.key, key);
    log_line(&serve->context.log, 5, "version %s serves %s; public key %s", FARMGATE_VERSION,
             serve->settings->listen, key);
    service_ready("serving");
}

int serve_run(const struct settings *settings)
{
    struct serve serve = {.settings = settings};
    struct error_detail detail = {""};
    serve.context.backlog = &serve.backlog;
    serve.context.sweep = &serve.sweep;
    serve.context.authority.trial_limit = (uint32_t)settings->trial_limit;
    serve.context.authority.trials_per_day = settings->trials_per_day;
    serve.context.authority.trials_per_day_and_source = settings->trials_per_day_and_source;
    serve.context.authority.refresh_ms = settings->refresh_ms;
    serve.context.offline_refresh_ms = settings->offline_refresh_ms;
    begin_log(&serve);

    int error = start(&serve, &detail);
    if (error == 0) {
        say_ready(&serve);
    } else {
        log_line(&serve.context.log, 3, "cannot start: %s", detail.text[0] ? detail.text : error_text(error));
        stop(&serve);
    }
    if (serve.loop_made) {
        (void)uv_run(&serve.loop, UV_RUN_DEFAULT);
        (void)uv_loop_close(&serve.loop);
    }
    sodium_memzero(&serve.context.authority.key, sizeof serve.context.authority.key);
    sodium_memzero(&serve.context.answering.key, sizeof serve.context.answering.key);
    key_chain_destroy(serve.context.authority.chain);
    if (error == 0)
        return SERVE_OK;
    return error == ERROR_BUSY && serve.public_api == NULL ? SERVE_RUNNING_ALREADY : SERVE_FAILED;
}
