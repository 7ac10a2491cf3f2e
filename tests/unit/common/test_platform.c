/* What the rest takes for granted of its system: the same everywhere, Windows included. */
#include "common/error.h"
#include "common/platform/paths.h"
#include "common/platform/sockets.h"
#include "folders.h"

#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PART "a-directory-of-fifty-bytes-name-------------------/"

static char directory[] = "platform-XXXXXX";

static int begin(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    return rmdir(directory);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(close(fd), 0);
}

static void expect(const char *path, const char *text)
{
    char found[64] = "";
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, found, sizeof(found) - 1), strlen(text));
    assert_string_equal(found, text);
    assert_int_equal(fstat(fd, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(status.st_size, strlen(text));
    assert_int_equal(close(fd), 0);
}

static void files_of_any_name(void **state)
{
    static const char *const names[] = {"plain", "Zo\xC3\xAB", "\xF0\x9F\x94\x91 of a farm"};
    char path[128], other[128];
    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct stat before, after;
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)snprintf(other, sizeof(other), "%s/%s.new", directory, names[i]);
        put(path, "one\n");
        put(other, "two\r\nlines\n\x1A");
        assert_int_equal(lstat(other, &before), 0);
        assert_int_equal(rename(other, path), 0);
        assert_int_equal(stat(path, &after), 0);
        assert_true(before.st_dev == after.st_dev && before.st_ino == after.st_ino);
        assert_true(before.st_mtim.tv_sec == after.st_mtim.tv_sec);
        expect(path, "two\r\nlines\n\x1A");
        assert_int_equal(access(other, F_OK), -1);
        assert_int_equal(errno, ENOENT);
        assert_int_equal(unlink(path), 0);
    }
}

static void paths_longer_than_260_bytes(void **state)
{
    char path[PATH_MAX];
    size_t length = (size_t)snprintf(path, sizeof(path), "%s/", directory);
    (void)state;
    for (int i = 0; i < 7; i++) {
        length += (size_t)snprintf(path + length, sizeof(path) - length, PART);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    (void)snprintf(path + length, sizeof(path) - length, "file");
    put(path, "deep");
    expect(path, "deep");
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 7; i++, length -= strlen(PART)) {
        path[length] = '\0';
        assert_int_equal(rmdir(path), 0);
    }
}

