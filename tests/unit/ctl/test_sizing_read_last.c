#include "log_reading.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static void expect(const char *text, const char *expected)
{
    expect_text(&reader_last, NULL, text, expected);
}

static void a_listing_is_given_from_its_end(void **state)
{
    (void)state;
    expect("bob      pts/1        10.0.0.2         Wed May  1 00:00:30 2024 - Wed May  1 00:02:00 2024  "
           "(00:01)\n"
           "alice    pts/0        10.0.0.1         Wed May  1 00:00:10 2024 - Wed May  1 00:01:00 2024  "
           "(00:00)\n"
           "root     tty1                          Wed May  1 00:00:00 2024 - Wed May  1 00:00:05 2024  "
           "(00:00)\n"
           "\n"
           "wtmp begins Wed May  1 00:00:00 2024\n",
           "1714521600 connect srv last-1 root console\n1714521605 logoff srv last-1\n"
           "1714521610 connect srv last-2 alice ssh\n1714521630 connect srv last-3 bob ssh\n"
           "1714521660 logoff srv last-2\n1714521720 logoff srv last-3\n");
}

static void every_way_a_session_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *line, *events; /* after the connect at +60 of alice */
        const char *route;
    } cases[] = {
        {"alice    pts/0        h                Wed May  1 00:01:00 2024   still logged in", "", "ssh"},
        {"alice    pts/0        h                Wed May  1 00:01:00 2024   gone - no logout", "", "ssh"},
        {"alice    pts/0        h                Wed May  1 00:01:00 2024 - Wed May  1 00:02:00 2024  "
         "(00:01)",
         "1714521720 logoff srv last-1\n", "ssh"},
        {"alice    pts/0        h                2024-05-01T00:01:00+00:00 - 2024-05-01T00:02:00+00:00  "
         "(00:01)",
         "1714521720 logoff srv last-1\n", "ssh"},
        {"alice    pts/0        h                2024-05-01T02:01:00+0200   still logged in", "", "ssh"},
        {"alice    pts/0        h                2024-05-01T02:01:00+02:00   gone - no logout", "", "ssh"},
        /* nothing tells when: as long as it lasted */
        {"alice    pts/0        h                Wed May  1 00:01:00 2024 - crash                     "
         "(01:02)",
         "1714525380 logoff srv last-1\n! ENDED_BY_BOOT 1\n", "ssh"},
        {"alice    pts/0        h                2024-05-01T00:01:00+00:00 - down                      "
         "(1+01:02)",
         "1714611780 logoff srv last-1\n! ENDED_BY_BOOT 1\n", "ssh"},
        /* -a, -R, a terminal, a display */
        {"alice    tty2         Wed May  1 00:01:00 2024   still logged in     10.0.0.9", "", "ssh"},
        {"alice    tty2         Wed May  1 00:01:00 2024 - Wed May  1 00:02:00 2024  (00:01)     10.0.0.9",
         "1714521720 logoff srv last-1\n", "ssh"},
        {"alice    tty2         Wed May  1 00:01:00 2024   still logged in", "", "console"},
        {"alice    :0           :0               Wed May  1 00:01:00 2024   still logged in", "", "console"},
        {"alice    tty7         :0               Wed May  1 00:01:00 2024   gone - no logout", "", "console"},
        /* a clock that was set back */
        {"alice    pts/0        h                Wed May  1 00:01:00 2024 - Wed May  1 00:00:00 2024 "
         "(-00:01)",
         "1714521660 logoff srv last-1\n! CLOCK_BACK 1\n", "ssh"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[512], expected[512];
        (void)snprintf(text, sizeof text, "%s\n\nwtmp begins Wed May  1 00:00:00 2024\n", cases[i].line);
        (void)snprintf(expected, sizeof expected, "1714521660 connect srv last-1 alice %s\n%s",
                       cases[i].route, cases[i].events);
        expect(text, expected);
    }
}

