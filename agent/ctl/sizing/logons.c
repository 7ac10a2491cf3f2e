#include "logons.h"

#include "log_name.h"
#include "session_name.h"
#include "xrdp_requests.h"

#include "agent/core/hash_index.h"
#include "agent/core/keyed_hash.h"

#include <stdlib.h>

#define RECENT_MAX     256 /* log-ons that wait for other services' word */
#define KEY_BYTES_MAX  95  /* of a service and a process, or a session's number */
#define BOOT_BYTES_MAX 63
#define ENDED_MAX      4096             /* log-ons whose other records may follow their end */
#define CLOCK_BACK_MS  INT64_C(3600000) /* what waits longer waits for a time that was */

/* Who tells of a log-on. */
enum teller { TELLER_PAM, TELLER_LOGIND, TELLER_XRDP, TELLER_MAX };

struct key {
    bool is_set;
    uint32_t hash;
    char text[KEY_BYTES_MAX + 1];
};

struct logon {
    uint32_t next_free;
    uint32_t host;
    bool used, recent;
    bool left_out; /* of a service that is not read */
    bool is_xrdp;
    bool given, ended;
    bool told[TELLER_MAX];
    enum connection_route route;
    int64_t began_ms, ended_ms;
    uint64_t session;
    struct key keys[TELLER_MAX]; /* until their teller has said the end */
    char user[CONNECTION_USER_BYTES_MAX + 1];
};

struct host {
    char name[CONNECTION_HOST_BYTES_MAX + 1];
    char boot[BOOT_BYTES_MAX + 1], boot_before[BOOT_BYTES_MAX + 1];
    uint64_t highest;    /* number of a logind session */
    bool logind_started; /* at `started_ms`; its next session shows whether the machine did */
    int64_t started_ms;
};

struct logons {
    struct reader_settings settings;
    const char *prefix;
    const struct logons_line *line; /* being taken */
    uint64_t sessions;

    struct keyed_hash_keys keys;
    struct hash_index index; /* of keys: a log-on's number × 4 + teller */
    struct logon *logons;
    uint32_t count, room, free;

    struct hash_index host_index;
    struct host *hosts;
    uint32_t host_count, host_room, host_last;
    char host_written[CONNECTION_HOST_BYTES_MAX + 1]; /* the last one, as the log has it */
    size_t host_written_bytes;

    uint32_t recent[RECENT_MAX]; /* a ring of log-ons, in the order of the log */
    uint32_t recent_first, recent_count;

    struct {
        uint32_t number;
        uint64_t session;
    } ended[ENDED_MAX]; /* a ring, the next place to write is ended_next */
    uint32_t ended_next;
    bool pam_seen;
    struct xrdp_requests requests;
};

static void tell_repair(struct logons *logons, enum repair repair)
{
    repair_at(logons->settings.sink.repairs, repair, &logons->line->place, NULL);
}

/* ---- hosts --------------------------------------------------------------------------------------------- */

static uint32_t hash_text(const struct logons *logons, uint32_t salt, const char *text, size_t bytes)
{
    struct keyed_hash hash = keyed_hash_begin(&logons->keys);
    keyed_hash_text(&hash, (const char *)&salt, sizeof salt);
    keyed_hash_text(&hash, text, bytes);
    return keyed_hash_end(&logons->keys, hash);
}

static int add_host(struct logons *logons, const char *name, uint32_t hash, uint32_t *ret_host)
{
    if (logons->host_count == logons->host_room) {
        uint32_t room = logons->host_room == 0 ? 4 : logons->host_room * 2;
        struct host *hosts = realloc(logons->hosts, room * sizeof *hosts);
        if (hosts == NULL)
            return ERROR_NO_MEMORY;
        logons->hosts = hosts;
        logons->host_room = room;
    }
    if (!hash_index_reserve(&logons->host_index))
        return ERROR_NO_MEMORY;
    struct host *host = &logons->hosts[logons->host_count];
    *host = (struct host){0};
    (void)snprintf(host->name, sizeof host->name, "%s", name);
    hash_index_add(&logons->host_index, hash, logons->host_count);
    *ret_host = logons->host_last = logons->host_count++;
    return 0;
}

