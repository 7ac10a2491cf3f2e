#include "common/entitlement.h"
#include "common/json.h"
#include "tests/unit/unit.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Signed with the seed 00 01 … 1f; the signature was checked with OpenSSL. */
static const char known_key[] = "test-1:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg";
static const char known_text[] =
    "fg1.test-1."
    "eyJmYXJtX2lkIjoiZi0wMTIzNDU2Nzg5IiwiaW5zdGFsbGF0aW9uX2lkIjoiaS1hYmNkZWYiLCJzZXJpYWwiOjE3NjcyMjU2MDAxMjMs"
    "InN0YXR1"
    "cyI6ImFjdGl2ZSIsInJlYXNvbiI6IiIsImxpbWl0IjoyNSwicHVyY2hhc2VzIjozLCJ0cmlhbCI6ZmFsc2UsImV4cGlyZXNfYXQiOm51"
    "bGwsImlz"
    "c3VlZF9hdCI6IjIwMjYtMDEtMDFUMDA6MDA6MDAuMTIzWiIsInJlZnJlc2hfYnkiOiIyMDI2LTAxLTMxVDAwOjAwOjAwLjEyM1oifQ."
    "5anJiH_AkYJ1yWa1eau03ytZGpu9jh07kU8ZR3JAu3TmVsVnynOMm1GPfTkOq9CugVVYK6JSUXLNTBnB1JdVBA";

static const struct entitlement known = {
    .farm_id = "f-0123456789",
    .installation_id = "i-abcdef",
    .serial = 1767225600123,
    .status = ENTITLEMENT_STANDS,
    .limit = 25,
    .purchases = 3,
    .issued_at_ms = 1767225600123,
    .refresh_by_ms = 1769817600123,
};

static struct entitlement_signing_key signing_key(const char *kid, unsigned char first)
{
    struct entitlement_signing_key key = {0};
    unsigned char seed[crypto_sign_SEEDBYTES];
    for (size_t i = 0; i < sizeof(seed); i++)
        seed[i] = (unsigned char)(first + i);
    strcpy(key.key.kid, kid);
    crypto_sign_seed_keypair(key.key.public_key, key.secret_key, seed);
    return key;
}

static struct entitlement_keyring ring_of(struct entitlement_signing_key key)
{
    struct entitlement_keyring ring = {.count = 1};
    ring.keys[0] = key.key;
    return ring;
}

static int verify(const char *text, const struct entitlement_keyring *ring, struct entitlement *ret)
{
    struct error_detail detail = {""};
    int error = entitlement_verify(text, strlen(text), ring, ret, &detail);
    assert_int_equal(error == 0, detail.text[0] == '\0');
    return error;
}

static void signs_and_verifies_a_known_document(void **state)
{
    (void)state;
    struct entitlement_signing_key key = signing_key("test-1", 0);
    struct entitlement_keyring ring = ring_of(key);
    struct entitlement read = {0};
    char text[ENTITLEMENT_BYTES_MAX + 1];
    assert_int_equal(entitlement_sign(&known, &key, text, sizeof(text)), 0);
    assert_string_equal(text, known_text);
    assert_int_equal(verify(text, &ring, &read), 0);
    assert_memory_equal(&read, &known, sizeof(read));
}

static void every_field_goes_there_and_back(void **state)
{
    (void)state;
    struct entitlement_signing_key key = signing_key("k", 7);
    struct entitlement_keyring ring = ring_of(key);
    struct entitlement read = {0}, full = {.farm_id = "f",
                                           .installation_id = "i",
                                           .serial = INT64_MAX,
                                           .status = ENTITLEMENT_REVOKES,
                                           .reason = "key \"moved\"",
                                           .limit = UINT32_MAX,
                                           .purchases = INT64_MAX,
                                           .trial = true,
                                           .expires_at_ms = 1,
                                           .issued_at_ms = 2,
                                           .refresh_by_ms = 3};
    char text[ENTITLEMENT_BYTES_MAX + 1];
    assert_int_equal(entitlement_sign(&full, &key, text, sizeof(text)), 0);
    assert_int_equal(verify(text, &ring, &read), 0);
    assert_memory_equal(&read, &full, sizeof(read));
}

