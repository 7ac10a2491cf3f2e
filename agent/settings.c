#include "settings.h"

#include "agent/core/identity.h"
#include "agent/event_file.h"
#include "agent/sessions/source_names.h"
#include "common/entitlement.h"
#include "common/http_client.h"
#include "common/platform/client_certificate.h"
#include "common/platform/paths.h"
#include "folders.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HOUR_MS      INT64_C(3600000)

/* ---- the words of choices ---- */

static const char *const farm_modes[] = {[FARM_MODE_ALONE] = "alone", [FARM_MODE_ETCD] = "etcd", NULL};
static const char *const log_formats[] = {
    [SETTINGS_LOG_AUTO] = "auto", [SETTINGS_LOG_HUMAN] = "human", [SETTINGS_LOG_JSON] = "json", NULL};
static const char *const severities[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const remotes[] = {
    [SETTINGS_REMOTE_ANY] = "any", [SETTINGS_REMOTE_NO] = "no", [SETTINGS_REMOTE_YES] = "yes", NULL};
static const char *const rule_kinds[] = {
    [KIND_DESKTOP] = "desktop", [KIND_APPLICATION] = "application", [KIND_MAX] = "ignore", NULL};
static const char *const routes[] = {
    [ROUTE_BROKER] = "broker",   [ROUTE_RDP] = "rdp", [ROUTE_RDP_TUNNEL] = "rdp-tunnel",
    [ROUTE_CONSOLE] = "console", [ROUTE_SSH] = "ssh", NULL};
static const char *const sources[] = {"logind", "utmp", "wts", "api", "scripted"};

static_assert(COUNT(routes) == ROUTE_MAX + 1, "every route has its word");

/* ---- checks of single texts ---- */

static int check_path(const char *text, struct error_detail *ret_detail)
{
    if (paths_absolute(text))
        return 0;
    error_detail_set(ret_detail, "not an absolute path: a service has no directory of its own to begin at");
    return ERROR_INVALID;
}

static int check_certificate(const char *text, struct error_detail *ret_detail)
{
    if (client_certificate_is_file())
        return check_path(text, ret_detail);
    if (client_certificate_in_store(text))
        return 0;
    error_detail_set(ret_detail, "not a certificate in Windows' store; allowed: like "
                                 "\"LocalMachine\\\\MY\\\\THUMBPRINT\", see farmgate-windows(7)");
    return ERROR_INVALID;
}

static bool consists_of(const char *text, const char *further)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr(further, *text))
            return false;
    return true;
}

static int check_host(const char *text, struct error_detail *ret_detail)
{
    if (consists_of(text, ".-_") && text[0] != '-' && text[0] != '.')
        return 0;
    error_detail_set(ret_detail, "\"%s\" is not a host name; allowed: letters, digits, '.', '-' and '_'",
                     text);
    return ERROR_INVALID;
}

/* One member of an etcd cluster: what is asked stands behind it. */
static int check_endpoint(const char *text, struct error_detail *ret_detail)
{
    const char *host = strstr(text, "://");
    size_t bytes = host ? strcspn(host + 3, "/?#") : 0;
    int error = http_client_url_check(text, ret_detail);
    if (error != 0 || !host || host[3 + bytes] == '\0' || strcmp(host + 3 + bytes, "/") == 0)
        return error;
    error_detail_set(ret_detail, "\"%s\" goes on behind the port; allowed: like \"https://etcd1:2379\"",
                     text);
    return ERROR_INVALID;
}

static int check_host_header(const char *text, struct error_detail *ret_detail)
{
    if (consists_of(text, ".-_:[]"))
        return 0;
    error_detail_set(ret_detail,
                     "\"%s\" is not a Host header; allowed: a name or address, with :PORT or without", text);
    return ERROR_INVALID;
}

static int check_address(const char *text, struct error_detail *ret_detail)
{
    if (consists_of(text, ".-_:[]"))
        return 0;
    error_detail_set(
        ret_detail,
        "\"%s\" is not where a client connects; allowed: a name or address, with :PORT or without", text);
    return ERROR_INVALID;
}

static int check_domain(const char *text, struct error_detail *ret_detail)
{
    if (!strpbrk(text, "\\@ \t\n"))
        return 0;
    error_detail_set(ret_detail, "\"%s\" is not a domain; allowed: a name without '\\', '@' and spaces",
                     text);
    return ERROR_INVALID;
}

static int check_source(const char *text, struct error_detail *ret_detail)
{
    for (size_t i = 0; i < COUNT(sources); i++)
        if (strcmp(sources[i], text) == 0)
            return 0;
    const char *nearest = config_nearest(text, sources, COUNT(sources));
    error_detail_set(ret_detail,
                     "unknown source \"%s\"%s%s%s; allowed: \"logind\", \"utmp\", \"wts\", \"api\", "
                     "\"scripted\"",
                     text, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return ERROR_INVALID;
}

static int check_route(const char *text, struct error_detail *ret_detail)
{
    enum connection_route route;
    if (connection_route_parse(text, &route))
        return 0;
    error_detail_set(ret_detail,
                     "unknown route \"%s\"; allowed: \"broker\", \"rdp\", \"rdp-tunnel\", \"console\", "
                     "\"ssh\"",
                     text);
    return ERROR_INVALID;
}

static int check_key(const char *text, struct error_detail *ret_detail)
{
    struct entitlement_key key;
    if (entitlement_key_parse(text, &key) == 0)
        return 0;
    error_detail_set(ret_detail,
                     "not a public key; allowed: \"KID:KEY\" as `farmgate-cloud public-key` prints it");
    return ERROR_INVALID;
}

static bool parse_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits >= 1 && digits <= 5 && text[digits] == '\0' && atoi(text) >= 1 && atoi(text) <= 65535;
}

