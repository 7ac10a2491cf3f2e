/* test_invitation.c - what a member prints, a new host reads, whatever mail does to it; and what was
 * mutilated is told apart. */
#include "agent/farm/farm_invitation.h"
#include "tests/unit/unit.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

static struct invitation *sample(void)
{
    struct invitation *made = calloc(1, sizeof *made);
    assert_non_null(made);
    strcpy(made->farm_name, "office");
    strcpy(made->endpoints[0], "https://etcd1:2379");
    strcpy(made->endpoints[1], "https://etcd2:2379");
    made->endpoint_count = 2;
    for (size_t i = 0; i < SEAL_SECRET_BYTES; i++)
        made->secret[i] = (uint8_t)(7 * i);
    made->lease_ttl_ms = 15000;
    return made;
}

static struct invitation *whole(void)
{
    struct invitation *made = sample();
    strcpy(made->ca, PEM);
    strcpy(made->certificate, PEM PEM);
    strcpy(made->private_key, "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n");
    made->wants_certificate = true;
    strcpy(made->user, "farm");
    strcpy(made->password, "p\u00e4ss \"w\\ord");
    strcpy(made->authority_url, "https://licences.example");
    strcpy(made->authority_key, "k1:abc");
    made->lease_ttl_ms = 2000;
    return made;
}

/* Frees both. */
static void assert_decodes(struct invitation *wanted, char *text)
{
    struct invitation *got = calloc(1, sizeof *got);
    struct error_detail detail = {""};
    if (farm_invitation_decode(text, strlen(text), got, &detail) != 0)
        fail_msg("%s", detail.text);
    assert_memory_equal(got, wanted, sizeof *got);
    free(text);
    free(wanted);
    free(got);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct invitation *small = sample(), *large = whole();
    assert_decodes(small, farm_invitation_encode(small));
    assert_decodes(large, farm_invitation_encode(large));
}

static void mail_does_it_no_harm(void **state)
{
    (void)state;
    struct invitation *made = whole();
    char *text = farm_invitation_encode(made), *quoted = malloc(3 * strlen(text) + 100), *to = quoted;
    to += sprintf(to, "\xEF\xBB\xBFHi, run this on ts2:\r\n\r\n");
    for (const char *from = text; *from; from++) {
        assert_true(*from == '\n' || strcspn(from, "\n") <= 64);
        to += sprintf(to, *from == '\n' ? " \t\r\n> | " : "%c", *from);
    }
    (void)sprintf(to, "\nThanks, Anna");
    free(text);
    assert_decodes(made, quoted);
}

static void every_mutilation_is_told(void **state)
{
    (void)state;
    struct invitation *made = whole(), *got = calloc(1, sizeof *got), *untouched = calloc(1, sizeof *got);
    char *text = farm_invitation_encode(made);
    size_t bytes = strlen(text), body = strlen(INVITATION_BEGIN) + 1;
    for (size_t i = body; i < bytes - strlen(INVITATION_END) - 1; i++) {
        struct error_detail detail = {""};
        char before = text[i];
        if (before == '\n')
            continue;
        text[i] = before == 'A' ? 'B' : before == '_' ? '!' : 'A';
        assert_int_equal(farm_invitation_decode(text, bytes, got, &detail), ERROR_DAMAGED);
        assert_string_not_equal(detail.text, "");
        text[i] = before;
    }
    for (size_t cut = 0; cut < bytes - 1; cut++) {
        struct error_detail detail = {""};
        char *part = malloc(cut + 1); /* of its own, for what reads too far */
        memcpy(part, text, cut);
        assert_int_equal(farm_invitation_decode(part, cut, got, &detail), ERROR_INVALID);
        assert_non_null(strstr(detail.text, cut < body - 1 ? "no invitation in it"
                                                           : "the end of the invitation is missing"));
        free(part);
    }
    /* a line got lost */
    char *line = strchr(text, '\n') + 1;
    memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n') + 1) + 1);
    assert_int_equal(farm_invitation_decode(text, strlen(text), got, NULL), ERROR_DAMAGED);
    assert_memory_equal(got, untouched, sizeof *got);
    free(text);
    free(made);
    free(got);
    free(untouched);
}

