/* script_line.h - one line of a scripted source's file: an event in the form of `farmgate size`, or, as the
 * first line only, {"speed": N}. */
#ifndef FARMGATE_AGENT_SESSIONS_SCRIPT_LINE_H
#define FARMGATE_AGENT_SESSIONS_SCRIPT_LINE_H

#include "agent/core/connection.h"
#include "common/json.h"

#define SCRIPT_LINE_BYTES_MAX 16384
#define SCRIPT_SPEED_MAX      1000000

enum script_event { SCRIPT_CONNECT, SCRIPT_DISCONNECT, SCRIPT_LOGOFF };

struct script_line {
    int64_t speed;                            /* 0: an event */
    int64_t ts_ms;                            /* 0: at once */
    int event;                                /* enum script_event */
    char host[CONNECTION_HOST_BYTES_MAX + 1]; /* "": this host */
    char session[CONNECTION_ID_BYTES_MAX + 1];
    char user[CONNECTION_USER_BYTES_MAX + 1]; /* of a connect */
    bool admin;
    int kind, route; /* enum connection_kind, enum connection_route; of a connect */
};

/* ERROR_INVALID and the codes of json_read, with what is wrong in *ret_detail. */
int script_line_read(struct json_reader *reader, const char *text, size_t bytes, struct script_line *ret,
                     struct error_detail *ret_detail);

#endif
