#include "log_reading.h"

#include "agent/ctl/sizing/csv_map.h"
#include "agent/ctl/sizing/csv_time.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define HEADER "time,user,host,event\n"

static void expect_csv(const char *text, const char *expected)
{
    expect_text(&reader_csv, NULL, text, expected);
}

static void expect_mapped(const char *list, const char *text, const char *expected)
{
    struct csv_map *map;
    assert_int_equal(csv_map_create(list, &map, NULL), 0);
    struct reader_settings settings = {.csv = map};
    expect_text(&reader_csv, &settings, text, expected);
    csv_map_destroy(map);
}

static void rows_are_events(void **state)
{
    (void)state;
    expect_csv(HEADER "1000,alice,ts1,logon\n"
                      "1001,bob,ts1,connect\n"
                      "1002,alice,ts1,disconnect\n"
                      "1003,alice,ts1,logoff",
               "1000 connect ts1 alice alice rdp\n"
               "1001 connect ts1 bob bob rdp\n"
               "1002 disconnect ts1 alice\n"
               "1003 logoff ts1 alice\n");
    assert_int_equal(last_understood(), 4);
    expect_csv("Logon-ID;Konto;Computer Name;When;Activity\n", "! NOT_UNDERSTOOD 1\n");
    expect_csv("Logon ID;User Name;Computer Name;When;Activity;Route;Admin\n"
               "7;alice;ts1;1000;Logon;broker;yes\n"
               "7;;ts1;1001;Log Off;;\n",
               "1000 connect ts1 7 alice broker admin\n"
               "1001 logoff ts1 7\n");
}

static void sessions_without_ids_are_a_users_on_a_host(void **state)
{
    (void)state;
    expect_csv("time,user,event\n1000,CORP\\Bob,logon\n1001,corp\\bOB,logoff\n",
               "1000 connect srv corp\\bob CORP\\Bob rdp\n"
               "1001 logoff srv corp\\bob\n");
    char text[1400], name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "time,user,event\n1000,%s,logoff\n", name);
    expect_csv(text, "1000 logoff srv user-e7b3931d41eeacf9\n");
}

static void separators_quotes_and_ends_of_lines(void **state)
{
    (void)state;
    const char *expected = "1000 connect ts1 alice alice rdp\n";
    expect_csv("time\tuser\thost\tevent\n1000\talice\tts1\tlogon\n", expected);
    expect_csv("time;user;host;event\r\n1000;alice;ts1;logon\r\n", expected);
    expect_csv("\xef\xbb\xbf"
               "\"time\",\"user\",\"host\",\"event\"\r\n\"1000\",\"alice\",\"ts1\",\"logon\"\r\n",
               expected);
    expect_csv(HEADER "1000 , alice ,  ts1,logon\n", expected);
    expect_csv(HEADER "\n1000,alice,ts1,logon,\n\n", expected);
    expect_csv(HEADER "1000,\"a, \"\"b\"\" c\",ts1,logon\n", "1000 connect ts1 a, \"b\" c a, \"b\" c rdp\n");
    /* a quote within a field opens nothing */
    expect_csv("note," HEADER "a 19\" screen,1000,alice,ts1,logon\nb,1001,alice,ts1,logoff\n",
               "1000 connect ts1 alice alice rdp\n1001 logoff ts1 alice\n");
    /* an end of line within quotes belongs to the field */
    expect_csv("note," HEADER "\"two\nlines\",1000,alice,ts1,logon\nx,y,alice,ts1,logon\n",
               "1000 connect ts1 alice alice rdp\n! NOT_UNDERSTOOD 1\n");
    assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD),
                        "one:4: ts: not a time of ISO 8601, nor Unix time");
}

