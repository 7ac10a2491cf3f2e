#include "spelling.h"

#include "connection.h"

#include <string.h>

#define SPELLING_BYTES_MAX (IDENTITY_KEY_BYTES_MAX + CONNECTION_HOST_BYTES_MAX)

/* A name that is being put together. */
struct spelling {
    char text[SPELLING_BYTES_MAX + 2];
    size_t bytes;
};

static void append(struct spelling *spelling, const char *text, size_t bytes)
{
    size_t room = sizeof(spelling->text) - 1 - spelling->bytes;
    if (bytes > room)
        bytes = room;
    memcpy(spelling->text + spelling->bytes, text, bytes);
    spelling->bytes += bytes;
    spelling->text[spelling->bytes] = '\0';
}

static void visit_joined(const char *before, size_t before_bytes, char mark, const char *after,
                         spelling_fn *visit, void *data)
{
    struct spelling spelling = {.bytes = 0};
    append(&spelling, before, before_bytes);
    append(&spelling, &mark, 1);
    append(&spelling, after, strlen(after));
    visit(data, spelling.text);
}

/* NetBIOS domains are of ASCII, in capitals. */
static void visit_capitals(const char *domain, size_t domain_bytes, const char *user, spelling_fn *visit,
                           void *data)
{
    char capitals[IDENTITY_KEY_BYTES_MAX];
    for (size_t i = 0; i < domain_bytes; i++)
        capitals[i] = domain[i] >= 'a' && domain[i] <= 'z' ? (char)(domain[i] - 'a' + 'A') : domain[i];
    visit_joined(capitals, domain_bytes, '\\', user, visit, data);
}

void spelling_each(const char *user, const struct identity_alias *aliases, size_t alias_count,
                   spelling_fn *visit, void *data)
{
    char key[IDENTITY_KEY_BYTES_MAX];
    visit(data, user);
    if (!identity_is_windows(user))
        return;
    (void)identity_key(user, aliases, alias_count, key);
    visit(data, key);
    char *mark = strchr(key, '\\');
    if (mark == NULL)
        return;
    const char *plain = mark + 1;
    visit_capitals(key, (size_t)(mark - key), plain, visit, data);
    *mark = '\0';
    for (size_t i = 0; i < alias_count; i++) {
        if (!identity_same_domain(aliases[i].domain, key))
            continue;
        visit_joined(aliases[i].domain, strlen(aliases[i].domain), '\\', plain, visit, data);
        visit_joined(plain, strlen(plain), '@', aliases[i].dns_domain, visit, data);
    }
}
