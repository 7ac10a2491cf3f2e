/* windows_record.h - one record of a Windows event log, as its fields come in whichever form the log was
 * written, and what it says of sessions.
 *
 * What is taken: of Security 4624, 4634, 4647, 4778, 4779; of TerminalServices-LocalSessionManager ("LSM") 21
 * to 25, 39, 40; and what surely tells that a host went down or came up: Security 1100 and 4608, LSM 32 (its
 * plug-ins are loaded once), System 6005, 6006 and 6009 of EventLog, 12 and 13 of Kernel-General. Channels
 * are compared without case; where a record names none, its provider tells.
 *
 * nxlog writes the local time of its machine without a zone. The zone is the difference to a stamp that has
 * one, `@timestamp` or EventReceivedTime, in quarters of an hour: what is left is how long the record was
 * under way. Where nothing tells, it is the zone of the process.
 *
 * nxlog also gives an LSM record no fields but its message, in the host's language: a line, an empty line,
 * then "label: value" for user, session and address; in those of 39 and 40 the session is the first number.
 */
#ifndef FARMGATE_CTL_WINDOWS_RECORD_H
#define FARMGATE_CTL_WINDOWS_RECORD_H

#include "agent/core/connection.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOWS_VALUE_BYTES_MAX 1023 /* of a field; the rest is cut, and longer than any name may be */

enum windows_log { WINDOWS_LSM, WINDOWS_SECURITY, WINDOWS_SYSTEM };

/* One that says something of sessions. Texts belong to who made it. */
struct windows_event {
    int64_t at_ms;
    enum windows_log log;
    uint32_t id;
    uint64_t record;  /* its number in the log; 0: not told */
    const char *host; /* as given, or the record's in ASCII's lower case */
    const char *user; /* DOMAIN\user; "" where the record names none */
    bool is_user;     /* not the system, a service, a computer or the window manager */
    bool is_local;    /* the address is this host's own, or there is none */
    bool is_rdp;      /* the session's name is one of a remote desktop's listener */
    uint32_t session; /* LSM */
    uint64_t logon;   /* Security */
    uint64_t linked;  /* the other log-on of a user account control pair; 0: none */
    uint32_t logon_type;
    enum administrator administrator;
};

/* In the order of `names` in windows_record.c. */
enum windows_field {
    WINDOWS_CHANNEL,
    WINDOWS_PROVIDER,
    WINDOWS_EVENT_ID,
    WINDOWS_COMPUTER,
    WINDOWS_RECORD_ID,
    WINDOWS_SYSTEM_TIME, /* UTC where it has no zone */
    WINDOWS_EVENT_TIME,  /* nxlog's: local where it has no zone */
    WINDOWS_RECEIVED_TIME,
    WINDOWS_TIMESTAMP, /* `@timestamp`: of the event, or, where there is another, of its arrival */
    WINDOWS_MESSAGE,
    WINDOWS_TARGET_USER,
    WINDOWS_TARGET_DOMAIN,
    WINDOWS_TARGET_SID,
    WINDOWS_TARGET_LOGON,
    WINDOWS_TARGET_LINKED_LOGON,
    WINDOWS_LOGON_TYPE,
    WINDOWS_ELEVATED,
    WINDOWS_IP_ADDRESS,
    WINDOWS_ACCOUNT_NAME,
    WINDOWS_ACCOUNT_DOMAIN,
    WINDOWS_LOGON_ID,
    WINDOWS_SESSION_NAME,
    WINDOWS_CLIENT_ADDRESS,
    WINDOWS_LSM_USER,
    WINDOWS_LSM_SESSION_ID,
    WINDOWS_LSM_ADDRESS,
    WINDOWS_LSM_TARGET_SESSION,
    WINDOWS_LSM_SESSION,
    WINDOWS_FIELD_MAX
};

struct windows_record {
    struct {
        uint32_t bytes;
        char text[WINDOWS_VALUE_BYTES_MAX + 1];
    } fields[WINDOWS_FIELD_MAX];
    char host[WINDOWS_VALUE_BYTES_MAX + 1], user[2 * WINDOWS_VALUE_BYTES_MAX + 2]; /* of the event */
};

/* The zone of stamps that name none, as the stream has told it so far. All zero: not at all. */
struct windows_zone {
    bool is_known;
    int64_t ahead_ms; /* of local time */
};

/* `name`: of records that name no host; where it was given, of all. */
struct windows_hosts {
    const char *name;
    bool is_given;
};

/* Must be called before the first field of every record. */
void windows_record_begin(struct windows_record *record);

/* Which field a member of the event's data is by its name (case aside); WINDOWS_FIELD_MAX: none. */
enum windows_field windows_data_field(const char *name, size_t bytes);

/* More of a field's value: values come in pieces, and a field that comes twice is all of them. */
void windows_record_put(struct windows_record *record, enum windows_field field, const char *value,
                        size_t bytes);

/* What a record comes to. UNREADABLE: not a record of an event log, or without a time that can be read, or
 * without what its event says always. OTHER: says nothing of sessions. */
enum windows_meaning { WINDOWS_UNREADABLE, WINDOWS_OTHER, WINDOWS_MEANT };

/* The event's texts live as long as the record and the hosts. Its names may still be wrong: empty, too long,
 * no text. */
enum windows_meaning windows_record_read(struct windows_record *record, const struct windows_hosts *hosts,
                                         struct windows_zone *zone, struct windows_event *ret_event);

#endif
