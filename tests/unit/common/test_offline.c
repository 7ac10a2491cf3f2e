/* The two files of an offline exchange: what is in them goes there and back, survives mail, and is refused by
 * name when it did not. */
#include "common/offline.h"
#include "tests/unit/unit.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define T0    INT64_C(1795312800000)
#define TOKEN "a-token-of-the-farm"

static const struct report_window windows[] = {
    {7, T0, T0 + 1200000, T0 + 312345, 25, 3, 2, 1},
    {8, T0 + 1200000, T0 + 2400000, T0 + 1200000, 0, 0, 0, 1},
    {10, T0 + 2400000, T0 + 3600000, T0 + 2400001, UINT32_MAX, 1, 0, 2},
};

static struct offline_request report_of(size_t count)
{
    struct offline_request request = {.farm_id = "f-1",
                                      .made_ms = T0 + 3600001,
                                      .serial = 42,
                                      .nonce = "00112233445566778899aabbccddeeff",
                                      .windows = windows,
                                      .window_count = count};
    strcpy(request.activation.installation_id, "i-1");
    strcpy(request.activation.farm_name, "B\xC3\xBCro \"North\"  2");
    strcpy(request.activation.app_version, "0.1.0");
    return request;
}

static struct offline_request activation_of(const char *key, bool move)
{
    struct offline_request request = report_of(0);
    request.farm_id[0] = '\0';
    request.serial = 0;
    request.activation.trial = key == NULL;
    request.activation.move = move;
    strcpy(request.activation.license_key, key ? key : "");
    return request;
}

static void hash_of(const char *token, unsigned char ret[OFFLINE_DIGEST_BYTES])
{
    crypto_generichash(ret, OFFLINE_DIGEST_BYTES, (const unsigned char *)token, strlen(token), NULL, 0);
}

/* ---- requests ---- */

static void same_request(const struct offline_request *back, const struct offline_request *request)
{
    assert_memory_equal(&back->activation, &request->activation, sizeof(back->activation));
    assert_string_equal(back->farm_id, request->farm_id);
    assert_string_equal(back->nonce, request->nonce);
    assert_int_equal(back->made_ms, request->made_ms);
    assert_int_equal(back->serial, request->serial);
    assert_int_equal(back->window_count, request->window_count);
    for (size_t i = 0; i < request->window_count; i++)
        assert_memory_equal(&back->windows[i], &request->windows[i], sizeof(*windows));
}

static void a_request_goes_there_and_back(void **state)
{
    (void)state;
    const struct offline_request requests[] = {
        report_of(COUNT(windows)), report_of(0), activation_of(NULL, false),
        activation_of("00000-11111-ABCDE-FGHJK-MNPSF", true), activation_of("any", false)};
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct offline_request back;
        char id[OFFLINE_CHECKSUM_BYTES];
        char *text = offline_request_encode(&requests[i], TOKEN, id);
        assert_non_null(text);
        assert_int_equal(offline_request_decode(text, strlen(text), &back, NULL), OFFLINE_GOOD);
        same_request(&back, &requests[i]);
        assert_string_equal(back.id, id);
        assert_int_equal(back.has_proof, requests[i].farm_id[0] != '\0');
        offline_request_finish(&back);
        free(text);
    }
}

static void a_request_can_be_read_by_whoever_guards_the_network(void **state)
{
    (void)state;
    const struct offline_request request = report_of(1);
    char *text = offline_request_encode(&request, TOKEN, NULL);
    static const char wanted[] = "farmgate-offline-request-1\n"
                                 "made 2026-11-22T03:00:00.001Z\n"
                                 "nonce 00112233445566778899aabbccddeeff\n"
                                 "farm-name B\xC3\xBCro \"North\"  2\n"
                                 "app-version 0.1.0\n"
                                 "installation-id i-1\n"
                                 "farm-id f-1\n"
                                 "serial 42\n"
                                 "window 7 2026-11-22T02:00:00.000Z 1200000 25 312345 3 2 1\n"
                                 "proof ";
    assert_memory_equal(text, wanted, sizeof(wanted) - 1);
    assert_null(strstr(text, TOKEN));
    free(text);
}

