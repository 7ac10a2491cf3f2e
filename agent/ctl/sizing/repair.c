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
static char *first_place(struct repairs *repairs, enum repair repair)
{
    return repairs->of[repair].count++ == 0 ? repairs->of[repair].first : NULL;
}

void repair_line(struct repairs *repairs, enum repair repair, const char *file, uint64_t line,
                 const char *what)
{
    char *first = first_place(repairs, repair);
    if (first != NULL)
        (void)snprintf(first, REPAIR_PLACE_BYTES, "%s:%" PRIu64 "%s%s", file, line, what == NULL ? "" : ": ",
                       what == NULL ? "" : what);
}

void repair_offset(struct repairs *repairs, enum repair repair, const char *file, uint64_t offset,
                   const char *what)
{
    char *first = first_place(repairs, repair);
    if (first != NULL)
        (void)snprintf(first, REPAIR_PLACE_BYTES, "%s: at byte %" PRIu64 "%s%s", file, offset,
                       what == NULL ? "" : ": ", what == NULL ? "" : what);
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
