/* config.h - a configuration file read by a table, over libconfig: types, defaults, ranges, and errors that
 * name file, line, setting and what is allowed. An unknown setting is an error that names the nearest known
 * one. */
#ifndef FARMGATE_COMMON_CONFIG_H
#define FARMGATE_COMMON_CONFIG_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_PATH_BYTES 256 /* of a setting: "sessions.rules[63].class" */

enum config_type {
    CONFIG_TEXT,     /* char[max + 1]; min..max bytes */
    CONFIG_INTEGER,  /* int64_t; min..max */
    CONFIG_INTEGERS, /* list of integers: int64_t[count_max] with a size_t count; each min..max */
    CONFIG_DURATION, /* int64_t ms, written in the file as "90s", "5min", "24h", "7d", or 0; min..max in ms */
    CONFIG_BOOLEAN,  /* bool */
    CONFIG_CHOICE,   /* int index into choices */
    CONFIG_TEXTS,    /* list of texts: char[count_max][max + 1] with a size_t count */
    CONFIG_LIST,     /* list of groups, each read by *elements into element_bytes with a size_t count */
};

/* What of a value may be handed on to others, as `farmgate support` does. */
enum config_telling {
    CONFIG_TELL_ALL,
    CONFIG_TELL_URL,     /* without a user and password in it */
    CONFIG_TELL_PERSON,  /* it may name one: a pseudonym takes its place */
    CONFIG_TELL_PROGRAM, /* a command's first word; its arguments may hold anything */
    CONFIG_TELL_NAME,    /* what stands before the first ':' */
};

struct config_table;
struct config_setting {
    const char *path; /* "farm.mode"; inside a list's group just "service" */
    enum config_type type;
    size_t offset;
    int64_t min, max;
    const char *default_text; /* as it would stand in the file: "\"alone\"", "1200", "true", "(\"sudo\",
                                 \"wheel\")" */
    const char *const *choices;
    size_t count_offset, count_max, element_bytes;
    const struct config_table *elements;
    /* Of a text, or of each of some texts, that is not empty: 0, or negative with what is wrong in
     * *ret_detail. May be NULL. */
    int (*check)(const char *text, struct error_detail *ret_detail);
    bool or_zero;       /* a duration may be 0 (never) besides min..max */
    bool required;      /* inside a list's group */
    bool needs_restart; /* a change is named and not applied at reload */
    bool farm_wide;     /* in a farm of many hosts it is the farm's, whatever a host's file says */
    enum config_telling tell;
    const char *what; /* one sentence for the manual and the configuration's comment */
};

/* A name that people may try, in whatever group, though there is no such setting. */
struct config_fixed {
    const char *name; /* "overuse_grace" */
    const char *why;  /* what to do instead, or why it cannot be: ends the error's sentence */
};
struct config_table {
    const struct config_setting *settings;
    size_t count;
    const struct config_fixed *fixed; /* may be NULL */
    size_t fixed_count;
};

/* Sets every default, then reads the file over them (with libconfig's @include "NAME", relative to the file's
 * directory). ERROR_CONFIGURATION with "farmgate.conf:12: farm.mode: …; allowed: …" in *ret_detail (also for
 * syntax errors, with libconfig's line), ERROR_NOT_FOUND, ERROR_FORBIDDEN, ERROR_IO, ERROR_NO_MEMORY. `path`
 * NULL: only the defaults. *ret is thrown away on failure. */
int config_load(const struct config_table *table, const char *path, void *ret,
                struct error_detail *ret_detail);

/* What no single setting shows: 0, or negative with the path of the setting to blame
 * ("sessions.aliases[1].domain") and what is wrong. */
typedef int config_check_fn(const void *values, char ret_path[CONFIG_PATH_BYTES],
                            struct error_detail *ret_detail);

/* The same, with a last check of the whole; what it finds is told with file and line, too. */
int config_load_checked(const struct config_table *table, config_check_fn *check, const char *path, void *ret,
                        struct error_detail *ret_detail);

/* One setting, of a type without a count, whatever else is wrong with the file: its default if the file
 * cannot be read or has none, or a wrong one. Nothing else of *ret is touched. */
void config_peek(const struct config_table *table, const char *setting_path, const char *path, void *ret);

/* The paths of settings marked needs_restart that differ between two structs, joined with ", " ("" if none),
 * and every other differing path in ret_changed. */
void config_compare(const struct config_table *table, const void *old, const void *new,
                    char *ret_needs_restart, size_t restart_bytes, char *ret_changed, size_t changed_bytes);

/* Takes the settings marked needs_restart from `old` over into `new`: a reload does not apply them. */
void config_keep_until_restart(const struct config_table *table, const void *old, void *new);

/* One setting of the table by its path; NULL: there is none. */
const struct config_setting *config_find(const struct config_table *table, const char *path);

/* Takes one setting from `text`, its value as it would stand in the file: "(80, 90)". ERROR_CONFIGURATION
 * with "PATH: …; allowed: …", ERROR_NO_MEMORY; then *ret is as it was. */
int config_set(const struct config_table *table, const struct config_setting *setting, const char *text,
               void *ret, struct error_detail *ret_detail);

/* The value as it would stand in the file, on one line, to be freed with free(); NULL without memory. Equal
 * values give equal texts. */
char *config_print(const struct config_setting *setting, const void *values);

/* A duration other than 0 without its quotes, in the largest unit that needs no fraction; "0". */
#define CONFIG_DURATION_BYTES 32
void config_duration_text(int64_t ms, char ret[CONFIG_DURATION_BYTES]);

/* Whether two structs have the same value there; and from one into the other. */
bool config_equal(const struct config_setting *setting, const void *a, const void *b);
void config_copy(const struct config_setting *setting, const void *from, void *to);

/* What a value may be, in words: "an integer from 1 to 4096". */
#define CONFIG_ALLOWED_BYTES 256
void config_describe_allowed(const struct config_setting *setting, char ret[CONFIG_ALLOWED_BYTES]);

/* The nearest name by edit distance, NULL if none is near (also for unknown subcommands). */
const char *config_nearest(const char *word, const char *const *names, size_t count);

#endif
