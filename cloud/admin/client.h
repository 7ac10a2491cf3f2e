/* client.h - one request to the daemon, its failure told on stderr. */
#ifndef FARMGATE_CLOUD_ADMIN_CLIENT_H
#define FARMGATE_CLOUD_ADMIN_CLIENT_H

#include "common/json.h"
#include "common/local_client.h"

#define CLIENT_TARGET_BYTES 1024

/* ADMIN_OK: a 2xx answer came, in *ret_answer (local_client_answer_finish). Else the exit code; what failed
 * has been said. `body` is a JSON text or NULL. */
int client_call(const char *socket_path, const char *method, const char *target, const char *body,
                struct local_client_answer *ret_answer);

/* The same with a body of another type than JSON. */
int client_send_text(const char *socket_path, const char *target, const char *text, size_t bytes,
                     struct local_client_answer *ret_answer);

/* The same for a change that may need a confirmation: `would` says what would happen; NULL: it never
 * needs one. */
int client_change(const char *socket_path, const char *method, const char *target, const char *body,
                  const char *would, struct local_client_answer *ret_answer);

/* The same, with every piece of a 2xx answer's body handed to `take` as it comes, however long that lasts;
 * what it returns but 0 ends it: ADMIN_FAILED, and why is for the caller to say. */
int client_stream(const char *socket_path, const char *method, const char *target,
                  int (*take)(void *data, const char *bytes, size_t count), void *data);

/* Takes the writer's text as the body, and destroys the writer. */
int client_send(const char *socket_path, const char *method, const char *target, struct json_writer *body,
                const char *would, struct local_client_answer *ret_answer);

/* "PREFIX" with the argument, percent-encoded, and "SUFFIX". False: said. */
bool client_target(char ret[CLIENT_TARGET_BYTES], const char *prefix, const char *argument,
                   const char *suffix);
/* Adds "NAME=VALUE" to its query; NULL adds nothing. False: said. */
bool client_parameter(char target[CLIENT_TARGET_BYTES], const char *name, const char *value);

/* Reads an answer into *ret (its defaults set), and finishes it if it is not understood: the exit code. */
int client_read(const struct json_shape *shape, const char *target, struct local_client_answer *answer,
                void *ret);

/* Says on stderr that the daemon's answer was not understood; returns the exit code. */
int client_misunderstood(const char *target, const char *detail);

#endif
