/* store_private.h - between the store's own files:
 *
 *     store.c         the queue of jobs, on the loop
 *     store_open.c    opening and loading, at start
 *     store_commit.c  a group of commits, on the pool
 *     store_journal.c the farm's journal in it
 *     store_query.c   history, on the pool
 *     store_forget.c  a person taken out of it
 *     store_database.c  schema and statements
 *     store_files.c   identity and licence */
#ifndef FARMGATE_AGENT_STORE_PRIVATE_H
#define FARMGATE_AGENT_STORE_PRIVATE_H

#include "agent/store.h"
#include "common/db.h"

#define STORE_GROUP_MAX   256  /* commits in one transaction */
#define STORE_PRUNE_ROWS  4096 /* of each history, every time a window is stored */
#define STORE_FORGET_ROWS 2048 /* events looked at in one step */
#define STORE_ERASED_TEXT "What happened to somebody; erased."

/* Texts that live together. */
struct store_arena {
    struct store_chunk *chunks;
};
char *store_arena_text(struct store_arena *arena, const char *text); /* NULL without memory */
void *store_arena_take(struct store_arena *arena, size_t bytes);     /* aligned for any type */
void store_arena_free(struct store_arena *arena);

/* --- the database: one thread at a time, the loop's at start, then whichever runs the job --------------- */

/* Every statement that is kept. Windows: see WINDOW_COLUMNS in store_database.c. */
#define STORE_STATEMENTS(X)                                                                                  \
    X(CONNECTIONS_CLEAR, "DELETE FROM connections")                                                          \
    X(CONNECTION_PUT, "INSERT OR REPLACE INTO connections VALUES (?,?,?,?,?,?,?,?,?,?,?,?)")                 \
    X(CONNECTION_END, "DELETE FROM connections WHERE host=? AND id=?")                                       \
    X(HOST_PUT, "INSERT OR REPLACE INTO hosts VALUES (?,?)")                                                 \
    X(WINDOW_PUT, "INSERT OR REPLACE INTO windows VALUES (?,?,?,?,?,?,?,?,?,'c','')")                        \
    X(WINDOWS_ACCEPT, "UPDATE windows SET state='a' WHERE farm_id=? AND sequence BETWEEN ? AND ? "           \
                      "AND state='c'")                                                                       \
    X(WINDOW_REFUSE, "UPDATE windows SET state='r', reason=? WHERE farm_id=? AND sequence=?")                \
    X(RUNNING_PUT, "INSERT OR REPLACE INTO running VALUES (1,?,?,?,?,?,?,?,?,?,?,?,?)")                      \
    X(DAY_PUT, "INSERT INTO days VALUES (?,?,?) ON CONFLICT (start_ms) DO UPDATE "                           \
               "SET peak_at_ms=excluded.peak_at_ms, peak_users=excluded.peak_users "                         \
               "WHERE excluded.peak_users>peak_users")                                                       \
    X(FARM_PUT, "INSERT INTO farms VALUES (?,?) ON CONFLICT (farm_id) DO UPDATE "                            \
                "SET next_sequence=max(next_sequence, excluded.next_sequence)")                              \
    X(EVENT_PUT, "INSERT OR REPLACE INTO events VALUES (?,?,?,?)")                                           \
    X(EVENT_USERS, "SELECT id, CASE WHEN json_valid(json) THEN json_extract(json,'$.user') END FROM events " \
                   "WHERE id>? ORDER BY id LIMIT ?")                                                         \
    X(EVENT_ERASE, "UPDATE events SET json=json_object('id',id,'at',json_extract(json,'$.at'),"              \
                   "'code',json_extract(json,'$.code'),'severity',json_extract(json,'$.severity'),"          \
                   "'text',?2,'erased',json('true')) WHERE id=?1")                                           \
    X(COUNTER_PUT, "INSERT OR REPLACE INTO counters VALUES (?,?)")                                           \
    X(WINDOWS_PRUNE, "DELETE FROM windows WHERE start_ms IN (SELECT start_ms FROM windows WHERE start_ms<? " \
                     "ORDER BY start_ms LIMIT ?) AND NOT (state='c' AND sequence>0 AND farm_id=?)")          \
    X(DAYS_PRUNE, "DELETE FROM days WHERE start_ms IN (SELECT start_ms FROM days WHERE start_ms<? "          \
                  "ORDER BY start_ms LIMIT ?)")                                                              \
    X(EVENTS_PRUNE, "DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?2) "           \
                    "AND (at_ms<?1 OR (at_ms>?3 AND id<(SELECT max(id) FROM (SELECT id, at_ms FROM events "  \
                    "WHERE at_ms<=?3 ORDER BY id LIMIT ?2) WHERE at_ms<?1)))")                               \
    X(JOURNAL_PUT, "INSERT OR REPLACE INTO farm_journal VALUES (?,?)")                                       \
    X(JOURNAL_DROP, "DELETE FROM farm_journal WHERE number<=?")                                              \
    X(JOURNAL_CLEAR, "DELETE FROM farm_journal")                                                             \
    X(TOLD_PUT, "INSERT OR REPLACE INTO farm_told VALUES (?,?)")                                             \
    X(TOLD_END, "DELETE FROM farm_told WHERE key=?")                                                         \
    X(TOLD_SWEEP, "DELETE FROM farm_told WHERE substr(key,1,length(?1))=?1")                                 \
    X(TOLD_CLEAR, "DELETE FROM farm_told")                                                                   \
    X(LINE_PUT, "INSERT OR REPLACE INTO farm_line VALUES (1,?,0,0)")                                         \
    X(LINE_THROUGH, "UPDATE farm_line SET through=?, sure_through=?")                                        \
    X(WINDOWS_QUERY, "SELECT * FROM windows WHERE start_ms<?2 AND end_ms>?1 ORDER BY start_ms LIMIT ?3")     \
    X(DAYS_QUERY, "SELECT * FROM days WHERE start_ms<?2 AND start_ms>?1 ORDER BY start_ms LIMIT ?3")         \
    X(EVENTS_QUERY, "SELECT * FROM events WHERE id>?1 ORDER BY id LIMIT ?3")