/* "127.0.0.1:8620" or "[::1]:8620". */
static int check_listen(const char *text, struct error_detail *ret_detail)
{
    char host[64];
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const char *colon = strrchr(text, ':');
    bool bracketed = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
    size_t bytes = colon ? (size_t)(colon - text) - (bracketed ? 2 : 0) : 0;
    if (colon && bytes < sizeof(host) && parse_port(colon + 1)) {
        (void)snprintf(host, sizeof(host), "%.*s", (int)bytes, text + (bracketed ? 1 : 0));
        if (!bracketed && uv_ip4_addr(host, 0, &v4) == 0 && ntohl(v4.sin_addr.s_addr) >> 24 == 127)
            return 0;
        if (bracketed && uv_ip6_addr(host, 0, &v6) == 0 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr))
            return 0;
    }
    error_detail_set(ret_detail,
                     "\"%s\" is not a loopback address with a port; allowed: like \"127.0.0.1:8620\" or "
                     "\"[::1]:8620\"",
                     text);
    return ERROR_INVALID;
}

/* ---- the table ---- */

#define RULE(member) offsetof(struct settings_rule, member)
#define PATTERN(name, member, text)                                                                    \
    {                                                                                                  \
        .path = name, .type = CONFIG_TEXT, .offset = RULE(member), .max = CLASSIFY_RULE_BYTES_MAX - 1, \
        .default_text = "\"\"", .what = text                                                           \
    }
static const struct config_setting rule_settings[] = {
    PATTERN("service", service, "PAM service of the session (xrdp-sesman, sshd), with * and ?; \"\": any"),
    PATTERN("type", type, "type of the session (x11, wayland, tty), with * and ?"),
    PATTERN("class", session_class, "class of the session (user, greeter), with * and ?"),
    {.path = "user",
     .type = CONFIG_TEXT,
     .offset = RULE(user),
     .max = CLASSIFY_RULE_BYTES_MAX - 1,
     .default_text = "\"\"",
     .tell = CONFIG_TELL_PERSON,
     .what = "user's name, with * and ?"},
    PATTERN("group", group, "a group of the user, with * and ?"),
    {.path = "remote",
     .type = CONFIG_CHOICE,
     .offset = RULE(remote),
     .choices = remotes,
     .default_text = "\"any\"",
     .what = "whether the session says that it is remote (xrdp's do not)"},
    {.path = "kind",
     .type = CONFIG_CHOICE,
     .offset = RULE(kind),
     .choices = rule_kinds,
     .required = true,
     .what = "what such a session is; \"ignore\": it does not count"},
    {.path = "route",
     .type = CONFIG_CHOICE,
     .offset = RULE(route),
     .choices = routes,
     .default_text = "\"rdp\"",
     .what = "how its user got there"},
};
static const struct config_table rule_table = {.settings = rule_settings, .count = COUNT(rule_settings)};

#define ALIAS(member) offsetof(struct settings_alias, member)
static const struct config_setting alias_settings[] = {
    {.path = "dns_domain",
     .type = CONFIG_TEXT,
     .offset = ALIAS(dns_domain),
     .min = 1,
     .max = 255,
     .required = true,
     .check = check_domain,
     .what = "as in user@corp.example"},
    {.path = "domain",
     .type = CONFIG_TEXT,
     .offset = ALIAS(domain),
     .min = 1,
     .max = 63,
     .required = true,
     .check = check_domain,
     .what = "as in CORP\\user"},
};
static const struct config_table alias_table = {.settings = alias_settings, .count = COUNT(alias_settings)};

#define AT(member)    offsetof(struct settings, member)
#define BYTES(member) (sizeof(((struct settings *)0)->member) - 1)
#define TEXT(member)  .type = CONFIG_TEXT, .offset = AT(member), .max = BYTES(member)
#define TEXTS(member, n)                                                                                  \
    .type = CONFIG_TEXTS, .offset = AT(member), .min = 1, .max = BYTES(member[0]), .count_offset = AT(n), \
    .count_max = COUNT(((struct settings *)0)->member), .element_bytes = BYTES(member[0]) + 1
#define CHOICE(member, words) .type = CONFIG_CHOICE, .offset = AT(member), .choices = words

