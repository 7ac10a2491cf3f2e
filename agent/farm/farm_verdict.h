/* farm_verdict.h - what the leader tells every host of the farm: whether the gate is open, and the farm at a
 * glance. Written in the transaction of the checkpoint with the same number, and nowhere else. Pure. */
#ifndef FARMGATE_AGENT_FARM_FARM_VERDICT_H
#define FARMGATE_AGENT_FARM_FARM_VERDICT_H

#include "record.h"

struct farm_verdict {
    int64_t n, at_ms;                           /* the checkpoint's */
    char leader[CONNECTION_HOST_BYTES_MAX + 1]; /* the host that says so */
    char farm_id[GRANT_ID_BYTES_MAX + 1];       /* "": before activation */
    int64_t gaps_ever;
    struct core_status status; /* its farm_id is NULL, and sessions_revision 0 */
};

/* Sealed for the key `verdict`, to be freed; NULL without memory. */
struct record_value farm_verdict_value(const struct record_farm *farm, const struct farm_verdict *verdict);
/* Codes as checkpoint_read. */
int farm_verdict_read(const struct record_farm *farm, const struct wire_kv *kv, struct farm_verdict *ret,
                      struct error_detail *ret_detail);

#endif
