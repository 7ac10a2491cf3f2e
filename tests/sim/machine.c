#include "machine.h"

#include <stdio.h>

#define PPM INT64_C(1000000)

void machine_boot(struct machine *machine, int64_t wall_error_ms)
{
    machine->booted_ms = *machine->true_ms;
    machine->wall_error_ms = wall_error_ms;
    machine->boots++;
    machine->slept_ms = 0;
}

int64_t machine_wall_ms(const struct machine *machine)
{
    return *machine->true_ms + machine->wall_error_ms;
}

static int64_t boot_ms_at(const struct machine *machine, int64_t true_ms)
{
    int64_t passed_ms = true_ms - machine->booted_ms;
    return passed_ms + passed_ms * machine->drift_ppm / PPM;
}

int64_t machine_boot_ms(const struct machine *machine)
{
    return boot_ms_at(machine, *machine->true_ms);
}

void machine_boot_id(const struct machine *machine, char ret[CLOCK_BOOT_ID_BYTES])
{
    (void)snprintf(ret, CLOCK_BOOT_ID_BYTES, "boot-%u", machine->boots);
}

void machine_read(void *data, struct clock_reading *ret)
{
    const struct machine *machine = data;
    ret->wall_ms = machine_wall_ms(machine);
    ret->boot_ms = machine_boot_ms(machine);
    if (machine->forgets_sleep)
        ret->boot_ms -= machine->slept_ms;
    if (machine->follows_wall)
        ret->boot_ms += machine->wall_error_ms;
}

int64_t machine_true_after(const struct machine *machine, int64_t wait_ms)
{
    int64_t due_ms = machine_boot_ms(machine) + wait_ms;
    int64_t true_ms = *machine->true_ms + wait_ms - wait_ms * machine->drift_ppm / PPM;
    while (true_ms > *machine->true_ms && boot_ms_at(machine, true_ms - 1) >= due_ms)
        true_ms--;
    while (boot_ms_at(machine, true_ms) < due_ms)
        true_ms++;
    return true_ms;
}

/* ---- licence time by the rule -------------------------------------------------------------------------- */

int64_t licence_time_now(const struct licence_time *time, const struct machine *machine)
{
    if (!time->anchored)
        return machine_wall_ms(machine);
    return time->set_to_ms + machine_boot_ms(machine) - time->at_boot_ms;
}

void licence_time_set(struct licence_time *time, const struct machine *machine, int64_t issued_at_ms)
{
    *time = (struct licence_time){
        .anchored = true, .set_to_ms = issued_at_ms, .at_boot_ms = machine_boot_ms(machine)};
}

struct licence_time_kept licence_time_keep(const struct licence_time *time, const struct machine *machine)
{
    int64_t licence_ms = licence_time_now(time, machine);
    return (struct licence_time_kept){.anchored = time->anchored,
                                      .licence_ms = licence_ms,
                                      .boot_ms = machine_boot_ms(machine),
                                      .offset_ms = licence_ms - machine_wall_ms(machine),
                                      .boots = machine->boots};
}

/* After a reboot L = max(stored L, wall clock + the offset last known); within one boot it goes on. */
struct licence_time licence_time_again(const struct licence_time_kept *kept, const struct machine *machine)
{
    struct licence_time time = {.anchored = kept->anchored, .at_boot_ms = machine_boot_ms(machine)};
    int64_t by_wall_ms = machine_wall_ms(machine) + kept->offset_ms;
    if (kept->boots == machine->boots)
        time.set_to_ms = kept->licence_ms + machine_boot_ms(machine) - kept->boot_ms;
    else
        time.set_to_ms = by_wall_ms > kept->licence_ms ? by_wall_ms : kept->licence_ms;
    return time;
}