static int find_host_name(struct logons *logons, const char *name, uint32_t *ret_host)
{
    uint32_t hash = hash_text(logons, 0, name, strlen(name));
    uint32_t position = hash_index_home(&logons->host_index, hash), number;
    while ((number = hash_index_candidate(&logons->host_index, hash, &position)) != HASH_INDEX_NONE) {
        if (strcmp(logons->hosts[number].name, name) != 0)
            continue;
        *ret_host = logons->host_last = number;
        return 0;
    }
    return add_host(logons, name, hash, ret_host);
}

/* Most lines are of the host of the line before. */
static int find_host(struct logons *logons, struct log_span span, uint32_t *ret_host)
{
    char name[CONNECTION_HOST_BYTES_MAX + 1];
    bool escaped;
    if (logons->host_count > 0 && span.bytes == logons->host_written_bytes &&
        memcmp(span.text, logons->host_written, span.bytes) == 0) {
        *ret_host = logons->host_last;
        return 0;
    }
    if (logons->settings.host_given || !log_name(span.text, span.bytes, name, sizeof name, &escaped))
        (void)snprintf(name, sizeof name, "%s", logons->settings.host);
    int code = find_host_name(logons, name, ret_host);
    logons->host_written_bytes = SIZE_MAX;
    if (span.bytes <= CONNECTION_HOST_BYTES_MAX) {
        memcpy(logons->host_written, span.text, span.bytes);
        logons->host_written_bytes = span.bytes;
    }
    return code;
}

/* ---- log-ons and their keys ---------------------------------------------------------------------------- */

static int new_logon(struct logons *logons, uint32_t *ret_number)
{
    uint32_t number = logons->free;
    if (number != HASH_INDEX_NONE) {
        logons->free = logons->logons[number].next_free;
    } else {
        if (logons->count == logons->room) {
            uint32_t room = logons->room == 0 ? 64 : logons->room * 2;
            struct logon *grown = realloc(logons->logons, room * sizeof *grown);
            if (grown == NULL)
                return ERROR_NO_MEMORY;
            logons->logons = grown;
            logons->room = room;
        }
        number = logons->count++;
    }
    *ret_number = number;
    return 0;
}

/* A log-on nobody will speak of any more is forgotten. */
static void release(struct logons *logons, struct logon *logon)
{
    for (int teller = 0; teller < TELLER_MAX; teller++)
        if (logon->keys[teller].is_set)
            return;
    if (logon->recent || !logon->used)
        return;
    logon->used = false;
    logon->next_free = logons->free;
    logons->free = (uint32_t)(logon - logons->logons);
}

static uint32_t entry_of(const struct logons *logons, const struct logon *logon, enum teller teller)
{
    return (uint32_t)(logon - logons->logons) * 4 + (uint32_t)teller;
}

static void remove_key(struct logons *logons, struct logon *logon, enum teller teller)
{
    if (!logon->keys[teller].is_set)
        return;
    hash_index_remove(&logons->index, logon->keys[teller].hash, entry_of(logons, logon, teller));
    logon->keys[teller].is_set = false;
}

/* The text a teller knows a log-on by: PAM's service and process, or else user; a session's number, or else
 * user. False if it is too long. */
static bool key_text(const struct logons_line *line, const struct service_line *says, enum teller teller,
                     char ret_text[KEY_BYTES_MAX + 1])
{
    struct log_span by = teller == TELLER_PAM ? line->process : says->session;
    bool by_user = by.bytes == 0;
    if (by_user)
        by = says->user;
    size_t service_bytes = teller == TELLER_PAM ? says->service.bytes : 0;
    if (by.bytes == 0 || service_bytes > KEY_BYTES_MAX || service_bytes + 1 + by.bytes > KEY_BYTES_MAX)
        return false;
    memcpy(ret_text, says->service.text, service_bytes);
    ret_text[service_bytes] = by_user ? ':' : ' ';
    memcpy(ret_text + service_bytes + 1, by.text, by.bytes);
    ret_text[service_bytes + 1 + by.bytes] = '\0';
    return true;
}

