#include "cloud/ledger/ledger.h"

#include <assert.h>
#include <string.h>

static const char *const status_names[] = {
    [FARM_NEW] = "new",
    [FARM_ACTIVE] = "active",
    [FARM_DEACTIVATED] = "deactivated",
};
static_assert(sizeof status_names / sizeof status_names[0] == FARM_STATUS_MAX, "a name for every status");

const char *farm_status_name(enum farm_status status)
{
    return status_names[status];
}

const char *farm_reason_code(enum farm_reason reason)
{
#define FARM_REASON_CODE(name, code, text) [name] = code,
    static const char *const codes[] = {FARM_REASONS(FARM_REASON_CODE)};
    return codes[reason];
}

const char *farm_reason_text(enum farm_reason reason)
{
#define FARM_REASON_TEXT(name, code, text) [name] = text,
    static const char *const texts[] = {FARM_REASONS(FARM_REASON_TEXT)};
    return texts[reason];
}

/* --- names ---------------------------------------------------------------------------------------------- */

static const char *const plan_names[] = {[PLAN_STANDARD] = "standard", [PLAN_PREMIUM] = "premium"};
static const char *const channel_names[] = {[CHANNEL_ONLINE] = "online", [CHANNEL_RESELLER] = "reseller"};
static const char *const order_names[] = {
    [ORDER_PURCHASE] = "purchase", [ORDER_ADD] = "add", [ORDER_RENEW] = "renew", [ORDER_CANCEL] = "cancel"};
static_assert(sizeof plan_names / sizeof plan_names[0] == PLAN_MAX, "a name for every plan");
static_assert(sizeof channel_names / sizeof channel_names[0] == CHANNEL_MAX, "a name for every channel");
static_assert(sizeof order_names / sizeof order_names[0] == ORDER_KIND_MAX, "a name for every kind of order");

const char *plan_name(enum plan plan)
{
    return plan_names[plan];
}

const char *channel_name(enum channel channel)
{
    return channel_names[channel];
}

const char *order_kind_name(enum order_kind kind)
{
    return order_names[kind];
}

/* --- refusals ------------------------------------------------------------------------------------------- */

struct refusal {
    int status;
    const char *code, *text, *field;
};

static const struct refusal *refusal_of(enum ledger_verdict verdict)
{
#define LEDGER_REFUSAL(name, status, code, text, field) [name] = {status, code, text, field},
    static const struct refusal refusals[] = {LEDGER_VERDICTS(LEDGER_REFUSAL)};
    return &refusals[verdict];
}

int ledger_http_status(enum ledger_verdict verdict)
{
    return refusal_of(verdict)->status;
}

const char *ledger_code(enum ledger_verdict verdict)
{
    return refusal_of(verdict)->code;
}

const char *ledger_text(enum ledger_verdict verdict)
{
    return refusal_of(verdict)->text;
}

const char *ledger_field(enum ledger_verdict verdict)
{
    return refusal_of(verdict)->field;
}
