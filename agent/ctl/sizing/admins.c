#include "admins.h"
#include "group_members.h"

#include "agent/core/connection.h"
#include "agent/core/identity.h"

#include <stdio.h>
#include <string.h>

void admins_init(struct admins *admins, const uint8_t seed[KEYED_HASH_SEED_BYTES])
{
    name_set_init(&admins->keys, seed);
}

void admins_finish(struct admins *admins)
{
    name_set_finish(&admins->keys);
}

static int add_name(struct admins *admins, const char *name)
{
    char key[IDENTITY_KEY_BYTES_MAX];
    identity_key(name, NULL, 0, key);
    return name_set_add(&admins->keys, key) ? 0 : ERROR_NO_MEMORY;
}

static int add_member(void *data, const char *name)
{
    return connection_text_valid(name, CONNECTION_USER_BYTES_MAX) ? add_name(data, name) : 0;
}

int admins_add(struct admins *admins, const char *list, struct error_detail *ret_detail)
{
    char name[CONNECTION_USER_BYTES_MAX + 2];
    for (const char *at = list;; at++) {
        size_t bytes = strcspn(at, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)(bytes < sizeof name ? bytes : sizeof name - 1), at);
        if (!connection_text_valid(name, CONNECTION_USER_BYTES_MAX)) {
            error_detail_set(ret_detail, "'%.*s' is no name of a user", (int)(bytes < 80 ? bytes : 80), at);
            return ERROR_INVALID;
        }
        int code =
            name[0] == '@' ? group_members(name + 1, add_member, admins, ret_detail) : add_name(admins, name);
        if (code < 0)
            return code;
        at += bytes;
        if (*at == '\0')
            return 0;
    }
}

bool admins_has(const struct admins *admins, const char *user)
{
    char key[IDENTITY_KEY_BYTES_MAX];
    if (admins->keys.count == 0)
        return false;
    identity_key(user, NULL, 0, key);
    return name_set_has(&admins->keys, key);
}
