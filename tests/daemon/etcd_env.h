/* etcd_env.h - how a test's program gets to an etcd that wants certificates and users: from its environment.
 */
#ifndef FARMGATE_TESTS_DAEMON_ETCD_ENV_H
#define FARMGATE_TESTS_DAEMON_ETCD_ENV_H

#include "agent/farm/etcd.h"

#include <stdlib.h>

/* ETCD_CA, ETCD_CERTIFICATE, ETCD_KEY, ETCD_USER, ETCD_PASSWORD; with the agent's own patience, as etcd is
 * configured then as for it. Unchanged without ETCD_CA. */
static inline void etcd_env(struct etcd_settings *settings)
{
    if (getenv("ETCD_CA") == NULL)
        return;
    settings->ca_file = getenv("ETCD_CA");
    settings->certificate_file = getenv("ETCD_CERTIFICATE");
    settings->key_file = getenv("ETCD_KEY");
    settings->user = getenv("ETCD_USER");
    settings->password = getenv("ETCD_PASSWORD");
    settings->stalled_ms = settings->request_ms = 0;
}

#endif
