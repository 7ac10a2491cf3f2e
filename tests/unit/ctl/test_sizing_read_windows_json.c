/* Windows events as JSON lines, as each writer spells them. */
#include "log_reading.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void expect_file(const char *name, const char *service, const char *expected)
{
    const struct reader_services services = {&service, 1};
    const struct reader_settings settings = {.services = &services};
    struct log_part file;
    char *bytes = read_data(name, &file.count);
    file.bytes = bytes;
    expect_files(&reader_windows_json, &settings, &file, 1, expected);
    free(bytes);
}

static void real_logs_give_what_each_of_both_tells(void **state)
{
    (void)state;
    expect_file("windows-otrf/2020-09-04.jsonl", "lsm",
                "1599203302 connect workstation5.theshire.local lsm:2#1 THESHIRE\\pgustavo rdp\n"
                "1599203314 disconnect workstation5.theshire.local lsm:2#1\n"
                "1599203316 connect workstation5.theshire.local lsm:2#1 THESHIRE\\pgustavo rdp\n"
                "! LOGOFF_UNKNOWN 1\n");
    expect_file(
        "windows-otrf/2020-09-04.jsonl", "security",
        "1599203300 connect workstation5.theshire.local security:0xa96e8#1 THESHIRE\\pgustavo rdp admin\n"
        "1599203314 disconnect workstation5.theshire.local security:0xa96e8#1\n"
        "1599203315 connect workstation5.theshire.local security:0xa96e8#1 THESHIRE\\pgustavo rdp admin\n"
        "! LINKED_LOGON 1\n");
    expect_file("windows-otrf/2020-09-22.jsonl", "lsm",
                "1600763883 connect workstation5.theshire.local lsm:2#1 THESHIRE\\pgustavo rdp\n");
    expect_file("windows-otrf/2020-09-22.jsonl", "security", "! BEGUN_BEFORE 3\n");
}

struct row {
    const char *what, *text, *heard;
};

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("# %s\n", rows[i].what);
        expect_text(&reader_windows_json, NULL, rows[i].text, rows[i].heard);
    }
}

#define LSM              "\"Microsoft-Windows-TerminalServices-LocalSessionManager/Operational\""
#define LSM_NAME         "\"Microsoft-Windows-TerminalServices-LocalSessionManager\""
#define HEARD(at, route) at " connect rds1.corp.example lsm:3#1 CORP\\alice " route "\n"
#define LOGON_HEARD      "1709625601.250 connect rds1.corp.example security:0x4a1b2#1 CORP\\alice rdp admin\n"
#define AT               "2024-03-05T08:00:01.250Z"

