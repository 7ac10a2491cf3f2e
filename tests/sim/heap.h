/* heap.h - what happens next in virtual time. */
#ifndef FARMGATE_TESTS_SIM_HEAP_H
#define FARMGATE_TESTS_SIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum moment_type {
    MOMENT_WAKE,     /* a host's timer */
    MOMENT_LANDED,   /* a commit is on the disk */
    MOMENT_RETRY,    /* the failing store is tried again */
    MOMENT_PROCESS,  /* the agent is started */
    MOMENT_READY,    /* its sources have enumerated */
    MOMENT_POWER_ON, /* the machine boots */
    MOMENT_RESUME,   /* it wakes up */
    MOMENT_CLOCK_RIGHT,
    MOMENT_REQUEST, /* a message reaches the authority */
    MOMENT_ANSWER,  /* or its answer the host */
    MOMENT_ERRAND,  /* the administrator tries once more */
};

struct moment {
    int64_t at_ms;   /* true time */
    uint64_t number; /* equal instants go in the order of heap_push */
    enum moment_type type;
    unsigned host;
    uint64_t what; /* the host's life, or the number of the commit or message */
    void *message;
};

struct heap {
    struct moment *moments;
    size_t count, room;
    uint64_t pushed;
};

void heap_finish(struct heap *heap);
void heap_push(struct heap *heap, struct moment moment);
/* NULL when empty. */
const struct moment *heap_first(const struct heap *heap);
struct moment heap_pop(struct heap *heap);

#endif
