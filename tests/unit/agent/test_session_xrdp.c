#include "agent/sessions/xrdp.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void numbers_of_displays(void **state)
{
    (void)state;
    static const struct {
        const char *display;
        int number; /* -1: none */
    } cases[] = {
        {":10", 10},    {":0", 0},   {":10.0", 10}, {":65535", 65535},    {":65536", -1}, {":", -1},
        {"", -1},       {NULL, -1},  {"10", -1},    {"host:10", -1},      {":10.", -1},   {":1x", -1},
        {":10.0x", -1}, {":-1", -1}, {": 1", -1},   {":99999999999", -1},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned number = 77;
        bool is = xrdp_display_number(cases[i].display, &number);

        assert_int_equal(is, cases[i].number >= 0);
        assert_int_equal(number, is ? cases[i].number : 77);
    }
}

static enum xrdp_stream stream_of(const char *line, unsigned display)
{
    struct xrdp_streams streams = {0};
    enum xrdp_stream stream;

    assert_int_equal(xrdp_streams_line(&streams, line), 0);
    stream = xrdp_streams_get(&streams, display);
    xrdp_streams_finish(&streams);
    return stream;
}

#define STREAM "0000000011d03949: 00000003 00000000 00000000 0001 "

static void lines_of_the_kernel(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum xrdp_stream stream; /* of display 10 */
    } cases[] = {
        {STREAM "03 560639 /run/xrdp/sockdir/xrdp_display_10\n", XRDP_STREAM_CONNECTED},
        {STREAM "03 560639 /run/xrdp/sockdir/xrdp_display_10", XRDP_STREAM_CONNECTED},
        {STREAM "03 560639 /run/xrdp/sockdir/1002/xrdp_display_10\n", XRDP_STREAM_CONNECTED},
        {STREAM "03 560639 /var/run/xrdp/sockdir/xrdp_display_10\n", XRDP_STREAM_CONNECTED},
        {STREAM "01 560639 /run/xrdp/sockdir/xrdp_display_10\n", XRDP_STREAM_LISTENING},
        {STREAM "02 560639 /run/xrdp/sockdir/xrdp_display_10\n", XRDP_STREAM_NONE},
        {STREAM "03 560639 /run/xrdp/sockdir/xrdp_display_100\n", XRDP_STREAM_NONE},
        {STREAM "03 560639 /run/xrdp/sockdir/xrdp_display_1\n", XRDP_STREAM_NONE},
        {STREAM "03 560639 /run/xrdp/sockdir/xrdp_display_10x\n", XRDP_STREAM_NONE},
        {STREAM "03 560639 /run/xrdp/sockdir/x/xrdp_display_10\n", XRDP_STREAM_NONE},
        {STREAM "03 560639 /run/xrdp/sockdir/xrdp_disconnect_display_10\n", XRDP_STREAM_NONE},
        {STREAM "03 560639 /home/mallory/xrdp_display_10\n", XRDP_STREAM_NONE},
        {STREAM "03 560639\n", XRDP_STREAM_NONE},
        {"0000000011d03949: 00000003 00000000 00000000 0002 03 5 /run/xrdp/sockdir/xrdp_display_10\n",
         XRDP_STREAM_NONE},
        {"Num       RefCount Protocol Flags    Type St Inode Path\n", XRDP_STREAM_NONE},
        {"/run/xrdp/sockdir/xrdp_display_10\n", XRDP_STREAM_NONE},
        {"", XRDP_STREAM_NONE},
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(stream_of(cases[i].line, 10), cases[i].stream);
}

static void a_connected_one_outweighs_its_listener(void **state)
{
    (void)state;
    struct xrdp_streams streams = {0};

    xrdp_streams_line(&streams, STREAM "03 1 /run/xrdp/sockdir/xrdp_display_10\n");
    xrdp_streams_line(&streams, STREAM "01 2 /run/xrdp/sockdir/xrdp_display_10\n");
    xrdp_streams_line(&streams, STREAM "01 2 /run/xrdp/sockdir/xrdp_display_11\n");
    assert_int_equal(xrdp_streams_get(&streams, 10), XRDP_STREAM_CONNECTED);
    assert_int_equal(xrdp_streams_get(&streams, 11), XRDP_STREAM_LISTENING);
    assert_int_equal(xrdp_streams_get(&streams, 12), XRDP_STREAM_NONE);
    assert_int_equal(xrdp_streams_get(&streams, XRDP_DISPLAYS_MAX), XRDP_STREAM_NONE);
    xrdp_streams_finish(&streams);
}

/* The kernel's list as it was when a fixture was recorded: the connected sockets that ss showed, and the
 * listeners, which are the files that ls showed. */
static void read_fixture(const char *name, struct xrdp_streams *streams)
{
    char path[256], text[512], line[600], socket_path[256];

    snprintf(path, sizeof(path), TEST_DATA "/logind/%s/ss-unix.txt", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof(text), file))
        if (sscanf(text, "u_str %*d %*d %255s", socket_path) == 1 && socket_path[0] == '/') {
            snprintf(line, sizeof(line), STREAM "03 4711 %s\n", socket_path);
            assert_int_equal(xrdp_streams_line(streams, line), 0);
        }
    fclose(file);
    snprintf(path, sizeof(path), TEST_DATA "/logind/%s/xrdp-run.txt", name);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(text, sizeof(text), file))
        if (text[0] == 's' && strrchr(text, ' ') != NULL) {
            snprintf(line, sizeof(line), STREAM "01 4711 /run/xrdp/sockdir/%s", strrchr(text, ' ') + 1);
            assert_int_equal(xrdp_streams_line(streams, line), 0);
        }
    fclose(file);
}

static void recorded_steps(void **state)
{
    (void)state;
    static const struct {
        const char *fixture;
        enum xrdp_stream stream;
    } cases[] = {
        {"01-two-ssh", XRDP_STREAM_NONE},
        {"02-two-ssh-one-rdp", XRDP_STREAM_CONNECTED},
        {"03-rdp-disconnected", XRDP_STREAM_LISTENING},
        {"04-rdp-reconnected", XRDP_STREAM_CONNECTED},
        {"05-carol-rdp-and-ssh", XRDP_STREAM_CONNECTED},
        {"06-rdp-logged-off", XRDP_STREAM_NONE},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct xrdp_streams streams = {0};

        read_fixture(cases[i].fixture, &streams);
        assert_int_equal(xrdp_streams_get(&streams, 10), cases[i].stream);
        xrdp_streams_finish(&streams);
    }
}

static void reads_this_kernels_list(void **state)
{
    (void)state;
    struct xrdp_streams streams = {0};

    assert_int_equal(xrdp_streams_read(&streams), 0);
    xrdp_streams_finish(&streams);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_displays),
        cmocka_unit_test(lines_of_the_kernel),
        cmocka_unit_test(a_connected_one_outweighs_its_listener),
        cmocka_unit_test(recorded_steps),
        cmocka_unit_test(reads_this_kernels_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
