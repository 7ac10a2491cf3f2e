/* book.h - what this host has told its farm of, session by session: a table by host and id. */
#ifndef FARMGATE_AGENT_FARM_BOOK_H
#define FARMGATE_AGENT_FARM_BOOK_H

#include "record.h"

#include "agent/core/keyed_hash.h"

/* A change in as little room as its texts take. */
struct kept_change {
    uint64_t number;
    int64_t at_ms, connected_at_ms;
    enum change_type type;
    bool more;
    enum connection_kind kind;
    enum connection_route route;
    enum connection_state state;
    enum administrator administrator;
    const char *host, *id, *user, *boot_id; /* in `texts` */
    char texts[];
};
struct kept_change *kept_create(const struct change *change); /* to be freed; NULL without memory */
struct change kept_change(const struct kept_change *kept);
/* The same session in the same state: when and as which change it was told does not count. */
bool kept_equal(const struct kept_change *one, const struct kept_change *other);

struct book_line {
    struct book_line *next;
    struct kept_change *kept; /* its last change */
    uint32_t hash;
    bool ended;    /* it is told as ended, but the farm may not have heard yet */
    unsigned seen; /* the last set it was in; book.set counts them */
};

struct book {
    struct keyed_hash_keys keys;
    struct book_line **heads;
    size_t head_count, count; /* heads: a power of two */
    unsigned set;
};

bool book_init(struct book *book, const uint8_t seed[KEYED_HASH_SEED_BYTES]); /* false without memory */
void book_finish(struct book *book);

struct book_line *book_find(const struct book *book, const char *host, const char *id);
/* Writes the change as the last of its session, which is live by it; NULL without memory. */
struct book_line *book_write(struct book *book, const struct change *change);
void book_strike(struct book *book, struct book_line *line);

/* Every line; the one that was told may be struck before the next is asked for. Begin with {0}. */
struct book_cursor {
    size_t head;
    struct book_line *next;
    bool begun;
};
struct book_line *book_next(const struct book *book, struct book_cursor *cursor);

#endif
