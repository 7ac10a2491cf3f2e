#include "restored_books.h"

#include "cloud/ledger/usage.h"

#include <stdlib.h>

struct books {
    struct usage usage;
};

struct books *books_create(void)
{
    return calloc(1, sizeof(struct books));
}

void books_destroy(struct books *books)
{
    free(books);
}

/* In pieces of one, so that it is seen which of them are counted. */
uint64_t books_report(struct books *books, const struct window *windows, size_t count, int64_t now_ms,
                      struct books_verdict *ret)
{
    struct usage *usage = &books->usage;
    bool number_used = false;
    for (size_t i = 0; i < count; i++) {
        struct usage_window window = {
            .sequence = (int64_t)windows[i].sequence,
            .start_ms = windows[i].start_ms,
            .end_ms = windows[i].end_ms,
            .peak_at_ms = windows[i].peak_at_ms,
            .peak_users = windows[i].peak_users,
        };
        int64_t before = usage->totals.windows_counted;
        usage_report(usage, &window, 1, now_ms, &number_used);
        ret[i] = (struct books_verdict){usage_refusal_code(window.refusal),
                                        usage->totals.windows_counted > before};
    }
    return (uint64_t)usage_through(usage, number_used);
}
