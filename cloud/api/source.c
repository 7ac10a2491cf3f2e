#include "cloud/api/source.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

bool source_parse(const char *text, struct source_address *ret)
{
    struct source_address address;
    if (inet_pton(AF_INET6, text, address.bytes) != 1) {
        memcpy(address.bytes, mapped_prefix, sizeof mapped_prefix);
        if (inet_pton(AF_INET, text, address.bytes + sizeof mapped_prefix) != 1)
            return false;
    }
    *ret = address;
    return true;
}

static bool is_mapped(const struct source_address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

const char *source_format(const struct source_address *address, char ret_text[SOURCE_TEXT_BYTES])
{
    const void *ipv4 = address->bytes + sizeof mapped_prefix;
    const char *text = is_mapped(address) ? inet_ntop(AF_INET, ipv4, ret_text, SOURCE_TEXT_BYTES)
                                          : inet_ntop(AF_INET6, address->bytes, ret_text, SOURCE_TEXT_BYTES);
    return text != NULL ? text : "";
}

static bool parse_bits(const char *text, unsigned max, unsigned *ret)
{
    unsigned bits = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        bits = bits * 10 + (unsigned)(*text - '0');
        if (bits > max)
            return false;
    }
    *ret = bits;
    return true;
}

struct source_address source_of(const struct source_address *address)
{
    static const unsigned char ipv4_prefix[8];
    struct source_address source = *address;
    if (memcmp(source.bytes, ipv4_prefix, sizeof ipv4_prefix) != 0)
        memset(source.bytes + 8, 0, sizeof source.bytes - 8);
    return source;
}

bool source_network_parse(const char *text, struct source_network *ret)
{
    char address[SOURCE_TEXT_BYTES];
    struct source_network network;
    const char *slash = strchr(text, '/');
    size_t bytes = slash != NULL ? (size_t)(slash - text) : strlen(text);

    if (bytes >= sizeof address)
        return false;
    memcpy(address, text, bytes);
    address[bytes] = '\0';
    if (!source_parse(address, &network.address))
        return false;
    unsigned prefix_bits = is_mapped(&network.address) ? 96 : 0, bits = 128 - prefix_bits;
    if (slash != NULL && !parse_bits(slash + 1, bits, &bits))
        return false;
    network.bits = prefix_bits + bits;
    *ret = network;
    return true;
}

static bool is_in(const struct source_address *address, const struct source_network *network)
{
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(address->bytes, network->address.bytes, whole) != 0)
        return false;
    return rest == 0 || (address->bytes[whole] ^ network->address.bytes[whole]) >> (8 - rest) == 0;
}

static bool is_trusted(const struct source_address *address, const struct source_network *trusted,
                       size_t trusted_count)
{
    for (size_t i = 0; i < trusted_count; i++) {
        if (is_in(address, &trusted[i]))
            return true;
    }
    return false;
}

/* One entry: an address, perhaps with a port behind it: "192.0.2.1:4711", "[2001:db8::1]:4711". */
static bool parse_entry(const char *entry, size_t bytes, struct source_address *ret)
{
    char text[SOURCE_TEXT_BYTES + 8];
    while (bytes > 0 && (entry[0] == ' ' || entry[0] == '\t')) {
        entry++;
        bytes--;
    }
    while (bytes > 0 && (entry[bytes - 1] == ' ' || entry[bytes - 1] == '\t'))
        bytes--;
    if (bytes >= sizeof text)
        return false;
    memcpy(text, entry, bytes);
    text[bytes] = '\0';
    if (memchr(text, '\0', bytes) != NULL)
        return false;
    if (text[0] == '[') {
        char *bracket = strchr(text, ']');
        if (bracket == NULL)
            return false;
        *bracket = '\0';
        return source_parse(text + 1, ret);
    }
    char *colon = strchr(text, ':');
    if (colon != NULL && strchr(colon + 1, ':') == NULL)
        *colon = '\0';
    return source_parse(text, ret);
}

struct source_address source_find(const struct source_address *peer, const char *forwarded, size_t bytes,
                                  const struct source_network *trusted, size_t trusted_count)
{
    struct source_address source = *peer;
    while (bytes > 0 && is_trusted(&source, trusted, trusted_count)) {
        size_t start = bytes;
        while (start > 0 && forwarded[start - 1] != ',')
            start--;
        if (!parse_entry(forwarded + start, bytes - start, &source))
            break;
        bytes = start > 0 ? start - 1 : 0;
    }
    return source;
}
