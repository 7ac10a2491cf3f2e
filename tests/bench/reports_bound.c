#include "cloud/store/rows.h"
#include "cloud/store/usage_blob.h"
#include "common/db.h"
#include "reports.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

/* What a report leaves in the ledger: its farm's row. */
#define UPDATE                                                                          \
    "UPDATE farm SET reported_ms = ?, serial = ?, issued_ms = ?, accepted_through = ?," \
    " windows_counted = ?, peak_users = ?, windows = ?, days = ? WHERE id = ?"

struct bound {
    sqlite3 *db;
    sqlite3_stmt *update;
    struct usage usage;
    unsigned char windows[USAGE_BLOB_BYTES_MAX], days[USAGE_BLOB_BYTES_MAX];
};

/* With the authority's settings. */
static int open_ledger(struct bound *bound, const char *directory)
{
    char path[4096], settings[256];
    (void)snprintf(path, sizeof path, "%s/ledger.db", directory);
    (void)snprintf(settings, sizeof settings,
                   "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                   "PRAGMA journal_size_limit=%d; PRAGMA cache_size=-%d",
                   DB_WAL_BYTES_KEPT, ROWS_CACHE_KIB);
    int rc = sqlite3_open_v2(path, &bound->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(bound->db, settings, NULL, NULL, NULL);
    return rc != SQLITE_OK ? rc : sqlite3_prepare_v2(bound->db, UPDATE, -1, &bound->update, NULL);
}

static int write_farm(struct bound *bound, const struct reports_ledger *ledger, struct reports_turn turn)
{
    char id[REPORTS_FARM_BYTES];
    struct report_window next = reports_window(ledger, turn);
    reports_farm_id(turn.farm, id);
    reports_usage(ledger, turn.farm, &bound->usage);
    (void)usage_take(&bound->usage,
                     &(struct usage_window){.sequence = next.sequence,
                                            .start_ms = next.start_ms,
                                            .end_ms = next.end_ms,
                                            .peak_at_ms = next.peak_at_ms,
                                            .peak_users = next.peak_users,
                                            .users_at_end = next.users_at_end,
                                            .exempt_peak = next.exempt_peak,
                                            .hosts = next.hosts},
                     next.end_ms);
    size_t windows = usage_blob_write_windows(&bound->usage, bound->windows);
    size_t days = usage_blob_write_days(&bound->usage, bound->days);
    for (int i = 1; i <= 3; i++)
        (void)sqlite3_bind_int64(bound->update, i, ledger->now_ms);
    (void)sqlite3_bind_int64(bound->update, 4, next.sequence);
    (void)sqlite3_bind_int64(bound->update, 5, bound->usage.totals.windows_counted);
    (void)sqlite3_bind_int64(bound->update, 6, bound->usage.totals.peak_users);
    (void)sqlite3_bind_blob64(bound->update, 7, bound->windows, windows, SQLITE_STATIC);
    (void)sqlite3_bind_blob64(bound->update, 8, bound->days, days, SQLITE_STATIC);
    (void)sqlite3_bind_text(bound->update, 9, id, -1, SQLITE_STATIC);
    int rc = sqlite3_step(bound->update);
    (void)sqlite3_reset(bound->update);
    return rc == SQLITE_DONE && sqlite3_changes(bound->db) == 1 ? SQLITE_OK : SQLITE_ERROR;
}

int reports_bound(const struct reports_ledger *ledger, uint32_t from, const char *directory, unsigned batch,
                  double seconds)
{
    struct bound *bound = calloc(1, sizeof *bound);
    if (bound == NULL)
        return 1;
    int rc = open_ledger(bound, directory);
    uint32_t written = 0;
    double begun = reports_now_s(), end = begun + seconds, cpu_s = reports_cpu_s();
    while (rc == SQLITE_OK && reports_now_s() < end) {
        rc = sqlite3_exec(bound->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        for (unsigned i = 0; i < batch && rc == SQLITE_OK; i++)
            rc = write_farm(bound, ledger, reports_turn(ledger, from + written++));
        if (rc == SQLITE_OK)
            rc = sqlite3_exec(bound->db, "COMMIT", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK)
        printf("%u %.3f %.3f\n", written, reports_now_s() - begun, reports_cpu_s() - cpu_s);
    else
        fprintf(stderr, "bench_reports: %s\n", sqlite3_errmsg(bound->db));
    (void)sqlite3_finalize(bound->update);
    (void)sqlite3_close(bound->db);
    free(bound);
    return rc != SQLITE_OK;
}
