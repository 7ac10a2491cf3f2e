/* list.h - a list of the daemon's, fetched page by page, printed as a table or as JSON. One table of fields
 * says how its lines are read and how they are written. */
#ifndef FARMGATE_CLOUD_ADMIN_LIST_H
#define FARMGATE_CLOUD_ADMIN_LIST_H

#include "common/json.h"

struct list_column {
    const char *title;
    const char *field; /* of the shape */
};

struct list {
    const char *target; /* "/v1/keys" */
    const char *name;   /* "keys": of the array in the answer */
    const struct json_shape *shape;
    size_t line_bytes;
    const struct list_column *columns;
    size_t column_count;
    const char *when_empty; /* said on a terminal instead of an empty table */
};

/* Returns the exit code; failures have been said. */
int list_print(const struct list *list, const char *socket_path, bool json);

#endif
