/* What is handed on for support: names, keys and entitlements taken out of texts, and the archive. */
#include "agent/ctl/support_bundle.h"
#include "agent/ctl/support_names.h"

#include "tests/unit/unit.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static struct support_names *with(const char *const *names)
{
    static const uint8_t key[SUPPORT_NAMES_KEY_BYTES] = {1, 2, 3};
    struct support_names *made = support_names_create(key);
    assert_non_null(made);
    for (; *names; names++)
        assert_true(support_names_add(made, *names));
    return made;
}

/* Texts in which every name is to become P; what they are, with pseudonyms for it. */
static char *masked(struct support_names *names, const char *text, bool json)
{
    char *got = support_names_replace(names, text, json), *at = got;
    assert_non_null(got);
    for (char *found; (found = strstr(at, "person-")); at = found + 1) {
        assert_int_equal(strspn(found + 7, "0123456789abcdefghjkmnpqrstvwxyz"), 8);
        found[0] = 'P';
        memmove(found + 1, found + 15, strlen(found + 15) + 1);
    }
    return got;
}

static void test_replace(void **state)
{
    static const char *const people[] = {"anna",         "anna.lee", "CORP\\bob", "J\u00f6rg",
                                         "o'neil \"x\"", "user",     "a b",       NULL};
    static const struct {
        const char *text, *wanted;
        bool json;
    } cases[] = {
        {"", "", false},
        {"anna", "P", false},
        {"anna left, annabel stays; hanna, anna_1 too", "P left, annabel stays; hanna, anna_1 too", false},
        {"anna.lee and anna.leeds and anna.", "P and P.leeds and P.", false},
        {"/home/anna/x anna@corp", "/home/P/x P@corp", false},
        {"J\u00f6rg J\u00f6rgen", "P J\u00f6rgen", false},
        {"CORP\\bob corp", "P corp", false},
        {"a b a  b", "P a  b", false},
        {"{\"user\":\"anna\",\"text\":\"user anna\",\"anna\":1}",
         "{\"user\":\"P\",\"text\":\"P P\",\"anna\":1}", true},
        {"{\"user\" : \"CORP\\\\bob\"}", "{\"user\" : \"P\"}", true},
        {"{\"user\":\"o'neil \\\"x\\\"\"}", "{\"user\":\"P\"}", true},
        {"x{label=\"anna\"} 1 anna", "x{label=\"P\"} 1 anna", true},
        {"\"anna", "\"P", true}, /* no JSON at all is no reason to tell */
    };
    (void)state;
    struct support_names *names = with(people);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *got = masked(names, cases[i].text, cases[i].json);
        assert_string_equal(got, cases[i].wanted);
        free(got);
    }
    support_names_destroy(names);
}

static void test_stable(void **state)
{
    static const char *const none[] = {NULL};
    static const uint8_t other_key[SUPPORT_NAMES_KEY_BYTES] = {9};
    (void)state;
    struct support_names *first = with(none),
                         *second = with((const char *const[]){"zoe", "anna", "corp\\BOB", "Corp\\bob", NULL});
    struct support_names *other = support_names_create(other_key);
    assert_non_null(other);
    assert_true(support_names_collect(
        first, "{\"users\":[{\"user\":\"anna\",\"why\":[{\"fields\":{\"asked\":\"zoe\"}}]}],"
               "\"counted_as\":\"corp\\\\BOB\",\"host\":\"h1\",\"user\":null,\"next\":\"x\"}\n"
               "{\"user\":[\"list\"]}"));
    assert_true(support_names_add(other, "anna"));
    char *one = support_names_replace(first, "anna zoe corp\\BOB h1 x", false);
    char *two = support_names_replace(second, "anna zoe corp\\BOB h1 x", false);
    char *three = support_names_replace(other, "anna zoe corp\\BOB h1 x", false);
    char *cases = support_names_replace(second, "corp\\BOB Corp\\bob", false);
    assert_string_equal(one, two); /* the same person, whoever else there is */
    assert_non_null(strstr(one, " h1 x"));
    assert_memory_not_equal(one, three, 15); /* another machine's are others */
    assert_memory_equal(cases, cases + 16, 15);
    free(one);
    free(two);
    free(three);
    free(cases);
    support_names_destroy(first);
    support_names_destroy(second);
    support_names_destroy(other);
}