static void a_years_windows_fit(void **state)
{
    (void)state;
    struct report_window *many = calloc(OFFLINE_WINDOWS_MAX, sizeof(*many));
    assert_non_null(many);
    for (size_t i = 0; i < OFFLINE_WINDOWS_MAX; i++)
        many[i] = (struct report_window){.sequence = MESSAGE_SEQUENCE_MAX - OFFLINE_WINDOWS_MAX + (int64_t)i,
                                         .start_ms = T0 + (int64_t)i * 1200000,
                                         .end_ms = T0 + (int64_t)i * 1200000 + 1200000,
                                         .peak_at_ms = T0 + (int64_t)i * 1200000 + 1199999,
                                         .peak_users = UINT32_MAX,
                                         .users_at_end = UINT32_MAX,
                                         .exempt_peak = UINT32_MAX,
                                         .hosts = UINT32_MAX};
    struct offline_request request = report_of(0), back;
    request.windows = many;
    request.window_count = OFFLINE_WINDOWS_MAX;
    char *text = offline_request_encode(&request, TOKEN, NULL);
    assert_non_null(text);
    assert_true(strlen(text) <= OFFLINE_REQUEST_BYTES_MAX);
    assert_int_equal(offline_request_decode(text, strlen(text), &back, NULL), OFFLINE_GOOD);
    same_request(&back, &request);
    offline_request_finish(&back);
    free(text);
    free(many);
}

static void a_report_is_proved_by_the_token(void **state)
{
    (void)state;
    unsigned char hash[OFFLINE_DIGEST_BYTES], nothing[OFFLINE_DIGEST_BYTES] = {0};
    const struct offline_request request = report_of(2), asked = activation_of(NULL, false);
    struct offline_request back;
    char *text = offline_request_encode(&request, TOKEN, NULL);
    assert_int_equal(offline_request_decode(text, strlen(text), &back, NULL), OFFLINE_GOOD);
    hash_of(TOKEN, hash);
    assert_true(offline_request_proved(&back, hash));
    back.proof[31] ^= 1;
    assert_false(offline_request_proved(&back, hash));
    back.proof[31] ^= 1;
    back.digest[0] ^= 1;
    assert_false(offline_request_proved(&back, hash));
    back.digest[0] ^= 1;
    hash_of("another's", hash);
    assert_false(offline_request_proved(&back, hash));
    assert_false(offline_request_proved(&back, nothing)); /* a farm that has no token */
    offline_request_finish(&back);
    free(text);
    text = offline_request_encode(&asked, TOKEN, NULL);
    assert_int_equal(offline_request_decode(text, strlen(text), &back, NULL), OFFLINE_GOOD);
    assert_false(offline_request_proved(&back, hash));
    offline_request_finish(&back);
    free(text);
}

/* ---- answers ---- */

static struct entitlement_signing_key first_key, second_key;

static const struct offline_refused refusals[] = {
    {3, 3, "overlaps"}, {5, 216, "in_future"}, {217, 217, "too_long"}};

static struct offline_answer *answer_of(bool activation)
{
    struct offline_answer *answer = calloc(1, sizeof(*answer));
    assert_non_null(answer);
    strcpy(answer->request, "0123456789abcdef0123456789abcdef");
    strcpy(answer->installation_id, "i-1");
    strcpy(answer->farm_id, "f-1");
    memset(answer->entitlement, 'e', 700);
    answer->request_made_ms = T0;
    answer->made_ms = T0 + 5;
    answer->refresh_by_ms = T0 + 400 * INT64_C(86400000);
    if (activation) {
        strcpy(answer->farm_token, TOKEN);
        return answer;
    }
    answer->request_serial = 41;
    answer->sent_through = 300;
    answer->accepted_through = 299;
    answer->refused = refusals;
    answer->refused_count = COUNT(refusals);
    return answer;
}

