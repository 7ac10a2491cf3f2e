/* csv_map.h - which column of a CSV says what, and which words in it are connects, disconnects and log-offs:
 * from `--map`, else by common names. Names and words compare by their letters and digits, without case:
 * "Logon Time" is "logon_time". */
#ifndef FARMGATE_CTL_CSV_MAP_H
#define FARMGATE_CTL_CSV_MAP_H

#include "sizing.h"

#include "common/error.h"

enum csv_column {
    CSV_TS,
    CSV_TS_REST, /* of "ts=Date+Time" the second */
    CSV_USER,
    CSV_HOST,
    CSV_EVENT,
    CSV_SESSION,
    CSV_KIND,
    CSV_ROUTE,
    CSV_ADMIN,
    CSV_COLUMN_MAX
};

#define CSV_NONE SIZE_MAX /* no such column */

/* `--map ts=date,user=user,host=pc,event=activity,connect=Logon|Login,logoff=Logoff` */
struct csv_map;

/* ERROR_INVALID with *ret_detail; ERROR_NO_MEMORY. */
int csv_map_create(const char *text, struct csv_map **ret_map, struct error_detail *ret_detail);
void csv_map_destroy(struct csv_map *map);

/* Where each column stands in a header. `map` may be NULL. ERROR_NOT_FOUND with what is missing. */
int csv_map_columns(const struct csv_map *map, const char *const *header, size_t count,
                    size_t ret_columns[CSV_COLUMN_MAX], struct error_detail *ret_detail);

/* What a word in the event's column is; false: nothing of sessions. */
bool csv_map_event(const struct csv_map *map, const char *word, enum sizing_type *ret_type);

#endif
