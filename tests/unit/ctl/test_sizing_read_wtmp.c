#include "agent/ctl/sizing/utmp_layout.h"
#include "log_reading.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

/* A record, as it is told. */
struct told {
    uint16_t type;
    const char *line, *user, *host;
    uint64_t at;
    uint32_t pid, microseconds;
};

static void put(char *to, uint64_t number, size_t bytes, bool big)
{
    for (size_t i = 0; i < bytes; i++)
        to[big ? bytes - 1 - i : i] = (char)(number >> i * 8);
}

static size_t write_record(enum utmp_layout layout, const struct told *told, char *to)
{
    bool big = layout == UTMP_384_BIG || layout == UTMP_400_BIG, wide = layout >= UTMP_400_LITTLE;
    memset(to, 0, utmp_record_bytes_of(layout));
    put(to, told->type, 2, big);
    put(to + 4, told->pid, 4, big);
    memcpy(to + 8, told->line, strnlen(told->line, 32));
    memcpy(to + 44, told->user, strnlen(told->user, 32));
    memcpy(to + 76, told->host, strnlen(told->host, 256));
    put(to + (wide ? 344 : 340), told->at, wide ? 8 : 4, big);
    put(to + (wide ? 352 : 344), told->microseconds, wide ? 8 : 4, big);
    return utmp_record_bytes_of(layout);
}

static void expect_of(enum utmp_layout layout, const struct told *told, size_t count, const char *expected)
{
    char *bytes = malloc(count * UTMP_RECORD_BYTES_MAX);
    size_t used = 0;
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++)
        used += write_record(layout, &told[i], bytes + used);
    expect_log(&reader_wtmp, bytes, used, expected);
    free(bytes);
}

#define EXPECT(expected, ...)                                    \
    do {                                                         \
        static const struct told told[] = {__VA_ARGS__};         \
        expect_of(UTMP_384_LITTLE, told, COUNT(told), expected); \
    } while (0)

#define ON(line, user, host, seconds)                        \
    {                                                        \
        UTMP_USER, line, user, host, 1000 + (seconds), 77, 0 \
    }
#define OFF(line, seconds)                               \
    {                                                    \
        UTMP_DEAD, line, "", "", 1000 + (seconds), 99, 0 \
    }
#define BOOT(seconds)                                             \
    {                                                             \
        UTMP_BOOT, "~", "reboot", "6.1.0", 1000 + (seconds), 0, 0 \
    }
#define SHUTDOWN(seconds)                                                \
    {                                                                    \
        UTMP_RUN_LEVEL, "~", "shutdown", "6.1.0", 1000 + (seconds), 0, 0 \
    }
#define RUN_LEVEL(level, seconds)                                            \
    {                                                                        \
        UTMP_RUN_LEVEL, "~", "runlevel", "6.1.0", 1000 + (seconds), level, 0 \
    }

static void every_layout_is_known_by_its_content(void **state)
{
    (void)state;
    static const struct told told[] = {
        {UTMP_BOOT, "~", "reboot", "6.1.0", 1714521600, 0, 0},
        {UTMP_USER, "pts/0", "alice", "10.0.0.1", 1714521600, 5, 250999},
        {UTMP_DEAD, "pts/0", "", "", 1714521700, 5, 0},
    };
    for (int layout = 0; layout < UTMP_LAYOUT_MAX; layout++)
        for (size_t count = 2; count <= COUNT(told); count++)
            expect_of((enum utmp_layout)layout, told, count,
                      count == 2 ? "1714521600.250 connect srv wtmp-1 alice ssh\n"
                                 : "1714521600.250 connect srv wtmp-1 alice ssh\n"
                                   "1714521700 logoff srv wtmp-1\n");
}

static void log_outs_are_matched_by_line(void **state)
{
    (void)state;
    EXPECT("1000 connect srv wtmp-1 alice ssh\n1010 connect srv wtmp-2 bob ssh\n"
           "1020 logoff srv wtmp-1\n1030 logoff srv wtmp-2\n",
           ON("pts/0", "alice", "10.0.0.1", 0), ON("pts/1", "bob", "10.0.0.2", 10), OFF("pts/0", 20),
           OFF("pts/1", 30));
}

