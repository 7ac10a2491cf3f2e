/* file_set.h - files that change together: every one is written whole beside its place first, and only then
 * do they take their places, so that a full disk or a folder that may not be written changes nothing. What
 * was there stays as PATH.bak. */
#ifndef FARMGATE_CTL_FILE_SET_H
#define FARMGATE_CTL_FILE_SET_H

#include "common/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FILE_SET_MAX 8

struct file_set_owner {
    bool given; /* else it is whoever writes it */
    uid_t uid;
    gid_t gid;
};

struct file_set_entry {
    char path[PATH_MAX];
    bool was_there, placed;
};

struct file_set { /* zeroed to begin with */
    struct file_set_entry files[FILE_SET_MAX];
    size_t count;
};

/* Writes path.new, durable, unless the file has these bytes and this mode already. Files take their places in
 * the order in which they were added: that which refers to the others comes last. Errors as of file_replace.
 */
int file_set_add(struct file_set *set, const char *path, const void *bytes, size_t count, unsigned mode,
                 const struct file_set_owner *owner, struct error_detail *ret_detail);

/* Puts all in place; on failure those that were before are back, as far as the disk lets them. */
int file_set_commit(struct file_set *set, struct error_detail *ret_detail);

/* Removes what has not been put in place. */
void file_set_finish(struct file_set *set);

#endif
