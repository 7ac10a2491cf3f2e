#include "cloud/settings.h"

#include "cloud/ledger/ledger.h"
#include "common/http_server.h"
#include "common/offline.h"

#define AT(member) offsetof(struct settings, member)
#define MINUTE_MS  INT64_C(60000)
#define DAY_MS     (1440 * MINUTE_MS)

static const char *const log_formats[] = {"auto", "human", "json", NULL};
static const char *const log_severities[] = {"error", "warning", "notice", "info", "debug", NULL};

static int check_path(const char *text, struct error_detail *ret_detail)
{
    if (text[0] == '/')
        return 0;
    error_detail_set(ret_detail, "not an absolute path: a service has no directory of its own to begin at");
    return ERROR_INVALID;
}

static int check_listen(const char *text, struct error_detail *ret_detail)
{
    if (http_listen_tcp_check(text) == 0)
        return 0;
    error_detail_set(ret_detail,
                     "\"%s\" is no address with a port; allowed: like \"127.0.0.1:8640\" or \"[::1]:8640\"",
                     text);
    return ERROR_INVALID;
}

static int check_network(const char *text, struct error_detail *ret_detail)
{
    struct source_network network;
    if (source_network_parse(text, &network))
        return 0;
    error_detail_set(ret_detail,
                     "\"%s\" is no address or network; allowed: \"192.0.2.1\", \"10.0.0.0/8\", "
                     "\"2001:db8::/32\"",
                     text);
    return ERROR_INVALID;
}

