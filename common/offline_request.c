#include "offline.h"

#include "rfc3339.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROOF_CONTEXT "farmgate-offline-report-v1\n"
#define ROOM_FIRST    64                       /* windows */
#define SPAN_MAX_MS   INT64_C(100000000000000) /* between instants of one window */
#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))

/* ---- the proof ---- */

static void hash_token(const char *token, unsigned char ret[OFFLINE_DIGEST_BYTES])
{
    (void)crypto_generichash(ret, OFFLINE_DIGEST_BYTES, (const unsigned char *)token, strlen(token), NULL, 0);
}

static void prove(const unsigned char digest[OFFLINE_DIGEST_BYTES],
                  const unsigned char key[OFFLINE_DIGEST_BYTES], unsigned char ret[OFFLINE_DIGEST_BYTES])
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, key, OFFLINE_DIGEST_BYTES, OFFLINE_DIGEST_BYTES);
    (void)crypto_generichash_update(&state, (const unsigned char *)PROOF_CONTEXT, strlen(PROOF_CONTEXT));
    (void)crypto_generichash_update(&state, digest, OFFLINE_DIGEST_BYTES);
    (void)crypto_generichash_final(&state, ret, OFFLINE_DIGEST_BYTES);
}

bool offline_request_proved(const struct offline_request *request,
                            const unsigned char token_hash[OFFLINE_DIGEST_BYTES])
{
    unsigned char wanted[OFFLINE_DIGEST_BYTES];
    if (!request->has_proof || sodium_is_zero(token_hash, OFFLINE_DIGEST_BYTES))
        return false;
    prove(request->digest, token_hash, wanted);
    return sodium_memcmp(wanted, request->proof, sizeof(wanted)) == 0;
}

/* ---- writing ---- */

static void write_window(struct offline_writer *writer, const struct report_window *window)
{
    char start[RFC3339_BYTES];
    offline_write(writer, "window",
                  "%" PRId64 " %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                  window->sequence, rfc3339_format(window->start_ms, start),
                  window->end_ms - window->start_ms, window->peak_users,
                  window->peak_at_ms - window->start_ms, window->users_at_end, window->exempt_peak,
                  window->hosts);
}

static void write_proof(struct offline_writer *writer, const char *farm_token)
{
    unsigned char digest[OFFLINE_DIGEST_BYTES], key[OFFLINE_DIGEST_BYTES], proof[OFFLINE_DIGEST_BYTES];
    char hex[2 * OFFLINE_DIGEST_BYTES + 1];
    offline_writer_digest(writer, digest);
    hash_token(farm_token, key);
    prove(digest, key, proof);
    sodium_memzero(key, sizeof(key));
    offline_write(writer, "proof", "%s", sodium_bin2hex(hex, sizeof(hex), proof, sizeof(proof)));
}

static void write_asked(struct offline_writer *writer, const struct offline_request *request)
{
    const struct activation_request *activation = &request->activation;
    if (request->farm_id[0] != '\0')
        offline_write(writer, "farm-id", "%s", request->farm_id);
    else if (activation->trial)
        offline_write(writer, "trial", "%s", "");
    else
        offline_write(writer, "license-key", "%s", activation->license_key);
    if (activation->move)
        offline_write(writer, "move", "%s", "");
}

char *offline_request_encode(const struct offline_request *request, const char *farm_token,
                             char ret_id[OFFLINE_CHECKSUM_BYTES])
{
    const struct activation_request *activation = &request->activation;
    char made[RFC3339_BYTES];
    struct offline_writer *writer = offline_writer_create(OFFLINE_REQUEST);
    if (!writer)
        return NULL;
    offline_write(writer, "made", "%s", rfc3339_format(request->made_ms, made));
    offline_write(writer, "nonce", "%s", request->nonce);
    if (activation->farm_name[0] != '\0')
        offline_write(writer, "farm-name", "%s", activation->farm_name);
    if (activation->app_version[0] != '\0')
        offline_write(writer, "app-version", "%s", activation->app_version);
    offline_write(writer, "installation-id", "%s", activation->installation_id);
    write_asked(writer, request);
    if (request->serial != 0)
        offline_write(writer, "serial", "%" PRIu64, request->serial);
    for (size_t i = 0; i < request->window_count; i++)
        write_window(writer, &request->windows[i]);
    if (request->farm_id[0] != '\0')
        write_proof(writer, farm_token);
    return offline_writer_take(writer, ret_id);
}