static void what_a_machines_end_ended_has_its_time(void **state)
{
    (void)state;
    /* with -x the shutdown has a line of its own */
    expect("reboot   system boot  6.1.0            Wed May  1 00:10:00 2024   still running\n"
           "shutdown system down  6.1.0            Wed May  1 00:05:30 2024 - Wed May  1 00:10:00 2024  "
           "(00:04)\n"
           "alice    pts/0        h                Wed May  1 00:00:00 2024 - down                      "
           "(00:05)\n",
           "1714521600 connect srv last-1 alice ssh\n1714521930 logoff srv last-1\n! ENDED_BY_BOOT 1\n");
    /* without, the boot before it tells */
    expect("reboot   system boot  6.1.0            Wed May  1 00:10:00 2024   still running\n"
           "alice    pts/0        h                Wed May  1 00:00:00 2024 - down                      "
           "(00:05)\n"
           "reboot   system boot  6.1.0            Tue Apr 30 23:00:00 2024 - Wed May  1 00:05:30 2024  "
           "(01:05)\n",
           "1714521600 connect srv last-1 alice ssh\n1714521930 logoff srv last-1\n! ENDED_BY_BOOT 1\n");
    expect("reboot   system boot  6.1.0            Wed May  1 00:10:07 2024   still running\n"
           "alice    pts/0        h                Wed May  1 00:00:00 2024 - crash                     "
           "(00:10)\n",
           "1714521600 connect srv last-1 alice ssh\n1714522207 logoff srv last-1\n! ENDED_BY_BOOT 1\n");
    expect("runlevel (to lvl 6)   6.1.0            Wed May  1 00:10:07 2024 - Wed May  1 00:10:09 2024  "
           "(00:00)\n"
           "runlevel (to lvl 5)   6.1.0            Wed May  1 00:05:07 2024 - Wed May  1 00:10:07 2024  "
           "(00:05)\n"
           "date     new time                      Wed May  1 00:03:00 2024\n"
           "alice    pts/0        h                Wed May  1 00:00:00 2024 - down                      "
           "(00:10)\n",
           "1714521600 connect srv last-1 alice ssh\n1714522207 logoff srv last-1\n! ENDED_BY_BOOT 1\n");
}

static void listings_of_a_rotated_set_go_on(void **state)
{
    (void)state;
    expect("carol    pts/0        h                Wed May  1 00:02:00 2024   still logged in\n"
           "\n"
           "wtmp begins Wed May  1 00:02:00 2024\n"
           "bob      pts/1        h                Wed May  1 00:01:00 2024   gone - no logout\n"
           "alice    pts/0        h                Wed May  1 00:00:00 2024   gone - no logout\n"
           "\n"
           "wtmp.1 begins Wed May  1 00:00:00 2024\n",
           "1714521600 connect srv last-1 alice ssh\n1714521660 connect srv last-2 bob ssh\n"
           "1714521720 logoff srv last-1\n1714521720 connect srv last-3 carol ssh\n! LINE_REUSED 1\n");
    static const char older[] =
        "alice    pts/0        h                Wed May  1 00:00:00 2024   gone - no logout\n";
    static const char newer[] =
        "carol    pts/0        h                Wed May  1 00:02:00 2024   still logged in\n"
        "reboot   system boot  6.1.0            Wed May  1 00:01:00 2024   still running\n";
    const struct log_part files[] = {{older, strlen(older)}, {newer, strlen(newer)}};
    expect_files(&reader_last, NULL, files, 2,
                 "1714521600 connect srv last-1 alice ssh\n1714521660 logoff srv last-1\n"
                 "1714521720 connect srv last-2 carol ssh\n! ENDED_BY_BOOT 1\n");
}

static void an_hour_shown_twice_is_told_by_how_long_it_lasted(void **state)
{
    (void)state;
    (void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    expect("bob      pts/1        h                Sun Oct 27 02:10:00 2024 - Sun Oct 27 03:10:00 2024  "
           "(01:00)\n"
           "alice    pts/0        h                Sun Oct 27 01:50:00 2024 - Sun Oct 27 02:10:00 2024  "
           "(01:20)\n",
           "1729986600 connect srv last-1 alice ssh\n1729991400 logoff srv last-1\n"
           "1729991400 connect srv last-2 bob ssh\n1729995000 logoff srv last-2\n");
    (void)setenv("TZ", "UTC0", 1);
}

static void bad_lines_are_left_out(void **state)
{
    (void)state;
    expect("some words\n"
           "alice    Wed May  1 00:01:00 2024   still logged in\n"
           "alice    pts/0        h                Wed May  1 00:01:00 2024   is away\n"
           "alice    pts/0        h                Wed May  1 00:01:00 2024 - crash\n"
           "alice    pts/0        h                Wed Foo  1 00:01:00 2024   still logged in\n"
           "alice    pts/0        h                Wed May 32 00:01:00 2024   still logged in\n"
           "alice    pts/0        h                Wed May  1 00:0x:00 2024   still logged in\n"
           "alice    pts/0        h                Wed May  1 00:01:00 2024   still logged in\n"
           "j\374rgen   pts/1        h                Wed May  1 00:01:00 2024   still log",
           "1714521660 connect srv last-1 alice ssh\n! NOT_UNDERSTOOD 8\n");
    assert_int_equal(last_understood(), 1);
    assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD), "one:1");
    expect("j\374rgen   pts/1        h                Wed May  1 00:01:00 2024   still logged in\n",
           "1714521660 connect srv last-1 j\\xfcrgen ssh\n! NAME_ESCAPED 1\n");
}

