/* reply.h - answers and parameters, as every handler needs them. */
#ifndef FARMGATE_AGENT_API_REPLY_H
#define FARMGATE_AGENT_API_REPLY_H

#include "agent/core/admission.h"
#include "common/http_server.h"
#include "common/json.h"

struct api_outcome;

/* A writer with its object opened. NULL: no memory, and that has been answered. */
struct json_writer *reply_open(struct http_exchange *exchange);
/* Closes the object and answers; the writer is gone. */
void reply_close(struct http_exchange *exchange, struct json_writer *writer, int status);

void reply_no_content(struct http_exchange *exchange);
void reply_no_memory(struct http_exchange *exchange);
/* 400 `invalid`. */
void reply_invalid(struct http_exchange *exchange, const char *field, const char *detail);
/* 403 with the verdict's reason, in the header too. */
void reply_refused(struct http_exchange *exchange, const struct admission_answer *answer);
/* A change that failed. */
void reply_outcome(struct http_exchange *exchange, const struct api_outcome *outcome);

/* A problem with further header lines ("Name: value\r\n"). */
void reply_problem_with_headers(struct http_exchange *exchange, int status, const char *code,
                                const char *detail, const char *headers);

/* Members that every problem has, for problems with further ones. */
void reply_problem_members(struct json_writer *writer, int status, const char *code, const char *detail);
/* Like reply_close, as application/problem+json. */
void reply_close_problem(struct http_exchange *exchange, struct json_writer *writer, int status);

/* A query parameter into `ret`: false if it is malformed (answered), or if it is missing though `required`
 * (answered). An absent one is "". */
bool reply_text_parameter(struct http_exchange *exchange, const struct http_request *request,
                          const char *name, bool required, char *ret, size_t ret_bytes);
/* An RFC 3339 instant; an absent one leaves *ret_ms. */
bool reply_time_parameter(struct http_exchange *exchange, const struct http_request *request,
                          const char *name, int64_t *ret_ms);

#endif
