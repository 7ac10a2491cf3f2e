#include "store_farm.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGAN_MS INT64_C(1700000400000)

bool store_farm_has_failed(const struct store_farm *farm)
{
    return farm->failure[0] != '\0';
}

void store_farm_fail(struct store_farm *farm, const char *format, ...)
{
    va_list words;
    if (store_farm_has_failed(farm))
        return;
    va_start(words, format);
    (void)vsnprintf(farm->failure, sizeof farm->failure, format, words);
    va_end(words);
}

void store_farm_trace(const struct store_farm *farm, const char *format, ...)
{
    va_list words;
    if (!farm->is_traced)
        return;
    int64_t ms = farm->now_ms - farm->began_ms;
    printf("# %" PRId64 ".%03" PRId64 " ", ms / 1000, ms % 1000);
    va_start(words, format);
    (void)vprintf(format, words);
    va_end(words);
    printf("\n");
}

struct store_host *store_farm_leader(struct store_farm *farm)
{
    for (unsigned i = 0; i < farm->traits.hosts; i++)
        if (farm->hosts[i].is_live && farm->hosts[i].asleep_until_ms == 0)
            return &farm->hosts[i];
    return NULL;
}

/* ---- the verdict, and who has it ----------------------------------------------------------------------- */

static void see_verdict(struct store_farm *farm, const struct wire_kv *kv)
{
    struct farm_verdict verdict;
    struct error_detail detail;
    if (kv->deleted || farm_verdict_read(&farm->record, kv, &verdict, &detail) < 0) {
        store_farm_fail(farm, "the verdict cannot be read");
        return;
    }
    if (verdict.n <= farm->verdict_n)
        store_farm_fail(farm, "verdict %" PRId64 " comes behind verdict %" PRId64, verdict.n,
                        farm->verdict_n);
    farm->verdict_n = verdict.n;
    farm->verdict_at_ms = farm->now_ms;
    farm->verdict_open = verdict.status.verdict.open;
}

/* Nothing has kept it from the store for long enough: its gate moves with the leader's. */
static void check_follower(struct store_farm *farm, const struct store_host *host)
{
    int64_t late_ms = STORE_VERDICT_LATE_MS + MODEL_ETCD_STALLED * farm->traits.progress_ms;
    int64_t since_ms = farm->now_ms - late_ms;
    if (host->writer == NULL || host->asleep_until_ms != 0 || host->well_since_ms > since_ms ||
        !farm->has_quorum || farm->quorum_since_ms > since_ms || farm->verdict_at_ms > since_ms ||
        (host->verdict_n >= farm->verdict_n && (farm->verdict_open || !host->verdict_open)))
        return;
    store_farm_fail(farm, "%s follows verdict %" PRId64 " (%s), the store has %" PRId64 " (%s)", host->name,
                    host->verdict_n, host->verdict_open ? "open" : "closed", farm->verdict_n,
                    farm->verdict_open ? "open" : "closed");
}

