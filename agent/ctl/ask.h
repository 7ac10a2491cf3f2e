/* ask.h - questions to the agent on this machine, and what its refusals mean for the exit code. */
#ifndef FARMGATE_CTL_ASK_H
#define FARMGATE_CTL_ASK_H

#include "command.h"

#include "common/json.h"
#include "common/local_client.h"
#include "folders.h"

#include <stdbool.h>

#define ASK_READER_SOCKET FOLDERS_READER_SOCKET
#define ASK_ADMIN_SOCKET  FOLDERS_ADMIN_SOCKET
#define ASK_TARGET_BYTES  4096
#define ASK_PATIENCE_MS   40000 /* an activation waits for the authority, at most 30 s */

struct ask {
    const char *socket; /* NULL: the reader's, or the administrator's for changes */
    const char *method; /* NULL: GET */
    const char *target;
    const char *body; /* JSON, or NULL */
    bool reads;       /* the reader's socket takes it, though it is no GET */
};

/* Asks; without a socket of its own a reader who may not open the reader's socket tries the administrator's.
 * COMMAND_OK: an answer came, of whatever status, to be finished. Else the exit code, and what was wrong has
 * been said. */
int ask_any(const struct ask *ask, struct local_client_answer *ret_answer);

/* The same, but only a 2xx status is COMMAND_OK; any other is said and ends here. */
int ask(const struct ask *ask, struct local_client_answer *ret_answer);

/* Whatever a command wants beyond these. */
int ask_with(const struct local_client_request *request, bool changes,
             struct local_client_answer *ret_answer);

/* The same without a word: local_client_request's codes, and ask_failure to say one of them and turn it into
 * an exit code. */
int ask_quietly(const struct local_client_request *request, bool changes,
                struct local_client_answer *ret_answer, struct error_detail *ret_detail);
int ask_failure(int error, const struct error_detail *detail);

/* Says what the answer's problem+json says; the exit code for its status. */
int ask_problem(const struct local_client_answer *answer);

/* Reads a 2xx answer's body by shape: COMMAND_OK, or COMMAND_DATA, said. */
int ask_read(const struct local_client_answer *answer, const struct json_shape *shape, void *ret);

/* Prints a JSON body as it came, with a newline. */
void ask_print(const struct local_client_answer *answer);

/* Appends "?name=value" or "&name=value", encoded; nothing for a NULL value. False if it does not fit, said.
 */
bool ask_parameter(char target[ASK_TARGET_BYTES], const char *name, const char *value);
/* Appends "/segment", encoded. */
bool ask_segment(char target[ASK_TARGET_BYTES], const char *segment);

#endif
