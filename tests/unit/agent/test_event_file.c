/* Events as lines of a file that is rotated, moved away, torn, and cannot be written. */
#include "agent/event_file.h"
#include "common/file.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 10 /* with its newline: "line 0001" */

struct place {
    char directory[64], path[96];
    struct event_file file;
    int lines;
};

static int open_place(void **state)
{
    static struct place place;
    place = (struct place){.directory = "/tmp/farmgate-events-XXXXXX"};
    *state = &place;
    event_file_init(&place.file);
    if (!mkdtemp(place.directory))
        return -1;
    (void)snprintf(place.path, sizeof(place.path), "%s/events.jsonl", place.directory);
    return 0;
}

static const char *name_of(const struct place *place, int number)
{
    static char name[128];
    (void)snprintf(name, sizeof(name), number == 0 ? "%s" : "%s.%d", place->path, number);
    return name;
}

static int close_place(void **state)
{
    struct place *place = *state;
    event_file_finish(&place->file);
    for (int i = 0; i <= EVENT_FILES_KEPT_MAX; i++)
        (void)remove(name_of(place, i));
    return rmdir(place->directory);
}

/* Files of `lines` lines. */
static void configure(struct place *place, int lines, unsigned kept)
{
    event_file_configure(&place->file, place->path, lines * LINE_BYTES, kept);
}

static enum event_file_news write_line(struct place *place)
{
    char line[32];
    (void)snprintf(line, sizeof(line), "line %04d", ++place->lines);
    return event_file_write(&place->file, line);
}

static void write_lines(struct place *place, int count)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(write_line(place), EVENT_FILE_AS_EVER);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void assert_contains(const char *path, const char *wanted)
{
    char *text = NULL;
    size_t bytes;
    int error = file_read(path, 1024 * 1024, &text, &bytes, NULL);
    if (!wanted) {
        assert_int_equal(error, ERROR_NOT_FOUND);
        return;
    }
    assert_int_equal(error, 0);
    assert_string_equal(text, wanted);
    free(text);
}

#define L(n) "line 000" #n "\n"

static void files_are_rotated(void **state)
{
    struct place *place = *state;
    configure(place, 2, 2);
    write_lines(place, 7);
    assert_contains(name_of(place, 0), L(7));
    assert_contains(name_of(place, 1), L(5) L(6));
    assert_contains(name_of(place, 2), L(3) L(4));
    assert_contains(name_of(place, 3), NULL);
}

static void a_new_program_goes_on_where_the_last_one_was(void **state)
{
    struct place *place = *state;
    for (int i = 0; i < 5; i++) {
        configure(place, 2, 2);
        write_lines(place, 1);
    }
    assert_contains(name_of(place, 0), L(5));
    assert_contains(name_of(place, 1), L(3) L(4));
    assert_contains(name_of(place, 2), L(1) L(2));
}

/* Whichever step of a rotation is the last one, no line is lost by the next. */
static void a_rotation_that_was_broken_off_loses_nothing(void **state)
{
    struct place *place = *state;
    for (int hole = 0; hole <= 2; hole++) {
        event_file_finish(&place->file);
        for (int i = 0; i <= 3; i++)
            (void)remove(name_of(place, i));
        const char *const texts[] = {"now\n", "one\n", "two\n"};
        for (int i = 0; i < 3; i++) /* those behind the hole have moved on */
            put(name_of(place, i < hole ? i : i + 1), texts[i]);
        event_file_configure(&place->file, place->path, 1, 3);
        assert_int_equal(event_file_write(&place->file, "new"), EVENT_FILE_AS_EVER);
        assert_contains(name_of(place, 0), "new\n");
        assert_contains(name_of(place, 1), "now\n");
        assert_contains(name_of(place, 2), "one\n");
        assert_contains(name_of(place, 3), "two\n");
    }
}

static void fewer_files_are_kept_when_that_was_said(void **state)
{
    struct place *place = *state;
    configure(place, 1, 5);
    write_lines(place, 6);
    configure(place, 1, 2);
    write_lines(place, 1);
    assert_contains(name_of(place, 2), L(5));
    for (int i = 3; i <= 6; i++)
        assert_contains(name_of(place, i), NULL);
}

static void a_line_that_was_torn_spoils_no_other(void **state)
{
    struct place *place = *state;
    put(name_of(place, 0), "begun, but n");
    configure(place, 100, 1);
    write_lines(place, 2);
    assert_contains(name_of(place, 0), "begun, but n\n" L(1) L(2));
}

static void a_file_that_was_moved_away_is_let_go_by_a_reload(void **state)
{
    struct place *place = *state;
    char away[128];
    (void)snprintf(away, sizeof(away), "%s/away", place->directory);
    configure(place, 100, 1);
    write_lines(place, 1);
    assert_int_equal(rename(place->path, away), 0);
    write_lines(place, 1);
    assert_contains(away, L(1) L(2));
    configure(place, 100, 1);
    write_lines(place, 1);
    assert_contains(away, L(1) L(2));
    assert_contains(name_of(place, 0), L(3));
    assert_int_equal(unlink(away), 0);
}

static void none_is_written_where_none_is_wanted(void **state)
{
    struct place *place = *state;
    write_lines(place, 2);
    event_file_configure(&place->file, "", EVENT_FILE_BYTES_MIN, 1);
    write_lines(place, 2);
    assert_contains(name_of(place, 0), NULL);
}