static const struct config_setting settings_list[] = {
    {.path = "listen",
     .type = CONFIG_TEXT,
     .offset = AT(listen),
     .min = 1,
     .max = 63,
     .check = check_listen,
     .default_text = "\"127.0.0.1:8640\"",
     .what = "Where farms reach the authority; put a reverse proxy with TLS before it."},
    {.path = "admin_socket",
     .type = CONFIG_TEXT,
     .offset = AT(admin_socket),
     .min = 1,
     .max = SETTINGS_SOCKET_BYTES_MAX,
     .check = check_path,
     .default_text = "\"/run/farmgate-cloud/admin.sock\"",
     .what = "The socket of the administrator's commands (mode 0600)."},
    {.path = "state_directory",
     .type = CONFIG_TEXT,
     .offset = AT(state_directory),
     .min = 1,
     .max = SETTINGS_PATH_BYTES_MAX,
     .check = check_path,
     .default_text = "\"/var/lib/farmgate-cloud\"",
     .what = "Where the ledger is kept; made with mode 0700 if it is not there."},
    {.path = "signing_key_file",
     .type = CONFIG_TEXT,
     .offset = AT(signing_key_file),
     .max = SETTINGS_PATH_BYTES_MAX,
     .check = check_path,
     .default_text = "\"\"",
     .what =
         "The key that signs entitlements (mode 0600), made at the first start; \"\" is signing-key in the "
         "state directory. Keep a copy, and a new one after each rotation: without it every farm must be "
         "told "
         "a new public key. May be a credential of systemd's: farmgate-cloud(8) says how that is rotated."},
    {.path = "token_file",
     .type = CONFIG_TEXT,
     .offset = AT(token_file),
     .max = SETTINGS_PATH_BYTES_MAX,
     .check = check_path,
     .default_text = "\"\"",
     .what = "Who may use /v1/admin on `listen`: lines NAME:read|write:HEX(BLAKE2b-256 of the token), as "
             "`farmgate-cloud token make` prints them (mode 0600); \"\": nobody. Read again on SIGHUP."},
    {.path = "clients_max",
     .type = CONFIG_INTEGER,
     .offset = AT(clients_max),
     .min = 1,
     .max = 10000,
     .default_text = "256",
     .what = "Connections served at a time; past it a newcomer gets 503."},
    {.path = "trusted_proxies",
     .type = CONFIG_TEXTS,
     .offset = AT(trusted_proxies),
     .min = 1,
     .max = SETTINGS_PROXY_BYTES,
     .count_offset = AT(trusted_proxy_count),
     .count_max = SETTINGS_PROXIES_MAX,
     .element_bytes = SETTINGS_PROXY_BYTES + 1,
     .check = check_network,
     .default_text = "()",
     .what =
         "Addresses or networks (\"127.0.0.1\", \"10.0.0.0/8\") whose X-Forwarded-For is believed. Behind a "
         "reverse proxy name it here, or all farms share one limit of activations and trials."},
    {.path = "activations.per_minute",
     .type = CONFIG_INTEGER,
     .offset = AT(activations_per_minute),
     .min = 1,
     .max = 6000,
     .default_text = "30",
     .what = "Activations that one source address may try a minute in the long run; past it 429."},
    {.path = "activations.burst",
     .type = CONFIG_INTEGER,
     .offset = AT(activations_burst),
     .min = 1,
     .max = 6000,
     .default_text = "60",
     .what = "Activations that one source address may try at once."},
    {.path = "reports.per_minute",
     .type = CONFIG_INTEGER,
     .offset = AT(reports_per_minute),
     .min = 1,
     .max = 6000,
     .default_text = "30",
     .what = "Reports and releases that one farm's token may send a minute in the long run; past it 429. An "
             "agent sends one in 20 minutes."},
    {.path = "reports.burst",
     .type = CONFIG_INTEGER,
     .offset = AT(reports_burst),
     .min = 1,
     .max = 6000,
     .default_text = "300",
     .what =
         "Reports that one farm's token may send at once: 134 carry what a farm keeps of 400 days without "
         "contact."},
    {.path = "wrong_tokens.per_minute",
     .type = CONFIG_INTEGER,
     .offset = AT(wrong_tokens_per_minute),
     .min = 1,
     .max = 6000,
     .default_text = "30",
     .what = "Wrong tokens, of farms or administrators, that one source address may try a minute in the long "
             "run; past it 429, for administrators' right ones too (the socket stays open to them), but not "
             "for farms that have reported lately."},
    {.path = "wrong_tokens.burst",
     .type = CONFIG_INTEGER,
     .offset = AT(wrong_tokens_burst),
     .min = 1,
     .max = 6000,
     .default_text = "60",
     .what = "Wrong tokens that one source address may try at once."},
    {.path = "trial.limit",
     .type = CONFIG_INTEGER,
     .offset = AT(trial_limit),
     .min = 0,
     .max = LEDGER_LICENCES_MAX,
     .default_text = "25",
     .what = "Concurrent users of a trial that begins from now on."},
    {.path = "trial.per_day",
     .type = CONFIG_INTEGER,
     .offset = AT(trials_per_day),
     .min = 0,
     .max = SETTINGS_TRIALS_MAX,
     .default_text = "1000",
     .what = "Trials that may begin in a day (UTC); 0: none at all. Past it 429 and trial_cap."},
    {.path = "trial.per_day_and_source",
     .type = CONFIG_INTEGER,
     .offset = AT(trials_per_day_and_source),
     .min = 0,
     .max = SETTINGS_TRIALS_MAX,
     .default_text = "10",
     .what = "Trials that may begin in a day from one source address (of IPv6: one /64 network); 0: none."},
    {.path = "entitlement.refresh",
     .type = CONFIG_DURATION,
     .offset = AT(refresh_ms),
     .min = MINUTE_MS,
     .max = 400 * DAY_MS,
     .default_text = "\"30d\"",
     .what = "How long a farm may go on without reaching the authority."},
    {.path = "entitlement.offline_refresh",
     .type = CONFIG_DURATION,
     .offset = AT(offline_refresh_ms),
     .min = DAY_MS,
     .max = OFFLINE_DAYS_MAX * DAY_MS,
     .default_text = "\"400d\"",
     .what = "How long a farm without a network may go on before the next files must have been exchanged; "
             "`farmgate-cloud activate-offline --days` overrides it."},
    {.path = "log.format",
     .type = CONFIG_CHOICE,
     .offset = AT(log_format),
     .choices = log_formats,
     .default_text = "\"auto\"",
     .what = "Lines on stderr: human, json, or auto (what fits the journal or a terminal)."},
    {.path = "log.severity",
     .type = CONFIG_CHOICE,
     .offset = AT(log_severity),
     .choices = log_severities,
     .default_text = "\"info\"",
     .what = "The least important lines that are written: error, warning, notice, info or debug."},
};

const struct config_table settings_table = {.settings = settings_list,
                                            .count = sizeof settings_list / sizeof settings_list[0]};

int settings_read(const char *path, struct settings *ret, struct error_detail *ret_detail)
{
    int error = config_load(&settings_table, path, ret, ret_detail);
    for (size_t i = 0; i < ret->trusted_proxy_count && error == 0; i++)
        (void)source_network_parse(ret->trusted_proxies[i], &ret->trusted[i]);
    return error;
}