static const struct config_setting all_settings[] = {
    {.path = "farm.mode",
     CHOICE(farm_mode, farm_modes),
     .default_text = "\"alone\"",
     .needs_restart = true,
     .what = "\"alone\": this host is the farm; \"etcd\": hosts that share an etcd cluster are, see "
             "`farmgate farm`"},
    {.path = "farm.name",
     TEXT(farm_name),
     .default_text = "\"\"",
     .needs_restart = true,
     .what =
         "how the farm is called at the authority; \"\": this host's name; a farm of many hosts must have "
         "one, also as its name in etcd: up to 63 of a to z, 0 to 9 and -"},
    {.path = "farm.host",
     TEXT(host),
     .default_text = "\"\"",
     .check = check_host,
     .needs_restart = true,
     .what = "how this host is called; \"\": as the system calls it"},
    {.path = "farm.endpoints",
     TEXTS(farm_endpoints, farm_endpoint_count),
     .default_text = "()",
     .check = check_endpoint,
     .needs_restart = true,
     .tell = CONFIG_TELL_URL,
     .what = "the members of the etcd cluster, like \"https://etcd1:2379\"; http only to loopback"},
    {.path = "farm.ca",
     TEXT(farm_ca),
     .default_text = "\"\"",
     .check = check_path,
     .needs_restart = true,
     .what = "certificates that may have signed the cluster's; \"\": the system's"},
    {.path = "farm.certificate",
     TEXT(farm_certificate),
     .default_text = "\"\"",
     .check = check_certificate,
     .needs_restart = true,
     .what = "the certificate that this host shows to etcd (on Windows one of its store); \"\": none"},
    {.path = "farm.key",
     TEXT(farm_key),
     .default_text = "\"\"",
     .check = check_path,
     .needs_restart = true,
     .what = "the private key of the certificate (on Windows it is in the store)"},
    {.path = "farm.user",
     TEXT(farm_user),
     .default_text = "\"\"",
     .needs_restart = true,
     .what = "the user at an etcd with authentication; \"\": without"},
    {.path = "farm.password_file",
     TEXT(farm_password_file),
     .default_text = "\"\"",
     .check = check_path,
     .needs_restart = true,
     .what = "the file with that user's password, which nobody else may read"},
    {.path = "farm.secret_file",
     TEXT(farm_secret_file),
     .min = 1,
     .default_text = "\"" FOLDERS_CONFIGURATION "/farm.secret\"",
     .check = check_path,
     .needs_restart = true,
     .what = "the file with the secret that the hosts of a farm share, which nobody else may read; `farmgate "
             "farm init` makes it, `farmgate farm join` brings it"},
    {.path = "farm.any_etcd_version",
     .type = CONFIG_BOOLEAN,
     .offset = AT(any_etcd_version),
     .default_text = "false",
     .needs_restart = true,
     .what =
         "true: use an etcd that is too old (see farmgate-etcd(7)) all the same, and say so at each start"},
    {.path = "farm.lease_ttl",
     .type = CONFIG_DURATION,
     .offset = AT(farm_lease_ttl_ms),
     .min = 2000,
     .max = 300000,
     .default_text = "\"15s\"",
     .needs_restart = true,
     .what = "a host that etcd has not heard of for so long, in whole seconds, is suspected to be lost"},
    {.path = "farm.host_lost_after",
     .type = CONFIG_DURATION,
     .offset = AT(host_lost_after_ms),
     .min = 1000,
     .max = 24 * HOUR_MS,
     .or_zero = true,
     .default_text = "\"5min\"",
     .farm_wide = true,
     .what = "the connections of a host that is suspected to be lost end after this time; 0: never"},

    {.path = "authority.url",
     TEXT(authority_url),
     .default_text = "\"\"",
     .check = http_client_url_check,
     .needs_restart = true,
     .tell = CONFIG_TELL_URL,
     .what =
         "https://…; \"\": none; with a key it is a closed network, where files are exchanged instead (see "
         "farmgate(1)), without one the farm cannot be activated"},
    {.path = "authority.key",
     TEXT(authority_key),
     .default_text = "\"\"",
     .check = check_key,
     .needs_restart = true,
     .what = "the authority's first public key, as `farmgate-cloud public-key` prints it"},
    {.path = "authority.ca_file",
     TEXT(authority_ca),
     .default_text = "\"\"",
     .check = check_path,
     .needs_restart = true,
     .what = "certificates that may have signed the authority's; \"\": the system's"},
    {.path = "authority.proxy",
     TEXT(authority_proxy),
     .default_text = "\"\"",
     .check = http_client_proxy_check,
     .needs_restart = true,
     .tell = CONFIG_TELL_URL,
     .what = "http://HOST:PORT; \"\": none"},

    {.path = "sessions.sources",
     TEXTS(sources, source_count),
     .default_text = source_names_default,
     .check = check_source,
     .needs_restart = true,
     .what = "where sessions are learnt from: \"logind\" or \"utmp\" (this host's own), \"wts\" (Windows), "
             "\"api\" (brokers and hooks), \"scripted\" (a file of events)"},
    {.path = "sessions.scripted_file",
     TEXT(scripted_file),
     .default_text = "\"\"",
     .check = check_path,
     .needs_restart = true,
     .what = "events for the source \"scripted\" (tests, demonstrations)"},
    {.path = "sessions.rules",
     .type = CONFIG_LIST,
     .offset = AT(rules),
     .count_offset = AT(rule_count),
     .count_max = CLASSIFY_RULES_MAX,
     .element_bytes = sizeof(struct settings_rule),
     .elements = &rule_table,
     .default_text = "()",
     .farm_wide = true,
     .what = "which sessions count, and as what; the first that fits decides; (): the built-in "
             "ones"},
    {.path = "sessions.administrators",
     TEXTS(administrator_groups, administrator_group_count),
     .default_text = "(\"sudo\", \"wheel\", \"Administrators\")",
     .farm_wide = true,
     .what = "groups whose members are administrators; uid 0 always is"},
    {.path = "sessions.count_routes",
     TEXTS(routes, route_count),
     .default_text = "(\"broker\", \"rdp\", \"rdp-tunnel\")",
     .check = check_route,
     .farm_wide = true,
     .what = "routes that count; there are also \"console\" and \"ssh\""},
    {.path = "sessions.count_disconnected",
     .type = CONFIG_BOOLEAN,
     .offset = AT(count_disconnected),
     .default_text = "true",
     .farm_wide = true,
     .what = "whether a session whose client is gone still holds its licence"},
    {.path = "sessions.api_lease",
     .type = CONFIG_DURATION,
     .offset = AT(api_lease_ms),
     .max = 365 * 24 * HOUR_MS,
     .default_text = "\"24h\"",
     .farm_wide = true,
     .what =
         "a broker's connection that no source sees ends unless it is put again within this time; 0: never"},
    {.path = "sessions.aliases",
     .type = CONFIG_LIST,
     .offset = AT(aliases),
     .count_offset = AT(alias_count),
     .count_max = SETTINGS_ALIASES_MAX,
     .element_bytes = sizeof(struct settings_alias),
     .elements = &alias_table,
     .default_text = "()",
     .farm_wide = true,
     .what = "domains whose users are the same: CORP\\user and user@corp.example"},

    {.path = "api.socket",
     TEXT(api_socket),
     .default_text = "\"" FOLDERS_READER_SOCKET "\"",
     .check = check_path,
     .needs_restart = true,
     .what = "the socket for reading"},
    {.path = "api.admin_socket",
     TEXT(admin_socket),
     .default_text = "\"" FOLDERS_ADMIN_SOCKET "\"",
     .check = check_path,
     .needs_restart = true,
     .what = "the socket for everything"},
    {.path = "api.listen",
     TEXT(api_listen),
     .default_text = "\"\"",
     .check = check_listen,
     .needs_restart = true,
     .what = "a loopback address for TCP and the status page (see `farmgate web`), like \"127.0.0.1:8620\"; "
             "\"\": none"},
    {.path = "api.token_file",
     TEXT(api_tokens),
     .default_text = "\"\"",
     .check = check_path,
     .what = "lines NAME:read|write:HEX(BLAKE2b-256 of the token); \"\": no tokens"},
    {.path = "api.hosts",
     TEXTS(api_hosts, api_host_count),
     .default_text = "()",
     .check = check_host_header,
     .what = "further Host headers that are allowed on TCP"},
    {.path = "api.clients_max",
     .type = CONFIG_INTEGER,
     .offset = AT(clients_max),
     .min = 1,
     .max = 4096,
     .default_text = "256",
     .needs_restart = true,
     .what = "clients of one listener at a time"},

    {.path = "gate.directory",
     TEXT(gate_directory),
     .default_text = "\"" FOLDERS_GATE "\"",
     .check = check_path,
     .needs_restart = true,
     .what = "where the files nologin and present are kept; \"\": no files"},
    {.path = "gate.text",
     TEXT(closed_text),
     .default_text = "\"\"",
     .what = "added to what users read while the gate is closed: whom to ask"},
    {.path = "gate.resources",
     TEXT(resources_file),
     .default_text = "\"" FOLDERS_CONFIGURATION "/resources.conf\"",
     .check = check_path,
     .what = "the published resources"},
    {.path = "gate.address",
     TEXT(resources_address),
     .default_text = "\"\"",
     .check = check_address,
     .what =
         "where clients connect to published resources that name no hosts: a broker, a balancer; \"\": this "
         "host's name"},
    {.path = "gate.strict",
     .type = CONFIG_BOOLEAN,
     .offset = AT(strict),
     .default_text = "false",
     .farm_wide = true,
     .what =
         "whether a closed gate is closed to everybody: without it administrators' desktops pass, and users "
         "come back to the sessions they have; once licences have run out, an administrator's desktop then "
         "passes only into a free exempt place"},
    {.path = "gate.spare_grace",
     .type = CONFIG_BOOLEAN,
     .offset = AT(spare_grace),
     .default_text = "false",
     .farm_wide = true,
     .what =
         "whether users are refused at the limit already while the overuse grace has not begun: it is kept "
         "for later"},
    {.path = "gate.overuse_settle",
     .type = CONFIG_DURATION,
     .offset = AT(overuse_settle_ms),
     .max = HOUR_MS,
     .default_text = "\"60s\"",
     .farm_wide = true,
     .what =
         "how long users must exceed the limit without interruption before the overuse grace begins; 0: it "
         "begins at once"},
    {.path = "gate.limit_warnings",
     .type = CONFIG_INTEGERS,
     .offset = AT(limit_warnings),
     .count_offset = AT(limit_warning_count),
     .count_max = USAGE_WARNINGS_MAX,
     .min = 1,
     .max = 100,
     .default_text = "(80, 90, 100)",
     .farm_wide = true,
     .what = "at which percents of the limit a warning is logged; rising"},

    {.path = "reclaim.disconnected_for",
     .type = CONFIG_DURATION,
     .offset = AT(disconnected_for_ms),
     .min = 10000, /* for trying it out: see farmgate-events(7) */
     .max = 30 * 24 * HOUR_MS,
     .or_zero = true,
     .default_text = "0",
     .farm_wide = true,
     .what =
         "a session, other than an administrator's, that has been disconnected for so long is named in an "
         "event, which a hook may turn into a log-off; 0: never"},

    {.path = "store.directory",
     TEXT(state_directory),
     .min = 1,
     .default_text = "\"" FOLDERS_STATE "\"",
     .check = check_path,
     .needs_restart = true,
     .what = "where the state is kept"},

    {.path = "log.format",
     CHOICE(log_format, log_formats),
     .default_text = "\"auto\"",
     .needs_restart = true,
     .what = "lines on stderr; \"auto\": as the journal wants them if it reads them, else for people"},
    {.path = "log.severity",
     CHOICE(log_severity, severities),
     .default_text = "\"info\"",
     .what = "less important lines are left out"},
    {.path = "log.file",
     TEXT(log_file),
     .default_text = "\"" FOLDERS_LOG_FILE "\"",
     .check = check_path,
     .what = "a file that every event is added to, as a line of JSON; \"\": none"},
    {.path = "log.file_bytes",
     .type = CONFIG_INTEGER,
     .offset = AT(log_file_bytes),
     .min = EVENT_FILE_BYTES_MIN,
     .max = EVENT_FILE_BYTES_MAX,
     .default_text = "10485760",
     .what = "a file that would become larger is renamed to \"FILE.1\", that one to \"FILE.2\" and so on, "
             "and a new "
             "one begun"},
    {.path = "log.files_kept",
     .type = CONFIG_INTEGER,
     .offset = AT(log_files_kept),
     .min = 1,
     .max = EVENT_FILES_KEPT_MAX,
     .default_text = "5",
     .what = "how many of the renamed files are kept"},
};

