#include "repair.h"

#include <inttypes.h>

const char *repair_words(enum repair repair)
{
#define REPAIR(name, words) [REPAIR_##name] = (words),
    static const char *const words[] = {
#include "repair.def"
    };
#undef REPAIR
    return words[repair];
}

void repair_add(struct repairs *repairs, enum repair repair, uint64_t count)
{
    repairs->of[repair].count += count;
}

/* Only the first of a kind is kept. */
void repair_at(struct repairs *repairs, enum repair repair, const struct log_place *place, const char *what)
{
    if (repairs->of[repair].count++ > 0)
        return;
    (void)snprintf(repairs->of[repair].first, REPAIR_PLACE_BYTES, "%s:%s%" PRIu64 "%s%s", place->file,
                   place->is_line ? "" : " at byte ", place->number, what == NULL ? "" : ": ",
                   what == NULL ? "" : what);
}

void repair_tell(const struct repairs *repairs, FILE *file)
{
    for (int i = 0; i < REPAIR_MAX; i++) {
        if (repairs->of[i].count == 0)
            continue;
        fprintf(file, "farmgate size: %s: %" PRIu64, repair_words((enum repair)i), repairs->of[i].count);
        if (*repairs->of[i].first != '\0')
            fprintf(file, " (first: %s)", repairs->of[i].first);
        fputc('\n', file);
    }
}
