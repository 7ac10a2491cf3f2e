#include "logs.h"

#include "input.h"
#include "log_file.h"
#include "order.h"
#include "session_name.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define YEARS_MAX 100

/* An instance of a reader, and the file that it reads. */
struct run {
    struct logs *logs;
    struct run *next;
    const struct reader_format *format;
    struct reader *reader;
    struct order_stream *stream;
    struct log_file *file; /* being read */
};

struct logs {
    struct logs_settings settings;
    struct input_pool pool;
    struct log_file **files; /* sorted by their first events once it is read */
    size_t file_count, file_room;
    size_t next_file; /* the first that may not have been begun */
    struct run *runs;
    uint32_t run_count;
    struct order *order;
    uint64_t understood, raw_bytes_done, size_bytes;
    bool size_unknown, interrupted, empty_log, failed_to_open;
    struct error_detail detail;
};

static void tell(const struct logs *logs, const char *name, const char *what)
{
    struct error_detail sentence;
    error_detail_set(&sentence, "%s: %s", name, what);
    logs->settings.tell(logs->settings.data, sentence.text);
}

/* ---- adding -------------------------------------------------------------------------------------------- */

static bool reserve_file(struct logs *logs)
{
    if (logs->file_count < logs->file_room)
        return true;
    size_t room = logs->file_room == 0 ? 16 : logs->file_room * 2;
    struct log_file **files = realloc(logs->files, room * sizeof(struct log_file *));
    if (files == NULL)
        return false;
    logs->files = files;
    logs->file_room = room;
    return true;
}

static const struct log_file *same_file(const struct logs *logs, const struct log_file *file)
{
    for (size_t i = 0; i < logs->file_count; i++)
        if (input_is_regular(file->input) && input_is_same(logs->files[i]->input, file->input))
            return logs->files[i];
    return NULL;
}

static void leave_out(struct logs *logs, struct log_file *file, const char *what)
{
    tell(logs, file->path, what);
    log_file_destroy(file);
}

int logs_add(struct logs *logs, const char *argument, struct error_detail *ret_detail)
{
    struct log_file *file;
    struct error_detail detail;
    int code = reserve_file(logs) ? log_file_create(argument, &file, ret_detail) : ERROR_NO_MEMORY;
    if (code < 0)
        return code;
    code = log_file_look(file, &logs->pool, &detail);
    if (code == ERROR_NO_MEMORY || code == ERROR_CANCELLED) {
        log_file_destroy(file);
        return code;
    }
    if (code < 0) {
        logs->failed_to_open = logs->failed_to_open || code != ERROR_INVALID;
        leave_out(logs, file, detail.text);
        return 0;
    }
    const struct log_file *same = same_file(logs, file);
    if (same != NULL) {
        leave_out(logs, file, "is the same file as another one that was given; read once");
        return 0;
    }
    if (file->format == NULL) {
        logs->empty_log = true;
        log_file_destroy(file);
        return 0;
    }
    file->number = (uint32_t)logs->file_count;
    logs->size_bytes += input_size_bytes(file->input);
    logs->size_unknown = logs->size_unknown || !input_is_regular(file->input);
    logs->files[logs->file_count++] = file;
    return 0;
}

/* ---- a run --------------------------------------------------------------------------------------------- */

/* Readers number sessions as they like: those of two readers of one host are told apart. The ids of strict
 * formats are the log's own. */
static void prefix_sessions(struct run *run, uint32_t number)
{
    char prefix[ORDER_PREFIX_BYTES_MAX + 1];
    size_t bytes = session_name_number(prefix, number);
    prefix[bytes++] = '/';
    prefix[bytes] = '\0';
    order_prefix_sessions(run->stream, prefix);
}

static int refuse_late(struct run *run, const struct sizing_event *event, const struct log_place *place)
{
    int64_t behind_ms = order_latest_ms(run->stream) - event->at_ms;
    error_detail_set(&run->logs->detail,
                     "%s:%" PRIu64 ": ts: %" PRId64 " minutes before an event above it; up to %d are put in "
                     "order, --sort does so with all",
                     place->file, place->number, behind_ms / 60000, (int)(ORDER_LATE_MS / 60000));
    return ERROR_INVALID;
}

static int take_event(void *data, const struct sizing_event *event)
{
    struct run *run = data;
    int code = order_put(run->stream, event, &run->reader->place);
    if (code == ERROR_INVALID)
        return refuse_late(run, event, &run->reader->place);
    if (code != ERROR_TOO_LARGE)
        return code;
    repair_add(run->logs->settings.repairs, REPAIR_BAD_NAME, 1);
    return 0;
}

