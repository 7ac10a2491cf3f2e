#include "crash_vfs.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX    8
#define NAME_MAX_    512
#define SECTOR_BYTES 512

struct bytes {
    unsigned char *data;
    size_t count;
};

/* A change that no sync has made durable yet; data NULL: a truncation to `at`. */
struct change {
    struct change *next;
    size_t at;
    struct bytes written;
};

struct disk_file {
    char name[NAME_MAX_];
    bool exists;
    struct bytes current, durable;
    struct change *changes, **changes_end;
};

static struct {
    struct disk_file files[FILES_MAX];
    enum crash_lie lie;
    uint64_t operations, fail_at;
    bool off;
    uint64_t random;
} disk;

struct open_file {
    sqlite3_file base;
    struct disk_file *file;
};

/* splitmix64 */
static uint64_t next_random(void)
{
    uint64_t z = (disk.random += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Counts an operation; false once the power is off. */
static bool powered(void)
{
    if (!disk.off && ++disk.operations == disk.fail_at)
        disk.off = true;
    return !disk.off;
}

/* --- bytes and changes */

static void resize(struct bytes *bytes, size_t count)
{
    bytes->data = realloc(bytes->data, count + 1);
    assert(bytes->data);
    if (count > bytes->count)
        memset(bytes->data + bytes->count, 0, count - bytes->count);
    bytes->count = count;
}

static void put(struct bytes *bytes, size_t at, const unsigned char *data, size_t count)
{
    if (at + count > bytes->count)
        resize(bytes, at + count);
    memcpy(bytes->data + at, data, count);
}

static void forget_changes(struct disk_file *file)
{
    while (file->changes) {
        struct change *change = file->changes;
        file->changes = change->next;
        free(change->written.data);
        free(change);
    }
    file->changes_end = &file->changes;
}

static void note(struct disk_file *file, size_t at, const void *data, size_t count)
{
    struct change *change = calloc(1, sizeof(*change));
    assert(change);
    change->at = at;
    if (data)
        put(&change->written, 0, data, count);
    *file->changes_end = change;
    file->changes_end = &change->next;
}

static void make_durable(struct disk_file *file)
{
    resize(&file->durable, file->current.count);
    if (file->current.count > 0)
        memcpy(file->durable.data, file->current.data, file->current.count);
    forget_changes(file);
}

static void wipe(struct disk_file *file)
{
    forget_changes(file);
    free(file->current.data);
    free(file->durable.data);
    file->current = file->durable = (struct bytes){0};
    file->exists = false;
}

/* --- what a power failure leaves */

enum fate { KEPT, LOST, TORN, FATE_MAX };

static void tear(struct disk_file *file, const struct change *change)
{
    size_t count = change->written.count;
    for (size_t from = 0; from < count;) {
        size_t sector_end = (change->at + from) / SECTOR_BYTES * SECTOR_BYTES + SECTOR_BYTES - change->at;
        size_t to = sector_end < count ? sector_end : count;
        if (next_random() % 2)
            put(&file->durable, change->at + from, change->written.data + from, to - from);
        from = to;
    }
}

/* Each file meets one fate in half the cases, each of its changes its own in the other half. */
static void settle(struct disk_file *file)
{
    bool together = next_random() % 2;
    enum fate fate = (enum fate)(next_random() % FATE_MAX);
    for (const struct change *change = file->changes; change; change = change->next) {
        if (!together)
            fate = (enum fate)(next_random() % FATE_MAX);
        if (!change->written.data && fate == KEPT)
            resize(&file->durable, change->at);
        else if (change->written.data && fate == KEPT)
            put(&file->durable, change->at, change->written.data, change->written.count);
        else if (change->written.data && fate == TORN)
            tear(file, change);
    }
    resize(&file->current, file->durable.count);
    if (file->durable.count > 0)
        memcpy(file->current.data, file->durable.data, file->durable.count);
    forget_changes(file);
}

void crash_vfs_restart(uint64_t seed)
{
    disk.random = seed;
    for (size_t i = 0; i < FILES_MAX; i++) {
        if (disk.files[i].exists)
            settle(&disk.files[i]);
    }
    crash_vfs_fail_at(0);
}

void crash_vfs_fail_at(uint64_t nth)
{
    disk.off = false;
    disk.operations = 0;
    disk.fail_at = nth;
}

uint64_t crash_vfs_operations(void)
{
    return disk.operations;
}

void crash_vfs_format(enum crash_lie lie)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        wipe(&disk.files[i]);
    disk.lie = lie;
    disk.random = 1;
    crash_vfs_fail_at(0);
}

/* --- a file's methods */

static struct disk_file *file_of(sqlite3_file *file)
{
    return ((struct open_file *)file)->file;
}

static int on_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int on_read(sqlite3_file *file, void *ret, int amount, sqlite3_int64 at)
{
    const struct bytes *bytes = &file_of(file)->current;
    size_t wanted = (size_t)amount, from = (size_t)at;
    if (disk.off)
        return SQLITE_IOERR_READ;
    size_t there = from < bytes->count ? bytes->count - from : 0;
    size_t got = there < wanted ? there : wanted;
    if (got > 0)
        memcpy(ret, bytes->data + from, got);
    memset((char *)ret + got, 0, wanted - got);
    return got == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int on_write(sqlite3_file *file, const void *data, int amount, sqlite3_int64 at)
{
    struct disk_file *disk_file = file_of(file);
    bool on = powered();
    if (on)
        put(&disk_file->current, (size_t)at, data, (size_t)amount);
    if (on ||
        disk.operations == disk.fail_at) /* the one during which it failed may have gone through in part */
        note(disk_file, (size_t)at, data, (size_t)amount);
    return on ? SQLITE_OK : SQLITE_IOERR_WRITE;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    if (!powered())
        return SQLITE_IOERR_TRUNCATE;
    resize(&file_of(file)->current, (size_t)size);
    note(file_of(file), (size_t)size, NULL, 0);
    return SQLITE_OK;
}

static bool is_wal(const struct disk_file *file)
{
    size_t length = strlen(file->name);
    return length > 4 && strcmp(file->name + length - 4, "-wal") == 0;
}

static int on_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    struct disk_file *disk_file = file_of(file);
    if (!powered())
        return SQLITE_IOERR_FSYNC;
    bool lies = disk.lie == CRASH_ALL_LIE || (disk.lie == CRASH_WAL_LIES && is_wal(disk_file));
    if (!lies)
        make_durable(disk_file);
    return SQLITE_OK;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    *ret_size = (sqlite3_int64)file_of(file)->current.count;
    return SQLITE_OK;
}

static int on_lock(sqlite3_file *file, int lock)
{
    (void)file;
    (void)lock;
    return SQLITE_OK;
}

static int on_reserved(sqlite3_file *file, int *ret_reserved)
{
    (void)file;
    *ret_reserved = 0;
    return SQLITE_OK;
}

static int on_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int on_sector(sqlite3_file *file)
{
    (void)file;
    return SECTOR_BYTES;
}

static int on_characteristics(sqlite3_file *file)
{
    (void)file;
    return 0;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_lock,
    .xCheckReservedLock = on_reserved,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_characteristics,
};

/* --- the disk's methods */

static struct disk_file *find(const char *name, bool make)
{
    struct disk_file *free_place = NULL;
    for (size_t i = 0; i < FILES_MAX; i++) {
        struct disk_file *file = &disk.files[i];
        if (file->exists && strcmp(file->name, name) == 0)
            return file;
        if (!file->exists && !free_place)
            free_place = file;
    }
    if (!make)
        return NULL;
    assert(free_place && strlen(name) < NAME_MAX_);
    wipe(free_place);
    memcpy(free_place->name, name, strlen(name) + 1);
    free_place->exists = true;
    return free_place;
}

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    (void)vfs;
    struct open_file *opened = (struct open_file *)file;
    *opened = (struct open_file){0};
    if (disk.off)
        return SQLITE_CANTOPEN;
    /* The database itself is made outside of SQLite, before it is opened. */
    opened->file = find(name, flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB));
    if (!opened->file)
        return SQLITE_CANTOPEN;
    opened->base.pMethods = &methods;
    if (ret_flags)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    (void)vfs;
    (void)sync_directory;
    struct disk_file *file = find(name, false);
    if (!powered())
        return SQLITE_IOERR_DELETE;
    if (!file)
        return SQLITE_IOERR_DELETE_NOENT;
    wipe(file);
    return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_there)
{
    (void)vfs;
    (void)flags;
    const struct disk_file *file = find(name, false);
    *ret_there = file && file->current.count > 0;
    return disk.off ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int on_full_path(sqlite3_vfs *vfs, const char *name, int room, char *ret)
{
    (void)vfs;
    (void)sqlite3_snprintf(room, ret, "%s", name);
    return SQLITE_OK;
}

static int on_randomness(sqlite3_vfs *vfs, int count, char *ret)
{
    (void)vfs;
    for (int i = 0; i < count; i++)
        ret[i] = (char)next_random();
    return count;
}

static int on_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return microseconds;
}

static int on_time(sqlite3_vfs *vfs, double *ret_days)
{
    (void)vfs;
    *ret_days = 2461041.5; /* 2026-01-01 */
    return SQLITE_OK;
}

static int on_last_error(sqlite3_vfs *vfs, int room, char *ret)
{
    (void)vfs;
    (void)room;
    (void)ret;
    return 0;
}

void crash_vfs_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = sizeof(struct open_file),
        .mxPathname = NAME_MAX_,
        .zName = "crash",
        .xOpen = on_open,
        .xDelete = on_delete,
        .xAccess = on_access,
        .xFullPathname = on_full_path,
        .xRandomness = on_randomness,
        .xSleep = on_sleep,
        .xCurrentTime = on_time,
        .xGetLastError = on_last_error,
    };
    for (size_t i = 0; i < FILES_MAX; i++)
        disk.files[i].changes_end = &disk.files[i].changes;
    (void)sqlite3_vfs_register(&vfs, 1);
}
