/* settings.h - the agent's configuration, validated: /etc/farmgate/farmgate.conf and resources.conf. */
#ifndef FARMGATE_AGENT_SETTINGS_H
#define FARMGATE_AGENT_SETTINGS_H

#include "agent/api_settings.h"
#include "agent/core/classify.h"
#include "agent/core/core.h"
#include "common/config.h"

#define SETTINGS_PATH_BYTES_MAX   255
#define SETTINGS_GROUPS_MAX       16
#define SETTINGS_ALIASES_MAX      64
#define SETTINGS_SOURCES_MAX      4
#define SETTINGS_SOCKET_BYTES_MAX 107 /* of a Unix socket's address */
#define SETTINGS_API_HOSTS_MAX    8
#define SETTINGS_ENDPOINTS_MAX    16 /* of an etcd cluster */
#define SETTINGS_FARM_NAME_MAX    63 /* bytes of the name of a farm of many hosts */

enum farm_mode { FARM_MODE_ALONE, FARM_MODE_ETCD, FARM_MODE_MAX };
enum settings_log_format { SETTINGS_LOG_AUTO, SETTINGS_LOG_HUMAN, SETTINGS_LOG_JSON };

struct settings_rule { /* one group of sessions.rules; becomes a struct classify_rule */
    char service[CLASSIFY_RULE_BYTES_MAX], type[CLASSIFY_RULE_BYTES_MAX];
    char session_class[CLASSIFY_RULE_BYTES_MAX]; /* class */
    char user[CLASSIFY_RULE_BYTES_MAX], group[CLASSIFY_RULE_BYTES_MAX];
    int remote; /* enum settings_remote: "any", "no", "yes" */
    int kind;   /* enum connection_kind, or KIND_MAX for "ignore" */
    int route;  /* enum connection_route */
};
enum settings_remote { SETTINGS_REMOTE_ANY, SETTINGS_REMOTE_NO, SETTINGS_REMOTE_YES };

struct settings_alias {
    char dns_domain[256];
    char domain[64];
};

/* Times in ms. The comment is the setting's path in the file. Each is described once, in settings.c's table,
 * which also makes the manual and is checked against conf/farmgate.conf. */
