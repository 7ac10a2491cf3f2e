/* ask.h - may this user: what the gate and the lists of resources have in common. */
#ifndef FARMGATE_AGENT_API_ASK_H
#define FARMGATE_AGENT_API_ASK_H

#include "agent/core/admission.h"

struct api;
struct http_exchange;
struct http_request;

struct admission_answer ask_decide(const struct api *api, const struct admission_question *question,
                                   enum administrator administrator);

/* 403 with the reason, which is told the agent, too. */
void ask_refuse(struct api *api, struct http_exchange *exchange, const struct admission_question *question,
                const struct admission_answer *answer);

/* A user name as it may be asked for. False: answered. */
bool ask_user(struct http_exchange *exchange, const struct http_request *request,
              char ret_user[CONNECTION_USER_BYTES_MAX + 1]);

#endif
