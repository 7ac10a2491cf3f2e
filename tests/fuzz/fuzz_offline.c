/* fuzz_offline.c - anything as each of the two files of an offline exchange, and anything as the lines of one
 * whose checksum fits. What is read is written and read again without a difference. */
#include "common/offline.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_BYTES 64

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void request(const char *text, size_t bytes)
{
    struct offline_request read, again;
    struct error_detail detail = {""};
    enum offline_fault fault = offline_request_decode(text, bytes, &read, &detail);
    require((fault == OFFLINE_GOOD) == (detail.text[0] == '\0'));
    if (fault != OFFLINE_GOOD)
        return;
    char *written = offline_request_encode(&read, "token", NULL);
    require(written && offline_request_decode(written, strlen(written), &again, NULL) == OFFLINE_GOOD);
    require(memcmp(&again.activation, &read.activation, sizeof(read.activation)) == 0);
    require(again.window_count == read.window_count && again.serial == read.serial &&
            again.made_ms == read.made_ms);
    for (size_t i = 0; i < read.window_count; i++)
        require(memcmp(&again.windows[i], &read.windows[i], sizeof(read.windows[i])) == 0);
    free(written);
    offline_request_finish(&again);
    offline_request_finish(&read);
}

static void answer(const char *text, size_t bytes, const struct entitlement_signing_key *key)
{
    struct offline_answer *read = malloc(sizeof(*read)), *again = malloc(sizeof(*again));
    struct entitlement_keyring ring = {.keys = {key->key}, .count = 1};
    require(read && again);
    if (offline_answer_decode(text, bytes, read, NULL) == OFFLINE_GOOD) {
        (void)offline_answer_verify(read, &ring, NULL);
        require(ring.count == 1);
        char *written = offline_answer_encode(read, key);
        require(written && offline_answer_decode(written, strlen(written), again, NULL) == OFFLINE_GOOD);
        require(offline_answer_verify(again, &ring, NULL) == 0);
        require(strcmp(again->entitlement, read->entitlement) == 0 && again->key_count == read->key_count);
        require(read->sent_through == 0 || again->refused_count == read->refused_count);
        free(written);
        offline_answer_finish(again);
        offline_answer_finish(read);
    }
    free(read);
    free(again);
}

/* The lines of the data, header and all, in a file that is whole. */
static char *sealed(enum offline_kind kind, const char *data, size_t size)
{
    struct offline_writer *writer = offline_writer_create(kind);
    require(writer);
    for (size_t at = 0; at < size;) {
        const char *line = data + at, *newline = memchr(line, '\n', size - at);
        size_t bytes = newline ? (size_t)(newline - line) : size - at;
        const char *space = memchr(line, ' ', bytes);
        size_t word_bytes = space ? (size_t)(space - line) : bytes;
        char word[WORD_BYTES] = "";
        for (size_t i = 0, to = 0; i < word_bytes && to < sizeof(word) - 1; i++)
            if (line[i] > ' ' && line[i] < 0x7F)
                word[to++] = line[i];
        if (word[0])
            offline_write(writer, word, "%.*s", space ? (int)(bytes - word_bytes) : 0, space ? space : "");
        at += bytes + 1;
    }
    return offline_writer_take(writer, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char seed[crypto_sign_SEEDBYTES] = {1};
    struct entitlement_signing_key key = {.key.kid = "fuzz"};
    require(entitlement_init() == 0);
    crypto_sign_seed_keypair(key.key.public_key, key.secret_key, seed);
    request((const char *)data, size);
    answer((const char *)data, size, &key);
    char *file = sealed(OFFLINE_REQUEST, (const char *)data, size);
    require(file);
    request(file, strlen(file));
    free(file);
    file = sealed(OFFLINE_ANSWER, (const char *)data, size);
    require(file);
    answer(file, strlen(file), &key);
    free(file);
    return 0;
}
