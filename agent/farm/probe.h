/* probe.h - the first question to a farm's store: is it an etcd that may hold a farm? Asked until there is an
 * answer; what is wrong is told once, in words. Pure, as leader.h. */
#ifndef FARMGATE_AGENT_FARM_PROBE_H
#define FARMGATE_AGENT_FARM_PROBE_H

#include "port.h"

#define PROBE_RETRY_FIRST_MS 250 /* doubled up to the last */
#define PROBE_RETRY_LAST_MS  5000

struct probe;

struct probe_settings {
    struct farm_port port;
    bool any_version; /* a version that is too old is told, and accepted */
    /* 0: it may hold a farm; *detail then is "" or why it should not. Else it cannot be asked, or may not be
     * used. Told whenever that has changed, within probe_pass or an answer. */
    void (*told)(void *data, int error, const char *detail);
    void *data;
};

/* NULL without memory. */
struct probe *probe_create(const struct probe_settings *settings);
void probe_destroy(struct probe *probe);

/* Time has passed, steady ms. The first call asks. */
void probe_pass(struct probe *probe, int64_t now_ms);
int64_t probe_due_ms(const struct probe *probe); /* INT64_MAX: never */

bool probe_is_good(const struct probe *probe);

#endif
