/* listing.h - what of the published resources a user may be shown. GET /v1/resources, the feed and the .rdp
 * files are three ways to tell it. */
#ifndef FARMGATE_AGENT_API_LISTING_H
#define FARMGATE_AGENT_API_LISTING_H

#include "agent/resources.h"
#include "ask.h"

#define LISTING_BASE_BYTES_MAX 256

/* What a request wants beside the user's name. */
struct listing_wish {
    char base[LISTING_BASE_BYTES_MAX + 1];               /* of the feed's addresses */
    char id[sizeof(((struct resource *)0)->id)];         /* of one resource */
    char host[sizeof(((struct resource *)0)->hosts[0])]; /* of its hosts; "": as it comes */
};

struct listing {
    const struct admission_question *question;
    enum administrator administrator;
    bool kinds[KIND_MAX]; /* that the user is admitted to */
    const char *const *groups;
    size_t group_count;
    bool groups_known;
};

/* Answers the exchange. */
typedef void listing_fn(struct api *api, struct http_exchange *exchange, const struct listing *listing,
                        const struct listing_wish *wish);

/* Finds out what the user of a request may be shown, now or later, and hands it to `answer`; or answers by
 * itself: 400 without a user's name, 403 where no kind is shown. */
void listing_ask(struct api *api, struct http_exchange *exchange, const struct http_request *request,
                 const struct listing_wish *wish, listing_fn *answer);

/* Visits what is in the user's groups, of whatever kind. */
void listing_visit(const struct api *api, const struct listing *listing, resources_visit_fn *visit,
                   void *data);

#endif
