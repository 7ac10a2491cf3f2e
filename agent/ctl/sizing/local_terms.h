/* local_terms.h - how this machine's user writes and reckons time. */
#ifndef FARMGATE_CTL_LOCAL_TERMS_H
#define FARMGATE_CTL_LOCAL_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#define LOCAL_ZONE_BYTES 12 /* "+0545", "CEST" */

bool local_unicode(void);
/* What its clocks showed more than UTC's at that instant. */
int64_t local_offset_ms(int64_t at_ms);
/* What its zone was called then. */
void local_zone_name(int64_t at_ms, char ret_name[LOCAL_ZONE_BYTES]);

#endif
