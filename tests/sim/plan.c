#include "plan.h"

#include "tests/property/chance.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN_MS     INT64_C(1767571200000) /* Monday 2026-01-05 */
#define DAY_MS       INT64_C(86400000)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct maker {
    struct plan *plan;
    uint64_t chance;
    unsigned host;
    int64_t sessions; /* numbers given out */
};

/* ---- choices ------------------------------------------------------------------------------------------- */

static unsigned below(struct maker *maker, unsigned bound)
{
    return chance_below(&maker->chance, bound);
}

static bool percent(struct maker *maker, unsigned of_hundred)
{
    return chance_percent(&maker->chance, of_hundred);
}

static int64_t between(struct maker *maker, int64_t least, int64_t most)
{
    return least + (int64_t)(chance_next(&maker->chance) % (uint64_t)(most - least + 1));
}

/* Short ones and long ones alike: the logarithm is even. */
static int64_t span(struct maker *maker, int64_t least, int64_t most)
{
    int64_t bound = least;
    while (bound < most && percent(maker, 75))
        bound *= 2;
    return between(maker, least, bound < most ? bound : most);
}

static void add(struct maker *maker, int64_t at_ms, enum item_type type, int64_t a, int64_t b)
{
    struct plan *plan = maker->plan;
    if (at_ms < plan->begin_ms || at_ms >= plan->end_ms)
        return;
    if (plan->count == plan->room) {
        plan->room = plan->room == 0 ? 1024 : plan->room * 2;
        plan->items = realloc(plan->items, plan->room * sizeof(*plan->items));
        if (plan->items == NULL)
            abort();
    }
    plan->items[plan->count] = (struct item){.at_ms = at_ms,
                                             .a = a,
                                             .b = b,
                                             .host = (uint16_t)maker->host,
                                             .type = (uint8_t)type,
                                             .number = (uint32_t)plan->count};
    plan->count++;
}

/* ---- who comes and goes -------------------------------------------------------------------------------- */

static int64_t who(struct maker *maker, unsigned person)
{
    static const enum connection_route routes[] = {ROUTE_BROKER,     ROUTE_BROKER,  ROUTE_RDP, ROUTE_RDP,
                                                   ROUTE_RDP_TUNNEL, ROUTE_CONSOLE, ROUTE_SSH};
    unsigned kind = percent(maker, 60) ? KIND_DESKTOP : KIND_APPLICATION;
    unsigned route = routes[below(maker, percent(maker, 90) ? 5 : COUNT(routes))];
    return person + 256 * kind + 1024 * route;
}

static void visit(struct maker *maker, unsigned person, int64_t from_ms, int64_t until_ms)
{
    int64_t session = ++maker->sessions;
    add(maker, from_ms, ITEM_ARRIVE, session, who(maker, person));
    add(maker, until_ms, ITEM_LEAVE, session, 0);
    if (until_ms - from_ms < 2 * HOUR_MS || !percent(maker, 30))
        return;
    int64_t lunch_ms = between(maker, from_ms, until_ms - HOUR_MS);
    add(maker, lunch_ms, ITEM_DISCONNECT, session, 0);
    if (percent(maker, 80))
        add(maker, lunch_ms + span(maker, MINUTE_MS, HOUR_MS), ITEM_RECONNECT, session, 0);
}

static void office_day(struct maker *maker, int64_t day_ms, unsigned attendance)
{
    const struct host_traits *traits = &maker->plan->hosts[maker->host];
    for (unsigned person = 0; person < traits->persons; person++) {
        if (!percent(maker, attendance))
            continue;
        int64_t from_ms = day_ms + between(maker, 6 * HOUR_MS, 10 * HOUR_MS);
        int64_t until_ms = day_ms + between(maker, 14 * HOUR_MS, 19 * HOUR_MS);
        if (percent(maker, 5)) /* forgets to log off */
            until_ms += between(maker, 1, 3) * DAY_MS;
        visit(maker, person, from_ms, until_ms);
        if (percent(maker, 15))
            visit(maker, person, between(maker, from_ms, until_ms),
                  until_ms + between(maker, -HOUR_MS, HOUR_MS));
    }
}

