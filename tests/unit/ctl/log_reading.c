#include "log_reading.h"

#include "tests/unit/unit.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct repairs repairs;
static uint64_t understood;

int write_event(void *data, const struct sizing_event *event)
{
    FILE *file = data;
    static const char *const types[] = {"connect", "disconnect", "logoff", "host_end"};
    fprintf(file, "%" PRId64, event->at_ms / 1000);
    if (event->at_ms % 1000 != 0)
        fprintf(file, ".%03d", (int)(event->at_ms % 1000));
    fprintf(file, " %s %s", types[event->type], event->host);
    if (event->type != SIZING_HOST_END)
        fprintf(file, " %s", event->session);
    if (event->type == SIZING_CONNECT) {
        static const char *const administrators[] = {" no-admin", " admin", ""};
        fprintf(file, " %s %s%s", event->user, connection_route_name(event->route),
                administrators[event->administrator]);
        assert_true(connection_text_valid(event->user, CONNECTION_USER_BYTES_MAX));
        assert_true(connection_text_valid(event->session, CONNECTION_ID_BYTES_MAX));
    }
    fputc('\n', file);
    return 0;
}

void write_repairs(const struct repairs *told, FILE *file)
{
#define REPAIR(name, words) #name,
    static const char *const names[] = {
#include "agent/ctl/sizing/repair.def"
    };
#undef REPAIR
    for (int i = 0; i < REPAIR_MAX; i++)
        if (told->of[i].count > 0)
            fprintf(file, "! %s %" PRIu64 "\n", names[i], told->of[i].count);
}

static char *read_files(const struct reader_format *format, const struct reader_settings *settings,
                        const struct log_part *files, size_t file_count, size_t piece)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    struct reader_settings used = settings == NULL ? (struct reader_settings){0} : *settings;
    assert_non_null(file);
    memset(&repairs, 0, sizeof repairs);
    if (used.host == NULL)
        used.host = "srv";
    used.sink = (struct reader_sink){write_event, file, &repairs};
    struct reader *reader = format->create(&used);
    assert_non_null(reader);
    for (size_t i = 0; i < file_count; i++) {
        static const char *const names[] = {"one", "two", "three"};
        assert_int_equal(format->begin_file(reader, names[i]), 0);
        for (size_t at = 0; at < files[i].count; at += piece) {
            size_t rest = files[i].count - at, count = rest < piece ? rest : piece;
            char *copy = malloc(count); /* a block of its own: a sanitizer sees a read past its end */
            assert_non_null(copy);
            memcpy(copy, (const char *)files[i].bytes + at, count);
            assert_int_equal(format->feed(reader, copy, count), 0);
            free(copy);
        }
        assert_int_equal(format->end_file(reader), 0);
    }
    assert_int_equal(format->end(reader), 0);
    understood = reader->understood;
    format->destroy(reader);
    write_repairs(&repairs, file);
    (void)fclose(file);
    return text;
}

void expect_files(const struct reader_format *format, const struct reader_settings *settings,
                  const struct log_part *files, size_t file_count, const char *expected)
{
    static const size_t pieces[] = {1, 7, 4096, SIZE_MAX / 2};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        char *text = read_files(format, settings, files, file_count, pieces[i]);
        assert_string_equal(text, expected);
        free(text);
    }
}

void expect_log(const struct reader_format *format, const void *bytes, size_t count, const char *expected)
{
    expect_files(format, NULL, &(struct log_part){bytes, count}, 1, expected);
}

void expect_text(const struct reader_format *format, const struct reader_settings *settings, const char *text,
                 const char *expected)
{
    expect_files(format, settings, &(struct log_part){text, strlen(text)}, 1, expected);
}

char *read_data(const char *name, size_t *ret_count)
{
    char path[512];
    (void)snprintf(path, sizeof path, TEST_DATA "/%s", name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t room = 1 << 20;
    char *bytes = malloc(room);
    assert_non_null(bytes);
    *ret_count = fread(bytes, 1, room, file);
    assert_true(*ret_count < room);
    (void)fclose(file);
    return bytes;
}

void expect_data(const struct reader_format *format, const char *name, const char *expected)
{
    size_t count;
    char *bytes = read_data(name, &count);
    assert_int_equal(format->recognise(bytes, count, true), RECOGNISED_YES);
    expect_log(format, bytes, count, expected);
    free(bytes);
}

const char *first_place(enum repair repair)
{
    return repairs.of[repair].first;
}

uint64_t last_understood(void)
{
    return understood;
}
