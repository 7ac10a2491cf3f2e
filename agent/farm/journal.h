/* journal.h - where a host keeps its changes until the farm has them, so that nothing is lost while etcd has
 * no quorum, or when the agent dies. Implemented by the agent's store; by a list in tests.
 *
 * Beside the changes it keeps what they have come to: for every key that this host has written and that is
 * live, the text of its last change. A host that starts without etcd knows by it what it has told. */
#ifndef FARMGATE_AGENT_FARM_JOURNAL_H
#define FARMGATE_AGENT_FARM_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct farm_journal_entry {
    uint64_t number;      /* 0: no change to be kept, only what stands under the key */
    const char *text;     /* change_text */
    const char *key;      /* what it is about; NULL: that is known already */
    bool ended;           /* nothing stands under the key any more */
    const char *swept[2]; /* before: nothing stands under keys that begin so; NULL: none */
};

/* Made durable as a whole, in the order of the calls. */
struct farm_journal_write {
    const char *line; /* not NULL: numbers begin anew under this name, all changes kept before go first */
    bool forget;      /* and all that stood under keys */
    uint64_t drop_through; /* changes up to this number the farm has: they go, also those of this write */
    uint64_t sure_through; /* up to here nobody else can have given these numbers; see writer.h */
    const struct farm_journal_entry *entries;
    size_t count;
};

/* 0 once it is durable, else why not. */
typedef void farm_journal_done_fn(void *data, int error, const char *detail);

struct farm_journal {
    /* Copies what it needs. `done` is called once, later; not at all if this returns a negative code. */
    int (*write)(void *journal, const struct farm_journal_write *write, farm_journal_done_fn *done,
                 void *data);
    void *journal;
};

/* All that is kept, at start. Texts as they were written. */
struct farm_journal_kept {
    const char *line;           /* "": nothing was ever written */
    uint64_t sure_through;      /* the last one written */
    uint64_t through;           /* the greatest drop_through of this line */
    const char *const *told;    /* what stands under keys, in any order */
    const char *const *changes; /* those not dropped, by number */
    size_t told_count, change_count;
};

#endif