static void the_route_is_the_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *host, *route;
    } cases[] = {
        {"tty1", "", "console"},      {"tty7", ":0", "console"},
        {":0", "", "console"},        {":1", ":1", "console"},
        {"tty2", "10.0.0.1", "ssh"},  {"pts/0", "", "ssh"},
        {"pts/0", "10.0.0.1", "ssh"}, {"pts/0", ":0", "ssh"},
        {"ttyS0", "", "console"},     {"tty1", "login screen", "console"},
        {"console", "", "console"},   {"ftpd123", "h", "ssh"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char expected[128];
        struct told told = {UTMP_USER, cases[i].line, "alice", cases[i].host, 1000, 1, 0};
        (void)snprintf(expected, sizeof expected, "1000 connect srv wtmp-1 alice %s\n", cases[i].route);
        expect_of(UTMP_384_LITTLE, &told, 1, expected);
    }
}

static void a_line_that_is_used_again_ends_who_was_on_it(void **state)
{
    (void)state;
    EXPECT("1000 connect srv wtmp-1 alice ssh\n1050 logoff srv wtmp-1\n1050 connect srv wtmp-2 bob ssh\n"
           "! LINE_REUSED 1\n",
           ON("pts/0", "alice", "h", 0), ON("pts/0", "bob", "h", 50));
}

