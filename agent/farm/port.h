/* port.h - how a part of the farm asks etcd: etcd.h's functions, or a test's own store.
 *
 * Parts of the farm know neither connections nor libuv: what they ask goes out here, and time is told to
 * them. */
#ifndef FARMGATE_AGENT_FARM_PORT_H
#define FARMGATE_AGENT_FARM_PORT_H

#include "wire.h"

/* Where an answer goes: keys and messages as they arrive (see wire.h; not 0 ends the request), then, once,
 * later: 0 if the answer was whole, whatever it says; ERROR_UNREACHABLE, ERROR_TIMEOUT, ERROR_CERTIFICATE,
 * ERROR_FORBIDDEN (user or password), ERROR_REFUSED (not an etcd's gateway, or one that is off),
 * ERROR_INVALID (nonsense), ERROR_CANCELLED, or what a callback returned. All may send and cancel. */
struct etcd_told {
    int (*kv)(void *data, const struct wire_kv *kv);
    int (*message)(void *data, const struct wire_message *message);
    void (*done)(void *data, int error, const char *detail);
};

/* As etcd_ask and etcd_cancel of etcd.h. */
struct farm_port {
    int64_t (*ask)(void *etcd, const char *path, char *text, const struct etcd_told *told, void *data);
    void (*cancel)(void *etcd, int64_t id);
    void *etcd;
};

#endif