static struct run *run_create(struct logs *logs, struct log_file *file)
{
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return NULL;
    struct reader_settings settings = {
        .host = file->host,
        .host_given = file->host_given,
        .year = logs->settings.year,
        .modified_ms = input_modified_ms(file->input),
        .services = logs->settings.services,
        .csv = logs->settings.csv,
        .sink = {take_event, run, logs->settings.repairs},
    };
    run->logs = logs;
    run->format = file->format;
    run->file = file;
    run->reader = file->format->create(&settings);
    run->stream =
        run->reader == NULL
            ? NULL
            : order_add(logs->order, file->number, file->format->strict_order,
                        file->first_ms == LOG_FILE_NO_EVENT_MS ? ORDER_UNKNOWN_MS : file->first_ms, run);
    if (run->stream == NULL) {
        file->format->destroy(run->reader);
        free(run);
        return NULL;
    }
    if (!file->format->strict_order)
        prefix_sessions(run, logs->run_count++);
    run->next = logs->runs;
    logs->runs = run;
    return run;
}

static void run_destroy(struct run *run)
{
    struct run **link = &run->logs->runs;
    while (*link != run)
        link = &(*link)->next;
    *link = run->next;
    run->format->destroy(run->reader);
    free(run);
}

/* No further file goes on where this one ended. */
static int run_end(struct run *run)
{
    int code = run->format->end(run->reader);
    if (code == 0)
        code = order_end(run->stream);
    run->logs->understood += run->reader->understood;
    run_destroy(run);
    return code;
}

/* ---- which file goes on where which ended -------------------------------------------------------------- */

static bool may_go_on(const struct run *run, const struct log_file *file)
{
    return run->format == file->format && !file->format->strict_order && log_file_same_log(run->file, file);
}

static bool is_over_before(const struct run *run, const struct log_file *file)
{
    int64_t overlap_ms = run->format->in_utc ? ORDER_LATE_MS : LOGS_OVERLAP_MS;
    return file->first_ms == LOG_FILE_NO_EVENT_MS ||
           order_latest_ms(run->stream) <= file->first_ms + overlap_ms;
}

/* Where the log goes on: the earliest file of the same name, else of the same host. NULL: nowhere. */
static struct log_file *next_of_log(const struct run *run)
{
    const struct logs *logs = run->logs;
    struct log_file *of_host = NULL;
    for (size_t i = logs->next_file; i < logs->file_count; i++) {
        struct log_file *file = logs->files[i];
        if (file->begun || !may_go_on(run, file) || !is_over_before(run, file))
            continue;
        if (log_file_same_name(run->file, file))
            return file;
        if (of_host == NULL)
            of_host = file;
    }
    return of_host;
}

/* A run that may yet end where this file goes on. */
static struct run *may_end_before(struct logs *logs, const struct log_file *file)
{
    for (struct run *run = logs->runs; run != NULL; run = run->next)
        if (may_go_on(run, file) && is_over_before(run, file))
            return run;
    return NULL;
}

static int begin_file(struct run *run, struct log_file *file)
{
    run->file = file;
    file->begun = true;
    return run->format->begin_file(run->reader, file->path);
}

