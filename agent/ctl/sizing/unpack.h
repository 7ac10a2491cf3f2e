/* unpack.h - decompresses gzip, xz and zstd through the system's libraries, members after members; anything
 * else passes as it is. */
#ifndef FARMGATE_CTL_UNPACK_H
#define FARMGATE_CTL_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#define UNPACK_MEMORY_MAX_BYTES (160u << 20) /* of one decompressor: enough for xz -9 and zstd --long */
#define UNPACK_HEAD_BYTES       6            /* by which a form is known */

enum unpack_state {
    UNPACK_GOES_ON,
    UNPACK_DONE,      /* the data ended where they should */
    UNPACK_TORN,      /* they broke off */
    UNPACK_DAMAGED,   /* they are not what they began as */
    UNPACK_TOO_LARGE, /* they need more memory than UNPACK_MEMORY_MAX_BYTES */
    UNPACK_NO_MEMORY
};

struct unpack;

/* For what the first bytes of a file show; for plain bytes too. NULL without memory. */
struct unpack *unpack_create(const void *head, size_t bytes);
void unpack_destroy(struct unpack *unpack);

/* "gzip", "xz", "zstd", or NULL for plain bytes. */
const char *unpack_form(const struct unpack *unpack);

/* Takes from *bytes (advancing it, and *count) and writes up to `room` bytes; `last`: nothing follows them.
 * Anything but UNPACK_GOES_ON is final, and comes after all that could be unpacked. */
enum unpack_state unpack_run(struct unpack *unpack, const char **bytes, size_t *count, bool last, char *room,
                             size_t room_bytes, size_t *ret_written);

#endif