/* What the rules or the authority fix. */
static const struct config_fixed fixed[] = {
    {"overuse_grace",
     "the rules fix the overuse grace at 7 days; gate.overuse_settle says when it begins, and "
     "gate.spare_grace keeps it for later"},
    {"expiry_grace", "the rules fix the grace after a term's end at 30 days"},
    {"grace",
     "the rules fix the graces: 7 days of overuse, 30 days after a term's end; gate.spare_grace keeps the "
     "first for later"},
    {"over_after",
     "the rules fix that users must exceed the limit for 60 minutes before a farm is deactivated"},
    {"refresh", "the authority says with every entitlement by when the next must come"},
    {"refresh_by", "the authority says with every entitlement by when the next must come"},
    {"limit", "the authority grants it; `farmgate status` shows it"},
    {"window", "the rules fix windows, reports and validations at 20 minutes"},
    {"report_every", "the rules fix windows, reports and validations at 20 minutes"},
    {"exempt", "the rules exempt two administrators' desktops of each host"},
};

/* ---- what no single setting shows ---- */

static bool has_source(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->source_count; i++)
        if (strcmp(settings->sources[i], name) == 0)
            return true;
    return false;
}

static int blame(char ret_path[CONFIG_PATH_BYTES], const char *path, struct error_detail *ret_detail,
                 const char *what)
{
    (void)snprintf(ret_path, CONFIG_PATH_BYTES, "%s", path);
    error_detail_set(ret_detail, "%s", what);
    return ERROR_CONFIGURATION;
}

