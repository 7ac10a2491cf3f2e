/* windows_walk.h - a record's fields from the elements of its XML, which is written as text or as an .evtx
 * file has it:
 *
 *     <Event><System><Provider Name="…"/><EventID>…</EventID><TimeCreated SystemTime="…"/>
 *                    <Channel>…</Channel><Computer>…</Computer> …</System>
 *            <EventData><Data Name="TargetUserName">…</Data> …</EventData>
 *         or <UserData><EventXML><User>…</User> …</EventXML></UserData></Event>
 */
#ifndef FARMGATE_CTL_WINDOWS_WALK_H
#define FARMGATE_CTL_WINDOWS_WALK_H

#include "windows_record.h"

#define WINDOWS_WALK_DEPTH_MAX 32

/* What an element holds. */
enum windows_walk_context {
    WALK_OUTSIDE,
    WALK_EVENT,
    WALK_SYSTEM,
    WALK_PROVIDER,
    WALK_TIME,
    WALK_EVENT_DATA,
    WALK_NAMED_DATA, /* its attribute says which field it is */
    WALK_USER_DATA,
    WALK_VALUE,
    WALK_SKIPPED,
};

struct windows_walk_level {
    enum windows_walk_context context;
    enum windows_field field;
};

struct windows_walk {
    struct windows_record *record;
    struct windows_walk_level levels[WINDOWS_WALK_DEPTH_MAX];
    size_t depth;
};

/* Begins an empty record, which outlives the walk. */
void windows_walk_begin(struct windows_walk *walk, struct windows_record *record);

/* An element, its attributes, what is in it, its end. False: nested too deeply. */
bool windows_walk_open(struct windows_walk *walk, const char *name, size_t bytes);
void windows_walk_attribute(struct windows_walk *walk, const char *name, size_t name_bytes, const char *value,
                            size_t value_bytes);
void windows_walk_text(struct windows_walk *walk, const char *text, size_t bytes);
void windows_walk_close(struct windows_walk *walk);

#endif
