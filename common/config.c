#include "config.h"

#include "config_file.h"
#include "utf8.h"

#include <assert.h>
#include <inttypes.h>
#include <libconfig.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX      256 /* that an unknown one is compared with */
#define WORD_BYTES_MAX 64  /* longer words are near nothing */

/* One reading of one file. */
struct reading {
    const struct config_table *table; /* the top one */
    config_check_fn *check;           /* may be NULL */
    const char *file;                 /* NULL: a value by itself */
    struct error_detail *detail;      /* may be NULL */
};

/* Where the reader stands: a group of the file, the table it is read by, and where its values go. */
struct place {
    struct reading *reading;
    const struct config_table *table;
    const char *shown;  /* path of the list's element that this table belongs to, with a dot; "" at the top */
    const char *prefix; /* path of the group below it, with a dot; "" for none */
    char *base;
    bool *seen; /* one for each setting of the table */
};

/* ---- saying what is wrong ---- */

static int refuse(const struct reading *reading, const config_setting_t *at, const char *path,
                  const char *format, ...) __attribute__((format(__printf__, 4, 5)));
static int refuse(const struct reading *reading, const config_setting_t *at, const char *path,
                  const char *format, ...)
{
    char what[384];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    const char *file = config_setting_source_file(at);
    if (reading->file)
        error_detail_set(reading->detail, "%s:%u: %s: %s", file ? file : reading->file,
                         config_setting_source_line(at), path, what);
    else
        error_detail_set(reading->detail, "%s: %s", path, what);
    return ERROR_CONFIGURATION;
}

static void append(char *text, size_t room, const char *format, ...)
    __attribute__((format(__printf__, 3, 4)));
static void append(char *text, size_t room, const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text + length, room - length, format, arguments);
    va_end(arguments);
}

/* ---- words that are near ---- */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that make one word of the other. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t a_bytes = strlen(a), b_bytes = strlen(b);
    size_t rows[3][WORD_BYTES_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_bytes; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_bytes; j++) {
            size_t same = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + same);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_bytes];
}

const char *config_nearest(const char *word, const char *const *names, size_t count)
{
    size_t bytes = strlen(word),
           best = bytes / 3 + 2; /* a third of the word may be wrong, at least one letter */
    const char *nearest = NULL;
    if (bytes > WORD_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > WORD_BYTES_MAX)
            continue;
        size_t distance = edit_distance(word, names[i]);
        if (distance < best && distance < strlen(names[i])) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

/* "count_routes" written outside its group: the known path that ends in it. */
static const char *misplaced(const struct config_table *table, const char *word)
{
    const char *dot = strrchr(word, '.');
    const char *leaf = dot ? dot + 1 : word;
    for (size_t i = 0; i < table->count; i++) {
        const char *path = table->settings[i].path;
        const char *last = strrchr(path, '.');
        if (last && strcmp(last + 1, leaf) == 0)
            return path;
    }
    return NULL;
}

/* Why there is no such setting, NULL if nothing is known of it. */
static const char *why_fixed(const struct config_table *table, const char *word)
{
    const char *dot = strrchr(word, '.');
    for (size_t i = 0; i < table->fixed_count; i++)
        if (strcmp(table->fixed[i].name, dot ? dot + 1 : word) == 0)
            return table->fixed[i].why;
    return NULL;
}

static int refuse_unknown(const struct place *place, const config_setting_t *setting, const char *word)
{
    const struct config_table *table = place->table;
    const char *names[NAMES_MAX];
    char groups[NAMES_MAX][WORD_BYTES_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < table->count && count + 1 < NAMES_MAX; i++) {
        const char *dot = strchr(table->settings[i].path, '.');
        names[count++] = table->settings[i].path;
        if (!dot || dot - table->settings[i].path > WORD_BYTES_MAX)
            continue;
        (void)snprintf(groups[count], sizeof(groups[count]), "%.*s", (int)(dot - table->settings[i].path),
                       table->settings[i].path);
        names[count] = groups[count];
        count++;
    }
    const char *nearest = misplaced(table, word), *why = why_fixed(table, word);
    nearest = nearest ? nearest : config_nearest(word, names, count);
    char path[CONFIG_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s%s", place->shown, word);
    if (why)
        return refuse(place->reading, setting, path, "not a setting: %s", why);
    if (nearest)
        return refuse(place->reading, setting, path, "unknown setting; did you mean %s%s?", place->shown,
                      nearest);
    return refuse(place->reading, setting, path, "unknown setting");
}

/* ---- values ---- */

struct unit {
    const char *name;
    int64_t ms;
};
static const struct unit units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1},
};
#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static bool parse_duration(const char *text, int64_t *ret_ms)
{
    int64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *at - '0', &value))
            return false;
    if (at == text)
        return false;
    if (*at == '\0' && value == 0) {
        *ret_ms = 0;
        return true;
    }
    for (size_t i = 0; i < UNIT_COUNT; i++)
        if (strcmp(at, units[i].name) == 0)
            return !__builtin_mul_overflow(value, units[i].ms, ret_ms);
    return false;
}

