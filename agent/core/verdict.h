/* verdict.h - is the gate open, and if not, why (RULES §3): the conjunction of four small independent
 * machines (standing.h); and whom an open gate still admits (RULES §4). */
#ifndef FARMGATE_CORE_VERDICT_H
#define FARMGATE_CORE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

struct standing;

/* The first in this order that closes the gate is the reason. */
enum verdict_reason {
    VERDICT_OPEN,
    VERDICT_NOT_ACTIVATED,
    VERDICT_COPIED, /* activation none: the state was copied to another machine */
    VERDICT_REVOKED,
    VERDICT_EXPIRED,
    VERDICT_STALE,
    VERDICT_OVER,
    VERDICT_REASON_MAX
};

/* Whom the gate admits. */
enum admission {
    ADMISSION_NONE,    /* the gate is closed */
    ADMISSION_HOLDERS, /* licences have run out: holders, those who are here, administrators' desktops */
    ADMISSION_ALL,     /* anyone */
    ADMISSION_MAX
};

struct verdict {
    bool open;
    enum verdict_reason reason;
    enum admission admission;
};

/* `users`: concurrent users now. `spare_grace`: licences run out at the limit already while the overuse grace
 * is unstarted, so that it never begins (RULES §4). */
struct verdict verdict_of(const struct standing *standing, uint32_t users, bool spare_grace);

/* "open", "not_activated", "revoked", …: the stable code in JSON and log. */
const char *verdict_reason_name(enum verdict_reason reason);
/* A sentence for people, and for the nologin file: what is wrong and whom to ask. */
const char *verdict_reason_text(enum verdict_reason reason);
/* "all", "holders", "none". */
const char *admission_name(enum admission admission);

#endif
