/* clock.h - licence time L (RULES §3.1). An accepted entitlement sets L to its signed issued_at; from then on
 * L advances with boot time (sleep included), so a jumping wall clock changes nothing. After a reboot L =
 * max(stored L, wall clock + the offset last known). Before any entitlement L is the wall clock. */
#ifndef FARMGATE_AGENT_CLOCK_H
#define FARMGATE_AGENT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_BOOT_ID_BYTES 40

/* What is stored beside the licence. All zero: never set. */
struct clock_saved {
    int64_t licence_ms; /* L when it was stored */
    int64_t boot_ms;    /* boot time then */
    int64_t offset_ms;  /* L - wall clock then */
    char boot_id[CLOCK_BOOT_ID_BYTES];
    bool anchored; /* an entitlement has set L */
};

/* Where time comes from: the system, or a test's own hands. */
struct clock_reading {
    int64_t wall_ms; /* CLOCK_REALTIME */
    int64_t boot_ms; /* CLOCK_BOOTTIME */
    char boot_id[CLOCK_BOOT_ID_BYTES];
};
struct clock {
    void (*read)(void *data, struct clock_reading *ret);
    void *data;
    int64_t anchor_licence_ms, anchor_boot_ms;
    bool anchored;
    char boot_id[CLOCK_BOOT_ID_BYTES];
};

void clock_system_read(void *data, struct clock_reading *ret);

/* Goes on from what was stored. */
void clock_start(struct clock *clock, const struct clock_saved *saved,
                 void (*read)(void *, struct clock_reading *), void *data);
int64_t clock_now_ms(const struct clock *clock);
/* An accepted entitlement: L is issued_at_ms now. */
void clock_set(struct clock *clock, int64_t issued_at_ms);
void clock_save(const struct clock *clock, struct clock_saved *ret);

#endif
