/* fuzz_farm_record.c - anything as each value of a farm's store: sealed with its secret, so that the text
 * within is read, and as it is. What is read is written again, and reads and writes the same from then on. */
#include "agent/farm/checkpoint.h"
#include "agent/farm/farm_verdict.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Reads a value, and writes what was read; no bytes: it cannot be read. */
typedef struct record_value rewrite_fn(const struct record_farm *farm, const struct wire_kv *kv,
                                       struct error_detail *ret_detail);

static struct record_value rewrite_host(const struct record_farm *farm, const struct wire_kv *kv,
                                        struct error_detail *ret_detail)
{
    struct record_host host;
    if (record_host_read(farm, kv, &host, ret_detail) != 0)
        return (struct record_value){NULL, 0};
    require(connection_text_valid(host.host, CONNECTION_HOST_BYTES_MAX));
    return record_host_value(farm, kv->key, &host);
}

static void require_change(const struct change *change)
{
    char *text = change_text(change);
    struct change again;
    require(text != NULL && change->number > 0 && change->type < CHANGE_TYPE_MAX);
    require(change_read(text, strlen(text), &again, NULL) == 0);
    require(again.number == change->number && again.at_ms == change->at_ms && again.type == change->type &&
            again.more == change->more);
    require(connection_text_valid(change->host, CONNECTION_HOST_BYTES_MAX));
    free(text);
}

static struct record_value rewrite_change(const struct record_farm *farm, const struct wire_kv *kv,
                                          struct error_detail *ret_detail)
{
    struct change change;
    if (record_change_read(farm, kv, &change, ret_detail) != 0)
        return (struct record_value){NULL, 0};
    require_change(&change);
    return record_change_value(farm, kv->key, &change);
}

static struct record_value rewrite_seq(const struct record_farm *farm, const struct wire_kv *kv,
                                       struct error_detail *ret_detail)
{
    struct record_value value = {NULL, 0};
    struct record_seq *seq = malloc(sizeof *seq);
    require(seq != NULL);
    if (record_seq_read(farm, kv, seq, ret_detail) == 0) {
        require(seq->count <= RECORD_CHANGES_MAX);
        for (size_t i = 0; i < seq->count; i++) {
            require_change(&seq->changes[i]);
            require(seq->changes[i].number + (seq->count - 1 - i) == seq->through);
        }
        value = record_seq_value(farm, kv->key, seq);
    }
    free(seq);
    return value;
}

static struct record_value rewrite_checkpoint(const struct record_farm *farm, const struct wire_kv *kv,
                                              struct error_detail *ret_detail)
{
    struct checkpoint *checkpoint;
    if (checkpoint_read(farm, kv, &checkpoint, ret_detail) != 0)
        return (struct record_value){NULL, 0};
    require(checkpoint->host_count <= CHECKPOINT_HOSTS_MAX && checkpoint->gap_count <= CHECKPOINT_GAPS_MAX &&
            checkpoint->unsent_count <= CHECKPOINT_SPANS_MAX);
    (void)checkpoint_is_unsent(checkpoint, 1);
    struct record_value value = checkpoint_value(farm, checkpoint);
    free(checkpoint);
    return value;
}

static struct record_value rewrite_verdict(const struct record_farm *farm, const struct wire_kv *kv,
                                           struct error_detail *ret_detail)
{
    struct farm_verdict verdict;
    if (farm_verdict_read(farm, kv, &verdict, ret_detail) != 0)
        return (struct record_value){NULL, 0};
    return farm_verdict_value(farm, &verdict);
}

/* Its key is made of its start. */
static struct record_value rewrite_window(const struct record_farm *farm, const struct wire_kv *kv,
                                          struct error_detail *ret_detail)
{
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    struct window window;
    struct record_value resealed = {NULL, 0};
    if (checkpoint_window_read(farm, kv, farm_id, &window, ret_detail) != 0)
        return resealed;
    struct record_value value = checkpoint_window_value(farm, farm_id, &window);
    struct record_key key = record_window_key(farm, window.start_ms);
    const struct wire_kv made = {.key = key.text, .value = value.bytes, .value_bytes = value.count};
    char *text;
    size_t bytes;
    require(value.bytes != NULL);
    require(record_open(farm, &made, &text, &bytes, ret_detail) == 0);
    resealed = record_seal(farm, kv->key, text, bytes);
    free(text);
    free(value.bytes);
    return resealed;
}

static const struct {
    enum record_kind kind;
    rewrite_fn *rewrite;
} kinds[] = {
    {RECORD_HOST, rewrite_host},       {RECORD_SEQ, rewrite_seq},
    {RECORD_SESSION, rewrite_change},  {RECORD_CHECKPOINT, rewrite_checkpoint},
    {RECORD_VERDICT, rewrite_verdict}, {RECORD_WINDOW, rewrite_window},
};

static struct wire_kv kv_of(const struct record_key *key, const struct record_value *value)
{
    return (struct wire_kv){.key = key->text, .value = value->bytes, .value_bytes = value->count};
}

static void read_sealed(const struct record_farm *farm, size_t kind, const struct record_value *value)
{
    struct record_key key = record_key(farm, kinds[kind].kind, NULL, NULL);
    struct error_detail detail = {""};
    struct wire_kv kv = kv_of(&key, value);
    struct record_value first = kinds[kind].rewrite(farm, &kv, &detail);
    require((first.bytes == NULL) == (detail.text[0] != '\0'));
    if (first.bytes == NULL)
        return;
    kv = kv_of(&key, &first);
    struct record_value second = kinds[kind].rewrite(farm, &kv, &detail);
    char *texts[2];
    size_t bytes[2];
    require(second.bytes != NULL);
    require(record_open(farm, &kv, &texts[0], &bytes[0], &detail) == 0);
    kv = kv_of(&key, &second);
    require(record_open(farm, &kv, &texts[1], &bytes[1], &detail) == 0);
    require(bytes[0] == bytes[1] && memcmp(texts[0], texts[1], bytes[0]) == 0);
    for (size_t i = 0; i < 2; i++)
        free(texts[i]);
    free(first.bytes);
    free(second.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {1};
    struct record_farm farm;
    require(sodium_init() >= 0 && record_farm_init(&farm, "fuzz", secret) == 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct record_key key = record_key(&farm, kinds[i].kind, NULL, NULL);
        struct record_value value = record_seal(&farm, key.text, (const char *)data, size);
        struct error_detail detail;
        require(value.bytes != NULL);
        read_sealed(&farm, i, &value);
        free(value.bytes);
        const struct wire_kv stranger = {.key = key.text, .value = data, .value_bytes = size};
        require(kinds[i].rewrite(&farm, &stranger, &detail).bytes == NULL);
    }
    return 0;
}
