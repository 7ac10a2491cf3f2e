#include "common/db.h"
#include "tests/unit/other_process.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION 0x46474154

static char directory[64], path[96];

static const struct db_migration first[] = {{1, "CREATE TABLE t (v INTEGER PRIMARY KEY) STRICT"}};
static const struct db_migration both[] = {
    {1, "CREATE TABLE t (v INTEGER PRIMARY KEY) STRICT"},
    {2, "ALTER TABLE t ADD COLUMN w TEXT; INSERT INTO t VALUES (77, 'migrated')"},
};
static const struct db_migration broken[] = {
    {1, "CREATE TABLE t (v INTEGER PRIMARY KEY) STRICT"},
    {2, "CREATE TABLE u (v); CREATE TABLE t (v)"},
};

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/farmgate-db-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    snprintf(path, sizeof(path), "%s/x.db", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return system(command);
}

static int integer(struct db *db, const char *sql)
{
    sqlite3_stmt *statement;
    assert_int_equal(db_prepare(db, sql, &statement, NULL), 0);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void makes_a_database_as_it_should_be(void **state)
{
    (void)state;
    struct db db;
    struct stat status;
    sqlite3_stmt *statement;
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(integer(&db, "PRAGMA application_id"), APPLICATION);
    assert_int_equal(integer(&db, "PRAGMA user_version"), 1);
    assert_int_equal(integer(&db, "PRAGMA synchronous"), 2);
    assert_int_equal(integer(&db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(db_prepare(&db, "PRAGMA journal_mode", &statement, NULL), 0);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "wal");
    db_close(&db); /* with a statement left */
    assert_null(db.handle);
    db_close(&db);
    db_close(NULL);
}

static void migrates_step_by_step(void **state)
{
    (void)state;
    struct db db;
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    assert_int_equal(db_exec(&db, "INSERT INTO t VALUES (1)", NULL), 0);
    db_close(&db);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(db_open(path, APPLICATION, both, 2, &db, NULL), 0);
        assert_int_equal(integer(&db, "PRAGMA user_version"), 2);
        assert_int_equal(integer(&db, "SELECT count(*) FROM t"), 2);
        db_close(&db);
    }
}

static void a_failing_migration_changes_nothing(void **state)
{
    (void)state;
    struct db db;
    struct error_detail detail;
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    db_close(&db);
    assert_int_not_equal(db_open(path, APPLICATION, broken, 2, &db, &detail), 0);
    assert_non_null(strstr(detail.text, "table t already exists"));
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    assert_int_equal(integer(&db, "SELECT count(*) FROM sqlite_schema"), 1);
    db_close(&db);
}

static char *bytes_of(const char *name, size_t *ret_bytes)
{
    static char bytes[1 << 20];
    FILE *file = fopen(name, "rb");
    assert_non_null(file);
    *ret_bytes = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    char *copy = malloc(*ret_bytes + 1);
    memcpy(copy, bytes, *ret_bytes);
    return copy;
}

/* Opening must fail with `error` and leave every byte where it was. */
static void assert_refused_untouched(int32_t application, int error, const char *word)
{
    struct db db;
    struct error_detail detail;
    size_t before_bytes, after_bytes;
    char *before = bytes_of(path, &before_bytes);
    assert_int_equal(db_open(path, application, first, 1, &db, &detail), error);
    assert_non_null(strstr(detail.text, path));
    assert_non_null(strstr(detail.text, word));
    char *after = bytes_of(path, &after_bytes);
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, before_bytes);
    free(before);
    free(after);
}

static void refuses_what_is_newer_or_not_ours(void **state)
{
    (void)state;
    struct db db;
    assert_int_equal(db_open(path, APPLICATION, both, 2, &db, NULL), 0);
    db_close(&db);
    assert_refused_untouched(APPLICATION, ERROR_NEWER, "has version 2, this program knows versions up to 1");
    assert_refused_untouched(4711, ERROR_INVALID, "another program");
    sqlite3 *foreign;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sqlite3_open(path, &foreign), SQLITE_OK);
    assert_int_equal(sqlite3_exec(foreign, "CREATE TABLE x (y)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(foreign);
    assert_refused_untouched(APPLICATION, ERROR_INVALID, "another program");
}

/* A crash leaves a -wal; a refusal must not fold it into the database. */
static void refuses_newer_without_touching_its_log(void **state)
{
    (void)state;
    char wal[128];
    size_t before_bytes, after_bytes;
    assert_int_equal(other_process("leave", path), 0);
    snprintf(wal, sizeof(wal), "%s-wal", path);
    char *before = bytes_of(wal, &before_bytes);
    assert_true(before_bytes > 0);
    assert_refused_untouched(APPLICATION, ERROR_NEWER, "version 2");
    char *after = bytes_of(wal, &after_bytes);
    assert_int_equal(before_bytes, after_bytes);
    assert_memory_equal(before, after, before_bytes);
    free(before);
    free(after);
}

static void refuses_what_is_damaged(void **state)
{
    (void)state;
    FILE *file = fopen(path, "wb");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database", file);
    fclose(file);
    assert_refused_untouched(APPLICATION, ERROR_DAMAGED, "");
    assert_int_equal(unlink(path), 0);

    struct db db;
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    assert_int_equal(db_exec(&db,
                             "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 5000)"
                             "INSERT INTO t SELECT i FROM n",
                             NULL),
                     0);
    db_close(&db);
    int fd = open(path, O_RDWR);
    char rubbish[4096];
    memset(rubbish, 0xA5, sizeof(rubbish));
    assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish), 3 * 4096), sizeof(rubbish));
    close(fd);
    assert_refused_untouched(APPLICATION, ERROR_DAMAGED, "");
}

