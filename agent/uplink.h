/* uplink.h - the way to the authority: activation, reports, the key handed back. Speaks and
 * verifies; does not decide.
 *
 * An answer's entitlement is verified against the key ring before anything is handed on; garbage, too much,
 * redirects and bad signatures end in on_failed with words. */
#ifndef FARMGATE_AGENT_UPLINK_H
#define FARMGATE_AGENT_UPLINK_H

#include "agent/core/core.h"
#include "common/entitlement.h"
#include "common/error.h"

#include <uv.h>

struct report_window;
struct uplink;

struct uplink_settings {         /* copied */
    const char *url;             /* "" none */
    const char *ca_file, *proxy; /* "" the system's, none */
    const char *farm_name, *version;
    unsigned answer_ms; /* for a whole answer; 0: the client's HTTP_CLIENT_TOTAL_MS */
};

/* Every result comes from the loop, exactly one for each call; its texts live as long as it does. */
struct uplink_result {
    int error;          /* 0, ERROR_UNREACHABLE, ERROR_TIMEOUT, ERROR_REFUSED (an HTTP error without a signed
                           entitlement), ERROR_TOO_LARGE, ERROR_INVALID (no answer of an authority's), ERROR_SIGNATURE,
                           ERROR_UNKNOWN_KEY, ERROR_CANCELLED. A report's or a release's HTTP error that carries a
                           signed entitlement is an answer: 0, with nothing accepted */
    int http_status;    /* 0 without an answer */
    const char *code;   /* the authority's problem code ("key_in_use"), "" without */
    const char *detail; /* for people */
    int64_t moves_left; /* with key_in_use; -1 not told */
    int64_t retry_after_ms; /* -1 not told */
    /* when error is 0: */
    bool has_grant; /* a verified entitlement came */
    struct grant grant;
    const char *entitlement;          /* as signed */
    const char *farm_id, *farm_token; /* of an activation */
    uint64_t accepted_through;        /* of a report */
    const struct core_refused_window *refused;
    size_t refused_count;
    int64_t server_time_ms;
    const char *const *new_keys; /* fgkey1 documents that were accepted into the ring: to be kept for good */
    size_t new_key_count;
    /* whatever the error is: */
    const char *refused_key; /* why a new key in the answer was not accepted; "": none was refused */
    /* of a file that was imported (agent_offline.c), else 0: */
    int64_t clock_ms;         /* what licence time becomes */
    uint64_t carried_through; /* the last window that its request carried */
};
/* The result is the receiver's, to be freed. */
typedef void uplink_fn(void *data, struct uplink_result *result);
void uplink_result_free(struct uplink_result *result);

/* Whether nothing of an authority's came: then none has refused either. */
bool uplink_is_unreachable(int error);

/* The key ring is copied and the uplink's from here on: uplink_keyring shows it. NULL without memory. */
struct uplink *uplink_create(uv_loop_t *loop, const struct uplink_settings *settings,
                             const struct entitlement_keyring *keyring);
const struct entitlement_keyring *uplink_keyring(const struct uplink *uplink);
/* From now on this one, which holds the keys of before and others that they have signed. */
void uplink_trust(struct uplink *uplink, const struct entitlement_keyring *keyring);

/* A release is answered by a signed entitlement that revokes, or by nothing (204).
 *
 * 0, or why nothing was sent (ERROR_CONFIGURATION: no url; ERROR_INVALID: one that may not be used;
 * ERROR_NO_MEMORY; then `done` is not called). Arguments are copied. At most MESSAGE_WINDOWS_MAX windows. */
int uplink_activate(struct uplink *uplink, const char *licence_key_or_null, const char *installation_id,
                    bool move, uplink_fn *done, void *data);
int uplink_report(struct uplink *uplink, const char *farm_id, const char *farm_token,
                  const struct window *windows, size_t count, uplink_fn *done, void *data);
int uplink_release(struct uplink *uplink, const char *farm_id, const char *farm_token, uplink_fn *done,
                   void *data);
/* Calls under way end with ERROR_CANCELLED; `closed` when *uplink is gone. */
void uplink_close(struct uplink *uplink, void (*closed)(void *data), void *data);

/* A window as it is reported. */
struct report_window uplink_window(const struct window *window);

/* The JSON document's words as the core's. */
void uplink_grant_of(const struct entitlement *entitlement, struct grant *ret);

#endif
