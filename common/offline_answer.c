#include "offline.h"

#include "rfc3339.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SEAL_CONTEXT "farmgate-offline-answer-v1\n"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- writing ---- */

static void write_windows(struct offline_writer *writer, const struct offline_answer *answer)
{
    if (answer->sent_through == 0)
        return;
    offline_write(writer, "sent-through", "%" PRId64, answer->sent_through);
    offline_write(writer, "accepted-through", "%" PRId64, answer->accepted_through);
    for (size_t i = 0; i < answer->refused_count; i++) {
        const struct offline_refused *refused = &answer->refused[i];
        offline_write(writer, "refused", "%" PRId64 "-%" PRId64 " %s", refused->first, refused->last,
                      refused->reason);
    }
}

char *offline_answer_encode(const struct offline_answer *answer, const struct entitlement_signing_key *key)
{
    char made[RFC3339_BYTES], seal[ENTITLEMENT_SEAL_BYTES];
    unsigned char digest[OFFLINE_DIGEST_BYTES];
    struct offline_writer *writer = offline_writer_create(OFFLINE_ANSWER);
    if (!writer)
        return NULL;
    offline_write(writer, "made", "%s", rfc3339_format(answer->made_ms, made));
    offline_write(writer, "request", "%s", answer->request);
    offline_write(writer, "request-made", "%s", rfc3339_format(answer->request_made_ms, made));
    if (answer->request_serial != 0)
        offline_write(writer, "request-serial", "%" PRIu64, answer->request_serial);
    offline_write(writer, "installation-id", "%s", answer->installation_id);
    offline_write(writer, "farm-id", "%s", answer->farm_id);
    if (answer->farm_token[0] != '\0')
        offline_write(writer, "farm-token", "%s", answer->farm_token);
    for (size_t i = 0; i < answer->key_count; i++)
        offline_write(writer, "key", "%s", answer->keys[i]);
    offline_write(writer, "entitlement", "%s", answer->entitlement);
    if (answer->refresh_by_ms != 0)
        offline_write(writer, "refresh-by", "%s", rfc3339_format(answer->refresh_by_ms, made));
    write_windows(writer, answer);
    offline_writer_digest(writer, digest);
    if (entitlement_seal(SEAL_CONTEXT, digest, key, seal) != 0) {
        offline_writer_destroy(writer);
        return NULL;
    }
    offline_write(writer, "signature", "%s", seal);
    return offline_writer_take(writer, NULL);
}

/* ---- reading ---- */

static bool take_made(void *of, const char *value)
{
    return rfc3339_parse(value, strlen(value), &((struct offline_answer *)of)->made_ms);
}

static bool take_request(void *of, const char *value)
{
    struct offline_answer *answer = of;
    return offline_text(value, answer->request, sizeof(answer->request));
}

static bool take_request_made(void *of, const char *value)
{
    return rfc3339_parse(value, strlen(value), &((struct offline_answer *)of)->request_made_ms);
}

static bool take_request_serial(void *of, const char *value)
{
    int64_t serial;
    if (!offline_number(&value, '\0', 1, INT64_MAX, &serial))
        return false;
    ((struct offline_answer *)of)->request_serial = (uint64_t)serial;
    return true;
}

static bool take_installation_id(void *of, const char *value)
{
    struct offline_answer *answer = of;
    return offline_text(value, answer->installation_id, sizeof(answer->installation_id));
}

static bool take_farm_id(void *of, const char *value)
{
    struct offline_answer *answer = of;
    return offline_text(value, answer->farm_id, sizeof(answer->farm_id));
}

static bool take_farm_token(void *of, const char *value)
{
    struct offline_answer *answer = of;
    return offline_text(value, answer->farm_token, sizeof(answer->farm_token));
}

static bool take_key(void *of, const char *value)
{
    struct offline_answer *answer = of;
    return answer->key_count < OFFLINE_KEYS_MAX &&
           offline_text(value, answer->keys[answer->key_count++], sizeof(answer->keys[0]));
}

static bool take_entitlement(void *of, const char *value)
{
    struct offline_answer *answer = of;
    return offline_text(value, answer->entitlement, sizeof(answer->entitlement));
}

static bool take_refresh_by(void *of, const char *value)
{
    return rfc3339_parse(value, strlen(value), &((struct offline_answer *)of)->refresh_by_ms);
}

static bool take_sent_through(void *of, const char *value)
{
    return offline_number(&value, '\0', 1, INT64_MAX, &((struct offline_answer *)of)->sent_through);
}

static bool take_accepted_through(void *of, const char *value)
{
    return offline_number(&value, '\0', 0, INT64_MAX, &((struct offline_answer *)of)->accepted_through);
}

