/* A farm's windows and days as blobs: what is written is read again, and nothing else is read. */
#include "cloud/store/usage_blob.h"
#include "common/error.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static int begin(void **state)
{
    struct usage *usage = calloc(2, sizeof *usage);
    *state = usage;
    if (usage == NULL)
        return 1;
    for (int i = 0; i < USAGE_WINDOWS_KEPT; i++) {
        int64_t start_ms = INT64_C(1769947200000) + i * INT64_C(1200000);
        usage->windows[i] = (struct usage_window){
            .sequence = 7 + i * 3,
            .start_ms = start_ms,
            .end_ms = start_ms + (i % 5 == 0 ? -77 : 1200000),
            .peak_at_ms = start_ms + i,
            .peak_users = i % 3 == 0 ? (int64_t)UINT32_MAX : i,
            .users_at_end = i,
            .exempt_peak = i % 2,
            .hosts = 4,
            .refusal = (enum usage_refusal)(i % USAGE_REFUSAL_MAX),
        };
    }
    usage->windows[USAGE_WINDOWS_KEPT - 1].sequence = INT64_MAX;
    usage->windows[3].start_ms = -INT64_C(62135596800000);
    usage->windows[4].end_ms = INT64_C(253402300799999);
    usage->window_count = USAGE_WINDOWS_KEPT;
    for (int i = 0; i < USAGE_DAYS_KEPT; i++)
        usage->days[i] = (struct usage_day){-30 + i, i * 1000, INT64_C(1769947200000) + i};
    usage->day_count = USAGE_DAYS_KEPT;
    return 0;
}

static int end(void **state)
{
    free(*state);
    return 0;
}

static void test_what_is_written_is_read_again(void **state)
{
    struct usage *usage = *state, *again = usage + 1;
    unsigned char blob[USAGE_BLOB_BYTES_MAX];

    size_t bytes = usage_blob_write_windows(usage, blob);
    assert_true(bytes < sizeof blob);
    assert_int_equal(usage_blob_read_windows(blob, bytes, again), 0);
    bytes = usage_blob_write_days(usage, blob);
    assert_int_equal(usage_blob_read_days(blob, bytes, again), 0);
    assert_memory_equal(usage, again, sizeof *usage);
}

static void test_a_typical_window_is_small(void **state)
{
    struct usage *usage = *state;
    unsigned char blob[USAGE_BLOB_BYTES_MAX];
    for (int i = 0; i < USAGE_WINDOWS_KEPT; i++) {
        int64_t start_ms = INT64_C(1769947200000) + i * INT64_C(1200000);
        usage->windows[i] = (struct usage_window){.sequence = i + 1,
                                                  .start_ms = start_ms,
                                                  .end_ms = start_ms + 1200000,
                                                  .peak_at_ms = start_ms + 600000,
                                                  .peak_users = 500,
                                                  .users_at_end = 400,
                                                  .exempt_peak = 2,
                                                  .hosts = 10};
    }
    assert_true(usage_blob_write_windows(usage, blob) <= 17 * USAGE_WINDOWS_KEPT);
}

static void test_an_empty_blob_is_an_empty_list(void **state)
{
    struct usage *usage = *state;
    assert_int_equal(usage_blob_read_windows(NULL, 0, usage), 0);
    assert_int_equal(usage_blob_read_days(NULL, 0, usage), 0);
    assert_int_equal(usage->window_count, 0);
    assert_int_equal(usage->day_count, 0);
}

static void test_a_later_form_is_told(void **state)
{
    static const unsigned char blob[] = {2, 1, 2, 3};
    assert_int_equal(usage_blob_read_windows(blob, sizeof blob, *state), ERROR_NEWER);
    assert_int_equal(usage_blob_read_days(blob, sizeof blob, *state), ERROR_NEWER);
}

/* Every cut inside a record is found; every changed byte gives an error or a list in order. */
static void test_damage_does_no_harm(void **state)
{
    struct usage *usage = *state, *again = usage + 1;
    unsigned char blob[USAGE_BLOB_BYTES_MAX], damaged[USAGE_BLOB_BYTES_MAX];
    size_t bytes = usage_blob_write_windows(usage, blob);
    int cuts_found = 0;
    for (size_t cut = 1; cut < bytes; cut++)
        cuts_found += usage_blob_read_windows(blob, cut, again) == ERROR_DAMAGED;
    assert_int_equal(cuts_found, bytes - 1 - USAGE_WINDOWS_KEPT);

    for (size_t at = 1; at < bytes; at++) {
        memcpy(damaged, blob, bytes);
        damaged[at] ^= 0xff;
        again->window_count = 0;
        int error = usage_blob_read_windows(damaged, bytes, again);
        assert_true(error == 0 || error == ERROR_DAMAGED);
        for (size_t i = 1; error == 0 && i < again->window_count; i++)
            assert_true(again->windows[i - 1].sequence < again->windows[i].sequence);
    }

    bytes = usage_blob_write_days(usage, blob);
    for (size_t at = 1; at < bytes; at++) {
        memcpy(damaged, blob, bytes);
        damaged[at] ^= 0xff;
        int error = usage_blob_read_days(damaged, bytes, again);
        assert_true(error == 0 || error == ERROR_DAMAGED);
    }
}

static void test_too_many_are_refused(void **state)
{
    struct usage *usage = *state;
    unsigned char blob[2 * USAGE_BLOB_BYTES_MAX];
    size_t bytes = usage_blob_write_days(usage, blob);
    /* one more day: a day later, peak 0, at 0 */
    static const unsigned char more[] = {2, 0, 0};
    memcpy(blob + bytes, more, sizeof more);
    assert_int_equal(usage_blob_read_days(blob, bytes + sizeof more, usage + 1), ERROR_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read_again, begin, end),
        cmocka_unit_test_setup_teardown(test_a_typical_window_is_small, begin, end),
        cmocka_unit_test_setup_teardown(test_an_empty_blob_is_an_empty_list, begin, end),
        cmocka_unit_test_setup_teardown(test_a_later_form_is_told, begin, end),
        cmocka_unit_test_setup_teardown(test_damage_does_no_harm, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many_are_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