static uint32_t hash_key(const struct logons *logons, uint32_t host, enum teller teller, const char *text)
{
    return hash_text(logons, (host + 1) * 4 + (uint32_t)teller, text, strlen(text));
}

/* The earliest log-on of that key; NULL if there is none. */
static struct logon *find_key(struct logons *logons, uint32_t host, enum teller teller, const char *text)
{
    uint32_t hash = hash_key(logons, host, teller, text), entry;
    uint32_t position = hash_index_home(&logons->index, hash);
    struct logon *earliest = NULL;
    while ((entry = hash_index_candidate(&logons->index, hash, &position)) != HASH_INDEX_NONE) {
        struct logon *logon = &logons->logons[entry / 4];
        if (entry % 4 != (uint32_t)teller || logon->host != host ||
            strcmp(logon->keys[teller].text, text) != 0)
            continue;
        if (earliest == NULL || logon->session < earliest->session)
            earliest = logon;
    }
    return earliest;
}

static int add_key(struct logons *logons, struct logon *logon, enum teller teller, const char *text)
{
    struct key *key = &logon->keys[teller];
    logon->told[teller] = true;
    if (!hash_index_reserve(&logons->index))
        return ERROR_NO_MEMORY;
    key->is_set = true;
    key->hash = hash_key(logons, logon->host, teller, text);
    memcpy(key->text, text, strlen(text) + 1);
    hash_index_add(&logons->index, key->hash, entry_of(logons, logon, teller));
    return 0;
}

/* ---- events -------------------------------------------------------------------------------------------- */

static int give(struct logons *logons, const struct logon *logon, struct sizing_event *event)
{
    char session[SESSION_NAME_BYTES];
    session_name(session, logons->prefix, logon->session);
    event->host = logons->hosts[logon->host].name;
    event->session = session;
    return logons->settings.sink.take(logons->settings.sink.data, event);
}

static int give_end(struct logons *logons, const struct logon *logon)
{
    return give(logons, logon, &(struct sizing_event){.at_ms = logon->ended_ms, .type = SIZING_LOGOFF});
}

/* A log-on that has ended before it was known to count is given with its end. */
static int give_begin(struct logons *logons, struct logon *logon)
{
    if (logon->given || logon->left_out)
        return 0;
    logon->given = true;
    int code = give(logons, logon,
                    &(struct sizing_event){.at_ms = logon->began_ms,
                                           .type = SIZING_CONNECT,
                                           .user = logon->user,
                                           .kind = KIND_DESKTOP,
                                           .route = logon->route,
                                           .administrator = ADMINISTRATOR_UNKNOWN});
    return code == 0 && logon->ended ? give_end(logons, logon) : code;
}

static void forget(struct logons *logons, struct logon *logon)
{
    for (int teller = 0; teller < TELLER_MAX; teller++)
        remove_key(logons, logon, (enum teller)teller);
    release(logons, logon);
}

/* What others still say of it is known as such, for a while. */
static void keep_ended(struct logons *logons, const struct logon *logon)
{
    uint32_t oldest = logons->ended[logons->ended_next].number;
    uint64_t session = logons->ended[logons->ended_next].session;
    if (session != 0 && logons->logons[oldest].used && logons->logons[oldest].session == session)
        forget(logons, &logons->logons[oldest]);
    logons->ended[logons->ended_next].number = (uint32_t)(logon - logons->logons);
    logons->ended[logons->ended_next].session = logon->session;
    logons->ended_next = (logons->ended_next + 1) % ENDED_MAX;
}

static int end_logon(struct logons *logons, struct logon *logon, int64_t at_ms)
{
    if (logon->ended)
        return 0;
    keep_ended(logons, logon);
    logon->ended = true;
    logon->ended_ms = at_ms;
    if (at_ms < logon->began_ms) {
        logon->ended_ms = logon->began_ms;
        if (logons->line != NULL && !logon->left_out)
            tell_repair(logons, REPAIR_CLOCK_BACK);
    }
    return logon->given ? give_end(logons, logon) : 0;
}

