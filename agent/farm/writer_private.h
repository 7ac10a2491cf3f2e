/* writer_private.h - between the writer's own files:
 *
 *     writer.c          the whole: start, time, what was answered
 *     writer_told.c     events become changes
 *     writer_journal.c  changes become durable
 *     writer_load.c     what the farm knows of this host, and what to make of it
 *     writer_send.c     changes go to the farm */
#ifndef FARMGATE_AGENT_FARM_WRITER_PRIVATE_H
#define FARMGATE_AGENT_FARM_WRITER_PRIVATE_H

#include "book.h"
#include "writer.h"

#define WRITER_NEVER INT64_MAX

/* A change until both journal and farm have it. */
struct waiting {
    struct waiting *next;
    struct kept_change *kept;
    bool only_kept; /* what stands under a key, for the journal alone: the farm has it */
    bool sweeps;    /* BOOTED: everything of this host has ended by it */
    bool journalled;
    bool booked;   /* the journal knows what stands under its key, but perhaps not the change */
    bool answered; /* the journal has said what became of it: it may go to the farm */
    bool former;   /* the journal had it at the start */
    farm_done_fn *done;
    void *done_data;
};

enum writer_step { WRITER_LOAD_SEQ, WRITER_LOAD_SESSIONS, WRITER_LOAD_BROKERS, WRITER_SEND, WRITER_STEP_MAX };

/* seq/H as it was read. */
struct writer_seq {
    bool is_there, opened;
    int64_t version;
    char line[RECORD_INSTANCE_BYTES_MAX + 1];
    uint64_t through;
    struct error_detail detail;
};

/* The answer to what is under way. */
struct writer_answer {
    bool has_message;
    struct wire_message message;
    struct writer_seq seq;
    int error;
    struct error_detail detail;
};

/* A session as the farm knows it. */
struct writer_loaded {
    struct writer_loaded *next;
    struct kept_change *kept;
};

struct writer {
    struct writer_settings settings;
    char host[CONNECTION_HOST_BYTES_MAX + 1];
    char instance[RECORD_INSTANCE_BYTES_MAX + 1];
    struct record_key seq_key, boot_key, sessions_prefix, brokers_prefix;
    uint64_t chance;
    int64_t now_ms, licence_ms;
    bool held, stopped;

    /* what was told */
    struct book sessions, brokers;
    char boot_id[CORE_BOOT_ID_BYTES_MAX + 1]; /* "": not known */
    bool enumerated;                          /* by its sources, since the start */
    bool full;
    struct kept_change **missed; /* the last set while it was full */
    size_t missed_count;
    bool has_missed;

    /* changes, by number */
    struct waiting *first, *last;
    struct waiting *unsent; /* the first that the farm does not have */
    size_t count, unsent_count;
    uint64_t last_number, through; /* through: what the farm has */

    /* the journal */
    char line[RECORD_INSTANCE_BYTES_MAX + 1];
    bool is_new;               /* nothing was kept at the start, and the farm was not read yet */
    bool begins, forgets;      /* the next write begins the line anew */
    struct waiting *unwritten; /* the first that the journal does not have */
    bool writing;              /* a write is under way … */
    struct waiting *written_first, *written_last; /* … of these; NULL: none … */
    bool written_begins, written_forgets;         /* … that begins the line */
    bool written_stale;                           /* which has begun anew meanwhile */
    bool line_tried;                              /* the journal was told of the line, well or not */
    uint64_t journalled;                          /* the last number that it has */
    uint64_t sure_through, sure_tried;            /* see farm_journal_write; and of which it was told */
    uint64_t written_number;                      /* the last one under way to it */
    unsigned journal_failures;
    int64_t journal_due_ms, drop_due_ms;
    uint64_t dropped;

    /* etcd */
    enum writer_step step;
    int64_t asked_id; /* 0: nothing under way */
    bool asked_answered, looks, loaded, loaded_once;
    struct writer_answer answer;
    int64_t due_ms;
    unsigned failures;
    struct error_detail failure;
    int64_t revision;
    int64_t seq_version;
    uint64_t sent_through;                         /* the highest number that may stand in seq/H */
    uint64_t flying;                               /* the last number of the transaction under way */
    char farm_boot_id[CORE_BOOT_ID_BYTES_MAX + 1]; /* as boot/H has it */
    struct writer_seq loaded_seq;
    const struct waiting *retold; /* the last of what is told anew: nothing goes before the journal has it */
    struct writer_loaded *loads;
    struct book broker_loads; /* what brokers said through this host, as the farm knows it */
    int64_t load_revision;
    char load_after[WIRE_KEY_BYTES_MAX + 1];
};

/* writer.c */
void writer_say(struct writer *writer, enum writer_saying saying, const char *detail);
void writer_retry(struct writer *writer, const char *why);

/* writer_told.c */
/* Numbers the change, writes it into the books, and puts it at the end; false without memory. */
bool writer_tell(struct writer *writer, struct change *change);
/* The changes told since `before` (the last one then, or NULL) are one batch. */
void writer_end_batch(struct writer *writer, struct waiting *before, farm_done_fn *done, void *done_data);
struct change writer_change(const struct writer *writer, enum change_type type, const char *host,
                            const char *id);
void writer_tell_missed(struct writer *writer);

/* writer_journal.c */
/* A sure number that the journal was not told of could be given again by the next process. */
bool writer_may_send(const struct writer *writer, const struct waiting *waiting);
bool writer_add(struct writer *writer, const struct change *change, bool only_kept, bool sweeps);
void writer_journal_pass(struct writer *writer);
int64_t writer_journal_due_ms(const struct writer *writer);
/* The farm has changes up to this number. */
void writer_commit(struct writer *writer, uint64_t through);
/* What the journal kept from before the boot that the farm has last heard of was told by a former process. */
void writer_forget_former(struct writer *writer);
/* Numbers begin behind this one, under this process's name. */
void writer_begin_line(struct writer *writer, uint64_t behind);
struct record_key writer_key(const struct writer *writer, const struct kept_change *kept);

/* writer_load.c */
char *writer_load_seq_text(struct writer *writer);
char *writer_load_sessions_text(struct writer *writer);
char *writer_load_brokers_text(struct writer *writer);
void writer_judge_seq(struct writer *writer);
void writer_judge_sessions(struct writer *writer);
void writer_judge_brokers(struct writer *writer);
int writer_load_kv(struct writer *writer, const struct wire_kv *kv);
void writer_forget_loads(struct writer *writer);

/* writer_send.c */
bool writer_has_to_send(const struct writer *writer);
char *writer_send_text(struct writer *writer);
void writer_judge_send(struct writer *writer);

#endif