static void what_takes_the_machine_down_ends_all(void **state)
{
    (void)state;
    static const struct {
        struct told down;
        bool ends;
    } cases[] = {
        {BOOT(60), true},
        {SHUTDOWN(60), true},
        {RUN_LEVEL('0', 60), true},
        {RUN_LEVEL('6' | '5' << 8, 60), true},
        {RUN_LEVEL('5', 60), false},
        {{UTMP_SHUTDOWN, "~", "", "", 1060, 0, 0}, true},
        {{UTMP_BOOT, "~", "", "", 1060, 0, 0}, true},
        {{UTMP_EMPTY, "~", "reboot", "", 1060, 0, 0}, true},
        {{UTMP_BOOT, "system boot", "reboot", "", 1060, 0, 0}, true},
        {{UTMP_RUN_LEVEL, "runlevel 0", "shutdown", "", 1060, 0, 0}, true},
        {{UTMP_OLD_TIME, "|", "date", "", 1060, 0, 0}, false},
        {{UTMP_NEW_TIME, "{", "date", "", 1060, 0, 0}, false},
        {{UTMP_NEW_TIME, "}", "date", "", 1060, 0, 0}, false},
        {{UTMP_LOGIN, "tty1", "LOGIN", "", 1060, 0, 0}, false},
        {{UTMP_INIT, "", "", "", 1060, 0, 0}, false},
        {{UTMP_ACCOUNTING, "", "", "", 1060, 0, 0}, false},
        {{UTMP_EMPTY, "", "", "", 1060, 0, 0}, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct told told[] = {ON("pts/0", "alice", "h", 0), ON("tty1", "bob", "", 10), cases[i].down};
        expect_of(UTMP_384_LITTLE, told, COUNT(told),
                  cases[i].ends ? "1000 connect srv wtmp-1 alice ssh\n1010 connect srv wtmp-2 bob console\n"
                                  "1060 logoff srv wtmp-1\n1060 logoff srv wtmp-2\n! ENDED_BY_BOOT 2\n"
                                : "1000 connect srv wtmp-1 alice ssh\n1010 connect srv wtmp-2 bob console\n");
    }
}

/* The boot is stamped two hours ahead of what follows it; alice ends then, carol was never on before it. */
static void a_boot_stamped_ahead_ends_only_who_was_on_before_it(void **state)
{
    (void)state;
    EXPECT("1000 connect srv wtmp-1 alice ssh\n1300 connect srv wtmp-2 carol ssh\n1400 logoff srv wtmp-2\n"
           "8300 logoff srv wtmp-1\n9000 connect srv wtmp-3 dave ssh\n! ENDED_BY_BOOT 1\n",
           ON("pts/0", "alice", "h", 0), BOOT(7300), RUN_LEVEL('5', 7301),
           {UTMP_INIT, "tty1", "", "", 8301, 7, 0}, {UTMP_LOGIN, "tty1", "LOGIN", "", 8301, 7, 0},
           OFF("tty1", 7302), ON("pts/0", "carol", "h", 300), OFF("pts/0", 400),
           ON("pts/0", "dave", "h", 8000));
}

static void ends_held_back_come_in_their_order(void **state)
{
    (void)state;
    EXPECT("1000 connect srv wtmp-1 alice ssh\n1100 connect srv wtmp-2 bob ssh\n"
           "5000 logoff srv wtmp-2\n8300 logoff srv wtmp-1\n! ENDED_BY_BOOT 2\n",
           ON("pts/0", "alice", "h", 0), BOOT(7300), ON("pts/0", "bob", "h", 100), BOOT(4000));
}

static void a_clock_set_back_ends_nobody_before_he_began(void **state)
{
    (void)state;
    EXPECT("1000 connect srv wtmp-1 alice ssh\n1000 logoff srv wtmp-1\n950 connect srv wtmp-2 bob ssh\n"
           "950 logoff srv wtmp-2\n! ENDED_BY_BOOT 1\n! CLOCK_BACK 2\n",
           ON("pts/0", "alice", "h", 0), OFF("pts/0", -60), ON("pts/0", "bob", "h", -50), BOOT(-100));
}

static void sessions_that_end_or_begin_beyond_the_log(void **state)
{
    (void)state;
    EXPECT("1010 connect srv wtmp-1 alice ssh\n! LOGOFF_UNKNOWN 1\n", OFF("pts/4", 0),
           ON("pts/0", "alice", "h", 10));
}

static void gettys_are_no_sessions(void **state)
{
    (void)state;
    EXPECT("1010 connect srv wtmp-1 alice console\n1020 logoff srv wtmp-1\n! LOGOFF_UNKNOWN 1\n",
           {UTMP_INIT, "tty1", "", "", 1000, 7, 0}, {UTMP_LOGIN, "tty1", "LOGIN", "", 1001, 7, 0},
           OFF("tty1", 2), {UTMP_LOGIN, "tty1", "LOGIN", "", 1004, 8, 0}, ON("tty1", "alice", "", 10),
           {UTMP_LOGIN, "tty1", "LOGIN", "", 1015, 8, 0}, {UTMP_INIT, "tty1", "", "", 1020, 9, 0},
           OFF("tty1", 21), OFF("tty1", 22));
}

static void types_are_not_trusted_more_than_names(void **state)
{
    (void)state;
    EXPECT("1000 connect srv wtmp-1 alice ssh\n1010 connect srv wtmp-2 bob ssh\n1020 logoff srv wtmp-1\n"
           "! NOT_UNDERSTOOD 3\n! TYPE_WRONG 2\n",
           {99, "pts/0", "alice", "h", 1000, 0, 0}, {UTMP_EMPTY, "pts/1", "bob", "h", 1010, 0, 0},
           {UTMP_USER, "pts/0", "", "", 1020, 0, 0}, {99, "", "", "", 0, 0, 0},
           {99, "pts/0", "mal\001lory", "h", 1030, 0, 0}, {UTMP_USER, "", "nobody", "h", 1040, 0, 0});
    assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD), "one: at byte 1152");
    assert_int_equal(last_understood(), 3);
}

static void names_that_are_no_text_are_escaped(void **state)
{
    (void)state;
    EXPECT("1000 connect srv wtmp-1 j\\xfcrgen ssh\n1001 connect srv wtmp-2 j\xc3\xbcrgen ssh\n"
           "1002 connect srv wtmp-3 a\\x1bb ssh\n1003 connect srv wtmp-4 CORP\\alice ssh\n"
           "! NAME_ESCAPED 2\n",
           ON("pts/0", "j\374rgen", "h", 0), ON("pts/1", "j\xc3\xbcrgen", "h", 1),
           ON("pts/2", "a\033b", "h", 2), ON("pts/3", "CORP\\alice", "h", 3));
}

