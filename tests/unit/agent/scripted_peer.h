/* scripted_peer.h - an HTTP peer on loopback that answers one request a connection, well or badly, as it is
 * told. */
#ifndef FARMGATE_TESTS_SCRIPTED_PEER_H
#define FARMGATE_TESTS_SCRIPTED_PEER_H

#include <stddef.h>
#include <uv.h>

enum peer_trick {
    PEER_ANSWERS,
    PEER_TALKS_GARBAGE,
    PEER_HANGS_UP,
    PEER_HANGS_UP_HALFWAY, /* announces twice the body it sends */
    PEER_NEVER_ENDS,       /* announces 100 MB and sends until the client has had enough */
    PEER_REDIRECTS,        /* to itself */
    PEER_SAYS_NOTHING      /* and keeps the connection open */
};

#define PEER_REQUEST_BYTES_MAX (256 * 1024)

struct scripted_peer {
    /* what it will do: */
    enum peer_trick trick;
    int status;
    const char *headers; /* whole lines with "\r\n", or "" */
    const char *body;
    /* what it saw: */
    int requests;
    char request[PEER_REQUEST_BYTES_MAX]; /* the last, whole */
    size_t sent_bytes;                    /* of a body without end */
    /* its own: */
    uv_tcp_t listener;
    struct peer_client *clients;
};

/* Listens; writes "http://127.0.0.1:PORT". */
int scripted_peer_start(struct scripted_peer *peer, uv_loop_t *loop, char *ret_url, size_t ret_bytes);
/* Closes everything; run the loop afterwards. */
void scripted_peer_stop(struct scripted_peer *peer);

/* The body of the last request. */
const char *scripted_peer_body(const struct scripted_peer *peer);

#endif
