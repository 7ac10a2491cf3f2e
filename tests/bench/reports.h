/* reports.h - the authority under load: a ledger of many farms, farms that report, and SQLite alone. Every
 * part is a subcommand of bench_reports, which bench_cloud.py calls in turn. */
#ifndef FARMGATE_BENCH_REPORTS_H
#define FARMGATE_BENCH_REPORTS_H

#include "cloud/ledger/usage.h"
#include "common/messages.h"

#include <stdint.h>

#define REPORTS_FARM_BYTES 27 /* "f-" and 24 hexadecimal digits, NUL */
#define REPORTS_FARMS_MAX  10000000

struct reports_ledger {
    uint32_t farms;
    unsigned windows, days; /* that each farm has reported before */
    int64_t now_ms;         /* where they end: a window's bound */
};

/* The farm's names; the same for everyone who counts the farms alike. */
void reports_farm_id(uint32_t farm, char ret[REPORTS_FARM_BYTES]);
void reports_token(uint32_t farm, char ret[MESSAGE_TOKEN_BYTES_MAX + 1]);

/* The n-th to report: each farm once before any comes again, with its next window then, and neighbours in the
 * file far apart in time. */
struct reports_turn {
    uint32_t farm;
    unsigned pass; /* how often every farm has reported before */
};
struct reports_turn reports_turn(const struct reports_ledger *ledger, uint32_t n);

/* The farm's history, and the window that it reports next. */
void reports_usage(const struct reports_ledger *ledger, uint32_t farm, struct usage *ret);
struct report_window reports_window(const struct reports_ledger *ledger, struct reports_turn turn);

/* Fills DIRECTORY/ledger.db, which must not be there. */
int reports_fill(const struct reports_ledger *ledger, const char *directory);

/* Sends the reports from the n-th farm on, from so many clients that keep their connections and wait for each
 * answer; prints "reports seconds p50_us p99_us max_us cpu_seconds". Anything but a signed answer ends it. */
int reports_drive(const struct reports_ledger *ledger, uint32_t from, unsigned port, unsigned clients,
                  double seconds, const char *public_key);

/* Writes the farms' rows from the n-th on as the authority does, `batch` in a transaction; prints "rows
 * seconds cpu_seconds". */
int reports_bound(const struct reports_ledger *ledger, uint32_t from, const char *directory, unsigned batch,
                  double seconds);

double reports_now_s(void);
double reports_cpu_s(void); /* that this process has used */

#endif