static void fields_need_no_end(void **state)
{
    (void)state;
    EXPECT("1000 connect srv wtmp-1 uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu ssh\n"
           "1001 connect srv wtmp-2 bob ssh\n1002 logoff srv wtmp-1\n",
           ON("llllllllllllllllllllllllllllllll", "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu", "h", 0),
           ON("lllllllllllllllllllllllllllllll", "bob", "h", 1), OFF("llllllllllllllllllllllllllllllll", 2));
}

static void times_are_read_unsigned(void **state)
{
    (void)state;
    static const struct told after_2038 = {UTMP_USER, "pts/0", "alice", "h", 0xfffffff0u, 1, 999999};
    expect_of(UTMP_384_LITTLE, &after_2038, 1, "4294967280.999 connect srv wtmp-1 alice ssh\n");
    static const struct told wide[] = {{UTMP_USER, "pts/0", "alice", "h", 253402300799, 1, 0},
                                       {UTMP_DEAD, "pts/0", "", "", 253402300800, 1, 0}};
    expect_of(UTMP_400_BIG, wide, 2, "253402300799 connect srv wtmp-1 alice ssh\n! NOT_UNDERSTOOD 1\n");
}

static void a_rotated_set_goes_on_where_it_was(void **state)
{
    (void)state;
    static const struct told told[] = {ON("pts/0", "alice", "h", 0), ON("pts/1", "bob", "h", 1),
                                       OFF("pts/0", 2), OFF("pts/1", 3)};
    char bytes[4 * 384];
    for (size_t i = 0; i < COUNT(told); i++)
        (void)write_record(UTMP_384_LITTLE, &told[i], bytes + i * 384);
    const struct log_part files[] = {{bytes, 2 * 384 + 100}, {bytes + 2 * 384, 2 * 384 - 1}};
    expect_files(&reader_wtmp, NULL, files, 2,
                 "1000 connect srv wtmp-1 alice ssh\n1001 connect srv wtmp-2 bob ssh\n"
                 "1002 logoff srv wtmp-1\n! TORN 2\n");
    assert_string_equal(first_place(REPAIR_TORN), "one: at byte 768");
}

static void many_lines_live_at_once(void **state)
{
    (void)state;
    enum { LINES = 300 };
    static char bytes[2 * LINES * 384];
    char *expected = NULL;
    size_t expected_bytes = 0;
    FILE *file = open_memstream(&expected, &expected_bytes);
    assert_non_null(file);
    for (unsigned i = 0; i < 2 * LINES; i++) {
        char line[16];
        (void)snprintf(line, sizeof line, "pts/%u", i % LINES);
        struct told told = {
            i < LINES ? UTMP_USER : UTMP_DEAD, line, i < LINES ? "u" : "", "h", 1000 + i, 1, 0};
        (void)write_record(UTMP_384_LITTLE, &told, bytes + (size_t)i * 384);
        if (i < LINES)
            fprintf(file, "%u connect srv wtmp-%u u ssh\n", 1000 + i, i + 1);
        else
            fprintf(file, "%u logoff srv wtmp-%u\n", 1000 + i, i + 1 - LINES);
    }
    (void)fclose(file);
    expect_log(&reader_wtmp, bytes, sizeof bytes, expected);
    free(expected);
}

