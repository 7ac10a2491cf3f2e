/* What the fields of a record come to: whose they are, and from where. */
#include "agent/ctl/sizing/windows_record.h"

#include "tests/unit/unit.h"

#include <string.h>

static struct windows_record record;

static void put(enum windows_field field, const char *value)
{
    windows_record_put(&record, field, value, strlen(value));
}

static enum windows_meaning read_record(struct windows_event *ret_event)
{
    static const struct windows_hosts hosts = {"given", false};
    struct windows_zone zone = {0};
    return windows_record_read(&record, &hosts, &zone, ret_event);
}

static void begin_logon(const char *name)
{
    windows_record_begin(&record);
    put(WINDOWS_CHANNEL, "security");
    put(WINDOWS_EVENT_ID, "4624");
    put(WINDOWS_SYSTEM_TIME, "2024-03-05T08:00:01Z");
    put(WINDOWS_COMPUTER, "RDS1.Corp.example");
    put(WINDOWS_TARGET_LOGON, "0x5");
    put(WINDOWS_LOGON_TYPE, "10");
    put(WINDOWS_TARGET_USER, name);
}

static void addresses_of_this_host_are_local_in_every_language(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool local;
    } rows[] = {
        {"", true},
        {"-", true},
        {"LOCAL", true},
        {"LOKAL", true},
        {"\xe3\x83\xad\xe3\x83\xbc\xe3\x82\xab\xe3\x83\xab", true},
        {"127.0.0.1", true},
        {"127.1.2.3", true},
        {"::1", true},
        {"::ffff:127.0.0.1", true},
        {"192.0.2.7", false},
        {"2001:db8::7", false},
        {"fe80::1%4", false},
        {"::ffff:192.0.2.7", false},
        {"192.0.2.7:49152", false},
        {"128.0.0.1", false},
        {"1111111111111111111111111111111111111111111111111111.", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct windows_event event;
        begin_logon("u");
        put(WINDOWS_IP_ADDRESS, rows[i].address);
        assert_int_equal(read_record(&event), WINDOWS_MEANT);
        assert_int_equal(event.is_local, rows[i].local);
    }
}

