/* See unistd.h: a directory's names in their order. */
#ifndef TEST_WINDOWS_DIRENT_H
#define TEST_WINDOWS_DIRENT_H

#include_next <dirent.h>
#include <stdlib.h>
#include <string.h>

static inline int alphasort(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static inline int scandir(const char *path, struct dirent ***ret, int (*wanted)(const struct dirent *entry),
                          int (*compare)(const struct dirent **a, const struct dirent **b))
{
    struct dirent **entries = NULL, *entry;
    int count = 0;
    DIR *directory = opendir(path);
    while (directory && (entry = readdir(directory)))
        if (wanted(entry)) {
            entries = realloc(entries, (size_t)(count + 1) * sizeof(struct dirent *));
            entries[count] = malloc(sizeof(*entry));
            *entries[count++] = *entry;
        }
    if (directory)
        (void)closedir(directory);
    if (count > 0)
        qsort(entries, (size_t)count, sizeof(struct dirent *), (int (*)(const void *, const void *))compare);
    *ret = entries;
    return directory ? count : -1;
}

#endif
