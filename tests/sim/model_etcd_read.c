#include "model_etcd_read.h"

#include "common/json.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 20
#define KEY_TEXT   (4 * (ETCD_KEY_ROOM / 3 + 2))
#define VALUE_TEXT ETCD_TEXT_MAX

struct range_line {
    char key[KEY_TEXT + 1], end[KEY_TEXT + 1];
    char revision[NUMBER_MAX + 1], start_revision[NUMBER_MAX + 1], limit[NUMBER_MAX + 1];
    bool count_only;
};

struct put_line {
    char key[KEY_TEXT + 1];
    char lease[NUMBER_MAX + 1];
    char value[VALUE_TEXT + 1];
};

struct op_line {
    struct range_line range, deleted;
    bool is_range, is_delete, is_put;
    struct put_line put; /* last: it is cleared only as far as it is used */
};

struct compare_line {
    char key[KEY_TEXT + 1];
    int target, result;
    char version[NUMBER_MAX + 1], create[NUMBER_MAX + 1], mod[NUMBER_MAX + 1], lease[NUMBER_MAX + 1];
};

struct txn_line {
    struct json_span compares[ETCD_COMPARE_MAX], branches[2][ETCD_OPS_READ];
    size_t compare_count, counts[2];
};

struct etcd_reader {
    struct json_reader *json;
    struct op_line op;
    struct txn_line txn_line;
    struct etcd_txn txn;
};

#define TEXT(of, json, member, bytes)                                                            \
    {                                                                                            \
        .name = (json), .type = JSON_TEXT, .offset = offsetof(struct of, member), .max = (bytes) \
    }
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define SHAPE(fields)              \
    {                              \
        (fields), COUNT_OF(fields) \
    }

static const struct json_field range_fields[] = {
    TEXT(range_line, "key", key, KEY_TEXT),
    TEXT(range_line, "range_end", end, KEY_TEXT),
    TEXT(range_line, "revision", revision, NUMBER_MAX),
    TEXT(range_line, "start_revision", start_revision, NUMBER_MAX),
    TEXT(range_line, "limit", limit, NUMBER_MAX),
    {.name = "count_only", .type = JSON_BOOLEAN, .offset = offsetof(struct range_line, count_only)},
};
static const struct json_shape range_shape = SHAPE(range_fields);

static const struct json_field put_fields[] = {
    TEXT(put_line, "key", key, KEY_TEXT),
    TEXT(put_line, "lease", lease, NUMBER_MAX),
    TEXT(put_line, "value", value, VALUE_TEXT),
};
static const struct json_shape put_shape = SHAPE(put_fields);

#define OBJECT(of, json, member, is_there, shape_of)                                \
    {                                                                               \
        .name = (json), .type = JSON_OBJECT, .offset = offsetof(struct of, member), \
        .present_offset = offsetof(struct of, is_there), .shape = &(shape_of)       \
    }
static const struct json_field op_fields[] = {
    OBJECT(op_line, "request_range", range, is_range, range_shape),
    OBJECT(op_line, "request_delete_range", deleted, is_delete, range_shape),
    OBJECT(op_line, "request_put", put, is_put, put_shape),
};
static const struct json_shape op_shape = SHAPE(op_fields);

static const char *const targets[] = {"VERSION", "CREATE", "MOD", "LEASE", NULL};
static const char *const results[] = {"EQUAL", NULL};
static const struct json_field compare_fields[] = {
    TEXT(compare_line, "key", key, KEY_TEXT),
    {.name = "target",
     .type = JSON_CHOICE,
     .offset = offsetof(struct compare_line, target),
     .choices = targets,
     .required = true},
    {.name = "result",
     .type = JSON_CHOICE,
     .offset = offsetof(struct compare_line, result),
     .choices = results,
     .required = true},
    TEXT(compare_line, "version", version, NUMBER_MAX),
    TEXT(compare_line, "create_revision", create, NUMBER_MAX),
    TEXT(compare_line, "mod_revision", mod, NUMBER_MAX),
    TEXT(compare_line, "lease", lease, NUMBER_MAX),
};
static const struct json_shape compare_shape = SHAPE(compare_fields);

#define SPANS(json, member, count, room)                                                 \
    {                                                                                    \
        .name = (json), .type = JSON_SPANS, .offset = offsetof(struct txn_line, member), \
        .count_offset = offsetof(struct txn_line, count), .count_max = (room),           \
        .element_bytes = sizeof(struct json_span)                                        \
    }
static const struct json_field txn_fields[] = {
    SPANS("compare", compares, compare_count, ETCD_COMPARE_MAX),
    SPANS("failure", branches[0], counts[0], ETCD_OPS_READ),
    SPANS("success", branches[1], counts[1], ETCD_OPS_READ),
};
static const struct json_shape txn_shape = SHAPE(txn_fields);

struct number_line {
    char id[NUMBER_MAX + 1], ttl[NUMBER_MAX + 1], revision[NUMBER_MAX + 1];
};
static const struct json_field number_fields[] = {
    TEXT(number_line, "ID", id, NUMBER_MAX),
    TEXT(number_line, "TTL", ttl, NUMBER_MAX),
    TEXT(number_line, "revision", revision, NUMBER_MAX),
};
static const struct json_shape number_shape = SHAPE(number_fields);

