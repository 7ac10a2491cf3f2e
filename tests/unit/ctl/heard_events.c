#include "heard_events.h"

#include "tests/unit/unit.h"

#include "common/rfc3339.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void heard_init(struct heard *heard)
{
#define REPAIR(name, words) [REPAIR_##name] = #name,
    *heard = (struct heard){.kinds = {
#include "agent/ctl/sizing/repair.def"
                            }};
#undef REPAIR
    heard->text = calloc(1, 1);
    assert_non_null(heard->text);
}

void heard_finish(struct heard *heard)
{
    free(heard->text);
}

static void say(struct heard *heard, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct heard *heard, const char *format, ...)
{
    char *line = NULL;
    va_list arguments;
    va_start(arguments, format);
    int bytes = vasprintf(&line, format, arguments);
    va_end(arguments);
    assert_true(bytes >= 0);
    heard->text = realloc(heard->text, heard->bytes + (size_t)bytes + 1);
    assert_non_null(heard->text);
    memcpy(heard->text + heard->bytes, line, (size_t)bytes + 1);
    heard->bytes += (size_t)bytes;
    free(line);
}

int heard_take(void *data, const struct sizing_event *event)
{
    static const char *const types[] = {"connect", "disconnect", "logoff", "host-end"};
    char at[RFC3339_BYTES];
    say(data, "%s %s %s %s", rfc3339_format(event->at_ms, at), types[event->type], event->host,
        event->session);
    if (event->type == SIZING_CONNECT)
        say(data, " %s %s %s%s", event->user, connection_route_name(event->route),
            administrator_name(event->administrator), event->kind == KIND_DESKTOP ? "" : " application");
    say(data, "\n");
    return 0;
}

struct reader_sink heard_sink(struct heard *heard)
{
    return (struct reader_sink){heard_take, heard, &heard->repairs};
}

const char *heard_all(struct heard *heard)
{
    for (int i = 0; i < REPAIR_MAX; i++)
        if (heard->repairs.of[i].count > 0)
            say(heard, "%s %llu\n", heard->kinds[i], (unsigned long long)heard->repairs.of[i].count);
    return heard->text;
}

void heard_read(struct heard *heard, const struct reader_format *format,
                const struct reader_settings *settings, const char *bytes, size_t count, size_t piece)
{
    struct reader_settings with_sink = *settings;
    with_sink.sink = heard_sink(heard);
    struct reader *reader = format->create(&with_sink);
    assert_non_null(reader);
    assert_int_equal(format->begin_file(reader, "log"), 0);
    for (size_t at = 0; at < count; at += piece)
        assert_int_equal(format->feed(reader, bytes + at, count - at < piece ? count - at : piece), 0);
    assert_int_equal(format->end_file(reader), 0);
    assert_int_equal(format->end(reader), 0);
    format->destroy(reader);
}

void expect_heard(const struct reader_format *format, const struct reader_services *services,
                  const char *bytes, size_t count, const char *expected)
{
    const struct reader_settings settings = {.host = "given", .services = services};
    const size_t pieces[] = {count == 0 ? 1 : count, 1, 7, 4096};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct heard heard;
        heard_init(&heard);
        heard_read(&heard, format, &settings, bytes, count, pieces[i]);
        assert_string_equal(heard_all(&heard), expected);
        heard_finish(&heard);
    }
}
