/* record.h - what the hosts of a farm write into the shared store, and under which keys (farmgate-etcd(7)).
 *
 * Under /farmgate/FARM/, H and S being pseudonyms of a host and of a session (seal.h), every value sealed:
 *
 *     host/H       a host that is up; leased, so that it goes with its host
 *     seq/H        a host's last changes, in their true order, and how many it has told: one transaction each
 *     s/H/S        a session as its host tells it now     } where a leader begins: written in the
 *     b/H/S        a broker's record of one               } same transaction as the changes
 *     boot/H       which boot of a host was told last     }
 *     leader       who leads; leased, its create_revision fences off those who led before
 *     checkpoint   where the next leader goes on from } written by the leader
 *     w/START      a closed window                    } (checkpoint.h)
 *     verdict      what all gates follow              }
 *     settings     how the farm counts
 *
 * Times are licence time, Unix ms. Pure. */
#ifndef FARMGATE_AGENT_FARM_RECORD_H
#define FARMGATE_AGENT_FARM_RECORD_H

#include "seal.h"
#include "wire.h"

#include "agent/core/connection.h"
#include "agent/core/core.h"

#define RECORD_FARM_BYTES_MAX     63 /* of a farm's name: [a-z0-9-] */
#define RECORD_INSTANCE_BYTES_MAX 32 /* of a process's own random name */
#define RECORD_VERSION_BYTES_MAX  31
#define RECORD_CHANGES_MAX        100 /* in one transaction */

/* ---- keys ---------------------------------------------------------------------------------------------- */

/* What all keys and values of a farm are made with. */
struct record_farm {
    char prefix[sizeof "/farmgate//" + RECORD_FARM_BYTES_MAX]; /* "/farmgate/FARM/" */
    struct seal seal;
};

/* ERROR_INVALID for a name that is none. */
int record_farm_init(struct record_farm *farm, const char *name, const uint8_t secret[SEAL_SECRET_BYTES]);

/* Every farm of an etcd says here, as a plain number, before which revision its history may go: a name that
 * no farm has. */
#define RECORD_FLOORS "/farmgate/.floor/"

struct record_key {
    char text[WIRE_KEY_BYTES_MAX + 1];
};
enum record_kind {
    RECORD_HOST,
    RECORD_SEQ,
    RECORD_SESSION,
    RECORD_BROKER,
    RECORD_BOOT,
    RECORD_LEADER,
    RECORD_CHECKPOINT,
    RECORD_WINDOW,
    RECORD_VERDICT,
    RECORD_SETTINGS,
    RECORD_OTHER, /* not ours */
    RECORD_KIND_MAX
};
/* `host` and `session` where the kind has them, else NULL. */
struct record_key record_key(const struct record_farm *farm, enum record_kind kind, const char *host,
                             const char *session);
/* Of a closed window; keys come in the order of their windows. start_ms is not before 1970. */
struct record_key record_window_key(const struct record_farm *farm, int64_t start_ms);
/* "…/s/" or, of one host, "…/s/H/": what its keys begin with. */
struct record_key record_prefix(const struct record_farm *farm, enum record_kind kind, const char *host);
/* What stands under a key of this farm. */
enum record_kind record_kind_of(const struct record_farm *farm, const char *key);

/* ---- values -------------------------------------------------------------------------------------------- */

/* A host that is up: host/H, leader. */
struct record_host {
    char host[CONNECTION_HOST_BYTES_MAX + 1];
    char machine_id[GRANT_ID_BYTES_MAX + 1]; /* "": it has none */
    char instance[RECORD_INSTANCE_BYTES_MAX + 1];
    char version[RECORD_VERSION_BYTES_MAX + 1];
};

enum change_type {
    CHANGE_BOOTED,      /* host, boot_id */
    CHANGE_SESSION,     /* a session of the host itself, as it is now */
    CHANGE_SESSION_END, /* host, id */
    CHANGE_BROKER,      /* a broker's record */
    CHANGE_BROKER_END,  /* host, id */
    CHANGE_TYPE_MAX
};

/* One change of who is on, with room for its texts. */
struct change {
    uint64_t number; /* of all that its host has told, from 1 */
    int64_t at_ms;
    enum change_type type;
    bool more; /* the next one belongs to the same batch: levels are judged after the last (RULES §2.8) */
    char host[CONNECTION_HOST_BYTES_MAX + 1]; /* a broker may speak of another host's sessions */
    char id[CONNECTION_ID_BYTES_MAX + 1];
    char user[CONNECTION_USER_BYTES_MAX + 1];
    char boot_id[CORE_BOOT_ID_BYTES_MAX + 1];
    int64_t connected_at_ms;
    enum connection_kind kind;
    enum connection_route route;
    enum connection_state state;
    enum administrator administrator;
    char told_by[CONNECTION_HOST_BYTES_MAX + 1]; /* of what stands under a b/ key: through which host a broker
                                                    said so; "": elsewhere, and from before it was written */
};

/* Of CHANGE_SESSION and CHANGE_BROKER, with the change's own texts; and back (false: a name is too long). */
struct connection change_connection(const struct change *change);
bool change_set_connection(struct change *change, const struct connection *connection);

/* seq/H */
struct record_seq {
    char instance[RECORD_INSTANCE_BYTES_MAX + 1]; /* of the process that began its numbers: see writer.h */
    uint64_t through;                             /* the number of its last change, also of one before */
    size_t count;
    struct change changes[RECORD_CHANGES_MAX];
};

/* Sealed for `key`, to be freed; NULL without memory. */
struct record_value {
    uint8_t *bytes;
    size_t count;
};
struct record_value record_host_value(const struct record_farm *farm, const char *key,
                                      const struct record_host *host);
struct record_value record_seq_value(const struct record_farm *farm, const char *key,
                                     const struct record_seq *seq);
/* s/, b/ and boot/ keys hold the change that was the last to make them. */
struct record_value record_change_value(const struct record_farm *farm, const char *key,
                                        const struct change *change);

/* Of any text: what other parts of the farm keep there. */
struct record_value record_seal(const struct record_farm *farm, const char *key, const char *text,
                                size_t bytes);
/* *ret_text, NUL-terminated, is to be freed. ERROR_SIGNATURE, ERROR_NO_MEMORY. */
int record_open(const struct record_farm *farm, const struct wire_kv *kv, char **ret_text, size_t *ret_bytes,
                struct error_detail *ret_detail);

/* The other way. ERROR_SIGNATURE: not sealed by this farm for this key; ERROR_INVALID and the codes of
 * json_read with the field in *ret_detail: sealed, but not understood; ERROR_NO_MEMORY. */
int record_host_read(const struct record_farm *farm, const struct wire_kv *kv, struct record_host *ret,
                     struct error_detail *ret_detail);
int record_seq_read(const struct record_farm *farm, const struct wire_kv *kv, struct record_seq *ret,
                    struct error_detail *ret_detail);
int record_change_read(const struct record_farm *farm, const struct wire_kv *kv, struct change *ret,
                       struct error_detail *ret_detail);

/* A change by itself, not sealed, for the journal of the host that made it; to be freed. */
char *change_text(const struct change *change);
int change_read(const char *text, size_t bytes, struct change *ret, struct error_detail *ret_detail);

#endif