void config_duration_text(int64_t ms, char ret[CONFIG_DURATION_BYTES])
{
    size_t i = 0;
    while (ms % units[i].ms != 0)
        i++;
    if (ms == 0)
        (void)snprintf(ret, CONFIG_DURATION_BYTES, "0");
    else
        (void)snprintf(ret, CONFIG_DURATION_BYTES, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
}

void config_describe_allowed(const struct config_setting *setting, char ret[CONFIG_ALLOWED_BYTES])
{
    char least_text[CONFIG_DURATION_BYTES], most_text[CONFIG_DURATION_BYTES];
    ret[0] = '\0';
    switch (setting->type) {
    case CONFIG_TEXT:
        append(ret, CONFIG_ALLOWED_BYTES, "a text of %" PRId64 " to %" PRId64 " bytes", setting->min,
               setting->max);
        break;
    case CONFIG_INTEGER:
        append(ret, CONFIG_ALLOWED_BYTES, "an integer from %" PRId64 " to %" PRId64, setting->min,
               setting->max);
        break;
    case CONFIG_INTEGERS:
        append(ret, CONFIG_ALLOWED_BYTES,
               "a list of at most %zu integers from %" PRId64 " to %" PRId64 ", like (1, 2)",
               setting->count_max, setting->min, setting->max);
        break;
    case CONFIG_DURATION:
        config_duration_text(setting->min, least_text);
        config_duration_text(setting->max, most_text);
        append(ret, CONFIG_ALLOWED_BYTES,
               "%sa duration from \"%s\" to \"%s\", like \"90s\", \"5min\", \"24h\", \"7d\"",
               setting->or_zero ? "0, or " : "", least_text, most_text);
        break;
    case CONFIG_BOOLEAN:
        append(ret, CONFIG_ALLOWED_BYTES, "true or false");
        break;
    case CONFIG_CHOICE:
        for (size_t i = 0; setting->choices[i]; i++)
            append(ret, CONFIG_ALLOWED_BYTES, "%s\"%s\"", i > 0 ? ", " : "", setting->choices[i]);
        break;
    case CONFIG_TEXTS:
        append(ret, CONFIG_ALLOWED_BYTES,
               "a list of at most %zu texts of %" PRId64 " to %" PRId64 " bytes, like (\"a\", \"b\")",
               setting->count_max, setting->min, setting->max);
        break;
    case CONFIG_LIST:
        append(ret, CONFIG_ALLOWED_BYTES,
               "a list of at most %zu groups, like ({ \xE2\x80\xA6 }, { \xE2\x80\xA6 })", setting->count_max);
        break;
    }
}

static int refuse_value(const struct place *place, const struct config_setting *setting,
                        const config_setting_t *at, const char *path, const char *what)
{
    char allowed[CONFIG_ALLOWED_BYTES];
    config_describe_allowed(setting, allowed);
    return refuse(place->reading, at, path, "%s; allowed: %s", what, allowed);
}

/* What is wrong with a text, NULL if nothing. */
static const char *text_fault(const struct config_setting *setting, const char *text)
{
    size_t bytes = strlen(text);
    if (!utf8_valid(text, bytes))
        return "not valid UTF-8";
    for (const char *at = text; *at; at++)
        if (((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7F)
            return "contains a control character";
    if (bytes > (size_t)setting->max)
        return "too long";
    if (bytes < (size_t)setting->min)
        return bytes == 0 ? "empty" : "too short";
    return NULL;
}

static int read_text(const struct place *place, const struct config_setting *setting,
                     const config_setting_t *at, const char *path, char *ret)
{
    if (config_setting_type(at) != CONFIG_TYPE_STRING)
        return refuse_value(place, setting, at, path, "not a text");
    const char *text = config_setting_get_string(at);
    const char *fault = text_fault(setting, text);
    if (fault)
        return refuse_value(place, setting, at, path, fault);
    struct error_detail detail = {""};
    if (*text && setting->check && setting->check(text, &detail) != 0)
        return refuse(place->reading, at, path, "%s", detail.text);
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}

static bool is_integer(const config_setting_t *at)
{
    return config_setting_type(at) == CONFIG_TYPE_INT || config_setting_type(at) == CONFIG_TYPE_INT64;
}

static int64_t integer_of(const config_setting_t *at)
{
    return config_setting_type(at) == CONFIG_TYPE_INT ? config_setting_get_int(at)
                                                      : config_setting_get_int64(at);
}

static int read_integer(const struct place *place, const struct config_setting *setting,
                        const config_setting_t *at, const char *path, int64_t *ret)
{
    if (!is_integer(at))
        return refuse_value(place, setting, at, path, "not an integer");
    int64_t value = integer_of(at);
    if (value < setting->min || value > setting->max)
        return refuse_value(place, setting, at, path, "out of range");
    *ret = value;
    return 0;
}

static int read_duration(const struct place *place, const struct config_setting *setting,
                         const config_setting_t *at, const char *path, int64_t *ret)
{
    int64_t ms = 0;
    bool zero = is_integer(at) && integer_of(at) == 0; /* 0 needs no unit and no quotes */
    bool text = config_setting_type(at) == CONFIG_TYPE_STRING;
    if (!zero && (!text || !parse_duration(config_setting_get_string(at), &ms)))
        return refuse_value(place, setting, at, path, "not a duration");
    bool off = ms == 0 && setting->or_zero;
    if (!off && (ms < setting->min || ms > setting->max))
        return refuse_value(place, setting, at, path, "out of range");
    *ret = ms;
    return 0;
}

static int read_boolean(const struct place *place, const struct config_setting *setting,
                        const config_setting_t *at, const char *path, bool *ret)
{
    if (config_setting_type(at) != CONFIG_TYPE_BOOL)
        return refuse_value(place, setting, at, path, "not true or false");
    *ret = config_setting_get_bool(at) == CONFIG_TRUE;
    return 0;
}

static int read_choice(const struct place *place, const struct config_setting *setting,
                       const config_setting_t *at, const char *path, int *ret)
{
    if (config_setting_type(at) != CONFIG_TYPE_STRING)
        return refuse_value(place, setting, at, path, "not a text");
    const char *word = config_setting_get_string(at);
    for (int i = 0; setting->choices[i]; i++) {
        if (strcmp(setting->choices[i], word) == 0) {
            *ret = i;
            return 0;
        }
    }
    return refuse_value(place, setting, at, path, "not a known word");
}

/* How many elements a list or array has; false if it is neither or has too many. */
static bool count_elements(const struct config_setting *setting, const config_setting_t *at, size_t *ret)
{
    int count = config_setting_is_list(at) || config_setting_is_array(at) ? config_setting_length(at) : -1;
    if (count < 0 || (size_t)count > setting->count_max)
        return false;
    *ret = (size_t)count;
    return true;
}

static int read_integers(const struct place *place, const struct config_setting *setting,
                         const config_setting_t *at, const char *path)
{
    size_t count;
    int64_t *integers = (int64_t *)(void *)(place->base + setting->offset);
    if (!count_elements(setting, at, &count))
        return refuse_value(place, setting, at, path, "not a list of integers, or too long a list");
    for (size_t i = 0; i < count; i++) {
        char element[CONFIG_PATH_BYTES];
        (void)snprintf(element, sizeof(element), "%.*s[%zu]", CONFIG_PATH_BYTES - 24, path, i);
        int error =
            read_integer(place, setting, config_setting_get_elem(at, (unsigned)i), element, &integers[i]);
        if (error != 0)
            return error;
    }
    *(size_t *)(void *)(place->base + setting->count_offset) = count;
    return 0;
}

static int read_texts(const struct place *place, const struct config_setting *setting,
                      const config_setting_t *at, const char *path)
{
    size_t count;
    char *texts = place->base + setting->offset;
    if (!count_elements(setting, at, &count))
        return refuse_value(place, setting, at, path, "not a list of texts, or too long a list");
    for (size_t i = 0; i < count; i++) {
        char element[CONFIG_PATH_BYTES];
        (void)snprintf(element, sizeof(element), "%.*s[%zu]", CONFIG_PATH_BYTES - 24, path, i);
        int error = read_text(place, setting, config_setting_get_elem(at, (unsigned)i), element,
                              texts + i * (size_t)(setting->max + 1));
        if (error != 0)
            return error;
    }
    *(size_t *)(void *)(place->base + setting->count_offset) = count;
    return 0;
}

static int read_group(const struct place *place, const config_setting_t *group);
static int set_defaults(struct reading *reading, const struct config_table *table, char *base);

static int read_element(const struct place *place, const struct config_setting *setting,
                        const config_setting_t *at, const char *path, char *base)
{
    bool seen[NAMES_MAX] = {false};
    char shown[CONFIG_PATH_BYTES];
    (void)snprintf(shown, sizeof(shown), "%.*s.", CONFIG_PATH_BYTES - 2, path);
    if (!config_setting_is_group(at))
        return refuse(place->reading, at, path, "not a group; allowed: { \xE2\x80\xA6 }");
    memset(base, 0, setting->element_bytes);
    int error = set_defaults(place->reading, setting->elements, base);
    if (error != 0)
        return error;
    struct place inside = {place->reading, setting->elements, shown, "", base, seen};
    error = read_group(&inside, at);
    for (size_t i = 0; i < setting->elements->count && error == 0; i++)
        if (setting->elements->settings[i].required && !seen[i])
            error = refuse(place->reading, at, path, "%s is missing", setting->elements->settings[i].path);
    return error;
}

static int read_list(const struct place *place, const struct config_setting *setting,
                     const config_setting_t *at, const char *path)
{
    size_t count;
    char *elements = place->base + setting->offset;
    if (!count_elements(setting, at, &count))
        return refuse_value(place, setting, at, path, "not a list of groups, or too long a list");
    for (size_t i = 0; i < count; i++) {
        char element[CONFIG_PATH_BYTES];
        (void)snprintf(element, sizeof(element), "%.*s[%zu]", CONFIG_PATH_BYTES - 24, path, i);
        int error = read_element(place, setting, config_setting_get_elem(at, (unsigned)i), element,
                                 elements + i * setting->element_bytes);
        if (error != 0)
            return error;
    }
    *(size_t *)(void *)(place->base + setting->count_offset) = count;
    return 0;
}

static int read_value(const struct place *place, const struct config_setting *setting,
                      const config_setting_t *at)
{
    char path[CONFIG_PATH_BYTES];
    void *value = place->base + setting->offset;
    (void)snprintf(path, sizeof(path), "%s%s", place->shown, setting->path);
    switch (setting->type) {
    case CONFIG_TEXT:
        return read_text(place, setting, at, path, value);
    case CONFIG_INTEGER:
        return read_integer(place, setting, at, path, value);
    case CONFIG_INTEGERS:
        return read_integers(place, setting, at, path);
    case CONFIG_DURATION:
        return read_duration(place, setting, at, path, value);
    case CONFIG_BOOLEAN:
        return read_boolean(place, setting, at, path, value);
    case CONFIG_CHOICE:
        return read_choice(place, setting, at, path, value);
    case CONFIG_TEXTS:
        return read_texts(place, setting, at, path);
    case CONFIG_LIST:
        return read_list(place, setting, at, path);
    }
    return ERROR_INVALID;
}

/* ---- the file ---- */

const struct config_setting *config_find(const struct config_table *table, const char *path)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->settings[i].path, path) == 0)
            return &table->settings[i];
    return NULL;
}

