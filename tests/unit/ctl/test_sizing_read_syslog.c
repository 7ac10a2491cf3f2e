#include "log_reading.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define MAY_DAY 1714521600 /* 2024-05-01T00:00:00Z */

/* Lines that begin with a time, "00:00:30 sshd[1]: hello", are of that day and of host srv. */
static void write_line(FILE *file, const char *line, size_t bytes)
{
    if (bytes > 9 && line[2] == ':' && line[5] == ':' && line[8] == ' ')
        fprintf(file, "2024-05-01T%.8s+00:00 srv %.*s\n", line, (int)bytes - 9, line + 9);
    else
        fprintf(file, "%.*s\n", (int)bytes, line);
}

/* What is expected counts seconds of that day, "+30 logoff srv log-1". */
static void write_expected(FILE *file, const char *line, size_t bytes)
{
    char *rest;
    if (*line != '+') {
        fprintf(file, "%.*s\n", (int)bytes, line);
        return;
    }
    long second = strtol(line + 1, &rest, 10);
    fprintf(file, "%ld%.*s\n", MAY_DAY + second, (int)(line + bytes - rest), rest);
}

static char *each_line(const char *text, void (*write)(FILE *, const char *, size_t))
{
    char *written = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&written, &size);
    assert_non_null(file);
    while (*text != '\0') {
        size_t bytes = strcspn(text, "\n");
        write(file, text, bytes);
        text += bytes + (text[bytes] == '\n' ? 1 : 0);
    }
    (void)fclose(file);
    return written;
}

static void expect_with(const struct reader_settings *settings, const char *text, const char *expected)
{
    char *lines = each_line(text, write_line), *events = each_line(expected, write_expected);
    expect_text(&reader_syslog, settings, lines, events);
    free(lines);
    free(events);
}

static void expect(const char *text, const char *expected)
{
    expect_with(&(struct reader_settings){.host = "here", .year = 2024}, text, expected);
}

/* ---- stamps -------------------------------------------------------------------------------------------- */

static void every_form_of_a_stamp(void **state)
{
    (void)state;
    static const struct {
        const char *stamp, *at;
    } cases[] = {
        {"Jan  2 03:04:05", "1704164645"},
        {"May 31 23:59:59", "1717199999"},
        {"<86>Jan  2 03:04:05", "1704164645"},
        {"2024-01-02T03:04:05Z", "1704164645"},
        {"2024-01-02T03:04:05.123456+00:00", "1704164645.123"},
        {"2024-01-02T03:04:05+0100", "1704161045"},
        {"2024-01-02T03:04:05-01:30", "1704170045"},
        {"2024-01-02T03:04:05", "1704164645"},
        {"2024-01-02 03:04:05,250", "1704164645.250"},
        {"2024-02-29T00:00:00Z", "1709164800"},
        {"2100-03-01T00:00:00Z", "4107542400"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256], expected[128];
        (void)snprintf(text, sizeof text,
                       "%s srv sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n",
                       cases[i].stamp);
        (void)snprintf(expected, sizeof expected, "%s connect srv log-1 alice ssh\n", cases[i].at);
        expect(text, expected);
    }
}

static void what_is_no_stamp_is_told(void **state)
{
    (void)state;
    static const char *const stamps[] = {
        "Foo  2 03:04:05",      "Jan 32 03:04:05",      "Jan  2 24:00:00",      "2023-02-29T03:04:05Z",
        "2024-13-01T03:04:05Z", "2024-01-02X03:04:05Z", "0000-01-02T03:04:05Z", "[20240102 03:04:05]",
    };
    for (size_t i = 0; i < COUNT(stamps); i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "%s srv sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n",
                       stamps[i]);
        expect(text, "! NOT_UNDERSTOOD 1\n");
    }
}

#define OPENED(stamp, pid) \
    stamp " srv sshd[" pid "]: pam_unix(sshd:session): session opened for user u" pid " by (uid=0)\n"

static void years_roll_over_and_are_not_mistaken(void **state)
{
    (void)state;
    expect(OPENED("Dec 31 23:59:59", "1") OPENED("Jan  1 00:00:01", "2") OPENED("Dec 31 23:59:58", "3")
               OPENED("Jan  1 00:00:02", "4") OPENED("Mar  1 00:00:00", "5") OPENED("Feb 20 00:00:00", "6")
                   OPENED("Jan  1 00:00:00", "7"),
           "1735689599 connect srv log-1 u1 ssh\n"
           "1735689601 connect srv log-2 u2 ssh\n"
           "1735689598 connect srv log-3 u3 ssh\n"
           "1735689602 connect srv log-4 u4 ssh\n"
           "1740787200 connect srv log-5 u5 ssh\n"
           "1740009600 connect srv log-6 u6 ssh\n"
           "1767225600 connect srv log-7 u7 ssh\n");
}

