#include "cloud/ledger/ledger.h"

#include <assert.h>

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
