/* farm_settings.h - the settings on which the count depends, as the farm has them: the value of the key
 * `settings` (farmgate-farm(7)). Pure: text in, text and settings out.
 *
 *     {"n": 4, "settings": {"gate.strict": "true", "sessions.api_lease": "\"12h\"", …}}
 *
 * Which settings these are, the table of settings says (config.h: farm_wide). A value is what would stand in
 * a host's file, so there is one reader and one check for both. n grows with every change. What a newer
 * release has beyond that is kept, and not looked at. */
#ifndef FARMGATE_AGENT_FARM_FARM_SETTINGS_H
#define FARMGATE_AGENT_FARM_FARM_SETTINGS_H

#include "agent/settings.h"

#define FARM_SETTINGS_BYTES_MAX       (256 * 1024)
#define FARM_SETTINGS_VALUE_BYTES_MAX (64 * 1024)
#define FARM_SETTINGS_MAX             128 /* paths, those of a newer release included */

/* The value for a farm that has none yet, from its first leader's file: every setting of the farm's stands in
 * it, so that no other host's file has a say later. To be freed with free(). ERROR_NO_MEMORY. */
int farm_settings_make(const struct settings *of_file, char **ret_text);

/* Which change of it a value is. ERROR_INVALID, ERROR_NO_MEMORY. */
int farm_settings_number(const char *text, size_t bytes, int64_t *ret);

/* The settings in force on a host with this file. A value that this release does not take is left out, and
 * the file's holds: *ret_detail then names it and why, else it is "". ERROR_INVALID with words (not such a
 * value at all, or one that contradicts itself), ERROR_NO_MEMORY. `ret` may be `of_file`. */
int farm_settings_apply(const char *text, size_t bytes, const struct settings *of_file, struct settings *ret,
                        struct error_detail *ret_detail);

/* Calls for each setting in which a host's file says something else than the farm has, with both values as
 * they would stand in a file. A file that leaves a setting at its default says nothing of it.
 * ERROR_NO_MEMORY. */
typedef void farm_settings_fn(void *data, const char *path, const char *in_file, const char *in_force);
int farm_settings_differences(const struct settings *of_file, const struct settings *in_force,
                              farm_settings_fn *on_difference, void *data);

/* A value with one setting changed, to be freed with free(): `value` as in a file, words and durations also
 * without quotes; NULL: the default. `text` NULL: a farm without any yet. ERROR_CONFIGURATION with what is
 * allowed (also for a setting that each host has for itself); ERROR_INVALID (`text`), ERROR_TOO_LARGE,
 * ERROR_NO_MEMORY. */
int farm_settings_change(const char *text, size_t bytes, const char *path, const char *value, char **ret_text,
                         struct error_detail *ret_detail);

/* Calls for each setting that the farm has. Errors as of farm_settings_number. */
typedef void farm_settings_row_fn(void *data, const char *path, const char *value);
int farm_settings_each(const char *text, size_t bytes, farm_settings_row_fn *on_row, void *data);

#endif
