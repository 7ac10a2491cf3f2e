/* `farmgate status` as people see it. */
#include "agent/ctl/status_view.h"

#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN                                                                                                 \
    "{\"host\":\"h1\",\"now\":\"2026-01-05T08:00:00.000Z\",\"version\":\"1.0\",\"ready\":true,\"farm_id\":"  \
    "\"F\","                                                                                                 \
    "\"verdict\":{\"open\":true,\"reason\":\"open\",\"text\":\"all is well\"},\"limit\":20,"                 \
    "\"concurrent_users\":5,\"users\":6,\"connections\":9,\"exempt\":1,\"disconnected\":2,\"hosts\":1,"      \
    "\"window\":{\"peak_users\":6},\"peak_today\":{\"users\":7,\"at\":\"2026-01-05T07:30:00.000Z\"},"        \
    "\"peak_ever\":{\"users\":0,\"at\":null},\"clocks\":{\"expires_at\":\"2026-01-15T08:00:00.000Z\","       \
    "\"refresh_by\":\"2026-01-04T20:00:00.000Z\",\"next_report\":\"2026-01-05T08:20:00.000Z\"},"             \
    "\"next\":{\"at\":\"2026-01-15T08:00:00.000Z\",\"code\":\"next_trial_ends\",\"text\":\"\",\"fields\":{}" \
    "},"                                                                                                     \
    "\"last_contact\":\"2026-01-05T07:40:00.000Z\",\"windows_queued\":1,\"report_failures\":2,"              \
    "\"setbacks\":[{\"asked\":\"report\",\"why\":[{\"code\":\"setback_report\",\"text\":\"\",\"fields\":{"   \
    "\"since_at\":\"2026-01-05T07:50:00.000Z\",\"tries\":2}},{\"code\":\"said_too_late\",\"text\":\"\","     \
    "\"fields\":{}}],\"remedies\":[{\"code\":\"from_the_future\",\"text\":\"Stay calm.\",\"fields\":{}}]}]," \
    "\"entitlement\":{\"trial\":true},\"health\":\"store: full\",\"new_field\":[{}]}"
#define OPEN_SHOWN                                                                      \
    "gate        open\n"                                                                \
    "users       5 of 20 licences  ██████                   25 %\n"         \
    "connections 9 of 6 users on 1 host; 2 disconnected, 1 exempt\n"                    \
    "peak        6 in this window, 7 today (07:30), 0 ever\n"                           \
    "next        2026-01-15 08:00 UTC, in 10 days: The trial ends. From then on the\n"  \
    "            gate is closed until a licence key is activated.\n"                    \
    "trial ends  2026-01-15 08:00  in 10 days\n"                                        \
    "refresh by  2026-01-04 20:00  12 hours ago\n"                                      \
    "contact     last 20 minutes ago, next report in 20 minutes, 1 window to send, 2\n" \
    "            failed in a row\n"                                                     \
    "report      Reports have failed since Mon 07:50 UTC (2 tries). The licensing\n"    \
    "            authority did not answer in time. Stay calm.\n"                        \
    "farm        F\n"                                                                   \
    "health      store: full\n"                                                         \
    "agent       1.0 on h1\n"

#define CLOSED                                                                                               \
    "{\"host\":\"h1\",\"now\":\"2026-01-05T08:00:00.000Z\",\"version\":\"1.0\",\"ready\":false,\"farm_id\":" \
    "null,"                                                                                                  \
    "\"verdict\":{\"open\":false,\"reason\":\"not_activated\",\"text\":\"no "                                \
    "licence\\u001b[2J\"},\"limit\":null,"                                                                   \
    "\"concurrent_users\":0,\"users\":1,\"connections\":1,\"next\":{\"at\":null,\"code\":\"do_move\","       \
    "\"text\":\"\","                                                                                         \
    "\"fields\":{}},\"entitlement\":null,\"health\":\"\"}"
#define CLOSED_SHOWN                                                                     \
    "gate        closed  not_activated: no licence?[2J  (starting: not every session\n"  \
    "                    is known yet)\n"                                                \
    "users       0 concurrent, no limit known\n"                                         \
    "connections 1 of 1 user on 0 hosts; 0 disconnected, 0 exempt\n"                     \
    "peak        0 in this window, 0 today, 0 ever\n"                                    \
    "next        Move the licence to this server with `farmgate activate KEY --move`.\n" \
    "agent       1.0 on h1\n"

