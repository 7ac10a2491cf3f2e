#include "refusals.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

static_assert(sizeof(((struct refusals *)0)->key) == crypto_generichash_KEYBYTES_MIN, "a key of the hash");

void refusals_init(struct refusals *refusals, uint64_t now_ms)
{
    *refusals = (struct refusals){.minute_ms = now_ms, .day_ms = now_ms};
    randombytes_buf(refusals->key, sizeof(refusals->key));
}

/* Never 0, which stands for an empty place. Keyed: nobody can make a name that hides another's. */
static uint64_t hash_of(const struct refusals *refusals, const struct refusal *refusal)
{
    const char *const words[] = {refusal->user, refusal->host, connection_kind_name(refusal->kind),
                                 refusal->reason};
    unsigned char hash[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;
    uint64_t ret;
    (void)crypto_generichash_init(&state, refusals->key, sizeof(refusals->key), sizeof(hash));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        (void)crypto_generichash_update(&state, (const unsigned char *)words[i], strlen(words[i]) + 1);
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(&ret, hash, sizeof(ret));
    return ret != 0 ? ret : 1;
}

static bool was_said(const struct refusals *refusals, uint64_t hash, uint64_t now_ms)
{
    for (size_t i = 0; i < REFUSALS_KEPT; i++)
        if (refusals->kept[i].hash == hash && now_ms - refusals->kept[i].at_ms < REFUSALS_AGAIN_MS)
            return true;
    return false;
}

static void pass_time(struct refusals *refusals, uint64_t now_ms)
{
    if (now_ms - refusals->minute_ms >= REFUSALS_MINUTE_MS) {
        refusals->minute_ms = now_ms;
        refusals->said_in_minute = 0;
    }
    if (now_ms - refusals->day_ms >= REFUSALS_DAY_MS) {
        refusals->day_ms = now_ms;
        refusals->said_in_day = 0;
    }
}

enum refusal_fate refusals_note(struct refusals *refusals, const struct refusal *refusal, uint64_t now_ms)
{
    uint64_t hash = hash_of(refusals, refusal);
    pass_time(refusals, now_ms);
    if (was_said(refusals, hash, now_ms))
        return REFUSAL_KNOWN;
    if (refusals->said_in_minute == REFUSALS_A_MINUTE_MAX || refusals->said_in_day == REFUSALS_A_DAY_MAX) {
        refusals->counted++;
        return REFUSAL_COUNTED;
    }
    refusals->said_in_minute++;
    refusals->said_in_day++;
    refusals->kept[refusals->next_kept].hash = hash;
    refusals->kept[refusals->next_kept].at_ms = now_ms;
    refusals->next_kept = (refusals->next_kept + 1) % REFUSALS_KEPT;
    return REFUSAL_SAY;
}

uint64_t refusals_take(struct refusals *refusals)
{
    uint64_t counted = refusals->counted;
    refusals->counted = 0;
    return counted;
}
