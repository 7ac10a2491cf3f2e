/* authority_offline.h - what the authority does for farms without a network: a request file
 * (common/offline.h) becomes its answer, by the same rules and records as over the network. Inside the
 * caller's transaction, blocking, for the pool.
 *
 * The same request again finds the same farm and its windows counted already: its answer is as good as the
 * first. */
#ifndef FARMGATE_CLOUD_AUTHORITY_OFFLINE_H
#define FARMGATE_CLOUD_AUTHORITY_OFFLINE_H

#include "cloud/authority.h"
#include "common/offline.h"

/* What came of it, besides store errors. */
struct authority_offline {
    /* Why it was refused: an HTTP status, a code and a sentence; 0: it was not. */
    int status;
    const char *code, *text, *field; /* field "": none */
    int moves_left;                  /* of a key; -1: not told */
    /* Else: */
    char *answer; /* the file, to be freed with free() */
    char farm_id[LEDGER_ID_BYTES_MAX + 1];
    bool activated;                /* or else it reported: */
    size_t windows, refused, used; /* used: to be numbered anew, and not among the refused */
    int64_t refresh_by_ms;
};

/* `refresh_ms` after now the farm must have imported another answer. Returns 0 also when it refuses; else a
 * store error with words, and nothing is to be kept. */
int authority_offline(const struct authority *authority, struct rows *rows, const struct audit_author *author,
                      const struct offline_request *request, int64_t refresh_ms,
                      struct authority_offline *ret, struct error_detail *ret_detail);

#endif