/* A crowd that stays as long as the rules have bounds for, give or take a moment. */
static void crowd(struct maker *maker, int64_t at_ms)
{
    const struct host_traits *traits = &maker->plan->hosts[maker->host];
    const int64_t spans_ms[] = {traits->settle_ms, 60 * MINUTE_MS, 80 * MINUTE_MS, 20 * MINUTE_MS,
                                2 * HOUR_MS,       3 * HOUR_MS,    7 * DAY_MS,     8 * DAY_MS};
    int64_t stay_ms = spans_ms[below(maker, COUNT(spans_ms))];
    stay_ms += percent(maker, 60) ? between(maker, -1, 1) : between(maker, -MINUTE_MS, MINUTE_MS);
    if (stay_ms <= 0)
        stay_ms = 1;
    for (unsigned person = 0; person < traits->persons; person++)
        visit(maker, person, at_ms, at_ms + stay_ms);
}

static void add_people(struct maker *maker)
{
    struct plan *plan = maker->plan;
    unsigned attendance = 0;
    int64_t mood_ends_ms = 0;
    bool around_the_clock = percent(maker, 20);
    for (int64_t day_ms = plan->begin_ms; day_ms < plan->end_ms; day_ms += DAY_MS) {
        bool weekend = day_ms / DAY_MS % 7 == 2 || day_ms / DAY_MS % 7 == 3; /* 1970-01-01: Thursday */
        if (day_ms >= mood_ends_ms) {
            static const unsigned attendances[] = {10, 40, 60, 80, 95, 100};
            attendance = attendances[below(maker, COUNT(attendances))];
            mood_ends_ms = day_ms + between(maker, 2, 14) * DAY_MS;
        }
        office_day(maker, day_ms, weekend && !around_the_clock ? attendance / 8 : attendance);
        if (around_the_clock)
            office_day(maker, day_ms + 10 * HOUR_MS, attendance / 2);
        if (percent(maker, 12))
            crowd(maker, day_ms + between(maker, 0, DAY_MS));
    }
}

/* ---- what administrators do ---------------------------------------------------------------------------- */

static void at_random(struct maker *maker, unsigned days_between, void (*one)(struct maker *, int64_t))
{
    struct plan *plan = maker->plan;
    int64_t mean_ms = days_between * DAY_MS;
    for (int64_t at_ms = plan->begin_ms + between(maker, 0, 2 * mean_ms); at_ms < plan->end_ms;
         at_ms += between(maker, MINUTE_MS, 2 * mean_ms))
        one(maker, at_ms);
}

static void purchase(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_PURCHASE, maker->host, between(maker, 0, 3));
}

static void change_quota(struct maker *maker, int64_t at_ms)
{
    unsigned persons = maker->plan->hosts[maker->host].persons;
    add(maker, at_ms, ITEM_QUOTA, maker->host, between(maker, 0, persons + 2));
}

static void renew(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_RENEW, maker->host, maker->plan->keys[maker->host].term_ms);
}

static void activate(struct maker *maker, int64_t at_ms)
{
    struct plan *plan = maker->plan;
    int64_t key = percent(maker, 80) ? maker->host : below(maker, plan->key_count);
    add(maker, at_ms, ITEM_ACTIVATE, percent(maker, 10) ? PLAN_TRIAL : key, percent(maker, 60));
}

static void deactivate(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_DEACTIVATE, maker->host, 0);
    if (percent(maker, 80))
        activate(maker, at_ms + span(maker, HOUR_MS, 5 * DAY_MS));
}

static void release(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_RELEASE, 0, 0);
    if (percent(maker, 90))
        activate(maker, at_ms + span(maker, MINUTE_MS, 5 * DAY_MS));
}

static void report_now(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_REPORT_NOW, 0, 0);
}

static int64_t choose_settle_ms(struct maker *maker)
{
    static const int64_t settles_ms[] = {60000, 60000, 60000, 0, 1000, 600000};
    return settles_ms[below(maker, COUNT(settles_ms))];
}

static unsigned choose_flags(struct maker *maker)
{
    unsigned flags = percent(maker, 70) ? PLAN_COUNT_DISCONNECTED : 0;
    flags |= percent(maker, 25) ? PLAN_SPARE_GRACE : 0;
    return flags | (percent(maker, 25) ? PLAN_STRICT : 0);
}

