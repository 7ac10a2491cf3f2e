/* writer_send.c - changes go to the farm, one transaction at a time. */
#include "writer_private.h"

#include <stdlib.h>
#include <string.h>

#define OPS_MAX (WIRE_OPS_MAX - 1) /* besides the put of seq/H */

/* What goes into one transaction. */
struct parcel {
    const struct kept_change *changes[RECORD_CHANGES_MAX];
    size_t count;
    /* Keys, each with the last change of it. */
    struct record_key keys[OPS_MAX];
    const struct kept_change *lasts[OPS_MAX];
    size_t key_count;
    struct record_value values[OPS_MAX];
};

bool writer_has_to_send(const struct writer *writer)
{
    return writer->unsent != NULL && writer->retold == NULL && writer_may_send(writer, writer->unsent);
}

static bool put_in(const struct writer *writer, struct parcel *parcel, const struct kept_change *kept)
{
    struct record_key key = writer_key(writer, kept);
    size_t place = 0;
    while (place < parcel->key_count && strcmp(parcel->keys[place].text, key.text) != 0)
        place++;
    if (parcel->count == RECORD_CHANGES_MAX || place == OPS_MAX)
        return false;
    if (place == parcel->key_count)
        parcel->keys[parcel->key_count++] = key;
    parcel->lasts[place] = kept;
    parcel->changes[parcel->count++] = kept;
    return true;
}

static void fill(const struct writer *writer, struct parcel *parcel, size_t most)
{
    parcel->count = parcel->key_count = 0;
    for (const struct waiting *waiting = writer->unsent;
         waiting != NULL && parcel->count < most && (waiting->only_kept || writer_may_send(writer, waiting));
         waiting = waiting->next) {
        bool boots = !waiting->only_kept && waiting->kept->type == CHANGE_BOOTED;
        if (waiting->only_kept)
            continue;
        if ((boots && parcel->count > 0) || !put_in(writer, parcel, waiting->kept) || boots)
            break; /* a boot ends what is under prefixes: no other key may stand beside it */
    }
}

/* Up to the end of a batch if one fits in. */
static void choose(const struct writer *writer, struct parcel *parcel)
{
    fill(writer, parcel, RECORD_CHANGES_MAX);
    size_t whole = parcel->count;
    while (whole > 0 && parcel->changes[whole - 1]->more)
        whole--;
    if (whole > 0 && whole < parcel->count)
        fill(writer, parcel, whole);
}

static struct record_value seq_value(const struct writer *writer, const struct parcel *parcel)
{
    struct record_seq *seq = calloc(1, sizeof *seq);
    struct record_value value = {NULL, 0};
    if (seq == NULL)
        return value;
    memcpy(seq->instance, writer->line, sizeof seq->instance);
    seq->through = parcel->changes[parcel->count - 1]->number;
    seq->count = parcel->count;
    for (size_t i = 0; i < parcel->count; i++)
        seq->changes[i] = kept_change(parcel->changes[i]);
    value = record_seq_value(writer->settings.farm, writer->seq_key.text, seq);
    free(seq);
    return value;
}

static bool is_end(const struct kept_change *kept)
{
    return kept->type == CHANGE_SESSION_END || kept->type == CHANGE_BROKER_END;
}

/* The operations of a parcel's keys; false without memory. */
static bool make_ops(const struct writer *writer, struct parcel *parcel, struct wire_op *ops)
{
    for (size_t i = 0; i < parcel->key_count; i++) {
        const char *key = parcel->keys[i].text;
        struct change change = kept_change(parcel->lasts[i]);
        ops[i] = (struct wire_op){.type = WIRE_DELETE, .key = key};
        if (is_end(parcel->lasts[i]))
            continue;
        if (change.type == CHANGE_BROKER)
            memcpy(change.told_by, writer->host, sizeof change.told_by);
        parcel->values[i] = record_change_value(writer->settings.farm, key, &change);
        if (parcel->values[i].bytes == NULL)
            return false;
        ops[i] = (struct wire_op){.type = WIRE_PUT,
                                  .key = key,
                                  .value = parcel->values[i].bytes,
                                  .value_bytes = parcel->values[i].count};
    }
    return true;
}

/* RULES §2.8: another boot than the farm knew ends all of this host. */
static size_t add_sweep(const struct writer *writer, const struct parcel *parcel, struct wire_op *ops)
{
    const struct kept_change *kept = parcel->changes[0];
    if (kept->type != CHANGE_BOOTED || writer->farm_boot_id[0] == '\0' ||
        strcmp(writer->farm_boot_id, kept->boot_id) == 0)
        return 0;
    ops[0] = (struct wire_op){.type = WIRE_DELETE, .key = writer->sessions_prefix.text, .prefix = true};
    ops[1] = (struct wire_op){.type = WIRE_DELETE, .key = writer->brokers_prefix.text, .prefix = true};
    return 2;
}

static char *parcel_text(struct writer *writer, struct parcel *parcel)
{
    struct wire_op ops[WIRE_OPS_MAX];
    struct record_value seq = seq_value(writer, parcel);
    bool good = make_ops(writer, parcel, ops) && seq.bytes != NULL;
    size_t count = parcel->key_count;
    count += add_sweep(writer, parcel, ops + count);
    ops[count++] = (struct wire_op){
        .type = WIRE_PUT, .key = writer->seq_key.text, .value = seq.bytes, .value_bytes = seq.count};
    const struct wire_compare compare = {
        .target = WIRE_VERSION, .key = writer->seq_key.text, .number = writer->seq_version};
    const struct wire_op look = {.type = WIRE_RANGE, .key = writer->seq_key.text};
    const struct wire_txn txn = {&compare, 1, ops, &look, count, 1};
    char *text = good ? wire_txn_text(&txn) : NULL;
    for (size_t i = 0; i < parcel->key_count; i++)
        free(parcel->values[i].bytes);
    free(seq.bytes);
    return text;
}

char *writer_send_text(struct writer *writer)
{
    struct parcel *parcel = calloc(1, sizeof *parcel);
    char *text = NULL;
    if (parcel == NULL)
        return NULL;
    choose(writer, parcel);
    if (parcel->count > 0) {
        writer->flying = parcel->changes[parcel->count - 1]->number;
        text = parcel_text(writer, parcel);
    }
    if (text != NULL && writer->flying > writer->sent_through)
        writer->sent_through = writer->flying;
    free(parcel);
    return text;
}

/* It did not hold: an earlier one of this line had happened, whose answer was lost; or seq/H is not what it
 * was. */
static void judge_other(struct writer *writer)
{
    const struct writer_seq *seq = &writer->answer.seq;
    bool ours = seq->is_there && seq->opened && strcmp(seq->line, writer->line) == 0;
    if (ours && seq->version > writer->seq_version && seq->through > writer->through &&
        seq->through <= writer->sent_through) {
        writer->seq_version = seq->version;
        writer_commit(writer, seq->through);
        return;
    }
    writer_look(writer);
}

void writer_judge_send(struct writer *writer)
{
    if (!writer->answer.message.succeeded) {
        judge_other(writer);
        return;
    }
    writer->seq_version++;
    writer_commit(writer, writer->flying);
}