static void on_change(void *data, const struct wire_kv *kv)
{
    struct store_farm *farm = data;
    enum record_kind kind = record_kind_of(&farm->record, kv->key);
    store_farm_trace(farm, "revision %" PRId64 ": %s%s", kv->mod_revision, kv->key,
                     kv->deleted ? " is gone" : "");
    if (kind == RECORD_VERDICT)
        see_verdict(farm, kv);
    else
        store_truth_change(farm->truth, kv);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static int64_t due_ms(const struct store_farm *farm)
{
    int64_t due_ms = model_etcd_due_ms(farm->etcd);
    for (unsigned i = 0; i < farm->traits.hosts; i++) {
        const struct store_host *host = &farm->hosts[i];
        int64_t own_ms = store_host_due_ms(host);
        int64_t journal_ms = host->writer == NULL ? INT64_MAX : model_journal_due_ms(host->journal);
        due_ms = own_ms < due_ms ? own_ms : due_ms;
        due_ms = journal_ms < due_ms ? journal_ms : due_ms;
    }
    return due_ms;
}

static void pass(struct store_farm *farm)
{
    model_etcd_pass(farm->etcd, farm->now_ms);
    for (unsigned i = 0; i < farm->traits.hosts; i++) {
        struct store_host *host = &farm->hosts[i];
        if (host->writer != NULL)
            model_journal_pass(host->journal, farm->now_ms);
        store_host_pass(host);
    }
}

void store_farm_run(struct store_farm *farm, int64_t for_ms)
{
    int64_t until_ms = farm->now_ms + for_ms, next_ms;
    unsigned turns = 0;
    while ((next_ms = due_ms(farm)) <= until_ms && !store_farm_has_failed(farm)) {
        if (next_ms > farm->now_ms) {
            farm->now_ms = next_ms;
            turns = 0;
        }
        if (++turns > 10000)
            store_farm_fail(farm, "it turns for ever");
        pass(farm);
    }
    if (until_ms > farm->now_ms)
        farm->now_ms = until_ms;
    for (unsigned i = 0; i < farm->traits.hosts; i++)
        check_follower(farm, &farm->hosts[i]);
}

/* ---- in the end ---------------------------------------------------------------------------------------- */

void store_farm_mend(struct store_farm *farm)
{
    const struct model_weather fine = {.way_ms_max = 20};
    if (!farm->has_quorum)
        farm->quorum_since_ms = farm->now_ms;
    farm->has_quorum = true;
    model_etcd_quorum(farm->etcd, true);
    for (unsigned i = 0; i < farm->traits.hosts; i++) {
        struct store_host *host = &farm->hosts[i];
        host->cut_until_ms = host->asleep_until_ms = 0;
        host->back_at_ms = host->writer == NULL ? farm->now_ms : 0;
        store_host_weather(host, &fine);
        model_journal_weather(host->journal, 5, false);
    }
}

static void check_seats(struct store_farm *farm, const struct store_host *host)
{
    size_t count = 0;
    for (size_t i = 0; i < STORE_SEATS_MAX; i++) {
        char id[24];
        if (host->seats[i] == 0)
            continue;
        (void)snprintf(id, sizeof id, "%zu", host->seats[i] - 1);
        count++;
        if (!store_truth_has(farm->truth, host->number, id))
            store_farm_fail(farm, "session %s of %s is not in the store", id, host->name);
    }
    if (store_truth_sessions(farm->truth, host->number) != count)
        store_farm_fail(farm, "the store has %zu sessions of %s, there are %zu",
                        store_truth_sessions(farm->truth, host->number), host->name, count);
}

void store_farm_check_told(struct store_farm *farm)
{
    for (unsigned i = 0; i < farm->traits.hosts; i++)
        check_seats(farm, &farm->hosts[i]);
    for (size_t i = 0; i < farm->session_count && !farm->was_restored; i++)
        if (farm->sessions[i].durable && !farm->sessions[i].told)
            store_farm_fail(farm, "session %zu was durable, and has never reached the store", i);
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

struct store_farm *store_farm_create(const struct store_traits *traits, uint64_t *happened, bool is_traced)
{
    static const uint8_t secret[SEAL_SECRET_BYTES] = {7};
    const struct model_weather fine = {.way_ms_max = 40};
    struct store_farm *farm = calloc(1, sizeof *farm);
    if (farm == NULL)
        abort();
    *farm = (struct store_farm){.traits = *traits,
                                .chance = traits->seed,
                                .now_ms = BEGAN_MS,
                                .began_ms = BEGAN_MS,
                                .has_quorum = true,
                                .quorum_since_ms = BEGAN_MS,
                                .is_traced = is_traced,
                                .happened = happened};
    farm->settings = (struct core_settings){
        .tally = {.count_disconnected = traits->count_disconnected, .routes_counted = ROUTES_COUNTED_DEFAULT},
        .api_lease_ms = DAY_MS,
        .host_lost_after_ms = traits->lost_after_ms,
        .overuse_settle_ms = USAGE_SETTLE_MS,
        .spare_grace = traits->spare_grace,
        .seed = traits->seed};
    (void)record_farm_init(&farm->record, "north", secret);
    farm->etcd = model_etcd_create(chance_next(&farm->chance));
    farm->truth = store_truth_create(farm);
    model_etcd_progress(farm->etcd, traits->progress_ms);
    model_etcd_on_change(farm->etcd, on_change, farm);
    model_etcd_pass(farm->etcd, farm->now_ms);
    model_etcd_backup(farm->etcd);
    for (unsigned i = 0; i < traits->hosts; i++) {
        struct store_host *host = &farm->hosts[i];
        unsigned error_ms = (unsigned)traits->clock_error_ms;
        host->farm = farm;
        host->number = i;
        (void)snprintf(host->name, sizeof host->name, "h%u", i);
        host->journal = model_journal_create(chance_next(&farm->chance));
        if (error_ms > 0)
            host->clock_error_ms = (int64_t)chance_below(&farm->chance, 2 * error_ms) - (int64_t)error_ms;
        store_host_weather(host, &fine);
        model_journal_weather(host->journal, 20, false);
        store_host_power_on(host);
    }
    return farm;
}

void store_farm_destroy(struct store_farm *farm)
{
    struct store_offer *next;
    model_etcd_on_change(farm->etcd, NULL, NULL);
    for (unsigned i = 0; i < farm->traits.hosts; i++) {
        store_host_kill(&farm->hosts[i]);
        model_journal_destroy(farm->hosts[i].journal);
    }
    /* What was asked of it and dropped is told so. */
    model_etcd_pass(farm->etcd, farm->now_ms + DAY_MS);
    model_etcd_destroy(farm->etcd);
    store_truth_destroy(farm->truth);
    for (struct store_offer *offer = farm->offers; offer != NULL; offer = next) {
        next = offer->next;
        free(offer);
    }
    free(farm->authority.windows);
    free(farm->sessions);
    free(farm);
}
