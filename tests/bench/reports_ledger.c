#include "cloud/store/rows.h"
#include "common/licence_key.h"
#include "reports.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_MS         86400000
#define STRIDE         UINT32_C(611953) /* a prime: passes every farm once, whatever their number */
#define FARMS_A_COMMIT 10000

double reports_now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double reports_cpu_s(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

void reports_farm_id(uint32_t farm, char ret[REPORTS_FARM_BYTES])
{
    (void)snprintf(ret, REPORTS_FARM_BYTES, "f-%024x", (unsigned)farm);
}

void reports_token(uint32_t farm, char ret[MESSAGE_TOKEN_BYTES_MAX + 1])
{
    (void)snprintf(ret, MESSAGE_TOKEN_BYTES_MAX + 1, "bench-token-%031u", (unsigned)farm);
}

struct reports_turn reports_turn(const struct reports_ledger *ledger, uint32_t n)
{
    return (struct reports_turn){(uint32_t)((uint64_t)n * STRIDE % ledger->farms), n / ledger->farms};
}

/* --- what a farm has reported --------------------------------------------------------------------------- */

struct report_window reports_window(const struct reports_ledger *ledger, struct reports_turn turn)
{
    int64_t users = (turn.farm + turn.pass) % 97;
    int64_t start_ms = ledger->now_ms + (int64_t)turn.pass * USAGE_WINDOW_MS_MAX;
    return (struct report_window){
        .sequence = (int64_t)ledger->windows + 1 + turn.pass,
        .start_ms = start_ms,
        .end_ms = start_ms + USAGE_WINDOW_MS_MAX,
        .peak_at_ms = start_ms + 1 + turn.farm % 1000000,
        .peak_users = users,
        .users_at_end = users / 2,
        .exempt_peak = 1,
        .hosts = 3,
    };
}

static struct usage_window past_window(const struct reports_ledger *ledger, uint32_t farm, unsigned at)
{
    int64_t users = (farm + at) % 97;
    int64_t start_ms = ledger->now_ms - (int64_t)(ledger->windows - at) * USAGE_WINDOW_MS_MAX;
    return (struct usage_window){
        .sequence = (int64_t)at + 1,
        .start_ms = start_ms,
        .end_ms = start_ms + USAGE_WINDOW_MS_MAX,
        .peak_at_ms = start_ms + 1 + (farm * UINT32_C(7919) + at * UINT32_C(104729)) % 1000000,
        .peak_users = users,
        .users_at_end = users / 2,
        .exempt_peak = 1,
        .hosts = 3,
    };
}

void reports_usage(const struct reports_ledger *ledger, uint32_t farm, struct usage *ret)
{
    int64_t today = ledger->now_ms / DAY_MS;
    ret->totals = (struct usage_totals){.accepted_through = ledger->windows,
                                        .windows_counted = ledger->windows,
                                        .peak_users = 97,
                                        .peak_at_ms = ledger->now_ms - DAY_MS};
    ret->window_count = ledger->windows;
    for (unsigned i = 0; i < ledger->windows; i++)
        ret->windows[i] = past_window(ledger, farm, i);
    ret->day_count = ledger->days;
    for (unsigned i = 0; i < ledger->days; i++) {
        int64_t day = today - (int64_t)ledger->days + 1 + i;
        ret->days[i] =
            (struct usage_day){day, (farm + i) % 97, day * DAY_MS + (farm * UINT32_C(31) + i) % DAY_MS};
    }
}

/* --- the ledger ----------------------------------------------------------------------------------------- */

static struct subscription subscription_of(const struct reports_ledger *ledger)
{
    return (struct subscription){.name = "bench",
                                 .licences = 100,
                                 .purchases = 100,
                                 .term = {.months = 12},
                                 .renews = true,
                                 .created_ms = ledger->now_ms,
                                 .activated_ms = ledger->now_ms,
                                 .expires_ms = ledger->now_ms + 365 * INT64_C(86400000)};
}

static struct key licence_of(const struct reports_ledger *ledger, int64_t subscription_id,
                             const struct farm *farm)
{
    struct key key = {.subscription_id = subscription_id,
                      .primary = true,
                      .name = "bench",
                      .quota = 100,
                      .created_ms = ledger->now_ms};
    licence_key_generate(key.text);
    memcpy(key.holder, farm->id, sizeof key.holder);
    memcpy(key.last_installation, farm->installation_id, sizeof key.last_installation);
    return key;
}

static struct farm farm_of(const struct reports_ledger *ledger, uint32_t at)
{
    struct farm farm = {.name = "A farm of the bench",
                        .app_version = "0.1.0",
                        .status = FARM_ACTIVE,
                        .activated_ms = ledger->now_ms,
                        .reported_ms = ledger->now_ms};
    reports_farm_id(at, farm.id);
    (void)snprintf(farm.installation_id, sizeof farm.installation_id, "%032x", (unsigned)at);
    return farm;
}

static int put_farm(const struct reports_ledger *ledger, struct rows *rows, uint32_t at, struct usage *usage,
                    struct error_detail *ret_detail)
{
    struct subscription subscription = subscription_of(ledger);
    struct farm farm = farm_of(ledger, at);
    struct rows_tokens tokens = {{0}, {0}};
    char token[MESSAGE_TOKEN_BYTES_MAX + 1];

    reports_token(at, token);
    (void)crypto_generichash(tokens.newest, sizeof tokens.newest, (const unsigned char *)token, strlen(token),
                             NULL, 0);
    reports_usage(ledger, at, usage);
    int error = rows_subscription_put(rows, &subscription, ret_detail);
    if (error != 0)
        return error;
    struct key key = licence_of(ledger, subscription.id, &farm);
    error = rows_key_put(rows, &key, ret_detail);
    farm.key_id = key.id;
    if (error == 0)
        error = rows_farm_put(rows, &farm, ret_detail);
    if (error == 0)
        error = rows_tokens_put(rows, farm.id, &tokens, ret_detail);
    return error != 0 ? error : rows_usage_put(rows, farm.id, usage, ret_detail);
}

static int fill_all(const struct reports_ledger *ledger, struct rows *rows, struct usage *usage,
                    struct error_detail *ret_detail)
{
    /* Only here: what is filled in again from the start after a crash need not be durable. */
    int error = rows_exec(rows, "PRAGMA synchronous=OFF; PRAGMA cache_size=-262144; BEGIN", ret_detail);
    for (uint32_t at = 0; at < ledger->farms && error == 0; at++) {
        error = put_farm(ledger, rows, at, usage, ret_detail);
        if (error == 0 && (at + 1) % FARMS_A_COMMIT == 0)
            error = rows_exec(rows, "COMMIT; BEGIN", ret_detail);
    }
    return error != 0 ? error : rows_exec(rows, "COMMIT; PRAGMA synchronous=FULL", ret_detail);
}

int reports_fill(const struct reports_ledger *ledger, const char *directory)
{
    char path[4096];
    struct error_detail detail = {""};
    struct rows *rows;
    (void)snprintf(path, sizeof path, "%s/ledger.db", directory);
    struct usage *usage = calloc(1, sizeof *usage);
    int error = usage != NULL ? rows_open(path, &rows, &detail) : ERROR_NO_MEMORY;
    if (error == 0) {
        error = fill_all(ledger, rows, usage, &detail);
        rows_close(rows);
    }
    free(usage);
    if (error != 0)
        fprintf(stderr, "bench_reports: %s: %s\n", path, detail.text);
    return error != 0;
}
