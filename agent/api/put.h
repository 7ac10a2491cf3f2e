/* put.h - a connection as a broker tells it: the JSON of one record, of a set, of an NDJSON line. */
#ifndef FARMGATE_AGENT_API_PUT_H
#define FARMGATE_AGENT_API_PUT_H

#include "agent/core/connection.h"
#include "common/json.h"

#include <stddef.h>

#define PUT_ADMINISTRATOR_UNTOLD 2

enum put_event { PUT_EVENT_PUT, PUT_EVENT_END };

/* All that a record can say; which fields it must have depends on where it stands. */
struct put {
    int event; /* enum put_event; NDJSON only */
    char host[CONNECTION_HOST_BYTES_MAX + 1];
    char id[CONNECTION_ID_BYTES_MAX + 1];
    char user[CONNECTION_USER_BYTES_MAX + 1];
    int kind, route, state;
    int64_t connected_at_ms;     /* 0: not told */
    unsigned char administrator; /* 0, 1, or PUT_ADMINISTRATOR_UNTOLD: written as a bool when told */
    bool has_user, has_kind;
};

/* What was wrong with a record. */
struct put_fault {
    char field[JSON_PATH_BYTES];
    struct error_detail detail;
};

void put_init(struct put *put);

/* The body of PUT /v1/connections/{host}/{id}. 0 or a negative code with *ret_fault. */
int put_read_one(const char *text, size_t bytes, struct put *ret, struct put_fault *ret_fault);

/* The body of PUT /v1/connections/{host}, to be freed with free(). The records' host is left empty. */
struct put_set {
    size_t count;
    struct put puts[];
};
int put_read_set(const char *text, size_t bytes, struct put_set **ret, struct put_fault *ret_fault);

/* One line of NDJSON, with event, host and id. */
int put_read_line(struct json_reader *reader, const char *text, size_t bytes, struct put *ret,
                  struct put_fault *ret_fault);

/* Whether a text may be used; else *ret_fault says so of `field`. A host must also have no slash: its path
 * could not be written. */
bool put_text_valid(const char *field, const char *text, uint32_t bytes_max, struct put_fault *ret_fault);
bool put_host_valid(const char *host, struct put_fault *ret_fault);

/* The connection as the core takes it, on `host`; pointers into *put. An administrator flag still untold is
 * unknown. */
struct connection put_connection(const struct put *put, const char *host);

#endif