static void bad_rows_are_left_out(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"soon,alice,ts1,logon,,,", "ts: not a time of ISO 8601, nor Unix time"},
        {"1000,,ts1,logon,,,", "user: empty, too long, or no text"},
        {"1000,a\1,ts1,logon,,,", "user: empty, too long, or no text"},
        {"1000,alice,t\1,logon,,,", "host: too long, or no text"},
        {"1000,alice,ts1,lock,,,", "event: no word for a connect, disconnect or log-off; --map tells others"},
        {"1000,alice,ts1,,,,", "event: no word for a connect, disconnect or log-off; --map tells others"},
        {"1000,alice,ts1,logon,screen,,", "kind: neither desktop nor application"},
        {"1000,alice,ts1,logon,,vnc,", "route: not one of broker, rdp, rdp-tunnel, console, ssh"},
        {"1000,alice,ts1,logon,,,perhaps", "admin: neither yes nor no"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[300], place[200];
        snprintf(text, sizeof text, "time,user,host,event,kind,route,admin\n%s\n1001,bob,ts1,logon,,,no\n",
                 bad[i][0]);
        expect_csv(text, "1001 connect ts1 bob bob rdp no-admin\n! NOT_UNDERSTOOD 1\n");
        snprintf(place, sizeof place, "one:2: %s", bad[i][1]);
        assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD), place);
    }
}

static void a_quote_without_an_end_costs_no_more_than_a_record(void **state)
{
    (void)state;
    size_t room = 120000;
    char *text = malloc(room);
    assert_non_null(text);
    size_t used = (size_t)snprintf(text, room, HEADER "1000,alice,ts1,logon\n1001,\"bob,ts1,logon\n");
    while (used < 70000)
        used += (size_t)snprintf(text + used, room - used, "1002,nobody,ts1,lock\n");
    snprintf(text + used, room - used, "1003,dora,ts1,logon\n");
    char expected[200];
    /* what stands behind the 65,536 bytes is read again, from its next line on */
    snprintf(expected, sizeof expected,
             "1000 connect ts1 alice alice rdp\n1003 connect ts1 dora dora rdp\n! NOT_UNDERSTOOD 211\n"
             "! TOO_LONG 1\n");
    expect_csv(text, expected);
    assert_string_equal(first_place(REPAIR_TOO_LONG), "one:3: perhaps a quote has no end");
    free(text);
    expect_csv(HEADER "1000,\"alice", "! NOT_UNDERSTOOD 1\n");
}

static void a_map_names_columns_and_words(void **state)
{
    (void)state;
    expect_mapped("ts=date,user=user,host=pc,event=activity,connect=Anmeldung|Logon,logoff=Abmeldung",
                  "id,date,user,pc,activity\n1,2026-01-01 00:00:00,alice,ts1,anmeldung\n"
                  "2,2026-01-01T01:00:00+01:00,bob,ts1,logon\n3,1767225601,alice,ts1,Abmeldung\n"
                  "4,1767225602,alice,ts1,logoff\n",
                  "1767225600 connect ts1 alice alice rdp\n1767225600 connect ts1 bob bob rdp\n"
                  "1767225601 logoff ts1 alice\n! NOT_UNDERSTOOD 1\n");
    /* one word may be told to be another's */
    expect_mapped("logoff=Disconnect", HEADER "1000,a,h,disconnect\n", "1000 logoff h a\n");
    expect_mapped("ts=Day+Clock", "user,day,clock,event\na,2026-01-01,00:00:01,logon\n",
                  "1767225601 connect srv a a rdp\n");
    expect_csv("user,date,time,event\na,2026-01-01,00:00:01,logon\n", "1767225601 connect srv a a rdp\n");
    expect_mapped("user=nobody", HEADER "1000,a,h,logon\n", "! NOT_UNDERSTOOD 1\n");
    assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD), "one:1: user: there is no column 'nobody'");
    assert_int_equal(last_understood(), 0);
    expect_csv("a,b,c\n1,2,3\n", "! NOT_UNDERSTOOD 1\n");
    assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD),
                        "one:1: ts: no column of a usual name; --map ts=COLUMN tells it");
}

static void maps_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "ts", "ts=", "=x", "time=x", "ts=a,ts=b", "ts=a,,user=b"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct csv_map *map = NULL;
        struct error_detail detail = {""};
        assert_int_equal(csv_map_create(bad[i], &map, &detail), ERROR_INVALID);
        assert_null(map);
        assert_string_not_equal(detail.text, "");
    }
    csv_map_destroy(NULL);
}

static void each_file_has_a_header(void **state)
{
    (void)state;
    const char one[] = HEADER "1000,a,h,logon\n", two[] = "event;user;time\nlogoff;a;1001\n";
    struct log_part files[] = {{one, sizeof one - 1}, {two, sizeof two - 1}};
    expect_files(&reader_csv, &(struct reader_settings){.host = "h"}, files, 2,
                 "1000 connect h a a rdp\n1001 logoff h a\n");
}

