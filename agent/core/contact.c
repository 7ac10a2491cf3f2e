#include "contact.h"

#include "countdown.h"

#include <assert.h>

static const unsigned days_before_the_end[] = {7, 1, 0};

struct cell {
    const char *name;
    bool closes;
};

static const struct cell *cell_of(enum contact_state state)
{
    static const struct cell cells[] = {
        [CONTACT_FRESH] = {"fresh", false},
        [CONTACT_STALE] = {"stale", true},
    };
    static_assert(sizeof(cells) / sizeof(cells[0]) == CONTACT_STATE_MAX, "every state has its cell");
    return &cells[state];
}

const char *contact_state_name(enum contact_state state)
{
    return cell_of(state)->name;
}

bool contact_state_closes(enum contact_state state)
{
    return cell_of(state)->closes;
}

int64_t contact_closes_ms(const struct grant *grant)
{
    return grant->refresh_by_ms != 0 ? grant->refresh_by_ms : INT64_MAX;
}

enum contact_state contact_state_at(const struct grant *grant, int64_t now_ms)
{
    return now_ms >= contact_closes_ms(grant) ? CONTACT_STALE : CONTACT_FRESH;
}

unsigned contact_days_passed(const struct grant *grant, int64_t now_ms)
{
    if (grant->refresh_by_ms == 0)
        return 0;
    return countdown_passed(days_before_the_end, grant->refresh_by_ms, now_ms);
}

int64_t contact_due_ms(const struct grant *grant, int64_t now_ms)
{
    int64_t closes_ms = contact_closes_ms(grant);
    if (closes_ms == INT64_MAX || now_ms >= closes_ms)
        return INT64_MAX;
    int64_t due_ms = countdown_next_ms(days_before_the_end, closes_ms, now_ms);
    return due_ms < closes_ms ? due_ms : closes_ms;
}
