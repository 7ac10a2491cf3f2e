#include "csv_map.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS (SIZING_LOGOFF + 1)

static const char *const keys[CSV_COLUMN_MAX + EVENTS] = {
    [CSV_TS] = "ts",
    [CSV_USER] = "user",
    [CSV_HOST] = "host",
    [CSV_EVENT] = "event",
    [CSV_SESSION] = "session",
    [CSV_KIND] = "kind",
    [CSV_ROUTE] = "route",
    [CSV_ADMIN] = "admin",
    [CSV_COLUMN_MAX + SIZING_CONNECT] = "connect",
    [CSV_COLUMN_MAX + SIZING_DISCONNECT] = "disconnect",
    [CSV_COLUMN_MAX + SIZING_LOGOFF] = "logoff",
};

/* Alternatives, the likeliest first. */
static const char *const usual[CSV_COLUMN_MAX + EVENTS] = {
    [CSV_TS] = "ts|timestamp|datetime|date time|date|event time|time created|time generated|time|when",
    [CSV_USER] = "user|username|account|account name|user account|login name|sam account name|user id|"
                 "target user name|who",
    [CSV_HOST] =
        "host|hostname|pc|computer|computer name|machine|machine name|server|server name|workstation",
    [CSV_EVENT] = "event|activity|action|event type|event name|operation|type|status|state",
    [CSV_SESSION] = "session|session id|logon id|target logon id|connection id",
    [CSV_KIND] = "kind",
    [CSV_ROUTE] = "route",
    [CSV_ADMIN] = "admin|administrator|is admin",
    [CSV_COLUMN_MAX + SIZING_CONNECT] =
        "connect|connected|logon|login|log on|log in|logged on|logged in|sign in|"
        "sign on|session start|session started|reconnect|reconnected|start",
    [CSV_COLUMN_MAX + SIZING_DISCONNECT] = "disconnect|disconnected|session disconnected",
    [CSV_COLUMN_MAX + SIZING_LOGOFF] =
        "logoff|logout|log off|log out|logged off|logged out|sign out|sign off|"
        "session end|session ended|end",
};

struct csv_map {
    char *text;                                /* which the others point into */
    const char *told[CSV_COLUMN_MAX + EVENTS]; /* NULL: not told */
};

/* ---- words --------------------------------------------------------------------------------------------- */

static bool counts(char c)
{
    return isalnum((unsigned char)c) != 0 || (unsigned char)c >= 0x80;
}

/* Whether `name` is the first `bytes` of `other`, by what counts in both. */
static bool is_alike(const char *name, const char *other, size_t bytes)
{
    const char *end = other + bytes;
    bool any = false;
    for (;; name++, other++, any = true) {
        while (*name != '\0' && !counts(*name))
            name++;
        while (other < end && !counts(*other))
            other++;
        if (*name == '\0' || other == end)
            return any && *name == '\0' && other == end;
        if (tolower((unsigned char)*name) != tolower((unsigned char)*other))
            return false;
    }
}

static bool is_one_of(const char *name, const char *alternatives)
{
    for (const char *at = alternatives;; at++) {
        size_t bytes = strcspn(at, "|");
        if (is_alike(name, at, bytes))
            return true;
        at += bytes;
        if (*at == '\0')
            return false;
    }
}

bool csv_map_event(const struct csv_map *map, const char *word, enum sizing_type *ret_type)
{
    for (int told = 1; told >= 0; told--)
        for (int type = 0; type < EVENTS; type++) {
            const char *own = map == NULL ? NULL : map->told[CSV_COLUMN_MAX + type];
            const char *words = told == 1 ? own : own == NULL ? usual[CSV_COLUMN_MAX + type] : NULL;
            if (words == NULL || !is_one_of(word, words))
                continue;
            *ret_type = (enum sizing_type)type;
            return true;
        }
    return false;
}

/* ---- columns ------------------------------------------------------------------------------------------- */

static size_t column_called(const char *const *header, size_t count, const char *name, size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        if (is_alike(header[i], name, bytes))
            return i;
    return CSV_NONE;
}

/* By the order of the alternatives, not that of the columns. */
static size_t usual_column(const char *const *header, size_t count, const char *alternatives)
{
    for (const char *at = alternatives;; at++) {
        size_t bytes = strcspn(at, "|"), column = column_called(header, count, at, bytes);
        if (column != CSV_NONE)
            return column;
        at += bytes;
        if (*at == '\0')
            return CSV_NONE;
    }
}

