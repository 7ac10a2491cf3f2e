#include "keyed_hash.h"

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of one number: a pseudorandom function of the seed, so keys cannot be told from chance. */
static uint64_t sip(const uint64_t seed[2], uint64_t number)
{
    const uint64_t length = UINT64_C(8) << 56;
    uint64_t v[4] = {seed[0] ^ UINT64_C(0x736f6d6570736575), seed[1] ^ UINT64_C(0x646f72616e646f6d),
                     seed[0] ^ UINT64_C(0x6c7967656e657261), seed[1] ^ UINT64_C(0x7465646279746573)};
    const uint64_t words[] = {number, length};
    for (int i = 0; i < 2; i++) {
        v[3] ^= words[i];
        sip_round(v);
        sip_round(v);
        v[0] ^= words[i];
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void keyed_hash_expand(const uint8_t seed[KEYED_HASH_SEED_BYTES], struct keyed_hash_keys *ret_keys)
{
    uint64_t words[2];
    memcpy(words, seed, sizeof words);
    for (uint64_t i = 0; i < KEYED_HASH_KEYS; i++)
        ret_keys->keys[i] = sip(words, i);
}