#define STORE_STATEMENT_ENUM(name, sql) STATEMENT_##name,
enum store_statement { STORE_STATEMENTS(STORE_STATEMENT_ENUM) STATEMENT_MAX };
#undef STORE_STATEMENT_ENUM

struct store_database {
    char path[STORE_PATH_BYTES_MAX];
    bool open;
    struct db db;
    sqlite3_stmt *statements[STATEMENT_MAX];
    /* Of a database that could be opened only after the start: what it holds and the core does not know. */
    uint64_t sequence_floor;     /* earlier windows are not the core's to acknowledge */
    struct peak_mark ever_floor; /* the highest peak before */
};

/* Opens and prepares; codes as db_open. */
int store_database_open(struct store_database *database, struct error_detail *ret_detail);
void store_database_close(struct store_database *database);
int store_database_error(struct store_database *database, int rc, struct error_detail *ret_detail);

/* Binds a list of values in order and runs the statement; no rows are wanted. Types: 'i' int64_t, 't' const
 * char *. */
int store_database_run(struct store_database *database, enum store_statement statement,
                       struct error_detail *ret_detail, const char *types, ...);

/* Reads a window from a row of the table windows, or running from its column `from` on. */
void store_row_window(sqlite3_stmt *row, int from, struct window *ret);
const char *store_row_text(sqlite3_stmt *row, int column); /* "" for NULL */

/* A farm that was ever activated here. */
struct store_farm {
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    uint64_t next_sequence;
};

/* What was stored, to go on from. That rows make sense is checked by the schema, in db_open's quick_check. */
struct store_memory {
    struct store_arena arena;
    struct roster_change *connections;
    struct core_host *hosts;
    struct window *unsent;
    struct store_farm *farms;
    size_t farm_count;
    const char **told, **changes; /* the journal's */
};
int store_database_load(struct store_database *database, struct store_loaded *loaded,
                        struct error_detail *ret_detail);
/* The highest peak ever; *ret is untouched if there is none. */
int store_database_load_ever(struct store_database *database, struct peak_mark *ret,
                             struct error_detail *ret_detail);

