/* store.h - work on the ledger, done on libuv's pool with group commit: a transaction carries what arrived
 * while the one before was written, and the next one begins without waiting for the loop. Acknowledged means
 * durable. */
#ifndef FARMGATE_CLOUD_STORE_STORE_H
#define FARMGATE_CLOUD_STORE_STORE_H

#include "cloud/store/rows.h"

#include <uv.h>

#define STORE_WAITING_MAX 1024 /* jobs queued behind the commit under way */
#define STORE_BATCH_MAX   128  /* jobs in one transaction */
#define STORE_COPY_PAGES  256  /* of a copy, between two transactions: 1 MiB */

struct store;

/* A piece of work, embedded in what it works on and owned by the caller until done() was called. */
struct store_job {
    /* On the pool, inside a transaction. Not 0: what it wrote is undone, the other jobs' work is not. */
    int (*run)(struct store_job *job, struct rows *rows, struct error_detail *ret_detail);
    /* On the loop, once: 0 after the commit, or why nothing of it was kept. */
    void (*done)(struct store_job *job, int error, const char *detail);
    /* store.c's own */
    struct store_job *next;
    int error;
    struct error_detail detail;
};

/* Opens DIRECTORY/ledger.db; blocking, at start only. The rows are the caller's to use until the first
 * store_submit. ERROR_BUSY: another authority owns it; ERROR_DAMAGED, ERROR_NEWER: untouched. */
int store_open(uv_loop_t *loop, const char *directory, struct store **ret_store,
               struct error_detail *ret_detail);
struct rows *store_rows(struct store *store);

/* ERROR_FULL: too many wait already; done() is not called then. */
int store_submit(struct store *store, struct store_job *job);

/* What was done so far: how well calls share transactions. */
struct store_figures {
    uint64_t calls, transactions;
};
struct store_figures store_figures(struct store *store);

/* Copies the whole ledger into a new file in its directory, in steps between transactions, so that work goes
 * on. `done` from the loop: 0, and the file is there; or why not, and it is not. ERROR_BUSY: a copy is being
 * made already (done is not called). Closing breaks it off (ERROR_CANCELLED). */
typedef void store_copied_fn(void *data, int error, const char *detail);
int store_copy(struct store *store, const char *path, store_copied_fn *done, void *data);

/* Whether the ledger could not be written (disk full or read-only) when that was last tried, for /healthz. */
bool store_failing(struct store *store);

/* Does what is queued, then closes and frees, from the loop; `closed` may be NULL. */
void store_close(struct store *store, void (*closed)(void *data), void *data);

#endif
