#include "file_set.h"

#include "common/file.h"
#include "common/platform/modes.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEPT ".bak"

static int failed(const char *doing, const char *path, struct error_detail *ret_detail)
{
    int number = errno;
    error_detail_set(ret_detail, "cannot %s %s: %s", doing, path, strerror(number));
    return error_from_errno(number);
}

static bool has_bytes(const char *path, const void *bytes, size_t count)
{
    char *text;
    size_t got;
    if (file_read(path, count + 1, &text, &got, NULL) != 0)
        return false;
    bool same = got == count && memcmp(text, bytes, count) == 0;
    sodium_memzero(text, got);
    free(text);
    return same;
}

static bool is_as_wanted(const char *path, const void *bytes, size_t count, unsigned mode,
                         const struct file_set_owner *owner)
{
    struct stat status;
    return stat(path, &status) == 0 && modes_match(status.st_mode, mode) && has_bytes(path, bytes, count) &&
           (!owner->given || (status.st_uid == owner->uid && status.st_gid == owner->gid));
}

/* Nobody but its owner reads it before it is its owner's: it begins with mode 0600. */
static int prepare(const char *path, const void *bytes, size_t count, unsigned mode,
                   const struct file_set_owner *owner, struct error_detail *ret_detail)
{
    char temporary[PATH_MAX];
    int error = file_new_name(path, temporary, ret_detail);
    if (error == 0)
        error = file_prepare(path, bytes, count, mode, true, ret_detail);
    if (error == 0 && owner->given && lchown(temporary, owner->uid, owner->gid) != 0) {
        error = failed("give away", temporary, ret_detail);
        (void)unlink(temporary);
    }
    return error;
}

int file_set_add(struct file_set *set, const char *path, const void *bytes, size_t count, unsigned mode,
                 const struct file_set_owner *owner, struct error_detail *ret_detail)
{
    struct file_set_entry *entry = &set->files[set->count];
    struct stat status;
    assert(set->count < FILE_SET_MAX);
    if (is_as_wanted(path, bytes, count, mode, owner))
        return 0;
    int error = prepare(path, bytes, count, mode, owner, ret_detail);
    if (error != 0)
        return error;
    *entry = (struct file_set_entry){.was_there = lstat(path, &status) == 0};
    (void)snprintf(entry->path, sizeof entry->path, "%s", path);
    set->count++;
    return 0;
}

static bool kept_name(const char *path, char ret[PATH_MAX])
{
    return snprintf(ret, PATH_MAX, "%s" KEPT, path) < PATH_MAX;
}

/* A second name for what is there: at no instant is the file away. */
static int keep(const struct file_set_entry *entry, struct error_detail *ret_detail)
{
    char kept[PATH_MAX];
    if (!kept_name(entry->path, kept))
        errno = ENAMETOOLONG;
    else if ((unlink(kept) == 0 || errno == ENOENT) && link(entry->path, kept) == 0)
        return 0;
    return failed("keep a copy of", entry->path, ret_detail);
}

static void put_back(const struct file_set_entry *entry)
{
    char kept[PATH_MAX];
    if (!entry->was_there)
        (void)unlink(entry->path);
    else if (kept_name(entry->path, kept))
        (void)rename(kept, entry->path);
}

int file_set_commit(struct file_set *set, struct error_detail *ret_detail)
{
    int error = 0;
    size_t i = 0;
    for (; i < set->count && error == 0; i++) {
        if (set->files[i].was_there)
            error = keep(&set->files[i], ret_detail);
        if (error == 0)
            error = file_put_in_place(set->files[i].path, true, ret_detail);
        set->files[i].placed = error == 0;
    }
    while (error != 0 && i-- > 0) {
        if (set->files[i].placed)
            put_back(&set->files[i]);
        set->files[i].placed = false;
    }
    return error;
}

void file_set_finish(struct file_set *set)
{
    char temporary[PATH_MAX];
    for (size_t i = 0; i < set->count; i++)
        if (!set->files[i].placed && file_new_name(set->files[i].path, temporary, NULL) == 0)
            (void)unlink(temporary);
    set->count = 0;
}
