/* rows_copy.h - a copy of the whole ledger, made in steps on the ledger's own connection (nobody else may
 * open it): what is written between two steps is in the copy as well, so that it is whole as of the last
 * step. */
#ifndef FARMGATE_CLOUD_STORE_ROWS_COPY_H
#define FARMGATE_CLOUD_STORE_ROWS_COPY_H

#include "cloud/store/rows.h"

struct rows_copy;

/* Begins a copy in a new file (0600); one that is there is what a former copy left, and goes. Outside of any
 * transaction, as the steps. ERROR_FULL also where there is hardly room for it: the ledger is to go on. */
int rows_copy_begin(struct rows *rows, const char *path, struct rows_copy **ret_copy,
                    struct error_detail *ret_detail);
/* *ret_whole: the last step is done, and rows_copy_end may be asked for the file. */
int rows_copy_step(struct rows_copy *copy, int pages, bool *ret_whole, struct error_detail *ret_detail);
/* Frees; the file stays if it is wanted, and is complete then. NULL is fine. */
void rows_copy_end(struct rows_copy *copy, bool wanted);

#endif
