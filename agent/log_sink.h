/* log_sink.h - where log events go: the journal if there is one, else lines on stderr, human or JSON. */
#ifndef FARMGATE_AGENT_LOG_SINK_H
#define FARMGATE_AGENT_LOG_SINK_H

struct log;
struct log_event;

/* Writes one event; `json` is event_json's line for it, NULL without memory. In the journal each field stands
 * by itself as FARMGATE_<NAME>, instants in RFC 3339 as in the JSON, or "never". */
void log_sink_write(const struct log *log, const struct log_event *event, const char *json);

#endif
