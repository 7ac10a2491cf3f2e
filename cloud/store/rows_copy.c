#include "cloud/store/rows_copy.h"

#include "cloud/store/rows_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct rows_copy {
    char *path;
    sqlite3 *file;
    sqlite3_backup *backup;
};

/* SQLite would make it for whoever may read the directory. */
static int make_file(const char *path, struct error_detail *ret_detail)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        int number = errno;
        error_detail_set(ret_detail, "cannot make %s: %s", path, strerror(number));
        return error_from_errno(number);
    }
    (void)close(fd);
    return 0;
}

static int64_t number_of(sqlite3 *handle, const char *sql)
{
    sqlite3_stmt *statement;
    int64_t number = 0;
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return 0;
    if (sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return number;
}

/* A quarter more than the ledger has now: it may grow meanwhile, and must not be what finds the disk full. */
static int check_room(sqlite3 *ledger, const char *path, struct error_detail *ret_detail)
{
    struct statvfs disk;
    int64_t bytes = number_of(ledger, "PRAGMA page_count") * number_of(ledger, "PRAGMA page_size");
    int64_t wanted = bytes + bytes / 4;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool known = fd >= 0 && fstatvfs(fd, &disk) == 0;
    if (fd >= 0)
        (void)close(fd);
    if (!known || (int64_t)(disk.f_bavail * disk.f_frsize) >= wanted)
        return 0;
    error_detail_set(ret_detail, "%s needs %lld bytes of room, and there are %lld", path, (long long)wanted,
                     (long long)(disk.f_bavail * disk.f_frsize));
    return ERROR_FULL;
}

static int open_file(struct rows_copy *copy, struct error_detail *ret_detail)
{
    int error = make_file(copy->path, ret_detail);
    if (error != 0)
        return error;
    int rc = sqlite3_open_v2(copy->path, &copy->file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    /* A copy that is cut off is worth nothing: it needs no journal, and is synced where it is to stay. */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(copy->file, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", NULL, NULL, NULL);
    return db_error(copy->file, rc, ret_detail);
}

int rows_copy_begin(struct rows *rows, const char *path, struct rows_copy **ret_copy,
                    struct error_detail *ret_detail)
{
    struct rows_copy *copy = calloc(1, sizeof *copy);
    if (copy == NULL)
        return ERROR_NO_MEMORY;
    copy->path = strdup(path);
    int error = copy->path != NULL ? open_file(copy, ret_detail) : ERROR_NO_MEMORY;
    if (error == 0)
        error = check_room(rows->db.handle, path, ret_detail);
    if (error == 0) {
        copy->backup = sqlite3_backup_init(copy->file, "main", rows->db.handle, "main");
        error = copy->backup != NULL ? 0 : db_error(copy->file, sqlite3_errcode(copy->file), ret_detail);
    }
    if (error == 0)
        *ret_copy = copy;
    else
        rows_copy_end(copy, false);
    return error;
}

int rows_copy_step(struct rows_copy *copy, int pages, bool *ret_whole, struct error_detail *ret_detail)
{
    int rc = sqlite3_backup_step(copy->backup, pages);
    *ret_whole = rc == SQLITE_DONE;
    if (rc == SQLITE_OK || rc == SQLITE_DONE)
        return 0;
    error_detail_set(ret_detail, "%s: %s", copy->path, sqlite3_errstr(rc));
    return rc == SQLITE_FULL ? ERROR_FULL : ERROR_IO;
}

void rows_copy_end(struct rows_copy *copy, bool wanted)
{
    if (copy == NULL)
        return;
    (void)sqlite3_backup_finish(copy->backup);
    (void)sqlite3_close(copy->file);
    if (!wanted && copy->path != NULL)
        (void)unlink(copy->path);
    free(copy->path);
    free(copy);
}
