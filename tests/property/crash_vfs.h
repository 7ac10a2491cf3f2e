/* crash_vfs.h - a disk in memory under SQLite whose power can fail: what was written and not synced is then
 * kept, lost or torn in 512-byte sectors, as a seed decides. One thread at a time. */
#ifndef FARMGATE_TESTS_CRASH_VFS_H
#define FARMGATE_TESTS_CRASH_VFS_H

#include <stdint.h>

enum crash_lie {
    CRASH_HONEST,   /* xSync makes durable */
    CRASH_WAL_LIES, /* …not the write-ahead log: what synchronous=NORMAL risks */
    CRASH_ALL_LIE,  /* …nothing: what synchronous=OFF risks */
    CRASH_LIE_MAX
};

/* Makes it SQLite's default. */
void crash_vfs_register(void);

/* An empty disk. */
void crash_vfs_format(enum crash_lie lie);

/* The power fails at the nth write, sync, truncation or deletion from now (0: never); every call fails then.
 */
void crash_vfs_fail_at(uint64_t nth);
/* Operations since crash_vfs_fail_at. */
uint64_t crash_vfs_operations(void);
/* The power is back. */
void crash_vfs_restart(uint64_t seed);

#endif