static void reload(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_RELOAD, choose_settle_ms(maker), choose_flags(maker));
}

static void add_administrators(struct maker *maker)
{
    int64_t first_ms = maker->plan->begin_ms + between(maker, MINUTE_MS, 4 * HOUR_MS);
    bool trial_first = percent(maker, 25);
    if (percent(maker, 95))
        add(maker, first_ms, ITEM_ACTIVATE, trial_first ? PLAN_TRIAL : (int64_t)maker->host, 0);
    if (trial_first && percent(maker, 70))
        add(maker, first_ms + between(maker, HOUR_MS, 40 * DAY_MS), ITEM_ACTIVATE, maker->host, 0);
    at_random(maker, 40, purchase);
    at_random(maker, 40, change_quota);
    at_random(maker, (unsigned)(maker->plan->keys[maker->host].term_ms / DAY_MS) + 1, renew);
    at_random(maker, 60, activate);
    at_random(maker, 90, deactivate);
    at_random(maker, 90, release);
    at_random(maker, 10, report_now);
    at_random(maker, 25, reload);
}

/* ---- what breaks --------------------------------------------------------------------------------------- */

static int64_t choose_clock_error_ms(struct maker *maker)
{
    static const int64_t errors_ms[] = {SECOND_MS,    MINUTE_MS,    10 * MINUTE_MS, 5 * HOUR_MS,
                                        23 * HOUR_MS, 26 * HOUR_MS, 3 * DAY_MS,     40 * DAY_MS,
                                        40 * DAY_MS,  YEAR_MS,      10 * YEAR_MS};
    int64_t error_ms = errors_ms[below(maker, COUNT(errors_ms))];
    return percent(maker, 50) ? error_ms : -error_ms;
}

static void crash(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_CRASH, below(maker, 9), span(maker, 100, HOUR_MS));
}

static void reboot(struct maker *maker, int64_t at_ms)
{
    int64_t error_ms = percent(maker, 30) ? choose_clock_error_ms(maker) : 0;
    add(maker, at_ms, ITEM_REBOOT, span(maker, MINUTE_MS, 10 * DAY_MS), error_ms);
}

static void copy_image(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_COPY, span(maker, MINUTE_MS, HOUR_MS), 0);
    if (percent(maker, 90))
        add(maker, at_ms + span(maker, HOUR_MS, 2 * DAY_MS), ITEM_ACTIVATE, maker->host, 1);
}

static void suspend(struct maker *maker, int64_t at_ms)
{
    int64_t late_ms = percent(maker, 50) ? between(maker, 1, 20 * MINUTE_MS) : 0;
    add(maker, at_ms, ITEM_SUSPEND, span(maker, MINUTE_MS, percent(maker, 90) ? 3 * DAY_MS : 40 * DAY_MS),
        late_ms);
}

static void wall_jump(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_WALL_JUMP, choose_clock_error_ms(maker), 0);
    if (percent(maker, 70)) /* and is put right again: the world makes it right by an error of 0 */
        add(maker, at_ms + span(maker, SECOND_MS, DAY_MS), ITEM_WALL_JUMP, 0, 0);
}

static void store_fails(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_STORE_FAILS, span(maker, SECOND_MS, DAY_MS), 0);
    if (percent(maker, 30))
        add(maker, at_ms + span(maker, SECOND_MS, HOUR_MS), ITEM_CRASH, below(maker, 9), SECOND_MS);
}

static void partition(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_PARTITION, span(maker, MINUTE_MS, percent(maker, 90) ? 3 * DAY_MS : 40 * DAY_MS),
        0);
}

static void portal(struct maker *maker, int64_t at_ms)
{
    int64_t after_ms = percent(maker, 50) ? span(maker, SECOND_MS, HOUR_MS) : -1;
    add(maker, at_ms, ITEM_PORTAL, span(maker, MINUTE_MS, percent(maker, 90) ? DAY_MS : 35 * DAY_MS),
        after_ms);
}

static void weather(struct maker *maker, int64_t at_ms)
{
    int64_t odds = (int64_t)(below(maker, 60) + 256 * below(maker, 30) + 65536 * below(maker, 40));
    add(maker, at_ms, ITEM_WEATHER, span(maker, HOUR_MS, 3 * DAY_MS), odds);
}

