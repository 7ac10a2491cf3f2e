/* test_file_set.c - files that change together: all of them or none, and what was there is kept. */
#include "agent/ctl/file_set.h"
#include "common/file.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct file_set_owner whoever = {.given = false};

static void add(struct file_set *set, const char *path, const char *text)
{
    struct error_detail detail = {""};
    if (file_set_add(set, path, text, strlen(text), 0640, &whoever, &detail) != 0)
        fail_msg("%s", detail.text);
}

static void assert_has(const char *path, const char *text)
{
    char *got;
    size_t bytes;
    if (!text) {
        assert_int_equal(access(path, F_OK), -1);
        return;
    }
    assert_int_equal(file_read(path, 100, &got, &bytes, NULL), 0);
    assert_string_equal(got, text);
    free(got);
}

static void all_take_their_places_and_the_old_stay(void **state)
{
    struct file_set set = {.count = 0};
    struct stat status;
    (void)state;
    add(&set, "a", "old a");
    add(&set, "b", "b");
    assert_has("a", NULL); /* not yet */
    assert_int_equal(file_set_commit(&set, NULL), 0);
    file_set_finish(&set);
    add(&set, "a", "new a");
    add(&set, "b", "b"); /* as it is */
    assert_int_equal(set.count, 1);
    assert_has("a", "old a");
    assert_int_equal(file_set_commit(&set, NULL), 0);
    file_set_finish(&set);
    assert_has("a", "new a");
    assert_has("a.bak", "old a");
    assert_has("a.new", NULL);
    assert_has("b", "b");
    assert_has("b.bak", NULL);
    assert_int_equal(stat("a", &status), 0);
    assert_int_equal(status.st_nlink, 1);
}

static void others_may_do_what_is_given_and_no_more(void **state)
{
    struct file_set set = {.count = 0};
    struct stat status;
    (void)state;
    add(&set, "b", "b");
    assert_int_equal(file_set_commit(&set, NULL), 0);
    file_set_finish(&set);
    assert_int_equal(stat("b", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(chmod("b", 0666), 0); /* the same bytes, for others to read */
    add(&set, "b", "b");
    assert_int_equal(set.count, 1);
    assert_int_equal(file_set_commit(&set, NULL), 0);
    file_set_finish(&set);
    assert_int_equal(stat("b", &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

static void what_is_given_up_leaves_no_trace(void **state)
{
    struct file_set set = {.count = 0};
    struct error_detail detail = {""};
    (void)state;
    assert_int_equal(file_replace("a", "old a", 5, 0640, false, NULL), 0);
    add(&set, "a", "new a");
    assert_int_equal(file_set_add(&set, "none/b", "b", 1, 0600, &whoever, &detail), ERROR_NOT_FOUND);
    assert_non_null(strstr(detail.text, "cannot create none/b.new"));
    assert_has("a.new", "new a");
    file_set_finish(&set);
    assert_has("a", "old a");
    assert_has("a.new", NULL);
    assert_has("a.bak", NULL);
}

static void one_that_finds_no_place_puts_the_others_back(void **state)
{
    struct file_set set = {.count = 0};
    struct error_detail detail = {""};
    (void)state;
    assert_int_equal(file_replace("a", "old a", 5, 0640, false, NULL), 0);
    add(&set, "a", "new a");
    add(&set, "new", "new");
    add(&set, "c", "new c");
    assert_int_equal(mkdir("c", 0700), 0); /* meanwhile */
    assert_int_equal(file_set_commit(&set, &detail) == 0, false);
    assert_non_null(strstr(detail.text, "cannot replace c"));
    file_set_finish(&set);
    assert_has("a", "old a");
    assert_has("new", NULL);
    assert_has("a.new", NULL);
    assert_has("c.new", NULL);
    assert_int_equal(rmdir("c"), 0);
}

static void without_a_copy_nothing_changes(void **state)
{
    struct file_set set = {.count = 0};
    struct error_detail detail = {""};
    (void)state;
    assert_int_equal(file_replace("a", "old a", 5, 0640, false, NULL), 0);
    assert_int_equal(mkdir("a.bak", 0700), 0);
    add(&set, "a", "new a");
    assert_int_equal(file_set_commit(&set, &detail) == 0, false);
    assert_non_null(strstr(detail.text, "cannot keep a copy of a"));
    file_set_finish(&set);
    assert_has("a", "old a");
    assert_has("a.new", NULL);
    assert_int_equal(rmdir("a.bak"), 0);
}

static void one_that_cannot_be_given_away_is_not_left(void **state)
{
    struct file_set set = {.count = 0};
    const struct file_set_owner root = {true, 0, 0};
    (void)state;
    if (geteuid() == 0)
        return; /* who may everything */
    assert_int_equal(file_set_add(&set, "a", "x", 1, 0600, &root, NULL), ERROR_FORBIDDEN);
    assert_has("a.new", NULL);
    assert_int_equal(set.count, 0);
}

static int setup(void **state)
{
    static char directory[64];
    (void)snprintf(directory, sizeof directory, "/tmp/farmgate-files-XXXXXX");
    *state = directory;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const left[] = {"a", "a.bak", "b", "b.bak"};
    for (size_t i = 0; i < COUNT(left); i++)
        (void)unlink(left[i]);
    return chdir("/") == 0 ? rmdir(*state) : -1; /* nothing else was left there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_take_their_places_and_the_old_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(others_may_do_what_is_given_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_given_up_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_finds_no_place_puts_the_others_back, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_copy_nothing_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_cannot_be_given_away_is_not_left, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