struct settings {
    /* farm.* */
    int farm_mode;       /* mode: "alone", "etcd" */
    char farm_name[128]; /* name: shown at the authority; "" = the host's name; of many hosts: in etcd, too */
    char host[256];      /* host: this host's name in connections; "" = the system's */
    char farm_endpoints[SETTINGS_ENDPOINTS_MAX][256]; /* endpoints: "https://etcd1:2379" */
    size_t farm_endpoint_count;
    char farm_ca[SETTINGS_PATH_BYTES_MAX + 1];          /* ca; "" = the system's */
    char farm_certificate[SETTINGS_PATH_BYTES_MAX + 1]; /* certificate; "" = none; with farm_key or without */
    char farm_key[SETTINGS_PATH_BYTES_MAX + 1];         /* key */
    char farm_user[128];                                /* user; "" = none; with a password file or without */
    char farm_password_file[SETTINGS_PATH_BYTES_MAX + 1]; /* password_file */
    char farm_secret_file[SETTINGS_PATH_BYTES_MAX + 1];   /* secret_file */
    bool any_etcd_version;                                /* any_etcd_version: false */
    int64_t farm_lease_ttl_ms;                            /* lease_ttl: 15s; whole seconds */
    int64_t host_lost_after_ms;                           /* host_lost_after: 5min; 0 = never */
    /* authority.* */
    char authority_url[512];                        /* url; "" = none: the farm cannot be activated */
    char authority_key[128];                        /* key: "KID:base64url", the pinned first public key */
    char authority_ca[SETTINGS_PATH_BYTES_MAX + 1]; /* ca_file; "" = the system's */
    char authority_proxy[512];                      /* proxy; "" = none */
    /* sessions.* */
    char sources[SETTINGS_SOURCES_MAX][32]; /* sources: "logind", "utmp", "scripted", "api" */
    size_t source_count;
    char scripted_file[SETTINGS_PATH_BYTES_MAX + 1];
    struct settings_rule rules[CLASSIFY_RULES_MAX]; /* rules: none = the built-in default rules */
    size_t rule_count;
    char administrator_groups[SETTINGS_GROUPS_MAX][64]; /* administrators */
    size_t administrator_group_count;
    char routes[ROUTE_MAX][16]; /* count_routes: "broker", "rdp", "rdp-tunnel" */
    size_t route_count;
    bool count_disconnected;
    int64_t api_lease_ms; /* api_lease: 24h; 0 = never */
    struct settings_alias aliases[SETTINGS_ALIASES_MAX];
    size_t alias_count;
    /* api.* */
    char api_socket[SETTINGS_SOCKET_BYTES_MAX + 1];   /* socket */
    char admin_socket[SETTINGS_SOCKET_BYTES_MAX + 1]; /* admin_socket */
    char api_listen[64];                              /* listen: "" = no TCP, "127.0.0.1:8620" */
    char api_tokens[SETTINGS_PATH_BYTES_MAX +
                    1]; /* token_file: lines "NAME:read|write:HEX(BLAKE2b-256 of the token)" */
    char api_hosts[SETTINGS_API_HOSTS_MAX][256]; /* hosts: further allowed Host headers */
    size_t api_host_count;
    int64_t clients_max; /* 256 */
    /* gate.* */
    char gate_directory[SETTINGS_PATH_BYTES_MAX + 1]; /* directory: /run/farmgate; "" = no files */
    char closed_text[512];                            /* text: added to the nologin file, "whom to ask" */
    char resources_file[SETTINGS_PATH_BYTES_MAX + 1]; /* resources */
    char resources_address[256];                      /* address: "" = this host's name */
    bool strict;                                      /* strict: false */
    bool spare_grace;                                 /* spare_grace: false */
    int64_t overuse_settle_ms;                        /* overuse_settle: 60s; 0 = the first instant */
    int64_t limit_warnings[USAGE_WARNINGS_MAX];       /* limit_warnings: percents, rising */
    size_t limit_warning_count;
    /* reclaim.* */
    int64_t disconnected_for_ms; /* disconnected_for: 0 = never */
    /* store.* */
    char state_directory[SETTINGS_PATH_BYTES_MAX + 1]; /* directory: /var/lib/farmgate */
    /* log.* */
    int log_format;                             /* "auto", "human", "json" */
    int log_severity;                           /* severity: "error" … "debug", see settings_severity */
    char log_file[SETTINGS_PATH_BYTES_MAX + 1]; /* file; "" = none */
    int64_t log_file_bytes, log_files_kept;     /* file_bytes: 10 MiB; files_kept: 5 */
};

extern const struct config_table settings_table;

/* Reads and cross-checks. `path` NULL: the defaults. ERROR_CONFIGURATION and so on with *ret_detail as in
 * config.h. */
int settings_read(const char *path, struct settings *ret, struct error_detail *ret_detail);

/* The check across settings alone, of values that come from elsewhere: ERROR_CONFIGURATION with "PATH: …". */
int settings_check(const struct settings *settings, struct error_detail *ret_detail);

/* Reads gate.directory alone, however wrong the rest of the file is; the default if it cannot be told.
 * Nothing else of *ret is touched. */
void settings_peek_gate_directory(const char *path, struct settings *ret);

/* The same of what says where log events are written as lines of JSON: log.file and what goes with it. */
void settings_peek_log_file(const char *path, struct settings *ret);

/* log.severity as a number: SEVERITY_ERROR … SEVERITY_DEBUG. */
int settings_severity(const struct settings *settings);

/* Whether this may be the name of a farm of many hosts: 1 to SETTINGS_FARM_NAME_MAX of a-z, 0-9 and '-'. */
bool settings_farm_name_valid(const char *name);

/* Takes over from `old` what a reload does not apply. */
void settings_keep_until_restart(const struct settings *old, struct settings *fresh);

/* The settings as the core, the classification and the API take them; alone, no host is ever lost. Its texts
 * are those of the settings, which must outlive it; the seeds are random. */
struct settings_core {
    struct core_settings core;
    struct classify_settings classify;
    struct api_settings api;
    struct classify_rule *rules; /* owned; NULL while the default rules hold */
    struct identity_alias aliases[SETTINGS_ALIASES_MAX];
    const char *administrator_groups[SETTINGS_GROUPS_MAX];
    const char *api_hosts[SETTINGS_API_HOSTS_MAX];
};

/* ERROR_NO_MEMORY. */
int settings_core_create(const struct settings *settings, struct settings_core **ret,
                         struct error_detail *ret_detail);
void settings_core_destroy(struct settings_core *words);

#endif