/* ---- log-ons that wait for other services' word -------------------------------------------------------- */

static int settle_first(struct logons *logons)
{
    struct logon *logon = &logons->logons[logons->recent[logons->recent_first]];
    logons->recent_first = (logons->recent_first + 1) % RECENT_MAX;
    logons->recent_count--;
    logon->recent = false;
    int code = give_begin(logons, logon);
    release(logons, logon);
    return code;
}

static int settle(struct logons *logons, int64_t now_ms)
{
    int code = 0;
    while (code == 0 && logons->recent_count > 0) {
        int64_t began_ms = logons->logons[logons->recent[logons->recent_first]].began_ms;
        if (now_ms - began_ms <= LOGONS_JOIN_MS && began_ms - now_ms <= CLOCK_BACK_MS)
            break;
        code = settle_first(logons);
    }
    return code;
}

static int wait_for_word(struct logons *logons, uint32_t number)
{
    int code = logons->recent_count == RECENT_MAX ? settle_first(logons) : 0;
    logons->recent[(logons->recent_first + logons->recent_count++) % RECENT_MAX] = number;
    logons->logons[number].recent = true;
    return code;
}

/* Whether one more teller's record may be of this log-on. logind's goes with anything; a user's manager
 * ("systemd-user") is no log-on that somebody else tells of. */
static bool may_join(const struct logon *logon, enum teller teller, const struct service_line *says)
{
    if (logon->told[teller])
        return false;
    switch (teller) {
    case TELLER_PAM:
        if (log_span_is(says->service, "systemd-user"))
            return false;
        return !logon->told[TELLER_XRDP] || log_span_is(says->service, "xrdp-sesman");
    case TELLER_XRDP:
        return !logon->told[TELLER_PAM] || logon->is_xrdp;
    default:
        return says->is_user_class || logon->left_out;
    }
}

/* The first log-on this may be another record of; those that count go before those that are left out. */
static struct logon *find_joinable(struct logons *logons, uint32_t host, enum teller teller,
                                   const struct service_line *says, const char *user)
{
    struct logon *left_out = NULL;
    for (uint32_t i = 0; i < logons->recent_count; i++) {
        struct logon *logon = &logons->logons[logons->recent[(logons->recent_first + i) % RECENT_MAX]];
        int64_t apart_ms = logons->line->at_ms - logon->began_ms;
        if (logon->host != host || apart_ms > LOGONS_JOIN_MS || apart_ms < -LOGONS_JOIN_MS ||
            !may_join(logon, teller, says) || strcmp(logon->user, user) != 0)
            continue;
        if (!logon->left_out)
            return logon;
        if (left_out == NULL)
            left_out = logon;
    }
    return left_out;
}

/* ---- records ------------------------------------------------------------------------------------------- */

static bool is_read(const struct logons *logons, struct log_span service)
{
    const struct reader_services *services = logons->settings.services;
    if (services == NULL || services->count == 0)
        return service_is_default(service);
    return reader_service_named(services, service.text, service.bytes);
}

/* logind tells of no service. */
static bool logind_is_read(const struct logons *logons)
{
    const struct reader_services *services = logons->settings.services;
    static const struct log_span logind = {"systemd-logind", 14};
    return services == NULL || services->count == 0 || is_read(logons, logind);
}

static void judge(struct logons *logons, struct logon *logon, enum teller teller,
                  const struct service_line *says)
{
    if (teller == TELLER_LOGIND) {
        logon->left_out = !logind_is_read(logons) || !says->is_user_class;
        logon->route = ROUTE_SSH;
    } else {
        logon->left_out = !is_read(logons, says->service);
        logon->route = service_route(says->service);
        logon->is_xrdp = log_span_is(says->service, "xrdp-sesman");
    }
    if (service_user_is_greeter(says->user) && !logon->left_out) {
        logon->left_out = true;
        tell_repair(logons, REPAIR_NOT_A_USER);
    }
}