static void old_answers(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_OLD_ANSWERS, span(maker, HOUR_MS, 12 * HOUR_MS), 0);
}

static void authority_dies(struct maker *maker, int64_t at_ms)
{
    add(maker, at_ms, ITEM_AUTHORITY_DIES, span(maker, HOUR_MS, 40 * DAY_MS), 0);
}

static void authority_clock(struct maker *maker, int64_t at_ms)
{
    static const int64_t errors_ms[] = {SECOND_MS, MINUTE_MS, HOUR_MS, 20 * HOUR_MS, 2 * DAY_MS};
    int64_t error_ms = errors_ms[below(maker, COUNT(errors_ms))];
    add(maker, at_ms, ITEM_AUTHORITY_CLOCK, percent(maker, 50) ? error_ms : -error_ms, 0);
    add(maker, at_ms + span(maker, MINUTE_MS, 2 * DAY_MS), ITEM_AUTHORITY_CLOCK, 0, 0);
}

struct fault {
    enum item_type type;
    unsigned days_between;
    void (*one)(struct maker *, int64_t);
};

static const struct fault host_faults[] = {
    {ITEM_CRASH, 2, crash},          {ITEM_REBOOT, 10, reboot},
    {ITEM_COPY, 120, copy_image},    {ITEM_SUSPEND, 6, suspend},
    {ITEM_WALL_JUMP, 5, wall_jump},  {ITEM_STORE_FAILS, 12, store_fails},
    {ITEM_PARTITION, 10, partition}, {ITEM_PORTAL, 12, portal},
    {ITEM_WEATHER, 5, weather},      {ITEM_OLD_ANSWERS, 8, old_answers},
};
static const struct fault world_faults[] = {
    {ITEM_AUTHORITY_DIES, 40, authority_dies},
    {ITEM_AUTHORITY_CLOCK, 60, authority_clock},
};

static void add_faults(struct maker *maker, const struct fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (plan_has(maker->plan, faults[i].type))
            at_random(maker, faults[i].days_between, faults[i].one);
    }
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

/* Few farms for long, or hundreds for days. */
static void choose_shape(struct maker *maker)
{
    struct plan *plan = maker->plan;
    unsigned shape = (unsigned)(plan->seed % 10);
    int64_t days;
    if (shape == 0) {
        plan->host_count = 100 + below(maker, 300);
        days = between(maker, 2, 3);
    } else if (shape <= 2) {
        plan->host_count = 5 + below(maker, 15);
        days = between(maker, 10, 60);
    } else {
        plan->host_count = 1 + below(maker, 3);
        days = percent(maker, 10) ? between(maker, 200, 700) : between(maker, 20, 200);
    }
    plan->key_count = plan->host_count + 2;
    plan->begin_ms = BEGIN_MS + between(maker, 0, 6) * DAY_MS;
    plan->end_ms = plan->begin_ms + days * DAY_MS;
    plan->faults = (unsigned)chance_next(&maker->chance) & (unsigned)chance_next(&maker->chance);
    if (percent(maker, 10))
        plan->faults = 0;
}

static void choose_key(struct maker *maker, struct key_traits *key)
{
    static const int64_t terms_days[] = {365, 365, 365, 20, 45, 730};
    static const int64_t refreshes_days[] = {30, 30, 30, 3, 10};
    key->licences = below(maker, 16);
    key->term_ms = terms_days[below(maker, COUNT(terms_days))] * DAY_MS;
    key->refresh_ms = refreshes_days[below(maker, COUNT(refreshes_days))] * DAY_MS;
}

static void choose_host(struct maker *maker, struct host_traits *traits)
{
    struct plan *plan = maker->plan;
    *traits = (struct host_traits){
        .persons = 2 + below(maker, 14),
        .administrators = below(maker, 5),
        .drift_ppm = percent(maker, 40) ? (int)below(maker, 401) - 200 : 0,
        .commit_ms = percent(maker, 40) ? (int)span(maker, 1, 3000) : 0,
        .settle_ms = percent(maker, 70) ? MINUTE_MS : choose_settle_ms(maker),
        .flags = percent(maker, 60) ? PLAN_COUNT_DISCONNECTED : choose_flags(maker),
        .guarded = percent(maker, 40),
    };
    if (traits->administrators > traits->persons)
        traits->administrators = traits->persons;
    if (plan_has(plan, ITEM_WALL_JUMP) && percent(maker, 20))
        traits->wall_error_ms = choose_clock_error_ms(maker);
    plan->keys[maker->host].licences = traits->persons * (30 + below(maker, 80)) / 100;
}

