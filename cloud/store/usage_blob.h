/* usage_blob.h - a farm's kept windows and days as two compact blobs, so that a farm is one row. */
#ifndef FARMGATE_CLOUD_STORE_USAGE_BLOB_H
#define FARMGATE_CLOUD_STORE_USAGE_BLOB_H

#include "cloud/ledger/usage.h"

#include <assert.h>

/* Of either: a number takes up to 10 bytes, a window has 9 and a day 3 of them. */
#define USAGE_BLOB_BYTES_MAX (1 + 10 * 9 * USAGE_WINDOWS_KEPT)
static_assert(3 * USAGE_DAYS_KEPT <= 9 * USAGE_WINDOWS_KEPT, "the days fit, too");

/* Returns the bytes written to ret (at most USAGE_BLOB_BYTES_MAX). */
size_t usage_blob_write_windows(const struct usage *usage, unsigned char *ret);
size_t usage_blob_write_days(const struct usage *usage, unsigned char *ret);

/* ERROR_DAMAGED for anything that the writers do not write, ERROR_NEWER for a later form; 0 bytes are an
 * empty list. */
int usage_blob_read_windows(const unsigned char *blob, size_t bytes, struct usage *ret);
int usage_blob_read_days(const unsigned char *blob, size_t bytes, struct usage *ret);

#endif
