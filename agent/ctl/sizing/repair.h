/* repair.h - counts what was wrong with a log and how it was put right, by kind (repair.def), with the place
 * of the first of each. */
#ifndef FARMGATE_CTL_REPAIR_H
#define FARMGATE_CTL_REPAIR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define REPAIR(name, words) REPAIR_##name,
enum repair {
#include "repair.def"
    REPAIR_MAX
};
#undef REPAIR

/* Where something stands in a log. The file is its name for messages. */
struct log_place {
    const char *file;
    uint64_t number; /* of a line from 1, or a byte's offset */
    bool is_line;
};

#define REPAIR_PLACE_BYTES 256

/* All zero: nothing was repaired. */
struct repairs {
    struct {
        uint64_t count;
        char first[REPAIR_PLACE_BYTES]; /* "NAME:LINE" or "NAME: at byte OFFSET"; cut if longer */
    } of[REPAIR_MAX];
};

/* Something at a place; what exactly, if `what` is not NULL. */
void repair_at(struct repairs *repairs, enum repair repair, const struct log_place *place, const char *what);
/* Without a place: OPEN_AT_END. */
void repair_add(struct repairs *repairs, enum repair repair, uint64_t count);

const char *repair_words(enum repair repair);

/* A line a kind that occurred. */
void repair_tell(const struct repairs *repairs, FILE *file);

#endif
