/* Windows events as XML, as each program writes them. */
#include "log_reading.h"

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define SYSTEM(provider, id, channel)                                                                    \
    "<System><Provider Name='" provider "' Guid='{5d896912}'/><EventID>" id                              \
    "</EventID><Version>0</Version><TimeCreated SystemTime='2024-03-05T08:00:01.2501234Z'/>"             \
    "<EventRecordID>1520</EventRecordID><Correlation ActivityID='{f4204024}'/><Execution ProcessID='1' " \
    "ThreadID='2'/><Channel>" channel "</Channel><Computer>RDS1.corp.example</Computer><Security "       \
    "UserID='S-1-5-18'/></System>"
#define EVENT(inside) \
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'>" inside "</Event>"
#define LSM(id, data)                                                                                  \
    EVENT(SYSTEM(                                                                                      \
        "Microsoft-Windows-TerminalServices-LocalSessionManager", id,                                  \
        "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational") "<UserData><EventXML "   \
                                                                              "xmlns='Event_NS'>" data \
                                                                              "</EventXML></UserData>")
#define WHO(user)      "<User>" user "</User><SessionID>3</SessionID><Address>192.0.2.7</Address>"
#define ALICE          LSM("21", WHO("CORP\\alice"))
#define BACK           LSM("25", WHO("CORP\\alice"))
#define HEARD          HEARD_OF("CORP\\alice")
#define HEARD_OF(user) "1709625601.250 connect rds1.corp.example lsm:3#1 " user " rdp\n"
#define LOGON                                                                                            \
    EVENT(SYSTEM(                                                                                        \
        "Microsoft-Windows-Security-Auditing", "4624",                                                   \
        "Security") "<EventData><Data "                                                                  \
                    "Name='SubjectUserName'>RDS1$</Data><Data "                                          \
                    "Name='TargetUserSid'>S-1-5-21-1-2-3-1104</Data><Data "                              \
                    "Name='TargetUserName'>alice</Data><Data Name='TargetDomainName'>CORP</Data><Data "  \
                    "Name='TargetLogonId'>0x4a1b2</Data><Data Name='LogonType'>10</Data><Data "          \
                    "Name='IpAddress'>"                                                                  \
                    "192.0.2.7</Data><Data Name='ElevatedToken'>%%1843</Data><Data>unnamed</Data><Data " \
                    "Name='TargetLinkedLogonId'>0x0</Data></EventData>")

struct row {
    const char *what, *text, *heard;
};

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("# %s\n", rows[i].what);
        expect_text(&reader_windows_xml, NULL, rows[i].text, rows[i].heard);
    }
}

