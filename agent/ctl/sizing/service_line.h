/* service_line.h - what a line of a Unix service says about sessions. Pure. Only what PAM, logind, xrdp and
 * the kernel say themselves counts; other lines say nothing. */
#ifndef FARMGATE_CTL_SERVICE_LINE_H
#define FARMGATE_CTL_SERVICE_LINE_H

#include "agent/core/connection.h"

#include <stdbool.h>
#include <stddef.h>

enum service_says {
    SAYS_NOTHING,
    SAYS_PAM_OPENED,    /* service, user */
    SAYS_PAM_CLOSED,    /* service, user */
    SAYS_LOGIND_NEW,    /* session, user; is_user_class */
    SAYS_LOGIND_LEFT,   /* session: it lingers, its user has gone */
    SAYS_LOGIND_GONE,   /* session */
    SAYS_LOGIND_STARTS, /* after a boot, or was started again */
    SAYS_XRDP_ASKED,    /* user */
    SAYS_XRDP_BACK,     /* user: who asked has a session already */
    SAYS_XRDP_SHOWS,    /* session (its display's number) */
    SAYS_XRDP_RUNS,     /* session */
    SAYS_XRDP_CREATED,  /* user */
    SAYS_XRDP_STARTS,   /* session, user */
    SAYS_XRDP_ENDED,    /* session, user if it is told */
    SAYS_BOOTS,         /* the kernel's first line */
    SAYS_GOES_DOWN,     /* logind's last */
};

/* A piece of the line. */
struct log_span {
    const char *text;
    size_t bytes;
};

struct service_line {
    enum service_says says;
    struct log_span service, user, session;
    bool is_user_class; /* no greeter's, manager's, or background session */
};

/* `name` is the program's, as the log has it. */
void service_line_read(struct log_span name, struct log_span message, struct service_line *ret);

/* logind's catalogued messages have an id each, in whatever language their text is: the id of
 * SAYS_LOGIND_NEW or SAYS_LOGIND_GONE, else SAYS_NOTHING. */
enum service_says service_line_by_id(struct log_span message_id);

bool log_span_is(struct log_span span, const char *text);

/* Services whose sessions are read unless others are named, and the routes of all. */
bool service_is_default(struct log_span service);
enum connection_route service_route(struct log_span service);

/* The accounts that display managers run their greeters as. */
bool service_user_is_greeter(struct log_span user);

#endif
