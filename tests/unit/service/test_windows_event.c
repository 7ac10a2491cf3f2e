/* The messages that Event Viewer shows, as they are in the built program. */
#include "agent/service/service.h"
#include "agent/service/windows_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <cmocka.h>

#define MESSAGE_LENGTH 8192

static HMODULE program;

static int load_program(void **state)
{
    (void)state;
    program = LoadLibraryExA(FARMGATED, NULL, LOAD_LIBRARY_AS_DATAFILE);
    return program ? 0 : -1;
}

/* As it is in the table, its references unresolved; "" if there is none of that id. */
static const char *message(uint32_t id)
{
    static char text[MESSAGE_LENGTH];
    text[0] = '\0';
    (void)FormatMessageA(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_IGNORE_INSERTS, program, id, 0, text,
                         sizeof(text), NULL);
    return text;
}

static unsigned count_fields(const char *fields)
{
    unsigned count = fields[0] != '\0';
    for (; *fields; fields++)
        count += *fields == ' ';
    return count;
}

/* Which strings a message asks for, a bit for each; "%%" and "%n" ask for none. */
static unsigned references(const char *text)
{
    unsigned bits = 0;
    while ((text = strchr(text, '%'))) {
        text++;
        if (*text >= '1' && *text <= '9')
            bits |= 1u << strtoul(text, NULL, 10);
        text++;
    }
    return bits;
}

static void every_event_has_its_message(void **state)
{
    (void)state;
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        const struct log_event_form *form = log_event_form((enum log_event_code)code);
        const char *text = message(windows_event_id(form));
        unsigned strings = count_fields(form->fields) + WINDOWS_EVENT_OWN_MAX;
        if (text[0] == '\0')
            fail_msg("%s has no message", form->name);
        if (references(text) != (1u << (strings + 1)) - 2)
            fail_msg("%s has not %u strings: %s", form->name, strings, text);
        assert_in_range(strings, 1, WINDOWS_EVENT_STRINGS_MAX);
    }
}

static void severities_are_those_of_the_table(void **state)
{
    (void)state;
    static const struct {
        enum log_severity ours;
        uint32_t theirs;
    } rows[] = {{SEVERITY_ERROR, 3},
                {SEVERITY_WARNING, 2},
                {SEVERITY_NOTICE, 1},
                {SEVERITY_INFO, 1},
                {SEVERITY_DEBUG, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct log_event_form form = {.severity = rows[i].ours, .number = 401};
        assert_int_equal(windows_event_id(&form) >> 30, rows[i].theirs);
        assert_int_equal(windows_event_id(&form) & 0xFFFF, 401);
    }
    for (int code = 0; code < LOG_EVENT_MAX; code++) { /* and it has no other */
        const struct log_event_form *form = log_event_form((enum log_event_code)code);
        for (uint32_t severity = 0; severity <= 3; severity++)
            if (severity != windows_event_id(form) >> 30)
                assert_string_equal(message(severity << 30 | form->number), "");
    }
}

static void every_category_has_its_name(void **state)
{
    (void)state;
    for (unsigned group = 1; group <= LOG_EVENT_GROUPS; group++) {
        const char *name = log_event_group_name(group);
        assert_memory_equal(message(group), name, strlen(name));
    }
    assert_string_equal(message(LOG_EVENT_GROUPS + 1), "");
    for (int code = 0; code < LOG_EVENT_MAX; code++)
        assert_in_range(windows_event_category(log_event_form((enum log_event_code)code)), 1,
                        LOG_EVENT_GROUPS);
}

static void fields_are_named_in_the_documented_order(void **state)
{
    (void)state;
    const struct log_event_form *form = log_event_form(LOG_reclaim_failed);
    assert_string_equal(form->fields, "user host session detail");
    const char *text = message(windows_event_id(form));
    const char *wanted =
        "%5\r\n\r\nuser: %1\r\nhost: %2\r\nsession: %3\r\ndetail: %4\r\nat: %6\r\nid: %7\r\n\r\nThe hook ";
    assert_memory_equal(text, wanted, strlen(wanted));
    assert_non_null(strstr(text, "Try `logoff` by hand")); /* what is said on Windows */
    for (int code = 0; code < LOG_EVENT_MAX; code++) {
        text = message(windows_event_id(log_event_form((enum log_event_code)code)));
        assert_null(strstr(text, "systemctl"));
        assert_null(strstr(text, "/var/"));
        assert_null(strstr(text, "/run/"));
    }
}

/* What wine's Event Log was given it says itself: see tests/windows/test_service.py, which reads it. */
static void an_event_is_handed_over(void **state)
{
    (void)state;
    static char lengthy[3 * WINDOWS_EVENT_STRING_LENGTH];
    memset(lengthy, 'x', sizeof(lengthy) - 1);
    const struct service_field some[] = {{"at", "2026-01-01T00:00:00.000Z"},
                                         {"detail", "100%, %1 %%2 %n"},
                                         {"user", "zo\xc3\xab \xf0\x9f\x98\x80"}};
    const struct service_field odd[] = {{"detail", lengthy}, {"id", "7"}, {"user", "\xff"}};
    assert_true(windows_event_report(log_event_form(LOG_reclaim_failed), "some", some, 3));
    assert_true(windows_event_report(log_event_form(LOG_connection_refused), "odd", odd, 3));
    assert_true(windows_event_report(log_event_form(LOG_agent_stopping), "none", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_has_its_message),
        cmocka_unit_test(severities_are_those_of_the_table),
        cmocka_unit_test(every_category_has_its_name),
        cmocka_unit_test(fields_are_named_in_the_documented_order),
        cmocka_unit_test(an_event_is_handed_over),
    };
    return cmocka_run_group_tests(tests, load_program, NULL);
}