static void every_writer_is_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one after another", ALICE BACK, HEARD},
        {"lines", ALICE "\r\n" BACK "\r\n", HEARD},
        {"a root and a declaration", "<?xml version=\"1.0\"?>\n<Events>" ALICE "</Events>\n", HEARD},
        {"a byte order mark", "\xef\xbb\xbf" ALICE, HEARD},
        {"as Event Viewer shows it",
         "- <Event xmlns=\"u\">\n- <System>\n  <Provider "
         "Name=\"Microsoft-Windows-TerminalServices-LocalSessionManager\" "
         "/> \n  <EventID>21</EventID> \n  <TimeCreated SystemTime=\"2024-03-05T08:00:01.250Z\" /> \n  "
         "<Channel>"
         "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational</Channel> \n  "
         "<Computer>RDS1.corp.example"
         "</Computer> \n  </System>\n- <UserData>\n- <EventXML xmlns=\"Event_NS\">\n  "
         "<User>CORP\\alice</User> \n  "
         "<SessionID>3</SessionID> \n  <Address>192.0.2.7</Address> \n  </EventXML>\n  </UserData>\n  "
         "</Event>\n",
         HEARD},
        {"a message beside it",
         EVENT("<RenderingInfo Culture='de-DE'><Channel>x</Channel><Message>a &lt;Event> "
               "b</Message></RenderingInfo>" SYSTEM("p", "1", "Application")) ALICE,
         HEARD},
        {"prefixed names",
         "<e:Event xmlns:e='u'/><Event xmlns:a='Event_NS'>" SYSTEM(
             "x", "21",
             "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational") "<UserData><a:EventXML>"
                                                                                   "<a:User>CORP\\alice</"
                                                                                   "a:User><a:SessionID>3</"
                                                                                   "a:SessionID><a:Address>"
                                                                                   "192.0.2.7</a:Address></"
                                                                                   "a:EventXML></UserData>"
                                                                                   "</Event>",
         HEARD},
        {"Security's data by name", LOGON,
         "1709625601.250 connect rds1.corp.example security:0x4a1b2#1 CORP\\alice rdp no-admin\n"},
        {"a session that another one disconnects",
         ALICE LSM("39", "<TargetSession>3</TargetSession><Source>4</Source>"),
         HEARD "1709625601.250 disconnect rds1.corp.example lsm:3#1\n"},
        {"a session that is disconnected, with a reason",
         ALICE LSM("40", "<Session>3</Session><Reason>5</Reason>"),
         HEARD "1709625601.250 disconnect rds1.corp.example lsm:3#1\n"},
        {"characters that are written as such or as numbers", LSM("21", WHO("B&amp;B\\J&#246;rg M\xc3\xbc")),
         HEARD_OF("B&B\\J\xc3\xb6rg M\xc3\xbc")},
        {"the code page of a console", LSM("21", WHO("CORP\\J\xf6rg")), HEARD_OF("CORP\\J\xc3\xb6rg")},
        {"what begins in the instant of another log's boot is not ended by it",
         ALICE EVENT(SYSTEM("Microsoft-Windows-Kernel-General", "13", "System")), HEARD},
    };
    expect_rows(rows, COUNT(rows));
}

static void what_is_wrong_ends_with_its_event(void **state)
{
    (void)state;
#define NESTED_8(inside)  "<a><a><a><a><a><a><a><a>" inside "</a></a></a></a></a></a></a></a>"
#define NESTED_32(inside) NESTED_8(NESTED_8(NESTED_8(NESTED_8(inside))))
    static const struct row rows[] = {
        {"nothing", "", ""},
        {"no event", "<Events></Events>", ""},
        {"cut off at the end", ALICE "<Event xmlns='u'><System><EventID>21</Ev", HEARD "! TORN 1\n"},
        {"cut off, then a whole one", "<Event xmlns='u'><System><EventID>21</Ev" ALICE, HEARD "! TORN 1\n"},
        {"cut off outside, then a whole one", "a < b" ALICE, HEARD},
        {"tags that do not fit", "<Event><System></Event>" ALICE, HEARD "! NOT_UNDERSTOOD 1\n"},
        {"a character that is none", "<Event>\x01</Event>" ALICE, HEARD "! NOT_UNDERSTOOD 1\n"},
        {"a document type", "<!DOCTYPE Event [<!ENTITY a SYSTEM \"/etc/passwd\">]><Event>&a;</Event>" ALICE,
         HEARD "! NOT_UNDERSTOOD 1\n"},
        {"a document type inside", "<Event><!DOCTYPE Event [<!ENTITY a 'b'>]>&a;</Event>" ALICE,
         HEARD "! NOT_UNDERSTOOD 1\n"},
        {"nested too deeply", EVENT(NESTED_32("")) ALICE, HEARD "! NOT_UNDERSTOOD 1\n"},
        {"an event without anything", "<Event/><Event></Event>" ALICE, HEARD "! NOT_UNDERSTOOD 1\n"},
        {"no number of a session", LSM("21", "<User>CORP\\alice</User>"), "! NOT_UNDERSTOOD 1\n"},
    };
    expect_rows(rows, COUNT(rows));
}

static size_t to_utf16(const char *text, bool big, bool marked, char *to)
{
    size_t bytes = 0;
    if (marked) {
        to[bytes++] = big ? (char)0xfe : (char)0xff;
        to[bytes++] = big ? (char)0xff : (char)0xfe;
    }
    for (; *text != '\0'; text++) {
        to[bytes++] = big ? 0 : *text;
        to[bytes++] = big ? *text : 0;
    }
    return bytes;
}

