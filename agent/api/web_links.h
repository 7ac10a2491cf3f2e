/* web_links.h - keys to the status page (`farmgate web`): each reads for some hours and changes nothing. Only
 * their hashes are kept, in memory: a restart of the agent takes all of them back. */
#ifndef FARMGATE_AGENT_API_WEB_LINKS_H
#define FARMGATE_AGENT_API_WEB_LINKS_H

#include "common/tokens.h"

#include <stdbool.h>
#include <stdint.h>

#define WEB_LINKS_MAX           32 /* at a time; one more takes the place of the one that ends first */
#define WEB_LINKS_HOURS_MAX     24
#define WEB_LINKS_HOURS_DEFAULT 8

struct web_link {
    uint64_t number; /* 0: none */
    uint64_t ends_ms;
    unsigned char hash[TOKENS_HASH_BYTES];
};
struct web_links { /* zeroed to begin with */
    struct web_link list[WEB_LINKS_MAX];
    uint64_t made;
};

/* A new link; times are the loop's. */
void web_links_make(struct web_links *links, uint64_t now_ms, uint64_t lifetime_ms,
                    char ret_token[TOKENS_TEXT_BYTES]);
/* The number of the link whose token the request carries; 0 without one, or if it does not hold any more. */
uint64_t web_links_find(const struct web_links *links, const struct http_exchange *exchange, uint64_t now_ms);
bool web_links_holds(const struct web_links *links, uint64_t number, uint64_t now_ms);
void web_links_revoke(struct web_links *links);

#endif