/* Blames one of a list. */
static int blame_element(char ret_path[CONFIG_PATH_BYTES], const char *list, size_t at, const char *member,
                         struct error_detail *ret_detail, const char *format, ...)
    __attribute__((format(__printf__, 6, 7)));
static int blame_element(char ret_path[CONFIG_PATH_BYTES], const char *list, size_t at, const char *member,
                         struct error_detail *ret_detail, const char *format, ...)
{
    char what[ERROR_DETAIL_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    (void)snprintf(ret_path, CONFIG_PATH_BYTES, "%s[%zu]%s", list, at, member);
    error_detail_set(ret_detail, "%s", what);
    return ERROR_CONFIGURATION;
}

static bool is_built_in(const char *source)
{
    for (size_t i = 0; source_names[i]; i++)
        if (strcmp(source_names[i], source) == 0)
            return true;
    return strcmp(source, "api") == 0;
}

static int refuse_source(const struct settings *settings, size_t at, char ret_path[CONFIG_PATH_BYTES],
                         struct error_detail *ret_detail)
{
    char allowed[128] = "";
    for (size_t i = 0; source_names[i]; i++) {
        size_t length = strlen(allowed);
        (void)snprintf(allowed + length, sizeof(allowed) - length, "\"%s\", ", source_names[i]);
    }
    return blame_element(ret_path, "sessions.sources", at, "", ret_detail,
                         "there is no source \"%s\" on this platform; allowed: %s\"api\"",
                         settings->sources[at], allowed);
}

static int check_sources(const struct settings *settings, char ret_path[CONFIG_PATH_BYTES],
                         struct error_detail *ret_detail)
{
    for (size_t i = 0; i < settings->source_count; i++)
        for (size_t j = i + 1; j < settings->source_count; j++)
            if (strcmp(settings->sources[i], settings->sources[j]) == 0)
                return blame_element(ret_path, "sessions.sources", j, "", ret_detail,
                                     "\"%s\" stands here twice", settings->sources[i]);
    if (has_source(settings, "logind") && has_source(settings, "utmp"))
        return blame(ret_path, "sessions.sources", ret_detail,
                     "\"logind\" and \"utmp\" see the same sessions; allowed: one of them");
    if (has_source(settings, "scripted") && !settings->scripted_file[0])
        return blame(ret_path, "sessions.scripted_file", ret_detail,
                     "missing: the source \"scripted\" needs it");
    for (size_t i = 0; i < settings->source_count; i++)
        if (!is_built_in(settings->sources[i]))
            return refuse_source(settings, i, ret_path, ret_detail);
    return 0;
}

/* The alias that maps `domain`; NULL: none does. */
static const struct settings_alias *alias_of(const struct settings *settings, const char *domain)
{
    for (size_t i = 0; i < settings->alias_count; i++)
        if (identity_same_domain(settings->aliases[i].dns_domain, domain))
            return &settings->aliases[i];
    return NULL;
}

/* An alias is applied once: what it maps to must not be mapped on. No domain is mapped twice by now, so the
 * way from one to the next ends, or comes back. */
static int check_chain(const struct settings *settings, size_t at, char ret_path[CONFIG_PATH_BYTES],
                       struct error_detail *ret_detail)
{
    const struct settings_alias *first = &settings->aliases[at], *last = first, *next;
    for (size_t steps = 0; (next = alias_of(settings, last->domain)) && steps < settings->alias_count;
         steps++)
        last = next;
    if (last == first && !next)
        return 0;
    if (next)
        return blame_element(
            ret_path, "sessions.aliases", at, ".domain", ret_detail,
            "\"%s\" is mapped on, in a loop; allowed: a domain that is no dns_domain of an alias",
            first->domain);
    return blame_element(ret_path, "sessions.aliases", at, ".domain", ret_detail,
                         "\"%s\" is mapped on, to \"%s\"; allowed: \"%s\" itself, for aliases make no chains",
                         first->domain, last->domain, last->domain);
}

static int check_aliases(const struct settings *settings, char ret_path[CONFIG_PATH_BYTES],
                         struct error_detail *ret_detail)
{
    int error = 0;
    for (size_t i = 0; i < settings->alias_count; i++)
        if (alias_of(settings, settings->aliases[i].dns_domain) != &settings->aliases[i])
            return blame_element(ret_path, "sessions.aliases", i, ".dns_domain", ret_detail,
                                 "\"%s\" has an alias already; allowed: one, case does not matter",
                                 settings->aliases[i].dns_domain);
    for (size_t i = 0; i < settings->alias_count && error == 0; i++)
        error = check_chain(settings, i, ret_path, ret_detail);
    return error;
}

static int check_warnings(const struct settings *settings, char ret_path[CONFIG_PATH_BYTES],
                          struct error_detail *ret_detail)
{
    const int64_t *percents = settings->limit_warnings;
    if (settings->limit_warning_count == 0)
        return blame(ret_path, "gate.limit_warnings", ret_detail, "empty; allowed: at least one percentage");
    for (size_t i = 1; i < settings->limit_warning_count; i++)
        if (percents[i] <= percents[i - 1])
            return blame_element(ret_path, "gate.limit_warnings", i, "", ret_detail,
                                 "%" PRId64 " after %" PRId64 "; allowed: each more than the one before it",
                                 percents[i], percents[i - 1]);
    return 0;
}

bool settings_farm_name_valid(const char *name)
{
    size_t bytes = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return bytes >= 1 && bytes <= SETTINGS_FARM_NAME_MAX && name[bytes] == '\0';
}

static int check_farm_name(const struct settings *settings, char ret_path[CONFIG_PATH_BYTES],
                           struct error_detail *ret_detail)
{
    if (settings_farm_name_valid(settings->farm_name))
        return 0;
    return blame(ret_path, "farm.name", ret_detail,
                 settings->farm_name[0]
                     ? "not a name for a farm of many hosts; allowed: up to 63 of a to z, 0 to 9 and '-'"
                     : "missing: a farm of many hosts needs a name, the same on each, like \"office\"");
}

static int check_endpoints(const struct settings *settings, char ret_path[CONFIG_PATH_BYTES],
                           struct error_detail *ret_detail)
{
    if (settings->farm_endpoint_count == 0)
        return blame(ret_path, "farm.endpoints", ret_detail,
                     "missing: mode \"etcd\" needs the members of the cluster, like "
                     "(\"https://etcd1:2379\", \"https://etcd2:2379\")");
    for (size_t i = 0; i < settings->farm_endpoint_count; i++) {
        if (!settings->farm_endpoints[i][0])
            return blame_element(ret_path, "farm.endpoints", i, "", ret_detail, "empty");
        for (size_t j = 0; j < i; j++)
            if (strcmp(settings->farm_endpoints[i], settings->farm_endpoints[j]) == 0)
                return blame_element(ret_path, "farm.endpoints", i, "", ret_detail,
                                     "\"%s\" stands here twice", settings->farm_endpoints[i]);
    }
    return 0;
}

/* Of a farm of many hosts; alone, its settings may stand there and wait. */
static int check_farm(const struct settings *settings, char ret_path[CONFIG_PATH_BYTES],
                      struct error_detail *ret_detail)
{
    const struct {
        const char *has, *path, *lacks, *what;
    } pairs[] = {
        {client_certificate_is_file() ? settings->farm_certificate : "", "farm.key", settings->farm_key,
         "missing: farm.certificate is of no use without its private key"},
        {settings->farm_key, "farm.certificate", settings->farm_certificate,
         "missing: farm.key belongs to a certificate"},
        {settings->farm_user, "farm.password_file", settings->farm_password_file,
         "missing: farm.user needs a password, alone in a file that nobody else may read"},
        {settings->farm_password_file, "farm.user", settings->farm_user,
         "missing: farm.password_file belongs to a user"},
    };
    if (settings->farm_mode != FARM_MODE_ETCD)
        return 0;
    int error = check_farm_name(settings, ret_path, ret_detail);
    if (error == 0)
        error = check_endpoints(settings, ret_path, ret_detail);
    for (size_t i = 0; i < COUNT(pairs) && error == 0; i++)
        if (pairs[i].has[0] && !pairs[i].lacks[0])
            error = blame(ret_path, pairs[i].path, ret_detail, pairs[i].what);
    if (error == 0 && settings->farm_key[0] && !client_certificate_is_file())
        error = blame(ret_path, "farm.key", ret_detail,
                      "not for Windows, where the key is in the store with its certificate: leave it out");
    if (error == 0 && settings->farm_lease_ttl_ms % 1000 != 0)
        error = blame(ret_path, "farm.lease_ttl", ret_detail, "etcd knows only whole seconds");
    return error;
}

static int check_settings(const void *values, char ret_path[CONFIG_PATH_BYTES],
                          struct error_detail *ret_detail)
{
    const struct settings *settings = values;
    int error = check_sources(settings, ret_path, ret_detail);
    if (error == 0)
        error = check_aliases(settings, ret_path, ret_detail);
    if (error == 0)
        error = check_warnings(settings, ret_path, ret_detail);
    if (error == 0)
        error = check_farm(settings, ret_path, ret_detail);
    if (error == 0 && settings->authority_url[0] && !settings->authority_key[0])
        error =
            blame(ret_path, "authority.key", ret_detail,
                  "missing: without the authority's public key its answers cannot be told from forgeries");
    if (error == 0 && settings->api_socket[0] && strcmp(settings->api_socket, settings->admin_socket) == 0)
        error = blame(ret_path, "api.admin_socket", ret_detail, "the same as api.socket");
    return error;
}

const struct config_table settings_table = {
    .settings = all_settings, .count = COUNT(all_settings), .fixed = fixed, .fixed_count = COUNT(fixed)};

/* No other code knows that a path may begin with a folder's name. */
static int resolve_paths(struct settings *settings, struct error_detail *ret_detail)
{
    char whole[PATH_MAX];
    for (size_t i = 0; i < settings_table.count; i++) {
        const struct config_setting *setting = &settings_table.settings[i];
        char *path = (char *)settings + setting->offset;
        if (setting->check != check_path || !path[0])
            continue;
        int error = paths_resolve(path, whole);
        if (error == 0 && strlen(whole) > (size_t)setting->max)
            error = ERROR_TOO_LARGE;
        if (error != 0) {
            error_detail_set(ret_detail, "%s: %.200s: %s", setting->path, path, error_text(error));
            return ERROR_CONFIGURATION;
        }
        memcpy(path, whole, strlen(whole) + 1);
    }
    return 0;
}

int settings_read(const char *path, struct settings *ret, struct error_detail *ret_detail)
{
    int error = config_load_checked(&settings_table, check_settings, path, ret, ret_detail);
    return error != 0 ? error : resolve_paths(ret, ret_detail);
}

int settings_check(const struct settings *settings, struct error_detail *ret_detail)
{
    char path[CONFIG_PATH_BYTES] = "";
    struct error_detail what = {""};
    int error = check_settings(settings, path, &what);
    if (error != 0)
        error_detail_set(ret_detail, "%.200s: %s", path, what.text);
    return error;
}

static void peek_path(const char *setting, const char *path, struct settings *ret)
{
    char whole[PATH_MAX];
    char *peeked = (char *)ret + config_find(&settings_table, setting)->offset;
    config_peek(&settings_table, setting, path, ret);
    if (paths_resolve(peeked, whole) == 0 && strlen(whole) <= SETTINGS_PATH_BYTES_MAX)
        memcpy(peeked, whole, strlen(whole) + 1);
}

void settings_peek_gate_directory(const char *path, struct settings *ret)
{
    peek_path("gate.directory", path, ret);
}

void settings_peek_log_file(const char *path, struct settings *ret)
{
    peek_path("log.file", path, ret);
    config_peek(&settings_table, "log.file_bytes", path, ret);
    config_peek(&settings_table, "log.files_kept", path, ret);
    config_peek(&settings_table, "log.severity", path, ret);
}

int settings_severity(const struct settings *settings)
{
    return SEVERITY_ERROR + settings->log_severity;
}

void settings_keep_until_restart(const struct settings *old, struct settings *fresh)
{
    config_keep_until_restart(&settings_table, old, fresh);
}

/* ---- as the core takes them ---- */

static struct classify_rule rule_of(const struct settings_rule *setting)
{
    struct classify_rule rule = {
        .remote = setting->remote == SETTINGS_REMOTE_ANY ? -1 : setting->remote == SETTINGS_REMOTE_YES,
        .ignore = setting->kind == KIND_MAX,
        .kind = setting->kind == KIND_MAX ? KIND_DESKTOP : (enum connection_kind)setting->kind,
        .route = (enum connection_route)setting->route,
    };
    memcpy(rule.service, setting->service, sizeof(rule.service));
    memcpy(rule.type, setting->type, sizeof(rule.type));
    memcpy(rule.session_class, setting->session_class, sizeof(rule.session_class));
    memcpy(rule.user, setting->user, sizeof(rule.user));
    memcpy(rule.group, setting->group, sizeof(rule.group));
    return rule;
}

static int fill_classify(const struct settings *settings, struct settings_core *words)
{
    for (size_t i = 0; i < settings->administrator_group_count; i++)
        words->administrator_groups[i] = settings->administrator_groups[i];
    words->classify.administrator_groups = words->administrator_groups;
    words->classify.administrator_group_count = settings->administrator_group_count;
    if (settings->rule_count == 0) {
        words->classify.rules = classify_default_rules(&words->classify.rule_count);
        return 0;
    }
    words->rules = calloc(settings->rule_count, sizeof(*words->rules));
    if (!words->rules)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < settings->rule_count; i++)
        words->rules[i] = rule_of(&settings->rules[i]);
    words->classify.rules = words->rules;
    words->classify.rule_count = settings->rule_count;
    return 0;
}