static void utf16_is_read_with_and_without_a_mark(void **state)
{
    (void)state;
    static char bytes[16384];
    for (int form = 0; form < 4; form++) {
        size_t count =
            to_utf16("<Events>" ALICE "\r\n" BACK "</Events>", form % 2 != 0, form / 2 != 0, bytes);
        assert_int_equal(reader_windows_xml.recognise(bytes, count, true), RECOGNISED_YES);
        expect_log(&reader_windows_xml, bytes, count, HEARD);
    }
}

/* Pairs of halves are one character; a half alone is none. */
static void utf16_beyond_its_first_plane(void **state)
{
    (void)state;
    static const char marks[] = "@#%", halves[][4] = {{0x3d, (char)0xd8, 0x00, (char)0xde},
                                                      {0x3d, (char)0xd8},
                                                      {0x00, (char)0xdc}};
    static char bytes[8192];
    size_t count = to_utf16(LSM("21", WHO("CORP\\a@#.%.")), false, true, bytes), kept = 0;
    for (size_t i = 0; i < count; i += 2) {
        const char *mark = bytes[i + 1] == 0 ? strchr(marks, bytes[i]) : NULL;
        if (mark == NULL || *mark == '\0') {
            memmove(bytes + kept, bytes + i, 2);
            kept += 2;
            continue;
        }
        memcpy(bytes + kept, halves[mark - marks], 2);
        kept += 2;
        if (*mark == '@') { /* '@' is followed by '#', which gives its room */
            memcpy(bytes + kept, halves[0] + 2, 2);
            kept += 2;
            i += 2;
        }
    }
    expect_log(&reader_windows_xml, bytes, kept, HEARD_OF("CORP\\a\xf0\x9f\x98\x80.\xef\xbf\xbd."));
}

static void an_event_too_long_is_left_out(void **state)
{
    (void)state;
    static const char start[] = "<Event><System><EventID>1", end[] = "</EventID></System></Event>" ALICE;
    size_t filler = 2 << 20, count = sizeof start - 1 + filler + sizeof end - 1;
    char *bytes = malloc(count);
    assert_non_null(bytes);
    memcpy(bytes, start, sizeof start - 1);
    memset(bytes + sizeof start - 1, '1', filler);
    memcpy(bytes + sizeof start - 1 + filler, end, sizeof end - 1);
    expect_log(&reader_windows_xml, bytes, count, HEARD "! TOO_LONG 1\n");
    free(bytes);
}

static void a_place_is_the_line_where_its_event_begins(void **state)
{
    (void)state;
    expect_text(&reader_windows_xml, NULL, "<Events>\n" ALICE "\n\n<Event>\n\n<a></Event>",
                HEARD "! NOT_UNDERSTOOD 1\n");
    assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD), "one:4: mismatched tag");
    assert_int_equal(last_understood(), 1);
}

static void its_own_are_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum recognised recognised;
    } rows[] = {
        {ALICE, RECOGNISED_YES},
        {"\xef\xbb\xbf<?xml version='1.0'?>\r\n<Events>\r\n" ALICE, RECOGNISED_YES},
        {"- <Event xmlns='u'>\n- <System>", RECOGNISED_YES},
        {"<Events><Event>", RECOGNISED_MAYBE},
        {"<Events>", RECOGNISED_NO},
        {"<html>", RECOGNISED_NO},
        {"evtxexport 20181227\n\n<Event xmlns='u'>\n  <System>", RECOGNISED_MAYBE},
        {"x <Event>", RECOGNISED_NO},
        {"", RECOGNISED_NO},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(reader_windows_xml.recognise(rows[i].head, strlen(rows[i].head), true),
                         rows[i].recognised);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_writer_is_read),
        cmocka_unit_test(what_is_wrong_ends_with_its_event),
        cmocka_unit_test(utf16_is_read_with_and_without_a_mark),
        cmocka_unit_test(utf16_beyond_its_first_plane),
        cmocka_unit_test(an_event_too_long_is_left_out),
        cmocka_unit_test(a_place_is_the_line_where_its_event_begins),
        cmocka_unit_test(its_own_are_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
