/* The logind source with the real libsystemd and the real kernel, in a mount namespace whose /run is empty:
 * the session files are laid there as they were recorded. */
#include "heard.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SESSIONS "/run/systemd/sessions"
#define BUS      "/run/bus"

static const char *no_namespace; /* why the tests are skipped */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static bool enter_namespace(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char map[64];

    if (unshare(uid == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0)
        return false;
    if (uid != 0) {
        write_file("/proc/self/setgroups", "deny");
        snprintf(map, sizeof(map), "0 %u 1", uid);
        write_file("/proc/self/uid_map", map);
        snprintf(map, sizeof(map), "0 %u 1", gid);
        write_file("/proc/self/gid_map", map);
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/run", "tmpfs", 0, NULL) < 0)
        return false;
    write_file("/run/passwd", "root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n"
                              "bob:x:1001:1001::/:/bin/sh\ncarol:x:1002:1002::/:/bin/sh\n");
    return mount("/run/passwd", "/etc/passwd", NULL, MS_BIND, NULL) == 0 &&
           setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=" BUS, 1) == 0;
}

static int make_run(void **state)
{
    (void)state;
    if (no_namespace != NULL)
        return 0;
    assert_int_equal(mkdir("/run/systemd", 0755), 0);
    return mkdir(SESSIONS, 0755);
}

static void remove_files(const char *directory)
{
    DIR *open = opendir(directory);
    struct dirent *file;
    char path[512];

    if (open == NULL)
        return;
    while ((file = readdir(open)) != NULL)
        if (file->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", directory, file->d_name);
            (void)unlink(path);
        }
    closedir(open);
    (void)rmdir(directory);
}

static int clear_run(void **state)
{
    (void)state;
    if (no_namespace != NULL)
        return 0;
    remove_files(SESSIONS);
    remove_files("/run/systemd");
    remove_files("/run/xrdp/sockdir");
    remove_files("/run/xrdp");
    (void)unlink(BUS);
    return 0;
}

/* As logind does it: whole, by a rename. */
static void lay(const char *id, const char *text)
{
    char path[128];

    write_file(SESSIONS "/.#fresh", text);
    snprintf(path, sizeof(path), SESSIONS "/%s", id);
    assert_int_equal(rename(SESSIONS "/.#fresh", path), 0);
}

static void lay_recorded(const char *fixture, const char *id)
{
    char path[256], text[4096];
    size_t bytes;

    snprintf(path, sizeof(path), TEST_DATA "/logind/%s/sessions/%s", fixture, id);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bytes = fread(text, 1, sizeof(text) - 1, file);
    text[bytes] = '\0';
    fclose(file);
    lay(id, text);
}

static struct source *start(struct heard *heard)
{
    const struct source_settings settings = {.loop = &heard->loop, .host = "here"};
    const struct source_listener listener = heard_listener(heard);
    struct error_detail detail;
    struct source *source;

    heard_init(heard);
    assert_int_equal(source_logind.start(&settings, &listener, &source, &detail), 0);
    return source;
}

#define ALICE "6 alice sshd tty user active remote\n"
#define BOB   "8 bob sshd tty user active remote\n"
#define CAROL "c1 carol xrdp-sesman x11 user active\n"

static void begin(void)
{
    if (no_namespace != NULL)
        skip();
}

static void follows_the_recorded_steps(void **state)
{
    (void)state;
    begin();
    struct heard heard;
    struct source *source = start(&heard);

    heard_until(&heard, "");
    assert_true(heard.complete);
    lay_recorded("01-two-ssh", "6");
    lay_recorded("01-two-ssh", "8");
    heard_until(&heard, ALICE BOB);
    lay_recorded("02-two-ssh-one-rdp", "c1");
    heard_until(&heard, ALICE BOB CAROL);
    assert_int_equal(heard.began_ms, 0); /* nobody to ask for it */
    lay_recorded("05-carol-rdp-and-ssh", "11");
    heard_until(&heard, "11 carol sshd tty user active remote\n" ALICE BOB CAROL);
    unlink(SESSIONS "/c1");
    unlink(SESSIONS "/11");
    heard_until(&heard, ALICE BOB);
    unlink(SESSIONS "/6");
    heard_until(&heard, BOB);
    heard_stop(&heard, source);
    assert_int_equal(heard.healths, 0);
    heard_finish(&heard);
}

static void closing_is_said(void **state)
{
    (void)state;
    begin();
    struct heard heard;
    struct source *source = start(&heard);

    lay("6", "UID=1000\nSTATE=active\nREMOTE=0\nTYPE=tty\nCLASS=user\n");
    heard_until(&heard, "6 alice - tty user active\n");
    lay("6", "UID=1000\nSTATE=closing\nREMOTE=0\nTYPE=tty\nCLASS=user\n");
    heard_until(&heard, "6 alice - tty user active closing\n");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void a_user_nobody_knows_is_his_number(void **state)
{
    (void)state;
    begin();
    struct heard heard;
    struct source *source = start(&heard);

    lay("6", "UID=4711\nSTATE=active\n");
    heard_until(&heard, "6 4711 - - - active\n");
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void fifos_are_left_alone(void **state)
{
    (void)state;
    begin();
    struct heard heard;

    lay_recorded("01-two-ssh", "6");
    assert_int_equal(mkfifo(SESSIONS "/6.ref", 0600), 0);
    struct source *source = start(&heard);
    heard_until(&heard, ALICE);
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void waits_for_logind(void **state)
{
    (void)state;
    begin();
    struct heard heard;

    assert_int_equal(rmdir(SESSIONS), 0);
    struct source *source = start(&heard);
    heard_until_error(&heard, -ENOENT);
    assert_non_null(strstr(heard.detail, "systemd-logind"));
    assert_int_equal(heard.sets, 0); /* what cannot be read ends nothing */
    assert_int_equal(mkdir(SESSIONS, 0755), 0);
    heard_until_error(&heard, 0);
    lay_recorded("01-two-ssh", "6");
    heard_until(&heard, ALICE);
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void a_refresh_heals_a_dead_watch(void **state)
{
    (void)state;
    begin();
    struct heard heard;
    struct source *source = start(&heard);

    heard_until(&heard, "");
    assert_int_equal(rmdir(SESSIONS), 0);
    assert_int_equal(mkdir(SESSIONS, 0755), 0);
    heard_run_ms(&heard, 200);
    lay_recorded("01-two-ssh", "6");
    source->type->refresh(source);
    heard_until(&heard, ALICE);
    lay_recorded("01-two-ssh", "8"); /* watched again */
    heard_until(&heard, ALICE BOB);
    heard_stop(&heard, source);
    heard_finish(&heard);
}

/* --- the bus
 * -------------------------------------------------------------------------------------------------- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static void a_bus_that_says_nothing_is_not_waited_for(void **state)
{
    (void)state;
    begin();
    struct heard heard;
    int bus = listen_at(BUS);
    struct source *source = start(&heard);
    uint64_t before = uv_hrtime();

    lay_recorded("01-two-ssh", "6");
    heard_until(&heard, ALICE);
    assert_in_range((uv_hrtime() - before) / 1000000, 900, 2500);
    heard_stop(&heard, source);
    heard_finish(&heard);
    close(bus);
}

static void on_bus_client(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    close(accept(*(int *)poll->data, NULL, NULL));
}

static void a_bus_that_hangs_up_is_done_without(void **state)
{
    (void)state;
    begin();
    struct heard heard;
    int bus = listen_at(BUS);
    struct source *source = start(&heard);
    uv_poll_t poll;

    uv_poll_init(&heard.loop, &poll, bus);
    poll.data = &bus;
    uv_poll_start(&poll, UV_READABLE, on_bus_client);
    lay_recorded("01-two-ssh", "6");
    heard_until(&heard, ALICE);
    lay_recorded("01-two-ssh", "8");
    heard_until(&heard, ALICE BOB);
    uv_close((uv_handle_t *)&poll, NULL);
    heard_stop(&heard, source);
    heard_finish(&heard);
    close(bus);
}

/* --- xrdp
 * ------------------------------------------------------------------------------------------------------- */

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

#define AWAY "c1 carol xrdp-sesman x11 user disconnected\n"

static void the_client_of_xrdp_comes_and_goes(void **state)
{
    (void)state;
    begin();
    struct heard heard;
    struct source *source = start(&heard);
    const char *chansrv = "/run/xrdp/sockdir/xrdp_chansrv_socket_10";

    assert_int_equal(mkdir("/run/xrdp", 0755), 0);
    assert_int_equal(mkdir("/run/xrdp/sockdir", 0755), 0);
    int listener = listen_at("/run/xrdp/sockdir/xrdp_display_10");
    int client = connect_to("/run/xrdp/sockdir/xrdp_display_10");
    int server = accept(listener, NULL, NULL);
    lay_recorded("02-two-ssh-one-rdp", "c1");
    heard_until(&heard, CAROL);
    close(client); /* the client goes, and chansrv listens again */
    close(server);
    int waiting = listen_at(chansrv);
    heard_until(&heard, AWAY);
    client = connect_to("/run/xrdp/sockdir/xrdp_display_10");
    server = accept(listener, NULL, NULL);
    unlink(chansrv);
    heard_until(&heard, CAROL);
    heard_stop(&heard, source);
    heard_finish(&heard);
    close(client);
    close(server);
    close(waiting);
    close(listener);
}

/* --- stopping
 * --------------------------------------------------------------------------------------------------- */

static void may_be_stopped_at_any_time(void **state)
{
    (void)state;
    begin();
    lay_recorded("02-two-ssh-one-rdp", "6");
    lay_recorded("02-two-ssh-one-rdp", "c1");
    for (unsigned turns = 0; turns < 6; turns++) {
        struct heard heard;
        struct source *source = start(&heard);

        for (unsigned i = 0; i < turns; i++)
            uv_run(&heard.loop, UV_RUN_NOWAIT);
        heard_stop(&heard, source);
        heard_finish(&heard);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_run, clear_run)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(follows_the_recorded_steps),
        TEST(closing_is_said),
        TEST(a_user_nobody_knows_is_his_number),
        TEST(fifos_are_left_alone),
        TEST(waits_for_logind),
        TEST(a_refresh_heals_a_dead_watch),
        TEST(a_bus_that_says_nothing_is_not_waited_for),
        TEST(a_bus_that_hangs_up_is_done_without),
        TEST(the_client_of_xrdp_comes_and_goes),
        TEST(may_be_stopped_at_any_time),
    };

    if (!enter_namespace())
        no_namespace = strerror(errno);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
