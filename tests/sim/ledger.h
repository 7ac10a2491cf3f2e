/* ledger.h - the independent account of what a host saw: every instant at which the level moved, and from
 * those the windows that there have to be; and what became of each. The core's closed windows are held
 * against it as they come, the authority's books at the end.
 *
 * What a crash takes back is plain data (struct ledger_state); the books of windows that were once durable
 * are never taken back. */
#ifndef FARMGATE_TESTS_SIM_LEDGER_H
#define FARMGATE_TESTS_SIM_LEDGER_H

#include "agent/core/core.h"
#include "people.h"
#include "witness.h"

#define LEDGER_FARMS_MAX  24 /* farm ids that one host has had */
#define LEDGER_LEVELS_MAX 128
#define LEDGER_NO_FARM    -1

struct ledger_level {
    int64_t at_ms; /* event time */
    uint32_t users, exempt;
};

struct ledger_state {
    bool begun;
    int64_t event_ms; /* the later of licence time and the previous event's (RULES §2.7) */
    int64_t window_ms;
    int farm;       /* whose windows are numbered now, or LEDGER_NO_FARM: they are kept and not sent */
    int queue_farm; /* whose queue it is; it waits while the farm is released */
    size_t queued;  /* closed for it and not yet acknowledged */
    uint64_t closed[LEDGER_FARMS_MAX];
    bool count_disconnected;
    unsigned boots; /* of the machine, as told last; 0: never */
    size_t level_count;
    struct ledger_level levels[LEDGER_LEVELS_MAX]; /* of the running window, the one carried in first */
    struct people known;                           /* as the farm was told last */
};
void ledger_state_copy(struct ledger_state *to, const struct ledger_state *from);

enum entry_fate { ENTRY_OPEN, ENTRY_ACCEPTED, ENTRY_REFUSED, ENTRY_DROPPED };

/* One window that was closed. */
struct entry {
    struct window window;
    uint8_t fate; /* at the authority */
    bool durable;
};

struct book {
    struct entry *entries; /* entry i: sequence base + i + 1 */
    size_t count, room;
    uint64_t base;
    size_t left_behind; /* the first so many: what is open of them waits in the store for the next start */
};

struct ledger {
    struct witness *witness;
    unsigned host;
    struct ledger_state now;
    struct book books[LEDGER_FARMS_MAX];
    int line_farm; /* when the line was drawn */
    uint64_t line;
};

void ledger_init(struct ledger *ledger, unsigned host, bool count_disconnected, struct witness *witness);
void ledger_finish(struct ledger *ledger);

/* The windows that a step closed, taken from its actions in order. */
struct ledger_closed {
    const struct action *actions;
    size_t count, at;
};

/* Licence time is now_ms: event time follows, and every window that ends by then is compared with the next of
 * *closed. */
void ledger_move(struct ledger *ledger, int64_t now_ms, struct ledger_closed *closed);
/* The step is over: nothing else may have been closed. */
void ledger_step_over(struct ledger *ledger, struct ledger_closed *closed);
/* The level from here on: that of the sessions known. */
struct people_level ledger_observe(struct ledger *ledger);
/* Windows are another farm's from here on, or nobody's. */
void ledger_number_for(struct ledger *ledger, int farm);
/* A process starts with what was stored: for farm `queue_farm` so many windows are queued and this sequence
 * is next; `farm`: the same if it reports, else nobody. */
void ledger_restart(struct ledger *ledger, const struct ledger_state *stored, int farm, int queue_farm,
                    const struct core_saved *saved, int64_t now_ms);

/* All windows closed so far in this state are on the disk. */
void ledger_durable(struct ledger *ledger, const struct ledger_state *stored);

/* A report leaves the host, reaches the authority, is answered. */
void ledger_sent(struct ledger *ledger, const struct window *windows, size_t count);
void ledger_judged(struct ledger *ledger, int farm, const struct window *window, bool accepted,
                   bool repeated);
void ledger_acknowledged(struct ledger *ledger, int farm, uint64_t sequence);
/* A window made place for newer ones: the queue was full. */
void ledger_dropped(struct ledger *ledger, uint64_t sequence);

/* Every window that the reporting farm had closed when the line was drawn has been dealt with. */
void ledger_draw_line(struct ledger *ledger);
void ledger_check_healed(struct ledger *ledger);
/* What the authority bills by is what it accepted, each window once. */
void ledger_check_account(struct ledger *ledger, int farm, uint64_t windows, uint64_t users);

#endif
