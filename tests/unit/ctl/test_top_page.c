/* The page of `farmgate top` as cells: of what was told, on screens of every size. */
#include "agent/ctl/top_page.h"

#include "tests/unit/unit.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS INT64_C(1767600000000) /* 2026-01-05 08:00 UTC */

static const char *const texts[] = {
    "{\"now\":\"2026-01-05T08:00:00.000Z\",\"host\":\"h1\",\"ready\":true,\"limit\":10,\"concurrent_users\":"
    "12,"
    "\"connections\":14,\"users\":12,\"hosts\":3,\"disconnected\":2,\"exempt\":1,"
    "\"verdict\":{\"open\":false,\"reason\":\"over\",\"text\":\"Too many users.\"},"
    "\"window\":{\"peak_users\":12},\"peak_today\":{\"users\":13,\"at\":\"2026-01-05T07:10:00.000Z\"},"
    "\"peak_ever\":{\"users\":40},\"clocks\":{\"expires_at\":\"2026-02-05T08:00:00.000Z\","
    "\"refresh_by\":\"2026-01-05T08:01:30.000Z\",\"next_report\":\"2026-01-05T08:00:30.000Z\"},"
    "\"windows_queued\":3,\"health\":\"the disk is full\","
    "\"farm\":{\"name\":\"office\",\"part\":\"follows\",\"leader\":\"h2\",\"waiting\":4}}"};

static struct top_told *told_create(void)
{
    struct top_told *told = calloc(1, sizeof(*told));
    assert_non_null(told);
    status_view_init(&told->status);
    assert_int_equal(json_read(&status_view_shape, texts[0], strlen(texts[0]), &told->status, NULL, NULL), 0);
    told->has_status = true;
    for (size_t i = 0; i < TOP_WINDOWS_MAX; i++)
        told->peaks[i] = i < 25 ? (int64_t)i : -1;
    told->connections = calloc(1, sizeof(*told->connections));
    told->farm = farm_view_create();
    assert_true(told->connections && told->farm);
    for (size_t i = 0; i < 40; i++) {
        struct connection_row *row = &told->connections->connections[told->connections->connections_count++];
        (void)snprintf(row->user, sizeof(row->user), "user%02zu", i);
        (void)snprintf(row->host, sizeof(row->host), "h%zu", i % 3);
        (void)snprintf(row->id, sizeof(row->id), "c%zu", i);
        (void)snprintf(row->state, sizeof(row->state), "active");
        (void)snprintf(row->reason, sizeof(row->reason), i % 2 ? "counted" : "exempt 1 of 2");
        row->counted = i % 2;
        row->connected_at_ms = NOW_MS - (int64_t)i * 60000;
    }
    struct ignored_row *ignored = &told->connections->ignored[told->connections->ignored_count++];
    (void)snprintf(ignored->user, sizeof(ignored->user), "aaron");
    (void)snprintf(ignored->reason, sizeof(ignored->reason), "ignored by rule 2");
    static const char *const states[] = {"leads", "follows", "silent"};
    for (size_t i = 0; i < COUNT(states); i++) {
        struct farm_view_host *host = &told->farm->hosts[told->farm->hosts_count++];
        (void)snprintf(host->host, sizeof(host->host), "h%zu", i);
        (void)snprintf(host->state, sizeof(host->state), "%s", states[i]);
        host->connections = (int64_t)i * 5;
        host->silent_since_ms = i == 2 ? NOW_MS - 180000 : 0;
    }
    told->farm->now_ms = NOW_MS;
    for (size_t i = 0; i < 3; i++) {
        told->events[i] = (struct top_event){.at_ms = NOW_MS};
        (void)snprintf(told->events[i].text, TOP_EVENT_BYTES, "event %zu", i);
        (void)snprintf(told->events[i].severity, sizeof(told->events[i].severity), "notice");
    }
    told->events_count = 3;
    return told;
}

static void told_destroy(struct top_told *told)
{
    free(told->connections);
    free(told->farm);
    free(told);
}

/* The screen as lines. */
static const char *draw(struct top_page *page, const struct top_told *told, unsigned rows, unsigned columns,
                        char ret[65536])
{
    struct cells cells = {.cells = NULL};
    const struct top_now now = {0, NOW_MS};
    assert_true(cells_resize(&cells, rows, columns));
    assert_true(top_page_draw(page, told, &now, &cells));
    ret[0] = '\0';
    char *at = ret;
    for (unsigned i = 0; i < rows; i++) {
        for (unsigned j = 0; j < columns; j++)
            at = stpcpy(at, cells.cells[i * columns + j].text);
        at = stpcpy(at, "\n");
    }
    cells_finish(&cells);
    return ret;
}

static void has(const char *screen, const char *text)
{
    if (!strstr(screen, text))
        print_error("missing: %s\n%s", text, screen);
    assert_non_null(strstr(screen, text));
}

