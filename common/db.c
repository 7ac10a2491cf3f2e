#include "db.h"

#include "rfc3339.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DB_SET_ASIDE_MAX 1000 /* damaged databases of the same second */
#define DB_DATE_BYTES    17   /* "20260101T000000Z" */

int db_error(sqlite3 *handle, int rc, struct error_detail *ret_detail)
{
    int system = handle ? sqlite3_system_errno(handle) : 0;
    int primary = rc & 0xFF;
    if (primary == SQLITE_OK || primary == SQLITE_ROW || primary == SQLITE_DONE)
        return 0;
    error_detail_set(ret_detail, "%s", handle ? sqlite3_errmsg(handle) : sqlite3_errstr(rc));
    switch (primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERROR_BUSY;
    case SQLITE_FULL:
        return ERROR_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERROR_DAMAGED;
    case SQLITE_NOMEM:
        return ERROR_NO_MEMORY;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return ERROR_FORBIDDEN;
    case SQLITE_TOOBIG:
        return ERROR_TOO_LARGE;
    case SQLITE_CONSTRAINT:
        return ERROR_INVALID;
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return error_from_errno(system);
    default:
        return ERROR_IO;
    }
}

int db_exec(struct db *db, const char *sql, struct error_detail *ret_detail)
{
    return db_error(db->handle, sqlite3_exec(db->handle, sql, NULL, NULL, NULL), ret_detail);
}

int db_prepare(struct db *db, const char *sql, sqlite3_stmt **ret_statement, struct error_detail *ret_detail)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (rc != SQLITE_OK)
        return db_error(db->handle, rc, ret_detail);
    *ret_statement = statement;
    return 0;
}

/* Copies the first column of the first row. */
static int query_text(struct db *db, const char *sql, char *ret, size_t ret_bytes,
                      struct error_detail *ret_detail)
{
    sqlite3_stmt *statement = NULL;
    int error = db_prepare(db, sql, &statement, ret_detail);
    if (error != 0)
        return error;
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        (void)snprintf(ret, ret_bytes, "%s", (const char *)sqlite3_column_text(statement, 0));
    else
        error = db_error(db->handle, rc, ret_detail);
    (void)sqlite3_finalize(statement);
    return error;
}

static int query_integer(struct db *db, const char *sql, int *ret, struct error_detail *ret_detail)
{
    char text[24] = "0";
    int error = query_text(db, sql, text, sizeof(text), ret_detail);
    if (error == 0)
        *ret = atoi(text);
    return error;
}

/* SQLite would make it readable for all; -wal and -shm take their mode from it, or on Windows, as all that
 * SQLite makes there, their rights from the directory, which the store makes for itself alone. An existing
 * file is not opened here: closing it would drop the locks that this process may hold on it. */
static int make_file(const char *path, struct error_detail *ret_detail)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return 0;
    if (fd < 0) {
        int number = errno;
        error_detail_set(ret_detail, "%s", strerror(number));
        return error_from_errno(number);
    }
    (void)close(fd);
    return 0;
}

/* Whether it is ours, whole and not from the future, before anything is written. */
static int check(struct db *db, int32_t application_id, int last_version, int *ret_version,
                 struct error_detail *ret_detail)
{
    int id, version, tables;
    char verdict[256];
    int error = query_integer(db, "PRAGMA application_id", &id, ret_detail);
    if (error == 0)
        error = query_integer(db, "PRAGMA user_version", &version, ret_detail);
    if (error == 0)
        error = query_integer(db, "SELECT count(*) FROM sqlite_schema", &tables, ret_detail);
    if (error != 0)
        return error;
    bool fresh = id == 0 && version == 0 && tables == 0;
    if (!fresh && id != application_id) {
        error_detail_set(ret_detail, "is a database of another program");
        return ERROR_INVALID;
    }
    if (version > last_version) {
        error_detail_set(ret_detail, "has version %d, this program knows versions up to %d", version,
                         last_version);
        return ERROR_NEWER;
    }
    error = query_text(db, "PRAGMA quick_check(1)", verdict, sizeof(verdict), ret_detail);
    if (error == 0 && strcmp(verdict, "ok") != 0) {
        error_detail_set(ret_detail, "%s", verdict);
        return ERROR_DAMAGED;
    }
    *ret_version = version;
    return error;
}

static int migrate_one(struct db *db, int32_t application_id, const struct db_migration *migration,
                       struct error_detail *ret_detail)
{
    char versions[96];
    (void)snprintf(versions, sizeof(versions), "PRAGMA application_id=%d; PRAGMA user_version=%d",
                   application_id, migration->version);
    int error = db_exec(db, "BEGIN IMMEDIATE", ret_detail);
    if (error == 0)
        error = db_exec(db, migration->sql, ret_detail);
    if (error == 0)
        error = db_exec(db, versions, ret_detail);
    if (error == 0)
        error = db_exec(db, "COMMIT", ret_detail);
    if (error != 0 && !sqlite3_get_autocommit(db->handle))
        (void)db_exec(db, "ROLLBACK", NULL);
    return error;
}

