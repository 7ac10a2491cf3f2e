#include "cloud/api/visitors.h"

#include <stdlib.h>

struct visitors {
    struct throttle *calls, *wrong;
};

struct visitor visitor_of(const struct source_address *source, const char *token)
{
    return (struct visitor){throttle_key_of_source(source), throttle_key_of_token(token)};
}

struct visitors *visitors_create(const struct visitors_limits *limits, uint64_t seed)
{
    struct visitors *visitors = calloc(1, sizeof *visitors);
    if (visitors == NULL)
        return NULL;
    visitors->calls =
        throttle_create(limits->calls_per_minute, limits->calls_burst, THROTTLE_TOKENS_MAX, seed);
    visitors->wrong =
        throttle_create(limits->wrong_per_minute, limits->wrong_burst, THROTTLE_SOURCES_MAX, seed);
    if (visitors->calls != NULL && visitors->wrong != NULL)
        return visitors;
    visitors_destroy(visitors);
    return NULL;
}

void visitors_destroy(struct visitors *visitors)
{
    if (visitors == NULL)
        return;
    throttle_destroy(visitors->wrong);
    throttle_destroy(visitors->calls);
    free(visitors);
}

enum visitors_verdict visitors_enter(struct visitors *visitors, const struct visitor *visitor, int64_t now_ms,
                                     int64_t *ret_wait_ms)
{
    bool known = throttle_remembers(visitors->calls, &visitor->token);
    int64_t wait_ms = known ? throttle_take(visitors->calls, &visitor->token, now_ms)
                            : visitors_guess_wait(visitors, &visitor->source, now_ms);
    if (wait_ms == 0)
        return VISITORS_WELCOME;
    *ret_wait_ms = wait_ms;
    return known ? VISITORS_TOO_MANY_CALLS : VISITORS_TOO_MANY_WRONG;
}

void visitors_right(struct visitors *visitors, const struct visitor *visitor, int64_t now_ms)
{
    if (!throttle_remembers(visitors->calls, &visitor->token))
        (void)throttle_take(visitors->calls, &visitor->token, now_ms);
}

void visitors_wrong(struct visitors *visitors, const struct throttle_key *source, int64_t now_ms)
{
    (void)throttle_take(visitors->wrong, source, now_ms);
}

int64_t visitors_guess_wait(const struct visitors *visitors, const struct throttle_key *source,
                            int64_t now_ms)
{
    return throttle_wait(visitors->wrong, source, now_ms);
}
