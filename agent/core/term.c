#include "term.h"

#include "countdown.h"

#include <assert.h>

static const unsigned days_before_the_end[] = {90, 30, 7, 1, 0};
static const unsigned days_before_the_grace_ends[] = {7, 1, 0};

struct cell {
    const char *name;
    bool closes;
};

static const struct cell *cell_of(enum term_state state)
{
    static const struct cell cells[] = {
        [TERM_VALID] = {"valid", false},
        [TERM_EXPIRY_GRACE] = {"expiry_grace", false},
        [TERM_EXPIRED] = {"expired", true},
    };
    static_assert(sizeof(cells) / sizeof(cells[0]) == TERM_STATE_MAX, "every state has its cell");
    return &cells[state];
}

const char *term_state_name(enum term_state state)
{
    return cell_of(state)->name;
}

bool term_state_closes(enum term_state state)
{
    return cell_of(state)->closes;
}

int64_t term_closes_ms(const struct grant *grant)
{
    if (grant->expires_at_ms == 0)
        return INT64_MAX;
    return grant->expires_at_ms + (grant->trial ? 0 : TERM_GRACE_MS);
}

enum term_state term_state_at(const struct grant *grant, int64_t now_ms)
{
    if (now_ms >= term_closes_ms(grant))
        return TERM_EXPIRED;
    if (grant->expires_at_ms != 0 && now_ms >= grant->expires_at_ms)
        return TERM_EXPIRY_GRACE;
    return TERM_VALID;
}

struct term_said term_said_at(const struct grant *grant, int64_t now_ms)
{
    struct term_said said = {0};
    switch (term_state_at(grant, now_ms)) {
    case TERM_VALID:
        if (grant->expires_at_ms != 0)
            said.days = countdown_passed(days_before_the_end, grant->expires_at_ms, now_ms);
        break;
    case TERM_EXPIRY_GRACE:
        said.grace_days = countdown_passed(days_before_the_grace_ends, term_closes_ms(grant), now_ms);
        break;
    case TERM_EXPIRED:
    case TERM_STATE_MAX:
        break;
    }
    return said;
}

int64_t term_due_ms(const struct grant *grant, int64_t now_ms)
{
    int64_t closes_ms = term_closes_ms(grant), due_ms;
    if (grant->expires_at_ms == 0)
        return INT64_MAX;
    switch (term_state_at(grant, now_ms)) {
    case TERM_VALID:
        due_ms = countdown_next_ms(days_before_the_end, grant->expires_at_ms, now_ms);
        return due_ms < grant->expires_at_ms ? due_ms : grant->expires_at_ms;
    case TERM_EXPIRY_GRACE:
        due_ms = countdown_next_ms(days_before_the_grace_ends, closes_ms, now_ms);
        return due_ms < closes_ms ? due_ms : closes_ms;
    case TERM_EXPIRED:
    case TERM_STATE_MAX:
        break;
    }
    return INT64_MAX;
}
