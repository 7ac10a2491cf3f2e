/* log_event.h - every log event there is: one table yields code, severity and text for journal, stderr, API,
 * store and manual (DESIGN §10). Codes are stable: never renamed, never reused. */
#ifndef FARMGATE_CORE_LOG_EVENT_H
#define FARMGATE_CORE_LOG_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* syslog's levels. */
enum log_severity {
    SEVERITY_ERROR = 3,
    SEVERITY_WARNING = 4,
    SEVERITY_NOTICE = 5,
    SEVERITY_INFO = 6,
    SEVERITY_DEBUG = 7
};

/* X(code, severity, text). {name} in the text is replaced by the field of that name. Fields stand beside id,
 * at, code, severity and text in the event's JSON, so none is called that: a session's id is {session}. */
#define LOG_EVENTS(X)                                                                                       \
    X(agent_started, NOTICE, "farmgated {version} is ready on {host}")                                      \
    X(agent_stopping, NOTICE, "farmgated is stopping")                                                      \
    X(settings_applied, NOTICE, "the configuration {file} was read again and applied")                      \
    X(settings_refused, ERROR, "the new configuration was refused, the old one stays: {detail}")            \
    X(settings_need_restart, WARNING,                                                                       \
      "changed in the configuration but not applied before a restart: {detail}")                            \
    X(connection_opened, INFO, "{user} connected to {host} ({session}: {kind} by {route}), {reason}")       \
    X(connection_changed, INFO, "{user} on {host} ({session}) is now {kind} by {route}, {state}, {reason}") \
    X(connection_ended, INFO, "{user} left {host} ({session})")                                             \
    X(administrator_unknown, WARNING,                                                                       \
      "whether {user} on {host} is an administrator is not known; counted as no")                           \
    X(host_booted, NOTICE, "{host} has booted; its earlier connections have ended")                         \
    X(connection_refused, ERROR, "a connection of {user} on {host} was not taken: {detail}")                \
    X(limit_exceeded, WARNING, "{users} concurrent users exceed the limit of {limit}")                      \
    X(limit_kept, NOTICE, "{users} concurrent users are within the limit of {limit} again")                 \
    X(gate_opened, NOTICE, "the gate is open")                                                              \
    X(gate_closed, WARNING, "the gate is closed ({reason}): {detail}")                                      \
    X(farm_activated, NOTICE, "activated as farm {farm_id} with a limit of {limit} concurrent users")       \
    X(farm_deactivated, ERROR, "the authority deactivated this farm: {reason}")                             \
    X(farm_reactivated, NOTICE, "the authority activated this farm again")                                  \
    X(farm_released, NOTICE, "the licence key was given back")                                              \
    X(former_key_kept, WARNING,                                                                             \
      "the key used before could not be given back: {detail}; whoever issued it can free it")               \
    X(farm_copied, ERROR,                                                                                   \
      "this state was made on another machine; activate with --move to move the farm here")                 \
    X(activation_refused, ERROR, "the activation failed: {detail}")                                         \
    X(release_refused, ERROR, "the licence key could not be given back: {detail}")                          \
    X(entitlement_applied, INFO, "entitlement {serial}: limit {limit}, valid until {expires_at}")           \
    X(entitlement_refused, ERROR, "an entitlement was refused, the last good one stays: {detail}")          \
    X(report_accepted, INFO, "report accepted through window {sequence}")                                   \
    X(window_refused, WARNING, "the authority refused window {sequence}: {detail}")                         \
    X(windows_dropped, ERROR, "{count} unsent windows were dropped: the queue is full")                     \
    X(authority_unreachable, WARNING, "the authority cannot be reached: {detail}; next try {retry_at}")     \
    X(authority_refused, WARNING, "the authority refused to answer: {detail}; next try {retry_at}")         \
    X(authority_reached, NOTICE, "the authority answers again")                                             \
    X(store_failed, ERROR,                                                                                  \
      "state cannot be written: {detail}; answers come from memory, changes are refused")                   \
    X(store_recovered, NOTICE, "state is written again")                                                    \
    X(store_damaged, ERROR, "the database was damaged; it is set aside as {file} and started anew")         \
    X(identity_damaged, ERROR,                                                                              \
      "the identity file was damaged; it is set aside as {file}; activate with the same key again")         \
    X(licence_damaged, ERROR,                                                                               \
      "the licence file was damaged; it is set aside as {file}; the authority's next answer brings the "    \
      "licence again")                                                                                      \
    X(gate_files_failed, ERROR, "the gate's files cannot be written: {detail}")                             \
    X(source_failed, ERROR, "session source {source} failed: {detail}; trying again")                       \
    X(source_recovered, NOTICE, "session source {source} works again")                                      \
    X(resources_failed, ERROR, "resources.conf was refused, the old list stays: {detail}")

#define LOG_EVENT_ENUM(code, severity, text) LOG_##code,
enum log_event_code { LOG_EVENTS(LOG_EVENT_ENUM) LOG_EVENT_MAX };
#undef LOG_EVENT_ENUM

#define LOG_FIELDS_MAX 8

/* One field: a text, or a number when text is NULL. Names are literals; a number whose name ends in "_at" is
 * an instant (Unix ms; 0 or INT64_MAX: never) and is shown as one. */
struct log_field {
    const char *name;
    const char *text;
    int64_t number;
};

/* One event as it happens. Texts belong to whoever made it; receivers copy or use them at once. */
struct log_event {
    enum log_event_code code;
    int64_t at_ms; /* licence time, Unix ms */
    uint64_t id;   /* given by the store, rising; 0 until then */
    size_t field_count;
    struct log_field fields[LOG_FIELDS_MAX];
};

const char *log_event_name(enum log_event_code code); /* "gate_closed" */
enum log_severity log_event_severity(enum log_event_code code);
const char *log_severity_name(enum log_severity severity); /* "error", "warning", "notice", "info", "debug" */

/* Adds a field; beyond LOG_FIELDS_MAX it is our own bug (asserts). */
void log_event_text(struct log_event *event, const char *name, const char *text);
void log_event_number(struct log_event *event, const char *name, int64_t number);

/* Whether the field is an instant. */
bool log_field_is_instant(const struct log_field *field);

/* The sentence, with fields put in; a field that is missing reads "?". NUL-terminated, cut at a character if
 * it does not fit. Returns the length written. */
size_t log_event_sentence(const struct log_event *event, char *ret, size_t ret_bytes);

#endif
