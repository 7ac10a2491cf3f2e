/* db.h - a SQLite database as both daemons keep one: WAL, synchronous=FULL,
 * locking_mode=EXCLUSIVE, numbered migrations, quick_check at open. One connection, used by one thread at a
 * time. */
#ifndef FARMGATE_COMMON_DB_H
#define FARMGATE_COMMON_DB_H

#include "error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_WAL_BYTES_KEPT (4 * 1024 * 1024) /* a -wal file grown larger is cut back after a checkpoint */

struct db_migration {
    int version; /* 1, 2, …; the database's user_version afterwards */
    const char *sql;
};

struct db {
    sqlite3 *handle;
    char *path;
};

/* Opens or makes it and brings it to the last migration. ERROR_BUSY: another process owns it; ERROR_NEWER:
 * user_version is past the last migration (untouched, both versions in *ret_detail); ERROR_DAMAGED: not a
 * database or quick_check fails (untouched); ERROR_INVALID: a database of another program, told by
 * application_id (untouched); ERROR_NOT_FOUND: no such directory; ERROR_FULL, ERROR_IO, ERROR_FORBIDDEN. */
int db_open(const char *path, int32_t application_id, const struct db_migration *migrations, size_t count,
            struct db *ret_db, struct error_detail *ret_detail);
void db_close(struct db *db);

/* Moves a damaged database and its -wal and -shm to "PATH.damaged-YYYYMMDDThhmmssZ" (…-2 and so on if taken);
 * writes the new path. */
int db_set_aside(const char *path, int64_t now_ms, char *ret_path, size_t ret_bytes,
                 struct error_detail *ret_detail);

/* SQLite's result as a code of error.h, with its words. */
int db_error(sqlite3 *handle, int rc, struct error_detail *ret_detail);

/* Runs statements without results ("BEGIN IMMEDIATE", "COMMIT"). */
int db_exec(struct db *db, const char *sql, struct error_detail *ret_detail);

/* Prepares a statement that lives as long as the database. */
int db_prepare(struct db *db, const char *sql, sqlite3_stmt **ret_statement, struct error_detail *ret_detail);

#endif