static void the_last_directory_is_made_and_no_other(void **state)
{
    struct place *place = *state;
    char log[96], path[128];
    (void)snprintf(log, sizeof(log), "%s/a", place->directory);
    (void)snprintf(path, sizeof(path), "%s/b/events.jsonl", log);
    event_file_configure(&place->file, path, EVENT_FILE_BYTES_MIN, 1);
    assert_int_equal(write_line(place), EVENT_FILE_FAILS);
    assert_memory_equal(place->file.why.text, "cannot be written: ", 19);
    assert_int_equal(write_line(place), EVENT_FILE_AS_EVER); /* said once */
    assert_int_equal(mkdir(log, 0700), 0);
    assert_int_equal(write_line(place), EVENT_FILE_RECOVERS);
    assert_int_equal(place->file.missed, 2);
    assert_int_equal(write_line(place), EVENT_FILE_AS_EVER);
    assert_contains(path, L(3) L(4));
    event_file_finish(&place->file);
    assert_int_equal(unlink(path), 0);
    *strrchr(path, '/') = '\0';
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(log), 0);
}

static void only_a_file_is_written_to(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkdir(place->path, 0700), 0);
    configure(place, 100, 1);
    assert_int_equal(write_line(place), EVENT_FILE_FAILS);
    assert_int_equal(rmdir(place->path), 0);
    assert_int_equal(write_line(place), EVENT_FILE_RECOVERS);
    assert_contains(name_of(place, 0), L(2));
}

/* It grows up to twice its size, then lines are missing; both are one trouble, said once. */
static void a_file_that_cannot_be_renamed_grows_for_a_while(void **state)
{
    struct place *place = *state;
    char inside[192];
    assert_int_equal(mkdir(name_of(place, 1), 0700), 0); /* nothing can take the place of a full directory */
    (void)snprintf(inside, sizeof(inside), "%s/x", name_of(place, 1));
    put(inside, "");
    configure(place, 2, 1);
    write_lines(place, 2);
    assert_int_equal(write_line(place), EVENT_FILE_FAILS);
    assert_memory_equal(place->file.why.text, "cannot be renamed, so it grows: ", 32);
    write_lines(place, 3);
    assert_contains(name_of(place, 0), L(1) L(2) L(3) L(4));
    assert_int_equal(unlink(inside), 0);
    assert_int_equal(rmdir(name_of(place, 1)), 0);
    assert_int_equal(write_line(place), EVENT_FILE_RECOVERS);
    assert_int_equal(place->file.missed, 2);
    assert_contains(name_of(place, 0), L(7));
    assert_contains(name_of(place, 1), L(1) L(2) L(3) L(4));
}

static void a_full_disk_leaves_whole_lines(void **state)
{
    struct place *place = *state;
    struct rlimit limit, before;
    (void)signal(SIGXFSZ, SIG_IGN);
    configure(place, 100, 1);
    write_lines(place, 2);
    if (getrlimit(RLIMIT_FSIZE, &before) != 0)
        return; /* a system without */
    limit = before;
    limit.rlim_cur = 2 * LINE_BYTES + 4; /* not even one more */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum event_file_news first = write_line(place), second = write_line(place);
    (void)setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(first, EVENT_FILE_FAILS);
    assert_int_equal(second, EVENT_FILE_AS_EVER);
    assert_contains(name_of(place, 0), L(1) L(2));
    assert_int_equal(write_line(place), EVENT_FILE_RECOVERS);
    assert_int_equal(place->file.missed, 2);
    assert_contains(name_of(place, 0), L(1) L(2) L(5));
}

static void a_line_that_is_too_long_is_left_out(void **state)
{
    struct place *place = *state;
    char *line = calloc(1, EVENT_FILE_BYTES_MIN + 1);
    assert_non_null(line);
    memset(line, 'x', EVENT_FILE_BYTES_MIN);
    configure(place, 100, 1);
    assert_int_equal(event_file_write(&place->file, line), EVENT_FILE_FAILS);
    free(line);
    assert_int_equal(write_line(place), EVENT_FILE_RECOVERS);
    assert_contains(name_of(place, 0), L(1));
}

static void a_file_is_cut_where_it_was_said(void **state)
{
    struct place *place = *state;
    put(place->path, "0123456789");
    assert_int_equal(file_cut(place->path, 4), 0);
    assert_contains(place->path, "0123");
    assert_int_equal(file_cut(place->path, 0), 0);
    assert_contains(place->path, "");
    assert_true(file_cut(name_of(place, 1), 0) < 0);
}

#define AT_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_PLACE(files_are_rotated),
        AT_PLACE(a_new_program_goes_on_where_the_last_one_was),
        AT_PLACE(a_rotation_that_was_broken_off_loses_nothing),
        AT_PLACE(fewer_files_are_kept_when_that_was_said),
        AT_PLACE(a_line_that_was_torn_spoils_no_other),
        AT_PLACE(a_file_that_was_moved_away_is_let_go_by_a_reload),
        AT_PLACE(none_is_written_where_none_is_wanted),
        AT_PLACE(the_last_directory_is_made_and_no_other),
        AT_PLACE(only_a_file_is_written_to),
        AT_PLACE(a_file_that_cannot_be_renamed_grows_for_a_while),
        AT_PLACE(a_full_disk_leaves_whole_lines),
        AT_PLACE(a_line_that_is_too_long_is_left_out),
        AT_PLACE(a_file_is_cut_where_it_was_said),
    };
    return cmocka_run_group_tests_name("event_file", tests, NULL, NULL);
}
