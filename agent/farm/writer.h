/* writer.h - tells the farm who is on, as this host's sources and brokers say it.
 *
 *     events ──► differences ──► changes, numbered ──► journal ──► one transaction at a time ──► etcd
 *                to what was told                      durable:     seq/H with the changes, in true order;
 *                                                      `done`       s/, b/, boot/ as they come to
 *
 * What arrives while a transaction is under way goes into the next one. A transaction holds at most
 * WIRE_OPS_MAX operations, a key once, however often it changed; of the changes none is left out. A batch
 * (the differences of one set) has `more` on all its changes but the last; one that is larger than a
 * transaction is split: the next one goes on with it, and levels are to be judged behind its last change.
 *
 * It happens once: a transaction holds only for the VERSION of seq/H that was there before. A lost answer is
 * made up for by sending again; where it had happened, seq/H tells by its line and `through` up to where.
 * Numbers run in lines: the name of a line stands as `instance` in seq/H and in the journal. Who finds there
 * a number of its own line that its journal never gave, or another line, begins a new line behind it: the
 * journal was lost, or is an old one put back. If seq/H has gone back instead, etcd's own backup was put
 * back, or all of it lost: then everything live is told anew.
 *
 * A process that has not read seq/H yet cannot know whether a former one went on without its journal, which
 * failed. The numbers it gives are not sure until it has, and are given anew if so.
 *
 * Without a quorum changes gather in the journal, up to WRITER_CHANGES_MAX. Beyond it brokers are refused
 * (ERROR_FULL), and of this host's sessions only the last set is kept, to be told when half has gone: what
 * came and went between is lost, and said. If the journal fails, senders are told so, and the changes go to
 * etcd all the same.
 *
 * A broker's set ends what this agent was told before by brokers, not what another agent was: that stays
 * until its lease is over (RULES §2.9). What stands under b/ says through which host it was told: where a
 * backup of etcd was put back, what is over by this host's journal is ended once more; where the journal was
 * lost or an old one put back, what stands in etcd is taken over.
 *
 * Pure: events, replies and time in, requests out. */
#ifndef FARMGATE_AGENT_FARM_WRITER_H
#define FARMGATE_AGENT_FARM_WRITER_H

#include "farm.h"
#include "journal.h"
#include "port.h"
#include "record.h"

#define WRITER_CHANGES_MAX      100000 /* waiting for etcd, or for the journal */
#define WRITER_JOURNAL_MAX      1024   /* in one write to the journal, but for a line that begins anew */
#define WRITER_PAGE             1000   /* sessions read at once */
#define WRITER_RETRY_FIRST_MS   100    /* after a request that failed, with jitter; doubled up to the last */
#define WRITER_RETRY_LAST_MS    5000
#define WRITER_JOURNAL_FIRST_MS 1000 /* after a write to the journal that failed */
#define WRITER_JOURNAL_LAST_MS  60000
#define WRITER_DROP_MS          1000 /* the journal is told so much later, or with the next change */

struct writer;

enum writer_saying {
    WRITER_LOADED,       /* what the farm knows of this host was read */
    WRITER_WENT_BACK,    /* etcd has less than it had: everything live is told anew */
    WRITER_OTHER_LINE,   /* seq/H is not of this journal's line: a new one begins */
    WRITER_UNREADABLE,   /* seq/H does not open: it is written over */
    WRITER_FULL,         /* WRITER_CHANGES_MAX */
    WRITER_ROOM,         /* again; what came and went between is lost */
    WRITER_JOURNAL_BAD,  /* the journal fails */
    WRITER_JOURNAL_GOOD, /* again */
    WRITER_SAYING_MAX
};
const char *writer_saying_name(enum writer_saying saying);

struct writer_settings { /* copied, but for what is pointed to */
    const struct record_farm *farm;
    const char *host;
    const char *instance; /* of this process, random, RECORD_INSTANCE_BYTES_MAX at most: a new line's name */
    uint64_t seed;        /* for jitter and the table's keys */
    size_t changes_max;   /* 0: WRITER_CHANGES_MAX */
    struct farm_port port;
    struct farm_journal journal;
    void (*said)(void *data, enum writer_saying saying, const char *detail); /* may be NULL */
    void (*wake)(void *data); /* writer_pass is due at once; may be NULL */
    void *data;
};

/* Goes on from what the journal kept. NULL without memory. What of it cannot be read is left out. */
struct writer *writer_create(const struct writer_settings *settings, const struct farm_journal_kept *kept);

/* HOST_BOOTED and HOST_SET of this host, BROKER_PUT, BROKER_END, BROKER_SET, at licence time. `done` (may be
 * NULL) is called once the journal has it, at once where nothing changed: 0; CORE_INVALID (of a set: what is
 * valid is told), ERROR_FULL, ERROR_NO_MEMORY; else why the journal does not have it. */
void writer_offer(struct writer *writer, const struct core_event *event, int64_t licence_ms,
                  farm_done_fn *done, void *done_data);

/* Does what is due, in steady ms; licence time is for what it tells anew. */
void writer_pass(struct writer *writer, int64_t now_ms, int64_t licence_ms);
int64_t writer_due_ms(const struct writer *writer); /* INT64_MAX: never */

/* The host was cut off and is back, or etcd may have lost what it had: reads seq/H again. */
void writer_look(struct writer *writer);
/* While another machine has the host's name nothing is asked. */
void writer_hold(struct writer *writer, bool held);
/* No further request or write. */
void writer_stop(struct writer *writer);

struct writer_status {
    bool loaded; /* since the start, or since it last had to look */
    bool full;
    size_t waiting;      /* changes that the farm does not have yet */
    int64_t oldest_ms;   /* licence time of the first of them; 0: none */
    uint64_t through;    /* the last change that the farm has */
    int64_t revision;    /* of etcd, as last heard; 0: never */
    unsigned failures;   /* of requests, in a row */
    const char *failure; /* the last one's words */
};
struct writer_status writer_status(const struct writer *writer);

/* After writer_stop, once nothing is under way (etcd_close, store_close). Changes still waiting are in the
 * journal. */
void writer_destroy(struct writer *writer);

#endif
