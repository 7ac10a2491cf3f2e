#include "common/licence_key.h"
#include "tests/unit/unit.h"

#include <sodium.h>
#include <string.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void generated_keys_are_read_back(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char key[LICENCE_KEY_TEXT_BYTES], again[LICENCE_KEY_TEXT_BYTES];
        licence_key_generate(key);
        assert_int_equal(strlen(key), 29);
        assert_true(licence_key_parse(key, again));
        assert_string_equal(key, again);
    }
}

static void spelling_does_not_matter(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "00000-11111-ABCDE-FGHJK-MNP23",     "00000-11111-abcde-fghjk-mnp23", "0000011111ABCDEFGHJKMNP23",
        " 00000 11111 ABCDE FGHJK MNP23 ",   "OOOOO-IIIII-ABCDE-FGHJK-MNP23", "oo0Oo-ilLI1-abcde-fghjk-mnp23",
        "0-0-0-0-0--11111ABCDEFGHJKMNP2-3-",
    };
    for (size_t i = 0; i < COUNT(spellings); i++) {
        char key[LICENCE_KEY_TEXT_BYTES];
        assert_true(licence_key_parse(spellings[i], key));
        assert_string_equal(key, spellings[0]);
    }
}

static void other_texts_are_no_keys(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "-----",
        "00000-11111-ABCDE-FGHJK-MNP2",
        "00000-11111-ABCDE-FGHJK-MNP230",
        "00000-11111-ABCDE-FGHJK-MNP2U",
        "00000-11111-ABCDE-FGHJK-MNP2\xC3\xBC",
        "00000_11111_ABCDE_FGHJK_MNP23",
        "00000-11111-ABCDE-FGHJK-MNP24",
        "ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        char key[LICENCE_KEY_TEXT_BYTES] = "untouched";
        assert_false(licence_key_parse(texts[i], key));
        assert_string_equal(key, "untouched");
    }
}

static void every_single_mistake_is_noticed(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        char key[LICENCE_KEY_TEXT_BYTES], other[LICENCE_KEY_TEXT_BYTES];
        licence_key_generate(key);
        for (size_t at = 0; at < strlen(key); at++) {
            char right = key[at];
            for (size_t i = 0; i < 32 && right != '-'; i++) {
                key[at] = digits[i];
                assert_int_equal(licence_key_parse(key, other), digits[i] == right);
            }
            key[at] = right;
        }
    }
}

static void every_swap_of_two_random_digits_is_noticed(void **state)
{
    (void)state;
    char key[LICENCE_KEY_TEXT_BYTES], other[LICENCE_KEY_TEXT_BYTES];
    licence_key_generate(key);
    for (size_t a = 0; a < 27; a++) {
        for (size_t b = a + 1; b < 27; b++) {
            if (key[a] == key[b] || key[a] == '-' || key[b] == '-')
                continue;
            char swapped[LICENCE_KEY_TEXT_BYTES];
            strcpy(swapped, key);
            swapped[a] = key[b];
            swapped[b] = key[a];
            assert_false(licence_key_parse(swapped, other));
        }
    }
}

static void masks_all_but_the_first_group(void **state)
{
    (void)state;
    char text[LICENCE_KEY_TEXT_BYTES];
    licence_key_masked("00000-11111-ABCDE-FGHJK-MNP23", text);
    assert_string_equal(text, "00000-\xE2\x80\xA6");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_keys_are_read_back),
        cmocka_unit_test(spelling_does_not_matter),
        cmocka_unit_test(other_texts_are_no_keys),
        cmocka_unit_test(every_single_mistake_is_noticed),
        cmocka_unit_test(every_swap_of_two_random_digits_is_noticed),
        cmocka_unit_test(masks_all_but_the_first_group),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
