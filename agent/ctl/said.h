/* said.h - sentences of the agent's answers as people read them: the texts of explain.def, with local times.
 */
#ifndef FARMGATE_CTL_SAID_H
#define FARMGATE_CTL_SAID_H

#include "agent/core/explain.h"
#include "common/json.h"

/* "Sat 14:03 CET", or "2026-02-14 14:03 CET" where it is more than SAID_DAYS days from *data, an int64_t of
 * Unix ms. */
#define SAID_DAYS 6
sentence_instant_fn said_instant;
/* For columns: the zone of now, for the title, and an instant without it if it has the same. */
const char *said_zone(int64_t now_ms, char ret[SENTENCE_INSTANT_BYTES]);
const char *said_cell(int64_t now_ms, int64_t unix_ms, char ret[SENTENCE_INSTANT_BYTES]);

/* Reads and writes one sentence after another. */
struct said;
struct said *said_create(int64_t now_ms); /* NULL without memory */
void said_destroy(struct said *said);

/* The sentences, as they stand in an answer, joined by spaces; valid until the next call. One whose code is
 * not known here reads as the agent wrote it. */
const char *said_text(struct said *said, const struct json_span *sentences, size_t count);

/* The instant "at" of the object that was read last; 0: none. */
int64_t said_at_ms(const struct said *said);

#endif
