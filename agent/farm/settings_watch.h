/* settings_watch.h - follows the key `settings`, by which all hosts of a farm count alike, and changes it.
 * What stands in the value is farm_settings.h's. Pure, as leader.h. */
#ifndef FARMGATE_AGENT_FARM_SETTINGS_WATCH_H
#define FARMGATE_AGENT_FARM_SETTINGS_WATCH_H

#include "farm.h"
#include "port.h"
#include "record.h"

#define SETTINGS_WATCH_FIRST_MS 500 /* after a request that failed; doubled up to the last */
#define SETTINGS_WATCH_LAST_MS  8000

struct settings_watch;

struct settings_watch_told {
    /* The value is this one now; NULL: the farm has none yet. Only what differs from before is told. */
    void (*settings)(void *data, const char *text, size_t bytes);
    void (*unreadable)(void *data, const char *key, const char *detail);
    void *data;
};

/* NULL without memory. `farm` outlives it. */
struct settings_watch *settings_watch_create(const struct record_farm *farm, const struct farm_port *port,
                                             const struct settings_watch_told *told);
void settings_watch_destroy(struct settings_watch *watch); /* who waits is not told */

/* Time has passed, steady ms. The first call asks. */
void settings_watch_pass(struct settings_watch *watch, int64_t now_ms);
int64_t settings_watch_due_ms(const struct settings_watch *watch);

/* The farm's value has been read, and is what was told last. */
bool settings_watch_is_read(const struct settings_watch *watch);

/* Puts another value, if the one that was told last still stands: else ERROR_BUSY, and the caller begins with
 * the new one. `done` as farm_done_fn, with an error of the port's otherwise. */
void settings_watch_put(struct settings_watch *watch, const char *text, size_t bytes, farm_done_fn *done,
                        void *done_data);

#endif
