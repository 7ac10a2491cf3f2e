/* visitors.h - who may ask the ledger something in a token's name, before the ledger is asked: how often each
 * token, and how many wrong ones each source. Tables of fixed size, constant work. Pure but for its seed. */
#ifndef FARMGATE_CLOUD_API_VISITORS_H
#define FARMGATE_CLOUD_API_VISITORS_H

#include "cloud/api/throttle.h"

struct visitors_limits {
    unsigned calls_per_minute, calls_burst; /* of one token */
    unsigned wrong_per_minute, wrong_burst; /* tokens of one source */
};

/* One call, while it is under way. */
struct visitor {
    struct throttle_key source, token;
};
struct visitor visitor_of(const struct source_address *source, const char *token);

enum visitors_verdict { VISITORS_WELCOME, VISITORS_TOO_MANY_CALLS, VISITORS_TOO_MANY_WRONG };

struct visitors;

struct visitors *visitors_create(const struct visitors_limits *limits, uint64_t seed);
void visitors_destroy(struct visitors *visitors);

/* Whether the call may go on; *ret_wait_ms says when the next may, if not. A token takes part only once it
 * was right: guesses cannot push others out. One that was right lately is welcome from wherever many wrong
 * ones come, too: farms behind one address do not suffer for one of them. now_ms is monotonic. */
enum visitors_verdict visitors_enter(struct visitors *visitors, const struct visitor *visitor, int64_t now_ms,
                                     int64_t *ret_wait_ms);

/* What the token turned out to be. */
void visitors_right(struct visitors *visitors, const struct visitor *visitor, int64_t now_ms);
void visitors_wrong(struct visitors *visitors, const struct throttle_key *source, int64_t now_ms);

/* The ms until a token from there is looked at at all; 0: now. */
int64_t visitors_guess_wait(const struct visitors *visitors, const struct throttle_key *source,
                            int64_t now_ms);

#endif