static void test_whole(void **state)
{
    static char screen[65536];
    static const char *const parts[] = {
        "farmgate top  h1  office",
        "live 08:00",
        "closed  over: Too many users.",
        "12 of 10 licences",
        "120 %",
        "14 connections of 12 users on 3 hosts; 2 disconnected, 1 exempt",
        "peak 13 at 07:10, 40 ever",
        "next report in under a minute; expires in 31 days; refresh in a minute; 3 windows to send",
        "the disk is full",
        "follows h2, which counts for the whole farm; 4 changes wait for the farm",
        "\u2588  peak",
        "aaron",
        "ignored by rule 2",
        "RECENT EVENTS",
        "event 2",
        "1-",
        " of 41 on by user",
    };
    struct top_told *told = told_create();
    struct top_page page;
    (void)state;
    top_page_init(&page);
    draw(&page, told, 40, 120, screen);
    for (size_t i = 0; i < COUNT(parts); i++)
        has(screen, parts[i]);
    told_destroy(told);
}

static void test_panels(void **state)
{
    static char screen[65536];
    struct top_told *told = told_create();
    struct top_page page;
    (void)state;
    top_page_init(&page);
    assert_int_equal(top_page_key(&page, KEY_TEXT, "3"), TOP_DRAW);
    draw(&page, told, 30, 80, screen);
    has(screen, "SILENT FOR");
    has(screen, "h2    silent   10  3 minutes");
    has(screen, "3 hosts");
    (void)top_page_key(&page, KEY_BACK_TAB, "");
    draw(&page, told, 30, 80, screen);
    has(screen, "notice    event 2");
    (void)top_page_key(&page, KEY_TAB, "");
    (void)top_page_key(&page, KEY_TAB, "");
    assert_int_equal(page.panel, TOP_WHO);
    for (const char *text = "/h2 C5"; *text; text++)
        (void)top_page_key(&page, KEY_TEXT, (char[]){*text, '\0'});
    (void)top_page_key(&page, KEY_ENTER, "");
    draw(&page, told, 30, 80, screen);
    has(screen, "1 on by user /h2 C5");
    has(screen, "user05");
    (void)top_page_key(&page, KEY_TEXT, "/");
    (void)top_page_key(&page, KEY_TEXT, "\u00f6");
    (void)top_page_key(&page, KEY_BACKSPACE, "");
    assert_string_equal(page.filter, "h2 C5"); /* a whole character went */
    (void)top_page_key(&page, KEY_TEXT, "!");
    draw(&page, told, 30, 80, screen);
    has(screen, "nobody of whom this is true");
    told_destroy(told);
}

static void test_scrolling(void **state)
{
    static char screen[65536];
    struct top_told *told = told_create();
    struct top_page page;
    (void)state;
    top_page_init(&page);
    draw(&page, told, 20, 80, screen);
    size_t room = page.room;
    assert_true(room > 2 && page.rows == 41);
    static const struct {
        enum key key;
        const char *text;
    } keys[] = {{KEY_DOWN, ""},  {KEY_TEXT, "j"}, {KEY_PAGE_DOWN, ""}, {KEY_END, ""},    {KEY_PAGE_UP, ""},
                {KEY_TEXT, "k"}, {KEY_HOME, ""},  {KEY_UP, ""},        {KEY_PAGE_UP, ""}};
    size_t wanted[] = {1, 2, 2 + room, 41 - room, 41 - 2 * room, 40 - 2 * room, 0, 0, 0};
    for (size_t i = 0; i < COUNT(keys); i++) {
        (void)top_page_key(&page, keys[i].key, keys[i].text);
        draw(&page, told, 20, 80, screen);
        assert_int_equal(page.first[TOP_WHO], wanted[i]);
    }
    (void)top_page_key(&page, KEY_END, "");
    told->connections->connections_count = 1; /* they left meanwhile */
    draw(&page, told, 20, 80, screen);
    assert_int_equal(page.first[TOP_WHO], 0);
    has(screen, "user00");
    told_destroy(told);
}

/* Whatever the size, and whatever was told. */
static void test_sizes(void **state)
{
    static char screen[65536];
    static const char *const keys[] = {"", "?", "2", "3", "/x"};
    struct top_told *told = told_create(), *nothing = calloc(1, sizeof(*nothing));
    (void)state;
    assert_non_null(nothing);
    for (unsigned rows = 1; rows <= 30; rows++)
        for (unsigned columns = 1; columns <= 100; columns += columns < 20 ? 1 : 13)
            for (size_t i = 0; i < COUNT(keys); i++) {
                struct top_page page;
                top_page_init(&page);
                for (const char *key = keys[i]; *key; key++)
                    (void)top_page_key(&page, KEY_TEXT, (char[]){*key, '\0'});
                draw(&page, told, rows, columns, screen);
                draw(&page, nothing, rows, columns, screen);
            }
    struct top_page page;
    top_page_init(&page);
    draw(&page, told, 10, 40, screen);
    has(screen, "gate    closed");
    has(screen, "users   12 of 10");
    has(screen, "user00");
    (void)snprintf(told->lost, sizeof(told->lost), "nobody listens there");
    told->lost_since_ms = NOW_MS;
    draw(&page, told, 24, 80, screen);
    has(screen, "no agent 08:00");
    has(screen, "no answer since 08:00, trying again: nobody listens there");
    has(screen, "user00");
    told_destroy(told);
    free(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_panels),
        cmocka_unit_test(test_scrolling),
        cmocka_unit_test(test_sizes),
    };
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
