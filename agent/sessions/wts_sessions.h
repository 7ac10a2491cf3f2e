/* wts_sessions.h - what Remote Desktop Services tell of a Windows host's sessions, made session facts. Pure,
 * and the same on every system: wts_read.h reads, wts.c is the source around both. */
#ifndef FARMGATE_AGENT_SESSIONS_WTS_SESSIONS_H
#define FARMGATE_AGENT_SESSIONS_WTS_SESSIONS_H

#include "agent/core/classify.h"
#include "common/error.h"

/* The numbers are Windows' own (WTS_CONNECTSTATE_CLASS, WTSClientProtocolType). */
enum wts_state {
    WTS_STATE_ACTIVE,
    WTS_STATE_CONNECTED,
    WTS_STATE_CONNECT_QUERY,
    WTS_STATE_SHADOW,
    WTS_STATE_DISCONNECTED,
    WTS_STATE_IDLE,
    WTS_STATE_LISTEN,
    WTS_STATE_RESET,
    WTS_STATE_DOWN,
    WTS_STATE_INIT,
};
enum wts_protocol { WTS_PROTOCOL_UNKNOWN = -1, WTS_PROTOCOL_CONSOLE, WTS_PROTOCOL_ICA, WTS_PROTOCOL_RDP };

#define WTS_SESSION_OF_SERVICES 0

/* One session. Texts are UTF-8, NULL where not told. */
struct wts_session {
    uint32_t id;
    int state;             /* enum wts_state */
    char *user, *domain;   /* nobody is logged on: NULL or "" */
    char *client;          /* the computer it is shown on */
    char *initial_program; /* as the client asked for it: a hint, no more */
    int protocol;          /* enum wts_protocol */
    int remote;            /* 0, 1; -1: not told */
    uint64_t logon_time;   /* in 100 ns since 1601; 0: not told */
    enum administrator administrator;
};

/* A program that tells the kind of its session. */
struct wts_process {
    uint32_t session;
    char *name; /* "rdpshell.exe" */
    char *path; /* NULL: may not be known, or it has ended already */
};

/* What was read at once. All of it is on the heap, for wts_snapshot_finish. */
struct wts_snapshot {
    struct wts_session *sessions;
    size_t session_count;
    struct wts_process *processes;
    size_t process_count;
    char *system_directory; /* "C:\Windows\System32" */
    char *computer;         /* the domain of local accounts */
};

void wts_snapshot_finish(struct wts_snapshot *snapshot);

/* Whether a session is some user's, so that its details are worth asking for. */
bool wts_session_is_users(const struct wts_session *session);

/* Whether a program of this name is worth a place among a snapshot's processes, and asking for its path. */
bool wts_program_matters(const char *name);

/* What a host's sessions are, from one reading to the next. */
struct wts_sessions;

struct wts_sessions *wts_sessions_create(const char *host); /* NULL without memory */
void wts_sessions_destroy(struct wts_sessions *sessions);

/* The facts of all users' sessions of a snapshot, which may go afterwards: *ret_facts is valid until the next
 * call. *ret_settled is false while the kind of some session is only guessed, since none of its programs has
 * told it yet. ERROR_NO_MEMORY. */
int wts_sessions_judge(struct wts_sessions *sessions, const struct wts_snapshot *snapshot,
                       const struct session_facts **ret_facts, size_t *ret_count, bool *ret_settled);

/* --- what can fail -------------------------------------------------------------------------------------- */

enum wts_step {
    WTS_STEP_NONE,
    WTS_STEP_SESSIONS, /* without their list there is no snapshot; past this one only a part is missing */
    WTS_STEP_DETAILS,
    WTS_STEP_PROCESSES,
    WTS_STEP_TOKENS,
    WTS_STEP_MAX
};

/* The service TermService, as the service manager tells it. */
enum wts_service {
    WTS_SERVICE_UNKNOWN,
    WTS_SERVICE_ABSENT,
    WTS_SERVICE_DISABLED,
    WTS_SERVICE_STOPPED,
    WTS_SERVICE_STARTING,
    WTS_SERVICE_RUNNING,
    WTS_SERVICE_MAX
};

#define WTS_ACCOUNT_BYTES 256 /* of its name; a longer one is not told */

struct wts_trouble {
    enum wts_step step;
    uint32_t error;                  /* GetLastError(); 0: it failed without saying why, which it does */
    bool empty;                      /* it did not fail, and told no session, not even that of services */
    enum wts_service service;        /* of WTS_STEP_SESSIONS */
    char account[WTS_ACCOUNT_BYTES]; /* that we run as, where it may not do something; "": not told */
};

/* Whether this error only says that the session has gone meanwhile, or that nobody is logged on in it. */
bool wts_error_is_gone(uint32_t error);

/* Whether it is a right that the account of the service has not. */
bool wts_trouble_is_a_right(const struct wts_trouble *trouble);

/* The code for it, with what to do. 0 for WTS_STEP_NONE. */
int wts_trouble_text(const struct wts_trouble *trouble, struct error_detail *ret_detail);

#endif
