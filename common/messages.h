/* messages.h - what agent and authority say to each other (cloud/openapi.yaml), encoded and decoded in one
 * place for both. */
#ifndef FARMGATE_COMMON_MESSAGES_H
#define FARMGATE_COMMON_MESSAGES_H

#include "entitlement.h"
#include "json.h"
#include "licence_key.h"

#define MESSAGE_FARM_NAME_BYTES_MAX 127
#define MESSAGE_VERSION_BYTES_MAX   31
#define MESSAGE_TOKEN_BYTES_MAX     63
#define MESSAGE_WINDOWS_MAX         216                /* windows in one report */
#define MESSAGE_SEQUENCE_MAX        (INT64_C(1) << 52) /* of a window; no farm lives to see it */
#define MESSAGE_REASON_BYTES_MAX    127
#define MESSAGE_KEYS_MAX            (ENTITLEMENT_KEYS_MAX - 1) /* new signing keys in one answer */

/* A closed 20-minute window as it is reported (RULES §3.3): counts, never names. Instants are Unix ms. */
struct report_window {
    int64_t sequence;
    int64_t start_ms, end_ms, peak_at_ms;
    int64_t peak_users, users_at_end, exempt_peak, hosts;
};

struct activation_request {
    char license_key[64]; /* "" for a trial */
    bool trial;
    char installation_id[ENTITLEMENT_ID_BYTES_MAX + 1];
    char farm_name[MESSAGE_FARM_NAME_BYTES_MAX + 1];
    char app_version[MESSAGE_VERSION_BYTES_MAX + 1];
    bool move;
    char trusted_key[ENTITLEMENT_KID_BYTES_MAX + 1]; /* the newest signing key the farm knows; "": not told */
};

struct activation_answer {
    char farm_id[ENTITLEMENT_ID_BYTES_MAX + 1];
    char farm_token[MESSAGE_TOKEN_BYTES_MAX + 1];
    char entitlement[ENTITLEMENT_BYTES_MAX + 1];
    const char *const *keys; /* to be sent: fgkey1 documents, oldest first. message_keys_decode reads them */
    size_t key_count;
};

struct report_request {
    char farm_id[ENTITLEMENT_ID_BYTES_MAX + 1];
    char app_version[MESSAGE_VERSION_BYTES_MAX + 1];
    char trusted_key[ENTITLEMENT_KID_BYTES_MAX + 1]; /* as of activation_request */
    struct report_window windows[MESSAGE_WINDOWS_MAX];
    size_t window_count;
};

struct refused_window {
    int64_t sequence;
    char reason[MESSAGE_REASON_BYTES_MAX + 1];
};

struct report_answer {
    int64_t accepted_through;
    struct refused_window refused[MESSAGE_WINDOWS_MAX];
    size_t refused_count;
    int64_t server_time_ms;
    char entitlement[ENTITLEMENT_BYTES_MAX + 1];
    const char *const *keys; /* as of activation_answer */
    size_t key_count;
};

/* The new signing keys that any answer with an entitlement may carry ("keys": […]), oldest first. */
struct message_keys {
    char texts[MESSAGE_KEYS_MAX][ENTITLEMENT_KEY_BYTES_MAX + 1]; /* fgkey1 documents, not verified */
    size_t count;
};

/* An error answer's problem+json. */
struct problem_answer {
    char code[64];
    char detail[ERROR_DETAIL_BYTES];
    int64_t moves_left; /* -1: not told */
};

/* Encoders return a JSON text to be freed with free(), NULL without memory. Decoders return 0 or the code of
 * json_read, with the field named. The structs are large: keep them on the heap. */
char *activation_request_encode(const struct activation_request *request);
int activation_request_decode(const char *text, size_t bytes, struct activation_request *ret,
                              struct error_detail *ret_detail, char ret_field[JSON_PATH_BYTES]);
char *activation_answer_encode(const struct activation_answer *answer);
int activation_answer_decode(const char *text, size_t bytes, struct activation_answer *ret,
                             struct error_detail *ret_detail);
char *report_request_encode(const char *farm_id, const char *app_version, const char *trusted_key,
                            const struct report_window *windows, size_t count);
int report_request_decode(const char *text, size_t bytes, struct report_request *ret,
                          struct error_detail *ret_detail, char ret_field[JSON_PATH_BYTES]);
char *report_answer_encode(const struct report_answer *answer);
int report_answer_decode(const char *text, size_t bytes, struct report_answer *ret,
                         struct error_detail *ret_detail);
int message_keys_decode(const char *text, size_t bytes, struct message_keys *ret,
                        struct error_detail *ret_detail);
void message_keys_put(struct json_writer *writer, const char *const *keys, size_t count);
int problem_answer_decode(const char *text, size_t bytes, struct problem_answer *ret);

#endif