static int set_up(struct db *db, int32_t application_id, const struct db_migration *migrations, size_t count,
                  struct error_detail *ret_detail)
{
    int version, last = count > 0 ? migrations[count - 1].version : 0;
    char settings[160], mode[16];
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* Closing would write a waiting -wal into a database that is refused and to be left as it is. */
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int error = db_exec(
        db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY", ret_detail);
    if (error == 0)
        error = check(db, application_id, last, &version, ret_detail);
    if (error != 0)
        return error;
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    error = query_text(db, "PRAGMA journal_mode=WAL", mode, sizeof(mode), ret_detail);
    if (error == 0 && strcmp(mode, "wal") != 0) {
        error_detail_set(ret_detail, "cannot keep a write-ahead log here");
        error = ERROR_IO;
    }
    (void)snprintf(settings, sizeof(settings),
                   "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=%d;"
                   "BEGIN EXCLUSIVE; COMMIT", /* takes the lock now, to be kept */
                   DB_WAL_BYTES_KEPT);
    if (error == 0)
        error = db_exec(db, settings, ret_detail);
    for (size_t i = 0; i < count && error == 0; i++)
        if (migrations[i].version > version)
            error = migrate_one(db, application_id, &migrations[i], ret_detail);
    return error;
}

int db_open(const char *path, int32_t application_id, const struct db_migration *migrations, size_t count,
            struct db *ret_db, struct error_detail *ret_detail)
{
    struct db db = {.path = strdup(path)};
    struct error_detail detail = {"out of memory"};
    int error = db.path ? make_file(path, &detail) : ERROR_NO_MEMORY;
    if (error == 0) {
        int rc = sqlite3_open_v2(path, &db.handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        error = db_error(db.handle, rc, &detail);
    }
    if (error == 0)
        error = set_up(&db, application_id, migrations, count, &detail);
    if (error != 0) {
        error_detail_set(ret_detail, "%s: %s", path,
                         error == ERROR_BUSY ? error_text(ERROR_BUSY) : detail.text);
        db_close(&db);
        return error;
    }
    *ret_db = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    sqlite3_stmt *statement;
    while (db->handle && (statement = sqlite3_next_stmt(db->handle, NULL)))
        (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db->handle);
    free(db->path);
    *db = (struct db){0};
}

/* "PATH.damaged-20260101T000000Z", with "-2" and so on for the next ones of the same second. */
static bool free_name(const char *path, int64_t now_ms, char ret[PATH_MAX])
{
    char at[RFC3339_BYTES], date[DB_DATE_BYTES];
    (void)rfc3339_format(now_ms, at);
    (void)snprintf(date, sizeof(date), "%.4s%.2s%.2sT%.2s%.2s%.2sZ", at, at + 5, at + 8, at + 11, at + 14,
                   at + 17);
    for (int i = 1; i <= DB_SET_ASIDE_MAX; i++) {
        char number[8] = "";
        if (i > 1)
            (void)snprintf(number, sizeof(number), "-%d", i);
        if (snprintf(ret, PATH_MAX, "%s.damaged-%s%s", path, date, number) >= PATH_MAX)
            return false;
        if (access(ret, F_OK) != 0 && errno == ENOENT)
            return true;
    }
    return false;
}

int db_set_aside(const char *path, int64_t now_ms, char *ret_path, size_t ret_bytes,
                 struct error_detail *ret_detail)
{
    /* The database last: were we to die between, the next start would find it damaged and come here again. */
    static const char *const endings[] = {"-wal", "-shm", ""};
    char aside[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
    if (!free_name(path, now_ms, aside) || strlen(aside) >= ret_bytes) {
        error_detail_set(ret_detail, "%s: no name to set it aside under", path);
        return ERROR_TOO_LARGE;
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (snprintf(from, sizeof(from), "%s%s", path, endings[i]) >= (int)sizeof(from) ||
            snprintf(to, sizeof(to), "%s%s", aside, endings[i]) >= (int)sizeof(to)) {
            error_detail_set(ret_detail, "%s: the path is too long", path);
            return ERROR_TOO_LARGE;
        }
        if (rename(from, to) != 0 && !(errno == ENOENT && endings[i][0])) {
            int number = errno;
            error_detail_set(ret_detail, "cannot set %s aside: %s", from, strerror(number));
            return error_from_errno(number);
        }
    }
    memcpy(ret_path, aside, strlen(aside) + 1);
    return 0;
}
