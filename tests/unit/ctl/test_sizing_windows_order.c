/* Logs written newest first, and such as only look so. Times are Unix seconds, in one minute of 2024. */
#include "log_reading.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define START 1709625600 /* 2024-03-05T08:00:00Z */

#define LOG "Microsoft-Windows-TerminalServices-LocalSessionManager"

struct told {
    unsigned second, record, id, session;
};

static void write_xml(FILE *file, const struct told *told)
{
    fprintf(file,
            "<Event><System><EventID>%u</EventID><TimeCreated "
            "SystemTime='2024-03-05T08:00:%02uZ'/><EventRecordID>%u"
            "</EventRecordID><Channel>" LOG
            "/Operational</Channel><Computer>h</Computer></System><UserData><EventXML>"
            "<User>D\\u</User><SessionID>%u</SessionID><Address>192.0.2.7</Address></EventXML></UserData></"
            "Event>\n",
            told->id, told->second, told->record, told->session);
}

static void write_json(FILE *file, const struct told *told)
{
    fprintf(file,
            "{\"@timestamp\":\"2024-03-05T08:00:%02uZ\",\"winlog\":{\"event_id\":%u,\"channel\":\"" LOG
            "/Operational\",",
            told->second, told->id);
    if (told->record != 0)
        fprintf(file, "\"record_id\":%u,", told->record);
    fprintf(file,
            "\"computer_name\":\"h\",\"user_data\":{\"User\":\"D\\\\u\",\"SessionID\":\"%u\",\"Address\":"
            "\"192.0.2.7\"}}}\n",
            told->session);
}

static void expect_of(const struct reader_format *format, void (*write)(FILE *, const struct told *),
                      const struct told *told, size_t count, const char *expected)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    for (size_t i = 0; i < count; i++)
        write(file, &told[i]);
    assert_int_equal(fclose(file), 0);
    expect_text(format, NULL, text, expected);
    free(text);
}

static void by_the_numbers_of_records(void **state)
{
    (void)state;
    static const struct told newest_first[] = {{40, 12, 23, 3},
                                               {30, 11, 25, 3},
                                               {20, 10, 24, 3},
                                               {10, 9, 21, 3}},
                             two[] = {{20, 2, 23, 3}, {10, 1, 21, 3}},
                             clock_set_back[] = {
                                 {40, 1, 21, 3}, {30, 2, 24, 3}, {20, 3, 25, 3}, {10, 4, 23, 3}};
    static const char heard[] = "1709625610 connect h lsm:3#1 D\\u rdp\n1709625620 disconnect h lsm:3#1\n"
                                "1709625630 connect h lsm:3#1 D\\u rdp\n1709625640 logoff h lsm:3#1\n";
    expect_of(&reader_windows_xml, write_xml, newest_first, COUNT(newest_first), heard);
    expect_of(&reader_windows_json, write_json, newest_first, COUNT(newest_first), heard);
    expect_of(&reader_windows_xml, write_xml, two, COUNT(two),
              "1709625610 connect h lsm:3#1 D\\u rdp\n1709625620 logoff h lsm:3#1\n");
    expect_of(&reader_windows_json, write_json, clock_set_back, COUNT(clock_set_back),
              "1709625640 connect h lsm:3#1 D\\u rdp\n1709625640 disconnect h lsm:3#1\n"
              "1709625640 connect h lsm:3#1 D\\u rdp\n1709625640 logoff h lsm:3#1\n! CLOCK_BACK 3\n");
}

static void by_their_stamps_where_they_have_none(void **state)
{
    (void)state;
    static const struct told newest_first[] = {{50, 0, 23, 3}, {40, 0, 25, 3}, {30, 0, 24, 3},
                                               {20, 0, 25, 3}, {20, 0, 24, 3}, {10, 0, 21, 3}},
                             clock_set_back[] = {{50, 0, 21, 3}, {10, 0, 23, 3}};
    expect_of(&reader_windows_json, write_json, newest_first, COUNT(newest_first),
              "1709625610 connect h lsm:3#1 D\\u rdp\n1709625620 disconnect h lsm:3#1\n"
              "1709625620 connect h lsm:3#1 D\\u rdp\n1709625630 disconnect h lsm:3#1\n"
              "1709625640 connect h lsm:3#1 D\\u rdp\n1709625650 logoff h lsm:3#1\n");
    expect_of(&reader_windows_json, write_json, clock_set_back, COUNT(clock_set_back),
              "1709625650 connect h lsm:3#1 D\\u rdp\n1709625650 logoff h lsm:3#1\n! CLOCK_BACK 1\n");
}

/* Longer than what is judged: the rest goes the same way. */
static void a_long_log_either_way(void **state)
{
    (void)state;
    enum { SESSIONS = 25 };
    struct told up[2 * SESSIONS], down[2 * SESSIONS];
    char *heard = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&heard, &bytes);
    assert_non_null(file);
    for (unsigned i = 0; i < SESSIONS; i++) {
        up[2 * i] = (struct told){2 * i, 100 + 2 * i, 21, 3};
        up[2 * i + 1] = (struct told){2 * i + 1, 101 + 2 * i, 23, 3};
        fprintf(file, "%u connect h lsm:3#%u D\\u rdp\n%u logoff h lsm:3#%u\n", START + 2 * i, i + 1,
                START + 2 * i + 1, i + 1);
    }
    for (size_t i = 0; i < COUNT(up); i++)
        down[i] = up[COUNT(up) - 1 - i];
    assert_int_equal(fclose(file), 0);
    expect_of(&reader_windows_xml, write_xml, up, COUNT(up), heard);
    expect_of(&reader_windows_xml, write_xml, down, COUNT(down), heard);
    expect_of(&reader_windows_json, write_json, down, COUNT(down), heard);
    free(heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_the_numbers_of_records),
        cmocka_unit_test(by_their_stamps_where_they_have_none),
        cmocka_unit_test(a_long_log_either_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
