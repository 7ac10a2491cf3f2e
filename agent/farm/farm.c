#include "farm.h"

const char *farm_part_name(enum farm_part part)
{
    static const char *const names[FARM_PART_MAX] = {
        [FARM_ALONE] = "alone",     [FARM_JOINING] = "joining", [FARM_LEADS] = "leads",
        [FARM_FOLLOWS] = "follows", [FARM_CUT_OFF] = "cut_off", [FARM_REFUSED] = "refused",
        [FARM_LEFT] = "left"};
    return names[part];
}

int64_t farm_place_lag(const struct farm_place *place)
{
    bool known = place->revision != 0 && place->head > place->revision;
    return known ? place->head - place->revision : 0;
}

void farm_offer(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    farm->way->offer(farm, event, done, done_data);
}

void farm_turn(struct farm *farm, farm_turn_fn *turn, void *data)
{
    farm->way->turn(farm, turn, data);
}

int farm_step(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    return farm->way->step(farm, event, done, done_data);
}

int farm_reconfigure(struct farm *farm, const struct core_event *event)
{
    return farm->way->reconfigure(farm, event);
}

void farm_started(struct farm *farm, farm_done_fn *done, void *done_data)
{
    farm->way->started(farm, done, done_data);
}

const struct core *farm_core(const struct farm *farm)
{
    return farm->way->core(farm);
}

void farm_status(const struct farm *farm, struct core_status *ret)
{
    farm->way->status(farm, ret);
}

void farm_place(const struct farm *farm, struct farm_place *ret)
{
    farm->way->place(farm, ret);
}

void farm_close(struct farm *farm, void (*closed)(void *data), void *data)
{
    if (farm)
        farm->way->close(farm, closed, data);
    else
        closed(data);
}

void farm_destroy(struct farm *farm)
{
    if (farm)
        farm->way->destroy(farm);
}
