/* roster_private.h - what the roster's own files share: roster.c (the live set, pairs, ends by themselves)
 * and roster_told.c (what hosts and brokers tell). */
#ifndef FARMGATE_CORE_ROSTER_PRIVATE_H
#define FARMGATE_CORE_ROSTER_PRIVATE_H

#include "roster.h"
#include "roster_records.h"
#include "tally.h"

/* What the tally keeps for the roster: who reports a connection, and the number of its record behind that. */
#define ROSTER_TAG_BITS    2u
#define ROSTER_RECORDS_MAX (UINT32_MAX >> ROSTER_TAG_BITS)

struct roster {
    struct tally *tally;
    roster_change_fn *on_change;
    void *data;
    struct records records;
};

static inline uint32_t roster_tag(unsigned reported_by, uint32_t record)
{
    return (record == RECORD_NONE ? 0 : record + 1) << ROSTER_TAG_BITS | reported_by;
}

static inline unsigned roster_reporters(uint32_t tag)
{
    return tag & (REPORTED_BY_HOST | REPORTED_BY_BROKER);
}

/* The record of a connection, RECORD_NONE if no broker reported it. */
static inline uint32_t roster_record(uint32_t tag)
{
    return tag >> ROSTER_TAG_BITS == 0 ? RECORD_NONE : (tag >> ROSTER_TAG_BITS) - 1;
}

bool roster_is_valid(const struct connection *connection);
/* Whether two spellings are of one user; `live` has a connection. */
bool roster_is_same_user(const struct roster *roster, const char *live, const char *other);
/* Whether two views of one session say the same; the user's spelling counts. */
bool roster_same_facts(const struct connection *a, const struct connection *b);
/* The broker's own id of a connection; "" if it is the same or no broker speaks of it. */
const char *roster_broker_id(const struct roster *roster, const struct tally_entry *entry);
void roster_tell_refused(struct roster *roster, const struct connection *connection, unsigned reported_by);

/* Puts a connection that is not live, or of the same user. Tells it unless nothing at all is new. */
int roster_put_live(struct roster *roster, const struct connection *connection, uint32_t tag, bool renamed);
/* Ends a live connection, and its record. */
void roster_end_live(struct roster *roster, const struct tally_entry *entry, bool renamed);

/* How the host itself sees a session that is live: without what its broker says. */
struct connection roster_as_host_sees(const struct roster *roster, const struct tally_entry *entry);
/* What a broker says of a connection. */
struct broker_words roster_words(const struct roster *roster, const struct tally_entry *entry);
/* Makes a host's session (`host_view` is all the host's) and a broker's words one connection, and puts it,
 * with a record of its own: the record that the session had is given back. */
int roster_put_paired(struct roster *roster, const struct connection *host_view,
                      const struct broker_words *words, bool renamed);
/* The broker no longer speaks of a paired session: it is what its host says again. */
int roster_unpair(struct roster *roster, const struct tally_entry *entry);
/* The connection of this user on this host, told by `reported_by` alone, that began nearest to at_ms. */
bool roster_find_partner(const struct roster *roster, const struct connection *connection, int64_t at_ms,
                         unsigned reported_by, struct tally_entry *ret_entry);
/* A broker's record that stood alone becomes part of a session of its host, live or just beginning. */
int roster_pair_with_record(struct roster *roster, const struct connection *host_view,
                            const struct tally_entry *alone);

#endif
