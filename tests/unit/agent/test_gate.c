/* The gate's files on a real directory. */
#include "agent/gate.h"

#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

static const char *in_directory(const char *name)
{
    static char path[sizeof(directory) + 256 + 1]; /* whatever readdir tells */
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static bool exists(const char *name)
{
    struct stat status;
    return lstat(in_directory(name), &status) == 0;
}

static void assert_file(const char *name, const char *expected)
{
    char text[4096];
    struct stat status;
    int fd = open(in_directory(name), O_RDONLY | O_NOFOLLOW);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
    ssize_t bytes = read(fd, text, sizeof(text) - 1);
    assert_true(bytes >= 0);
    text[bytes] = '\0';
    (void)close(fd);
    assert_string_equal(text, expected);
}

static uint64_t inode(const char *name)
{
    struct stat status;
    assert_int_equal(lstat(in_directory(name), &status), 0);
    return status.st_ino;
}

static void put_file(const char *name, const char *text)
{
    FILE *file = fopen(in_directory(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int make_directory(void **state)
{
    (void)state;
    (void)strcpy(directory, "/tmp/farmgate-gate-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    DIR *open_directory = opendir(directory);
    for (struct dirent *entry; open_directory && (entry = readdir(open_directory));) {
        if (unlink(in_directory(entry->d_name)) != 0)
            (void)rmdir(in_directory(entry->d_name));
    }
    (void)closedir(open_directory);
    return rmdir(directory);
}

static void finish(struct gate *gate)
{
    struct error_detail detail = {""};
    if (gate_finish(gate, &detail) != 0)
        fail_msg("%s", detail.text);
}

static const char *const ALICE_BOB[] = {"bob", "alice"};

static void test_closes_and_opens(void **state)
{
    (void)state;
    struct gate gate;
    struct error_detail detail = {""};
    gate_init(&gate, directory);
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "The farm is not activated.", ALICE_BOB, 2, &detail), 0);
    assert_file("present", "alice\nbob\n");
    assert_file("nologin", "The farm is not activated.\n");

    assert_int_equal(gate_apply(&gate, GATE_OPEN, "", ALICE_BOB, 1, &detail), 0);
    assert_false(exists("nologin"));
    assert_file("present", "bob\n");

    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "Again.", NULL, 0, &detail), 0);
    assert_file("present", "");
    assert_file("nologin", "Again.\n");
    finish(&gate);
    assert_file("nologin", "Again.\n"); /* deactivation survives the agent */
}

static void test_writes_only_what_changed(void **state)
{
    (void)state;
    static const char *const other_order[] = {"alice", "bob", "alice"};
    struct gate gate;
    struct error_detail detail = {""};
    gate_init(&gate, directory);
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", ALICE_BOB, 2, &detail), 0);
    uint64_t present = inode("present"), nologin = inode("nologin");
    put_file("keep-inodes-apart", "");
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", other_order, 3, &detail), 0);
    assert_int_equal(inode("present"), present);
    assert_int_equal(inode("nologin"), nologin);

    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", ALICE_BOB, 1, &detail), 0);
    assert_int_not_equal(inode("present"), present);
    assert_int_equal(inode("nologin"), nologin);
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "Not now.", ALICE_BOB, 1, &detail), 0);
    assert_int_not_equal(inode("nologin"), nologin);
    finish(&gate);
}

static void test_what_an_earlier_agent_left_is_brought_into_line(void **state)
{
    (void)state;
    struct gate gate;
    struct error_detail detail = {""};
    put_file("nologin", "old");
    put_file("present", "mallory\n");
    put_file("present.new", "half");
    assert_int_equal(chmod(in_directory("present"), 0644), 0);
    gate_init(&gate, directory);
    assert_int_equal(gate_apply(&gate, GATE_OPEN, "", ALICE_BOB, 2, &detail), 0);
    assert_false(exists("nologin"));
    assert_false(exists("present.new"));
    assert_file("present", "alice\nbob\n");
    finish(&gate);
}

static void test_names_that_could_pass_for_others_are_left_out(void **state)
{
    (void)state;
    static const char *const names[] = {"eve\nroot", "",        "CORP\\dora",         "tab\there",  "zoë",
                                        "bad\xff",   "del\x7f", "frank@corp.example", "white space"};
    struct gate gate;
    struct error_detail detail = {""};
    char longest[GATE_NAME_BYTES_MAX + 2]; /* a line that pam_listfile reads as one, and one more byte */
    const char *both[] = {longest, longest + 1};
    gate_init(&gate, directory);
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", names, COUNT(names), &detail), 0);
    assert_file("present", "CORP\\dora\nfrank@corp.example\nwhite space\nzoë\n");
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", both, COUNT(both), &detail), 0);
    struct stat status;
    assert_int_equal(stat(in_directory("present"), &status), 0);
    assert_int_equal(status.st_size, GATE_NAME_BYTES_MAX + 1);
    finish(&gate);
}

