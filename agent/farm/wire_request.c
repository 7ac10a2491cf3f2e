#include "wire.h"

#include "common/json.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_BYTES 21 /* of an int64_t as text */

/* etcd's int64 are texts in JSON, as protobuf has them. */
static void put_number(struct json_writer *writer, const char *name, int64_t number)
{
    char text[NUMBER_BYTES];
    (void)snprintf(text, sizeof text, "%" PRId64, number);
    json_text(writer, name, text);
}

static bool put_bytes(struct json_writer *writer, const char *name, const void *bytes, size_t count)
{
    size_t room = sodium_base64_encoded_len(count, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    if (text == NULL)
        return false;
    json_text(writer, name, sodium_bin2base64(text, room, bytes, count, sodium_base64_VARIANT_ORIGINAL));
    free(text);
    return true;
}

static bool put_key(struct json_writer *writer, const char *name, const char *key)
{
    return put_bytes(writer, name, key, strlen(key));
}

/* The first key behind all that begin with `prefix`: its last byte one higher. */
static bool put_prefix_end(struct json_writer *writer, const char *prefix)
{
    size_t bytes = strlen(prefix);
    uint8_t end[WIRE_KEY_BYTES_MAX];
    if (bytes == 0 || bytes > sizeof end)
        return false;
    memcpy(end, prefix, bytes);
    end[bytes - 1]++; /* our keys are ASCII: it never is 0xff */
    return put_bytes(writer, "range_end", end, bytes);
}

/* The least key that is greater is the same with a NUL behind it. */
static bool put_key_behind(struct json_writer *writer, const char *key)
{
    return put_bytes(writer, "key", key, strlen(key) + 1);
}

static char *take(struct json_writer *writer, bool good)
{
    char *text = json_writer_take(writer);
    if (good)
        return text;
    free(text);
    return NULL;
}

/* ---- transactions -------------------------------------------------------------------------------------- */

static bool put_compare(struct json_writer *writer, const struct wire_compare *compare)
{
    static const char *const targets[] = {
        [WIRE_VERSION] = "VERSION", [WIRE_CREATE] = "CREATE", [WIRE_MOD] = "MOD", [WIRE_LEASE] = "LEASE"};
    static const char *const numbers[] = {[WIRE_VERSION] = "version",
                                          [WIRE_CREATE] = "create_revision",
                                          [WIRE_MOD] = "mod_revision",
                                          [WIRE_LEASE] = "lease"};
    json_open_object(writer, NULL);
    bool good = put_key(writer, "key", compare->key);
    json_text(writer, "target", targets[compare->target]);
    json_text(writer, "result", "EQUAL");
    put_number(writer, numbers[compare->target], compare->number);
    json_close_object(writer);
    return good;
}

static bool put_range_members(struct json_writer *writer, const struct wire_op *range)
{
    bool paged = range->prefix && range->after_key != NULL;
    bool good = paged ? put_key_behind(writer, range->after_key) : put_key(writer, "key", range->key);
    if (range->prefix)
        good = put_prefix_end(writer, range->key) && good;
    if (range->revision != 0)
        put_number(writer, "revision", range->revision);
    if (range->limit != 0)
        put_number(writer, "limit", range->limit);
    if (range->count_only)
        json_boolean(writer, "count_only", true);
    return good;
}

static bool put_op(struct json_writer *writer, const struct wire_op *op)
{
    static const char *const names[] = {
        [WIRE_PUT] = "request_put", [WIRE_DELETE] = "request_delete_range", [WIRE_RANGE] = "request_range"};
    bool good = true;
    json_open_object(writer, NULL);
    json_open_object(writer, names[op->type]);
    switch (op->type) {
    case WIRE_PUT:
        good = put_key(writer, "key", op->key) && put_bytes(writer, "value", op->value, op->value_bytes);
        if (op->lease != 0)
            put_number(writer, "lease", op->lease);
        break;
    case WIRE_DELETE:
        good = put_key(writer, "key", op->key) && (!op->prefix || put_prefix_end(writer, op->key));
        break;
    case WIRE_RANGE:
        good = put_range_members(writer, op);
        break;
    }
    json_close_object(writer);
    json_close_object(writer);
    return good;
}

static bool put_ops(struct json_writer *writer, const char *name, const struct wire_op *ops, size_t count)
{
    bool good = true;
    json_open_array(writer, name);
    for (size_t i = 0; i < count; i++)
        good = put_op(writer, &ops[i]) && good;
    json_close_array(writer);
    return good;
}

char *wire_txn_text(const struct wire_txn *txn)
{
    struct json_writer *writer = json_writer_create(false);
    bool good = true;
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_open_array(writer, "compare");
    for (size_t i = 0; i < txn->compare_count; i++)
        good = put_compare(writer, &txn->compares[i]) && good;
    json_close_array(writer);
    good = put_ops(writer, "success", txn->success, txn->success_count) && good;
    good = put_ops(writer, "failure", txn->failure, txn->failure_count) && good;
    json_close_object(writer);
    return take(writer, good);
}

/* ---- others -------------------------------------------------------------------------------------------- */

char *wire_range_text(const struct wire_op *range)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    bool good = put_range_members(writer, range);
    json_close_object(writer);
    return take(writer, good);
}

char *wire_watch_text(const char *prefix, int64_t start_revision)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_open_object(writer, "create_request");
    bool good = put_key(writer, "key", prefix) && put_prefix_end(writer, prefix);
    put_number(writer, "start_revision", start_revision);
    json_boolean(writer, "progress_notify", true);
    json_close_object(writer);
    json_close_object(writer);
    return take(writer, good);
}

/* A request of one number. */
static char *number_text(const char *name, int64_t number)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    put_number(writer, name, number);
    json_close_object(writer);
    return take(writer, true);
}

char *wire_grant_text(int64_t ttl_seconds)
{
    return number_text("TTL", ttl_seconds);
}

char *wire_lease_text(int64_t lease)
{
    return number_text("ID", lease);
}

char *wire_compact_text(int64_t revision)
{
    return number_text("revision", revision);
}

char *wire_authenticate_text(const char *user, const char *password)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer == NULL)
        return NULL;
    json_open_object(writer, NULL);
    json_text(writer, "name", user);
    json_text(writer, "password", password);
    json_close_object(writer);
    return take(writer, true);
}
