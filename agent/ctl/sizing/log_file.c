#include "log_file.h"

#include "input.h"
#include "order.h"
#include "recognise.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLOCK_SET_MS INT64_C(978307200000) /* 2001-01-01: clocks that were never set begin before */

/* ---- made of an argument ------------------------------------------------------------------------------- */

static char *this_host(void)
{
    char name[CONNECTION_HOST_BYTES_MAX + 1] = "";
    bool known = gethostname(name, sizeof name - 1) == 0;
    return strdup(known && connection_text_valid(name, CONNECTION_HOST_BYTES_MAX) ? name : "localhost");
}

/* Where the path begins: behind "NAME=" if that is what it is. */
static const char *path_of(const char *argument)
{
    const char *equals = strchr(argument, '=');
    if (equals == NULL || memchr(argument, '/', (size_t)(equals - argument)) != NULL ||
        access(argument, F_OK) == 0)
        return argument;
    return equals + 1;
}

int log_file_create(const char *argument, struct log_file **ret_file, struct error_detail *ret_detail)
{
    const char *path = path_of(argument);
    struct log_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return ERROR_NO_MEMORY;
    file->first_ms = ORDER_UNKNOWN_MS;
    file->host_given = path != argument;
    file->path = strdup(path);
    file->host = file->host_given ? strndup(argument, (size_t)(path - 1 - argument)) : this_host();
    if (file->path == NULL || file->host == NULL) {
        log_file_destroy(file);
        return ERROR_NO_MEMORY;
    }
    if (connection_text_valid(file->host, CONNECTION_HOST_BYTES_MAX)) {
        *ret_file = file;
        return 0;
    }
    error_detail_set(ret_detail, "'%s': the host before '=' is empty, too long, or has control characters",
                     argument);
    log_file_destroy(file);
    return ERROR_INVALID;
}

void log_file_destroy(struct log_file *file)
{
    if (file == NULL)
        return;
    input_close(file->input);
    free(file->first_host);
    free(file->host);
    free(file->path);
    free(file);
}

void log_file_release(struct log_file *file)
{
    input_close(file->input);
    file->input = NULL;
}

/* ---- its format ---------------------------------------------------------------------------------------- */

int log_file_look(struct log_file *file, struct input_pool *pool, struct error_detail *ret_detail)
{
    const char *head, *why;
    size_t bytes;
    bool whole;
    int code = input_open(pool, file->path, &file->input, ret_detail);
    if (code < 0)
        return code;
    code = input_head(file->input, &head, &bytes, &whole);
    if (code < 0) {
        error_detail_set(ret_detail, "%s", error_text(code));
        return code;
    }
    const char *damage = input_damage(file->input);
    if (bytes == 0 && damage != NULL) {
        error_detail_set(ret_detail, "%s", damage);
        return ERROR_INVALID;
    }
    if (!recognise_blank(head, bytes, whole)) {
        file->format = recognise(head, bytes, whole, &why);
        if (file->format == NULL) {
            error_detail_set(ret_detail, "%s", why);
            return ERROR_INVALID;
        }
    }
    (void)input_rewind(file->input);
    return 0;
}

/* ---- its first event ----------------------------------------------------------------------------------- */

struct firsts {
    struct log_file *file;
    int64_t at_ms[LOG_FILE_FIRST_EVENTS];
    size_t count;
    char *host;
    struct repairs repairs; /* those that count are made when it is read */
};

static int take_first(void *data, const struct sizing_event *event)
{
    struct firsts *firsts = data;
    if (firsts->count == LOG_FILE_FIRST_EVENTS)
        return ERROR_CANCELLED;
    if (firsts->count == 0 && (firsts->host = strdup(event->host)) == NULL)
        return ERROR_NO_MEMORY;
    firsts->at_ms[firsts->count++] = event->at_ms;
    return 0;
}

/* The earliest of the first few, but for those of a clock that was never set; of a strict log the first,
 * whose times are as they are. */
static int64_t first_of(const struct firsts *firsts)
{
    if (firsts->count == 0)
        return input_is_regular(firsts->file->input) ? LOG_FILE_NO_EVENT_MS : ORDER_UNKNOWN_MS;
    int64_t first_ms = firsts->at_ms[0];
    for (size_t i = 1; i < firsts->count && !firsts->file->format->strict_order; i++)
        if (first_ms < CLOCK_SET_MS ? firsts->at_ms[i] > first_ms
                                    : firsts->at_ms[i] >= CLOCK_SET_MS && firsts->at_ms[i] < first_ms)
            first_ms = firsts->at_ms[i];
    return first_ms;
}

static int feed_head(struct log_file *file, struct reader *reader)
{
    const char *head;
    size_t bytes;
    bool whole;
    int code = input_head(file->input, &head, &bytes, &whole);
    if (code == 0)
        code = file->format->feed(reader, head, bytes);
    return code == 0 && whole ? file->format->end_file(reader) : code;
}