/* ---- reading ---- */

struct reading {
    struct offline_request request;
    size_t room;
};

static bool take_made(void *of, const char *value)
{
    return rfc3339_parse(value, strlen(value), &((struct reading *)of)->request.made_ms);
}

static bool take_nonce(void *of, const char *value)
{
    struct reading *reading = of;
    return strlen(value) == 2 * OFFLINE_NONCE_BYTES && value[strspn(value, "0123456789abcdef")] == '\0' &&
           offline_text(value, reading->request.nonce, sizeof(reading->request.nonce));
}

static bool take_farm_name(void *of, const char *value)
{
    struct activation_request *activation = &((struct reading *)of)->request.activation;
    return offline_text(value, activation->farm_name, sizeof(activation->farm_name));
}

static bool take_app_version(void *of, const char *value)
{
    struct activation_request *activation = &((struct reading *)of)->request.activation;
    return offline_text(value, activation->app_version, sizeof(activation->app_version));
}

static bool take_installation_id(void *of, const char *value)
{
    struct activation_request *activation = &((struct reading *)of)->request.activation;
    return offline_text(value, activation->installation_id, sizeof(activation->installation_id));
}

static bool take_license_key(void *of, const char *value)
{
    struct activation_request *activation = &((struct reading *)of)->request.activation;
    return offline_text(value, activation->license_key, sizeof(activation->license_key));
}

static bool take_trial(void *of, const char *value)
{
    ((struct reading *)of)->request.activation.trial = true;
    return value[0] == '\0';
}

static bool take_move(void *of, const char *value)
{
    ((struct reading *)of)->request.activation.move = true;
    return value[0] == '\0';
}

static bool take_farm_id(void *of, const char *value)
{
    struct reading *reading = of;
    return offline_text(value, reading->request.farm_id, sizeof(reading->request.farm_id));
}

static bool take_serial(void *of, const char *value)
{
    int64_t serial;
    if (!offline_number(&value, '\0', 1, INT64_MAX, &serial))
        return false;
    ((struct reading *)of)->request.serial = (uint64_t)serial;
    return true;
}

static bool read_window(const char *value, struct report_window *ret)
{
    int64_t length_ms, peak_after_ms;
    if (!offline_number(&value, ' ', 1, MESSAGE_SEQUENCE_MAX, &ret->sequence))
        return false;
    size_t bytes = strcspn(value, " ");
    if (value[bytes] != ' ' || !rfc3339_parse(value, bytes, &ret->start_ms))
        return false;
    value += bytes + 1;
    if (!offline_number(&value, ' ', -SPAN_MAX_MS, SPAN_MAX_MS, &length_ms) ||
        !offline_number(&value, ' ', 0, UINT32_MAX, &ret->peak_users) ||
        !offline_number(&value, ' ', -SPAN_MAX_MS, SPAN_MAX_MS, &peak_after_ms) ||
        !offline_number(&value, ' ', 0, UINT32_MAX, &ret->users_at_end) ||
        !offline_number(&value, ' ', 0, UINT32_MAX, &ret->exempt_peak) ||
        !offline_number(&value, '\0', 0, UINT32_MAX, &ret->hosts))
        return false;
    ret->end_ms = ret->start_ms + length_ms;
    ret->peak_at_ms = ret->start_ms + peak_after_ms;
    return true;
}

