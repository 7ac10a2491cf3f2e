/* Accounts with numbers, of which Windows has none: nobody is ever found. */
#ifndef PLATFORM_PWD_H
#define PLATFORM_PWD_H

#include <stddef.h>
#include <unistd.h>

struct passwd {
    char *pw_name;
    uid_t pw_uid;
    gid_t pw_gid;
};

static inline struct passwd *getpwnam(const char *name)
{
    (void)name;
    return NULL;
}

#endif