/* A second record of a log-on. logind's adds nothing but a name for its end. */
static int join(struct logons *logons, struct logon *logon, enum teller teller,
                const struct service_line *says)
{
    if (teller != TELLER_LOGIND && !logon->told[TELLER_PAM] && !logon->told[TELLER_XRDP])
        judge(logons, logon, teller, says);
    if (!logon->left_out)
        tell_repair(logons, REPAIR_DUPLICATE);
    return teller == TELLER_LOGIND ? 0 : give_begin(logons, logon);
}

static int begin(struct logons *logons, uint32_t host, enum teller teller, const struct service_line *says,
                 const char *user, uint32_t *ret_number)
{
    int code = new_logon(logons, ret_number);
    if (code < 0)
        return code;
    struct logon *logon = &logons->logons[*ret_number];
    *logon = (struct logon){
        .used = true, .host = host, .began_ms = logons->line->at_ms, .session = ++logons->sessions};
    memcpy(logon->user, user, strlen(user) + 1);
    judge(logons, logon, teller, says);
    code = wait_for_word(logons, *ret_number);
    return code == 0 && teller != TELLER_LOGIND ? give_begin(logons, logon) : code;
}

/* A process number or session number that is somebody else's now. */
static int end_former(struct logons *logons, struct logon *former, enum teller teller)
{
    if (!former->ended && !former->left_out)
        tell_repair(logons, REPAIR_LINE_REUSED);
    int code = end_logon(logons, former, logons->line->at_ms);
    remove_key(logons, former, teller);
    release(logons, former);
    return code;
}

static int take_named(struct logons *logons, uint32_t host, enum teller teller,
                      const struct service_line *says, const char *key, const char *user)
{
    bool is_exact = strchr(key, ':') == NULL;
    struct logon *former = is_exact ? find_key(logons, host, teller, key) : NULL, *joined;
    uint32_t number;
    int code = former == NULL ? 0 : end_former(logons, former, teller);
    if (code < 0)
        return code;
    joined = find_joinable(logons, host, teller, says, user);
    if (joined != NULL) {
        number = (uint32_t)(joined - logons->logons);
        code = join(logons, joined, teller, says);
    } else {
        code = begin(logons, host, teller, says, user, &number);
    }
    return code < 0 ? code : add_key(logons, &logons->logons[number], teller, key);
}

static int take_begin(struct logons *logons, uint32_t host, enum teller teller,
                      const struct service_line *says)
{
    char user[CONNECTION_USER_BYTES_MAX + 1], key[KEY_BYTES_MAX + 1];
    bool escaped;
    if (!log_name(says->user.text, says->user.bytes, user, sizeof user, &escaped)) {
        tell_repair(logons, REPAIR_BAD_NAME);
        return 0;
    }
    if (!key_text(logons->line, says, teller, key)) {
        tell_repair(logons, REPAIR_NOT_UNDERSTOOD);
        return 0;
    }
    if (escaped)
        tell_repair(logons, REPAIR_NAME_ESCAPED);
    return take_named(logons, host, teller, says, key, user);
}

/* xrdp tells the display of a session it has created, perhaps twice; where it does not tell of creating one,
 * this does. */
static int take_xrdp_starts(struct logons *logons, uint32_t host, const struct service_line *says)
{
    char by_user[KEY_BYTES_MAX + 1], by_display[KEY_BYTES_MAX + 1];
    struct service_line created = *says;
    created.session.bytes = 0;
    if (!key_text(logons->line, &created, TELLER_XRDP, by_user) ||
        !key_text(logons->line, says, TELLER_XRDP, by_display))
        return take_begin(logons, host, TELLER_XRDP, says);
    struct logon *logon = find_key(logons, host, TELLER_XRDP, by_user);
    struct logon *told = find_key(logons, host, TELLER_XRDP, by_display);
    if (logon == NULL) {
        bool is_told = told != NULL && !told->ended && log_span_is(says->user, told->user);
        return is_told ? 0 : take_begin(logons, host, TELLER_XRDP, says);
    }
    int code = told == NULL ? 0 : end_former(logons, told, TELLER_XRDP);
    if (code < 0)
        return code;
    remove_key(logons, logon, TELLER_XRDP);
    return add_key(logons, logon, TELLER_XRDP, by_display);
}

