/* alone.c - this host is the farm: events pass straight through to the counter. */
#include "farm.h"

#include <stdlib.h>

struct farm {
    farm_apply_fn *apply;
    void *data;
};

struct farm *farm_alone_create(farm_apply_fn *apply, void *data)
{
    struct farm *farm = calloc(1, sizeof(*farm));
    if (!farm)
        return NULL;
    farm->apply = apply;
    farm->data = data;
    return farm;
}

void farm_offer(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    farm->apply(farm->data, event, done, done_data);
}

void farm_destroy(struct farm *farm)
{
    free(farm);
}
