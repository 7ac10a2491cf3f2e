/* keyed_hash.h - SipHash-1-3 over texts: without the seed nobody can choose names that collide. */
#ifndef FARMGATE_CORE_KEYED_HASH_H
#define FARMGATE_CORE_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEYED_HASH_SEED_BYTES 16

struct keyed_hash {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t keyed_hash_rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void keyed_hash_round(struct keyed_hash *hash)
{
    hash->v0 += hash->v1;
    hash->v1 = keyed_hash_rotate(hash->v1, 13) ^ hash->v0;
    hash->v0 = keyed_hash_rotate(hash->v0, 32);
    hash->v2 += hash->v3;
    hash->v3 = keyed_hash_rotate(hash->v3, 16) ^ hash->v2;
    hash->v0 += hash->v3;
    hash->v3 = keyed_hash_rotate(hash->v3, 21) ^ hash->v0;
    hash->v2 += hash->v1;
    hash->v1 = keyed_hash_rotate(hash->v1, 17) ^ hash->v2;
    hash->v2 = keyed_hash_rotate(hash->v2, 32);
}

static inline void keyed_hash_word(struct keyed_hash *hash, uint64_t word)
{
    hash->v3 ^= word;
    keyed_hash_round(hash);
    hash->v0 ^= word;
}

static inline struct keyed_hash keyed_hash_begin(const uint8_t seed[KEYED_HASH_SEED_BYTES])
{
    uint64_t k0, k1;
    memcpy(&k0, seed, sizeof k0);
    memcpy(&k1, seed + sizeof k0, sizeof k1);
    return (struct keyed_hash){
        .v0 = k0 ^ UINT64_C(0x736f6d6570736575),
        .v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = k1 ^ UINT64_C(0x7465646279746573),
    };
}

/* The last 0..7 bytes of a text without a call or a loop: overlapping halves. */
static inline uint64_t keyed_hash_tail(const char *text, size_t bytes)
{
    if (bytes >= 4) {
        uint32_t low, high;
        memcpy(&low, text, sizeof low);
        memcpy(&high, text + bytes - sizeof high, sizeof high);
        return low | (uint64_t)high << (bytes - 4) * 8;
    }
    if (bytes == 0)
        return 0;
    uint64_t first = (unsigned char)text[0], middle = (unsigned char)text[bytes / 2],
             last = (unsigned char)text[bytes - 1];
    return first | middle << (bytes / 2) * 8 | last << (bytes - 1) * 8;
}

/* Every text ends in a word with its length, so that ("ab", "c") and ("a", "bc") differ. */
static inline void keyed_hash_text(struct keyed_hash *hash, const char *text, size_t bytes)
{
    size_t at = 0;
    for (; at + 8 <= bytes; at += 8) {
        uint64_t word;
        memcpy(&word, text + at, sizeof word);
        keyed_hash_word(hash, word);
    }
    keyed_hash_word(hash, keyed_hash_tail(text + at, bytes - at) | (uint64_t)bytes << 56);
}

static inline uint64_t keyed_hash_end(struct keyed_hash *hash)
{
    hash->v2 ^= 0xff;
    keyed_hash_round(hash);
    keyed_hash_round(hash);
    keyed_hash_round(hash);
    return hash->v0 ^ hash->v1 ^ hash->v2 ^ hash->v3;
}

#endif
