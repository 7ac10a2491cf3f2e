/* support_bundle.h - texts that go together, and the archive of them: a tar (ustar) packed by gzip, in the
 * order in which they were added. */
#ifndef FARMGATE_CTL_SUPPORT_BUNDLE_H
#define FARMGATE_CTL_SUPPORT_BUNDLE_H

#include "common/error.h"
#include "common/text_buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUPPORT_FILES_MAX  32
#define SUPPORT_NAME_BYTES 64 /* of a file */

struct support_file {
    char name[SUPPORT_NAME_BYTES];
    char *text; /* NUL-terminated */
    size_t bytes;
    bool json; /* or a text whose values stand between quotes as well: names are looked for there alone */
};

struct support_bundle { /* zeroed to begin with */
    struct support_file files[SUPPORT_FILES_MAX];
    size_t count;
};

/* Takes the text over. False, and it is freed: no memory, or more than SUPPORT_FILES_MAX. */
bool support_bundle_add(struct support_bundle *bundle, const char *name, bool json, char *text);
void support_bundle_finish(struct support_bundle *bundle);
const struct support_file *support_bundle_find(const struct support_bundle *bundle, const char *name);

/* *ret_archive is to be freed with free(). Every file stands in `folder`. ERROR_NO_MEMORY. */
int support_bundle_pack(const struct support_bundle *bundle, const char *folder, int64_t unix_s,
                        char **ret_archive, size_t *ret_bytes);

/* Writes a file that is not there yet, mode 0600; nothing of it stays if that fails. ERROR_IO with what is
 * wrong. */
int support_bundle_write(const char *path, const char *bytes, size_t count, struct error_detail *ret_detail);

#endif