static bool is_group_of(const struct config_table *table, const char *path)
{
    size_t bytes = strlen(path);
    for (size_t i = 0; i < table->count; i++)
        if (strncmp(table->settings[i].path, path, bytes) == 0 && table->settings[i].path[bytes] == '.')
            return true;
    return false;
}

static int read_member(const struct place *place, const config_setting_t *member)
{
    char path[CONFIG_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s%.128s", place->prefix, config_setting_name(member));
    const struct config_setting *setting = config_find(place->table, path);
    if (setting) {
        place->seen[setting - place->table->settings] = true;
        return read_value(place, setting, member);
    }
    if (!is_group_of(place->table, path))
        return refuse_unknown(place, member, path);
    if (!config_setting_is_group(member))
        return refuse(place->reading, member, path, "not a group; allowed: { \xE2\x80\xA6 }");
    char prefix[CONFIG_PATH_BYTES];
    struct place below = *place;
    (void)snprintf(prefix, sizeof(prefix), "%.*s.", CONFIG_PATH_BYTES - 2, path);
    below.prefix = prefix;
    return read_group(&below, member);
}

static int read_group(const struct place *place, const config_setting_t *group)
{
    int count = config_setting_length(group);
    for (int i = 0; i < count; i++) {
        int error = read_member(place, config_setting_get_elem(group, (unsigned)i));
        if (error != 0)
            return error;
    }
    return 0;
}

/* A default is read as if it stood in a file; one that cannot be is our mistake. */
static int set_default(struct reading *reading, const struct config_table *table,
                       const struct config_setting *setting, char *base)
{
    bool seen[NAMES_MAX] = {false};
    char text[512];
    config_t config;
    struct place place = {reading, table, "", "", base, seen};
    (void)snprintf(text, sizeof(text), "default = %s;", setting->default_text);
    config_init(&config);
    int error = config_read_string(&config, text) == CONFIG_TRUE ? 0 : ERROR_NO_MEMORY;
    if (error == 0)
        error = read_value(&place, setting, config_lookup(&config, "default"));
    config_destroy(&config);
    assert(error != ERROR_CONFIGURATION);
    return error;
}

static int set_defaults(struct reading *reading, const struct config_table *table, char *base)
{
    int error = 0;
    assert(table->count <= NAMES_MAX);
    for (size_t i = 0; i < table->count && error == 0; i++)
        if (table->settings[i].default_text)
            error = set_default(reading, table, &table->settings[i], base);
    return error;
}

/* Blames a setting by its path. One that the file does not have is blamed without a line. */
static int blame(struct reading *reading, const config_t *config, const char *path, const char *what)
{
    char lookup[2 * CONFIG_PATH_BYTES];
    size_t length = 0;
    for (const char *at = path; *at && length + 2 < sizeof(lookup);
         at++) { /* libconfig writes a[1].b as a.[1].b */
        if (*at == '[')
            lookup[length++] = '.';
        lookup[length++] = *at;
    }
    lookup[length] = '\0';
    const config_setting_t *setting = config_lookup(config, lookup);
    if (setting)
        return refuse(reading, setting, path, "%s", what);
    error_detail_set(reading->detail, "%s: %s: %s", reading->file, path, what);
    return ERROR_CONFIGURATION;
}

static int read_parsed(struct reading *reading, const config_t *config, void *ret)
{
    bool seen[NAMES_MAX] = {false};
    struct place place = {reading, reading->table, "", "", ret, seen};
    char path[CONFIG_PATH_BYTES] = "";
    struct error_detail what = {""};
    int error = read_group(&place, config_root_setting(config));
    for (size_t i = 0; i < reading->table->count && error == 0; i++)
        if (reading->table->settings[i].required && !seen[i])
            error = blame(reading, config, reading->table->settings[i].path, "missing");
    if (error == 0 && reading->check && reading->check(ret, path, &what) != 0)
        error = blame(reading, config, path, what.text);
    return error;
}

static int parse(struct reading *reading, const char *text, const char *directory, void *ret)
{
    config_t config;
    int error;
    config_init(&config);
    config_set_include_dir(&config, directory);
    if (config_read_string(&config, text) == CONFIG_TRUE) {
        error = read_parsed(reading, &config, ret);
    } else {
        const char *file = config_error_file(&config);
        const char *words = config_error_text(&config);
        error_detail_set(reading->detail, "%s:%d: %s", file ? file : reading->file,
                         config_error_line(&config), words ? words : "cannot be read");
        error = ERROR_CONFIGURATION;
    }
    config_destroy(&config);
    return error;
}

int config_load_checked(const struct config_table *table, config_check_fn *check, const char *path, void *ret,
                        struct error_detail *ret_detail)
{
    struct reading reading = {table, check, path ? path : "defaults", ret_detail};
    char directory[PATH_MAX];
    char *text;
    int error = set_defaults(&reading, table, ret);
    if (error != 0 || !path)
        return error;
    config_file_directory(path, directory);
    error = config_file_read(path, directory, &text, ret_detail);
    if (error != 0)
        return error;
    error = parse(&reading, text, directory, ret);
    free(text);
    return error;
}

int config_load(const struct config_table *table, const char *path, void *ret,
                struct error_detail *ret_detail)
{
    return config_load_checked(table, NULL, path, ret, ret_detail);
}

static void peek_parsed(struct reading *reading, const struct config_setting *setting, const char *text,
                        const char *directory, void *ret)
{
    config_t config;
    struct place place = {reading, reading->table, "", "", ret, NULL};
    config_init(&config);
    config_set_include_dir(&config, directory);
    const config_setting_t *at =
        config_read_string(&config, text) == CONFIG_TRUE ? config_lookup(&config, setting->path) : NULL;
    if (at)
        (void)read_value(&place, setting, at);
    config_destroy(&config);
}

void config_peek(const struct config_table *table, const char *setting_path, const char *path, void *ret)
{
    struct reading reading = {table, NULL, path, NULL};
    const struct config_setting *setting = config_find(table, setting_path);
    char directory[PATH_MAX], *text;
    (void)set_default(&reading, table, setting, ret);
    config_file_directory(path, directory);
    if (config_file_read(path, directory, &text, NULL) != 0)
        return;
    peek_parsed(&reading, setting, text, directory, ret);
    free(text);
}

/* ---- comparing ---- */

static bool tables_equal(const struct config_table *table, const char *a, const char *b);

static bool texts_equal(const struct config_setting *setting, const char *a, const char *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(a + i * (size_t)(setting->max + 1), b + i * (size_t)(setting->max + 1)) != 0)
            return false;
    return true;
}

