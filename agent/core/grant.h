/* grant.h - what the authority grants, already verified (common/entitlement.h checks the signature; the core
 * checks the rest). Instants are licence time, Unix ms. */
#ifndef FARMGATE_CORE_GRANT_H
#define FARMGATE_CORE_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GRANT_ID_BYTES_MAX     63
#define GRANT_REASON_BYTES_MAX 127
#define GRANT_ODDITY_BYTES     160

#define GRANT_ABSURD_MS                                                                 \
    (INT64_C(100) * 366 * 86400000) /* a term that ends later than this after its issue \
                                     */

enum grant_status { GRANT_ACTIVE, GRANT_DEACTIVATED, GRANT_STATUS_MAX };

struct grant {
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    uint64_t serial;
    enum grant_status status;
    char reason[GRANT_REASON_BYTES_MAX +
                1];     /* of a deactivation: "deactivated by administrator", "key moved", … */
    uint32_t limit;     /* concurrent users allowed; 0: nobody */
    uint64_t purchases; /* grows when licences are added */
    bool trial;
    int64_t expires_at_ms; /* 0: never */
    int64_t issued_at_ms;
    int64_t refresh_by_ms; /* 0: never */
};

/* What is unusual in a grant that is applied all the same: a limit of 0, a term or a refresh_by in the past,
 * an absurd date; several are joined by "; ". False: nothing. */
bool grant_is_odd(const struct grant *grant, char ret[GRANT_ODDITY_BYTES]);

#endif
