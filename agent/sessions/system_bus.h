/* system_bus.h - a connection to the D-Bus system bus that lives in the loop. It is opened when first needed,
 * opened anew after it broke, and wakes nobody while nothing is asked. */
#ifndef FARMGATE_AGENT_SESSIONS_SYSTEM_BUS_H
#define FARMGATE_AGENT_SESSIONS_SYSTEM_BUS_H

#include <systemd/sd-bus.h>
#include <uv.h>

#define SYSTEM_BUS_REOPEN_MS 1000 /* after a failure the bus is left alone for this long */

struct system_bus;

struct system_bus *system_bus_create(uv_loop_t *loop); /* NULL without memory */

/* The connection; NULL while there is none to be had. Valid until the loop turns. */
sd_bus *system_bus_get(struct system_bus *bus);

/* After calls were queued on it: sees to it that the loop sends them. */
void system_bus_wake(struct system_bus *bus);

/* No callback of it after this returns; the memory goes when the loop turns. */
void system_bus_close(struct system_bus *bus);

#endif
