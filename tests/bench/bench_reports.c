/* bench_reports - farms that report to an authority, for bench_cloud.py:
 *
 *     bench_reports fill  FARMS WINDOWS DAYS NOW_MS DIRECTORY
 *     bench_reports drive FARMS WINDOWS DAYS NOW_MS FROM SECONDS PORT CLIENTS PUBLIC_KEY
 *     bench_reports bound FARMS WINDOWS DAYS NOW_MS FROM SECONDS DIRECTORY BATCH
 */
#include "reports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage_error(void)
{
    fprintf(stderr, "bench_reports: see the head of bench_reports.c\n");
    return 64;
}

static unsigned number(const char *text, unsigned min, unsigned max)
{
    unsigned long value = strtoul(text, NULL, 10);
    if (value < min || value > max)
        exit(usage_error());
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    if (argc < 7)
        return usage_error();
    struct reports_ledger ledger = {.farms = number(argv[2], 1, REPORTS_FARMS_MAX),
                                    .windows = number(argv[3], 0, USAGE_WINDOWS_KEPT),
                                    .days = number(argv[4], 0, USAGE_DAYS_KEPT),
                                    .now_ms = strtoll(argv[5], NULL, 10)};
    if (entitlement_init() != 0)
        return 1;
    if (strcmp(argv[1], "fill") == 0 && argc == 7)
        return reports_fill(&ledger, argv[6]);
    if (strcmp(argv[1], "drive") == 0 && argc == 11)
        return reports_drive(&ledger, number(argv[6], 0, UINT32_MAX), number(argv[8], 1, 65535),
                             number(argv[9], 1, 10000), atof(argv[7]), argv[10]);
    if (strcmp(argv[1], "bound") == 0 && argc == 10)
        return reports_bound(&ledger, number(argv[6], 0, UINT32_MAX), argv[8], number(argv[9], 1, 100000),
                             atof(argv[7]));
    return usage_error();
}
