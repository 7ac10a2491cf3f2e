/* clock.h - licence time L (RULES §3.1). An accepted entitlement sets L to its signed issued_at; from then on
 * L advances with boot time (sleep included), so a jumping wall clock changes nothing. After a reboot L =
 * max(stored L, wall clock + the offset last known). Before any entitlement L is the wall clock. */
#ifndef FARMGATE_AGENT_CLOCK_H
#define FARMGATE_AGENT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_BOOT_ID_BYTES 40

/* Readings and stored instants outside ±CLOCK_MS_MAX (the years ±9999) are taken as that bound, so that no
 * sum of them overflows. */
#define CLOCK_MS_MAX INT64_C(253402300799999)

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
};
typedef void clock_read_fn(void *data, struct clock_reading *ret);

struct clock {
    clock_read_fn *read;
    void *data;
    int64_t anchor_licence_ms, anchor_boot_ms;
    bool anchored;
    char boot_id[CLOCK_BOOT_ID_BYTES];
};

void clock_system_read(void *data, struct clock_reading *ret);

/* What tells this boot from every other: the kernel's boot id; where /proc/sys is hidden (ProcSubset=pid),
 * the instant at which this boot's /run was made ("run-SECONDS.NANOSECONDS"), which needs a tmpfs on
 * Linux 5.18 or later; on Windows a number that is forgotten when it shuts down; "" where none can be had. */
void clock_system_boot_id(char ret_boot_id[CLOCK_BOOT_ID_BYTES]);

/* Goes on from what was stored. Boot time is carried on only when it surely is the same boot: the same boot
 * id and boot time not behind the stored one. An unknown boot id ("") counts as a reboot: while the wall
 * clock has not jumped, both ways give the same L. */
void clock_start(struct clock *clock, const struct clock_saved *saved, const char *boot_id,
                 clock_read_fn *read, void *data);
int64_t clock_now_ms(const struct clock *clock);
/* An accepted entitlement: L is issued_at_ms now. */
void clock_set(struct clock *clock, int64_t issued_at_ms);
void clock_save(const struct clock *clock, struct clock_saved *ret);

#endif
