/* store_forget.c - a person taken out of the stored events, some thousand events at a time, so that commits
 * between two steps do not wait. On the pool. */
#include "store_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The person's among the next events; *ret_rows is how many were looked at. */
static int find(struct store_database *database, struct store_forget_job *forget,
                int64_t ids[STORE_FORGET_ROWS], size_t *ret_found, size_t *ret_rows,
                struct error_detail *ret_detail)
{
    sqlite3_stmt *row = database->statements[STATEMENT_EVENT_USERS];
    int rc = sqlite3_bind_int64(row, 1, forget->after_id);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(row, 2, STORE_FORGET_ROWS);
    size_t found = 0, rows = 0;
    while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        char room[IDENTITY_KEY_BYTES_MAX];
        size_t bytes;
        const char *user = store_row_text(row, 1);
        const char *key =
            identity_key_in(user, strlen(user), forget->aliases, forget->alias_count, room, &bytes);
        forget->after_id = sqlite3_column_int64(row, 0);
        if (bytes == forget->key_bytes && memcmp(key, forget->key, bytes) == 0)
            ids[found++] = forget->after_id;
        rows++;
        rc = SQLITE_OK;
    }
    int error = rc == SQLITE_DONE ? 0 : store_database_error(database, rc, ret_detail);
    (void)sqlite3_reset(row);
    *ret_found = found;
    *ret_rows = rows;
    return error;
}

static int erase(struct store_database *database, const int64_t *ids, size_t count,
                 struct error_detail *ret_detail)
{
    int error = db_exec(&database->db, "BEGIN IMMEDIATE", ret_detail);
    for (size_t i = 0; i < count && error == 0; i++)
        error =
            store_database_run(database, STATEMENT_EVENT_ERASE, ret_detail, "it", ids[i], STORE_ERASED_TEXT);
    if (error == 0)
        error = db_exec(&database->db, "COMMIT", ret_detail);
    if (error != 0 && !sqlite3_get_autocommit(database->db.handle)) {
        struct error_detail ignored;
        (void)db_exec(&database->db, "ROLLBACK", &ignored);
    }
    return error;
}

/* What was overwritten in the database stands in its write-ahead log still. */
static int empty_log(struct store_database *database, struct error_detail *ret_detail)
{
    return db_exec(&database->db, "PRAGMA wal_checkpoint(TRUNCATE)", ret_detail);
}

void store_forget_run(struct store *store, struct store_job *job)
{
    struct store_forget_job *forget = &job->forget;
    struct store_database *database = &store->database;
    size_t found = 0, rows = 0;
    if (!database->open) {
        job->error = ERROR_IO;
        error_detail_set(&job->detail, "the database cannot be opened");
        return;
    }
    int64_t *ids = calloc(STORE_FORGET_ROWS, sizeof(*ids));
    job->error = ids ? find(database, forget, ids, &found, &rows, &job->detail) : ERROR_NO_MEMORY;
    if (job->error == 0 && found > 0)
        job->error = erase(database, ids, found, &job->detail);
    free(ids);
    if (job->error == 0)
        forget->events += found;
    forget->more = job->error == 0 && rows == STORE_FORGET_ROWS;
    if (job->error == 0 && !forget->more)
        job->error = empty_log(database, &job->detail);
}

/* --- on the loop ---------------------------------------------------------------------------------------- */

static bool keep_aliases(struct store_job *job, const struct identity_alias *aliases, size_t count)
{
    struct identity_alias *copy = store_arena_take(&job->arena, (count + 1) * sizeof(*copy));
    if (!copy)
        return false;
    for (size_t i = 0; i < count; i++) {
        copy[i].dns_domain = store_arena_text(&job->arena, aliases[i].dns_domain);
        copy[i].domain = store_arena_text(&job->arena, aliases[i].domain);
        if (!copy[i].dns_domain || !copy[i].domain)
            return false;
    }
    job->forget.aliases = copy;
    job->forget.alias_count = count;
    return true;
}

bool store_forget_keep(struct store_job *job, const char *user, const struct identity_alias *aliases,
                       size_t alias_count)
{
    char key[IDENTITY_KEY_BYTES_MAX];
    job->forget.key_bytes = identity_key(user, aliases, alias_count, key);
    job->forget.key = store_arena_text(&job->arena, key);
    return job->forget.key && keep_aliases(job, aliases, alias_count);
}