static void every_writer_is_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"Winlogbeat",
         "{\"@timestamp\":\"" AT
         "\",\"event\":{\"code\":\"21\",\"provider\":\"x\"},\"user\":{\"name\":\"alice\"},"
         "\"message\":\"m\",\"winlog\":{\"channel\":" LSM ",\"computer_name\":\"RDS1.corp.example\","
         "\"event_id\":\"21\",\"user\":{\"name\":\"SYSTEM\"},\"user_data\":{\"xml_name\":\"EventXML\","
         "\"User\":\"CORP\\\\alice\",\"SessionID\":\"3\",\"Address\":\"192.0.2.7\"}}}\n",
         HEARD("1709625601.250", "rdp")},
        {"Winlogbeat, a log-on",
         "{\"@timestamp\":\"" AT "\",\"winlog\":{\"channel\":\"Security\",\"provider_name\":"
         "\"Microsoft-Windows-Security-Auditing\",\"computer_name\":\"RDS1.corp.example\",\"event_id\":4624,"
         "\"event_data\":{\"TargetUserName\":\"alice\",\"TargetDomainName\":\"CORP\",\"TargetLogonId\":"
         "\"0x4a1b2\",\"TargetLinkedLogonId\":\"0x0\",\"ElevatedToken\":\"Yes\",\"LogonType\":\"10\","
         "\"IpAddress\":\"192.0.2.7\"}}}\n",
         LOGON_HEARD},
        {"Winlogbeat, exported from Elasticsearch",
         "{\"_index\":\"winlogbeat-8\",\"_id\":\"x\",\"_source\":{\"@timestamp\":\"" AT
         "\",\"winlog\":{\"channel\":" LSM ",\"computer_name\":\"RDS1.corp.example\","
         "\"event_id\":\"21\",\"user_data\":{\"User\":\"CORP\\\\alice\",\"SessionID\":\"3\","
         "\"Address\":\"192.0.2.7\"}}}}\n",
         HEARD("1709625601.250", "rdp")},
        {"Winlogbeat before version 7",
         "{\"@timestamp\":\"" AT
         "\",\"beat\":{\"name\":\"b\"},\"computer_name\":\"RDS1.corp.example\",\"event_id\":"
         "4624,\"log_name\":\"Security\",\"source_name\":\"Microsoft-Windows-Security-Auditing\",\"event_"
         "data\":{"
         "\"TargetUserName\":\"alice\",\"TargetDomainName\":\"CORP\",\"TargetLogonId\":\"0x4a1b2\","
         "\"TargetLinkedLogonId\":\"0x4a1c9\",\"LogonType\":\"10\",\"IpAddress\":\"192.0.2.7\"}}\n",
         LOGON_HEARD},
        {"a converter, attributes in objects",
         "{\"Event\":{\"#attributes\":{\"xmlns\":\"u\"},\"System\":{\"Provider\":{\"#attributes\":{"
         "\"Name\":" LSM_NAME ",\"Guid\":\"g\"}},\"EventID\":{\"#attributes\":{\"Qualifiers\":\"0\"},\"#"
         "text\":21},\"TimeCreated\":{"
         "\"#attributes\":{\"SystemTime\":\"2024-03-05T08:00:01.250999Z\"}},\"Channel\":" LSM
         ",\"Computer\":\"RDS1.corp.example\"},\"UserData\":{\"EventXML\":{\"#attributes\":{\"xmlns\":"
         "\"Event_NS\"},"
         "\"User\":\"CORP\\\\alice\",\"SessionID\":3,\"Address\":\"LOCAL\"}}}}\n",
         HEARD("1709625601.250", "console")},
        {"a converter, attributes beside values",
         "{\"Event\":{\"System\":{\"Provider_attributes\":{\"Name\":" LSM_NAME "},\"EventID\":21,"
         "\"EventID_attributes\":{\"Qualifiers\":0},\"TimeCreated_attributes\":{\"SystemTime\":"
         "\"2024-03-05 08:00:01.250 UTC\"},\"Computer\":\"RDS1.corp.example\"},\"UserData\":{\"EventXML\":{"
         "\"User\":\"CORP\\\\alice\",\"SessionID\":3,\"Address\":\"192.0.2.7\"}}}}\n",
         HEARD("1709625601.250", "rdp")},
        {"a converter, pairs of names and texts",
         "{\"Event\":{\"System\":{\"Provider\":{\"@Name\":\"Microsoft-Windows-Security-Auditing\"},"
         "\"EventID\":{"
         "\"@Qualifiers\":\"\",\"#text\":\"4624\"},\"TimeCreated\":{\"@SystemTime\":\"2024-03-05 "
         "08:00:01.250000\"},"
         "\"Channel\":\"Security\",\"Computer\":\"RDS1.corp.example\"},\"EventData\":{\"Data\":["
         "{\"@Name\":\"TargetUserName\",\"#text\":\"alice\"},{\"#text\":\"CORP\",\"@Name\":"
         "\"TargetDomainName\"},"
         "{\"@Name\":\"TargetLogonId\",\"#text\":\"0x4a1b2\"},{\"@Name\":\"LogonType\",\"#text\":\"10\"},"
         "{\"@Name\":\"Other\",\"#text\":\"x\"},{\"@Name\":\"ElevatedToken\",\"#text\":\"%%1842\"},"
         "{\"@Name\":\"IpAddress\",\"#text\":\"192.0.2.7\"},{\"@Name\":\"IpPort\"}]}}}\n",
         LOGON_HEARD},
        {"a converter, pairs with attributes in objects",
         "{\"Event\":{\"System\":{\"Channel\":\"Security\",\"EventID\":4624,\"TimeCreated\":{\"#attributes\":"
         "{"
         "\"SystemTime\":\"" AT "\"}},\"Computer\":\"RDS1.corp.example\"},\"EventData\":{\"Data\":["
         "{\"#attributes\":{\"Name\":\"TargetUserName\"},\"#text\":\"alice\"},"
         "{\"#attributes\":{\"Name\":\"TargetDomainName\"},\"#text\":\"CORP\"},"
         "{\"#attributes\":{\"Name\":\"TargetLogonId\"},\"#text\":\"0x4a1b2\"},"
         "{\"#attributes\":{\"Name\":\"LogonType\"},\"#text\":10},"
         "{\"#attributes\":{\"Name\":\"ElevatedToken\"},\"#text\":\"%%1842\"},"
         "{\"#attributes\":{\"Name\":\"IpAddress\"},\"#text\":\"192.0.2.7\"}]}}}\n",
         LOGON_HEARD},
        {"a converter whose data are a text that is JSON itself",
         "{\"PayloadData1\":\"x\",\"Payload\":\"{\\\"UserData\\\":{\\\"EventXML\\\":{\\\"@xmlns\\\":"
         "\\\"Event_NS\\\","
         "\\\"User\\\":\\\"CORP\\\\\\\\alice\\\",\\\"SessionID\\\":\\\"3\\\",\\\"Address\\\":\\\"192.0.2."
         "7\\\"}}}\","
         "\"Channel\":" LSM ",\"Computer\":\"RDS1.corp.example\",\"EventId\":21,"
         "\"TimeCreated\":\"2024-03-05T08:00:01.2500000+00:00\"}\n",
         HEARD("1709625601.250", "rdp")},
        {"a list of records, a byte order mark",
         "\xef\xbb\xbf[\n{\"winlog\":{\"channel\":\"Security\",\"event_id\":1}},\r\n{\"@timestamp\":\"" AT
         "\",\"winlog\":{\"channel\":" LSM
         ",\"computer_name\":\"rds1.corp.example\",\"event_id\":21,\"user_data\":{"
         "\"User\":\"CORP\\\\alice\",\"SessionID\":\"3\",\"Address\":\"192.0.2.7\"}}}]\n",
         HEARD("1709625601.250", "rdp")},
    };
    expect_rows(rows, COUNT(rows));
}

