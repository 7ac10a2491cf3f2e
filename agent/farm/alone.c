/* alone.c - this host is the farm: events pass straight through to the counter. */
#include "farm.h"

#include <stdlib.h>

struct alone {
    struct farm farm;
    farm_step_fn *step;
    void *data;
    const struct core *core;
};

static int on_step(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    const struct alone *alone = (const struct alone *)farm;
    return alone->step(alone->data, event, done, done_data);
}

static void on_offer(struct farm *farm, const struct core_event *event, farm_done_fn *done, void *done_data)
{
    (void)on_step(farm, event, done, done_data);
}

static void on_turn(struct farm *farm, farm_turn_fn *turn, void *data)
{
    (void)farm;
    turn(data, true);
}

static int on_reconfigure(struct farm *farm, const struct core_event *event)
{
    return on_step(farm, event, NULL, NULL);
}

static void on_started(struct farm *farm, farm_done_fn *done, void *done_data)
{
    (void)on_step(farm, &(struct core_event){.type = EVENT_STARTED}, done, done_data);
}

static const struct core *on_core(const struct farm *farm)
{
    return ((const struct alone *)farm)->core;
}

static void on_status(const struct farm *farm, struct core_status *ret)
{
    core_status(on_core(farm), ret);
}

static void on_place(const struct farm *farm, struct farm_place *ret)
{
    (void)farm;
    *ret = (struct farm_place){.part = FARM_ALONE,
                               .whole = true,
                               .name = "",
                               .leader = "",
                               .holder = "",
                               .detail = "",
                               .endpoint = ""};
}

static void on_close(struct farm *farm, void (*closed)(void *data), void *data)
{
    (void)farm;
    closed(data);
}

static void on_destroy(struct farm *farm)
{
    free(farm);
}

struct farm *farm_alone_create(farm_step_fn *step, void *data, const struct core *core)
{
    static const struct farm_way way = {on_offer, on_turn,   on_step,  on_reconfigure, on_started,
                                        on_core,  on_status, on_place, on_close,       on_destroy};
    struct alone *alone = calloc(1, sizeof(*alone));
    if (!alone)
        return NULL;
    *alone = (struct alone){.farm = {&way}, .step = step, .data = data, .core = core};
    return &alone->farm;
}
