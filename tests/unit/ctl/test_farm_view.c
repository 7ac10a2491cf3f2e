/* `farmgate farm status` as people see it. */
#include "agent/ctl/farm_view.h"

#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW "\"now\":\"2026-01-05T08:00:00.000Z\","

#define FOLLOWS                                                                                              \
    "{\"mode\":\"etcd\",\"host\":\"rds1\"," NOW "\"name\":\"office\",\"part\":\"follows\",\"leader\":"       \
    "\"rds2\",\"since\":null,\"verdict_at\":\"2026-01-05T07:59:57.000Z\",\"waiting\":0,\"lag\":2,"           \
    "\"gaps\":0,\"detail\":\"\",\"holder\":null,\"endpoint\":\"https://etcd1:2379\",\"head\":44,\"hosts\":[" \
    "{\"host\":\"rds1\",\"connections\":3,\"answering\":true,\"state\":\"follows\",\"version\":\"0.7\","     \
    "\"silent_since\":null,\"last_change\":\"2026-01-05T07:58:00.000Z\"},"                                   \
    "{\"host\":\"rds2\",\"connections\":null,\"state\":\"leads\",\"version\":\"0.7\","                       \
    "\"last_change\":null},"                                                                                 \
    "{\"host\":\"rds3\",\"connections\":null,\"state\":\"silent\",\"version\":null,"                         \
    "\"silent_since\":\"2026-01-05T07:58:00.000Z\",\"last_change\":\"2026-01-05T07:50:00.000Z\"},"           \
    "{\"host\":\"rds4\",\"connections\":null,\"state\":\"lost\",\"silent_since\":"                           \
    "\"2026-01-05T05:00:00.000Z\"},"                                                                         \
    "{\"host\":\"rds5\\u001b\",\"connections\":null,\"state\":\"down\"}],\"store_detail\":\"\","             \
    "\"store\":{\"revision\":44,\"gaps\":[],\"gaps_ever\":0,\"unreadable\":0,\"more\":false}}"
#define FOLLOWS_SHOWN                                                                  \
    "farm        office\n"                                                             \
    "this host   rds1 follows rds2, which counts for the whole farm\n"                 \
    "verdict     given 3 seconds ago; 2 changes of the store to go\n"                  \
    "waiting     nothing: the farm has every change of this host\n"                    \
    "gaps        none: the farm's peaks are exact\n"                                   \
    "store       https://etcd1:2379, revision 44\n"                                    \
    "\n"                                                                               \
    "HOST         STATE    SILENT FOR  CONNECTIONS  VERSION  LAST CHANGE\n"            \
    "rds1 (this)  follows  -                     3  0.7      2 minutes ago\n"          \
    "rds2         leads    -                     ?  0.7      -\n"                      \
    "rds3         silent   2 minutes             ?  -        10 minutes ago\n"         \
    "rds4         lost     3 hours               ?  -        -\n"                      \
    "rds5?        down     -                     ?  -        -\n"                      \
    "\n"                                                                               \
    "silent: not heard of. Its connections count until farm.host_lost_after has\n"     \
    "passed, and it may come back as if nothing had been.\n"                           \
    "lost: waited for in vain. Its connections have ended; what it did meanwhile is\n" \
    "merged when it is back.\n"                                                        \
    "down: it has no place in the farm now; it was stopped, or has left.\n"

#define CUT_OFF                                                                                             \
    "{\"mode\":\"etcd\",\"host\":\"rds1\"," NOW "\"name\":\"office\",\"part\":\"cut_off\",\"leader\":null," \
    "\"since\":\"2026-01-05T07:55:00.000Z\",\"verdict_at\":\"2026-01-05T07:54:00.000Z\",\"waiting\":2,"     \
    "\"waiting_since\":\"2026-01-05T07:56:00.000Z\",\"lag\":null,\"gaps\":1,\"detail\":\"no answer\","      \
    "\"endpoint\":\"https://etcd1:2379\",\"hosts\":null,\"store_detail\":\"the shared store does not "      \
    "answer\","                                                                                             \
    "\"store\":null}"
#define CUT_OFF_SHOWN                                                                    \
    "farm        office\n"                                                               \
    "this host   rds1 cut off: the farm's last verdict stands; since 2026-01-05\n"       \
    "            07:55, 5 minutes (no answer)\n"                                         \
    "verdict     given 6 minutes ago\n"                                                  \
    "waiting     2 changes of this host, the first of 2026-01-05 07:56; kept here\n"     \
    "            until the farm has them\n"                                              \
    "gaps        1 span of time of which not all is known: peaks may have been higher\n" \
    "store       https://etcd1:2379 does not tell who is in the farm: the shared\n"      \
    "            store does not answer\n"