static bool elements_equal(const struct config_setting *setting, const char *a, const char *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!tables_equal(setting->elements, a + i * setting->element_bytes, b + i * setting->element_bytes))
            return false;
    return true;
}

static bool has_count(const struct config_setting *setting)
{
    return setting->type == CONFIG_INTEGERS || setting->type == CONFIG_TEXTS || setting->type == CONFIG_LIST;
}

bool config_equal(const struct config_setting *setting, const void *one, const void *other)
{
    const char *old = one, *new = other;
    const char *a = old + setting->offset, *b = new + setting->offset;
    size_t count = 0;
    if (has_count(setting)) {
        if (memcmp(old + setting->count_offset, new + setting->count_offset, sizeof(count)) != 0)
            return false;
        memcpy(&count, old + setting->count_offset, sizeof(count));
    }
    switch (setting->type) {
    case CONFIG_TEXT:
        return strcmp(a, b) == 0;
    case CONFIG_INTEGER:
    case CONFIG_DURATION:
        return memcmp(a, b, sizeof(int64_t)) == 0;
    case CONFIG_INTEGERS:
        return memcmp(a, b, count * sizeof(int64_t)) == 0;
    case CONFIG_BOOLEAN:
        return memcmp(a, b, sizeof(bool)) == 0;
    case CONFIG_CHOICE:
        return memcmp(a, b, sizeof(int)) == 0;
    case CONFIG_TEXTS:
        return texts_equal(setting, a, b, count);
    case CONFIG_LIST:
        return elements_equal(setting, a, b, count);
    }
    return false;
}