static void its_own_listings_are_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum recognised sure;
    } cases[] = {
        {"\nwtmp begins Wed May  1 00:00:00 2024\n", RECOGNISED_YES},
        {"alice    pts/0        h                2024-05-01T00:01:00+00:00   still logged in\n",
         RECOGNISED_YES},
        {"reboot   system boot  6.1.0            Wed May  1 00:10:07 2024   still running\n", RECOGNISED_YES},
        {"alice    pts/0        h                Wed May  1 00:01   still logged in\n", RECOGNISED_NO},
        {"Jan  2 03:04:05 srv sshd[1]: hello\n", RECOGNISED_NO},
        {"2024-01-02T03:04:05+01:00 srv sshd[1]: hello\n", RECOGNISED_NO},
        {"", RECOGNISED_NO},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(reader_last.recognise(cases[i].text, strlen(cases[i].text), true), cases[i].sure);
}

static void whole_listings(void **state)
{
    (void)state;
    static const char expected[] = "1709251866 connect srv last-1 user030 ssh\n"
                                   "1709252988 connect srv last-2 user025 console\n"
                                   "1709253226 logoff srv last-2\n"
                                   "1709254055 connect srv last-3 user037 ssh\n"
                                   "1709254977 connect srv last-4 user036 ssh\n"
                                   "1709255330 connect srv last-5 user032 ssh\n"
                                   "1709255352 logoff srv last-4\n"
                                   "1709256594 connect srv last-6 user017 ssh\n"
                                   "1709257251 logoff srv last-3\n"
                                   "1709257807 connect srv last-7 Jörg ssh\n"
                                   "1709259258 logoff srv last-7\n"
                                   "1709259545 logoff srv last-1\n"
                                   "1709261082 connect srv last-8 user038 ssh\n"
                                   "1709261095 logoff srv last-8\n"
                                   "1709264147 connect srv last-9 user004 ssh\n"
                                   "1709264735 logoff srv last-5\n"
                                   "1709264902 connect srv last-10 user021 ssh\n"
                                   "1709265469 logoff srv last-10\n"
                                   "1709265791 connect srv last-11 user006 ssh\n"
                                   "1709266182 connect srv last-12 user035 ssh\n"
                                   "1709266208 logoff srv last-12\n"
                                   "1709266212 connect srv last-13 user022 ssh\n"
                                   "1709266245 connect srv last-14 user023 ssh\n"
                                   "1709266897 connect srv last-15 user019 ssh\n";
    static const char *const names[] = {"sizing/last-full.txt", "sizing/last-iso.txt"};
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t count;
        char *bytes = read_data(names[i], &count);
        assert_int_equal(reader_last.recognise(bytes, count, true), RECOGNISED_YES);
        expect_log(&reader_last, bytes, count, expected);
        free(bytes);
    }
}

static int refuse(void *data, const struct sizing_event *event)
{
    (void)event;
    return --*(int *)data == 0 ? ERROR_NO_MEMORY : 0;
}

static void what_the_sink_returns_ends_the_reading(void **state)
{
    (void)state;
    static const char text[] =
        "carol    pts/0        h                Wed May  1 00:02:00 2024   still logged in\n"
        "reboot   system boot  6.1.0            Wed May  1 00:01:30 2024   still running\n"
        "\n"
        "wtmp begins Wed May  1 00:02:00 2024\n"
        "alice    pts/0        h                Wed May  1 00:00:00 2024   gone - no logout\n"
        "bob      pts/1        h                Wed May  1 00:00:00 2024 - Wed May  1 00:00:01 2024  "
        "(00:00)\n";
    for (int fails_at = 1; fails_at <= 5; fails_at++) {
        int left = fails_at;
        struct repairs repairs = {0};
        struct reader *reader =
            reader_last.create(&(struct reader_settings){.host = "srv", .sink = {refuse, &left, &repairs}});
        assert_int_equal(reader_last.begin_file(reader, "one"), 0);
        assert_int_equal(reader_last.feed(reader, text, strlen(text)), 0);
        assert_int_equal(reader_last.end_file(reader), ERROR_NO_MEMORY);
        reader_last.destroy(reader);
    }
    reader_last.destroy(NULL);
}

int main(void)
{
    (void)setenv("TZ", "UTC0", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_is_given_from_its_end),
        cmocka_unit_test(every_way_a_session_is_written),
        cmocka_unit_test(what_a_machines_end_ended_has_its_time),
        cmocka_unit_test(listings_of_a_rotated_set_go_on),
        cmocka_unit_test(an_hour_shown_twice_is_told_by_how_long_it_lasted),
        cmocka_unit_test(bad_lines_are_left_out),
        cmocka_unit_test(its_own_listings_are_recognised),
        cmocka_unit_test(whole_listings),
        cmocka_unit_test(what_the_sink_returns_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
