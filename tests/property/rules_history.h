/* rules_history.h - a history of one farm as a script: one line an event, so that one that fails can be
 * printed, shrunk and replayed.
 *
 *     begin at=L timers=0|1 SETTINGS    the first line
 *     @T settings SETTINGS              a reload
 *     @T set HOST [SESSION...]          the host's whole set of sessions now
 *     @T put HOST SESSION               one record of a broker
 *     @T end HOST ID
 *     @T boot HOST BOOT                 the boot id of a host, told at a start
 *     @T silent HOST | back HOST        one that has booted is no longer heard of, or again
 *     @T activate FARM GRANT            the authority's answer to an activation
 *     @T grant GRANT                    an entitlement that came with the answer to a report
 *     @T release | copied
 *     @T accepted N refused=K           the answer to the report in flight: its first N windows, its Kth set
 * aside
 *     @T failed                         no answer, or an unsigned refusal
 *     @T report-now | started | timer
 *     @T wall D                         the wall clock jumps by D: before any entitlement L is the wall
 * clock; after one only a stopped agent may find L later than it thought
 *     @T stop                           the agent dies; what the world does until it is back nobody sees
 *     @T restart                        it goes on from what was stored; started comes later
 *
 *     SETTINGS  disconnected=0|1 routes=BITS settle=MS lease=MS strict=0|1 spare=0|1
 *     SESSION   ID:USER:KIND:ROUTE:yes|no|unknown:active|disconnected:CONNECTED_AT
 *     GRANT     serial=N limit=N purchases=N status=active|deactivated trial=0|1 issued=L expires=L|0
 * refresh=L
 *
 * T is the time since the beginning as it truly passes, in ms; L, licence time, is T + at + what the wall
 * clock jumped, and after an accepted entitlement goes on from its issued_at. Instants that are told
 * (CONNECTED_AT, issued, expires, refresh) are Unix ms. timers=1: a timer is stepped at every instant at
 * which something falls due, as the agent does; timers=0: time passes only with the lines. After a reload a
 * timer comes at once. Behind a # is a remark; a line that a failed test printed, with "# " before it, is
 * read as well. */
#ifndef FARMGATE_TESTS_RULES_HISTORY_H
#define FARMGATE_TESTS_RULES_HISTORY_H

#include "rules_model.h"

#include <stdio.h>

#define HISTORY_SET_MAX        64
#define HISTORY_LINE_BYTES_MAX 8192

enum history_verb {
    HISTORY_STEP, /* an event of the model */
    HISTORY_WALL,
    HISTORY_STOP
};

struct history_line {
    int64_t at_ms; /* T */
    enum history_verb verb;
    int64_t wall_ms;
    struct rules_event event; /* its connections belong to the line */
};

struct history {
    int64_t begin_ms;
    bool timers;
    struct rules_settings settings;
    struct history_line *lines;
    size_t count, room;
};

void history_init(struct history *history);
void history_finish(struct history *history);
/* Copies the line and its connections. */
void history_add(struct history *history, const struct history_line *line);
void history_print(const struct history *history, FILE *file);
/* False, with the number of the bad line. */
bool history_read(struct history *history, FILE *file, size_t *ret_line);

/* A history as it is run. The model decides where licence time goes. */
struct history_run {
    struct rules_model *model;
    int64_t offset_ms; /* L - T */
    int64_t at_ms;     /* T */
    bool timers, stopped;
    int64_t (*due_ms)(void *data); /* when else a timer comes; NULL: never */
    void *due_data;
    bool jumped; /* L is not where the last step left it: the next line finds out, not a timer */
};

void history_run_init(struct history_run *run, const struct history *history);
/* When the next timer comes. */
int64_t history_run_due_ms(const struct history_run *run);
void history_run_finish(struct history_run *run);

/* Called after each step, of a line or of a timer between lines. False ends the run. */
typedef bool history_watcher(void *data, struct history_run *run, const struct rules_event *event,
                             int64_t now_ms, bool taken);

/* Lets time pass to the line and does it. What the model told stays until the next step. */
bool history_run_line(struct history_run *run, const struct history_line *line, history_watcher *watcher,
                      void *data);

/* The words of the script, also for what is printed. */
const char *rules_reason_word(enum rules_reason reason);
const char *rules_activation_word(enum rules_activation activation);
const char *rules_term_word(enum rules_term term);
const char *rules_contact_word(enum rules_contact contact);
const char *rules_usage_word(enum rules_usage_state usage);
const char *rules_told_word(enum rules_what what);

#endif