static bool tables_equal(const struct config_table *table, const char *a, const char *b)
{
    for (size_t i = 0; i < table->count; i++)
        if (!config_equal(&table->settings[i], a, b))
            return false;
    return true;
}

void config_compare(const struct config_table *table, const void *old, const void *new,
                    char *ret_needs_restart, size_t restart_bytes, char *ret_changed, size_t changed_bytes)
{
    ret_needs_restart[0] = ret_changed[0] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        const struct config_setting *setting = &table->settings[i];
        if (config_equal(setting, old, new))
            continue;
        char *list = setting->needs_restart ? ret_needs_restart : ret_changed;
        append(list, setting->needs_restart ? restart_bytes : changed_bytes, "%s%s", list[0] ? ", " : "",
               setting->path);
    }
}

/* ---- keeping ---- */

static size_t value_bytes(const struct config_setting *setting)
{
    switch (setting->type) {
    case CONFIG_TEXT:
        return (size_t)setting->max + 1;
    case CONFIG_INTEGER:
    case CONFIG_DURATION:
        return sizeof(int64_t);
    case CONFIG_INTEGERS:
        return setting->count_max * sizeof(int64_t);
    case CONFIG_BOOLEAN:
        return sizeof(bool);
    case CONFIG_CHOICE:
        return sizeof(int);
    case CONFIG_TEXTS:
        return setting->count_max * ((size_t)setting->max + 1);
    case CONFIG_LIST:
        return setting->count_max * setting->element_bytes;
    }
    return 0;
}

