/* accounts.h - the groups of users, from the name service: look-ups run on at most
 * ACCOUNTS_THREADS pool threads, are cached ACCOUNTS_FRESH_MS, and the last answer is kept on error. */
#ifndef FARMGATE_AGENT_ACCOUNTS_H
#define FARMGATE_AGENT_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define ACCOUNTS_FRESH_MS   300000
#define ACCOUNTS_RETRY_MS   10000 /* after a look-up that failed */
#define ACCOUNTS_THREADS    2
#define ACCOUNTS_GROUPS_MAX 256   /* of one user; further ones are left out */
#define ACCOUNTS_CACHED_MAX 65536 /* users; the longest unused go first */

struct accounts;

struct account {
    const char *const *groups; /* valid until the loop turns */
    size_t group_count;
    bool known;     /* false: not yet answered, or never answered */
    bool exists;    /* the name service knows this user */
    bool superuser; /* uid 0 */
};

struct accounts *accounts_create(uv_loop_t *loop);

/* From the cache at once; starts a look-up if the answer is missing or old. */
struct account accounts_get(struct accounts *accounts, const char *user);

/* Calls `done` with the answer as soon as it is known, at the latest after timeout_ms (then perhaps unknown);
 * at once, inside this call, if it is cached, however old (then a look-up is started besides), or if a
 * look-up has just failed. */
typedef void accounts_fn(void *data, const struct account *account);
void accounts_ask(struct accounts *accounts, const char *user, unsigned timeout_ms, accounts_fn *done,
                  void *data);

/* Called (coalesced, from the loop) when an answer arrived that differs from what was known. */
void accounts_on_change(struct accounts *accounts, void (*changed)(void *data), void *data);

/* Calls pending accounts_ask callbacks with what is known; `closed` when it is gone. Waits for no look-up:
 * one that hangs in the name service stays on its thread of the pool, holds the loop and the C library's
 * exit() until it ends, and is then forgotten; who must end at once leaves by uv_stop() and _exit(). */
void accounts_close(struct accounts *accounts, void (*closed)(void *data), void *data);

#endif
