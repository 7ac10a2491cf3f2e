/* last_words.h - why the agent does not run, said before it ends: to the system's log or stderr, and to the
 * log file, for a service has no other way to tell more than its exit code. */
#ifndef FARMGATE_AGENT_LAST_WORDS_H
#define FARMGATE_AGENT_LAST_WORDS_H

struct event_file;
struct log;
struct settings;

/* log_init, and what the service manager and the settings make of it. */
void last_words_log(struct log *ret, const struct settings *settings);

/* The file is not rotated any more: another agent may write to it as well. */
void last_words(const struct log *log, struct event_file *file, const char *detail, int exit_code);

#endif