static int begin_run(struct logs *logs, struct log_file *file, struct run **ret_run)
{
    struct run *run = run_create(logs, file);
    if (run == NULL)
        return ERROR_NO_MEMORY;
    *ret_run = run;
    return begin_file(run, file);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

static int end_file(struct run *run)
{
    struct logs *logs = run->logs;
    struct log_file *file = run->file;
    const char *damage = input_damage(file->input);
    int code = run->format->end_file(run->reader);
    if (code == 0)
        code = order_settle(run->stream);
    if (code < 0)
        return code;
    if (damage != NULL)
        repair_at(logs->settings.repairs, REPAIR_TORN,
                  &(struct log_place){file->path, input_raw_offset(file->input), false}, damage);
    logs->raw_bytes_done += input_raw_offset(file->input);
    log_file_release(file);
    struct log_file *next = logs->interrupted ? NULL : next_of_log(run);
    return next == NULL ? run_end(run) : begin_file(run, next);
}

static uint64_t raw_bytes_read(const struct logs *logs)
{
    uint64_t bytes = logs->raw_bytes_done;
    for (const struct run *run = logs->runs; run != NULL; run = run->next)
        bytes += input_raw_offset(run->file->input);
    return bytes;
}

static int read_piece(struct run *run)
{
    const char *bytes;
    size_t count = 0;
    int code = input_read(run->file->input, &bytes, &count);
    if (code == 0)
        code = count > 0 ? run->format->feed(run->reader, bytes, count) : end_file(run);
    return code == ERROR_CANCELLED ? 0 : code;
}

static struct log_file *next_file(struct logs *logs)
{
    while (logs->next_file < logs->file_count && logs->files[logs->next_file]->begun)
        logs->next_file++;
    return logs->next_file < logs->file_count ? logs->files[logs->next_file] : NULL;
}

static int64_t needed_from_ms(const struct log_file *file)
{
    if (file == NULL)
        return ORDER_NO_LIMIT_MS;
    return file->first_ms == ORDER_UNKNOWN_MS ? ORDER_UNKNOWN_MS : file->first_ms - ORDER_LATE_MS;
}

/* One step: reads a piece of what holds the others back, or begins the next file. False: all has been read.
 */
static bool step(struct logs *logs, int *ret_code)
{
    struct log_file *file = next_file(logs);
    struct run *run = NULL;
    int64_t bound_ms;
    void *wanting;
    if (order_wanting(logs->order, &wanting, &bound_ms))
        run = wanting;
    if (run == NULL && file == NULL)
        return false;
    if (file != NULL && (run == NULL || needed_from_ms(file) <= bound_ms)) {
        run = may_end_before(logs, file);
        *ret_code = run == NULL ? begin_run(logs, file, &run) : 0;
        if (*ret_code == 0)
            *ret_code = read_piece(run);
    } else {
        *ret_code = read_piece(run);
    }
    return true;
}

/* What was read so far counts. */
static int end_all(struct logs *logs)
{
    int code = 0;
    logs->interrupted = true;
    logs->next_file = logs->file_count;
    while (code == 0 && logs->runs != NULL)
        code = end_file(logs->runs);
    return code;
}

static int by_first_event(const void *one, const void *other)
{
    const struct log_file *a = *(struct log_file *const *)one, *b = *(struct log_file *const *)other;
    if (a->first_ms != b->first_ms)
        return a->first_ms < b->first_ms ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int find_first(const struct logs *logs, struct log_file *file, int year)
{
    struct reader_settings settings = {
        .year = year, .services = logs->settings.services, .csv = logs->settings.csv};
    return log_file_find_first(file, &settings, logs->file_count > 1);
}

/* Where lines have no year, the files of one log follow each other over New Year. */
static int settle_years(struct logs *logs)
{
    int code = 0;
    for (size_t i = 0; i < logs->file_count && code == 0; i++) {
        struct log_file *file = logs->files[i];
        int64_t by_date_ms = file->first_ms, before_ms = ORDER_UNKNOWN_MS;
        for (size_t k = 0; k < i; k++)
            if (log_file_same_log(logs->files[k], file) && logs->files[k]->first_ms > before_ms)
                before_ms = logs->files[k]->first_ms;
        int year = logs->settings.year;
        do
            code = find_first(logs, file, year);
        while (code == 0 && file->first_ms != by_date_ms && file->first_ms < before_ms &&
               year++ < logs->settings.year + YEARS_MAX);
    }
    return code;
}

static void sort_files(struct logs *logs)
{
    if (logs->file_count > 1)
        qsort(logs->files, logs->file_count, sizeof(struct log_file *), by_first_event);
}

static void tell_hosts(const struct logs *logs)
{
    for (size_t i = 0; i < logs->file_count; i++) {
        const struct log_file *file = logs->files[i];
        struct error_detail what;
        if (!file->host_from_directory || file->first_host == NULL ||
            strcmp(file->first_host, file->host) != 0)
            continue;
        error_detail_set(&what, "taken as a log of a host called '%s'; NAME=FILE gives the host", file->host);
        tell(logs, file->path, what.text);
    }
}

static int prepare(struct logs *logs)
{
    int code = log_file_name_hosts(logs->files, logs->file_count);
    for (size_t i = 0; i < logs->file_count && code == 0; i++)
        code = find_first(logs, logs->files[i], 0);
    sort_files(logs);
    if (code == 0 && logs->settings.year != 0) {
        code = settle_years(logs);
        sort_files(logs);
    }
    tell_hosts(logs);
    return code;
}

int logs_read(struct logs *logs, struct error_detail *ret_detail)
{
    int code = prepare(logs);
    bool more = code == 0;
    while (more && code == 0) {
        more = step(logs, &code);
        if (code == 0)
            code = order_flush(logs->order, needed_from_ms(next_file(logs)));
        if (more && code == 0 && !logs->settings.go_on(logs->settings.data, raw_bytes_read(logs)))
            more = false;
    }
    if (code == 0)
        code = end_all(logs);
    if (code == 0)
        code = order_flush(logs->order, ORDER_NO_LIMIT_MS);
    if (code < 0)
        error_detail_set(ret_detail, "%s",
                         logs->detail.text[0] != '\0' ? logs->detail.text : error_text(code));
    return code;
}

/* ---- the whole ----------------------------------------------------------------------------------------- */

uint64_t logs_size_bytes(const struct logs *logs)
{
    return logs->size_unknown ? 0 : logs->size_bytes;
}

bool logs_understood(const struct logs *logs)
{
    return logs->understood > 0 || logs->empty_log;
}

bool logs_failed_to_open(const struct logs *logs)
{
    return logs->failed_to_open;
}

struct logs *logs_create(const struct logs_settings *settings)
{
    struct logs *logs = calloc(1, sizeof *logs);
    if (logs == NULL)
        return NULL;
    struct order_settings order = {settings->sort, settings->take, settings->data, settings->repairs};
    logs->settings = *settings;
    logs->order = order_create(&order);
    if (logs->order != NULL)
        return logs;
    free(logs);
    return NULL;
}

void logs_destroy(struct logs *logs)
{
    if (logs == NULL)
        return;
    while (logs->runs != NULL)
        run_destroy(logs->runs);
    order_destroy(logs->order);
    for (size_t i = 0; i < logs->file_count; i++)
        log_file_destroy(logs->files[i]);
    free(logs->files);
    free(logs);
}
