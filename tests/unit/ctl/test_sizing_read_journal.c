#include "log_reading.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define BOOT_A "0123456789abcdef0123456789abcdef"
#define BOOT_B "fedcba9876543210fedcba9876543210"
#define NEW    "8d45620c1a4348dbb17410da57c60c66"
#define GONE   "3354939424b4456d9802ca8333ed424a"

/* One entry, as it is told; what is NULL is left out. */
struct told {
    unsigned at;
    const char *boot, *host, *name, *process, *owner, *message, *more;
};

static void write_entry(FILE *file, const struct told *told, const char *colon)
{
    fprintf(file, "{\"__CURSOR\"%s\"s=1;i=2\",\"__REALTIME_TIMESTAMP\"%s\"%u250000\",\"_BOOT_ID\"%s\"%s\"",
            colon, colon, 1000 + told->at, colon, told->boot);
    fprintf(file, ",\"_HOSTNAME\"%s\"%s\",\"SYSLOG_IDENTIFIER\"%s\"%s\"", colon, told->host, colon,
            told->name);
    if (told->process != NULL)
        fprintf(file, ",\"_PID\"%s\"%s\"", colon, told->process);
    if (told->owner != NULL)
        fprintf(file, ",\"_UID\"%s\"%s\"", colon, told->owner);
    fprintf(file, ",\"MESSAGE\"%s%s", colon, told->message);
    fprintf(file, "%s,\"_SELINUX_CONTEXT\"%s[\"a\",\"b\"]}\n", told->more == NULL ? "" : told->more, colon);
}

static void expect_entries(const struct told *told, size_t count, const char *expected)
{
    static const char *const colons[] = {":", " : "};
    for (size_t form = 0; form < COUNT(colons); form++) {
        char *text = NULL;
        size_t bytes = 0;
        FILE *file = open_memstream(&text, &bytes);
        assert_non_null(file);
        for (size_t i = 0; i < count; i++)
            write_entry(file, &told[i], colons[form]);
        (void)fclose(file);
        assert_int_equal(reader_journal.recognise(text, bytes, true), RECOGNISED_YES);
        expect_text(&reader_journal, NULL, text, expected);
        free(text);
    }
}

#define EXPECT(expected, ...)                            \
    do {                                                 \
        static const struct told told[] = {__VA_ARGS__}; \
        expect_entries(told, COUNT(told), expected);     \
    } while (0)

#define OPENED(user) "\"pam_unix(sshd:session): session opened for user " user "(uid=1000) by (uid=0)\""
#define CLOSED(user) "\"pam_unix(sshd:session): session closed for user " user "\""
#define SSHD(at, pid, words)                           \
    {                                                  \
        at, BOOT_A, "a", "sshd", pid, "0", words, NULL \
    }

static void services_speak_as_in_a_system_log(void **state)
{
    (void)state;
    EXPECT("1000.250 connect a journal-1 alice ssh\n1020.250 logoff a journal-1\n! DUPLICATE 1\n",
           SSHD(0, "7", OPENED("alice")),
           {1, BOOT_A, "a", "systemd-logind", "5", "0", "\"New session 12 of user alice.\"",
            ",\"MESSAGE_ID\":\"" NEW "\",\"SESSION_ID\":\"12\",\"USER_ID\":\"alice\",\"LEADER\":\"7\""},
           SSHD(20, "7", CLOSED("alice")),
           {21, BOOT_A, "a", "systemd-logind", "5", "0", "\"Removed session 12.\"",
            ",\"MESSAGE_ID\":\"" GONE "\",\"SESSION_ID\":\"12\",\"USER_ID\":\"alice\",\"LEADER\":\"7\""});
}

static void loginds_messages_are_known_by_their_ids(void **state)
{
    (void)state;
    EXPECT("1000.250 connect a journal-1 alice ssh\n1020.250 logoff a journal-1\n",
           {0, BOOT_A, "a", "systemd-logind", "5", "0", "\"Neue Sitzung\"",
            ",\"MESSAGE_ID\":\"" NEW "\",\"SESSION_ID\":\"c1\",\"USER_ID\":\"alice\""},
           {20, BOOT_A, "a", "systemd-logind", "5", "0", "\"Sitzung weg\"",
            ",\"MESSAGE_ID\":\"" GONE "\",\"SESSION_ID\":\"c1\",\"USER_ID\":\"alice\""});
    /* a sentence knows the class, which has no field */
    EXPECT("", {0, BOOT_A, "a", "systemd-logind", "5", "0",
                "\"New session '3' of user 'alice' with class 'manager' and type 'unspecified'.\"",
                ",\"MESSAGE_ID\":\"" NEW "\",\"SESSION_ID\":\"3\",\"USER_ID\":\"alice\""});
    EXPECT("", {0, BOOT_A, "a", "mine", "5", "0", "\"x\"",
                ",\"MESSAGE_ID\":\"" NEW "\",\"SESSION_ID\":\"3\",\"USER_ID\":\"alice\""});
}

