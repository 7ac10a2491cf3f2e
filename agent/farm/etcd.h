/* etcd.h - the way to an etcd cluster: which member is asked, TLS, tokens, and what a failure was.
 *
 * Transport only: what is asked and what an answer means is its caller's (wire.h). A request goes to the
 * member that answered last; one that cannot be reached, or has no leader, makes the next one's turn. Nothing
 * is sent again by itself, since only the caller knows whether that would do no harm; but a request that is
 * refused for a token that ran out is sent once more with a new one, as nothing was done. */
#ifndef FARMGATE_AGENT_FARM_ETCD_H
#define FARMGATE_AGENT_FARM_ETCD_H

#include "port.h"

#include <uv.h>

#define ETCD_ENDPOINTS_MAX 16
#define ETCD_REQUESTS_MAX  32   /* under way or waiting; past it ERROR_FULL */
#define ETCD_REQUEST_MS    5000 /* default of request_ms */
#define ETCD_STALLED_MS    8000 /* default of stalled_ms: etcd tells a watch of its progress more often */

struct etcd;

struct etcd_settings {            /* copied */
    const char *const *endpoints; /* "https://etcd1:2379"; http only to loopback */
    size_t endpoint_count;
    const char *ca_file, *certificate_file, *key_file; /* NULL: the system's, none */
    const char *user, *password;                       /* NULL: without */
    unsigned request_ms;                               /* an answer takes no longer; 0: the default */
    unsigned stalled_ms; /* a watch from which nothing comes for so long has ended; 0: the default */
};

/* NULL without memory. ERROR_INVALID in *ret_error, with words, for an endpoint that may not be used. */
struct etcd *etcd_create(uv_loop_t *loop, const struct etcd_settings *settings, int *ret_error,
                         struct error_detail *ret_detail);

/* Asks: `text`, made by wire.h, is taken over and freed. A watch goes on until it is cancelled or breaks off.
 * Returns an id > 0 for etcd_cancel; ERROR_FULL, ERROR_NO_MEMORY (also if text is NULL): not sent, nothing is
 * told. */
int64_t etcd_ask(struct etcd *etcd, const char *path, char *text, const struct etcd_told *told, void *data);
/* `done` follows, later, with ERROR_CANCELLED. An id that is done is ignored. */
void etcd_cancel(struct etcd *etcd, int64_t id);

/* The member that is asked now, for people: "https://etcd1:2379". */
const char *etcd_endpoint(const struct etcd *etcd);

/* Cancels all; calls `closed` when *etcd is gone. */
void etcd_close(struct etcd *etcd, void (*closed)(void *data), void *data);

/* Whether an etcd of this version ("3.5.28") may hold a farm: ERROR_REFUSED for one that is too old,
 * ERROR_INVALID for what is no version, with why not in *ret_detail. */
int etcd_version_check(const char *version, struct error_detail *ret_detail);

#endif
