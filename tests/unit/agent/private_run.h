/* private_run.h - an empty /run of the test's own, where it lays logind's files, and the users alice, bob and
 * carol (uids 1000 to 1002). No system bus answers there. */
#ifndef FARMGATE_TESTS_PRIVATE_RUN_H
#define FARMGATE_TESTS_PRIVATE_RUN_H

#include <stdbool.h>

#define PRIVATE_SESSIONS "/run/systemd/sessions"
#define PRIVATE_BUS      "/run/bus" /* where the system bus is looked for */

/* Once, before threads: a mount namespace (of a user namespace, without root). */
void private_run_enter(void);
/* False where the kernel allows none: the test is to be skipped. */
bool private_run_entered(void);

void private_run_write(const char *path, const char *text);

/* cmocka's setup and teardown. */
int private_run_make(void **state);
int private_run_clear(void **state);

#endif