static void a_host_that_is_given_is_that_of_all(void **state)
{
    (void)state;
    struct reader_settings settings = {.host = "mine", .host_given = true};
    expect_text(&reader_csv, &settings, HEADER "1000,a,h,logon\n", "1000 connect mine a a rdp\n");
}

static void what_is_a_table_is_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum recognised sure;
    } heads[] = {
        {HEADER "1000,a,h,logon\n", RECOGNISED_YES},
        {HEADER, RECOGNISED_YES},
        {"\xef\xbb\xbfid;date;user;pc;activity\n", RECOGNISED_YES},
        {"a,b,c\n1,2,3\n", RECOGNISED_MAYBE},
        {"a,b,c\n1,2\n", RECOGNISED_NO},
        {"a,b\n1,2\n", RECOGNISED_NO},
        {"Dear Sir or Madam,\nthank you, all, for this.\n", RECOGNISED_NO},
        {"{\"a\": 1, \"b\": 2, \"c\": 3}\n{\"a\": 1, \"b\": 2, \"c\": 3}\n", RECOGNISED_NO},
        {"", RECOGNISED_NO},
    };
    for (size_t i = 0; i < COUNT(heads); i++)
        assert_int_equal(reader_csv.recognise(heads[i].text, strlen(heads[i].text), true), heads[i].sure);
    assert_int_equal(reader_csv.recognise("time,user,event\0x\n", 18, true), RECOGNISED_NO);
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at_ms; /* -1: none */
    } told[] = {
        {"2026-01-01T00:00:00Z", 1767225600000},
        {"2026-01-01 00:00:00", 1767225600000},
        {"2026-01-01 00:00", 1767225600000},
        {"2026-01-01 00:00:00.250", 1767225600250},
        {"2026-01-01 00:00:00,250999", 1767225600250},
        {"2026-01-01T00:00:00.123456789123Z", 1767225600123},
        {"2026-01-01T01:00:00+01:00", 1767225600000},
        {"2025-12-31T19:00:00-0500", 1767225600000},
        {"2026-01-01 01:00:00 +01", 1767225600000},
        {"2026-01-01 00:00 UTC", 1767225600000},
        {"1767225600", 1767225600000},
        {"1767225600.25", 1767225600250},
        {"1767225600.123456", 1767225600123},
        {"1767225600250", 1767225600250},
        {"0", 0},
        {"", -1},
        {"-1", -1},
        {"1767225600.", -1},
        {"1767225600 s", -1},
        {"1767225600250.5", -1},
        {"9999999999999999", -1},
        {"999999999999999", -1},
        {"2026-02-30 00:00:00", -1},
        {"2026-01-01", -1},
        {"2026-01-01 00:00:0", -1},
        {"2026-01-01 00:00:00.", -1},
        {"2026-01-01 00:00:00+1", -1},
        {"2026-01-01 00:00:00+01:0", -1},
        {"2026-01-01 00:00:00+01:00x", -1},
        {"2026-01-01 00:00:00 CET", -1},
        {"01/02/2026 00:00:00", -1},
        {"1969-12-31 23:59:59", -1},
        {"2026-01-01 00:00:00.1111111111111111111111111111111111111111", -1},
    };
    for (size_t i = 0; i < COUNT(told); i++) {
        int64_t at_ms = -1;
        bool good = csv_time_parse(told[i].text, &at_ms);
        if (good != (told[i].at_ms >= 0) || at_ms != told[i].at_ms)
            fail_msg("%s: %lld", told[i].text, (long long)at_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_events),
        cmocka_unit_test(sessions_without_ids_are_a_users_on_a_host),
        cmocka_unit_test(separators_quotes_and_ends_of_lines),
        cmocka_unit_test(bad_rows_are_left_out),
        cmocka_unit_test(a_quote_without_an_end_costs_no_more_than_a_record),
        cmocka_unit_test(a_map_names_columns_and_words),
        cmocka_unit_test(maps_that_are_none),
        cmocka_unit_test(each_file_has_a_header),
        cmocka_unit_test(a_host_that_is_given_is_that_of_all),
        cmocka_unit_test(what_is_a_table_is_recognised),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
