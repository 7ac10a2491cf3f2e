/* The logind source with the real libsystemd and the real kernel, in a mount namespace whose /run is empty:
 * the session files are laid there as they were recorded. */
#include "heard.h"
#include "private_run.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* As logind does it: whole, by a rename. */
static void lay(const char *id, const char *text)
{
    char path[128];

    private_run_write(PRIVATE_SESSIONS "/.#fresh", text);
    snprintf(path, sizeof(path), PRIVATE_SESSIONS "/%s", id);
    assert_int_equal(rename(PRIVATE_SESSIONS "/.#fresh", path), 0);
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

static void follows_the_recorded_steps(void **state)
{
    (void)state;
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
    unlink(PRIVATE_SESSIONS "/c1");
    unlink(PRIVATE_SESSIONS "/11");
    heard_until(&heard, ALICE BOB);
    unlink(PRIVATE_SESSIONS "/6");
    heard_until(&heard, BOB);
    heard_stop(&heard, source);
    assert_int_equal(heard.healths, 0);
    heard_finish(&heard);
}

static void closing_is_said(void **state)
{
    (void)state;
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
    struct heard heard;

    lay_recorded("01-two-ssh", "6");
    assert_int_equal(mkfifo(PRIVATE_SESSIONS "/6.ref", 0600), 0);
    struct source *source = start(&heard);
    heard_until(&heard, ALICE);
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void waits_for_logind(void **state)
{
    (void)state;
    struct heard heard;

    assert_int_equal(rmdir(PRIVATE_SESSIONS), 0);
    struct source *source = start(&heard);
    heard_until_error(&heard, -ENOENT);
    assert_non_null(strstr(heard.detail, "systemd-logind"));
    assert_int_equal(heard.sets, 0); /* what cannot be read ends nothing */
    assert_int_equal(mkdir(PRIVATE_SESSIONS, 0755), 0);
    heard_until_error(&heard, 0);
    lay_recorded("01-two-ssh", "6");
    heard_until(&heard, ALICE);
    heard_stop(&heard, source);
    heard_finish(&heard);
}

static void a_refresh_heals_a_dead_watch(void **state)
{
    (void)state;
    struct heard heard;
    struct source *source = start(&heard);

    heard_until(&heard, "");
    assert_int_equal(rmdir(PRIVATE_SESSIONS), 0);
    assert_int_equal(mkdir(PRIVATE_SESSIONS, 0755), 0);
    heard_run_ms(&heard, 200);
    lay_recorded("01-two-ssh", "6");
    source->type->refresh(source);
    heard_until(&heard, ALICE);
    lay_recorded("01-two-ssh", "8"); /* watched again */
    heard_until(&heard, ALICE BOB);
    heard_stop(&heard, source);
    heard_finish(&heard);
}

/* --- the bus -------------------------------------------------------------------------------------------- */

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
    struct heard heard;
    int bus = listen_at(PRIVATE_BUS);
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
    struct heard heard;
    int bus = listen_at(PRIVATE_BUS);
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

/* --- xrdp ----------------------------------------------------------------------------------------------- */

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

/* --- stopping ------------------------------------------------------------------------------------------- */

static void may_be_stopped_at_any_time(void **state)
{
    (void)state;
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, private_run_make, private_run_clear)

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

    private_run_enter();
    if (!private_run_entered()) {
        (void)puts("1..1\nok 1 - the logind source # SKIP this kernel allows no mount namespace here");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
