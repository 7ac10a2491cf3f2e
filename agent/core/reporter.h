/* reporter.h - which windows are still to be reported, and when to try (RULES §3.3). Pure.
 *
 * A window belongs to (farm id, sequence); it is sent until it is acknowledged: accepted, or refused and set
 * aside. A report goes out every WINDOW_MS at a phase fixed by a hash of the farm id; a failed one is tried
 * again after an exponentially growing wait with full jitter, or what Retry-After says. */
#ifndef FARMGATE_CORE_REPORTER_H
#define FARMGATE_CORE_REPORTER_H

#include "peak.h"

#include <stddef.h>

#define REPORTER_QUEUE_MAX        28800 /* 400 days of windows; the oldest is dropped, and said, past it */
#define REPORTER_BATCH_MAX        216   /* windows in one report */
#define REPORTER_BACKOFF_LEAST_MS 1000
#define REPORTER_BACKOFF_FIRST_MS 5000
#define REPORTER_BACKOFF_LAST_MS  1200000
#define REPORTER_REST_MS          60000 /* a clock set back by less does not bring the same phase twice */
/* The highest number to go on after. The authority takes twice as high ones: room for all that follow. */
#define REPORTER_SEQUENCE_MAX (UINT64_C(1) << 51)

struct reporter;

/* seed: for the jitter; the same seed and calls give the same instants. NULL without memory. */
struct reporter *reporter_create(uint64_t seed);
void reporter_destroy(struct reporter *reporter);

/* From now on windows are carried by files, and no report is ever due. */
void reporter_use_files(struct reporter *reporter);
bool reporter_uses_files(const struct reporter *reporter);

/* The farm's phase within WINDOW_MS, 0 ≤ phase < WINDOW_MS: FNV-1a (64 bits) of its id, modulo WINDOW_MS. */
int64_t reporter_phase(const char *farm_id);

/* Begins reporting for a farm id, from next_sequence on; the first report is due at its next phase. Another
 * farm id than the last begins at 1 and drops the queue (those windows stay in history); the same goes on.
 * NULL stops: windows get no sequence, the queue waits for its farm. CORE_INVALID for what is no farm id. */
int reporter_start(struct reporter *reporter, const char *farm_id, uint64_t next_sequence, int64_t now_ms);

/* Queues a closed window and gives it the next sequence (returned; 0 while stopped: kept, never sent). Never
 * fails: with no room or memory left the oldest is dropped, and reporter_batch begins with another one. */
uint64_t reporter_queue(struct reporter *reporter, const struct window *window);

/* Puts back a stored window that is not acknowledged; call in order of sequence, else CORE_INVALID. */
int reporter_restore(struct reporter *reporter, const struct window *window);

/* The oldest unsent windows, at most REPORTER_BATCH_MAX; while a report is on its way those it was sent with.
 * Valid until the next call that changes the reporter. */
const struct window *reporter_batch(const struct reporter *reporter, size_t *ret_count);

/* All of them, oldest first; valid as long. */
const struct window *reporter_unsent(const struct reporter *reporter, size_t *ret_count);

/* Every window of the report on its way up to and including this sequence is acknowledged. Returns the last
 * of them, 0 if none: an answer never acknowledges what it was not sent. */
uint64_t reporter_acknowledge(struct reporter *reporter, uint64_t through);
/* One window of the report on its way was refused: set aside, never blocks the queue. False: not one of
 * them. */
bool reporter_set_aside(struct reporter *reporter, uint64_t sequence);

/* The same of any window in the queue: a file has carried it, and its answer came. That may be while a report
 * is on its way, and changes nothing about that but what of it is still to be acknowledged. */
uint64_t reporter_acknowledge_carried(struct reporter *reporter, uint64_t through);
bool reporter_set_aside_carried(struct reporter *reporter, uint64_t sequence);

/* The authority has counted windows of this farm up to `counted`: the next one gets a number after that, and
 * never a smaller one than before. True if that moved it: what is numbered here was set back. An authority
 * that has counted past REPORTER_SEQUENCE_MAX is not believed. */
bool reporter_go_on_after(struct reporter *reporter, uint64_t counted);
/* Gives the window of this sequence and all behind it the next numbers, in their order: they are the last of
 * reporter_unsent. None of them is on its way any more. Returns how many; 0: no window has that sequence. */
size_t reporter_renumber(struct reporter *reporter, uint64_t sequence);

/* When the next report is due, licence time; INT64_MAX: none. */
int64_t reporter_due_ms(const struct reporter *reporter);
/* A report is on its way: none other until succeeded or failed. */
void reporter_sent(struct reporter *reporter, int64_t now_ms);
/* How the report on its way ended. False if it was none of this farm's (it was stopped or changed farms
 * meanwhile): then only the way is free again. retry_after_ms: what the authority asked for, or -1; the
 * regular phase is tried all the same. */
bool reporter_succeeded(struct reporter *reporter, int64_t now_ms);
bool reporter_failed(struct reporter *reporter, int64_t retry_after_ms, int64_t now_ms);
/* Report as soon as possible (the administrator asked). */
void reporter_hurry(struct reporter *reporter, int64_t now_ms);
/* Licence time was corrected to now_ms: the next report is due at the phase in the new time; the phase that
 * was just reported at, coming again within REPORTER_REST_MS, is passed over. */
void reporter_corrected(struct reporter *reporter, int64_t now_ms);

size_t reporter_queued(const struct reporter *reporter);
uint64_t reporter_next_sequence(const struct reporter *reporter);
unsigned reporter_failures(const struct reporter *reporter); /* in a row */

#endif
