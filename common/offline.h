/* offline.h - what a farm without a network and its authority say to each other in files, encoded
 * and decoded in one place for both; offline_file.h has the form.
 *
 *     farm:      request file  ── mail, USB ──►  authority: activates, or takes the windows in
 *     farm:      imports it    ◄── mail, USB ──  answer file
 *
 * A request is an activation (a licence key, or the wish for a trial) or a report (a farm id, with every
 * window that is not yet accepted). Sending one again changes nothing at the authority.
 *
 * What is authenticated, and how:
 *
 * - The whole answer is signed by the authority's key (line `signature`, the last before the checksum;
 * Ed25519 over "farmgate-offline-answer-v1\n" KID "\n" and the BLAKE2b-256 of all lines before it). The
 * farm's token, the windows accepted and refused, and which request it answers are as safe from a change on
 * the way as the entitlement in it, which has a signature of its own and is what the agent keeps. Keys that
 * the authority began to sign with later come along, each signed by an older one.
 * - A report is proved by the farm's token without telling it (line `proof`, the last before the checksum):
 * BLAKE2b-256 over "farmgate-offline-report-v1\n" and the BLAKE2b-256 of all lines before it, keyed with the
 * token's own hash, which is all of it that the authority keeps. Who carries the file cannot make a peak
 * smaller, or report for another farm.
 * - An activation is proved by its licence key, as it is online; so both files of an activation are
 * confidential: the request holds the key, the answer the token, which the key would bring as well.
 *
 * Licence time. An answer that comes at once sets the farm's clock to its date (RULES §3.1); a file is days
 * old when it is imported. It repeats when the request was made by the farm's own clock; the time since then,
 * by that clock, is the most that can have passed since the answer was made. So licence time becomes the
 * nearest instant to what it is that is not before the answer's date and not later after it than that
 * (offline_answer_clock_ms). */
#ifndef FARMGATE_COMMON_OFFLINE_H
#define FARMGATE_COMMON_OFFLINE_H

#include "messages.h"
#include "offline_file.h"

#define OFFLINE_REQUEST_BYTES_MAX (4 * 1024 * 1024) /* with OFFLINE_WINDOWS_MAX windows it is below 3 MiB */
#define OFFLINE_ANSWER_BYTES_MAX  (1024 * 1024)
#define OFFLINE_WINDOWS_MAX       28800 /* 400 days: as many as a farm keeps */
#define OFFLINE_DAYS_MAX          400   /* of an answer's refresh_by after its issue (RULES §3.11) */
#define OFFLINE_KEYS_MAX          MESSAGE_KEYS_MAX
#define OFFLINE_KEY_BYTES_MAX     ENTITLEMENT_KEY_BYTES_MAX
#define OFFLINE_NONCE_BYTES       16

/* --- the farm's ----------------------------------------------------------------------------------------- */

struct offline_request {
    struct activation_request activation;       /* of a report only installation, name and version */
    char farm_id[ENTITLEMENT_ID_BYTES_MAX + 1]; /* "": it is an activation */
    int64_t made_ms;                            /* by the farm's licence time */
    uint64_t serial;                            /* of the entitlement in force then; 0: none */
    char nonce[2 * OFFLINE_NONCE_BYTES + 1];    /* makes it another file than any before */
    const struct report_window *windows;        /* by sequence, rising */
    size_t window_count;
    /* what reading it adds: */
    char id[OFFLINE_CHECKSUM_BYTES]; /* its checksum, by which people and the answer know it */
    bool has_proof;
    unsigned char proof[OFFLINE_DIGEST_BYTES], digest[OFFLINE_DIGEST_BYTES];
    struct report_window *windows_owned; /* decode's */
};

/* The file's text, to be freed with free(); NULL without memory. `farm_token` proves a report; of an
 * activation it is not looked at. */
char *offline_request_encode(const struct offline_request *request, const char *farm_token,
                             char ret_id[OFFLINE_CHECKSUM_BYTES]);
/* Anything but OFFLINE_GOOD leaves nothing to finish. A licence key is not looked at closely. */
enum offline_fault offline_request_decode(const char *text, size_t bytes, struct offline_request *ret,
                                          struct error_detail *ret_detail);
void offline_request_finish(struct offline_request *request);

/* Whether who made the report knew the token of this hash (BLAKE2b-256). */
bool offline_request_proved(const struct offline_request *request,
                            const unsigned char token_hash[OFFLINE_DIGEST_BYTES]);

/* --- the authority's ------------------------------------------------------------------------------------ */

struct offline_refused { /* windows `first` through `last` */
    int64_t first, last;
    const char *reason;
};

struct offline_answer {
    char request[OFFLINE_CHECKSUM_BYTES]; /* whose answer it is; */
    int64_t request_made_ms;              /* what that said of itself: */
    uint64_t request_serial;
    char installation_id[ENTITLEMENT_ID_BYTES_MAX + 1];
    char farm_id[ENTITLEMENT_ID_BYTES_MAX + 1];
    char farm_token[MESSAGE_TOKEN_BYTES_MAX + 1]; /* "": it answers a report */
    char entitlement[ENTITLEMENT_BYTES_MAX + 1];
    char keys[OFFLINE_KEYS_MAX][OFFLINE_KEY_BYTES_MAX + 1]; /* fgkey1 documents, the oldest first */
    size_t key_count;
    int64_t sent_through; /* the last window of the request; 0: it had none */
    int64_t accepted_through;
    const struct offline_refused *refused; /* rising */
    size_t refused_count;
    int64_t made_ms;       /* by the authority's clock */
    int64_t refresh_by_ms; /* as the entitlement has it, for people; 0: not told */
    /* what reading it adds: */
    char seal[ENTITLEMENT_SEAL_BYTES];
    unsigned char digest[OFFLINE_DIGEST_BYTES];
    struct offline_refused *refused_owned; /* decode's, with the texts in `file` */
    struct offline_file file;
};

char *offline_answer_encode(const struct offline_answer *answer, const struct entitlement_signing_key *key);
/* Reads it without believing it: see offline_answer_verify. The struct is large: keep it on the heap. */
enum offline_fault offline_answer_decode(const char *text, size_t bytes, struct offline_answer *ret,
                                         struct error_detail *ret_detail);
void offline_answer_finish(struct offline_answer *answer);

/* Takes the answer's keys into the ring as far as that trusts them, then checks the whole answer's signature:
 * entitlement_seal_verify's errors. */
int offline_answer_verify(const struct offline_answer *answer, struct entitlement_keyring *keyring,
                          struct error_detail *ret_detail);

/* What licence time becomes when the answer is imported at now_ms: see above. `serial` is that of the
 * entitlement in force: if it is another than when the request was made, that one has set the clock since. */
int64_t offline_answer_clock_ms(const struct offline_answer *answer, int64_t issued_at_ms, uint64_t serial,
                                int64_t now_ms);

#endif
