/* store_truth.h - what has to become of a farm, from what its hosts' transactions changed in the store, in
 * the store's own order, by the plain model of the rules (tests/property/rules_model.h).
 *
 * A leader counts at its own time what reaches it, from the checkpoint that it began with; what it then
 * writes down must be the model's, word by word, up to the revision that it names. So of every leadership it
 * is known when which revision was delivered to it, and what else it stepped; who it is, and whether it may
 * write, is asked of the store. Where history is lost and that is said, nothing is compared until the next
 * leadership begins. */
#ifndef FARMGATE_TESTS_SIM_STORE_TRUTH_H
#define FARMGATE_TESTS_SIM_STORE_TRUTH_H

#include "tests/property/rules_model.h"

#include "agent/farm/farm_verdict.h"
#include "agent/farm/leader.h"

#define TRUTH_HOSTS_MAX    5
#define TRUTH_SESSIONS_MAX 16 /* of one host */

struct store_farm;
struct store_truth;
struct truth_life; /* of a leader, from its start to its end; what it wrote may take effect later */

struct store_truth *store_truth_create(struct store_farm *farm);
void store_truth_destroy(struct store_truth *truth);

/* A change in the store, as it is made. */
void store_truth_change(struct store_truth *truth, const struct wire_kv *kv);
/* A backup was put back: revisions have gone back. */
void store_truth_restored(struct store_truth *truth);
/* Nothing is compared until the next leadership. */
bool store_truth_is_lost(const struct store_truth *truth);

struct truth_life *truth_life_begin(struct store_truth *truth, const char *instance);
/* It has loaded what there is, through `revision`. */
void truth_life_loaded(struct truth_life *life, const struct farm_begin *begin, int64_t revision);
/* A revision is delivered to it, at this licence time of its host. */
void truth_life_delivered(struct truth_life *life, int64_t revision, int64_t licence_ms);
/* It steps something of its own: EVENT_STARTED, or what the authority said, behind the last revision that was
 * delivered. */
void truth_life_stepped(struct truth_life *life, const struct rules_event *event);
/* Its core sent a report. */
void truth_life_reported(struct truth_life *life);

/* A host's sessions as the store has them. */
size_t store_truth_sessions(const struct store_truth *truth, unsigned host);
bool store_truth_has(const struct store_truth *truth, unsigned host, const char *id);

#endif