static void assert_victim_untouched(void)
{
    struct stat status;
    assert_int_equal(lstat(in_directory("victim"), &status), 0);
    assert_int_equal(status.st_size, strlen("untouched"));
}

/* Root's PAM modules read these files: nothing is ever written through a link. */
static void test_links_are_replaced_not_followed(void **state)
{
    (void)state;
    static const char *const planted[] = {"nologin",     "present",     "run-out",
                                          "nologin.new", "present.new", "run-out.new"};
    static const enum gate_state states[] = {GATE_RUN_OUT, GATE_CLOSED};
    struct gate gate;
    struct error_detail detail = {""};
    put_file("victim", "untouched");
    for (size_t state_at = 0; state_at < COUNT(states); state_at++) {
        for (size_t i = 0; i < COUNT(planted); i++) {
            (void)unlink(in_directory(planted[i]));
            assert_int_equal(symlink("victim", in_directory(planted[i])), 0);
        }
        gate_init(&gate, directory);
        assert_int_equal(gate_apply(&gate, states[state_at], "No.", ALICE_BOB, 2, &detail), 0);
        assert_file("present", "alice\nbob\n");
        assert_file("nologin", "No.\n");
        assert_victim_untouched();
        finish(&gate);
        assert_victim_untouched();
    }
}

/* A link in its place is taken for the flag, and removed like it: the same with one that leads nowhere. */
static void test_a_planted_flag_is_removed_not_followed(void **state)
{
    (void)state;
    static const char *const targets[] = {"victim", "nowhere"};
    struct error_detail detail = {""};
    put_file("victim", "untouched");
    for (size_t i = 0; i < COUNT(targets); i++) {
        put_file("nologin", "All are in use.");
        assert_int_equal(symlink(targets[i], in_directory("run-out")), 0);
        assert_int_equal(gate_after_stop(directory, &detail), 0);
        assert_false(exists("run-out"));
        assert_false(exists("nologin"));
        assert_victim_untouched();
        assert_false(exists("nowhere"));
    }
}

static void test_what_the_service_manager_finds(void **state)
{
    (void)state;
    struct error_detail detail = {""};
    put_file("nologin", "Deactivated.");
    put_file("present", "alice\n");
    assert_int_equal(gate_after_stop(directory, &detail), 0); /* never a deactivation */
    assert_true(exists("nologin"));
    put_file("run-out", "");
    assert_int_equal(gate_after_stop(directory, &detail), 0);
    assert_false(exists("nologin"));
    assert_false(exists("run-out"));
    assert_true(exists("present"));
    assert_int_equal(gate_after_stop(directory, &detail), 0);
    put_file("run-out", ""); /* without its nologin */
    assert_int_equal(gate_after_stop(directory, &detail), 0);
    assert_false(exists("run-out"));

    assert_int_equal(gate_after_stop("", &detail), 0);
    assert_int_equal(gate_after_stop(in_directory("none"), &detail), 0);
    assert_int_equal(gate_after_stop(in_directory("present"), &detail), 0); /* no directory at all */
    assert_int_equal(mkdir(in_directory("run-out"), 0755), 0);
    assert_int_not_equal(gate_after_stop(directory, &detail), 0);
    assert_non_null(strstr(detail.text, "run-out"));
}

static void test_run_out_goes_by_its_states(void **state)
{
    (void)state;
    struct gate gate;
    struct error_detail detail = {""};
    gate_init(&gate, directory);
    assert_int_equal(gate_apply(&gate, GATE_RUN_OUT, "Full.", ALICE_BOB, 2, &detail), 0);
    assert_file("nologin", "Full.\n");
    assert_true(exists("run-out"));
    uint64_t flag = inode("run-out"), nologin = inode("nologin");
    put_file("keep-inodes-apart", "");
    assert_int_equal(gate_apply(&gate, GATE_RUN_OUT, "Full.", ALICE_BOB, 1, &detail), 0);
    assert_file("present", "bob\n");
    assert_int_equal(inode("run-out"), flag);
    assert_int_equal(inode("nologin"), nologin);

    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "Over.", ALICE_BOB, 1, &detail), 0);
    assert_file("nologin", "Over.\n");
    assert_false(exists("run-out"));
    assert_int_equal(gate_apply(&gate, GATE_RUN_OUT, "Full.", ALICE_BOB, 1, &detail), 0);
    assert_true(exists("run-out"));
    assert_int_equal(gate_apply(&gate, GATE_OPEN, "", ALICE_BOB, 1, &detail), 0);
    assert_false(exists("run-out"));
    assert_false(exists("nologin"));
    finish(&gate);
}

