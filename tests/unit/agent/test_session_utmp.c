#include "agent/sessions/utmp_records.h"
#include "heard.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmpx.h>

static char directory[64], path[96];

static int make_directory(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/farmgate-utmp-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/utmp", directory);
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)rmdir(path);
    return rmdir(directory);
}

/* --- records -------------------------------------------------------------------------------------------- */

static void recorded_files(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        unsigned users;
        const char *last; /* "line user host" */
    } cases[] = {
        {"utmp", 6, "pts/5 moxilo :0"},
        {"utmp_x86_64", 0, ""},
        {"utmp_corrupted", 2, "pts/0 bob 10.0.0.5"},
        {"wtmp.1", 1, "pts/32 userA 10.10.122.1"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[256], last[512] = "";
        void *record = malloc(utmp_record_bytes());
        unsigned users = 0;

        snprintf(name, sizeof(name), TEST_DATA "/utmp/plaso/%s", cases[i].file);
        FILE *file = fopen(name, "r");
        assert_non_null(file);
        while (fread(record, utmp_record_bytes(), 1, file) == 1) {
            struct utmp_user user;

            if (!utmp_record_read(record, &user))
                continue;
            users++;
            snprintf(last, sizeof(last), "%s %s %s", user.line, user.user, user.host);
        }
        fclose(file);
        free(record);
        if (utmp_record_bytes() != 384)
            continue; /* the files are of machines with records of that size */
        assert_int_equal(users, cases[i].users);
        assert_string_equal(last, cases[i].last);
    }
}

static struct utmpx record_of(const char *line, const char *user, const char *host, pid_t pid)
{
    struct utmpx record = {.ut_type = USER_PROCESS, .ut_pid = pid};

    memcpy(record.ut_line, line, strnlen(line, sizeof(record.ut_line)));
    memcpy(record.ut_user, user, strnlen(user, sizeof(record.ut_user)));
    memcpy(record.ut_host, host, strnlen(host, sizeof(record.ut_host)));
    record.ut_tv.tv_sec = 1700000000;
    record.ut_tv.tv_usec = 250000;
    return record;
}

static void fields_need_no_end(void **state)
{
    (void)state;
    struct utmpx record = {.ut_type = USER_PROCESS};
    struct utmp_user user;

    memset(record.ut_user, 'u', sizeof(record.ut_user));
    memset(record.ut_line, 'l', sizeof(record.ut_line));
    memset(record.ut_host, 'h', sizeof(record.ut_host));
    assert_true(utmp_record_read(&record, &user));
    assert_int_equal(strlen(user.user), sizeof(record.ut_user));
    assert_int_equal(strlen(user.line), sizeof(record.ut_line));
    assert_int_equal(strlen(user.host), sizeof(record.ut_host));
}

/* --- the source ----------------------------------------------------------------------------------------- */

static void write_records(const char *name, const struct utmpx *records, size_t count, size_t torn)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, records, count * sizeof(*records) - torn), count * sizeof(*records) - torn);
    close(fd);
}

static pid_t dead_pid(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    return pid;
}

static struct source *start(struct heard *heard)
{
    const struct source_settings settings = {.loop = &heard->loop, .host = "here", .utmp_file = path};
    const struct source_listener listener = heard_listener(heard);
    struct error_detail detail;
    struct source *source;

    heard_init(heard);
    assert_int_equal(source_utmp.start(&settings, &listener, &source, &detail), 0);
    return source;
}

static void follows_the_file(void **state)
{
    (void)state;
    struct heard heard;
    struct source *source = start(&heard);
    struct utmpx records[] = {
        record_of("pts/0", "alice", "192.0.2.7", getpid()),
        record_of("tty1", "bob", "", getpid()),
        record_of("pts/1", "carol", ":10.0", getpid()),
    };

    heard_until(&heard, ""); /* no file, nobody logged in */
    write_records(path, records, 1, 0);
    heard_until(&heard, "pts/0 alice - tty user active remote\n");
    assert_int_equal(heard.began_ms, INT64_C(1700000000250));
    write_records(path, records, 3, 0);
    heard_until(&heard, "pts/0 alice - tty user active remote\ntty1 bob - tty user active\n"
                        "pts/1 carol - tty user active\n");
    records[0].ut_type = DEAD_PROCESS;
    write_records(path, records, 3, 0);
    heard_until(&heard, "tty1 bob - tty user active\npts/1 carol - tty user active\n");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void follows_a_file_that_is_replaced(void **state)
{
    (void)state;
    struct heard heard;
    struct utmpx record = record_of("pts/0", "alice", "", getpid());
    char fresh[128];

    snprintf(fresh, sizeof(fresh), "%s/fresh", directory);
    write_records(path, &record, 1, 0);
    struct source *source = start(&heard);
    heard_until(&heard, "pts/0 alice - tty user active\n");
    record = record_of("pts/0", "bob", "", getpid());
    write_records(fresh, &record, 1, 0);
    assert_int_equal(rename(fresh, path), 0);
    heard_until(&heard, "pts/0 bob - tty user active\n");
    record = record_of("pts/0", "carol", "", getpid());
    write_records(path, &record, 1, 0);
    heard_until(&heard, "pts/0 carol - tty user active\n");
    assert_int_equal(unlink(path), 0);
    heard_until(&heard, "");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void only_the_living_count(void **state)
{
    (void)state;
    struct heard heard;
    const struct utmpx records[] = {
        record_of("pts/0", "gone", "", dead_pid()), record_of("pts/1", "nobody", "", 0),
        record_of("pts/2", "everybody", "", -1),    record_of("pts/3", "init", "", 1),
        record_of("pts/4", "first", "", getpid()),  record_of("pts/4", "second", "", getpid()),
        record_of("pts/5", "torn", "", getpid()),
    };

    write_records(path, records, COUNT(records), 17);
    struct source *source = start(&heard);
    heard_until(&heard, "pts/3 init - tty user active\npts/4 second - tty user active\n");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void says_what_is_wrong_and_recovers(void **state)
{
    (void)state;
    struct heard heard;
    struct utmpx record = record_of("pts/0", "alice", "", getpid());

    (void)unlink(path);
    assert_int_equal(mkdir(path, 0755), 0); /* what can be opened and not read */
    struct source *source = start(&heard);
    heard_until_error(&heard, ERROR_IO);
    assert_non_null(strstr(heard.detail, path));
    assert_int_equal(heard.sets, 0);
    assert_int_equal(rmdir(path), 0);
    write_records(path, &record, 1, 0);
    heard_until_error(&heard, 0);
    heard_until(&heard, "pts/0 alice - tty user active\n");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_files),
        cmocka_unit_test(fields_need_no_end),
        cmocka_unit_test_setup_teardown(follows_the_file, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(follows_a_file_that_is_replaced, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(only_the_living_count, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(says_what_is_wrong_and_recovers, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