#define NXLOG(times, message)                                             \
    "{\"EventID\":21,\"Hostname\":\"RDS1.corp.example\",\"Channel\":" LSM \
    ",\"AccountName\":\"SYSTEM\",\"Domain\":\"NT AUTHORITY\",\"Message\":\"" message "\"," times "}\n"
#define ENGLISH                                                                              \
    "Remote Desktop Services: Session logon succeeded:\\r\\n\\r\\nUser: CORP\\\\alice\\r\\n" \
    "Session ID: 3\\r\\nSource Network Address: 192.0.2.7"
#define TIMES(event, received, arrived) \
    "\"EventTime\":\"" event "\",\"EventReceivedTime\":\"" received "\",\"@timestamp\":\"" arrived "\""

static void a_message_is_read_in_any_language(void **state)
{
    (void)state;
#define ZONED "\"EventTime\":\"2024-03-05T09:00:01.25+01:00\""
    static const struct row rows[] = {
        {"English", NXLOG(ZONED, ENGLISH), HEARD("1709625601.250", "rdp")},
        {"German",
         NXLOG(ZONED,
               "Remotedesktopdienste: Sitzungsanmeldung erfolgreich:\\r\\n\\r\\nBenutzer: CORP\\\\alice\\r\\n"
               "Sitzungs-ID: 3\\r\\nQuellnetzwerkadresse: LOKAL"),
         HEARD("1709625601.250", "console")},
        {"French, with hard spaces",
         NXLOG(
             ZONED,
             "Services Bureau \xc3\xa0 distance\xc2\xa0: ouverture de session r\xc3\xa9ussie\xc2\xa0:"
             "\\n\\nUtilisateur\xc2\xa0:\xc2\xa0"
             "CORP\\\\alice\\nID de session\xc2\xa0: 3\\nAdresse r\xc3\xa9seau source\xc2\xa0: 2001:db8::7"),
         HEARD("1709625601.250", "rdp")},
        {"Chinese, with wide colons",
         NXLOG(ZONED, "\xe8\xbf\x9c\xe7\xa8\x8b\xe6\xa1\x8c\xe9\x9d\xa2\xef\xbc\x9a\\r\\n\\r\\n\xe7\x94\xa8"
                      "\xe6\x88\xb7\xef"
                      "\xbc\x9a"
                      "CORP\\\\alice\\r\\n\xe4\xbc\x9a\xe8\xaf\x9d ID\xef\xbc\x9a "
                      "3\\r\\n\xe6\xba\x90\xef\xbc\x9a\xe6\x9c\xac"
                      "\xe5\x9c\xb0"),
         HEARD("1709625601.250", "console")},
        {"a message of another form", NXLOG(ZONED, "CORP\\\\alice came"), "! NOT_UNDERSTOOD 1\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static void nxlogs_zone_is_told_by_what_has_one(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"four hours behind",
         NXLOG(TIMES("2024-03-05 04:00:01", "2024-03-05 04:00:03", "2024-03-05T08:00:03.424Z"), ENGLISH),
         HEARD("1709625601", "rdp")},
        {"an hour late at the collector, not in the zone",
         NXLOG(TIMES("2024-03-05 04:00:01", "2024-03-05 05:00:03", "2024-03-05T09:00:04.424Z"), ENGLISH),
         HEARD("1709625601", "rdp")},
        {"five and three quarters ahead, the receiver's clock behind",
         NXLOG(TIMES("2024-03-05 13:45:01", "2024-03-05 13:45:01", "2024-03-05T07:59:00.000Z"), ENGLISH),
         HEARD("1709625601", "rdp")},
        {"received with a zone",
         NXLOG("\"EventTime\":\"2024-03-05 10:00:01\",\"EventReceivedTime\":\"2024-03-05T10:07:00+02:00\"",
               ENGLISH),
         HEARD("1709625601", "rdp")},
        {"arrival alone",
         NXLOG("\"EventTime\":\"2024-03-05 10:00:01\",\"@timestamp\":\"2024-03-05T08:00:04Z\"", ENGLISH),
         HEARD("1709625601", "rdp")},
        {"nothing: the zone of the process", NXLOG("\"EventTime\":\"2024-03-05 10:00:01\"", ENGLISH),
         HEARD("1709625601", "rdp")},
        {"nothing any more: the zone of before",
         "{\"EventID\":4608,\"Channel\":\"Security\",\"Hostname\":\"x\"," TIMES(
             "2024-03-05 03:00:01", "2024-03-05 03:00:01",
             "2024-03-05T08:00:01Z") "}\n" NXLOG("\"EventTime\":\"2024-03-05 03:00:01\"", ENGLISH),
         HEARD("1709625601", "rdp")},
        {"stamps of different days are no zone",
         NXLOG(TIMES("2024-03-05 10:00:01", "2024-03-05 10:00:02", "2024-03-09T08:00:02Z"), ENGLISH),
         HEARD("1709625601", "rdp")},
    };
    assert_int_equal(setenv("TZ", "XYZ-2", 1), 0);
    tzset();
    expect_rows(rows, COUNT(rows));
}

