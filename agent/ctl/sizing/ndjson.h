/* ndjson.h - reads a log in the form of `farmgate size`: one JSON object a line.
 *
 *     {"ts": Unix ms, "event": "connect"|"disconnect"|"logoff", "host": …, "session": …}
 *     and of a connect: "user", "admin": true|false, "kind": "desktop"|"application",
 *                       "route": "broker"|"rdp"|"rdp-tunnel"|"console"|"ssh"
 *
 * Blank lines and unknown fields are skipped; the last line need not end. */
#ifndef FARMGATE_CTL_NDJSON_H
#define FARMGATE_CTL_NDJSON_H

#include "common/error.h"

#include <stddef.h>

#define NDJSON_LINE_BYTES_MAX 16384 /* without its end */

struct ndjson;
struct gather;

/* Reads into `gather`; `name` (of the file, for errors) and `gather` outlive it. NULL without memory. */
struct ndjson *ndjson_create(struct gather *gather, const char *name);
void ndjson_destroy(struct ndjson *ndjson);

/* The next bytes, cut anywhere. On an error *ret_detail says "name:line: field: what"; then it is over. */
int ndjson_feed(struct ndjson *ndjson, const char *bytes, size_t count, struct error_detail *ret_detail);

/* The input has ended. */
int ndjson_end(struct ndjson *ndjson, struct error_detail *ret_detail);

#endif
