/* ndjson_line.h - one line of a log in the form of `farmgate size`, read in two ways that give the same. */
#ifndef FARMGATE_CTL_NDJSON_LINE_H
#define FARMGATE_CTL_NDJSON_LINE_H

#include "sizing.h"

#include "common/error.h"

struct json_reader;

#define NDJSON_WORD_BYTES_MAX 15 /* of "application", "rdp-tunnel", … */

/* A line as it stands there. */
struct ndjson_line {
    int64_t ts;
    bool admin;
    bool has_user, has_admin, has_kind, has_route;
    char event[NDJSON_WORD_BYTES_MAX + 1], kind[NDJSON_WORD_BYTES_MAX + 1], route[NDJSON_WORD_BYTES_MAX + 1];
    char host[CONNECTION_HOST_BYTES_MAX + 1], session[CONNECTION_ID_BYTES_MAX + 1],
        user[CONNECTION_USER_BYTES_MAX + 1];
};

/* Reads the usual line: the known fields, each once, texts of plain ASCII without escapes. False, with *line
 * undefined, for anything else: that is ndjson_line_read's. Where it is true, ndjson_line_read gives the
 * same. */
bool ndjson_line_quick(const char *text, size_t bytes, struct ndjson_line *line);

/* Reads any line. ERROR_INVALID, ERROR_TOO_DEEP, ERROR_TOO_LARGE with "field: what" in *ret_detail;
 * ERROR_NO_MEMORY. */
int ndjson_line_read(struct json_reader *reader, const char *text, size_t bytes, struct ndjson_line *line,
                     struct error_detail *ret_detail);

/* The event; its texts are the line's. NULL, or what is wrong with the line: "field: what". `plain`: as
 * ndjson_line_quick found it. */
const char *ndjson_line_event(const struct ndjson_line *line, bool plain, struct sizing_event *ret_event);

#endif
