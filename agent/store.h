/* store.h - what survives: the database farmgate.db and the files `identity` and `licence` in one
 * directory.
 *
 * Acknowledged means durable: a commit's callback with 0 comes only after SQLite (WAL, synchronous=FULL) and
 * the files have it. Commits and queries run on libuv's pool, one in flight, in the order of the calls;
 * commits that wait together share one transaction.
 *
 * A commit writes identity, then licence, then the database. A crash in between is harmless: a farm whose
 * standing has not followed its identity is not activated, and the next report mends it with the token; a
 * standing whose windows and events have not followed has them reported and said again. */
#ifndef FARMGATE_AGENT_STORE_H
#define FARMGATE_AGENT_STORE_H

#include "agent/clock.h"
#include "agent/core/core.h"
#include "agent/core/identity.h"
#include "agent/farm/journal.h"
#include "agent/licence_json.h"
#include "common/error.h"

#include <uv.h>

#define STORE_SCHEMA_VERSION  3
#define STORE_EVENTS_KEPT_MS  (400 * DAY_MS)
#define STORE_HISTORY_KEPT_MS (400 * DAY_MS)
#define STORE_PATH_BYTES_MAX  512
#define STORE_QUERY_ROWS_MAX  32768 /* of one query, whatever limit it asks for */

struct store;

/* The licence file, beside the core's struct standing. */
struct store_licence {
    struct standing standing;
    char entitlement[STORE_ENTITLEMENT_MAX + 1]; /* as it was signed; "" without one */
    struct clock_saved clock;
    int64_t farm_n; /* of a farm of many hosts: the last verdict or checkpoint that was heard of */
};

/* Everything that was stored, owned by the store until store_loaded_free. */
struct store_loaded {
    struct core_saved core; /* farm_id and installation_id point into identity */
    struct store_identity identity;
    struct store_licence licence;
    uint64_t last_event_id;
    struct farm_journal_kept journal; /* of a farm of many hosts; else empty */
    int64_t last_window_ms;           /* when the last window of any farm began; 0: there is none */
    /* What was damaged and set aside, to be said; the names are where it went, "" if it could not be moved
     * (it is then overwritten by the next commit). */
    bool database_was_damaged, identity_was_damaged, licence_was_damaged;
    char set_aside[STORE_PATH_BYTES_MAX];
    char identity_set_aside[STORE_PATH_BYTES_MAX];
    char licence_set_aside[STORE_PATH_BYTES_MAX];
    /* The installation and farm ids were taken from the licence because the identity was lost; its token is
     * gone, and only activating with the same key again gives a new one. */
    bool identity_was_recovered;
    /* Not 0: the database cannot be opened yet (read-only, full, forbidden), and why. Everything but identity
     * and licence is empty then; commits try again, and fail until one succeeds. */
    int database_error;
    struct error_detail database_detail;
    struct store_memory *memory; /* the store's own */
};

/* Opens (blocking; at start only), loads, and says what happened; makes the directory if only its last part
 * is missing. ERROR_BUSY: another agent owns it; ERROR_NEWER: from a newer version, untouched; ERROR_IO,
 * ERROR_FORBIDDEN: identity or licence are there but cannot be read (to start without them would close the
 * gate for want of a permission). What is damaged is set aside and begun anew. A missing identity is made
 * (installation_id random) and written, or kept in memory until a commit can write it.
 *
 * The next sequence of a farm whose windows the database does not know (lost, or not to be opened) is set
 * past every one that can have been used: the authority would take a used one for a repetition. */
int store_open(uv_loop_t *loop, const char *directory, int64_t wall_ms, struct store **ret_store,
               struct store_loaded **ret_loaded, struct error_detail *ret_detail);
void store_loaded_free(struct store_loaded *loaded);

/* What the database holds can be read, but the core will not have it: it is damage all the same. Sets the
 * database aside and begins anew, as store_open does; *loaded then has the licence and no rows. Before the
 * first commit only. */
int store_begin_anew(struct store *store, int64_t wall_ms, struct store_loaded *loaded,
                     struct error_detail *ret_detail);

/* One commit: the persist actions of `actions` (others are skipped, log events are stored and given ids), and
 * the files where not NULL; a PERSIST_STANDING comes with its licence. Everything is copied before this
 * returns. `done` is called once, from the loop: 0, or why it is not written (ERROR_FULL, ERROR_IO,
 * ERROR_FORBIDDEN) with words. Then the database has nothing of it (and of those that shared its
 * transaction), the files perhaps: commit a whole copy (core_snapshot) with both files. Negative: `done` is
 * not called. */
struct store_batch {
    const struct core_actions *const *actions;
    size_t count;
    const struct store_identity *identity;
    const struct store_licence *licence;
};
typedef void store_done_fn(void *data, int error, const char *detail);
int store_commit(struct store *store, const struct store_batch *batch, store_done_fn *done, void *data);

/* The farm's journal, for struct farm_journal: `store` is the struct store. A commit like any other, in their
 * order, and sharing their transactions. */
int store_journal_write(void *store, const struct farm_journal_write *write, farm_journal_done_fn *done,
                        void *data);

/* The id the next log event will get; ids rise by one in the order of commits, also over restarts. While the
 * database cannot be opened they rise from the wall clock at start: past every one that was given before. */
uint64_t store_next_event_id(const struct store *store);

/* The sequence that the next window of this farm gets, 0 for a farm that was never seen here: a farm that is
 * activated again goes on where it was. */
uint64_t store_next_sequence(const struct store *store, const char *farm_id);

/* History, read on the pool. Rows are valid during the callback; error != 0: none. Windows and days that
 * overlap [since_ms, until_ms) come by time, events by id. */
struct store_windows {
    const struct window *windows;
    const char *states; /* one letter each: 'c' closed, 'a' accepted, 'r' refused */
    size_t count;
    bool more; /* the limit cut it */
};
typedef void store_windows_fn(void *data, int error, const struct store_windows *windows);
int store_query_windows(struct store *store, int64_t since_ms, int64_t until_ms, size_t limit,
                        store_windows_fn *done, void *data);

struct store_day {
    int64_t start_ms;
    struct peak_mark mark;
};
typedef void store_days_fn(void *data, int error, const struct store_day *days, size_t count);
int store_query_days(struct store *store, int64_t since_ms, int64_t until_ms, store_days_fn *done,
                     void *data);

/* Stored log events after an id, as the JSON text that was published. */
struct store_event {
    uint64_t id;
    int64_t at_ms;
    const char *name; /* "gate_closed" */
    const char *json;
};
typedef void store_events_fn(void *data, int error, const struct store_event *events, size_t count);
int store_query_events(struct store *store, uint64_t after_id, size_t limit, store_events_fn *done,
                       void *data);

/* A person is taken out of the stored events: of each whose `user` is this one in any spelling (identity.h)
 * the id, instant, code and severity stay; the sentence and every field go, and neither the database nor its
 * log keeps a copy. Done in steps, with commits in between; an event that is committed after the call may be
 * missed. `done`: how many events; error != 0: some of them perhaps, and why not all. */
typedef void store_forgotten_fn(void *data, int error, const char *detail, uint64_t events);
int store_forget(struct store *store, const char *user, const struct identity_alias *aliases,
                 size_t alias_count, store_forgotten_fn *done, void *data);

/* Finishes what is queued, closes the database, frees; `closed` from the loop. No call but this afterwards.
 */
void store_close(struct store *store, void (*closed)(void *data), void *data);

#endif
