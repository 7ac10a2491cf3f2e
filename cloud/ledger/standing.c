#include "cloud/ledger/standing.h"

#include "cloud/ledger/activation.h"

static uint64_t next_serial(uint64_t last, int64_t now_ms)
{
    uint64_t by_clock = now_ms > 0 ? (uint64_t)now_ms : 0;
    return by_clock > last ? by_clock : last + 1;
}

void standing_issue(struct farm *farm, const struct subscription *subscription, const struct key *key,
                    int64_t refresh_ms, int64_t now_ms, struct standing *ret)
{
    bool trial = key == NULL;

    farm->serial = next_serial(farm->serial, now_ms);
    if (now_ms > farm->issued_ms)
        farm->issued_ms = now_ms;
    *ret = (struct standing){
        .serial = farm->serial,
        .active = farm->status == FARM_ACTIVE,
        .reason = farm_reason_text(farm->reason),
        .limit = trial ? farm->trial_limit : key->quota,
        .purchases = trial ? 0 : subscription->purchases,
        .trial = trial,
        .expires_ms = trial ? farm->trial_ends_ms : activation_expires_ms(subscription, key),
        .issued_ms = farm->issued_ms,
        .refresh_by_ms = farm->issued_ms + refresh_ms,
    };
}