/* A deactivation that cannot be told from a crowd would not survive: it is not written, and said. */
static void test_a_flag_that_stays_holds_up_a_deactivation(void **state)
{
    (void)state;
    struct gate gate;
    struct error_detail detail = {""};
    assert_int_equal(mkdir(in_directory("run-out"), 0755), 0);
    gate_init(&gate, directory);
    assert_int_not_equal(gate_apply(&gate, GATE_CLOSED, "No.", ALICE_BOB, 2, &detail), 0);
    assert_non_null(strstr(detail.text, "run-out"));
    assert_false(exists("nologin"));
    assert_int_equal(rmdir(in_directory("run-out")), 0);
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", ALICE_BOB, 2, &detail), 0);
    assert_file("nologin", "No.\n");
    finish(&gate);
}

static void test_a_missing_directory_is_said_and_tried_again(void **state)
{
    (void)state;
    struct gate gate;
    struct error_detail detail = {""};
    gate_init(&gate, in_directory("later"));
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", ALICE_BOB, 2, &detail), ERROR_NOT_FOUND);
    assert_non_null(strstr(detail.text, "later/present"));
    assert_int_equal(mkdir(in_directory("later"), 0755), 0);
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", ALICE_BOB, 2, &detail), 0);
    assert_file("later/nologin", "No.\n");
    finish(&gate);
    assert_int_equal(unlink(in_directory("later/nologin")), 0);
    assert_int_equal(unlink(in_directory("later/present")), 0);
}

/* No room for `present` but for nologin: closing would shut out those who may come back. Opening is never
 * held up by it. */
static void test_without_room_for_present_nobody_is_shut_out(void **state)
{
    (void)state;
    struct gate gate;
    struct error_detail detail = {""};
    struct rlimit before, small = {.rlim_cur = 8};
    char *names[100];
    for (size_t i = 0; i < COUNT(names); i++)
        assert_true(asprintf(&names[i], "user%zu", i) > 0);
    gate_init(&gate, directory);
    assert_int_equal(gate_apply(&gate, GATE_OPEN, "", NULL, 0, &detail), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int error = gate_apply(&gate, GATE_CLOSED, "No.", (const char *const *)names, COUNT(names), &detail);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(error, 0);
    assert_non_null(strstr(detail.text, "present"));
    assert_false(exists("nologin"));
    assert_file("present", "");
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", (const char *const *)names, COUNT(names), &detail),
                     0);
    assert_file("nologin", "No.\n");

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    error = gate_apply(&gate, GATE_OPEN, "", (const char *const *)names, COUNT(names) - 1, &detail);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(error, 0);
    assert_false(exists("nologin"));
    finish(&gate);
    for (size_t i = 0; i < COUNT(names); i++)
        free(names[i]);
}

static void test_what_cannot_be_removed_is_said(void **state)
{
    (void)state;
    struct gate gate;
    struct error_detail detail = {""};
    assert_int_equal(mkdir(in_directory("nologin"), 0755), 0);
    gate_init(&gate, directory);
    assert_int_not_equal(gate_apply(&gate, GATE_OPEN, "", NULL, 0, &detail), 0);
    assert_non_null(strstr(detail.text, "nologin"));
    finish(&gate);
}

static void test_no_directory_no_files(void **state)
{
    (void)state;
    struct gate gate;
    struct error_detail detail = {""};
    gate_init(&gate, "");
    assert_int_equal(gate_apply(&gate, GATE_CLOSED, "No.", ALICE_BOB, 2, &detail), 0);
    finish(&gate);
    assert_false(exists("nologin"));
}

#define ON_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DIRECTORY(test_closes_and_opens),
        ON_DIRECTORY(test_writes_only_what_changed),
        ON_DIRECTORY(test_what_an_earlier_agent_left_is_brought_into_line),
        ON_DIRECTORY(test_names_that_could_pass_for_others_are_left_out),
        ON_DIRECTORY(test_links_are_replaced_not_followed),
        ON_DIRECTORY(test_a_planted_flag_is_removed_not_followed),
        ON_DIRECTORY(test_what_the_service_manager_finds),
        ON_DIRECTORY(test_run_out_goes_by_its_states),
        ON_DIRECTORY(test_a_flag_that_stays_holds_up_a_deactivation),
        ON_DIRECTORY(test_a_missing_directory_is_said_and_tried_again),
        ON_DIRECTORY(test_without_room_for_present_nobody_is_shut_out),
        ON_DIRECTORY(test_what_cannot_be_removed_is_said),
        ON_DIRECTORY(test_no_directory_no_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