static void recorded_files(void **state)
{
    (void)state;
    expect_data(&reader_wtmp, "utmp/plaso/wtmp.1",
                "1322760998.432 connect srv wtmp-1 userA ssh\n! LOGOFF_UNKNOWN 1\n! TORN 1\n");
    expect_data(&reader_wtmp, "utmp/plaso/utmp_x86_64", "! LOGOFF_UNKNOWN 1\n");
    expect_data(&reader_wtmp, "utmp/plaso/utmp_aarch64", "! LOGOFF_UNKNOWN 1\n");
    expect_data(&reader_wtmp, "utmp/plaso/utmp_s390", "! LOGOFF_UNKNOWN 1\n");
    expect_data(&reader_wtmp, "utmp/plaso/utmp_corrupted",
                "1700001000 connect srv wtmp-1 alice console\n1700002000 connect srv wtmp-2 bob ssh\n"
                "! TORN 1\n! NOT_UNDERSTOOD 2\n");
    expect_data(&reader_wtmp, "utmp/plaso/utmp",
                "1386945956.907 connect srv wtmp-1 moxilo console\n"
                "1386945964.705 connect srv wtmp-2 moxilo ssh\n1387020174.624 connect srv wtmp-3 moxilo ssh\n"
                "1387021813.651 connect srv wtmp-4 moxilo ssh\n1387406816.305 connect srv wtmp-5 moxilo ssh\n"
                "1387406984.251 connect srv wtmp-6 moxilo ssh\n");
}

static void other_files_are_not_recognised(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", "Jan  2 03:04:05 srv sshd[1]: hello\n"};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(reader_wtmp.recognise(texts[i], strlen(texts[i]), true), RECOGNISED_NO);
    static char zeros[4096], letters[4096];
    memset(letters, 'a', sizeof letters);
    assert_int_equal(reader_wtmp.recognise(zeros, sizeof zeros, true), RECOGNISED_NO);
    assert_int_equal(reader_wtmp.recognise(letters, sizeof letters, true), RECOGNISED_NO);
}

static int refuse(void *data, const struct sizing_event *event)
{
    (void)event;
    return --*(int *)data == 0 ? ERROR_NO_MEMORY : 0;
}

static void what_the_sink_returns_ends_the_reading(void **state)
{
    (void)state;
    static const struct told told[] = {ON("pts/0", "alice", "h", 0), ON("pts/0", "bob", "h", 1), BOOT(2)};
    for (int fails_at = 1; fails_at <= 4; fails_at++) {
        int left = fails_at, code;
        struct repairs repairs = {0};
        char bytes[3 * 384];
        for (size_t i = 0; i < COUNT(told); i++)
            (void)write_record(UTMP_384_LITTLE, &told[i], bytes + i * 384);
        struct reader *reader =
            reader_wtmp.create(&(struct reader_settings){.host = "srv", .sink = {refuse, &left, &repairs}});
        assert_int_equal(reader_wtmp.begin_file(reader, "one"), 0);
        code = reader_wtmp.feed(reader, bytes, sizeof bytes);
        code = code == 0 ? reader_wtmp.end_file(reader) : code;
        code = code == 0 ? reader_wtmp.end(reader) : code;
        assert_int_equal(code, ERROR_NO_MEMORY);
        reader_wtmp.destroy(reader);
    }
    reader_wtmp.destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_is_known_by_its_content),
        cmocka_unit_test(log_outs_are_matched_by_line),
        cmocka_unit_test(the_route_is_the_lines),
        cmocka_unit_test(a_line_that_is_used_again_ends_who_was_on_it),
        cmocka_unit_test(what_takes_the_machine_down_ends_all),
        cmocka_unit_test(a_boot_stamped_ahead_ends_only_who_was_on_before_it),
        cmocka_unit_test(ends_held_back_come_in_their_order),
        cmocka_unit_test(a_clock_set_back_ends_nobody_before_he_began),
        cmocka_unit_test(sessions_that_end_or_begin_beyond_the_log),
        cmocka_unit_test(gettys_are_no_sessions),
        cmocka_unit_test(types_are_not_trusted_more_than_names),
        cmocka_unit_test(names_that_are_no_text_are_escaped),
        cmocka_unit_test(fields_need_no_end),
        cmocka_unit_test(times_are_read_unsigned),
        cmocka_unit_test(a_rotated_set_goes_on_where_it_was),
        cmocka_unit_test(many_lines_live_at_once),
        cmocka_unit_test(recorded_files),
        cmocka_unit_test(other_files_are_not_recognised),
        cmocka_unit_test(what_the_sink_returns_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