static void the_first_year_is_by_the_files_date(void **state)
{
    (void)state;
    const struct reader_settings settings = {.host = "here", .modified_ms = INT64_C(1704164645000)};
    expect_text(&reader_syslog, &settings, OPENED("Jan  2 03:04:05", "1"),
                "1704164645 connect srv log-1 u1 ssh\n");
    expect_text(&reader_syslog, &settings, OPENED("Dec 31 23:59:59", "1"),
                "1704067199 connect srv log-1 u1 ssh\n");
}

static void an_hour_shown_twice_goes_on(void **state)
{
    (void)state;
    (void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    expect(OPENED("Oct 27 01:59:00", "1") OPENED("Oct 27 02:50:00", "2") OPENED("Oct 27 02:10:00", "3")
               OPENED("Oct 27 03:00:00", "4"),
           "1729987140 connect srv log-1 u1 ssh\n"
           "1729990200 connect srv log-2 u2 ssh\n"
           "1729991400 connect srv log-3 u3 ssh\n"
           "1729994400 connect srv log-4 u4 ssh\n");
    (void)setenv("TZ", "UTC0", 1);
}

/* ---- services ------------------------------------------------------------------------------------------ */

static void services_have_their_routes(void **state)
{
    (void)state;
    static const struct {
        const char *program, *service, *route; /* NULL: not read */
    } cases[] = {
        {"sshd", "sshd", "ssh"},
        {"sshd-session", "sshd", "ssh"},
        {"xrdp-sesman", "xrdp-sesman", "rdp"},
        {"login", "login", "console"},
        {"gdm-password]", "gdm-password", "console"},
        {"lightdm", "lightdm", "console"},
        {"sddm-helper", "sddm", "console"},
        {"sudo", "sudo", NULL},
        {"su", "su", NULL},
        {"su", "su-l", NULL},
        {"CRON", "cron", NULL},
        {"systemd", "systemd-user", NULL},
        {"gdm-launch-environment]", "gdm-launch-environment", NULL},
        {"lightdm", "lightdm-greeter", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[512], expected[256] = "";
        (void)snprintf(
            text, sizeof text,
            "00:00:00 %s[7]: pam_unix(%s:session): session opened for user alice(uid=1000) by (uid=0)\n"
            "00:01:00 %s[7]: pam_unix(%s:session): session closed for user alice\n",
            cases[i].program, cases[i].service, cases[i].program, cases[i].service);
        if (cases[i].route != NULL)
            (void)snprintf(expected, sizeof expected,
                           "+00 connect srv log-1 alice %s\n"
                           "+60 logoff srv log-1\n",
                           cases[i].route);
        expect(text, expected);
    }
}

static void names_as_pam_writes_them(void **state)
{
    (void)state;
    static const struct {
        const char *words, *user;
    } cases[] = {
        {"alice by (uid=0)", "alice"},
        {"alice(uid=1000) by (uid=0)", "alice"},
        {"alice(uid=1000) by alice(uid=0)", "alice"},
        {"bob by LOGIN(uid=0)", "bob"},
        {"CORP\\bob(uid=70001) by (uid=0)", "CORP\\bob"},
        {"bob@corp.example(uid=70001) by (uid=0)", "bob@corp.example"},
        {"Jane Doe(uid=70001) by (uid=0)", "Jane Doe"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[512], expected[256];
        (void)snprintf(text, sizeof text,
                       "00:00:00 sshd[7]: pam_unix(sshd:session): session opened for user %s\n",
                       cases[i].words);
        (void)snprintf(expected, sizeof expected, "+00 connect srv log-1 %s ssh\n", cases[i].user);
        expect(text, expected);
    }
}

static void other_services_are_picked_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"SU", "systemd-logind"};
    const struct reader_services services = {names, 2};
    expect_with(&(struct reader_settings){.host = "here", .services = &services},
                "00:00:00 sshd[7]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
                "00:00:01 su[8]: pam_unix(su:session): session opened for user bob by (uid=0)\n"
                "00:00:02 systemd-logind[5]: New session 4 of user carol.\n",
                "+01 connect srv log-2 bob ssh\n"
                "+02 connect srv log-3 carol ssh\n");
}

static void log_outs_are_matched_by_process(void **state)
{
    (void)state;
    expect("00:00:00 sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
           "00:00:01 sshd[2]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
           "00:00:02 sshd[2]: pam_unix(sshd:session): session closed for user alice\n"
           "00:00:03 sshd[3]: pam_unix(sshd:session): session closed for user alice\n"
           "00:00:04 sshd[1]: pam_unix(sshd:session): session opened for user bob by (uid=0)\n",
           "+00 connect srv log-1 alice ssh\n"
           "+01 connect srv log-2 alice ssh\n"
           "+02 logoff srv log-2\n"
           "+04 logoff srv log-1\n"
           "+04 connect srv log-3 bob ssh\n"
           "! LOGOFF_UNKNOWN 1\n"
           "! LINE_REUSED 1\n");
}

static void without_processes_the_earliest_ends(void **state)
{
    (void)state;
    expect("00:00:00 sshd: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
           "00:00:01 sshd: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
           "00:00:02 sshd: pam_unix(sshd:session): session closed for user alice\n"
           "00:00:03 sshd: pam_unix(sshd:session): session closed for user alice\n",
           "+00 connect srv log-1 alice ssh\n"
           "+01 connect srv log-2 alice ssh\n"
           "+02 logoff srv log-1\n"
           "+03 logoff srv log-2\n");
}

static void two_services_records_are_one_session(void **state)
{
    (void)state;
    /* Debian: PAM first; logind tells that the user has left though something lingers */
    expect("00:00:00 sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
           "00:00:00 systemd-logind[5]: New session 12 of user alice.\n"
           "00:00:00 systemd[9]: pam_unix(systemd-user:session): session opened for user alice by (uid=0)\n"
           "00:00:20 systemd-logind[5]: Session 12 logged out. Waiting for processes to exit.\n"
           "00:00:30 sshd[1]: pam_unix(sshd:session): session closed for user alice\n"
           "00:00:40 systemd-logind[5]: Removed session 12.\n",
           "+00 connect srv log-1 alice ssh\n"
           "+20 logoff srv log-1\n"
           "! DUPLICATE 1\n");
    /* Red Hat: logind first */
    expect(
        "00:00:00 systemd-logind[5]: New session c2 of user carol.\n"
        "00:00:01 xrdp-sesman[2]: pam_unix(xrdp-sesman:session): session opened for user carol by (uid=0)\n"
        "00:00:30 xrdp-sesman[2]: pam_unix(xrdp-sesman:session): session closed for user carol\n"
        "00:00:37 systemd-logind[5]: Removed session c2.\n",
        "+00 connect srv log-1 carol rdp\n"
        "+30 logoff srv log-1\n"
        "! DUPLICATE 1\n");
}

static void a_log_on_of_a_service_not_read_takes_logind_with_it(void **state)
{
    (void)state;
    expect("00:00:00 systemd-logind[5]: New session 7 of user root.\n"
           "00:00:00 crond[9]: pam_unix(crond:session): session opened for user root by (uid=0)\n"
           "00:00:01 crond[10]: pam_unix(crond:session): session opened for user root by (uid=0)\n"
           "00:00:01 systemd-logind[5]: New session 8 of user root.\n"
           "00:00:20 crond[9]: pam_unix(crond:session): session closed for user root\n"
           "00:00:20 systemd-logind[5]: Removed session 7.\n"
           "00:00:50 sshd[11]: pam_unix(sshd:session): session opened for user root by (uid=0)\n",
           "+50 connect srv log-3 root ssh\n");
}

static void what_only_logind_tells_of_counts(void **state)
{
    (void)state;
    expect("00:00:00 systemd-logind[5]: New session 7 of user alice.\n"
           "00:00:00 systemd-logind[5]: New session '8' of user 'bob' with class 'user' and type 'tty'.\n"
           "00:00:00 systemd-logind[5]: New session '9' of user 'bob' with class 'manager' and type "
           "'unspecified'.\n"
           "00:00:00 systemd-logind[5]: New session c1 of user gdm.\n"
           "00:00:04 systemd-logind[5]: Removed session 7.\n"
           "00:00:40 systemd-logind[5]: Removed session 8.\n"
           "00:00:41 systemd-logind[5]: Removed session 99.\n"
           "00:00:42 systemd-logind[5]: New session 10 of user dave.\n",
           "+00 connect srv log-1 alice ssh\n"
           "+04 logoff srv log-1\n"
           "+00 connect srv log-2 bob ssh\n"
           "+40 logoff srv log-2\n"
           "+42 connect srv log-5 dave ssh\n"
           "! LOGOFF_UNKNOWN 1\n"
           "! NOT_A_USER 1\n");
}

static void xrdps_own_log(void **state)
{
    (void)state;
    expect("[20240501-00:00:00] [INFO ] ++ created session (access granted): username carol, ip "
           "::ffff:10.0.0.5:51234 - socket: 12\n"
           "[20240501-00:00:00] [INFO ] Starting session: session_pid 906, display :10.0, width 1024, height "
           "768, bpp 24, client ip ::ffff:10.0.0.5:51234 - socket: 12, user name carol\n"
           "[20240501-00:00:01] [INFO ] ++ created session (access granted): username dave, ip "
           "::ffff:10.0.0.6:51234 - socket: 12\n"
           "[20240501-00:00:10] [INFO ] ++ reconnected session: username carol, display :10.0, session_pid "
           "906, ip ::ffff:10.0.0.5:51299 - socket: 12\n"
           "[20240501-00:00:11] [INFO ] AUTHFAIL: user=++ created session: username mallory "
           "ip=::ffff:10.0.0.5 time=1\n"
           "[20240501-00:00:20] [INFO ] ++ terminated session:  username carol, display :10.0, session_pid "
           "906, ip ::ffff:10.0.0.5:51234 - socket: 12\n"
           "[2024-05-01T00:00:30.250+0000] [INFO ] ++ terminated session:  username dave, display :11.0, "
           "session_pid 907, ip ::ffff:10.0.0.6:51234 - socket: 12\n"
           "[20240501-00:00:31] [INFO ] ++ terminated session:  username erin, display :12.0, session_pid "
           "908, ip h\n",
           "+00 connect here log-1 carol rdp\n"
           "+01 connect here log-2 dave rdp\n"
           "+20 logoff here log-1\n"
           "+30.250 logoff here log-2\n"
           "! LOGOFF_UNKNOWN 1\n");
}

static void other_versions_of_xrdp(void **state)
{
    (void)state;
    static const struct {
        const char *text;
    } cases[] = {
        /* only when it is created and terminated */
        {"[20240501-00:00:00] [INFO ] ++ created session (access granted): username carol, ip h - socket: "
         "12\n"
         "[20240501-00:00:20] [INFO ] ++ terminated session:  username carol, display :10.0, session_pid "
         "906, "
         "ip h\n"},
        /* user ids */
        {"[20240501-00:00:00] [INFO ] ++ created session: username carol, ip h\n"
         "[20240501-00:00:00] [INFO ] Starting session: session_pid 906, display :10.0, width 1, height 1, "
         "bpp "
         "24, client ip h, UID 1002\n"
         "[20240501-00:00:20] [INFO ] ++ terminated session: UID 1002 (carol), display :10.0, session_pid "
         "906, "
         "ip h\n"},
        /* displays */
        {"[20240501-00:00:00] [INFO ] ++ created session: username carol, ip h\n"
         "[20240501-00:00:00] [INFO ] Session started successfully for user carol on display 10\n"
         "[20240501-00:00:20] [INFO ] Session on display 10 has finished.\n"},
        {"[20240501-00:00:00] [INFO ] Session started successfully for user carol on display :10\n"
         "[20240501-00:00:00] [INFO ] Session started successfully for user carol on display :10\n"
         "[20240501-00:00:20] [INFO ] Session on display :10 has finished.\n"},
        /* both */
        {"[20240501-00:00:00] [INFO ] ++ created session (access granted): username carol, ip h\n"
         "[20240501-00:00:00] [INFO ] Starting session: session_pid 906, display :10.0, width 1, height 1, "
         "bpp "
         "24, client ip h, user name carol\n"
         "[20240501-00:00:01] [INFO ] Session started successfully for user carol on display 10\n"
         "[20240501-00:00:20] [INFO ] ++ terminated session:  username carol, display :10.0, session_pid "
         "906, "
         "ip h\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect(cases[i].text, "+0 connect here log-1 carol rdp\n"
                              "+20 logoff here log-1\n");
    /* a display's session whose end nobody told */
    expect("[20240501-00:00:00] [INFO ] Session started successfully for user carol on display 10\n"
           "[20240501-00:00:20] [INFO ] ++ created session: username dave, ip h\n"
           "[20240501-00:00:21] [INFO ] Session started successfully for user dave on display 10\n",
           "+0 connect here log-1 carol rdp\n"
           "+20 connect here log-2 dave rdp\n"
           "+21 logoff here log-1\n"
           "! LINE_REUSED 1\n");
}

#define ASKED(at, user)                                                                              \
    "[2024-05-01T00:00:" at ".000+0000] [INFO ] Received request from xrdp to create a session for " \
    "user " user "\n"
#define SHOWS(at, display)                                                                                \
    "[2024-05-01T00:00:" at ".000+0000] [INFO ] Starting X server on display " display ": Xorg :" display \
    " -auth .Xauthority\n"
#define RUNS(at, display)                                                                              \
    "[2024-05-01T00:00:" at ".000+0000] [INFO ] Session in progress on display :" display ". Waiting " \
    "until the window manager (pid 37458) exits to end the session\n"
#define ENDED(at, display) \
    "[2024-05-01T00:00:" at ".000+0000] [INFO ] Session on display " display " has finished.\n"

/* No line of it has a user and a display. */
static void xrdp_0_10_tells_users_and_displays_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {ASKED("00", "carol") SHOWS("00", "10") RUNS("02", "10") ENDED("20", "10"),
         "+2 connect here log-1 carol rdp\n"
         "+20 logoff here log-1\n"},
        /* two at once: X servers are started in the order of the requests */
        {ASKED("00", "carol") ASKED("00", "dave") SHOWS("00", "10") SHOWS("01", "11") RUNS("02", "11")
             RUNS("03", "10") ENDED("20", "10") ENDED("30", "11"),
         "+2 connect here log-1 dave rdp\n"
         "+3 connect here log-2 carol rdp\n"
         "+20 logoff here log-2\n"
         "+30 logoff here log-1\n"},
        /* who has a session comes back to it */
        {ASKED("00", "carol") SHOWS("00", "10") RUNS("01", "10") ASKED(
             "05", "carol") "[20240501-00:00:05] [INFO ] ++ reconnected session: username carol, display "
                            ":10.0, session_pid 37443, ip h\n" ASKED("06", "dave") SHOWS("06", "11")
                                RUNS("07", "11") ENDED("20", "10"),
         "+1 connect here log-1 carol rdp\n"
         "+7 connect here log-2 dave rdp\n"
         "+20 logoff here log-1\n"},
        /* a session that never came about, and an end that nobody told */
        {ASKED("00", "carol") SHOWS("00", "10") ASKED("05", "dave") SHOWS("05", "10") RUNS("06", "10")
             ASKED("09", "erin") SHOWS("09", "10") RUNS("10", "10") ENDED("20", "10"),
         "+6 connect here log-1 dave rdp\n"
         "+10 logoff here log-1\n"
         "+10 connect here log-2 erin rdp\n"
         "+20 logoff here log-2\n"
         "! LINE_REUSED 1\n"},
        {RUNS("00", "10") ENDED("20", "10"), "! LOGOFF_UNKNOWN 1\n"},
        /* as in the version after it */
        {ASKED("00", "carol") SHOWS("00", "10")
             RUNS("02", "10") "[20240501-00:00:03] [INFO ] sesman: Session on display :10 is now running\n"
                              "[20240501-00:00:09] [INFO ] sesman: Session on display :10 has no client "
                              "connection\n"
                              "[20240501-00:00:20] [INFO ] sesman: Session on display :10 has finished.\n",
         "+2 connect here log-1 carol rdp\n"
         "+20 logoff here log-1\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        expect(cases[i].text, cases[i].expected);
    /* with PAM's word of it */
    expect("00:00:00 xrdp-sesman[8]: [INFO ] Received request from xrdp to create a session for user carol\n"
           "00:00:00 xrdp-sesexec[9]: pam_unix(xrdp-sesman:session): session opened for user "
           "carol(uid=1002) by carol(uid=0)\n"
           "00:00:00 xrdp-sesexec[9]: [INFO ] Starting X server on display 10: Xorg :10\n"
           "00:00:02 xrdp-sesexec[9]: [INFO ] Session in progress on display :10. Waiting until\n"
           "00:00:20 xrdp-sesexec[9]: pam_unix(xrdp-sesman:session): session closed for user carol\n"
           "00:00:20 xrdp-sesman[8]: [INFO ] Session on display 10 has finished.\n",
           "+0 connect srv log-1 carol rdp\n"
           "+20 logoff srv log-1\n"
           "! DUPLICATE 1\n");
}

static void three_records_of_one_xrdp_session(void **state)
{
    (void)state;
    expect("00:00:00 xrdp-sesman[8]: [INFO ] ++ created session (access granted): username pi, ip h - "
           "socket: 12\n"
           "00:00:00 xrdp-sesman[8]: (8)(140145709626688)[INFO ] Starting session: session_pid 22, display "
           ":11.0, width 592, height 440, bpp 24, client ip h - socket: 12, user name pi\n"
           "00:00:00 xrdp-sesman[22]: pam_unix(xrdp-sesman:session): session opened for user pi by (uid=0)\n"
           "00:00:01 systemd-logind[5]: New session c3 of user pi.\n"
           "00:00:40 xrdp-sesman[22]: pam_unix(xrdp-sesman:session): session closed for user pi\n"
           "00:00:41 xrdp-sesman[8]: [INFO ] ++ terminated session:  username pi, display :11.0, session_pid "
           "22, ip h - socket: 12\n"
           "00:00:50 systemd-logind[5]: Removed session c3.\n",
           "+00 connect srv log-1 pi rdp\n"
           "+40 logoff srv log-1\n"
           "! DUPLICATE 2\n");
}

static void strangers_names_say_nothing(void **state)
{
    (void)state;
    expect("00:00:00 sshd[1]: Invalid user pam_unix(sshd:session): session opened for user bob by (uid=0) "
           "from 10.0.0.9\n"
           "00:00:00 systemd-logind-fake[1]: New session 12 of user alice.\n"
           "00:00:00 sshd[1]: pam_unix(sshd:auth): session opened for user bob\n"
           "00:00:00 mail[1]: kernel: Linux version 6.1\n"
           "00:00:00 sshd[1]: pam_unix(sshd:session): session opened for user \n",
           "! BAD_NAME 1\n");
}

/* ---- machines ------------------------------------------------------------------------------------------ */

#define ON "00:00:00 sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"

static void what_surely_ends_a_hosts_sessions(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool ends;
    } cases[] = {
        {"00:00:30 kernel: [    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)\n",
         true},
        {"00:00:30 kernel: Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)\n", true},
        {"00:00:30 systemd-logind[5]: System is rebooting.\n", true},
        {"00:00:30 systemd-logind[5]: System is powering down.\n", true},
        {"-- Reboot --\n"
         "00:00:30 sshd[9]: hello\n",
         true},
        {"-- Boot 0123456789abcdef0123456789abcdef --\n"
         "00:00:30 sshd[9]: hello\n",
         true},
        {"-- Logs begin at Wed 2024-05-01 --\n"
         "00:00:30 sshd[9]: hello\n",
         false},
        {"00:00:30 systemd-logind[5]: New seat seat0.\n", false},
        {"00:00:30 sshd[900]: Server listening on 0.0.0.0 port 22.\n", false},
        {"2024-05-01T00:00:30Z other kernel: [    0.000000] Linux version 6.1.0\n", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, ON "%s", cases[i].line);
        expect(text, cases[i].ends ? "+00 connect srv log-1 alice ssh\n"
                                     "+30 logoff srv log-1\n"
                                     "! ENDED_BY_BOOT 1\n"
                                   : "+00 connect srv log-1 alice ssh\n");
    }
}

static void logind_that_counts_from_the_beginning_came_with_a_boot(void **state)
{
    (void)state;
    expect(ON "00:00:00 systemd-logind[5]: New session 12 of user alice.\n"
              "00:00:20 systemd-logind[6]: New seat seat0.\n"
              "00:00:21 sshd[2]: pam_unix(sshd:session): session opened for user bob by (uid=0)\n"
              "00:00:21 systemd-logind[6]: New session 1 of user bob.\n",
           "+00 connect srv log-1 alice ssh\n"
           "+21 connect srv log-2 bob ssh\n"
           "+20 logoff srv log-1\n"
           "! ENDED_BY_BOOT 1\n"
           "! DUPLICATE 2\n");
    expect(ON "00:00:00 systemd-logind[5]: New session 12 of user alice.\n"
              "00:00:20 systemd-logind[6]: New seat seat0.\n"
              "00:00:21 sshd[2]: pam_unix(sshd:session): session opened for user bob by (uid=0)\n"
              "00:00:21 systemd-logind[6]: New session 13 of user bob.\n",
           "+00 connect srv log-1 alice ssh\n"
           "+21 connect srv log-2 bob ssh\n"
           "! DUPLICATE 2\n");
}

static void hosts_are_kept_apart(void **state)
{
    (void)state;
    static const char text[] =
        "May  1 00:00:00 a sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
        "May  1 00:00:01 b sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
        "May  1 00:00:02 b kernel: [    0.000000] Linux version 6.1.0\n"
        "May  1 00:00:03 a sshd[1]: pam_unix(sshd:session): session closed for user alice\n";
    expect(text, "+00 connect a log-1 alice ssh\n"
                 "+01 connect b log-2 alice ssh\n"
                 "+02 logoff b log-2\n"
                 "+03 logoff a log-1\n"
                 "! ENDED_BY_BOOT 1\n");
    expect_with(
        &(struct reader_settings){.host = "given", .host_given = true, .year = 2024},
        "May  1 00:00:00 a sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n",
        "+00 connect given log-1 alice ssh\n");
}

static void clocks_that_step_back_end_nobody_before_he_began(void **state)
{
    (void)state;
    expect("00:00:30 sshd[1]: pam_unix(sshd:session): session opened for user alice by (uid=0)\n"
           "00:00:10 sshd[1]: pam_unix(sshd:session): session closed for user alice\n",
           "+30 connect srv log-1 alice ssh\n"
           "+30 logoff srv log-1\n"
           "! CLOCK_BACK 1\n");
}

/* ---- what is no line ----------------------------------------------------------------------------------- */

static void bad_lines_are_left_out(void **state)
{
    (void)state;
    static char text[2 * READER_LINE_BYTES_MAX], too_long[READER_LINE_BYTES_MAX + 2];
    memset(too_long, 'x', sizeof too_long - 1);
    (void)snprintf(text, sizeof text,
                   "\nsome words\n%s\n\001\002\003\004 binary stuff in between\n" ON
                   "00:00:40 no tag here\nMay  1 00:00:4",
                   too_long);
    expect(text, "+00 connect srv log-1 alice ssh\n"
                 "! NOT_UNDERSTOOD 4\n"
                 "! TOO_LONG 1\n");
    assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD), "one:2");
    assert_string_equal(first_place(REPAIR_TOO_LONG), "one:3: longer than 65536 bytes");
    assert_int_equal(last_understood(), 1);
}

