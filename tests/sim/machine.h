/* machine.h - a host's clocks: a wall clock that may be wrong or jump, and boot time, which counts sleep and
 * may run a little fast or slow. Beside them licence time as RULES §3.1 has it, reckoned by the simulator
 * itself: what the real clock makes of the two has to agree with it. */
#ifndef FARMGATE_TESTS_SIM_MACHINE_H
#define FARMGATE_TESTS_SIM_MACHINE_H

#include "agent/clock.h"

struct machine {
    const int64_t *true_ms; /* the world's */
    int64_t booted_ms;      /* true time */
    int64_t wall_error_ms;
    int drift_ppm;                    /* of boot time */
    unsigned boots;                   /* tells one boot from the next */
    unsigned number;                  /* of the hardware: a copied image runs on another */
    bool forgets_sleep, follows_wall; /* planted mistakes of machine_read */
    int64_t slept_ms;                 /* since it was booted */
};

void machine_boot(struct machine *machine, int64_t wall_error_ms);
int64_t machine_wall_ms(const struct machine *machine);
int64_t machine_boot_ms(const struct machine *machine);
void machine_boot_id(const struct machine *machine, char ret[CLOCK_BOOT_ID_BYTES]);
clock_read_fn machine_read; /* data: the machine */

/* The first true instant at which boot time has gone on by wait_ms. */
int64_t machine_true_after(const struct machine *machine, int64_t wait_ms);

/* Licence time by the rule: what it was set to, and when. */
struct licence_time {
    bool anchored; /* an entitlement has set it; before that it is the wall clock */
    int64_t set_to_ms;
    int64_t at_boot_ms;
};
/* What of it is on the disk. */
struct licence_time_kept {
    bool anchored;
    int64_t licence_ms, boot_ms, offset_ms;
    unsigned boots;
};
int64_t licence_time_now(const struct licence_time *time, const struct machine *machine);
void licence_time_set(struct licence_time *time, const struct machine *machine, int64_t issued_at_ms);
struct licence_time_kept licence_time_keep(const struct licence_time *time, const struct machine *machine);
struct licence_time licence_time_again(const struct licence_time_kept *kept, const struct machine *machine);

#endif
