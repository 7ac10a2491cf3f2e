/* classify.h - which sessions of a host count, and as what: the configured rules, first match wins (RULES
 * §2). */
#ifndef FARMGATE_CORE_CLASSIFY_H
#define FARMGATE_CORE_CLASSIFY_H

#include "connection.h"

#include <stddef.h>

#define CLASSIFY_RULES_MAX      64
#define CLASSIFY_RULE_BYTES_MAX 128

/* What a source can tell of a session. Absent texts are NULL; the strings belong to the caller. */
struct session_facts {
    const char *host;
    const char *id;
    const char *user;
    const char *service;       /* PAM service: "xrdp-sesman", "sshd" */
    const char *type;          /* "x11", "wayland", "tty", "unspecified" */
    const char *session_class; /* "user", "greeter", "background" */
    const char *remote_host;   /* NULL: local, or not told (xrdp never tells) */
    const char *const *groups; /* of the user; meaningless while !groups_known */
    size_t group_count;
    bool groups_known;
    bool superuser; /* uid 0 */
    bool remote;    /* as the source says; xrdp's sessions say false */
    bool closing;   /* not live: never counted, only shown */
    enum connection_state state;
    int64_t connected_at_ms; /* 0: not known (the arrival counts) */
    /* What the source already knows for sure; else -1 and the rules decide. Set by scripted and wts. */
    int kind_known;          /* enum connection_kind or -1 */
    int route_known;         /* enum connection_route or -1 */
    int administrator_known; /* enum administrator or -1 */
    bool rules_first;        /* a configured rule that fits goes before what is known so; set by wts */
};

/* One rule. An empty text matches anything; otherwise shell patterns with '*' and '?' (bytes). For a Windows
 * name users and groups match whatever their case, as such names compare. */
struct classify_rule {
    char service[CLASSIFY_RULE_BYTES_MAX];
    char type[CLASSIFY_RULE_BYTES_MAX];
    char session_class[CLASSIFY_RULE_BYTES_MAX];
    char user[CLASSIFY_RULE_BYTES_MAX];
    char group[CLASSIFY_RULE_BYTES_MAX]; /* never matches while the groups are unknown */
    int remote;                          /* -1 anything, 0 local, 1 remote */
    bool ignore;
    enum connection_kind kind;
    enum connection_route route;
};

/* A rule as the configuration has it: `{ service = "sshd*"; kind = "ignore"; }`. */
#define CLASSIFY_RULE_TEXT_BYTES 1536
void classify_rule_text(const struct classify_rule *rule, char ret[CLASSIFY_RULE_TEXT_BYTES]);

struct classify_settings {
    const struct classify_rule *rules;
    size_t rule_count;
    const char *const *administrator_groups; /* "sudo", "wheel", "Administrators" */
    size_t administrator_group_count;
};

enum classify_outcome { CLASSIFY_LIVE, CLASSIFY_IGNORED, CLASSIFY_CLOSING };

struct classify_result {
    enum classify_outcome outcome;
    int rule; /* 1-based number of the rule that decided; 0: none matched (ignored) or known by the source */
    enum connection_kind kind;
    enum connection_route route;
    enum administrator administrator;
};

/* Whether host, id and user are names that a connection may have. */
bool classify_names_valid(const struct session_facts *facts);

/* Whether some rule may decide on this session by its user's groups. */
bool classify_needs_groups(const struct classify_settings *settings, const struct session_facts *facts);

/* Judges one session. A session that no rule matches is what its source knows, or ignored. Never fails. */
struct classify_result classify(const struct classify_settings *settings, const struct session_facts *facts);

/* The rules that hold when the configuration has none (xrdp, VNC and other remote graphical log-ins count as
 * desktop by rdp; greeters, console, ssh, cron and services are ignored). */
const struct classify_rule *classify_default_rules(size_t *ret_count);

#endif