/* A date and a time of day in columns of their own are one time. */
static void split_time(const char *const *header, size_t count, size_t columns[CSV_COLUMN_MAX])
{
    if (columns[CSV_TS] == CSV_NONE || !is_alike(header[columns[CSV_TS]], "date", 4))
        return;
    columns[CSV_TS_REST] = column_called(header, count, "time", 4);
}

static int told_columns(const char *const *header, size_t count, int key, const char *told,
                        size_t columns[CSV_COLUMN_MAX], struct error_detail *ret_detail)
{
    size_t bytes = key == CSV_TS ? strcspn(told, "+") : strlen(told);
    columns[key] = column_called(header, count, told, bytes);
    bool found = columns[key] != CSV_NONE;
    if (found && told[bytes] == '+') {
        columns[CSV_TS_REST] = column_called(header, count, told + bytes + 1, strlen(told + bytes + 1));
        found = columns[CSV_TS_REST] != CSV_NONE;
    }
    if (found)
        return 0;
    error_detail_set(ret_detail, "%s: there is no column '%s'", keys[key], told);
    return ERROR_NOT_FOUND;
}

int csv_map_columns(const struct csv_map *map, const char *const *header, size_t count,
                    size_t ret_columns[CSV_COLUMN_MAX], struct error_detail *ret_detail)
{
    static const int needed[] = {CSV_TS, CSV_USER, CSV_EVENT};
    for (int key = 0; key < CSV_COLUMN_MAX; key++)
        ret_columns[key] = CSV_NONE;
    for (int key = 0; key < CSV_COLUMN_MAX; key++) {
        const char *told = map == NULL ? NULL : map->told[key];
        if (told == NULL && keys[key] != NULL)
            ret_columns[key] = usual_column(header, count, usual[key]);
        int code = told == NULL ? 0 : told_columns(header, count, key, told, ret_columns, ret_detail);
        if (code < 0)
            return code;
    }
    if (map == NULL || map->told[CSV_TS] == NULL)
        split_time(header, count, ret_columns);
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (ret_columns[needed[i]] != CSV_NONE)
            continue;
        error_detail_set(ret_detail, "%s: no column of a usual name; --map %s=COLUMN tells it",
                         keys[needed[i]], keys[needed[i]]);
        return ERROR_NOT_FOUND;
    }
    return 0;
}

/* ---- --map --------------------------------------------------------------------------------------------- */

static int key_called(const char *name, size_t bytes)
{
    for (int key = 0; key < CSV_COLUMN_MAX + EVENTS; key++)
        if (keys[key] != NULL && strlen(keys[key]) == bytes && memcmp(keys[key], name, bytes) == 0)
            return key;
    return -1;
}

/* "KEY=VALUE", cut out of the whole. */
static int take_pair(struct csv_map *map, const char *pair, struct error_detail *ret_detail)
{
    size_t bytes = strcspn(pair, "=");
    int key = key_called(pair, bytes);
    if (key < 0 || pair[bytes] == '\0' || pair[bytes + 1] == '\0') {
        error_detail_set(
            ret_detail,
            "'%s' is not KEY=COLUMN with ts, user, host, event, session, kind, route or admin, nor "
            "KEY=WORD with connect, disconnect or logoff",
            pair);
        return ERROR_INVALID;
    }
    if (map->told[key] != NULL) {
        error_detail_set(ret_detail, "%s: given twice", keys[key]);
        return ERROR_INVALID;
    }
    map->told[key] = pair + bytes + 1;
    return 0;
}

int csv_map_create(const char *text, struct csv_map **ret_map, struct error_detail *ret_detail)
{
    struct csv_map *map = calloc(1, sizeof *map);
    if (map == NULL || (map->text = strdup(text)) == NULL) {
        free(map);
        return ERROR_NO_MEMORY;
    }
    int code = 0;
    for (char *at = map->text, *comma; code == 0 && at != NULL; at = comma == NULL ? NULL : comma + 1) {
        comma = strchr(at, ',');
        if (comma != NULL)
            *comma = '\0';
        code = take_pair(map, at, ret_detail);
    }
    if (code == 0)
        *ret_map = map;
    else
        csv_map_destroy(map);
    return code;
}

void csv_map_destroy(struct csv_map *map)
{
    if (map == NULL)
        return;
    free(map->text);
    free(map);
}
