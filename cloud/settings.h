/* settings.h - the authority's configuration, validated: /etc/farmgate/farmgate-cloud.conf. */
#ifndef FARMGATE_CLOUD_SETTINGS_H
#define FARMGATE_CLOUD_SETTINGS_H

#include "cloud/api/source.h"
#include "common/config.h"

#define SETTINGS_PATH_BYTES_MAX   255
#define SETTINGS_SOCKET_BYTES_MAX 107 /* of a Unix socket's address */
#define SETTINGS_PROXIES_MAX      16
#define SETTINGS_PROXY_BYTES      63
#define SETTINGS_TRIALS_MAX       1000000

enum settings_log_format { SETTINGS_LOG_AUTO, SETTINGS_LOG_HUMAN, SETTINGS_LOG_JSON };

/* Times in ms. Each setting is described once, in settings.c's table, which conf/farmgate-cloud.conf is
 * checked against. */
struct settings {
    char listen[64];
    char admin_socket[SETTINGS_SOCKET_BYTES_MAX + 1];
    char state_directory[SETTINGS_PATH_BYTES_MAX + 1];
    char signing_key_file[SETTINGS_PATH_BYTES_MAX + 1]; /* "": in the state directory */
    char token_file[SETTINGS_PATH_BYTES_MAX + 1];       /* "": nobody has a token */
    int64_t clients_max;
    char trusted_proxies[SETTINGS_PROXIES_MAX][SETTINGS_PROXY_BYTES + 1];
    size_t trusted_proxy_count;
    struct source_network trusted[SETTINGS_PROXIES_MAX]; /* the same, understood */
    int64_t activations_per_minute, activations_burst;
    int64_t reports_per_minute, reports_burst;           /* of one token */
    int64_t wrong_tokens_per_minute, wrong_tokens_burst; /* of one source */
    int64_t trial_limit, trials_per_day, trials_per_day_and_source;
    int64_t refresh_ms, offline_refresh_ms;
    int log_format;
    int log_severity; /* index into choices: "error" 0 … */
};

extern const struct config_table settings_table;

/* Reads and cross-checks. `path` NULL: the defaults. ERROR_CONFIGURATION and so on as in config.h. */
int settings_read(const char *path, struct settings *ret, struct error_detail *ret_detail);

#endif