/* Who asked for it first is on it. */
static int take_xrdp_runs(struct logons *logons, uint32_t host, const struct service_line *says)
{
    char user[XRDP_USER_BYTES_MAX + 1];
    if (!xrdp_requests_take(&logons->requests, host, logons->line->at_ms, says->session, user))
        return 0;
    struct service_line starts = *says;
    starts.user = (struct log_span){user, strlen(user)};
    return take_begin(logons, host, TELLER_XRDP, &starts);
}

static int take_xrdp(struct logons *logons, uint32_t host, const struct service_line *says)
{
    struct xrdp_requests *requests = &logons->requests;
    switch (says->says) {
    case SAYS_XRDP_ASKED:
        xrdp_requests_add(requests, host, logons->line->at_ms, says->user);
        return 0;
    case SAYS_XRDP_BACK:
        xrdp_requests_drop(requests, host, says->user);
        return 0;
    case SAYS_XRDP_SHOWS:
        xrdp_requests_show(requests, host, logons->line->at_ms, says->session);
        return 0;
    case SAYS_XRDP_RUNS:
        return take_xrdp_runs(logons, host, says);
    case SAYS_XRDP_STARTS:
        return take_xrdp_starts(logons, host, says);
    default:
        xrdp_requests_drop(requests, host, says->user);
        return take_begin(logons, host, TELLER_XRDP, says);
    }
}

static void tell_unknown(struct logons *logons, enum teller teller, const struct service_line *says)
{
    if (teller == TELLER_LOGIND ? !logons->pam_seen && logind_is_read(logons)
                                : is_read(logons, says->service))
        tell_repair(logons, REPAIR_LOGOFF_UNKNOWN);
}

/* `says_more`: its teller has still to say that it is gone. */
static int take_end(struct logons *logons, uint32_t host, enum teller teller, const struct service_line *says,
                    bool says_more)
{
    char key[KEY_BYTES_MAX + 1];
    struct logon *logon =
        key_text(logons->line, says, teller, key) ? find_key(logons, host, teller, key) : NULL;
    if (logon == NULL && teller == TELLER_XRDP) {
        struct service_line by_user = *says;
        by_user.session.bytes = 0;
        if (key_text(logons->line, &by_user, teller, key))
            logon = find_key(logons, host, teller, key);
    }
    if (logon == NULL) {
        tell_unknown(logons, teller, says);
        return 0;
    }
    int code = end_logon(logons, logon, logons->line->at_ms);
    if (!says_more)
        remove_key(logons, logon, teller);
    release(logons, logon);
    return code;
}

/* ---- machines ------------------------------------------------------------------------------------------ */

/* Ends all log-ons of a host that began before; nobody will speak of them any more once it has `booted`. */
static int end_host(struct logons *logons, uint32_t host, int64_t at_ms, int64_t before_ms, bool booted)
{
    int code = 0;
    for (uint32_t i = 0; code == 0 && i < logons->count; i++) {
        struct logon *logon = &logons->logons[i];
        if (!logon->used || logon->host != host || logon->began_ms >= before_ms)
            continue;
        if (!logon->ended && !logon->left_out)
            tell_repair(logons, REPAIR_ENDED_BY_BOOT);
        code = end_logon(logons, logon, at_ms);
        if (code == 0)
            code = give_begin(logons, logon);
        if (booted)
            forget(logons, logon);
    }
    return code;
}

static int take_boot(struct logons *logons, uint32_t host)
{
    logons->hosts[host].highest = 0;
    logons->hosts[host].logind_started = false;
    return end_host(logons, host, logons->line->at_ms, INT64_MAX, true);
}

/* Numbers of sessions only grow until the machine is started again. */
static int note_number(struct logons *logons, uint32_t number, struct log_span session)
{
    struct host *host = &logons->hosts[number];
    uint64_t value = 0;
    if (session.bytes == 0 || session.bytes > 18)
        return 0;
    for (size_t i = 0; i < session.bytes; i++) {
        if (session.text[i] < '0' || session.text[i] > '9')
            return 0;
        value = value * 10 + (uint64_t)(session.text[i] - '0');
    }
    bool begins_again = host->logind_started && value <= host->highest;
    if (begins_again || value > host->highest)
        host->highest = value;
    host->logind_started = false;
    return begins_again ? end_host(logons, number, host->started_ms, host->started_ms, true) : 0;
}

