/* identity.h - when two spellings are the same user (RULES §2.5).
 *
 * A name with '\' or '@' is a Windows name and compares by locale-free simple case folding (Unicode); any
 * other is a Unix name and compares by bytes. "DOMAIN\user" and "user@domain.example" are the same only where
 * an alias maps the DNS domain to the NetBIOS one. */
#ifndef FARMGATE_CORE_IDENTITY_H
#define FARMGATE_CORE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#define IDENTITY_KEY_BYTES_MAX  1600 /* folding can lengthen UTF-8; a user name of 511 bytes always fits */
#define IDENTITY_FOLD_BYTES_MAX 1024

/* One configured alias: users of dns_domain are users of domain. The strings outlive the settings that hold
 * them. */
struct identity_alias {
    const char *dns_domain; /* "corp.example" */
    const char *domain;     /* "CORP" */
};

/* Writes the key under which `user` is compared (NUL-terminated) and returns its length in bytes. Equal keys
 * mean the same user. Bytes that are not UTF-8 stand for themselves. `user` is at most
 * CONNECTION_USER_BYTES_MAX bytes. */
size_t identity_key(const char *user, const struct identity_alias *aliases, size_t alias_count,
                    char ret_key[IDENTITY_KEY_BYTES_MAX]);

/* The same key, not copied where it is the name itself: points to `user` or into `room`, without a NUL. */
const char *identity_key_in(const char *user, size_t user_bytes, const struct identity_alias *aliases,
                            size_t alias_count, char room[IDENTITY_KEY_BYTES_MAX], size_t *ret_bytes);

/* Whether two domains are one: compared as those of Windows names are. */
bool identity_same_domain(const char *one, const char *other);

/* Folds a text, or a pattern of one, as Windows names are compared, NUL-terminated. False: longer than
 * IDENTITY_FOLD_BYTES_MAX, and not folded. */
bool identity_fold(const char *text, char ret_folded[IDENTITY_KEY_BYTES_MAX]);

/* Whether `user` is a Windows name. Any other name is its own key. */
bool identity_is_windows(const char *user);

#endif