static void messages_may_be_arrays_of_bytes(void **state)
{
    (void)state;
    /* pam_unix(sshd:session): session opened for user j<fc> by (uid=0) */
    EXPECT(
        "1000.250 connect a journal-1 j\\xfc ssh\n! NAME_ESCAPED 1\n",
        SSHD(0, "7",
             "[112,97,109,95,117,110,105,120,40,115,115,104,100,58,115,101,115,115,105,111,110,41,58,32,115,"
             "101, 115,115,105,111,110,32,111,112,101,110,101,100,32,102,111,114,32,117,115,101,114,32,106, "
             "252,32,98,121,32,40,117,105,100,61,48,41]"));
    EXPECT("", SSHD(0, "7", "null"), SSHD(1, "7", "[]"), SSHD(2, "7", "[300,-1,\"x\"]"));
}

static void who_is_not_root_says_nothing(void **state)
{
    (void)state;
    EXPECT("1001.250 connect a journal-1 bob ssh\n",
           {0, BOOT_A, "a", "sshd", "7", "1000", OPENED("alice"), NULL},
           {1, BOOT_A, "a", "sshd", "8", NULL, OPENED("bob"), NULL});
}

static void another_boot_ends_all_of_its_host(void **state)
{
    (void)state;
    EXPECT("1000.250 connect a journal-1 alice ssh\n1001.250 connect b journal-2 bob ssh\n"
           "1030.250 logoff a journal-1\n! ENDED_BY_BOOT 1\n",
           SSHD(0, "7", OPENED("alice")), {1, BOOT_B, "b", "sshd", "7", "0", OPENED("bob"), NULL},
           SSHD(2, "9", "\"hello\""), {3, BOOT_B, "b", "sshd", "9", "0", "\"hello\"", NULL},
           {30, "11111111111111111111111111111111", "a", "cron", "9", "0", "\"hello\"", NULL},
           SSHD(31, "9", "\"late\""),
           {32, "11111111111111111111111111111111", "a", "cron", "9", "0", "\"hello\"", NULL});
}

static void a_long_journal_is_passed_over_quickly(void **state)
{
    (void)state;
    static struct told told[200];
    for (size_t i = 0; i < COUNT(told); i++)
        told[i] = (struct told){(unsigned)i, BOOT_A, "a", "cron", "9", "0", "\"hello\"", NULL};
    told[150] = (struct told)SSHD(150, "7", OPENED("alice"));
    told[170].boot = BOOT_B;
    expect_entries(
        told, COUNT(told),
        "1150.250 connect a journal-1 alice ssh\n1170.250 logoff a journal-1\n! ENDED_BY_BOOT 1\n");
}

static void bad_entries_are_left_out(void **state)
{
    (void)state;
    expect_text(&reader_journal, NULL,
                "\n{\"__REALTIME_TIMESTAMP\":\"x\"}\n{\"MESSAGE\":\"no time\"}\n{half\nnot json\n"
                "\x1e{\"__REALTIME_TIMESTAMP\":\"1000000000\",\"MESSAGE\":\"of a sequence\"}\n"
                "{\"__REALTIME_TIMESTAMP\":\"99999999999999999999\"}\n[]\n{\"__REALTIME_TIMESTAMP\":\"1",
                "! NOT_UNDERSTOOD 7\n");
    assert_string_equal(first_place(REPAIR_NOT_UNDERSTOOD), "one:2");
    assert_int_equal(last_understood(), 1);
}

static void other_files_are_not_recognised(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "\n",
                                        "{}\n",
                                        "{\"ts\":1,\"event\":\"connect\"}\n",
                                        "Jan  2 03:04:05 a b: c\n",
                                        "{\"MESSAGE\":\"\\\"__REALTIME_TIMESTAMP\\\"\"}\n"};
    for (size_t i = 0; i < COUNT(texts); i++)
        assert_int_equal(reader_journal.recognise(texts[i], strlen(texts[i]), true), RECOGNISED_NO);
}

static void a_whole_journal(void **state)
{
    (void)state;
    expect_data(
        &reader_journal, "sizing/journal.json",
        "1795339958.183 connect vm journal-1 alice ssh\n1795339964.291 connect vm journal-3 carol rdp\n"
        "1795340100.200 logoff vm journal-1\n1795340400 logoff vm journal-3\n"
        "1795340500 connect vm journal-5 alice ssh\n! ENDED_BY_BOOT 1\n! DUPLICATE 2\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_speak_as_in_a_system_log),
        cmocka_unit_test(loginds_messages_are_known_by_their_ids),
        cmocka_unit_test(messages_may_be_arrays_of_bytes),
        cmocka_unit_test(who_is_not_root_says_nothing),
        cmocka_unit_test(another_boot_ends_all_of_its_host),
        cmocka_unit_test(a_long_journal_is_passed_over_quickly),
        cmocka_unit_test(bad_entries_are_left_out),
        cmocka_unit_test(other_files_are_not_recognised),
        cmocka_unit_test(a_whole_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