static int take_logind_new(struct logons *logons, uint32_t host, const struct service_line *says)
{
    int code = note_number(logons, host, says->session);
    return code < 0 ? code : take_begin(logons, host, TELLER_LOGIND, says);
}

static int take_says(struct logons *logons, uint32_t host, const struct service_line *says)
{
    switch (says->says) {
    case SAYS_PAM_OPENED:
        logons->pam_seen = true;
        return take_begin(logons, host, TELLER_PAM, says);
    case SAYS_PAM_CLOSED:
        logons->pam_seen = true;
        return take_end(logons, host, TELLER_PAM, says, false);
    case SAYS_LOGIND_NEW:
        return take_logind_new(logons, host, says);
    case SAYS_LOGIND_LEFT:
    case SAYS_LOGIND_GONE:
        return take_end(logons, host, TELLER_LOGIND, says, says->says == SAYS_LOGIND_LEFT);
    case SAYS_LOGIND_STARTS:
        logons->hosts[host].logind_started = true;
        logons->hosts[host].started_ms = logons->line->at_ms;
        return 0;
    case SAYS_XRDP_ASKED:
    case SAYS_XRDP_BACK:
    case SAYS_XRDP_SHOWS:
    case SAYS_XRDP_RUNS:
    case SAYS_XRDP_CREATED:
    case SAYS_XRDP_STARTS:
        return take_xrdp(logons, host, says);
    case SAYS_XRDP_ENDED:
        return take_end(logons, host, TELLER_XRDP, says, false);
    case SAYS_BOOTS:
        return take_boot(logons, host);
    case SAYS_GOES_DOWN:
        return end_host(logons, host, logons->line->at_ms, INT64_MAX, false);
    default:
        return 0;
    }
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

int logons_take(struct logons *logons, const struct logons_line *line, const struct service_line *says)
{
    uint32_t host;
    logons->line = line;
    int code = settle(logons, line->at_ms);
    if (code == 0)
        code = find_host(logons, line->host, &host);
    if (code == 0)
        code = take_says(logons, host, says);
    logons->line = NULL;
    return code;
}

static bool is_boot(const char *boot, struct log_span span)
{
    return span.bytes <= BOOT_BYTES_MAX && log_span_is(span, boot);
}

int logons_boot(struct logons *logons, const struct logons_line *line, struct log_span boot)
{
    uint32_t number;
    int code = find_host(logons, line->host, &number);
    if (code < 0 || boot.bytes == 0)
        return code;
    struct host *host = &logons->hosts[number];
    /* lines of the boot before come late */
    if (is_boot(host->boot, boot) || is_boot(host->boot_before, boot))
        return 0;
    memcpy(host->boot_before, host->boot, sizeof host->boot);
    (void)snprintf(host->boot, sizeof host->boot, "%.*s", (int)boot.bytes, boot.text);
    logons->line = line;
    code = take_boot(logons, number);
    logons->line = NULL;
    return code;
}

int logons_end(struct logons *logons)
{
    int code = 0;
    while (code == 0 && logons->recent_count > 0)
        code = settle_first(logons);
    return code;
}

struct logons *logons_create(const struct reader_settings *settings, const char *prefix)
{
    static const uint8_t seed[KEYED_HASH_SEED_BYTES] = {0}; /* nobody gains by keys that collide */
    struct logons *logons = calloc(1, sizeof *logons);
    if (logons == NULL)
        return NULL;
    logons->settings = *settings;
    logons->prefix = prefix;
    logons->free = HASH_INDEX_NONE;
    keyed_hash_expand(seed, &logons->keys);
    return logons;
}

void logons_destroy(struct logons *logons)
{
    if (logons == NULL)
        return;
    free(logons->logons);
    hash_index_finish(&logons->index);
    free(logons->hosts);
    hash_index_finish(&logons->host_index);
    free(logons);
}