static void same_answer(const struct offline_answer *back, const struct offline_answer *answer)
{
    assert_string_equal(back->request, answer->request);
    assert_string_equal(back->installation_id, answer->installation_id);
    assert_string_equal(back->farm_id, answer->farm_id);
    assert_string_equal(back->farm_token, answer->farm_token);
    assert_string_equal(back->entitlement, answer->entitlement);
    assert_int_equal(back->request_made_ms, answer->request_made_ms);
    assert_int_equal(back->request_serial, answer->request_serial);
    assert_int_equal(back->made_ms, answer->made_ms);
    assert_int_equal(back->refresh_by_ms, answer->refresh_by_ms);
    assert_int_equal(back->sent_through, answer->sent_through);
    assert_int_equal(back->accepted_through, answer->accepted_through);
    assert_int_equal(back->key_count, answer->key_count);
    assert_int_equal(back->refused_count, answer->refused_count);
    for (size_t i = 0; i < answer->refused_count; i++) {
        assert_int_equal(back->refused[i].first, answer->refused[i].first);
        assert_int_equal(back->refused[i].last, answer->refused[i].last);
        assert_string_equal(back->refused[i].reason, answer->refused[i].reason);
    }
}

static void an_answer_goes_there_and_back(void **state)
{
    (void)state;
    for (int activation = 0; activation < 2; activation++) {
        struct offline_answer *answer = answer_of(activation), *back = malloc(sizeof(*back));
        struct entitlement_keyring ring = {.keys = {first_key.key}, .count = 1};
        char *text = offline_answer_encode(answer, &first_key);
        assert_non_null(text);
        assert_int_equal(offline_answer_decode(text, strlen(text), back, NULL), OFFLINE_GOOD);
        same_answer(back, answer);
        assert_int_equal(offline_answer_verify(back, &ring, NULL), 0);
        for (const char *line = text; *line; line = strchr(line, '\n') + 1)
            assert_true(strcspn(line, "\n") <= OFFLINE_LINE_BYTES + 1);
        offline_answer_finish(back);
        free(back);
        free(answer);
        free(text);
    }
}

static void an_answer_is_the_authoritys_whole(void **state)
{
    (void)state;
    struct offline_answer *answer = answer_of(false), *back = malloc(sizeof(*back));
    struct entitlement_keyring others = {.keys = {second_key.key}, .count = 1}, same_name = {.count = 1};
    struct error_detail detail;
    same_name.keys[0] = second_key.key;
    strcpy(same_name.keys[0].kid, first_key.key.kid);
    char *text = offline_answer_encode(answer, &first_key);
    assert_int_equal(offline_answer_decode(text, strlen(text), back, NULL), OFFLINE_GOOD);
    assert_int_equal(offline_answer_verify(back, &others, &detail), ERROR_UNKNOWN_KEY);
    assert_non_null(strstr(detail.text, "k1"));
    assert_int_equal(offline_answer_verify(back, &same_name, NULL), ERROR_SIGNATURE);
    offline_answer_finish(back);

    /* somebody else's windows and a checksum that fits them */
    struct entitlement_keyring ring = {.keys = {first_key.key}, .count = 1};
    char seal[ENTITLEMENT_SEAL_BYTES] = "";
    assert_int_equal(offline_answer_decode(text, strlen(text), back, NULL), OFFLINE_GOOD);
    memcpy(seal, back->seal, sizeof(seal));
    offline_answer_finish(back);
    answer->accepted_through++;
    char *forged = offline_answer_encode(answer, &second_key);
    assert_int_equal(offline_answer_decode(forged, strlen(forged), back, NULL), OFFLINE_GOOD);
    memcpy(back->seal, seal, sizeof(seal));
    assert_int_equal(offline_answer_verify(back, &ring, NULL), ERROR_SIGNATURE);
    static const char *const wrong[] = {"", "k1", "k1.", "K1.AAAA", "k1.AAAA", ".", "k1.!"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        strcpy(back->seal, wrong[i]);
        assert_int_equal(offline_answer_verify(back, &ring, NULL), ERROR_INVALID);
    }
    offline_answer_finish(back);
    free(back);
    free(answer);
    free(forged);
    free(text);
}

