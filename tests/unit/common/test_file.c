#include "common/file.h"
#include "common/platform/modes.h"
#include "tests/unit/unit.h"

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
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/farmgate-file-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    static const char *const names[] = {"file", "file.new", "link", "fifo", "target", "directory"};
    for (size_t i = 0; i < COUNT(names); i++)
        (void)remove(in_directory(names[i]));
    return rmdir(directory);
}

static void assert_holds(const char *name, const char *expected)
{
    char *text;
    size_t bytes;
    assert_int_equal(file_read(in_directory(name), 1000, &text, &bytes, NULL), 0);
    assert_string_equal(text, expected);
    assert_int_equal(bytes, strlen(expected));
    free(text);
}

static void replaces_and_reads_back(void **state)
{
    (void)state;
    struct stat status;
    mode_t before = umask(0077);
    assert_int_equal(file_replace(in_directory("file"), "one", 3, 0640, true, NULL), 0);
    assert_holds("file", "one");
    assert_int_equal(file_replace(in_directory("file"), "", 0, 0600, false, NULL), 0);
    assert_holds("file", "");
    umask(before);
    assert_int_equal(file_replace(in_directory("file"), "two", 3, 0640, false, NULL), 0);
    assert_int_equal(stat(in_directory("file"), &status), 0);
    assert_true(modes_match(status.st_mode, 0640));
    assert_int_equal(access(in_directory("file.new"), F_OK), -1);
}

static void a_relative_path_works_too(void **state)
{
    (void)state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(directory), 0);
    assert_int_equal(file_replace("file", "here", 4, 0600, true, NULL), 0);
    assert_int_equal(chdir(before), 0);
    assert_holds("file", "here");
}

static void never_writes_through_a_link(void **state)
{
    (void)state;
    char link[128];
    assert_int_equal(file_replace(in_directory("target"), "mine", 4, 0600, false, NULL), 0);
    strcpy(link, in_directory("file.new"));
    assert_int_equal(symlink(in_directory("target"), link), 0);
    assert_int_equal(file_replace(in_directory("file"), "new", 3, 0600, false, NULL), 0);
    assert_holds("target", "mine");
    assert_holds("file", "new");
    strcpy(link, in_directory("link"));
    assert_int_equal(symlink(in_directory("target"), link), 0);
    assert_int_equal(file_replace(link, "instead", 7, 0600, false, NULL), 0);
    assert_holds("target", "mine");
    assert_holds("link", "instead");
}

static void says_why_it_cannot_write(void **state)
{
    (void)state;
    struct error_detail detail;
    char longer[5000];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(file_replace(in_directory("none/file"), "x", 1, 0600, true, &detail), ERROR_NOT_FOUND);
    assert_non_null(strstr(detail.text, "cannot create "));
    assert_int_equal(file_replace(longer, "x", 1, 0600, true, &detail), ERROR_TOO_LARGE);
    assert_int_equal(mkdir(in_directory("directory"), 0700), 0);
    assert_int_equal(file_replace(in_directory("directory"), "x", 1, 0600, true, &detail), ERROR_IO);
    assert_non_null(strstr(detail.text, "cannot replace "));
    assert_int_equal(access(in_directory("directory.new"), F_OK), -1);
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct rlimit before, small = {.rlim_cur = 10};
    struct error_detail detail;
    assert_int_equal(file_replace(in_directory("file"), "old", 3, 0600, true, NULL), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int error = file_replace(in_directory("file"), "longer than ten bytes", 21, 0600, true, &detail);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(error, ERROR_FULL);
    assert_holds("file", "old");
    assert_int_equal(access(in_directory("file.new"), F_OK), -1);
}

static void reads_only_what_it_should(void **state)
{
    (void)state;
    struct error_detail detail;
    char *text = NULL;
    size_t bytes;
    assert_int_equal(file_replace(in_directory("file"), "12345", 5, 0600, false, NULL), 0);
    assert_int_equal(file_read(in_directory("none"), 10, &text, &bytes, &detail), ERROR_NOT_FOUND);
    assert_int_equal(file_read(in_directory("file"), 4, &text, &bytes, &detail), ERROR_TOO_LARGE);
    assert_non_null(strstr(detail.text, "larger than 4 bytes"));
    assert_int_equal(file_read(directory, 10, &text, &bytes, &detail), ERROR_INVALID);
    assert_null(text);
    assert_int_equal(file_read(in_directory("file"), 5, &text, &bytes, &detail), 0);
    assert_string_equal(text, "12345");
    free(text);
}

static void never_reads_a_pipe(void **state)
{
    (void)state;
    struct error_detail detail;
    char *text = NULL;
    size_t bytes;
    assert_int_equal(mkfifo(in_directory("fifo"), 0600), 0);
    assert_int_equal(file_read(in_directory("fifo"), 10, &text, &bytes, &detail), ERROR_INVALID);
    assert_non_null(strstr(detail.text, "not a regular file"));
    assert_null(text);
}

static void reads_large_files_and_those_without_a_size(void **state)
{
    (void)state;
    size_t count = 300000, bytes;
    char *large = malloc(count), *text;
    assert_non_null(large);
    memset(large, 'x', count);
    assert_int_equal(file_replace(in_directory("file"), large, count, 0600, false, NULL), 0);
    assert_int_equal(file_read(in_directory("file"), count, &text, &bytes, NULL), 0);
    assert_int_equal(bytes, count);
    assert_memory_equal(text, large, count);
    free(text);
    free(large);
    assert_int_equal(file_read("/proc/self/status", 100000, &text, &bytes, NULL), 0);
    assert_non_null(strstr(text, "Name:"));
    free(text);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(replaces_and_reads_back),
        IN_DIRECTORY(a_relative_path_works_too),
        IN_DIRECTORY(never_writes_through_a_link),
        IN_DIRECTORY(says_why_it_cannot_write),
        IN_DIRECTORY(a_full_disk_leaves_the_old_file),
        IN_DIRECTORY(reads_only_what_it_should),
        IN_DIRECTORY(never_reads_a_pipe),
        IN_DIRECTORY(reads_large_files_and_those_without_a_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