static int by_time(const void *a, const void *b)
{
    const struct item *one = a, *other = b;
    if (one->at_ms != other->at_ms)
        return one->at_ms < other->at_ms ? -1 : 1;
    return one->number < other->number ? -1 : 1;
}

struct plan *plan_make(uint64_t seed)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL)
        abort();
    plan->seed = seed;
    struct maker maker = {.plan = plan, .chance = seed};
    choose_shape(&maker);
    for (unsigned i = 0; i < plan->key_count; i++)
        choose_key(&maker, &plan->keys[i]);
    for (maker.host = 0; maker.host < plan->host_count; maker.host++) {
        choose_host(&maker, &plan->hosts[maker.host]);
        add_people(&maker);
        add_administrators(&maker);
        add_faults(&maker, host_faults, COUNT(host_faults));
    }
    maker.host = PLAN_EVERYBODY;
    add_faults(&maker, world_faults, COUNT(world_faults));
    qsort(plan->items, plan->count, sizeof(*plan->items), by_time);
    for (size_t i = 0; i < plan->count; i++)
        plan->items[i].number = (uint32_t)i;
    return plan;
}

void plan_add(struct plan *plan, unsigned host, int64_t at_ms, enum item_type type, int64_t a, int64_t b)
{
    struct maker maker = {.plan = plan, .host = host};
    add(&maker, at_ms, type, a, b);
}

struct plan *plan_make_herd(uint64_t seed, unsigned farms, int64_t for_ms)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    if (plan == NULL)
        abort();
    plan->seed = seed;
    plan->begin_ms = BEGIN_MS;
    plan->end_ms = BEGIN_MS + for_ms;
    plan->host_count = plan->key_count = farms;
    for (unsigned i = 0; i < farms; i++) {
        plan->keys[i] = (struct key_traits){.licences = 9, .term_ms = YEAR_MS, .refresh_ms = 30 * DAY_MS};
        plan->hosts[i] = (struct host_traits){.settle_ms = MINUTE_MS};
        plan_add(plan, i, plan->begin_ms + (int64_t)i * SECOND_MS + MINUTE_MS, ITEM_ACTIVATE, i, 0);
    }
    return plan;
}

void plan_destroy(struct plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->items);
    free(plan);
}

struct plan *plan_some(const struct plan *plan, const bool *keep)
{
    struct plan *some = malloc(sizeof(*some));
    if (some == NULL)
        abort();
    *some = *plan;
    some->count = 0;
    some->room = plan->count > 0 ? plan->count : 1;
    some->items = malloc(some->room * sizeof(*some->items));
    if (some->items == NULL)
        abort();
    for (size_t i = 0; i < plan->count; i++) {
        if (keep[i])
            some->items[some->count++] = plan->items[i];
    }
    return some;
}

void plan_print(const struct plan *plan, FILE *file)
{
#define ITEM_NAME(name, words)  [ITEM_##name] = #name,
#define ITEM_WORDS(name, words) [ITEM_##name] = words,
    static const char *const names[] = {PLAN_ITEMS(ITEM_NAME)};
    static const char *const words[] = {PLAN_ITEMS(ITEM_WORDS)};
    for (size_t i = 0; i < plan->count; i++) {
        const struct item *item = &plan->items[i];
        int64_t since_ms = item->at_ms - plan->begin_ms;
        (void)fprintf(file, "# %6u day %3" PRId64 " %02d:%02d:%02d.%03d ", item->number, since_ms / DAY_MS,
                      (int)(since_ms / HOUR_MS % 24), (int)(since_ms / MINUTE_MS % 60),
                      (int)(since_ms / SECOND_MS % 60), (int)(since_ms % SECOND_MS));
        if (item->host != PLAN_EVERYBODY)
            (void)fprintf(file, "host %u ", item->host);
        (void)fprintf(file, "%s %" PRId64 " %" PRId64 "  (%s)\n", names[item->type], item->a, item->b,
                      words[item->type]);
    }
}
