#include "web_links.h"

#include <sodium.h>
#include <string.h>

static bool holds(const struct web_link *link, uint64_t now_ms)
{
    return link->number != 0 && now_ms < link->ends_ms;
}

/* The place of a link that has ended, else of the one that ends first. */
static struct web_link *next_place(struct web_links *links, uint64_t now_ms)
{
    struct web_link *first = &links->list[0];
    for (size_t i = 0; i < WEB_LINKS_MAX; i++) {
        if (!holds(&links->list[i], now_ms))
            return &links->list[i];
        if (links->list[i].ends_ms < first->ends_ms)
            first = &links->list[i];
    }
    return first;
}

void web_links_make(struct web_links *links, uint64_t now_ms, uint64_t lifetime_ms,
                    char ret_token[TOKENS_TEXT_BYTES])
{
    struct web_link *link = next_place(links, now_ms);
    link->number = ++links->made;
    link->ends_ms = now_ms + lifetime_ms;
    tokens_random(ret_token);
    tokens_hash(ret_token, strlen(ret_token), link->hash);
}

uint64_t web_links_find(const struct web_links *links, const struct http_exchange *exchange, uint64_t now_ms)
{
    unsigned char hash[TOKENS_HASH_BYTES];
    struct http_text token;
    uint64_t found = 0;
    if (!tokens_bearer(exchange, &token))
        return 0;
    tokens_hash(token.text, token.bytes, hash);
    for (size_t i = 0; i < WEB_LINKS_MAX; i++)
        if (sodium_memcmp(hash, links->list[i].hash, sizeof(hash)) == 0 && holds(&links->list[i], now_ms))
            found = links->list[i].number;
    return found;
}

bool web_links_holds(const struct web_links *links, uint64_t number, uint64_t now_ms)
{
    for (size_t i = 0; i < WEB_LINKS_MAX; i++)
        if (links->list[i].number == number && holds(&links->list[i], now_ms))
            return true;
    return false;
}

void web_links_revoke(struct web_links *links)
{
    memset(links->list, 0, sizeof(links->list));
}