static unsigned routes_of(const struct settings *settings)
{
    unsigned mask = 0;
    for (size_t i = 0; i < settings->route_count; i++) {
        enum connection_route route;
        if (connection_route_parse(settings->routes[i], &route))
            mask |= ROUTE_BIT(route);
    }
    return mask;
}

static void fill_core(const struct settings *settings, struct settings_core *words)
{
    for (size_t i = 0; i < settings->alias_count; i++)
        words->aliases[i] =
            (struct identity_alias){settings->aliases[i].dns_domain, settings->aliases[i].domain};
    words->core.tally = (struct tally_settings){
        .count_disconnected = settings->count_disconnected,
        .routes_counted = routes_of(settings),
        .aliases = words->aliases,
        .alias_count = settings->alias_count,
    };
    randombytes_buf(words->core.tally.seed, sizeof(words->core.tally.seed));
    randombytes_buf(&words->core.seed, sizeof(words->core.seed));
    words->core.api_lease_ms = settings->api_lease_ms;
    words->core.host_lost_after_ms = settings->farm_mode == FARM_MODE_ETCD ? settings->host_lost_after_ms : 0;
    words->core.overuse_settle_ms = settings->overuse_settle_ms;
    words->core.spare_grace = settings->spare_grace;
    words->core.strict = settings->strict;
    words->core.by_files = !settings->authority_url[0] && settings->authority_key[0];
    words->core.disconnected_for_ms = settings->disconnected_for_ms;
    for (size_t i = 0; i < settings->limit_warning_count; i++)
        words->core.limit_warnings.percents[i] = (unsigned)settings->limit_warnings[i];
}

static void fill_api(const struct settings *settings, struct settings_core *words)
{
    for (size_t i = 0; i < settings->api_host_count; i++)
        words->api_hosts[i] = settings->api_hosts[i];
    words->api = (struct api_settings){
        .token_file = settings->api_tokens,
        .hosts = words->api_hosts,
        .host_count = settings->api_host_count,
        .clients_max = (unsigned)settings->clients_max,
    };
}

int settings_core_create(const struct settings *settings, struct settings_core **ret,
                         struct error_detail *ret_detail)
{
    struct settings_core *words = calloc(1, sizeof(*words));
    if (!words || fill_classify(settings, words) != 0) {
        settings_core_destroy(words);
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    fill_core(settings, words);
    fill_api(settings, words);
    *ret = words;
    return 0;
}

void settings_core_destroy(struct settings_core *words)
{
    if (!words)
        return;
    free(words->rules);
    free(words);
}
