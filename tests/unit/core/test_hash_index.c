/* The index against chunks that run over, and a random life of it beside an array. */
#include "agent/core/hash_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define SAME_HASH 600u /* more than fill a chunk and than its count of those that went on can tell */
#define MODEL     64u

static bool is_in(const struct hash_index *index, uint32_t hash, uint32_t record)
{
    uint32_t position = hash_index_home(index, hash), candidate;
    while ((candidate = hash_index_candidate(index, hash, &position)) != HASH_INDEX_NONE)
        if (candidate == record)
            return true;
    return false;
}

static void nothing_is_in_an_empty_index(void **state)
{
    (void)state;
    struct hash_index index = {0};
    hash_index_prefetch(&index, 1);
    assert_false(is_in(&index, 1, 0));
    assert_int_equal(hash_index_bytes(&index), 0);
    hash_index_finish(&index);
}

static void one_hash_for_all(void **state)
{
    static const uint32_t hashes[] = {0, 0x12345678, UINT32_MAX}; /* first, some and last chunk */
    (void)state;
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        struct hash_index index = {0};
        for (uint32_t record = 0; record < SAME_HASH; record++) {
            assert_true(hash_index_reserve(&index));
            hash_index_add(&index, hashes[i], record);
        }
        for (uint32_t record = 0; record < SAME_HASH; record++)
            assert_true(is_in(&index, hashes[i], record));
        assert_false(is_in(&index, hashes[i] ^ 1, 0));
        for (uint32_t record = 0; record < SAME_HASH; record += 2)
            hash_index_remove(&index, hashes[i], record);
        for (uint32_t record = 0; record < SAME_HASH; record++)
            assert_int_equal(is_in(&index, hashes[i], record), record % 2);
        assert_int_equal(index.count, SAME_HASH / 2);
        hash_index_finish(&index);
    }
}

/* What came and went leaves no mark: a search ends in its own chunk again. */
static void churn_leaves_no_mark(void **state)
{
    (void)state;
    struct hash_index index = {0};
    for (uint32_t round = 0; round < 1000; round++) {
        for (uint32_t record = 0; record < HASH_CHUNK_SLOTS + 3; record++) {
            assert_true(hash_index_reserve(&index));
            hash_index_add(&index, 7, record);
        }
        for (uint32_t record = 0; record < HASH_CHUNK_SLOTS + 3; record++)
            hash_index_remove(&index, 7, record);
        for (uint32_t at = 0; at <= index.mask; at++)
            assert_true(index.chunks[at].tags == 0);
    }
    hash_index_finish(&index);
}

static void random_life(void **state)
{
    (void)state;
    struct hash_index index = {0};
    uint32_t hashes[MODEL], chance = 1;
    bool lives[MODEL] = {false};
    for (uint32_t step = 0; step < 100000; step++) {
        chance = chance * 1664525 + 1013904223;
        uint32_t record = chance >> 16 & (MODEL - 1);
        if (lives[record]) {
            hash_index_remove(&index, hashes[record], record);
        } else {
            hashes[record] = (chance >> 24) * 0x01010101u; /* few and alike */
            assert_true(hash_index_reserve(&index));
            hash_index_add(&index, hashes[record], record);
        }
        lives[record] = !lives[record];
        uint32_t asked = chance >> 8 & (MODEL - 1);
        if (step >= MODEL && (lives[asked] || asked == record))
            assert_int_equal(is_in(&index, hashes[asked], asked), lives[asked]);
    }
    hash_index_finish(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_in_an_empty_index),
        cmocka_unit_test(one_hash_for_all),
        cmocka_unit_test(churn_leaves_no_mark),
        cmocka_unit_test(random_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
