/* farm.h - between a host's session events and the counter (DESIGN §2, §8). Alone, this host is the farm and
 * events pass straight through; in a farm of many hosts they take the way of the shared store. One contract,
 * one file a mode. */
#ifndef FARMGATE_AGENT_FARM_FARM_H
#define FARMGATE_AGENT_FARM_FARM_H

#include "agent/core/core.h"

struct farm;

/* How a sender learns what became of its event: 0 once it is durable, else why not. Called once, later or at
 * once. */
typedef void farm_done_fn(void *data, int error, const char *detail);

/* `apply` gets every session event of the farm in its one true order, to be stepped at once. */
typedef void farm_apply_fn(void *data, const struct core_event *event, farm_done_fn *done, void *done_data);

struct farm *farm_alone_create(farm_apply_fn *apply, void *data);

/* A local session event: HOST_BOOTED, HOST_SET, BROKER_PUT, BROKER_END, BROKER_SET, RECLAIMED. `done` may be
 * NULL. */
void farm_offer(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data);

void farm_destroy(struct farm *farm);

#endif