static void any_changed_byte_is_refused(void **state)
{
    (void)state;
    struct entitlement_keyring ring = ring_of(signing_key("test-1", 0));
    char text[sizeof(known_text)];
    for (size_t at = 0; at < sizeof(known_text) - 1; at++) {
        for (int bit = 0; bit < 8; bit++) {
            struct entitlement read, untouched;
            memset(&read, 0x5A, sizeof(read));
            untouched = read;
            memcpy(text, known_text, sizeof(text));
            text[at] = (char)(text[at] ^ (1 << bit));
            int error = entitlement_verify(text, sizeof(text) - 1, &ring, &read, NULL);
            assert_true(error == ERROR_INVALID || error == ERROR_SIGNATURE || error == ERROR_UNKNOWN_KEY);
            assert_memory_equal(&read, &untouched, sizeof(read));
        }
    }
}

static void any_cut_or_longer_text_is_refused(void **state)
{
    (void)state;
    struct entitlement_keyring ring = ring_of(signing_key("test-1", 0));
    struct entitlement read;
    for (size_t bytes = 0; bytes < sizeof(known_text) - 1; bytes++)
        assert_true(entitlement_verify(known_text, bytes, &ring, &read, NULL) < 0);
    static const char *const endings[] = {".", "A", "=", "\n", " ", ".x"};
    for (size_t i = 0; i < COUNT(endings); i++) {
        char text[sizeof(known_text) + 4];
        snprintf(text, sizeof(text), "%s%s", known_text, endings[i]);
        assert_int_equal(verify(text, &ring, &read), ERROR_INVALID);
    }
}

static void other_keys_are_refused(void **state)
{
    (void)state;
    struct entitlement read;
    struct entitlement_keyring other_kid = ring_of(signing_key("test-2", 0));
    struct entitlement_keyring other_key = ring_of(signing_key("test-1", 1));
    struct entitlement_keyring empty = {.count = 0};
    assert_int_equal(verify(known_text, &other_kid, &read), ERROR_UNKNOWN_KEY);
    assert_int_equal(verify(known_text, &other_key, &read), ERROR_SIGNATURE);
    assert_int_equal(verify(known_text, &empty, &read), ERROR_UNKNOWN_KEY);
}

