/* connection.h - what a connection is (RULES §1) and the words every other part uses for it.
 *
 * A connection is one user's session on one host, from connect until it ends. It is known by its key, the
 * pair (host, id): the id is the host's session id ("c1", "17") or, for a broker's record that no host source
 * sees, the broker's own. */
#ifndef FARMGATE_CORE_CONNECTION_H
#define FARMGATE_CORE_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

/* Longest names, in bytes without the terminating NUL. Longer ones are refused at the edges, never cut. */
#define CONNECTION_HOST_BYTES_MAX 255
#define CONNECTION_ID_BYTES_MAX   127
#define CONNECTION_USER_BYTES_MAX 511

enum connection_kind { KIND_DESKTOP, KIND_APPLICATION, KIND_MAX };

enum connection_route { ROUTE_BROKER, ROUTE_RDP, ROUTE_RDP_TUNNEL, ROUTE_CONSOLE, ROUTE_SSH, ROUTE_MAX };

/* A set of routes: bit r stands for enum connection_route r. */
#define ROUTE_BIT(route)       (1u << (route))
#define ROUTES_COUNTED_DEFAULT (ROUTE_BIT(ROUTE_BROKER) | ROUTE_BIT(ROUTE_RDP) | ROUTE_BIT(ROUTE_RDP_TUNNEL))

enum connection_state { CONNECTION_ACTIVE, CONNECTION_DISCONNECTED, CONNECTION_STATE_MAX };

/* The administrator flag. Unknown counts as no, and is said (RULES §2.4). */
enum administrator { ADMINISTRATOR_NO, ADMINISTRATOR_YES, ADMINISTRATOR_UNKNOWN, ADMINISTRATOR_MAX };

/* One connection as it is handed about. The strings belong to whoever made the struct; receivers copy. */
struct connection {
    const char *host;
    const char *id;
    const char *user;        /* as the host spells it; compared by identity.h */
    int64_t connected_at_ms; /* Unix ms: the session's log-on as its host tells it (RULES §2.4) */
    enum connection_kind kind;
    enum connection_route route;
    enum connection_state state;
    enum administrator administrator;
};

/* Names as in JSON, configuration and log: "desktop", "rdp-tunnel", "disconnected", "yes"/"no"/"unknown". */
const char *connection_kind_name(enum connection_kind kind);
const char *connection_route_name(enum connection_route route);
const char *connection_state_name(enum connection_state state);
const char *administrator_name(enum administrator administrator);

/* The value of a name; false, with *ret untouched, for a word that is none of them. */
bool connection_kind_parse(const char *name, enum connection_kind *ret_kind);
bool connection_route_parse(const char *name, enum connection_route *ret_route);
bool connection_state_parse(const char *name, enum connection_state *ret_state);

/* Whether a host, id or user may be used: 1..max bytes, valid UTF-8, no control characters (a NUL can not be
 * in it). */
bool connection_text_valid(const char *text, uint32_t bytes_max);

#endif