static int feed_until_found(struct log_file *file, struct reader *reader, const struct firsts *firsts)
{
    const char *bytes;
    size_t count = 1;
    int code = 0;
    while (code == 0 && count > 0 && firsts->count == 0) {
        code = input_read(file->input, &bytes, &count);
        if (code == 0 && count > 0)
            code = file->format->feed(reader, bytes, count);
    }
    if (code == 0 && firsts->count == 0)
        code = file->format->end_file(reader);
    (void)input_rewind(file->input);
    return code;
}

int log_file_find_first(struct log_file *file, const struct reader_settings *settings, bool far)
{
    struct firsts *firsts = calloc(1, sizeof *firsts);
    if (firsts == NULL)
        return ERROR_NO_MEMORY;
    firsts->file = file;
    struct reader_settings own = *settings;
    own.host = file->host;
    own.host_given = file->host_given;
    own.modified_ms = input_modified_ms(file->input);
    own.sink = (struct reader_sink){take_first, firsts, &firsts->repairs};
    struct reader *reader = file->format->create(&own);
    int code = reader == NULL ? ERROR_NO_MEMORY : file->format->begin_file(reader, file->path);
    if (code == 0)
        code = far && input_is_regular(file->input) ? feed_until_found(file, reader, firsts)
                                                    : feed_head(file, reader);
    if (code == ERROR_CANCELLED)
        code = 0;
    if (code == 0) {
        file->first_ms = first_of(firsts);
        free(file->first_host);
        file->first_host = firsts->host;
    } else {
        free(firsts->host);
    }
    file->format->destroy(reader);
    free(firsts);
    return code;
}

/* ---- names --------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static bool ends_with(const char *text, size_t bytes, const char *end)
{
    size_t end_bytes = strlen(end);
    return bytes > end_bytes && memcmp(text + bytes - end_bytes, end, end_bytes) == 0;
}

/* Bytes of a path without what logrotate and compressors append: ".1", "-20260101", ".gz". */
static size_t stem_bytes(const char *path)
{
    static const char *const ends[] = {".gz", ".xz", ".zst", ".old"};
    size_t least = (size_t)(base_name(path) - path) + 1, bytes = strlen(path);
    for (bool cut = true; cut;) {
        cut = false;
        for (size_t i = 0; i < sizeof ends / sizeof *ends && !cut; i++) {
            cut = bytes > least && ends_with(path, bytes, ends[i]);
            bytes -= cut ? strlen(ends[i]) : 0;
        }
        size_t digits = 0;
        while (bytes > least + digits && isdigit((unsigned char)path[bytes - 1 - digits]))
            digits++;
        if (digits > 0 && bytes > least + digits && strchr(".-", path[bytes - 1 - digits]) != NULL) {
            bytes -= digits + 1;
            cut = true;
        }
    }
    return bytes;
}

bool log_file_same_name(const struct log_file *one, const struct log_file *other)
{
    size_t bytes = stem_bytes(one->path);
    return bytes == stem_bytes(other->path) && memcmp(one->path, other->path, bytes) == 0;
}

bool log_file_same_log(const struct log_file *one, const struct log_file *other)
{
    if (one->host_given || other->host_given)
        return one->host_given && other->host_given && strcmp(one->host, other->host) == 0;
    if (one->first_host != NULL && other->first_host != NULL &&
        strcmp(one->first_host, other->first_host) == 0)
        return true;
    return log_file_same_name(one, other);
}

static bool has_namesake(struct log_file *const *files, size_t count, const struct log_file *file)
{
    for (size_t i = 0; i < count; i++)
        if (!files[i]->host_given && files[i]->format == file->format &&
            strcmp(base_name(files[i]->path), base_name(file->path)) == 0 &&
            strcmp(files[i]->path, file->path) != 0)
            return true;
    return false;
}

static bool in_same_directory(const struct log_file *one, const struct log_file *other)
{
    size_t bytes = (size_t)(base_name(one->path) - one->path);
    return bytes == (size_t)(base_name(other->path) - other->path) &&
           memcmp(one->path, other->path, bytes) == 0;
}

/* "a/b/wtmp" → "a/b" */
static int name_by_directory(struct log_file *file)
{
    const char *base = base_name(file->path);
    char *host = base == file->path ? strdup(".") : strndup(file->path, (size_t)(base - file->path - 1));
    if (host == NULL)
        return ERROR_NO_MEMORY;
    if (!connection_text_valid(host, CONNECTION_HOST_BYTES_MAX)) {
        free(host);
        return 0;
    }
    free(file->host);
    file->host = host;
    file->host_from_directory = true;
    return 0;
}

int log_file_name_hosts(struct log_file *const *files, size_t count)
{
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++) {
        struct log_file *file = files[i];
        if (file->host_given || file->host_from_directory || file->format->strict_order ||
            !has_namesake(files, count, file))
            continue;
        for (size_t k = 0; k < count && code == 0; k++)
            if (!files[k]->host_given && files[k]->format == file->format &&
                in_same_directory(files[k], file))
                code = name_by_directory(files[k]);
    }
    return code;
}