/* --- the files ------------------------------------------------------------------------------------------ */

/* ERROR_NOT_FOUND, ERROR_DAMAGED, ERROR_NEWER (both versions named), ERROR_IO, ERROR_FORBIDDEN. */
int store_identity_read(const char *path, struct store_identity *ret, struct error_detail *ret_detail);
int store_identity_write(const char *path, const struct store_identity *identity,
                         struct error_detail *ret_detail);
int store_licence_read(const char *path, struct store_licence *ret, struct error_detail *ret_detail);
int store_licence_write(const char *path, const struct store_licence *licence,
                        struct error_detail *ret_detail);

/* --- jobs ----------------------------------------------------------------------------------------------- */

enum store_job_type {
    STORE_JOB_COMMIT,
    STORE_JOB_WINDOWS,
    STORE_JOB_DAYS,
    STORE_JOB_EVENTS,
    STORE_JOB_FORGET,
    STORE_JOB_CLOSE
};

/* A persist action or a log event. */
struct store_record {
    bool is_event;
    union {
        struct persist persist;
        struct store_event event;
    };
};

struct store_commit_job {
    struct store_record *records;
    size_t record_count;
    struct store_identity *identity; /* NULL: unchanged */
    struct store_licence *licence;
    const struct farm_journal_write *journal;
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* whose windows these are */
    uint64_t last_event_id;
    int64_t history_now_ms; /* what is older than its allowance then may go; 0: nothing */
    store_done_fn *done;
    void *data;
};

struct store_query_job {
    int64_t first, second; /* since and until, or after_id */
    size_t limit;
    size_t count;
    bool more;
    struct window *windows;
    char *states;
    struct store_day *days;
    struct store_event *events;
    union {
        store_windows_fn *windows_done;
        store_days_fn *days_done;
        store_events_fn *events_done;
    };
    void *data;
};

struct store_forget_job {
    const char *key; /* of the user, by the rules for names */
    size_t key_bytes;
    const struct identity_alias *aliases;
    size_t alias_count;
    int64_t after_id;
    uint64_t events;
    bool more;
    store_forgotten_fn *done;
    void *data;
};

struct store_job {
    struct store_job *next;
    enum store_job_type type;
    struct store_arena arena; /* its texts */
    int error;
    struct error_detail detail;
    union {
        struct store_commit_job commit;
        struct store_query_job query;
        struct store_forget_job forget;
    };
};

struct store {
    uv_loop_t *loop;
    /* the loop's: */
    struct store_job *queue, **queue_end;
    struct store_job *flying;   /* a group of commits, or one other job */
    struct store_job close_job; /* closing must not want for memory */
    uv_work_t work;
    uint64_t next_event_id;
    char farm_id[GRANT_ID_BYTES_MAX + 1]; /* of the last identity */
    int64_t history_now_ms;               /* by the last licence */
    struct store_farm *farms;
    size_t farm_count;
    bool closing;
    void (*closed)(void *data);
    void *closed_data;
    /* the running job's: */
    struct store_database database;
    char identity_path[STORE_PATH_BYTES_MAX], licence_path[STORE_PATH_BYTES_MAX];
};

/* Notes a farm unless it is known; false without memory. */
bool store_know_farm(struct store *store, const char *farm_id, uint64_t next_sequence);

/* NULL without memory. */
struct farm_journal_write *store_journal_copy(struct store_arena *arena,
                                              const struct farm_journal_write *write);

/* On the pool. */
int store_journal_put(struct store_database *database, const struct farm_journal_write *write,
                      struct error_detail *ret_detail);
void store_commit_run(struct store *store, struct store_job *group);
void store_query_run(struct store *store, struct store_job *job);
void store_forget_run(struct store *store, struct store_job *job);

/* Copies what the job needs; false without memory. */
bool store_forget_keep(struct store_job *job, const char *user, const struct identity_alias *aliases,
                       size_t alias_count);

/* The instant up to which history may be pruned: signed where there is an entitlement, since licence time may
 * be years ahead between a reboot with a wrong clock and the next contact. */
int64_t store_history_now(const struct store_licence *licence);

#endif
