#include "cloud/api/admin_offline.h"

#include "cloud/authority_offline.h"
#include "cloud/ledger/calendar.h"

#include <stdlib.h>

struct offline_call {
    struct admin_call call;
    struct offline_request request;
    int64_t days; /* 0: as the settings say */
    struct authority_offline outcome;
};

/* 400, but for what is too large. */
static bool refuse_file(struct admin_call *of, enum offline_fault fault, const struct error_detail *detail)
{
    int status = fault == OFFLINE_TOO_LARGE ? 413 : fault == OFFLINE_NO_MEMORY ? 503 : 400;
    http_problem(of->exchange, status, offline_fault_code(fault), detail->text, NULL);
    return false;
}

static void forget(struct admin_call *of)
{
    offline_request_finish(&((struct offline_call *)of)->request);
}

static bool read_request(struct admin_call *of, const struct http_request *request)
{
    struct offline_call *call = (struct offline_call *)of;
    struct error_detail detail = {""};
    if (!admin_read_number(of, request, "days", 1, OFFLINE_DAYS_MAX, &call->days))
        return false;
    enum offline_fault fault =
        offline_request_decode(request->body.text, request->body.bytes, &call->request, &detail);
    if (fault != OFFLINE_GOOD)
        return refuse_file(of, fault, &detail);
    of->finish = forget;
    return true;
}

static void note(struct admin_call *of, const struct offline_call *call)
{
    const struct authority_offline *outcome = &call->outcome;
    if (outcome->activated)
        admin_note(of, "farm %s activated by file %s", outcome->farm_id, call->request.id);
    else
        admin_note(of, "farm %s reported %zu windows by file %s, %zu refused, %zu to be numbered anew",
                   outcome->farm_id, outcome->windows, call->request.id, outcome->refused, outcome->used);
}

static int run_exchange(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct offline_call *call = (struct offline_call *)of;
    const struct authority *authority = &of->context->authority;
    int64_t refresh_ms = call->days != 0 ? call->days * CALENDAR_DAY_MS : of->context->offline_refresh_ms;
    int error = authority_offline(authority, rows, &of->author, &call->request, refresh_ms, &call->outcome,
                                  ret_detail);
    if (error != 0)
        return error;
    if (call->outcome.status != 0)
        of->refusal = (struct admin_refusal){call->outcome.status, call->outcome.code, call->outcome.text,
                                             call->outcome.field, call->outcome.moves_left};
    else
        note(of, call);
    of->file = call->outcome.answer;
    return 0;
}

const struct admin_action admin_offline_exchange = {sizeof(struct offline_call), read_request, run_exchange,
                                                    NULL};