static bool make_room(struct reading *reading)
{
    size_t room = reading->room > 0 ? 2 * reading->room : ROOM_FIRST;
    if (reading->request.window_count < reading->room)
        return true;
    struct report_window *windows = realloc(reading->request.windows_owned, room * sizeof(*windows));
    if (!windows)
        return false;
    reading->request.windows_owned = windows;
    reading->room = room;
    return true;
}

static bool take_window(void *of, const char *value)
{
    struct reading *reading = of;
    struct offline_request *request = &reading->request;
    struct report_window window;
    size_t count = request->window_count;
    if (count == OFFLINE_WINDOWS_MAX || !read_window(value, &window) ||
        (count > 0 && window.sequence <= request->windows_owned[count - 1].sequence) || !make_room(reading))
        return false;
    request->windows_owned[request->window_count++] = window;
    return true;
}

static bool take_proof(void *of, const char *value)
{
    struct offline_request *request = &((struct reading *)of)->request;
    size_t bytes;
    request->has_proof = true;
    return sodium_hex2bin(request->proof, sizeof(request->proof), value, strlen(value), NULL, &bytes, NULL) ==
               0 &&
           bytes == sizeof(request->proof);
}

/* What no single line shows. NULL: nothing is wrong. */
static const char *contradiction(const struct offline_request *request, const struct offline_file *file)
{
    const struct activation_request *activation = &request->activation;
    bool reports = request->farm_id[0] != '\0';
    if (reports + activation->trial + (activation->license_key[0] != '\0') != 1)
        return "one of license-key, trial and farm-id must be there, and no other";
    if (!reports && (request->window_count > 0 || request->has_proof))
        return "an activation has neither windows nor a proof";
    if (reports && activation->move)
        return "move: only with a licence key";
    if (reports && (!request->has_proof || strcmp(file->lines[file->count - 1].word, "proof") != 0))
        return "proof: must be there, and the last line before the checksum";
    return NULL;
}

enum offline_fault offline_request_decode(const char *text, size_t bytes, struct offline_request *ret,
                                          struct error_detail *ret_detail)
{
    static const struct offline_word words[] = {
        {.word = "made", .take = take_made, .required = true},
        {.word = "nonce", .take = take_nonce, .required = true},
        {.word = "farm-name", .take = take_farm_name},
        {.word = "app-version", .take = take_app_version},
        {.word = "installation-id", .take = take_installation_id, .required = true},
        {.word = "license-key", .take = take_license_key},
        {.word = "trial", .take = take_trial},
        {.word = "move", .take = take_move},
        {.word = "farm-id", .take = take_farm_id},
        {.word = "serial", .take = take_serial},
        {.word = "window", .take = take_window, .repeated = true},
        {.word = "proof", .take = take_proof},
    };
    struct offline_file file;
    struct reading reading = {.room = 0};
    enum offline_fault fault =
        offline_file_read(OFFLINE_REQUEST, text, bytes, OFFLINE_REQUEST_BYTES_MAX, &file, ret_detail);
    if (fault != OFFLINE_GOOD)
        return fault;
    fault = offline_file_take(&file, words, COUNT(words), &reading, ret_detail);
    const char *wrong = fault == OFFLINE_GOOD ? contradiction(&reading.request, &file) : NULL;
    if (wrong) {
        error_detail_set(ret_detail, "%s", wrong);
        fault = OFFLINE_INVALID;
    }
    memcpy(reading.request.id, file.checksum, sizeof(file.checksum));
    memcpy(reading.request.digest, file.digest, sizeof(file.digest));
    offline_file_finish(&file);
    if (fault != OFFLINE_GOOD) {
        offline_request_finish(&reading.request);
        return fault;
    }
    *ret = reading.request;
    ret->windows = ret->windows_owned;
    return OFFLINE_GOOD;
}

void offline_request_finish(struct offline_request *request)
{
    free(request->windows_owned);
    sodium_memzero(request, sizeof(*request));
}