static void an_answer_brings_the_keys_to_it(void **state)
{
    (void)state;
    struct offline_answer *answer = answer_of(true), *back = malloc(sizeof(*back));
    struct entitlement_keyring ring = {.keys = {first_key.key}, .count = 1}, strangers = {.count = 0};
    assert_int_equal(
        entitlement_key_sign(&second_key.key, T0, &first_key, answer->keys[0], sizeof(answer->keys[0])), 0);
    answer->key_count = 1;
    char *text = offline_answer_encode(answer, &second_key);
    assert_int_equal(offline_answer_decode(text, strlen(text), back, NULL), OFFLINE_GOOD);
    assert_int_equal(offline_answer_verify(back, &strangers, NULL), ERROR_UNKNOWN_KEY);
    assert_int_equal(offline_answer_verify(back, &ring, NULL), 0);
    assert_int_equal(ring.count, 2);
    offline_answer_finish(back);
    free(back);
    free(answer);
    free(text);
}

static void licence_time_stays_where_the_answer_allows(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t request_made, issued_at, now, wanted;
        uint64_t request_serial, serial;
    } cases[] = {
        {"both clocks agree, the file took three days", T0, T0 + 5, T0 + 300, T0 + 300, 0, 0},
        {"the farm's clock was behind", T0 - 900, T0, T0 - 600, T0, 0, 0},
        {"it was behind by less than the file took", T0 - 100, T0, T0 + 200, T0 + 200, 0, 0},
        {"the farm's clock was ahead: at most what has passed since", T0 + 900, T0, T0 + 1000, T0 + 100, 0,
         0},
        {"the same with an entitlement in force", T0 + 900, T0, T0 + 1000, T0 + 100, 8, 8},
        {"ahead, but set right by another answer since", T0 + 900, T0, T0 + 150, T0 + 150, 8, 9},
        {"and that one is never behind this one's date", T0 + 900, T0, T0 - 150, T0, 8, 9},
        {"set back since, though by nobody's word", T0 + 900, T0, T0 + 800, T0, 8, 8},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct offline_answer *answer = answer_of(false);
        answer->request_made_ms = cases[i].request_made;
        answer->request_serial = cases[i].request_serial;
        int64_t got = offline_answer_clock_ms(answer, cases[i].issued_at, cases[i].serial, cases[i].now);
        if (got != cases[i].wanted)
            fail_msg("%s: %lld", cases[i].name, (long long)(got - T0));
        free(answer);
    }
}

/* ---- what happens to files ---- */

static char *report_text(void)
{
    const struct offline_request request = report_of(COUNT(windows));
    char *text = offline_request_encode(&request, TOKEN, NULL);
    assert_non_null(text);
    return text;
}

static enum offline_fault fault_of(const char *text, size_t bytes)
{
    struct offline_request back;
    struct error_detail detail = {""};
    enum offline_fault fault = offline_request_decode(text, bytes, &back, &detail);
    if (fault == OFFLINE_GOOD)
        offline_request_finish(&back);
    assert_int_equal(fault == OFFLINE_GOOD, detail.text[0] == '\0');
    return fault;
}

/* Every newline becomes `end`; `before` and `after` stand around the whole. */
static char *mailed(const char *text, const char *before, const char *end, const char *after)
{
    char *mail = malloc(3 * strlen(text) + 64), *to = mail + sprintf(mail, "%s", before);
    for (; *text; text++)
        to += *text == '\n' ? sprintf(to, "%s", end) : sprintf(to, "%c", *text);
    (void)sprintf(to, "%s", after);
    return mail;
}

static void a_file_survives_mail(void **state)
{
    (void)state;
    char *text = report_text();
    static const char *const ways[][3] = {{"", "\r\n", ""},
                                          {"\xEF\xBB\xBF", "\n", ""},
                                          {"\n\n", "\n\n", "\n \n"},
                                          {"", " \t\n", "  "},
                                          {"", "\r\r\n", "\r\n\r\n"}};
    for (size_t i = 0; i < COUNT(ways); i++) {
        char *mail = mailed(text, ways[i][0], ways[i][1], ways[i][2]);
        assert_int_equal(fault_of(mail, strlen(mail)), OFFLINE_GOOD);
        free(mail);
    }
    assert_int_equal(fault_of(text, strlen(text) - 1), OFFLINE_GOOD); /* without its last newline */
    free(text);
}