/* What the authority was asked is nobody's name: an archive of a failing report still says report. */
static void test_asked_of_authority(void **state)
{
    static const char json[] =
        "{\"setbacks\":[{\"asked\":\"report\",\"code\":\"unreachable\",\"why\":[{\"text\":\"The report "
        "failed.\",\"fields\":{\"tries\":2}}]}],\"asked\":\"report\"}";
    static const char *const none[] = {NULL};
    (void)state;
    struct support_names *names = with(none);
    assert_true(support_names_collect(names, json));
    char *got = support_names_replace(names, json, true);
    assert_string_equal(got, json);
    free(got);
    support_names_destroy(names);
}

static void test_mask(void **state)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"key K7Q2M-ABCDE-12345-FGHJK-LMNPQ.", "key xxxxx-xxxxx-xxxxx-xxxxx-LMNPQ."},
        {"\"K7Q2M-ABCDE-12345-FGHJK-LMNPQ\"", "\"xxxxx-xxxxx-xxxxx-xxxxx-LMNPQ\""},
        {"K7Q2M-ABCDE-12345-FGHJK-LMNPQR", "K7Q2M-ABCDE-12345-FGHJK-LMNPQR"},
        {"K7Q2M-ABCDE-12345-FGHJK", "K7Q2M-ABCDE-12345-FGHJK"},
        {"fg1.k1.eyJ9_-x.AbC rest", "fg1.xxxxxxxxxxxxxx rest"},
        {"", ""},
    };
    char text[128];
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)snprintf(text, sizeof(text), "%s", cases[i].text);
        support_mask(text);
        assert_string_equal(text, cases[i].wanted);
    }
}

static void test_archive(void **state)
{
    struct support_bundle bundle = {.count = 0};
    char *archive = NULL, *again = NULL, path[] = "/tmp/support-test-XXXXXX";
    char unpacked[8192];
    size_t bytes = 0, again_bytes = 0;
    struct error_detail detail = {""};
    (void)state;
    assert_true(support_bundle_add(&bundle, "one.txt", false, strdup("first")));
    assert_true(support_bundle_add(&bundle, "folder/two.json", true, strdup("{}\n")));
    assert_false(support_bundle_add(&bundle, "none", false, NULL));
    assert_int_equal(support_bundle_pack(&bundle, "top", 1000, &archive, &bytes), 0);
    assert_int_equal(support_bundle_pack(&bundle, "top", 1000, &again, &again_bytes), 0);
    assert_int_equal(bytes, again_bytes);
    assert_memory_equal(archive, again, bytes);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(support_bundle_write(path, archive, bytes, &detail), ERROR_IO); /* it is there */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(support_bundle_write(path, archive, bytes, &detail), 0);
    gzFile file = gzopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(gzread(file, unpacked, sizeof(unpacked)), 4 * 512 + 2 * 512);
    (void)gzclose(file);
    assert_string_equal(unpacked, "top/one.txt");
    assert_memory_equal(unpacked + 257,
                        "ustar\0"
                        "00",
                        8);
    assert_memory_equal(unpacked + 512, "first\0", 6);
    assert_string_equal(unpacked + 1024, "top/folder/two.json");
    assert_int_equal(unlink(path), 0);
    while (bundle.count < SUPPORT_FILES_MAX)
        assert_true(support_bundle_add(&bundle, "more", false, strdup("")));
    assert_false(support_bundle_add(&bundle, "too many", false, strdup("")));
    free(archive);
    free(again);
    support_bundle_finish(&bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_stable),
        cmocka_unit_test(test_asked_of_authority),
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_archive),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
