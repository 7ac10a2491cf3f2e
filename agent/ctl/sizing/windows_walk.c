#include "windows_walk.h"

#include <string.h>

static bool is(const char *name, size_t bytes, const char *word)
{
    return strlen(word) == bytes && memcmp(name, word, bytes) == 0;
}

static struct windows_walk_level level_of(enum windows_walk_context context)
{
    return (struct windows_walk_level){context, WINDOWS_FIELD_MAX};
}

static struct windows_walk_level value_of(enum windows_field field)
{
    return (struct windows_walk_level){WALK_VALUE, field};
}

static struct windows_walk_level in_event(const char *name, size_t bytes)
{
    if (is(name, bytes, "System"))
        return level_of(WALK_SYSTEM);
    if (is(name, bytes, "EventData"))
        return level_of(WALK_EVENT_DATA);
    return level_of(is(name, bytes, "UserData") ? WALK_USER_DATA : WALK_SKIPPED);
}

static struct windows_walk_level in_system(const char *name, size_t bytes)
{
    if (is(name, bytes, "EventID"))
        return value_of(WINDOWS_EVENT_ID);
    if (is(name, bytes, "EventRecordID"))
        return value_of(WINDOWS_RECORD_ID);
    if (is(name, bytes, "Channel"))
        return value_of(WINDOWS_CHANNEL);
    if (is(name, bytes, "Computer"))
        return value_of(WINDOWS_COMPUTER);
    if (is(name, bytes, "Provider"))
        return level_of(WALK_PROVIDER);
    return level_of(is(name, bytes, "TimeCreated") ? WALK_TIME : WALK_SKIPPED);
}

/* What groups the data has a name of the event's own. */
static struct windows_walk_level in_user_data(const char *name, size_t bytes)
{
    enum windows_field field = windows_data_field(name, bytes);
    return field == WINDOWS_FIELD_MAX ? level_of(WALK_USER_DATA) : value_of(field);
}

static struct windows_walk_level inside(enum windows_walk_context context, const char *name, size_t bytes)
{
    switch (context) {
    case WALK_OUTSIDE:
        return level_of(is(name, bytes, "Event") ? WALK_EVENT : WALK_SKIPPED);
    case WALK_EVENT:
        return in_event(name, bytes);
    case WALK_SYSTEM:
        return in_system(name, bytes);
    case WALK_EVENT_DATA:
        return level_of(is(name, bytes, "Data") ? WALK_NAMED_DATA : WALK_SKIPPED);
    case WALK_USER_DATA:
        return in_user_data(name, bytes);
    default:
        return level_of(WALK_SKIPPED);
    }
}

static struct windows_walk_level *top(struct windows_walk *walk)
{
    return &walk->levels[walk->depth - 1];
}

void windows_walk_begin(struct windows_walk *walk, struct windows_record *record)
{
    windows_record_begin(record);
    walk->record = record;
    walk->levels[0] = level_of(WALK_OUTSIDE);
    walk->depth = 1;
}

bool windows_walk_open(struct windows_walk *walk, const char *name, size_t bytes)
{
    const char *colon = memchr(name, ':', bytes);
    if (walk->depth == WINDOWS_WALK_DEPTH_MAX)
        return false;
    if (colon != NULL) {
        bytes -= (size_t)(colon + 1 - name);
        name = colon + 1;
    }
    walk->levels[walk->depth] = inside(top(walk)->context, name, bytes);
    walk->depth++;
    return true;
}

void windows_walk_attribute(struct windows_walk *walk, const char *name, size_t name_bytes, const char *value,
                            size_t value_bytes)
{
    switch (top(walk)->context) {
    case WALK_PROVIDER:
        if (is(name, name_bytes, "Name"))
            windows_record_put(walk->record, WINDOWS_PROVIDER, value, value_bytes);
        break;
    case WALK_TIME:
        if (is(name, name_bytes, "SystemTime"))
            windows_record_put(walk->record, WINDOWS_SYSTEM_TIME, value, value_bytes);
        break;
    case WALK_NAMED_DATA:
        if (is(name, name_bytes, "Name"))
            top(walk)->field = windows_data_field(value, value_bytes);
        break;
    default:
        break;
    }
}

void windows_walk_text(struct windows_walk *walk, const char *text, size_t bytes)
{
    if (top(walk)->field != WINDOWS_FIELD_MAX)
        windows_record_put(walk->record, top(walk)->field, text, bytes);
}

void windows_walk_close(struct windows_walk *walk)
{
    if (walk->depth > 1)
        walk->depth--;
}
