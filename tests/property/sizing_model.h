/* sizing_model.h - what sizing answers, by brute force: the farm is replayed as a list of live connections
 * (tally_model.h), every level it had is written down, and every question goes through all of them. Written
 * from the definitions, knowing nothing of how sizing does it. */
#ifndef FARMGATE_TESTS_SIZING_MODEL_H
#define FARMGATE_TESTS_SIZING_MODEL_H

#include "tally_model.h"

#include "agent/ctl/sizing/recommend.h"

#define SIZING_MODEL_HOSTS      3
#define SIZING_MODEL_IDS        5
#define SIZING_MODEL_PERSONS    9
#define SIZING_MODEL_EVENTS_MAX 1500
#define SIZING_MODEL_NEVER      INT64_MAX

struct sizing_model_event {
    struct sizing_event event;
    unsigned host, id, person; /* numbers of its names; an equal person is the same user */
};

struct sizing_model_log {
    const struct tally_settings *settings;
    const struct sizing_zone *zone;
    struct sizing_model_event events[SIZING_MODEL_EVENTS_MAX];
    size_t event_count;
};

/* How the number of users went: `users` from at_ms until the next step's. */
struct sizing_model_step {
    int64_t at_ms;
    uint32_t users;
    bool is_event; /* else sessions were ended that had been disconnected for too long */
};
struct sizing_model_course {
    struct sizing_model_step steps[SIZING_MODEL_EVENTS_MAX * 2];
    size_t step_count;
    bool on_at_peak[SIZING_MODEL_PERSONS]; /* who is one of them at its first instant */
    uint64_t ended;                        /* sessions that were disconnected for too long */
    uint64_t began, repeated, unknown, left, ended_with_host, open;
};

/* With sessions ended when they were disconnected for so long, and administrators exempt or not. */
void sizing_model_replay(const struct sizing_model_log *log, int64_t end_after_ms, bool exempt,
                         struct sizing_model_course *ret_course);

/* NULL if what sizing and recommend say of a log agrees with the course of its farm, else what does not. */
const char *sizing_model_differs(const struct sizing_model_log *log, const struct sizing_model_course *course,
                                 const struct sizing_result *result,
                                 const struct recommendation *recommendation);

uint32_t sizing_model_peak(const struct sizing_model_course *course);

#endif