static void a_torn_file_is_named(void **state)
{
    (void)state;
    char *text = report_text();
    size_t header = strlen("farmgate-offline-request-1");
    for (size_t bytes = 0; bytes + 1 < strlen(text); bytes++) {
        enum offline_fault fault = fault_of(text, bytes);
        if (bytes < strlen("farmgate-offline-request-"))
            assert_int_equal(fault, OFFLINE_NO_FILE);
        else if (bytes >= header)
            assert_int_equal(fault, OFFLINE_CUT);
        else
            assert_int_equal(fault, OFFLINE_NEWER); /* no version any more */
    }
    free(text);
}

static void a_changed_file_is_named(void **state)
{
    (void)state;
    char *text = report_text();
    size_t length = strlen(text), checksum = (size_t)(strstr(text, "checksum ") - text);
    for (size_t i = strlen("farmgate-offline-request-1\n"); i < length - 1; i++) {
        char before = text[i];
        text[i] = before == 'x' ? 'y' : 'x';
        enum offline_fault fault = fault_of(text, length);
        if (before == '\n' && i == checksum - 1)
            assert_int_equal(fault, OFFLINE_CUT); /* the last line is no checksum any more */
        else if (i >= checksum && i < checksum + strlen("checksum "))
            assert_int_equal(fault, OFFLINE_CUT);
        else
            assert_int_equal(fault, OFFLINE_DAMAGED);
        text[i] = before;
    }
    text[checksum - 5] = '\0';
    assert_int_equal(fault_of(text, length), OFFLINE_DAMAGED);
    free(text);
}

static void a_wrong_file_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum offline_fault fault;
    } cases[] = {
        {"", OFFLINE_NO_FILE},
        {"\n\r\n \n", OFFLINE_NO_FILE},
        {"{\"license_key\":\"x\"}", OFFLINE_NO_FILE},
        {"farmgate-offline-letter-1\nchecksum 00\n", OFFLINE_NO_FILE},
        {"farmgate-offline-request-2\n", OFFLINE_NEWER},
        {"farmgate-offline-request-11\n", OFFLINE_NEWER},
        {"farmgate-offline-answer-1\n", OFFLINE_OTHER_KIND},
        {"farmgate-offline-answer-2\n", OFFLINE_OTHER_KIND},
        {"farmgate-offline-request-1\n", OFFLINE_CUT},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(fault_of(cases[i].text, strlen(cases[i].text)), cases[i].fault);
    char *large = calloc(1, OFFLINE_REQUEST_BYTES_MAX + 1);
    assert_int_equal(fault_of(large, OFFLINE_REQUEST_BYTES_MAX + 1), OFFLINE_TOO_LARGE);
    free(large);
    for (int fault = OFFLINE_NO_FILE; fault < OFFLINE_FAULT_MAX; fault++) {
        assert_true(offline_fault_code((enum offline_fault)fault)[0] != '\0');
        assert_true(offline_fault_text((enum offline_fault)fault)[0] != '\0');
    }
}

/* ---- what must stand in a whole file ---- */

/* A file of these lines ("word value\n…") whose checksum fits. */
static char *file_of(enum offline_kind kind, const char *lines)
{
    struct offline_writer *writer = offline_writer_create(kind);
    while (*lines) {
        char word[64], value[256];
        size_t bytes = strcspn(lines, "\n"), word_bytes = strcspn(lines, " \n");
        (void)snprintf(word, sizeof(word), "%.*s", (int)word_bytes, lines);
        (void)snprintf(value, sizeof(value), "%.*s", (int)(bytes - word_bytes), lines + word_bytes);
        offline_write(writer, word, "%s", value);
        lines += bytes + 1;
    }
    return offline_writer_take(writer, NULL);
}

#define HEAD  "made 2026-11-22T03:00:00Z\nnonce 00112233445566778899aabbccddeeff\ninstallation-id i\n"
#define PROOF "proof 0000000000000000000000000000000000000000000000000000000000000000\n"
#define W1    "window 1 2026-11-22T02:00:00.000Z 1200000 25 312345 3 2 1\n"