#define BY_FILES                                                                                            \
    "{\"host\":\"h1\",\"now\":\"2026-01-05T08:00:00.000Z\",\"version\":\"1.0\",\"ready\":true,\"farm_id\":" \
    "\"F\",\"verdict\":{\"open\":true,\"reason\":\"open\",\"text\":\"all is well\"},\"limit\":20,"          \
    "\"concurrent_users\":5,\"clocks\":{\"expires_at\":null,\"refresh_by\":\"2027-02-01T08:00:00.000Z\","   \
    "\"next_report\":null},\"last_contact\":\"2026-01-02T08:00:00.000Z\",\"offline\":true,"                 \
    "\"windows_queued\":216,\"report_failures\":0,\"health\":\"\"}"
#define BY_FILES_SHOWN                                                             \
    "contact     by files, the last answer 3 days ago; exchange the next before\n" \
    "            2027-02-01 08:00; 216 windows to send\n"

#define REVOKED                                                                                             \
    "{\"host\":\"h1\",\"now\":\"2026-01-05T08:00:00.000Z\",\"version\":\"1.0\",\"ready\":true,\"farm_id\":" \
    "\"F\",\"verdict\":{\"open\":false,\"reason\":\"revoked\",\"activation\":\"revoked\","                  \
    "\"text\":\"ask\"},\"limit\":20,\"concurrent_users\":5,"                                                \
    "\"entitlement\":{\"trial\":false,\"reason\":\"key moved\\u001b[2J\"},\"health\":\"\"}"
#define REVOKED_SHOWN                                         \
    "gate        closed  revoked: ask\n"                      \
    "revoked     by the licensing authority: key moved?[2J\n" \
    "users       5 of 20 licences"

#define OF_MANY                                                                                             \
    "{\"host\":\"h1\",\"now\":\"2026-01-05T08:00:00.000Z\",\"version\":\"1.0\",\"ready\":true,\"farm_id\":" \
    "\"F\",\"verdict\":{\"open\":true,\"reason\":\"open\",\"text\":\"all is well\"},\"limit\":20,"          \
    "\"concurrent_users\":5,\"health\":\"\",\"farm\":{\"name\":\"office\",\"part\":\"follows\",\"leader\":" \
    "\"h2\",\"verdict_at\":\"2026-01-05T07:59:55.000Z\",\"waiting\":1},\"this_host\":{\"users\":2,"         \
    "\"connections\":3,\"exempt\":1,\"disconnected\":0}}"
#define OF_MANY_SHOWN                                                             \
    "this host   3 connections of 2 users; 0 disconnected, 1 exempt\n"            \
    "part        follows h2, which counts for the whole farm; the verdict is 5\n" \
    "            seconds old; the farm does not have 1 change of this host yet\n" \
    "farm        F, office\n"                                                     \
    "agent       1.0 on h1\n"

static void show(const char *json, bool colour, char *text, size_t bytes)
{
    struct status_view view;
    struct error_detail detail = {""};
    struct term term = {.file = fmemopen(text, bytes, "w"), .colour = colour, .width = 80};
    status_view_init(&view);
    if (json_read(&status_view_shape, json, strlen(json), &view, &detail, NULL) != 0)
        fail_msg("%s", detail.text);
    status_view_print(&view, &term);
    (void)fclose(term.file);
}

static void test_shown(void **state)
{
    char text[4096];
    (void)state;
    show(OPEN, false, text, sizeof(text));
    assert_string_equal(text, OPEN_SHOWN);
    show(CLOSED, false, text, sizeof(text));
    assert_string_equal(text, CLOSED_SHOWN);
    show(BY_FILES, false, text, sizeof(text));
    if (!strstr(text, BY_FILES_SHOWN))
        fail_msg("%s", text);
    show(OF_MANY, false, text, sizeof(text));
    if (!strstr(text, OF_MANY_SHOWN))
        fail_msg("%s", text);
    show(REVOKED, false, text, sizeof(text));
    if (strncmp(text, REVOKED_SHOWN, strlen(REVOKED_SHOWN)) != 0)
        fail_msg("%s", text);
    show(CLOSED, true, text, sizeof(text));
    assert_non_null(strstr(text, "\033[31mclosed\033[0m"));
}

static void test_not_a_status(void **state)
{
    static const char *const bodies[] = {"", "{}", "[]", "{\"verdict\":{}}",
                                         "{\"verdict\":1,\"concurrent_users\":1}"};
    struct status_view view;
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        status_view_init(&view);
        assert_true(json_read(&status_view_shape, bodies[i], strlen(bodies[i]), &view, NULL, NULL) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shown), cmocka_unit_test(test_not_a_status)};
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests_name("status_view", tests, NULL, NULL);
}