static void accounts_that_are_no_users(void **state)
{
    (void)state;
    static const struct {
        const char *name, *sid;
        bool is_user;
    } rows[] = {
        {"alice", "S-1-5-21-1-2-3-1104", true},
        {"alice", "", true},
        {"RDS1$", "S-1-5-21-1-2-3-1000", false},
        {"gmsa$", "", false},
        {"DWM-1", "", false},
        {"dwm-12", "", false},
        {"UMFD-0", "", false},
        {"DWM-", "", true},
        {"DWM-x", "", true},
        {"SYSTEM", "", false},
        {"Syst\xc3\xa8me", "S-1-5-18", false},
        {"NETZWERKDIENST", "S-1-5-20", false},
        {"LOCAL SERVICE", "", false},
        {"ANONYMOUS LOGON", "S-1-5-7", false},
        {"sql", "S-1-5-80-1-2", false},
        {"pool", "S-1-5-82-1", false},
        {"x", "S-1-5-90-0-2", false},
        {"x", "S-1-5-96-0-2", false},
        {"x", "S-1-5-9", true},
        {"x", "S-1-5-180", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct windows_event event;
        begin_logon(rows[i].name);
        put(WINDOWS_TARGET_SID, rows[i].sid);
        assert_int_equal(read_record(&event), WINDOWS_MEANT);
        assert_int_equal(event.is_user, rows[i].is_user);
    }
}

static void names_have_a_domain(void **state)
{
    (void)state;
    static const struct {
        const char *domain, *name, *user;
    } rows[] = {
        {"CORP", "alice", "CORP\\alice"},
        {"", "alice", "rds1\\alice"},
        {"-", "alice", "rds1\\alice"},
        {"AzureAD", "alice@corp.example", "alice@corp.example"},
        {"CORP", "X\\alice", "X\\alice"},
        {"CORP", "", ""},
        {"CORP", "-", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct windows_event event;
        begin_logon(rows[i].name);
        put(WINDOWS_TARGET_DOMAIN, rows[i].domain);
        assert_int_equal(read_record(&event), WINDOWS_MEANT);
        assert_string_equal(event.user, rows[i].user);
        assert_string_equal(event.host, "rds1.corp.example");
    }
}

static void administrators_are_told_by_token_or_pair(void **state)
{
    (void)state;
    static const struct {
        const char *elevated, *linked;
        enum administrator administrator;
    } rows[] = {
        {"%%1842", "0x0", ADMINISTRATOR_YES}, {"%%1843", "0x0", ADMINISTRATOR_NO},
        {"%%1843", "0x6", ADMINISTRATOR_YES}, {"Yes", "", ADMINISTRATOR_YES},
        {"No", "", ADMINISTRATOR_NO},         {"", "", ADMINISTRATOR_UNKNOWN},
        {"Ja", "0x0", ADMINISTRATOR_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct windows_event event;
        begin_logon("alice");
        put(WINDOWS_ELEVATED, rows[i].elevated);
        put(WINDOWS_TARGET_LINKED_LOGON, rows[i].linked);
        assert_int_equal(read_record(&event), WINDOWS_MEANT);
        assert_int_equal(event.administrator, rows[i].administrator);
    }
}

static void only_what_tells_of_sessions_is_meant(void **state)
{
    (void)state;
    static const struct {
        const char *channel, *provider, *id;
        enum windows_meaning meaning;
    } rows[] = {
        {"Security", "", "4608", WINDOWS_MEANT},
        {"Security", "", "1100", WINDOWS_MEANT},
        {"Security", "", "4672", WINDOWS_OTHER},
        {"System", "EventLog", "6005", WINDOWS_MEANT},
        {"System", "Microsoft-Windows-Eventlog", "6006", WINDOWS_MEANT},
        {"System", "eventlog", "6009", WINDOWS_MEANT},
        {"System", "Other", "6005", WINDOWS_OTHER},
        {"System", "Microsoft-Windows-Kernel-General", "12", WINDOWS_MEANT},
        {"System", "disk", "12", WINDOWS_OTHER},
        {"System", "User32", "1074", WINDOWS_OTHER},
        {"Application", "x", "21", WINDOWS_OTHER},
        {"Application", "Microsoft-Windows-Security-Auditing", "4608", WINDOWS_OTHER},
        {"", "Microsoft-Windows-Security-Auditing", "4608", WINDOWS_MEANT},
        {"", "Microsoft-Windows-TerminalServices-LocalSessionManager", "32", WINDOWS_MEANT},
        {"Microsoft-Windows-TerminalServices-LocalSessionManager/Operational", "", "41", WINDOWS_OTHER},
        {"Microsoft-Windows-TerminalServices-LocalSessionManager/Operational", "", "54", WINDOWS_OTHER},
        {"Security", "", "4624", WINDOWS_UNREADABLE},
        {"", "", "4608", WINDOWS_UNREADABLE},
        {"Security", "", "", WINDOWS_UNREADABLE},
        {"Security", "", "-1", WINDOWS_UNREADABLE},
        {"Security", "", "4294967296", WINDOWS_UNREADABLE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct windows_event event;
        windows_record_begin(&record);
        put(WINDOWS_SYSTEM_TIME, "2024-03-05T08:00:01Z");
        put(WINDOWS_CHANNEL, rows[i].channel);
        put(WINDOWS_PROVIDER, rows[i].provider);
        put(WINDOWS_EVENT_ID, rows[i].id);
        assert_int_equal(read_record(&event), rows[i].meaning);
    }
}

static void times_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t at_ms; /* -1: none */
    } rows[] = {
        {"2024-03-05T08:00:01Z", 1709625601000},
        {"2024-03-05T08:00:01.2501234Z", 1709625601250},
        {"2024-03-05 08:00:01.250123456789", 1709625601250},
        {"2024-03-05 08:00:01,25 UTC", 1709625601250},
        {"2024-03-05T10:00:01+02:00", 1709625601000},
        {"2024-03-05T03:30:01-0430", 1709625601000},
        {"2024-03-05T08:00:01.Z", -1},
        {"2024-03-05T08:00", -1},
        {"2024-03-05_08:00:01", -1},
        {"2024-02-30T08:00:01Z", -1},
        {"2024-03-05T08:00:01 CET", -1},
        {"1969-12-31T23:59:59Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct windows_event event = {.at_ms = -1};
        windows_record_begin(&record);
        put(WINDOWS_CHANNEL, "Security");
        put(WINDOWS_EVENT_ID, "4608");
        put(WINDOWS_SYSTEM_TIME, rows[i].text);
        assert_int_equal(read_record(&event), rows[i].at_ms < 0 ? WINDOWS_UNREADABLE : WINDOWS_MEANT);
        assert_int_equal(event.at_ms, rows[i].at_ms);
    }
}

static void a_value_comes_in_pieces_and_is_cut(void **state)
{
    (void)state;
    windows_record_begin(&record);
    put(WINDOWS_TARGET_USER, "al");
    windows_record_put(&record, WINDOWS_TARGET_USER, "i\0ce", 4);
    assert_string_equal(record.fields[WINDOWS_TARGET_USER].text, "ali\1ce");
    for (int i = 0; i < 400; i++)
        put(WINDOWS_TARGET_USER, "xyz");
    assert_int_equal(strlen(record.fields[WINDOWS_TARGET_USER].text), WINDOWS_VALUE_BYTES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_this_host_are_local_in_every_language),
        cmocka_unit_test(accounts_that_are_no_users),
        cmocka_unit_test(names_have_a_domain),
        cmocka_unit_test(administrators_are_told_by_token_or_pair),
        cmocka_unit_test(only_what_tells_of_sessions_is_meant),
        cmocka_unit_test(times_as_they_are_written),
        cmocka_unit_test(a_value_comes_in_pieces_and_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
