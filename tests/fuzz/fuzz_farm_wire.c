/* fuzz_farm_wire.c - anything as what an etcd answers, to a range, a transaction, a watch: whole and in
 * pieces it tells the same. The first byte says how long the pieces are. */
#include "agent/farm/wire.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES_MAX 64

struct heard {
    uint64_t sum; /* of everything told, in its order */
    size_t events;
    int error;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void add(struct heard *heard, const void *bytes, size_t count)
{
    for (const uint8_t *at = bytes; count > 0; at++, count--)
        heard->sum = (heard->sum ^ *at) * UINT64_C(0x100000001b3);
}

static void add_text(struct heard *heard, const char *text)
{
    require(strlen(text) <= WIRE_KEY_BYTES_MAX);
    add(heard, text, strlen(text) + 1);
}

static int on_kv(void *data, const struct wire_kv *kv)
{
    struct heard *heard = data;
    const int64_t numbers[] = {kv->create_revision, kv->mod_revision, kv->version,
                               kv->lease,           kv->deleted,      (int64_t)kv->response};
    require(kv->value_bytes <= WIRE_VALUE_BYTES_MAX);
    add_text(heard, kv->key);
    if (kv->value_bytes > 0)
        add(heard, kv->value, kv->value_bytes);
    add(heard, numbers, sizeof numbers);
    heard->events++;
    return 0;
}

static int on_message(void *data, const struct wire_message *message)
{
    struct heard *heard = data;
    const int64_t numbers[] = {message->revision, message->failed,    message->code,     message->succeeded,
                               message->count,    message->more,      message->lease,    message->ttl,
                               message->created,  message->cancelled, message->compacted};
    add_text(heard, message->text);
    add_text(heard, message->token);
    add_text(heard, message->version);
    add_text(heard, message->cluster_id);
    add(heard, numbers, sizeof numbers);
    require(message->events == heard->events);
    heard->events = 0;
    return 0;
}

static struct heard read_in_pieces(const char *bytes, size_t count, size_t piece)
{
    struct heard heard = {.sum = 1};
    const struct wire_told told = {on_kv, on_message, &heard};
    struct error_detail detail = {""};
    struct wire_reader *reader = wire_reader_create(&told);
    require(reader != NULL);
    for (size_t at = 0; at < count && heard.error == 0; at += piece)
        heard.error = wire_reader_feed(reader, bytes + at, piece < count - at ? piece : count - at, &detail);
    if (heard.error == 0)
        heard.error = wire_reader_end(reader, &detail);
    require((heard.error == 0) == (detail.text[0] == '\0'));
    wire_reader_destroy(reader);
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const char *bytes = (const char *)data + 1;
    struct heard whole = read_in_pieces(bytes, size - 1, size);
    struct heard pieces = read_in_pieces(bytes, size - 1, 1u + data[0] % PIECE_BYTES_MAX);
    require(whole.sum == pieces.sum && whole.error == pieces.error);
    return 0;
}
