#include "shrink.h"

#include <stdlib.h>
#include <string.h>

struct search {
    const struct plan *plan; /* whole */
    enum mistake mistake;
    enum check check;
    unsigned runs_left;
    bool *keep;
    size_t kept;
    struct outcome best;
};

/* Whether it still fails with these items; then they are what is kept. */
static bool try_keeping(struct search *search, const bool *keep)
{
    struct outcome outcome;
    size_t kept = 0;
    if (search->runs_left == 0)
        return false;
    search->runs_left--;
    struct plan *some = plan_some(search->plan, keep);
    world_run(some, search->mistake, &outcome);
    plan_destroy(some);
    if (outcome.witness.failed != search->check)
        return false;
    for (size_t i = 0; i < search->plan->count; i++)
        kept += keep[i];
    memcpy(search->keep, keep, search->plan->count * sizeof(*keep));
    search->kept = kept;
    search->best = outcome;
    return true;
}

/* What came later, or happened to others, has no part in it as a rule. */
static void drop_the_unconcerned(struct search *search, bool *keep)
{
    const struct plan *plan = search->plan;
    for (size_t i = 0; i < plan->count; i++)
        keep[i] = plan->items[i].at_ms <= search->best.witness.failed_ms;
    (void)try_keeping(search, keep);
    memcpy(keep, search->keep, plan->count * sizeof(*keep));
    for (size_t i = 0; i < plan->count; i++)
        keep[i] = keep[i] && plan->items[i].host == search->best.witness.failed_host;
    (void)try_keeping(search, keep);
}

/* Drops the kept items number [from, from + some). */
static void without(const struct search *search, size_t from, size_t some, bool *ret_keep)
{
    size_t number = 0;
    for (size_t i = 0; i < search->plan->count; i++) {
        ret_keep[i] = search->keep[i] && !(number >= from && number < from + some);
        number += search->keep[i];
    }
}

static void drop_by_parts(struct search *search, bool *keep)
{
    for (size_t some = search->kept / 2; some > 0 && search->runs_left > 0;) {
        bool dropped = false;
        for (size_t from = 0; from < search->kept && search->runs_left > 0;) {
            without(search, from, some, keep);
            if (try_keeping(search, keep))
                dropped = true; /* what follows has moved up */
            else
                from += some;
        }
        if (!dropped || some > 1)
            some /= 2;
    }
}

struct plan *shrink(const struct plan *plan, enum mistake mistake, const struct outcome *failed,
                    unsigned runs, struct outcome *ret_outcome)
{
    struct search search = {.plan = plan,
                            .mistake = mistake,
                            .check = failed->witness.failed,
                            .runs_left = runs,
                            .keep = malloc(plan->count + 1),
                            .kept = plan->count,
                            .best = *failed};
    bool *keep = malloc(plan->count + 1);
    if (search.keep == NULL || keep == NULL)
        abort();
    memset(search.keep, true, plan->count);
    drop_the_unconcerned(&search, keep);
    drop_by_parts(&search, keep);
    struct plan *some = plan_some(plan, search.keep);
    *ret_outcome = search.best;
    free(search.keep);
    free(keep);
    return some;
}