/* A document of any version with a checksum that fits. */
static char *armoured(uint8_t version, const char *json)
{
    uint8_t plain[4096] = {version}, checked[4096] = {version};
    static char text[8192];
    char encoded[6000];
    size_t bytes = strlen(json);
    memcpy(checked + 1, json, bytes);
    (void)crypto_generichash(plain + 1, 16, checked, bytes + 1, NULL, 0);
    memcpy(plain + 17, json, bytes);
    (void)sodium_bin2base64(encoded, sizeof encoded, plain, bytes + 17,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    (void)snprintf(text, sizeof text, "%s%s%s", INVITATION_BEGIN, encoded, INVITATION_END);
    return text;
}

#define SECRET "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e_-A"
#define MUST   "\"farm\":\"f\",\"endpoints\":[\"https://e:1\"],\"secret\":\"" SECRET "\",\"lease_ttl_s\":15"

static void a_document_that_does_not_say_what_it_must_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t version;
        const char *json;
        int error;
        const char *words;
    } cases[] = {
        {1, "{" MUST "}", 0, ""},
        {1, "{" MUST ",\"new\":{\"x\":1}}", 0, ""},
        {2, "{" MUST "}", ERROR_NEWER, "of a newer release than this program"},
        {1, "", ERROR_DAMAGED, "changed on its way"},
        {1, "x", ERROR_INVALID, "does not say what it must"},
        {1, "{}", ERROR_INVALID, "farm"},
        {1, "{\"farm\":\"F/x\",\"endpoints\":[\"https://e:1\"],\"secret\":\"" SECRET "\",\"lease_ttl_s\":15}",
         ERROR_INVALID, "farm: not the name of a farm"},
        {1, "{\"farm\":\"f\",\"endpoints\":[],\"secret\":\"" SECRET "\",\"lease_ttl_s\":15}", ERROR_INVALID,
         "endpoints: none"},
        {1,
         "{\"farm\":\"f\",\"endpoints\":[\"https://e:1\\n\"],\"secret\":\"" SECRET "\",\"lease_ttl_s\":15}",
         ERROR_INVALID, "a control character"},
        {1, "{\"farm\":\"f\",\"endpoints\":[\"https://e:1\"],\"secret\":\"x\",\"lease_ttl_s\":15}",
         ERROR_INVALID, "secret: not one"},
        {1, "{\"farm\":\"f\",\"endpoints\":[\"https://e:1\"],\"secret\":\"" SECRET "\",\"lease_ttl_s\":1}",
         ERROR_INVALID, "lease_ttl_s"},
        {1, "{" MUST ",\"ca\":\"no pem\"}", ERROR_INVALID, "a certificate that is none"},
        {1, "{" MUST ",\"certificate\":\"-----BEGIN X\"}", ERROR_INVALID, "a certificate without its key"},
        {1, "{" MUST ",\"private_key\":\"-----BEGIN X\"}", ERROR_INVALID, "a key without its certificate"},
        {1, "{" MUST ",\"user\":\"u\"}", ERROR_INVALID, "a user without a password"},
        {1, "{" MUST ",\"password\":\"p\"}", ERROR_INVALID, "a password without a user"},
        {1, "{" MUST ",\"user\":\"u\",\"password\":\"p\\nq\"}", ERROR_INVALID, "a control character"},
    };
    struct invitation *got = calloc(1, sizeof *got);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        char *text = armoured(cases[i].version, cases[i].json);
        int error = farm_invitation_decode(text, strlen(text), got, &detail);
        if (error != cases[i].error || !strstr(detail.text, cases[i].words) || strstr(detail.text, SECRET))
            fail_msg("%s: %d %s", cases[i].json, error, detail.text);
    }
    assert_string_equal(got->endpoints[0], "https://e:1");
    farm_invitation_wipe(got);
    assert_true(sodium_is_zero((const unsigned char *)got, sizeof *got));
    farm_invitation_wipe(NULL);
    assert_int_equal(farm_invitation_decode("", INVITATION_BYTES_MAX + 1, got, NULL), ERROR_TOO_LARGE);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(mail_does_it_no_harm),
        cmocka_unit_test(every_mutilation_is_told),
        cmocka_unit_test(a_document_that_does_not_say_what_it_must_is_refused),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