static void a_request_says_what_it_must(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *detail; /* NULL: nothing is wrong */
    } cases[] = {
        {HEAD "trial\n", NULL},
        {HEAD "trial\nfuture words of all kinds\nlonely\n", NULL},
        {HEAD "farm-id f\n" W1 PROOF, NULL},
        {HEAD, "one of license-key"},
        {"trial\n", "made: missing"},
        {"made now\n", "made: not what"},
        {HEAD "made 2026-11-22T03:00:00Z\ntrial\n", "made: there twice"},
        {"made 2026-11-22T03:00:00Z\nnonce 0011\n", "nonce: not what"},
        {"made 2026-11-22T03:00:00Z\nnonce 0011223344556677889 aabbccddeeff\n", "nonce: not what"},
        {HEAD "trial yes\n", "trial: not what"},
        {HEAD "trial\nlicense-key x\n", "one of license-key"},
        {HEAD "trial\nfarm-id f\n" PROOF, "one of license-key"},
        {HEAD "farm-id\n", "farm-id: not what"},
        {HEAD "trial\n" W1, "an activation has neither"},
        {HEAD "trial\n" PROOF, "an activation has neither"},
        {HEAD "farm-id f\n", "proof: must be there"},
        {HEAD "farm-id f\n" PROOF "later words\n", "proof: must be there, and the last"},
        {HEAD "farm-id f\nmove\n" PROOF, "move: only"},
        {HEAD "farm-id f\nproof 00\n", "proof: not what"},
        {HEAD "farm-id f\nproof zz\n", "proof: not what"},
        {HEAD "farm-id f\nserial 0\n" PROOF, "serial: not what"},
        {HEAD "farm-id f\nserial 9223372036854775808\n" PROOF, "serial: not what"},
        {HEAD "farm-id f\n" W1 W1 PROOF, "window: not what"},
        {HEAD "farm-id f\nwindow 1\n" PROOF, "window: not what"},
        {HEAD "farm-id f\nwindow 0 2026-11-22T02:00:00Z 1 1 1 1 1 1\n" PROOF, "window: not what"},
        {HEAD "farm-id f\nwindow 1 2026-11-32T02:00:00Z 1 1 1 1 1 1\n" PROOF, "window: not what"},
        {HEAD "farm-id f\nwindow 4503599627370497 2026-11-22T02:00:00Z 1 1 1 1 1 1\n" PROOF,
         "window: not what"},
        {HEAD "farm-id f\nwindow 1 2026-11-22T02:00:00Z 1 -1 1 1 1 1\n" PROOF, "window: not what"},
        {HEAD "farm-id f\nwindow 1 2026-11-22T02:00:00Z 1 1 1 1 1 1 1\n" PROOF, "window: not what"},
        {HEAD "farm-id f\nwindow 1 2026-11-22T02:00:00Z 1 +1 1 1 1 1\n" PROOF, "window: not what"},
        {HEAD "farm-id f\nwindow 1 2026-11-22T02:00:00Z 1 4294967296 1 1 1 1\n" PROOF, "window: not what"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct offline_request back;
        struct error_detail detail = {""};
        char *text = file_of(OFFLINE_REQUEST, cases[i].lines);
        enum offline_fault fault = offline_request_decode(text, strlen(text), &back, &detail);
        if ((fault == OFFLINE_GOOD) != (cases[i].detail == NULL) ||
            (cases[i].detail && (fault != OFFLINE_INVALID || !strstr(detail.text, cases[i].detail))))
            fail_msg("%s: %d %s", cases[i].lines, fault, detail.text);
        if (fault == OFFLINE_GOOD)
            offline_request_finish(&back);
        free(text);
    }
}

#define ANSWER                                                                                        \
    "made 2026-11-22T03:00:00Z\nrequest 0011\nrequest-made 2026-11-22T03:00:00Z\ninstallation-id i\n" \
    "farm-id f\nentitlement e\n"

