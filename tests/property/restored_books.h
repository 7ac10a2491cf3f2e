/* restored_books.h - the authority's real books (cloud/ledger/usage.h), for a test that has the agent's core
 * too: both call something a usage. */
#ifndef FARMGATE_TESTS_RESTORED_BOOKS_H
#define FARMGATE_TESTS_RESTORED_BOOKS_H

#include "agent/core/peak.h"

#include <stddef.h>

struct books;

struct books_verdict {
    const char *reason; /* "" if it is not refused */
    bool is_new;        /* it was counted now, not before */
};

struct books *books_create(void);
void books_destroy(struct books *books);

/* Takes a report in; `ret` has room for `count`. Returns what has been accepted through. */
uint64_t books_report(struct books *books, const struct window *windows, size_t count, int64_t now_ms,
                      struct books_verdict *ret);

#endif
