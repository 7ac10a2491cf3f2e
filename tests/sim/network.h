/* network.h - the model network: messages between hosts and the authority are delayed, lost, duplicated and
 * overtaken, stop at a partition, or end in a captive portal. */
#ifndef FARMGATE_TESTS_SIM_NETWORK_H
#define FARMGATE_TESTS_SIM_NETWORK_H

#include "heap.h"
#include "model_authority.h"

#define NETWORK_TIMEOUT_MS INT64_C(30000) /* the sender gives up */

enum message_type { MESSAGE_REPORT, MESSAGE_ACTIVATE, MESSAGE_RELEASE };
enum message_outcome { OUTCOME_ANSWERED, OUTCOME_UNREACHABLE, OUTCOME_REFUSED };

struct message {
    enum message_type type;
    unsigned host;
    uint64_t number; /* rising, of the host */
    bool deaf;       /* nobody waits for its answer */
    char farm_id[GRANT_ID_BYTES_MAX + 1];
    char installation_id[GRANT_ID_BYTES_MAX + 1];
    uint64_t token;
    int key;
    bool move;
    enum message_outcome outcome;
    int64_t retry_after_ms;
    struct model_answer answer;
    size_t count;
    struct window windows[];
};

struct message *message_create(enum message_type type, unsigned host, uint64_t number,
                               const struct window *windows, size_t count);

/* How a host is connected. */
struct link {
    int64_t partition_ms, portal_ms, weather_ms, old_answers_ms; /* until when */
    int64_t retry_after_ms;
    unsigned lost, late, twice; /* per cent, while the weather is bad */
    uint64_t last_handled;
};

struct network {
    struct witness *witness;
    struct heap *heap;
    const int64_t *true_ms;
    uint64_t seed;
    int64_t authority_dead_ms; /* until when */
    struct link links[PLAN_HOSTS_MAX];
};

void network_send(struct network *network, struct message *message);
/* The moment has come: a request is at the authority. It may go on as its answer. */
void network_arrive(struct network *network, struct model_authority *authority, struct message *message);
/* All is well from here on. */
void network_heal(struct network *network);

#endif