#define KEYS_3  "key a\nkey b\nkey c\n"
#define KEYS_15 KEYS_3 KEYS_3 KEYS_3 KEYS_3 KEYS_3
#define KEYS_16 KEYS_15 "key d\n"

static void an_answer_says_what_it_must(void **state)
{
    (void)state;
    static const struct {
        const char *lines, *detail;
    } cases[] = {
        {ANSWER "signature s\n", NULL},
        {ANSWER "sent-through 9\naccepted-through 9\nrefused 1-2 a\nrefused 4-4 b\nsignature s\n", NULL},
        {ANSWER, "signature: missing"},
        {ANSWER "signature s\nlater\n", "signature: must be the last"},
        {"signature s\n", "made: missing"},
        {ANSWER KEYS_16 KEYS_16 KEYS_16 KEYS_15 "signature s\n", NULL},
        {ANSWER KEYS_16 KEYS_16 KEYS_16 KEYS_16 "signature s\n", "key: not what"},
        {ANSWER "request-serial -1\nsignature s\n", "request-serial: not what"},
        {ANSWER "refresh-by never\nsignature s\n", "refresh-by: not what"},
        {ANSWER "sent-through 0\nsignature s\n", "sent-through: not what"},
        {ANSWER "accepted-through x\nsignature s\n", "accepted-through: not what"},
        {ANSWER "refused 2-1 a\nsignature s\n", "refused: not what"},
        {ANSWER "refused 1-2\nsignature s\n", "refused: not what"},
        {ANSWER "refused 0-2 a\nsignature s\n", "refused: not what"},
        {ANSWER "refused 1-2 a\nrefused 2-3 a\nsignature s\n", "refused: not what"},
        {ANSWER
         "refused 1-9223372036854775807 a\nrefused 9223372036854775807-9223372036854775807 b\nsignature s\n",
         "refused: not what"},
    };
    struct offline_answer *back = malloc(sizeof(*back));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error_detail detail = {""};
        char *text = file_of(OFFLINE_ANSWER, cases[i].lines);
        enum offline_fault fault = offline_answer_decode(text, strlen(text), back, &detail);
        if ((fault == OFFLINE_GOOD) != (cases[i].detail == NULL) ||
            (cases[i].detail && (fault != OFFLINE_INVALID || !strstr(detail.text, cases[i].detail))))
            fail_msg("%s: %d %s", cases[i].lines, fault, detail.text);
        if (fault == OFFLINE_GOOD)
            offline_answer_finish(back);
        free(text);
    }
    free(back);
}

static void what_a_line_cannot_hold_is_left_out(void **state)
{
    (void)state;
    struct offline_request request = activation_of("k", false), back;
    strcpy(request.activation.farm_name, "  a\tb\nchecksum 0\r ");
    char *text = offline_request_encode(&request, NULL, NULL);
    assert_int_equal(offline_request_decode(text, strlen(text), &back, NULL), OFFLINE_GOOD);
    assert_string_equal(back.activation.farm_name, "abchecksum 0");
    offline_request_finish(&back);
    free(text);
}

static int make_keys(void **state)
{
    (void)state;
    return entitlement_init() || entitlement_key_generate("k1", &first_key) ||
           entitlement_key_generate("k2", &second_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_there_and_back),
        cmocka_unit_test(a_request_can_be_read_by_whoever_guards_the_network),
        cmocka_unit_test(a_years_windows_fit),
        cmocka_unit_test(a_report_is_proved_by_the_token),
        cmocka_unit_test(an_answer_goes_there_and_back),
        cmocka_unit_test(an_answer_is_the_authoritys_whole),
        cmocka_unit_test(an_answer_brings_the_keys_to_it),
        cmocka_unit_test(licence_time_stays_where_the_answer_allows),
        cmocka_unit_test(a_file_survives_mail),
        cmocka_unit_test(a_torn_file_is_named),
        cmocka_unit_test(a_changed_file_is_named),
        cmocka_unit_test(a_wrong_file_is_named),
        cmocka_unit_test(a_request_says_what_it_must),
        cmocka_unit_test(an_answer_says_what_it_must),
        cmocka_unit_test(what_a_line_cannot_hold_is_left_out),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