struct watch_line {
    struct range_line range;
    bool is_there;
};
static const struct json_field watch_fields[] = {
    OBJECT(watch_line, "create_request", range, is_there, range_shape),
};
static const struct json_shape watch_shape = SHAPE(watch_fields);

/* ---- */

static void read_by(struct etcd_reader *reader, const struct json_shape *shape, const char *text,
                    size_t bytes, void *ret)
{
    struct error_detail detail = {""};
    if (json_reader_read(reader->json, shape, text, bytes, ret, &detail, NULL) == 0)
        return;
    (void)fprintf(stderr, "model_etcd: a request that is none: %s\n", detail.text);
    abort();
}

static int64_t number_of(const char *text)
{
    return strtoll(text, NULL, 10);
}

static uint8_t *bytes_of(const char *text, uint8_t *ret, size_t room, size_t *ret_bytes)
{
    if (sodium_base642bin(ret, room, text, strlen(text), NULL, ret_bytes, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        abort();
    return ret;
}

/* True: a NUL stands behind it, so that the range begins with the next. */
static bool key_of(const char *text, char ret[ETCD_KEY_ROOM])
{
    size_t bytes;
    (void)bytes_of(text, (uint8_t *)ret, ETCD_KEY_ROOM - 1, &bytes);
    ret[bytes] = '\0';
    return bytes > 0 && ret[bytes - 1] == '\0';
}

static struct etcd_range range_of(const struct range_line *line)
{
    struct etcd_range range = {.revision = number_of(line->revision) + number_of(line->start_revision),
                               .limit = number_of(line->limit),
                               .count_only = line->count_only};
    range.behind = key_of(line->key, range.key);
    (void)key_of(line->end, range.end);
    return range;
}

static struct etcd_op op_of(struct etcd_reader *reader, const struct json_span *span)
{
    struct op_line *line = &reader->op;
    memset(line, 0, offsetof(struct op_line, put) + offsetof(struct put_line, value) + 1);
    read_by(reader, &op_shape, span->start, span->bytes, line);
    if (line->is_put + line->is_delete + line->is_range != 1)
        abort();
    struct etcd_op op = {.type = WIRE_RANGE};
    if (line->is_range) {
        op.range = range_of(&line->range);
    } else if (line->is_delete) {
        op.type = WIRE_DELETE;
        op.range = range_of(&line->deleted);
    } else {
        size_t room = strlen(line->put.value) + 1;
        op.type = WIRE_PUT;
        op.lease = number_of(line->put.lease);
        (void)key_of(line->put.key, op.range.key);
        op.value = malloc(room);
        if (op.value == NULL)
            abort();
        (void)bytes_of(line->put.value, op.value, room, &op.value_bytes);
    }
    return op;
}

static struct etcd_compare compare_of(struct etcd_reader *reader, const struct json_span *span)
{
    struct compare_line line = {.target = 0};
    read_by(reader, &compare_shape, span->start, span->bytes, &line);
    const char *const numbers[] = {line.version, line.create, line.mod, line.lease};
    struct etcd_compare compare = {.target = (enum wire_target)line.target,
                                   .number = number_of(numbers[line.target])};
    (void)key_of(line.key, compare.key);
    return compare;
}

static void forget_values(struct etcd_txn *txn)
{
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < txn->branches[i].count; k++)
            free(txn->branches[i].ops[k].value);
    txn->branches[0].count = txn->branches[1].count = 0;
}

const struct etcd_txn *etcd_read_txn(struct etcd_reader *reader, const char *text)
{
    struct txn_line *line = &reader->txn_line;
    struct etcd_txn *txn = &reader->txn;
    memset(line, 0, sizeof *line);
    read_by(reader, &txn_shape, text, strlen(text), line);
    forget_values(txn);
    txn->compare_count = line->compare_count;
    for (size_t i = 0; i < line->compare_count; i++)
        txn->compares[i] = compare_of(reader, &line->compares[i]);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < line->counts[i]; k++)
            txn->branches[i].ops[txn->branches[i].count++] = op_of(reader, &line->branches[i][k]);
    return txn;
}

struct etcd_range etcd_read_range(struct etcd_reader *reader, const char *text)
{
    struct range_line line = {.count_only = false};
    read_by(reader, &range_shape, text, strlen(text), &line);
    return range_of(&line);
}

struct etcd_range etcd_read_watch(struct etcd_reader *reader, const char *text)
{
    struct watch_line line = {.is_there = false};
    read_by(reader, &watch_shape, text, strlen(text), &line);
    if (!line.is_there)
        abort();
    return range_of(&line.range);
}

int64_t etcd_read_number(struct etcd_reader *reader, const char *text)
{
    struct number_line line = {.id = ""};
    read_by(reader, &number_shape, text, strlen(text), &line);
    return number_of(line.id) + number_of(line.ttl) + number_of(line.revision);
}

struct etcd_reader *etcd_reader_create(void)
{
    struct etcd_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || (reader->json = json_reader_create()) == NULL)
        abort();
    return reader;
}

void etcd_reader_destroy(struct etcd_reader *reader)
{
    if (reader == NULL)
        return;
    forget_values(&reader->txn);
    json_reader_destroy(reader->json);
    free(reader);
}
