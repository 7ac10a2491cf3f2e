/* wish.h - what a request for an activation says, be it sent over the network or written into a file. */
#ifndef FARMGATE_AGENT_API_WISH_H
#define FARMGATE_AGENT_API_WISH_H

#include "common/http_server.h"

#include <stdbool.h>

#define WISH_KEY_BYTES_MAX 63 /* of a licence key as people write it */

struct wish {
    char license_key[WISH_KEY_BYTES_MAX + 1]; /* "": without */
    bool trial, move;
};

/* Without a body nothing is wished for. False: answered, because it cannot be read, or both a key and a trial
 * are. */
bool wish_read(struct http_exchange *exchange, const struct http_request *request, struct wish *ret);

#endif
