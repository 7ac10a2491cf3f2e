/* authority.h - what the authority does for farms, each inside one transaction: reads records, makes renewals
 * that are due, asks the ledger, writes records and lines of the audit log, signs. Blocking, for the pool.
 * Returns 0 also when it refuses, with the refusal in the outcome; else a store error with words, and nothing
 * is to be kept.
 *
 * Every answer brings the signing keys that the farm may not know yet, in the order in which they follow one
 * another: it is signed by the last of them. They stay the chain's, and there as long as the authority is. */
#ifndef FARMGATE_CLOUD_AUTHORITY_H
#define FARMGATE_CLOUD_AUTHORITY_H

#include "cloud/audit.h"
#include "cloud/key_chain.h"
#include "cloud/ledger/activation.h"
#include "cloud/store/rows.h"
#include "common/entitlement.h"
#include "common/messages.h"

#define AUTHORITY_FORGETS_MS (INT64_C(400) * 86400000) /* after its deactivation a farm is unknown */

struct authority {
    struct entitlement_signing_key key;
    struct key_chain *chain; /* that leads to it; NULL: there is no other key */
    uint32_t trial_limit;
    int64_t trials_per_day, trials_per_day_and_source; /* that may begin, in a day of UTC */
    int64_t refresh_ms;                                /* an entitlement's refresh_by, after its issue */
};

struct authority_activation {
    enum activation_verdict verdict;
    unsigned moves_left; /* with ACTIVATION_KEY_IN_USE and ACTIVATION_MOVES_EXHAUSTED */
    struct activation_answer answer;
};
/* Letters, digits and . _ : - only. */
bool authority_takes_id(const char *installation_id);
/* `request->license_key` is canonical, or "" for a trial. `source` is the address that it comes from, for the
 * daily cap on trials ("": it has none). */
int authority_activate(const struct authority *authority, struct rows *rows,
                       const struct activation_request *request, const char *source, int64_t now_ms,
                       struct authority_activation *ret, struct error_detail *ret_detail);

/* Whether a farm's id and its token fit; if not, nothing happens and nothing else is said. */
enum authority_access {
    AUTHORITY_KNOWN,
    AUTHORITY_STRANGER,  /* unknown farm or another's token */
    AUTHORITY_FORGOTTEN, /* deactivated so long ago that it is unknown by now */
};

/* What a report came to. It is signed and told after it is durable: signing takes as long as writing. */
struct authority_refused {
    int64_t sequence;
    enum usage_refusal reason;
};
struct authority_report {
    enum authority_access access;
    int64_t accepted_through, server_time_ms;
    struct entitlement entitlement;
    char trusted_key[ENTITLEMENT_KID_BYTES_MAX + 1];
    size_t refused_count, used_count; /* used: those of them that are to be numbered anew */
    struct authority_refused refused[MESSAGE_WINDOWS_MAX];
};
int authority_report(const struct authority *authority, struct rows *rows,
                     const struct report_request *request, const char *token, int64_t now_ms,
                     struct authority_report *ret, struct error_detail *ret_detail);
/* Signs the answer of a farm that is known. */
int authority_answer(const struct authority *authority, const struct authority_report *report,
                     struct report_answer *ret, struct error_detail *ret_detail);

struct authority_release {
    enum authority_access access;
    char entitlement[ENTITLEMENT_BYTES_MAX + 1];
    const char *const *keys; /* as of activation_answer */
    size_t key_count;
};
/* Gives the key back; again is success. */
int authority_release(const struct authority *authority, struct rows *rows, const char *farm_id,
                      const char *token, int64_t now_ms, struct authority_release *ret,
                      struct error_detail *ret_detail);

#endif