void config_copy(const struct config_setting *setting, const void *from, void *to)
{
    const char *source = from;
    char *target = to;
    memcpy(target + setting->offset, source + setting->offset, value_bytes(setting));
    if (has_count(setting))
        memcpy(target + setting->count_offset, source + setting->count_offset, sizeof(size_t));
}

void config_keep_until_restart(const struct config_table *table, const void *old, void *new)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->settings[i].needs_restart)
            config_copy(&table->settings[i], old, new);
}

/* ---- one value by itself ---- */

static int set_parsed(struct reading *reading, const struct config_setting *setting, const config_t *config,
                      void *ret)
{
    struct place place = {reading, reading->table, "", "", ret, NULL};
    const config_setting_t *root = config_root_setting(config);
    if (config_setting_length(root) == 1)
        return read_value(&place, setting, config_setting_get_elem(root, 0));
    error_detail_set(reading->detail, "%s: more than a value", setting->path);
    return ERROR_CONFIGURATION;
}

static int parse_value(struct reading *reading, const struct config_setting *setting, const char *text,
                       void *ret)
{
    static const char form[] = "value = %s\n;"; /* the line ends a comment */
    int bytes = snprintf(NULL, 0, form, text);
    char *line = bytes < 0 ? NULL : malloc((size_t)bytes + 1);
    if (!line) {
        error_detail_set(reading->detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    (void)snprintf(line, (size_t)bytes + 1, form, text);
    config_t config;
    config_init(&config);
    struct error_detail why = {"cannot be read"};
    int error = config_file_check_value(line, &why);
    if (error == 0 && config_read_string(&config, line) == CONFIG_TRUE) {
        error = set_parsed(reading, setting, &config, ret);
    } else {
        char allowed[CONFIG_ALLOWED_BYTES];
        config_describe_allowed(setting, allowed);
        error_detail_set(reading->detail, "%s: %.128s; allowed: %s", setting->path, why.text, allowed);
        error = ERROR_CONFIGURATION;
    }
    config_destroy(&config);
    free(line);
    return error;
}

int config_set(const struct config_table *table, const struct config_setting *setting, const char *text,
               void *ret, struct error_detail *ret_detail)
{
    struct reading reading = {table, NULL, NULL, ret_detail};
    size_t bytes = value_bytes(setting), count = 0;
    char *value = (char *)ret + setting->offset, *before = malloc(bytes);
    if (!before) {
        error_detail_set(ret_detail, "%s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    memcpy(before, value, bytes);
    if (has_count(setting))
        memcpy(&count, (char *)ret + setting->count_offset, sizeof(count));
    int error = parse_value(&reading, setting, text, ret);
    if (error != 0) {
        memcpy(value, before, bytes);
        if (has_count(setting))
            memcpy((char *)ret + setting->count_offset, &count, sizeof(count));
    }
    free(before);
    return error;
}