#define TROUBLED                                                                                             \
    "{\"mode\":\"etcd\",\"host\":\"rds1\"," NOW                                                              \
    "\"name\":\"office\",\"part\":\"refused\",\"holder\":\"m2\","                                            \
    "\"verdict_at\":null,\"waiting\":0,\"hosts\":[{\"host\":\"rds1\",\"connections\":0,\"answering\":true}]" \
    ","                                                                                                      \
    "\"store\":{\"revision\":9,\"gaps\":[{\"after\":\"2026-01-04T08:00:00.000Z\",\"through\":"               \
    "\"2026-01-04T08:05:00.000Z\",\"host\":\"rds3\",\"changes\":2}],\"gaps_ever\":3,\"unreadable\":1,"       \
    "\"more\":true}}"
#define TROUBLED_SHOWN                                                                   \
    "farm        office\n"                                                               \
    "this host   rds1 refused: another machine of the farm has its name; its id is m2\n" \
    "verdict     none yet\n"                                                             \
    "waiting     nothing: the farm has every change of this host\n"                      \
    "gaps        3 spans of time of which not all is known: peaks may have been\n"       \
    "            higher\n"                                                               \
    "last gap    2026-01-04 08:00 to 2026-01-04 08:05: 2 changes of rds3 came late,\n"   \
    "            and counted from its end on only\n"                                     \
    "store       revision 9\n"                                                           \
    "strange     1 value under the farm's name does not open: written by a stranger,\n"  \
    "            or by a host with another secret\n"                                     \
    "\n"                                                                                 \
    "HOST         STATE    SILENT FOR  CONNECTIONS  VERSION  LAST CHANGE\n"              \
    "rds1 (this)  told of  -                     0  -        -\n"                        \
    "… there are more\n"                                                               \
    "\n"                                                                                 \
    "told of: no agent runs there, as far as the farm knows; brokers speak of its\n"     \
    "sessions.\n"

#define LOST_HISTORY                                                                \
    "{\"mode\":\"etcd\",\"host\":\"rds1\"," NOW                                     \
    "\"name\":\"office\",\"part\":\"leads\",\"gaps\":1,\"store\":{"                 \
    "\"revision\":9,\"gaps\":[{\"after\":\"2026-01-04T08:00:00.000Z\",\"through\":" \
    "\"2026-01-04T08:05:00.000Z\",\"host\":null,\"changes\":0}],\"gaps_ever\":1}}"
#define LOST_HISTORY_SHOWN                                                               \
    "farm        office\n"                                                               \
    "this host   rds1 leads: it counts for the whole farm\n"                             \
    "verdict     none yet\n"                                                             \
    "waiting     nothing: the farm has every change of this host\n"                      \
    "gaps        1 span of time of which not all is known: peaks may have been higher\n" \
    "last gap    2026-01-04 08:00 to 2026-01-04 08:05: the store lost what happened\n"   \
    "            before it was read\n"                                                   \
    "store       revision 9\n"

#define ALONE                                                                                        \
    "{\"mode\":\"alone\",\"host\":\"rds1\"," NOW "\"part\":\"alone\",\"hosts\":[{\"host\":\"rds1\"," \
    "\"connections\":3},{\"host\":\"rds2\",\"connections\":1}],\"store\":null}"
#define ALONE_SHOWN                      \
    "farm        rds1 is its own farm\n" \
    "\n"                                 \
    "HOST  CONNECTIONS\n"                \
    "rds1            3\n"                \
    "rds2            1\n"

static void show(const char *json, char *text, size_t bytes)
{
    struct error_detail detail = {""};
    struct term term = {.file = fmemopen(text, bytes, "w"), .width = 80};
    struct farm_view *view = farm_view_create();
    assert_non_null(view);
    if (json_read(&farm_view_shape, json, strlen(json), view, &detail, NULL) != 0)
        fail_msg("%s", detail.text);
    assert_true(farm_view_print(view, &term));
    (void)fclose(term.file);
    free(view);
}

static void test_shown(void **state)
{
    static const struct {
        const char *json, *shown;
    } rows[] = {{FOLLOWS, FOLLOWS_SHOWN},
                {CUT_OFF, CUT_OFF_SHOWN},
                {TROUBLED, TROUBLED_SHOWN},
                {LOST_HISTORY, LOST_HISTORY_SHOWN},
                {ALONE, ALONE_SHOWN}};
    char text[8192];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        show(rows[i].json, text, sizeof(text));
        assert_string_equal(text, rows[i].shown);
    }
}

static void test_parts(void **state)
{
    static const struct {
        const char *part, *leader, *words;
    } rows[] = {
        {"leads", "rds1", "leads: it counts for the whole farm"},
        {"follows", "rds2", "follows rds2, which counts for the whole farm"},
        {"follows", "", "follows; no host counts for the whole farm now"},
        {"joining", "", "joining: it has not heard of the farm yet"},
        {"left", "", "left: it was taken out of the farm"},
        {"something_new", "", "something_new"},
    };
    char words[FARM_VIEW_PART_BYTES];
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(farm_view_part(rows[i].part, rows[i].leader, words), rows[i].words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shown), cmocka_unit_test(test_parts)};
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests_name("farm_view", tests, NULL, NULL);
}