/* Room for them was made: there are no more than lines. */
static bool take_refused(void *of, const char *value)
{
    struct offline_answer *answer = of;
    struct offline_refused *refused = &answer->refused_owned[answer->refused_count];
    int64_t after = answer->refused_count > 0 ? refused[-1].last : 0;
    if (answer->refused_count == OFFLINE_WINDOWS_MAX ||
        !offline_number(&value, '-', after + (after < INT64_MAX), INT64_MAX, &refused->first) ||
        !offline_number(&value, ' ', refused->first, INT64_MAX, &refused->last) || value[0] == '\0' ||
        strlen(value) > MESSAGE_REASON_BYTES_MAX || refused->first <= after)
        return false;
    refused->reason = value;
    answer->refused_count++;
    return true;
}

static bool take_signature(void *of, const char *value)
{
    struct offline_answer *answer = of;
    return offline_text(value, answer->seal, sizeof(answer->seal));
}

static enum offline_fault take_words(struct offline_answer *answer, struct error_detail *ret_detail)
{
    static const struct offline_word words[] = {
        {.word = "made", .take = take_made, .required = true},
        {.word = "request", .take = take_request, .required = true},
        {.word = "request-made", .take = take_request_made, .required = true},
        {.word = "request-serial", .take = take_request_serial},
        {.word = "installation-id", .take = take_installation_id, .required = true},
        {.word = "farm-id", .take = take_farm_id, .required = true},
        {.word = "farm-token", .take = take_farm_token},
        {.word = "key", .take = take_key, .repeated = true},
        {.word = "entitlement", .take = take_entitlement, .required = true},
        {.word = "refresh-by", .take = take_refresh_by},
        {.word = "sent-through", .take = take_sent_through},
        {.word = "accepted-through", .take = take_accepted_through},
        {.word = "refused", .take = take_refused, .repeated = true},
        {.word = "signature", .take = take_signature, .required = true},
    };
    const struct offline_file *file = &answer->file;
    enum offline_fault fault = offline_file_take(file, words, COUNT(words), answer, ret_detail);
    if (fault != OFFLINE_GOOD || strcmp(file->lines[file->count - 1].word, "signature") == 0)
        return fault;
    error_detail_set(ret_detail, "signature: must be the last line before the checksum");
    return OFFLINE_INVALID;
}

enum offline_fault offline_answer_decode(const char *text, size_t bytes, struct offline_answer *ret,
                                         struct error_detail *ret_detail)
{
    struct offline_file file;
    enum offline_fault fault =
        offline_file_read(OFFLINE_ANSWER, text, bytes, OFFLINE_ANSWER_BYTES_MAX, &file, ret_detail);
    if (fault != OFFLINE_GOOD)
        return fault;
    memset(ret, 0, sizeof(*ret));
    ret->file = file;
    memcpy(ret->digest, file.digest, sizeof(ret->digest));
    ret->refused_owned = calloc(file.count + 1, sizeof(*ret->refused_owned));
    if (!ret->refused_owned) {
        error_detail_set(ret_detail, "%s", offline_fault_text(OFFLINE_NO_MEMORY));
        fault = OFFLINE_NO_MEMORY;
    } else {
        fault = take_words(ret, ret_detail);
    }
    ret->refused = ret->refused_owned;
    if (fault != OFFLINE_GOOD)
        offline_answer_finish(ret);
    return fault;
}

void offline_answer_finish(struct offline_answer *answer)
{
    free(answer->refused_owned);
    offline_file_finish(&answer->file);
    sodium_memzero(answer, sizeof(*answer));
}

/* A key that nobody we trust has signed is left out: the signature decides about the answer. */
int offline_answer_verify(const struct offline_answer *answer, struct entitlement_keyring *keyring,
                          struct error_detail *ret_detail)
{
    for (size_t i = 0; i < answer->key_count; i++)
        (void)entitlement_key_accept(answer->keys[i], strlen(answer->keys[i]), keyring, NULL);
    return entitlement_seal_verify(SEAL_CONTEXT, answer->digest, answer->seal, keyring, ret_detail);
}

int64_t offline_answer_clock_ms(const struct offline_answer *answer, int64_t issued_at_ms, uint64_t serial,
                                int64_t now_ms)
{
    int64_t passed_ms = now_ms - answer->request_made_ms;
    int64_t latest_ms = issued_at_ms + (passed_ms > 0 ? passed_ms : 0);
    if (now_ms < issued_at_ms)
        return issued_at_ms;
    return serial == answer->request_serial && now_ms > latest_ms ? latest_ms : now_ms;
}