static void a_second_owner_is_refused(void **state)
{
    (void)state;
    struct db db, second;
    struct error_detail detail;
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    assert_int_equal(db_open(path, APPLICATION, first, 1, &second, &detail), ERROR_BUSY);
    assert_non_null(strstr(detail.text, "in use by another process"));
    assert_int_equal(db_exec(&db, "INSERT INTO t VALUES (1)", NULL), 0);
    db_close(&db);
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    assert_int_equal(integer(&db, "SELECT count(*) FROM t"), 1);
    db_close(&db);
}

static void so_is_a_second_process(void **state)
{
    (void)state;
    struct db db;
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    assert_int_equal(other_process("open", path), 0);
    assert_int_equal(db_exec(&db, "INSERT INTO t VALUES (1)", NULL), 0);
    db_close(&db);
    assert_int_equal(db_open(path, APPLICATION, first, 1, &db, NULL), 0);
    assert_int_equal(integer(&db, "SELECT count(*) FROM t"), 1);
    db_close(&db);
}

static void says_why_it_cannot_open(void **state)
{
    (void)state;
    struct db db;
    struct error_detail detail;
    char nowhere[128];
    snprintf(nowhere, sizeof(nowhere), "%s/none/x.db", directory);
    assert_int_equal(db_open(nowhere, APPLICATION, first, 1, &db, &detail), ERROR_NOT_FOUND);
    assert_non_null(strstr(detail.text, nowhere));
    assert_true(db_open(directory, APPLICATION, first, 1, &db, &detail) < 0);
}

static void a_full_disk_is_told_as_such(void **state)
{
    (void)state;
    struct db db;
    struct error_detail detail;
    assert_int_equal(db_open(path, APPLICATION, both, 2, &db, NULL), 0);
    assert_int_equal(db_exec(&db, "PRAGMA max_page_count=10", NULL), 0);
    assert_int_equal(db_exec(&db, "INSERT INTO t VALUES (1, hex(zeroblob(200000)))", &detail), ERROR_FULL);
    assert_non_null(strstr(detail.text, "full"));
    assert_int_equal(db_exec(&db, "PRAGMA max_page_count=1000", NULL), 0);
    assert_int_equal(db_exec(&db, "INSERT INTO t VALUES (1, hex(zeroblob(200000)))", NULL), 0);
    db_close(&db);
}

static void sets_a_database_aside_with_its_log(void **state)
{
    (void)state;
    struct error_detail detail;
    char aside[128], name[160];
    for (int round = 1; round <= 2; round++) {
        FILE *file = fopen(path, "w");
        fclose(file);
        snprintf(name, sizeof(name), "%s-wal", path);
        file = fopen(name, "w");
        fclose(file);
        assert_int_equal(db_set_aside(path, 1767225600123, aside, sizeof(aside), &detail), 0);
        snprintf(name, sizeof(name), "%s.damaged-20260101T000000Z%s", path, round == 2 ? "-2" : "");
        assert_string_equal(aside, name);
        assert_int_equal(access(aside, F_OK), 0);
        snprintf(name, sizeof(name), "%s-wal", aside);
        assert_int_equal(access(name, F_OK), 0);
        assert_int_equal(access(path, F_OK), -1);
    }
    assert_int_equal(db_set_aside(path, 0, aside, sizeof(aside), &detail), ERROR_NOT_FOUND);
    assert_int_equal(db_set_aside(path, 0, aside, 10, &detail), ERROR_TOO_LARGE);
}

static void results_become_our_codes(void **state)
{
    (void)state;
    static const struct {
        int rc, code;
    } cases[] = {
        {SQLITE_OK, 0},
        {SQLITE_ROW, 0},
        {SQLITE_DONE, 0},
        {SQLITE_BUSY, ERROR_BUSY},
        {SQLITE_FULL, ERROR_FULL},
        {SQLITE_CORRUPT_VTAB, ERROR_DAMAGED},
        {SQLITE_NOTADB, ERROR_DAMAGED},
        {SQLITE_NOMEM, ERROR_NO_MEMORY},
        {SQLITE_READONLY_DBMOVED, ERROR_FORBIDDEN},
        {SQLITE_TOOBIG, ERROR_TOO_LARGE},
        {SQLITE_CONSTRAINT_UNIQUE, ERROR_INVALID},
        {SQLITE_MISUSE, ERROR_IO},
        {SQLITE_IOERR_READ, ERROR_IO},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(db_error(NULL, cases[i].rc, NULL), cases[i].code);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

/* Ends without closing what it wrote; or finds its database taken. */
static int be_the_other(const char *work, const char *what)
{
    struct db db;
    if (strcmp(work, "open") == 0)
        return db_open(what, APPLICATION, first, 1, &db, NULL) == ERROR_BUSY ? 0 : 1;
    bool ready = db_open(what, APPLICATION, both, 2, &db, NULL) == 0 &&
                 db_exec(&db, "INSERT INTO t VALUES (5, 'x')", NULL) == 0;
    _exit(ready ? 0 : 1);
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return be_the_other(argv[1], argv[2]);
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(makes_a_database_as_it_should_be),
        IN_DIRECTORY(migrates_step_by_step),
        IN_DIRECTORY(a_failing_migration_changes_nothing),
        IN_DIRECTORY(refuses_what_is_newer_or_not_ours),
        IN_DIRECTORY(refuses_newer_without_touching_its_log),
        IN_DIRECTORY(refuses_what_is_damaged),
        IN_DIRECTORY(a_second_owner_is_refused),
        IN_DIRECTORY(so_is_a_second_process),
        IN_DIRECTORY(says_why_it_cannot_open),
        IN_DIRECTORY(a_full_disk_is_told_as_such),
        IN_DIRECTORY(sets_a_database_aside_with_its_log),
        cmocka_unit_test(results_become_our_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
