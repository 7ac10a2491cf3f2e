/* serve.h - the authority as a daemon: owns the loop and wires ledger, doors and signals; does not think. */
#ifndef FARMGATE_CLOUD_SERVE_H
#define FARMGATE_CLOUD_SERVE_H

#include "cloud/settings.h"

/* Exit codes (farmgate-cloud(8)). */
enum {
    SERVE_OK = 0,
    SERVE_FAILED = 1,
    SERVE_RUNNING_ALREADY = 75, /* another authority owns the ledger */
    SERVE_CONFIGURATION = 78,
};

/* Serves until SIGTERM or SIGINT; returns the exit code. */
int serve_run(const struct settings *settings);

#endif
