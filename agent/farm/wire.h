/* wire.h - etcd's JSON gateway (v3) as requests and replies: text in and out, no connection.
 *
 * Pure. Keys are texts, values bytes; both travel as base64. What etcd leaves out is its default: a put is an
 * event without a type, a failed transaction an answer without "succeeded", a lease that is gone one without
 * TTL. Unknown fields of a request are ignored by etcd without a word, so every request is built here and
 * nowhere else, and each comparison is tested in its failing branch against a real etcd. */
#ifndef FARMGATE_AGENT_FARM_WIRE_H
#define FARMGATE_AGENT_FARM_WIRE_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_KEY_BYTES_MAX   512
#define WIRE_VALUE_BYTES_MAX (1024 * 1024) /* etcd refuses requests above 1.5 MiB */
#define WIRE_OPS_MAX         100           /* of a transaction; etcd's own limit is 128 */
#define WIRE_TEXT_BYTES_MAX  255           /* of an error's words, a token, a version */

/* --- requests ------------------------------------------------------------------------------------------- */

/* Where they are posted; an empty text is no request but a question: GET. */
#define WIRE_PATH_VERSION      "/version"
#define WIRE_PATH_RANGE        "/v3/kv/range"
#define WIRE_PATH_TXN          "/v3/kv/txn"
#define WIRE_PATH_COMPACT      "/v3/kv/compaction"
#define WIRE_PATH_GRANT        "/v3/lease/grant"
#define WIRE_PATH_KEEPALIVE    "/v3/lease/keepalive"
#define WIRE_PATH_REVOKE       "/v3/lease/revoke"
#define WIRE_PATH_WATCH        "/v3/watch"
#define WIRE_PATH_AUTHENTICATE "/v3/auth/authenticate"

enum wire_target { WIRE_VERSION, WIRE_CREATE, WIRE_MOD, WIRE_LEASE };

/* The key's version (0: it does not exist), the revision at which it was created or last changed, or its
 * lease, is `number`. */
struct wire_compare {
    enum wire_target target;
    const char *key;
    int64_t number;
};

enum wire_op_type { WIRE_PUT, WIRE_DELETE, WIRE_RANGE };

struct wire_op {
    enum wire_op_type type;
    const char *key;
    bool prefix; /* DELETE, RANGE: every key that begins with it */
    /* PUT: */
    const void *value;
    size_t value_bytes;
    int64_t lease; /* 0: none */
    /* RANGE: */
    int64_t revision;      /* as of then; 0: now */
    int64_t limit;         /* 0: none */
    const char *after_key; /* with `prefix`: only behind this one, for the next page; or NULL */
    bool count_only;
};

struct wire_txn {
    const struct wire_compare *compares; /* all must hold */
    size_t compare_count;
    const struct wire_op *success, *failure;
    size_t success_count, failure_count;
};

/* The JSON text of a request, the caller's to free(); NULL without memory. */
char *wire_txn_text(const struct wire_txn *txn);
char *wire_range_text(const struct wire_op *range);
/* Every change of keys that begin with `prefix`, from start_revision on, with notice of progress. */
char *wire_watch_text(const char *prefix, int64_t start_revision);
char *wire_grant_text(int64_t ttl_seconds);
char *wire_lease_text(int64_t lease); /* keep alive, revoke */
char *wire_compact_text(int64_t revision);
char *wire_authenticate_text(const char *user, const char *password);

/* --- replies -------------------------------------------------------------------------------------------- */

/* A key and its value, in an answer to a range or as an event of a watch. */
struct wire_kv {
    const char *key;
    const uint8_t *value;
    size_t value_bytes;
    int64_t create_revision, mod_revision, version, lease;
    bool deleted;    /* an event: only key and mod_revision are told */
    size_t response; /* of a transaction: the position of its operation */
};

/* What one message says beside its keys. */
struct wire_message {
    int64_t revision; /* of the store, not of the message's events; 0: not told */
    bool failed;      /* etcd's own refusal: `code` as of gRPC, and words */
    int code;
    char text[WIRE_TEXT_BYTES_MAX + 1];
    bool succeeded;                           /* of a transaction */
    int64_t count;                            /* of a range */
    bool more;                                /* of a range with a limit: there are more */
    int64_t lease, ttl;                       /* ttl 0: the lease is gone */
    char token[WIRE_TEXT_BYTES_MAX + 1];      /* of an authentication */
    char version[WIRE_TEXT_BYTES_MAX + 1];    /* of a version: the member's */
    char cluster_id[WIRE_TEXT_BYTES_MAX + 1]; /* tells one cluster from another */
    bool created, cancelled;                  /* of a watch */
    int64_t compacted;                        /* why it was cancelled: history before this is gone */
    size_t events;                            /* keys told by this message */
};

/* gRPC's codes that matter. */
enum wire_code {
    WIRE_INVALID_ARGUMENT = 3,
    WIRE_NOT_FOUND = 5, /* a lease that is gone */
    WIRE_PERMISSION_DENIED = 7,
    WIRE_FAILED_PRECONDITION = 9,
    WIRE_OUT_OF_RANGE = 11, /* of a revision that was compacted, or lies ahead */
    WIRE_UNAVAILABLE = 14,
    WIRE_UNAUTHENTICATED = 16,
};

/* Called for every key of a message in its order, then for the message. Not 0 ends the reading, and is
 * returned by wire_reader_feed. */
struct wire_told {
    int (*kv)(void *data, const struct wire_kv *kv);
    int (*message)(void *data, const struct wire_message *message);
    void *data;
};

struct wire_reader;
/* NULL without memory. */
struct wire_reader *wire_reader_create(const struct wire_told *told);
void wire_reader_destroy(struct wire_reader *reader);

/* The next bytes of an answer, cut anywhere; a watch has many messages. ERROR_INVALID (not etcd's),
 * ERROR_TOO_DEEP, ERROR_TOO_LARGE (a key or value), ERROR_NO_MEMORY, with words in *ret_detail. */
int wire_reader_feed(struct wire_reader *reader, const char *bytes, size_t count,
                     struct error_detail *ret_detail);
/* The answer is over: ERROR_INVALID if it ends within a message. */
int wire_reader_end(struct wire_reader *reader, struct error_detail *ret_detail);

#endif