static void what_is_wrong_is_left_out(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"nothing", "", ""},
        {"blank lines", "\n \r\n\t\n", ""},
        {"no JSON", "hello\n{\n\"EventID\n", "! NOT_UNDERSTOOD 3\n"},
        {"half a record at the end", "{\"EventID\":21,\"Chan", "! NOT_UNDERSTOOD 1\n"},
        {"two records in a line", "{\"EventID\":21}{\"EventID\":21}\n", "! NOT_UNDERSTOOD 1\n"},
        {"a bare text in the payload", "{\"EventID\":21,\"Channel\":\"Security\",\"Payload\":\"x\"}\n",
         "! NOT_UNDERSTOOD 1\n"},
        {"nested too deeply", "{\"a\":[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}\n", "! NOT_UNDERSTOOD 1\n"},
        {"no event", "{\"ts\":1,\"event\":\"connect\"}\n", "! NOT_UNDERSTOOD 1\n"},
        {"no time", NXLOG("\"x\":1", ENGLISH), "! NOT_UNDERSTOOD 1\n"},
        {"no time of the calendar", NXLOG("\"EventTime\":\"2024-13-05T09:00:01Z\"", ENGLISH),
         "! NOT_UNDERSTOOD 1\n"},
        {"a time before 1970", NXLOG("\"EventTime\":\"1960-01-05T09:00:01Z\"", ENGLISH),
         "! NOT_UNDERSTOOD 1\n"},
        {"an odd zone", NXLOG("\"EventTime\":\"2024-03-05T09:00:01 CET\"", ENGLISH), "! NOT_UNDERSTOOD 1\n"},
        {"a name that is no text",
         NXLOG(ZONED,
               "x\\n\\nUser: CORP\\\\al\\u0000ice\\nSession ID: 3\\nSource Network Address: 192.0.2.7"),
         "! BAD_NAME 1\n"},
        {"a name that is not UTF-8", NXLOG(ZONED, "x\\n\\nUser: CORP\\\\al\xff\\nSession ID: 3"),
         "! BAD_NAME 1\n"},
        {"a line after one that is wrong", "{]\n" NXLOG(ZONED, ENGLISH),
         HEARD("1709625601.250", "rdp") "! NOT_UNDERSTOOD 1\n"},
        {"a host that the record does not name is the given one",
         "{\"EventID\":21,\"Channel\":" LSM ",\"Message\":\"" ENGLISH "\"," ZONED "}\n",
         "1709625601.250 connect srv lsm:3#1 CORP\\alice rdp\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static void a_line_too_long_is_left_out(void **state)
{
    (void)state;
    static char text[3 * READER_LINE_BYTES_MAX];
    size_t bytes = 0;
    memset(text, 'x', READER_LINE_BYTES_MAX + 1);
    bytes = READER_LINE_BYTES_MAX + 1;
    text[bytes++] = '\n';
    static const char good[] = NXLOG(ZONED, ENGLISH);
    memcpy(text + bytes, good, sizeof good - 1);
    const struct log_part file = {text, bytes + sizeof good - 1};
    expect_files(&reader_windows_json, NULL, &file, 1, HEARD("1709625601.250", "rdp") "! TOO_LONG 1\n");
}

static void a_given_host_is_that_of_every_record(void **state)
{
    (void)state;
    const struct reader_settings settings = {.host = "Given", .host_given = true};
    expect_text(&reader_windows_json, &settings, NXLOG(ZONED, ENGLISH),
                "1709625601.250 connect Given lsm:3#1 CORP\\alice rdp\n");
}

static void its_own_are_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum recognised recognised;
    } rows[] = {
        {NXLOG(ZONED, ENGLISH), RECOGNISED_YES},
        {"\xef\xbb\xbf[\n{\"winlog\":{\"channel\":\"Security\",\"event_id\":1}},", RECOGNISED_YES},
        {"{\"Event\":{\"System\":{\"EventID\":1,\"Provider\":{}}}}", RECOGNISED_YES},
        {"{\"EventID\":1}", RECOGNISED_MAYBE},
        {"{\"ts\":1,\"event\":\"connect\"}", RECOGNISED_NO},
        {"{\"MESSAGE\":\"x\",\"__REALTIME_TIMESTAMP\":\"1\"}", RECOGNISED_NO},
        {"<Event><EventID>\"EventID\"\"Channel\"", RECOGNISED_NO},
        {"", RECOGNISED_NO},
        {"\xef\xbb\xbf", RECOGNISED_NO},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(reader_windows_json.recognise(rows[i].head, strlen(rows[i].head), true),
                         rows[i].recognised);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_logs_give_what_each_of_both_tells),
        cmocka_unit_test(every_writer_is_read),
        cmocka_unit_test(a_message_is_read_in_any_language),
        cmocka_unit_test(nxlogs_zone_is_told_by_what_has_one),
        cmocka_unit_test(what_is_wrong_is_left_out),
        cmocka_unit_test(a_line_too_long_is_left_out),
        cmocka_unit_test(a_given_host_is_that_of_every_record),
        cmocka_unit_test(its_own_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
