/* keyed_hash.h - NH, the universal hash of UMAC and VMAC: a product of every two words, each masked by a key
 * of its place. Two names chosen without the keys collide with a chance of 2^-64, and a short name costs one
 * or two multiplications; at the end the 128 bits are folded by two keys more.
 *
 * The keys come from a 16-byte seed. Texts are zero-padded to pairs of words, so that ("ab", "c") and
 * ("a", "bc") differ; they hold no NUL. */
#ifndef FARMGATE_CORE_KEYED_HASH_H
#define FARMGATE_CORE_KEYED_HASH_H

#include "text.h"

#define KEYED_HASH_SEED_BYTES 16
#define KEYED_HASH_BYTES_MAX  1664 /* of all texts of one hash, each rounded up to 16 */
#define KEYED_HASH_KEYS       (2 + KEYED_HASH_BYTES_MAX / 8)

/* The sum stays in registers only if the whole is one function. */
#define KEYED_HASH_INLINE static inline __attribute__((always_inline))

__extension__ typedef unsigned __int128 keyed_hash_sum;

struct keyed_hash_keys {
    uint64_t keys[KEYED_HASH_KEYS];
};

struct keyed_hash {
    keyed_hash_sum sum;
    const uint64_t *next; /* keys of the next pair */
};

void keyed_hash_expand(const uint8_t seed[KEYED_HASH_SEED_BYTES], struct keyed_hash_keys *ret_keys);

KEYED_HASH_INLINE void keyed_hash_pair(struct keyed_hash *hash, uint64_t one, uint64_t other)
{
    hash->sum += (keyed_hash_sum)(one + hash->next[0]) * (other + hash->next[1]);
    hash->next += 2;
}

KEYED_HASH_INLINE struct keyed_hash keyed_hash_begin(const struct keyed_hash_keys *keys)
{
    return (struct keyed_hash){0, keys->keys + 2};
}

KEYED_HASH_INLINE void keyed_hash_text(struct keyed_hash *hash, const char *text, size_t bytes)
{
    for (; bytes >= 16; text += 16, bytes -= 16)
        keyed_hash_pair(hash, text_word(text), text_word(text + 8));
    if (bytes >= 8)
        keyed_hash_pair(hash, text_word(text), text_tail(text + 8, bytes - 8));
    else if (bytes > 0)
        keyed_hash_pair(hash, text_tail(text, bytes), 0);
}

KEYED_HASH_INLINE uint32_t keyed_hash_end(const struct keyed_hash_keys *keys, struct keyed_hash hash)
{
    uint64_t low = (uint64_t)hash.sum, high = (uint64_t)(hash.sum >> 64);
    keyed_hash_sum folded = (keyed_hash_sum)(low ^ keys->keys[0]) * (high ^ keys->keys[1]);
    return (uint32_t)((uint64_t)(folded >> 64) ^ (uint64_t)folded);
}

#endif