/* Some programs write one, though UTF-8 has no order of bytes. */
static void a_byte_order_mark_is_none_of_the_first_line(void **state)
{
    (void)state;
#define LINE "2024-05-01T00:00:00Z srv sshd[1]: pam_unix(sshd:session): session opened for user alice\n"
    expect_text(&reader_syslog, NULL, "\xef\xbb\xbf" LINE, "1714521600 connect srv log-1 alice ssh\n");
    expect_text(&reader_syslog, NULL, "\n\xef\xbb\xbf" LINE, "! NOT_UNDERSTOOD 1\n");
#undef LINE
}

static void whole_logs(void **state)
{
    (void)state;
    static const struct {
        const char *name, *expected;
    } cases[] = {
        {"sizing/auth.log", "1735688470 connect ts1 log-2 carol rdp\n"
                            "1735688700 connect ts1 log-4 alice ssh\n"
                            "1735689900 logoff ts1 log-4\n"
                            "1735690200 connect ts1 log-6 root console\n"
                            "1735690800 logoff ts1 log-2\n"
                            "1735690800 logoff ts1 log-6\n"
                            "1735691400 connect ts1 log-7 carol rdp\n"
                            "! ENDED_BY_BOOT 2\n"
                            "! DUPLICATE 5\n"},
        {"sizing/secure", "1709276400.101 connect rh9 log-1 bob ssh\n"
                          "1709276700 connect rh9 log-4 dora console\n"
                          "1709280000 logoff rh9 log-1\n"
                          "1709308800 logoff rh9 log-4\n"
                          "! DUPLICATE 2\n"},
        {"sizing/xrdp-sesman.log", "1714550410 connect here log-1 user rdp\n"
                                   "1714582801 logoff here log-1\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count;
        char *bytes = read_data(cases[i].name, &count);
        assert_int_equal(reader_syslog.recognise(bytes, count, true), RECOGNISED_YES);
        expect_files(&reader_syslog, &(struct reader_settings){.host = "here", .year = 2024},
                     &(struct log_part){bytes, count}, 1, cases[i].expected);
        free(bytes);
    }
}

static void its_own_lines_are_recognised(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum recognised sure;
    } cases[] = {
        {"Jan  2 03:04:05 srv sshd[1]: hello\n", RECOGNISED_YES},
        {"Jan  2 03:04:05 srv sshd[1]: hel", RECOGNISED_YES},
        {"-- Logs begin --\n"
         "2024-01-02T03:04:05+0100 srv sshd[1]: hello\n",
         RECOGNISED_YES},
        {"[20240102-03:04:05] [INFO ] starting xrdp-sesman with pid 354\n", RECOGNISED_YES},
        {"\xef\xbb\xbfJan  2 03:04:05 srv sshd[1]: hello\n", RECOGNISED_YES}, /* a byte order mark */
        {"a\n"
         "b\n"
         "c\n"
         "Jan  2 03:04:05 srv sshd[1]: hello\n",
         RECOGNISED_MAYBE},
        {"{\"a\":1}\n", RECOGNISED_NO},
        {"alice    pts/0        10.0.0.1         Wed May  1 00:00:00 2024   still logged in\n",
         RECOGNISED_NO},
        {"2024-05-01T00:00:00Z,connect,srv,1,alice\n", RECOGNISED_NO},
        {"", RECOGNISED_NO},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(reader_syslog.recognise(cases[i].text, strlen(cases[i].text), true), cases[i].sure);
}

static void many_live_and_many_come_at_once(void **state)
{
    (void)state;
    enum { USERS = 700 };
    char *text = NULL, *expected = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes), *told = open_memstream(&expected, &bytes);
    for (int i = 0; i < USERS; i++) {
        fprintf(file, "00:00:00 systemd-logind[5]: New session %d of user u%d.\n", i + 1, i);
        fprintf(told, "+00 connect srv log-%d u%d ssh\n", i + 1, i);
    }
    for (int i = 0; i < USERS; i++) {
        fprintf(file, "00:00:50 systemd-logind[5]: Removed session %d.\n", i + 1);
        fprintf(told, "+50 logoff srv log-%d\n", i + 1);
    }
    (void)fclose(file);
    (void)fclose(told);
    expect(text, expected);
    free(text);
    free(expected);
}

