/* connections_view.h - /v1/connections as the commands read it. */
#ifndef FARMGATE_CTL_CONNECTIONS_VIEW_H
#define FARMGATE_CTL_CONNECTIONS_VIEW_H

#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

#define CONNECTIONS_VIEW_ROWS_MAX    20000 /* what the agent tells at most */
#define CONNECTIONS_VIEW_IGNORED_MAX 65536

struct connection_row {
    char host[256], id[128], user[512];
    char kind[32], route[32], state[32], reason[64];
    int64_t connected_at_ms;
    bool counted;
};

/* A session that is no connection. */
struct ignored_row {
    char host[256], id[128], user[512], service[128], reason[64];
};

struct connections_view {
    bool more;
    char scope[8]; /* "host": of this host alone */
    size_t connections_count, ignored_count;
    struct connection_row connections[CONNECTIONS_VIEW_ROWS_MAX];
    struct ignored_row ignored[CONNECTIONS_VIEW_IGNORED_MAX];
};

extern const struct json_shape connections_view_shape;

#endif
