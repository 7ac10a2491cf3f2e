/* The readers of Windows logs, and what joins their sessions, without memory: wherever it ends, that is said,
 * and nothing is left behind. */
#include "ending_memory.h"
#include "log_reading.h"

#include "tests/unit/unit.h"

#include "agent/ctl/sizing/windows_join.h"

#include <stdlib.h>
#include <string.h>

static size_t given;

static int count_event(void *data, const struct sizing_event *event)
{
    (void)data;
    (void)event;
    given++;
    return 0;
}

static int join_event(void *data, const struct sizing_event *event)
{
    return windows_join_take(data, event);
}

static int read_with(const struct reader_format *format, struct reader *reader, const char *bytes,
                     size_t count)
{
    int code = format->begin_file(reader, "log");
    if (code == 0)
        code = format->feed(reader, bytes, count);
    if (code == 0)
        code = format->end_file(reader);
    return code == 0 ? format->end(reader) : code;
}

static int read_log(const struct reader_format *format, const char *bytes, size_t count)
{
    struct repairs repairs = {0};
    const struct windows_join_settings joining = {count_event, NULL, &repairs, {1}};
    struct windows_join *join = windows_join_create(&joining);
    const struct reader_settings settings = {.host = "srv", .sink = {join_event, join, &repairs}};
    struct reader *reader = join == NULL ? NULL : format->create(&settings);
    given = 0;
    int code = reader == NULL ? ERROR_NO_MEMORY : read_with(format, reader, bytes, count);
    if (code == 0)
        code = windows_join_end(join);
    format->destroy(reader);
    windows_join_destroy(join);
    return code;
}

static void expect_said(const struct reader_format *format, const char *bytes, size_t count, size_t events)
{
    int refused = 0;
    for (int code = ERROR_NO_MEMORY; code < 0; refused++) {
        memory_ends_after(refused);
        code = read_log(format, bytes, count);
        memory_ends_after(MEMORY_FOREVER);
        assert_true(code == 0 || code == ERROR_NO_MEMORY);
    }
    assert_true(refused > 10);
    assert_int_equal(given, events);
}

static void expect_file(const struct reader_format *format, const char *name, size_t events)
{
    size_t count;
    char *bytes = read_data(name, &count);
    expect_said(format, bytes, count, events);
    free(bytes);
}

static void json_lines(void **state)
{
    (void)state;
    static const char payload[] = "{\"Payload\":\"{\\\"UserData\\\":{\\\"EventXML\\\":{\\\"User\\\":"
                                  "\\\"D\\\\\\\\u\\\",\\\"SessionID\\\":\\\"3\\\"}}}\","
                                  "\"Channel\":\"Microsoft-Windows-TerminalServices-LocalSessionManager/"
                                  "Operational\",\"Computer\":\"h\",\"EventId\":21,"
                                  "\"TimeCreated\":\"2024-03-05T08:00:01Z\"}";
    expect_said(&reader_windows_json, payload, sizeof payload - 1, 1);
    expect_file(&reader_windows_json, "windows-otrf/2020-09-22.jsonl", 1);
}

static void xml(void **state)
{
    (void)state;
    static const char crowd_begin[] =
        "<Event><System><EventID>4624</EventID><TimeCreated SystemTime='2024-03-05T08:00:01Z'/>"
        "<Channel>Security</Channel><Computer>",
                      crowd_middle[] =
                          "</Computer></System><EventData><Data Name='TargetUserName'>u</Data><Data "
                          "Name='LogonType'>10</Data><Data Name='TargetLinkedLogonId'>0x9</Data><Data "
                          "Name='TargetLogonId'>",
                      crowd_end[] = "</Data></EventData></Event>";
    enum { CROWD = 40 }; /* more than arrays have room for at first */
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    for (int i = 0; i < CROWD; i++)
        fprintf(file, "%sh%d%s%d%s", crowd_begin, i, crowd_middle, 100 + i, crowd_end);
    assert_int_equal(fclose(file), 0);
    expect_said(&reader_windows_xml, text, bytes, CROWD);
    free(text);
}

static void evtx(void **state)
{
    (void)state;
    expect_file(&reader_evtx, "sizing/lsm.evtx", 7);
    expect_file(&reader_evtx, "sizing/security.evtx", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines),
        cmocka_unit_test(xml),
        cmocka_unit_test(evtx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
