/* windows_sessions.h - the events of Windows logs as connects, disconnects and log-offs. Pure but for its
 * memory.
 *
 * Each log of a host is followed by itself, in the order of its records, so that the clock may step back and
 * the records of several logs may come in any order to each other.
 *
 * **LSM.** A session is known by its number: it begins with 21 (22 or 25 where that is missing), is
 * disconnected by 40, 39 or 24, whichever comes first, comes back by 25 and ends by 23. Of 40-24-25 the first
 * and the last count, of 23-39-40-24 the first.
 *
 * **Security.** A session is known by its log-on id or by that of the other half of a user account control
 * pair, which is one session of an administrator. It begins with 4624 of type 10, is disconnected by 4779,
 * comes back by 4778, or by 4624 of type 7 from another machine where those are not recorded, and ends by
 * the first 4647 or 4634 of either half. Type 7 begins nothing: its own log-on ends at once. Who only comes
 * back to a session that began before the log is left out (REPAIR_BEGUN_BEFORE).
 *
 * A boot ends what the log of its record has open, and of the host's other logs what began before it. Session
 * ids are "lsm:NUMBER#N" and "security:LOGON#N", no two of a stream the same, so that what follows a boot
 * stays apart from what it ended even if their stamps do not. By them windows_join.h knows which log told a
 * session. A session whose route changes as it comes back is another one. */
#ifndef FARMGATE_CTL_WINDOWS_SESSIONS_H
#define FARMGATE_CTL_WINDOWS_SESSIONS_H

#include "reader.h"
#include "windows_record.h"

#include "agent/core/keyed_hash.h"

#define WINDOWS_LSM_PREFIX      "lsm:"
#define WINDOWS_SECURITY_PREFIX "security:"

struct windows_sessions;

/* `services`: "lsm" and "security", or one of them; none: both. The sink is copied. NULL without memory. */
struct windows_sessions *windows_sessions_create(const struct reader_sink *sink,
                                                 const struct reader_services *services,
                                                 const uint8_t seed[KEYED_HASH_SEED_BYTES]);
void windows_sessions_destroy(struct windows_sessions *sessions);

/* Takes an event. 0, ERROR_NO_MEMORY or what the sink returned. */
int windows_sessions_take(struct windows_sessions *sessions, const struct windows_event *event,
                          const struct log_place *place);

#endif
