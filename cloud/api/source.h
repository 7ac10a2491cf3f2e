/* source.h - where a request comes from: the peer, or what trusted proxies say in X-Forwarded-For. Pure. */
#ifndef FARMGATE_CLOUD_API_SOURCE_H
#define FARMGATE_CLOUD_API_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#define SOURCE_TEXT_BYTES 46

struct source_address { /* IPv4 as ::ffff:a.b.c.d */
    unsigned char bytes[16];
};

struct source_network {
    struct source_address address;
    unsigned bits; /* of 128 */
};

/* "192.0.2.1", "2001:db8::1"; false for anything else. */
bool source_parse(const char *text, struct source_address *ret);
const char *source_format(const struct source_address *address, char ret_text[SOURCE_TEXT_BYTES]);

/* What counts as one source: an IPv4 address, or the /64 network of an IPv6 one, whose lower half is whatever
 * its owner likes. */
struct source_address source_of(const struct source_address *address);

/* "10.0.0.0/8", "::1"; false for anything else. */
bool source_network_parse(const char *text, struct source_network *ret);

/* The nearest address that is no trusted proxy, from the peer on and then from the right of `forwarded` (the
 * header's value, bytes 0 without one). A malformed entry ends the walk: what stands left of it could be
 * anybody's invention. */
struct source_address source_find(const struct source_address *peer, const char *forwarded, size_t bytes,
                                  const struct source_network *trusted, size_t trusted_count);

#endif
