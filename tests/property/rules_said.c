#include "rules_said.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t field_of(const struct log_event *event, const char *name)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (strcmp(event->fields[i].name, name) == 0)
            return event->fields[i].number;
    return -1;
}

void rules_said_add(struct rules_sayings *sayings, struct rules_said said)
{
    if (sayings->count == RULES_SAID_MAX)
        abort();
    sayings->all[sayings->count++] = said;
}

void rules_said_log(struct rules_sayings *sayings, const struct log_event *event)
{
    static const struct {
        enum log_event_code code;
        enum rules_what what;
        int64_t number;    /* or, */
        const char *field; /* if it has one */
    } table[] = {
        {LOG_expiry_grace_started, RULES_TOLD_TERM, RULES_EXPIRY_GRACE, NULL},
        {LOG_term_expired, RULES_TOLD_TERM, RULES_EXPIRED, NULL},
        {LOG_term_renewed, RULES_TOLD_TERM, RULES_VALID, NULL},
        {LOG_contact_stale, RULES_TOLD_CONTACT, RULES_STALE, NULL},
        {LOG_contact_restored, RULES_TOLD_CONTACT, RULES_FRESH, NULL},
        {LOG_overuse_grace_started, RULES_TOLD_USAGE, RULES_OVERUSE_GRACE, NULL},
        {LOG_overuse_grace_spent, RULES_TOLD_USAGE, RULES_ENFORCED, NULL},
        {LOG_farm_within, RULES_TOLD_USAGE, RULES_ENFORCED, NULL},
        {LOG_farm_over, RULES_TOLD_USAGE, RULES_OVER, NULL},
        {LOG_limit_exceeded, RULES_TOLD_EXCEEDS, 1, NULL},
        {LOG_overuse_countdown_started, RULES_TOLD_EXCEEDS, 1, NULL},
        {LOG_limit_kept, RULES_TOLD_EXCEEDS, 0, NULL},
        {LOG_overuse_countdown_stopped, RULES_TOLD_EXCEEDS, 0, NULL},
        {LOG_limit_near, RULES_TOLD_USERS, 0, "percent"},
        {LOG_limit_reached, RULES_TOLD_USERS, 100, NULL},
        {LOG_term_ends_soon, RULES_TOLD_TERM_ENDS, 0, "days"},
        {LOG_expiry_grace_ends_soon, RULES_TOLD_EXPIRY_ENDS, 0, "days"},
        {LOG_contact_ends_soon, RULES_TOLD_CONTACT_ENDS, 0, "days"},
        {LOG_overuse_grace_ends_soon, RULES_TOLD_GRACE_ENDS, 1, NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++)
        if (event->code == table[i].code)
            rules_said_add(sayings,
                           (struct rules_said){event->at_ms, table[i].what,
                                               table[i].field != NULL ? field_of(event, table[i].field)
                                                                      : table[i].number});
}

/* Usage falls to within and settling without a saying of its own. */
static bool has_saying(enum rules_what what, int64_t number)
{
    return what != RULES_TOLD_USAGE || number >= RULES_OVERUSE_GRACE;
}

void rules_said_moves(const struct rules_sayings *from, enum rules_what what, int64_t before,
                      struct rules_sayings *to)
{
    int64_t shown = before;
    for (size_t i = 0; i < from->count; i++) {
        const struct rules_said *said = &from->all[i];
        bool last = true;
        if (said->what != what)
            continue;
        for (size_t j = i + 1; j < from->count; j++)
            last &= from->all[j].what != what || from->all[j].at_ms != said->at_ms;
        if (!last)
            continue;
        if (said->number != shown && has_saying(what, said->number))
            rules_said_add(to, *said);
        shown = said->number;
    }
}

void rules_said_of(const struct rules_sayings *from, enum rules_what what, struct rules_sayings *to)
{
    for (size_t i = 0; i < from->count; i++)
        if (from->all[i].what == what)
            rules_said_add(to, from->all[i]);
}
