/* model_etcd_read.h - the requests of wire.h, read again as etcd reads them. */
#ifndef FARMGATE_TESTS_MODEL_ETCD_READ_H
#define FARMGATE_TESTS_MODEL_ETCD_READ_H

#include "agent/farm/wire.h"

#define ETCD_OPS_MAX     128
#define ETCD_TEXT_MAX    (1536 * 1024) /* of a request */
#define ETCD_KEY_ROOM    (WIRE_KEY_BYTES_MAX + 2)
#define ETCD_OPS_READ    (ETCD_OPS_MAX + 8) /* room, so that too many are seen */
#define ETCD_COMPARE_MAX 8

/* Keys from this one on (behind it: without itself) up to `end`, or if `end` is empty this one alone. */
struct etcd_range {
    char key[ETCD_KEY_ROOM], end[ETCD_KEY_ROOM];
    bool behind;
    int64_t revision, limit;
    bool count_only;
};

struct etcd_op {
    enum wire_op_type type;
    struct etcd_range range; /* PUT: its key */
    uint8_t *value;
    size_t value_bytes;
    int64_t lease;
};

struct etcd_compare {
    char key[ETCD_KEY_ROOM];
    enum wire_target target;
    int64_t number;
};

struct etcd_branch {
    struct etcd_op ops[ETCD_OPS_READ];
    size_t count;
};

struct etcd_txn {
    struct etcd_compare compares[ETCD_COMPARE_MAX];
    size_t compare_count;
    struct etcd_branch branches[2]; /* failure, success */
};

struct etcd_reader; /* room for one request at a time */
struct etcd_reader *etcd_reader_create(void);
void etcd_reader_destroy(struct etcd_reader *reader);

/* All abort on what is not a request. The transaction lives until the next call. */
const struct etcd_txn *etcd_read_txn(struct etcd_reader *reader, const char *text);
struct etcd_range etcd_read_range(struct etcd_reader *reader, const char *text);
struct etcd_range etcd_read_watch(struct etcd_reader *reader, const char *text); /* revision: from where on */
/* Of grant, keep alive, revoke, compact: the one number. */
int64_t etcd_read_number(struct etcd_reader *reader, const char *text);

#endif