static void odd_forms_are_refused(void **state)
{
    (void)state;
    struct entitlement_keyring ring = ring_of(signing_key("test-1", 0));
    struct entitlement read;
    static const char *const texts[] = {
        "",
        ".",
        "...",
        "fg1",
        "fg1.test-1.AA",
        "fg1.test-1.AA.AA",
        "fg1..AA.AA",
        "fg2.test-1.AA.AA",
        "fg1.TEST-1.AA.AA",
        "fg1.test_1.AA.AA",
        "fg1.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.AA.AA",
        "fg1.test-1.A+/A.AA",
        "fg1.test-1.AA==.AA",
        "fg1.test-1.AB.AA",
        "fg1.test-1.A A.AA",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(verify(texts[i], &ring, &read), ERROR_INVALID);
    char *longer = malloc(ENTITLEMENT_BYTES_MAX + 2);
    memset(longer, 'A', ENTITLEMENT_BYTES_MAX + 1);
    longer[ENTITLEMENT_BYTES_MAX + 1] = '\0';
    assert_int_equal(verify(longer, &ring, &read), ERROR_TOO_LARGE);
    free(longer);
}

/* Signs any payload, as only the authority could. */
static void sign_payload(const struct entitlement_signing_key *key, const char *context, const char *prefix,
                         const char *payload, char ret[ENTITLEMENT_BYTES_MAX + 1])
{
    unsigned char message[ENTITLEMENT_BYTES_MAX], signature[crypto_sign_BYTES];
    char encoded[2048], encoded_signature[100];
    int bytes = snprintf((char *)message, sizeof(message), "%s%s\n%s", context, key->key.kid, payload);
    crypto_sign_detached(signature, NULL, message, (unsigned long long)bytes, key->secret_key);
    sodium_bin2base64(encoded, sizeof(encoded), (const unsigned char *)payload, strlen(payload),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_bin2base64(encoded_signature, sizeof(encoded_signature), signature, sizeof(signature),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(ret, ENTITLEMENT_BYTES_MAX + 1, "%s.%s.%s.%s", prefix, key->key.kid, encoded, encoded_signature);
}

#define ENTITLEMENT_CONTEXT "farmgate-entitlement-v1\n"
#define KEY_CONTEXT         "farmgate-key-v1\n"

static void the_payload_is_checked_too(void **state)
{
    (void)state;
    struct entitlement_signing_key key = signing_key("k", 7);
    struct entitlement_keyring ring = ring_of(key);
    static const char head[] =
        "\"farm_id\":\"f\",\"installation_id\":\"i\",\"serial\":1,\"status\":\"active\",";
    static const char rest[] =
        "\"reason\":null,\"limit\":1,\"purchases\":0,\"trial\":false,\"expires_at\":null,"
        "\"issued_at\":\"2026-01-01T00:00:00Z\"";
    static const char refresh[] = "\"refresh_by\":\"2026-01-01T00:00:00Z\"";
    static const struct {
        const char *format;
        int error;
    } cases[] = {
        {"{%s%s,%s}", 0},
        {"{%s%s,%s,\"later\":{\"limit\":[9]}}", 0},
        {"{%s%s}", ERROR_INVALID},
        {"{%s%s,%s,\"limit\":2}", ERROR_INVALID},
        {"{%s%s,%s}x", ERROR_INVALID},
        {"[%s%s,%s]", ERROR_INVALID},
        {"", ERROR_INVALID},
        {"{\"limit\":1.0,%s%s,%s}", ERROR_INVALID},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char payload[1024], text[ENTITLEMENT_BYTES_MAX + 1];
        struct entitlement read = {0};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
        snprintf(payload, sizeof(payload), cases[i].format, head, rest, refresh);
#pragma GCC diagnostic pop
        sign_payload(&key, ENTITLEMENT_CONTEXT, "fg1", payload, text);
        assert_int_equal(verify(text, &ring, &read), cases[i].error);
        assert_int_equal(read.limit, cases[i].error == 0 ? 1 : 0);
        assert_int_equal(read.expires_at_ms, 0);
    }
}

static void what_no_reader_takes_is_not_signed(void **state)
{
    (void)state;
    struct entitlement_signing_key key = signing_key("k", 7);
    char text[ENTITLEMENT_BYTES_MAX + 1];
    struct entitlement document = known;
    assert_int_equal(entitlement_sign(&document, &key, text, 100), ERROR_TOO_LARGE);
    document.serial = (uint64_t)INT64_MAX + 1;
    assert_int_equal(entitlement_sign(&document, &key, text, sizeof(text)), ERROR_INVALID);
    document = known;
    document.farm_id[0] = '\0';
    assert_int_equal(entitlement_sign(&document, &key, text, sizeof(text)), ERROR_INVALID);
}

static void keys_are_written_and_read(void **state)
{
    (void)state;
    struct entitlement_signing_key key = signing_key("test-1", 0);
    struct entitlement_key read = {0};
    char text[96];
    entitlement_key_format(&key.key, text);
    assert_string_equal(text, known_key);
    assert_int_equal(entitlement_key_parse(text, &read), 0);
    assert_memory_equal(&read, &key.key, sizeof(read));
    static const char *const wrong[] = {
        "",
        ":",
        "test-1",
        "test-1:",
        ":A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
        "Test:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
        "test-1:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMb",
        "test-1:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbgA",
        "test-1:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg ",
        "test-1:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg",
    };
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(entitlement_key_parse(wrong[i], &read), ERROR_INVALID);
}

static void generated_keys_work(void **state)
{
    (void)state;
    struct entitlement_signing_key key;
    struct entitlement read;
    char text[ENTITLEMENT_BYTES_MAX + 1];
    assert_int_equal(entitlement_key_generate("bad kid", &key), ERROR_INVALID);
    assert_int_equal(entitlement_key_generate("2026-01", &key), 0);
    struct entitlement_keyring ring = ring_of(key);
    assert_int_equal(entitlement_sign(&known, &key, text, sizeof(text)), 0);
    assert_int_equal(verify(text, &ring, &read), 0);
}

static void a_successor_key_joins_the_ring(void **state)
{
    (void)state;
    struct entitlement_signing_key first = signing_key("test-1", 0), second = signing_key("test-2", 1),
                                   third = signing_key("test-3", 2), stranger = signing_key("other", 3);
    struct entitlement_keyring ring = ring_of(first);
    struct entitlement read;
    char text[ENTITLEMENT_BYTES_MAX + 1];
    assert_int_equal(entitlement_key_sign(&third.key, 5, &second, text, sizeof(text)), 0);
    assert_int_equal(entitlement_key_accept(text, strlen(text), &ring, NULL), ERROR_UNKNOWN_KEY);
    assert_int_equal(entitlement_key_sign(&second.key, 5, &first, text, sizeof(text)), 0);
    assert_int_equal(entitlement_key_accept(text, strlen(text), &ring, NULL), 0);
    assert_int_equal(entitlement_key_accept(text, strlen(text), &ring, NULL), 0);
    assert_int_equal(ring.count, 2);
    assert_int_equal(entitlement_key_sign(&third.key, 5, &second, text, sizeof(text)), 0);
    assert_int_equal(entitlement_key_accept(text, strlen(text), &ring, NULL), 0);
    assert_int_equal(ring.count, 3);
    assert_int_equal(entitlement_sign(&known, &third, text, sizeof(text)), 0);
    assert_int_equal(verify(text, &ring, &read), 0);
    strcpy(stranger.key.kid, "test-2");
    assert_int_equal(entitlement_key_sign(&stranger.key, 5, &first, text, sizeof(text)), 0);
    assert_int_equal(entitlement_key_accept(text, strlen(text), &ring, NULL), ERROR_INVALID);
    assert_int_equal(ring.count, 3);
}

static void a_full_ring_takes_no_more(void **state)
{
    (void)state;
    struct entitlement_signing_key first = signing_key("test-1", 0);
    struct entitlement_keyring ring = ring_of(first);
    char text[ENTITLEMENT_BYTES_MAX + 1], kid[16];
    for (size_t i = 1; i <= ENTITLEMENT_KEYS_MAX; i++) {
        snprintf(kid, sizeof(kid), "k%zu", i);
        struct entitlement_signing_key key = signing_key(kid, (unsigned char)(i * 8));
        assert_int_equal(entitlement_key_sign(&key.key, 5, &first, text, sizeof(text)), 0);
        assert_int_equal(entitlement_key_accept(text, strlen(text), &ring, NULL),
                         i < ENTITLEMENT_KEYS_MAX ? 0 : ERROR_FULL);
    }
}

static void one_kind_never_passes_for_the_other(void **state)
{
    (void)state;
    struct entitlement_signing_key key = signing_key("k", 7);
    struct entitlement_keyring ring = ring_of(key);
    struct entitlement read;
    char text[ENTITLEMENT_BYTES_MAX + 1];
    static const char payload[] =
        "{\"kid\":\"x\",\"public_key\":\"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg\","
        "\"issued_at\":\"2026-01-01T00:00:00Z\"}";
    static const struct {
        const char *context, *prefix, *payload;
        int error;
    } cases[] = {
        {KEY_CONTEXT, "fgkey1", payload, 0},
        {ENTITLEMENT_CONTEXT, "fgkey1", payload, ERROR_SIGNATURE},
        {KEY_CONTEXT, "fg1", payload, ERROR_INVALID},
        {KEY_CONTEXT, "fgkey1",
         "{\"kid\":\"X\",\"public_key\":\"A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg\","
         "\"issued_at\":\"2026-01-01T00:00:00Z\"}",
         ERROR_INVALID},
        {KEY_CONTEXT, "fgkey1",
         "{\"kid\":\"x\",\"public_key\":\"AA\",\"issued_at\":\"2026-01-01T00:00:00Z\"}", ERROR_INVALID},
        {KEY_CONTEXT, "fgkey1", "{}", ERROR_INVALID},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sign_payload(&key, cases[i].context, cases[i].prefix, cases[i].payload, text);
        assert_int_equal(entitlement_key_accept(text, strlen(text), &ring, NULL), cases[i].error);
        assert_true(verify(text, &ring, &read) < 0);
    }
    assert_int_equal(ring.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_and_verifies_a_known_document),
        cmocka_unit_test(every_field_goes_there_and_back),
        cmocka_unit_test(any_changed_byte_is_refused),
        cmocka_unit_test(any_cut_or_longer_text_is_refused),
        cmocka_unit_test(other_keys_are_refused),
        cmocka_unit_test(odd_forms_are_refused),
        cmocka_unit_test(the_payload_is_checked_too),
        cmocka_unit_test(what_no_reader_takes_is_not_signed),
        cmocka_unit_test(keys_are_written_and_read),
        cmocka_unit_test(generated_keys_work),
        cmocka_unit_test(a_successor_key_joins_the_ring),
        cmocka_unit_test(a_full_ring_takes_no_more),
        cmocka_unit_test(one_kind_never_passes_for_the_other),
    };
    if (entitlement_init() != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
