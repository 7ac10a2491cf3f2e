/* list.h - a list of the daemon's, fetched page by page, printed as a table, as comma-separated values or as
 * JSON. One table of fields says how its lines are read, one of columns how they are shown. */
#ifndef FARMGATE_CLOUD_ADMIN_LIST_H
#define FARMGATE_CLOUD_ADMIN_LIST_H

#include "common/json.h"

enum list_show {
    LIST_HIDDEN, /* unless --columns names it */
    LIST_SHOWN,
    LIST_CUT, /* shown, and cut where the terminal is too narrow */
};

struct list_column {
    const char *title;
    const char *field; /* of the shape */
    enum list_show show;
};

struct list {
    const char *name; /* "keys": of the array in the answer */
    const struct json_shape *shape;
    size_t line_bytes;
    const struct list_column *columns;
    size_t column_count;
    void (*prepare)(void *line); /* fills in what is not in the answer; NULL: nothing */
    const char *when_empty;      /* said instead of an empty table */
};

struct list_how {
    const char *socket_path;
    const char *target;  /* with its query, but no page */
    const char *columns; /* "name,quota"; "all"; NULL: those shown by default, of CSV all */
    bool json, csv;
};

/* Returns the exit code; failures have been said. */
int list_print(const struct list *list, const struct list_how *how);

/* One line of it as "Title: value" lines, every column that has a value. */
void list_print_line(const struct list *list, const void *line);

#endif
