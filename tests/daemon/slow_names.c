/* slow_names.c - preloaded into an agent: a name service that takes long for users called slow-…, as a
 * directory on the network does. Every other name is answered by the system. */
#include <dlfcn.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define SLOW_SECONDS 2

typedef int lookup_fn(const char *, struct passwd *, char *, size_t, struct passwd **);

int getpwnam_r(const char *restrict name, struct passwd *restrict entry, char *restrict buffer, size_t bytes,
               struct passwd **restrict result)
{
    lookup_fn *next;
    void *symbol = dlsym(RTLD_NEXT, "getpwnam_r");
    memcpy(&next, &symbol, sizeof next);
    if (strncmp(name, "slow-", 5) == 0)
        (void)sleep(SLOW_SECONDS);
    return next(name, entry, buffer, bytes, result);
}