static void what_cannot_be_opened(void **state)
{
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/file", directory);
    assert_int_equal(open(path, O_RDONLY), -1);
    assert_int_equal(errno, ENOENT);
    put(path, "");
    assert_int_equal(open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(open(path, O_RDONLY | O_DIRECTORY), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(open(directory, O_WRONLY), -1);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(path), -1);
    assert_int_equal(errno, ENOENT);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(close(fd), 0);
}

static void streams_into_memory(void **state)
{
    char *text = NULL, small[8];
    size_t bytes = 0;
    (void)state;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    assert_true(fprintf(file, "%zu of %s\n", (size_t)3, "four") > 0);
    assert_int_equal(fflush(file), 0);
    assert_string_equal(text, "3 of four\n");
    assert_true(fputs("and more", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "3 of four\nand more");
    assert_int_equal(bytes, strlen(text));
    free(text);
    assert_non_null(file = fmemopen(small, sizeof(small), "w"));
    assert_true(fputs("seven b", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(small, "seven b");
}

static void lines_of_any_length(void **state)
{
    char path[64], *line = NULL, longest[1001];
    size_t room = 0;
    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    (void)snprintf(path, sizeof(path), "%s/lines", directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "first\r\n%s\nlast", longest) > 0);
    assert_int_equal(fclose(file), 0);
    assert_non_null(file = fopen(path, "re"));
    assert_int_equal(getline(&line, &room, file), 7);
    assert_string_equal(line, "first\r\n");
    assert_int_equal(getline(&line, &room, file), 1001);
    assert_int_equal(getline(&line, &room, file), 4);
    assert_string_equal(line, "last");
    assert_int_equal(getline(&line, &room, file), -1);
    assert_int_equal(fclose(file), 0);
    free(line);
    assert_int_equal(unlink(path), 0);
}

static void texts(void **state)
{
    static const char text[] = "one two\0three two";
    char copy[8];
    (void)state;
    assert_ptr_equal(memmem(text, sizeof(text), "three", 5), text + 8);
    assert_ptr_equal(memmem(text, sizeof(text), "two", 4), text + 4);
    assert_null(memmem(text, 6, "two", 3));
    assert_ptr_equal(memrchr(text, 'w', sizeof(text)), text + 15);
    assert_null(memrchr(text, 'x', sizeof(text)));
    assert_ptr_equal(strchrnul(text, 'x'), text + 7);
    assert_ptr_equal(strcasestr(text, "TW"), text + 4);
    assert_null(strcasestr(text, "twoo"));
    assert_ptr_equal(stpcpy(copy, "four"), copy + 4);
    char *part = strndup(text, 3);
    assert_string_equal(part, "one");
    free(part);
}

static void dates_of_all_years(void **state)
{
    static const struct {
        int64_t at;
        int year, month, day, hour, minute, second, weekday, yearday;
    } dates[] = {
        {0, 1970, 1, 1, 0, 0, 0, 4, 0},           {-1, 1969, 12, 31, 23, 59, 59, 3, 364},
        {951782400, 2000, 2, 29, 0, 0, 0, 2, 59}, {-11676096000, 1600, 1, 1, 0, 0, 0, 6, 0},
        {4107542400, 2100, 3, 1, 0, 0, 0, 1, 59}, {253402300799, 9999, 12, 31, 23, 59, 59, 5, 364},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(dates); i++) {
        time_t at = (time_t)dates[i].at;
        struct tm tm;
        assert_non_null(gmtime_r(&at, &tm));
        assert_int_equal(tm.tm_year + 1900, dates[i].year);
        assert_int_equal(tm.tm_mon + 1, dates[i].month);
        assert_int_equal(tm.tm_mday, dates[i].day);
        assert_int_equal(tm.tm_hour, dates[i].hour);
        assert_int_equal(tm.tm_min, dates[i].minute);
        assert_int_equal(tm.tm_sec, dates[i].second);
        assert_int_equal(tm.tm_wday, dates[i].weekday);
        assert_int_equal(tm.tm_yday, dates[i].yearday);
        assert_int_equal(timegm(&tm), at);
    }
}

static void instants_as_text(void **state)
{
    const time_t at = 1767225600;
    char text[64] = "", zone[64] = "";
    struct tm tm;
    (void)state;
    assert_non_null(localtime_r(&at, &tm));
    assert_true(strftime(text, sizeof(text), "%Y %%Z%%", &tm) > 0);
    assert_true(strncmp(text, "202", 3) == 0 && strcmp(text + 4, " %Z%") == 0);
    assert_in_range(strftime(zone, sizeof(zone), "%Z", &tm), 1, 8);
    assert_null(strchr(zone, ' '));
    assert_int_equal(strftime(text, 3, "%Y-%m", &tm), 0);
}

#define TURNS 200000
#define WALL_STEPS \
    200 /* in so many turns the wall clock is seen to move more often than one of 16 ms would */
#define BOOT_STEP_MS 32   /* that the boot clock may be behind, where it only counts the system's ticks */
#define AGREES_MS    2000 /* two sources of the wall clock, one of them of whole seconds */

static int64_t now_us(clockid_t clock)
{
    struct timespec now;
    assert_int_equal(clock_gettime(clock, &now), 0);
    assert_in_range(now.tv_nsec, 0, 999999999);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void clocks_run(void **state)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    const struct timespec pause = {.tv_nsec = 40000000};
    (void)state;
    for (size_t i = 0; i < COUNT(clocks); i++) {
        int64_t before_us = now_us(clocks[i]);
        assert_int_equal(nanosleep(&pause, NULL), 0);
        assert_in_range((now_us(clocks[i]) - before_us) / 1000, 15, 10000);
    }
    struct timespec none = {.tv_sec = 7};
    assert_int_equal(clock_gettime(1000, &none), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(none.tv_sec, 7);
}

static void clocks_but_the_walls_never_go_back(void **state)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    (void)state;
    for (size_t i = 0; i < COUNT(clocks); i++)
        for (int64_t turn = 0, last_us = now_us(clocks[i]), us; turn < TURNS; turn++, last_us = us)
            assert_true((us = now_us(clocks[i])) >= last_us);
}

/* What a machine sleeps is in the one and not in the other. */
static void boot_time_leaves_nothing_out(void **state)
{
    (void)state;
    int64_t awake_us = now_us(CLOCK_MONOTONIC), since_boot_us = now_us(CLOCK_BOOTTIME);
    assert_true(since_boot_us > 0);
    assert_true(since_boot_us + BOOT_STEP_MS * 1000 >= awake_us);
    const struct timespec pause = {.tv_nsec = 200000000};
    assert_int_equal(nanosleep(&pause, NULL), 0);
    int64_t awake_later_us = now_us(CLOCK_MONOTONIC) - awake_us;
    int64_t later_us = now_us(CLOCK_BOOTTIME) - since_boot_us;
    assert_true(later_us + BOOT_STEP_MS * 1000 >= awake_later_us);
    assert_true(later_us <= awake_later_us + BOOT_STEP_MS * 1000 + 1000000);
}

static void the_wall_clock_is_right_and_fine(void **state)
{
    (void)state;
    int64_t there_us = (int64_t)time(NULL) * 1000000, here_us = now_us(CLOCK_REALTIME);
    assert_in_range((here_us - there_us) / 1000 + AGREES_MS, 0, 2 * AGREES_MS);
    int64_t begin_us = now_us(CLOCK_MONOTONIC), last_us = here_us, moved = 0;
    for (int turn = 0; turn < TURNS && moved < WALL_STEPS; turn++) {
        int64_t us = now_us(CLOCK_REALTIME);
        moved += us != last_us;
        last_us = us;
    }
    int64_t took_us = now_us(CLOCK_MONOTONIC) - begin_us;
    assert_int_equal(moved, WALL_STEPS);
    assert_true(took_us / WALL_STEPS < 16000); /* the step of a clock that counts ticks is 15.6 ms */
}

static void random_bytes_differ(void **state)
{
    uint8_t one[32] = {0}, other[32] = {0};
    (void)state;
    assert_int_equal(getrandom(one, sizeof(one), 0), sizeof(one));
    assert_int_equal(getrandom(other, sizeof(other), 0), sizeof(other));
    assert_memory_not_equal(one, other, sizeof(one));
}

static void a_listening_socket(void **state)
{
    struct sockaddr_storage address = {0}, peer;
    int fd, other, family, newcomer;
    (void)state;
    assert_int_equal(uv_ip4_addr("127.0.0.1", 0, (struct sockaddr_in *)&address), 0);
    assert_int_equal(sockets_listen(&address, 8, &fd), 0);
    assert_int_equal(sockets_family(fd, &family), 0);
    assert_int_equal(family, AF_INET);
    assert_int_equal(sockets_accept(fd, &peer, &newcomer), UV_EAGAIN);
    uv_loop_t loop;
    uv_tcp_t tcp;
    int bytes = sizeof(address);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(uv_tcp_init(&loop, &tcp), 0);
    assert_int_equal(uv_tcp_open(&tcp, (uv_os_sock_t)fd), 0); /* takes it over */
    assert_int_equal(uv_tcp_getsockname(&tcp, (struct sockaddr *)&address, &bytes), 0);
    assert_int_equal(sockets_listen(&address, 8, &other), UV_EADDRINUSE);
    uv_close((uv_handle_t *)&tcp, NULL);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void absolute_paths(void **state)
{
    static const char *const defaults[] = {FOLDERS_CONFIGURATION "/farmgate.conf", FOLDERS_STATE,
                                           FOLDERS_READER_SOCKET, FOLDERS_ADMIN_SOCKET};
    char whole[PATH_MAX] = "", endless[PATH_MAX + 1];
    (void)state;
    assert_false(paths_absolute(""));
    assert_false(paths_absolute("state"));
    assert_false(paths_absolute("./state"));
    for (size_t i = 0; i < COUNT(defaults); i++) {
        assert_true(paths_absolute(defaults[i]));
        assert_int_equal(paths_resolve(defaults[i], whole), 0);
        assert_true(paths_absolute(whole));
        assert_null(strpbrk(whole, "%\\"));
    }
    memset(endless, 'x', PATH_MAX);
    endless[PATH_MAX] = '\0';
    whole[0] = '=';
    assert_int_equal(paths_resolve(endless, whole), ERROR_TOO_LARGE);
    assert_int_equal(whole[0], '=');
}

static void what_a_path_leads_to(void **state)
{
    char whole[PATH_MAX], round_about[PATH_MAX], there[16];
    char path[64], second[64];
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/one", directory);
    (void)snprintf(second, sizeof(second), "%s/two", directory);
    (void)snprintf(round_about, sizeof(round_about), "%s/../%s/one", directory, directory);
    assert_null(realpath(path, whole));
    assert_int_equal(errno, ENOENT);
    put(path, "0123456789");
    assert_non_null(realpath(round_about, whole));
    assert_true(paths_absolute(whole));
    assert_string_equal(whole + strlen(whole) - strlen(path), path);
    int fd = open(whole, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, there, 3, 5), 3);
    assert_memory_equal(there, "567", 3);
    assert_int_equal(pread(fd, there, sizeof(there), 8), 2);
    assert_int_equal(pread(fd, there, sizeof(there), 10), 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(link(path, second), 0);
    assert_int_equal(link(path, second), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(access(second, F_OK), 0);
    assert_int_equal(unlink(second), 0);
}

static void memory_of_the_system(void **state)
{
    const size_t bytes = 8 << 20;
    (void)state;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    assert_int_equal(memory[0] | memory[bytes - 1], 0);
    memory[bytes - 1] = 'x';
    assert_int_equal(munmap(memory, bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_any_name),
        cmocka_unit_test(paths_longer_than_260_bytes),
        cmocka_unit_test(what_cannot_be_opened),
        cmocka_unit_test(streams_into_memory),
        cmocka_unit_test(lines_of_any_length),
        cmocka_unit_test(texts),
        cmocka_unit_test(dates_of_all_years),
        cmocka_unit_test(clocks_run),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(a_listening_socket),
        cmocka_unit_test(absolute_paths),
        cmocka_unit_test(what_a_path_leads_to),
        cmocka_unit_test(memory_of_the_system),
        cmocka_unit_test(instants_as_text),
        cmocka_unit_test(clocks_but_the_walls_never_go_back),
        cmocka_unit_test(boot_time_leaves_nothing_out),
        cmocka_unit_test(the_wall_clock_is_right_and_fine),
    };
    return cmocka_run_group_tests_name("the platform", tests, begin, end);
}