int main(void)
{
    (void)setenv("TZ", "UTC0", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_stamp),
        cmocka_unit_test(what_is_no_stamp_is_told),
        cmocka_unit_test(years_roll_over_and_are_not_mistaken),
        cmocka_unit_test(the_first_year_is_by_the_files_date),
        cmocka_unit_test(an_hour_shown_twice_goes_on),
        cmocka_unit_test(services_have_their_routes),
        cmocka_unit_test(names_as_pam_writes_them),
        cmocka_unit_test(other_services_are_picked_by_name),
        cmocka_unit_test(log_outs_are_matched_by_process),
        cmocka_unit_test(without_processes_the_earliest_ends),
        cmocka_unit_test(two_services_records_are_one_session),
        cmocka_unit_test(a_log_on_of_a_service_not_read_takes_logind_with_it),
        cmocka_unit_test(what_only_logind_tells_of_counts),
        cmocka_unit_test(xrdps_own_log),
        cmocka_unit_test(other_versions_of_xrdp),
        cmocka_unit_test(xrdp_0_10_tells_users_and_displays_apart),
        cmocka_unit_test(three_records_of_one_xrdp_session),
        cmocka_unit_test(strangers_names_say_nothing),
        cmocka_unit_test(what_surely_ends_a_hosts_sessions),
        cmocka_unit_test(logind_that_counts_from_the_beginning_came_with_a_boot),
        cmocka_unit_test(hosts_are_kept_apart),
        cmocka_unit_test(clocks_that_step_back_end_nobody_before_he_began),
        cmocka_unit_test(bad_lines_are_left_out),
        cmocka_unit_test(a_byte_order_mark_is_none_of_the_first_line),
        cmocka_unit_test(whole_logs),
        cmocka_unit_test(its_own_lines_are_recognised),
        cmocka_unit_test(many_live_and_many_come_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
