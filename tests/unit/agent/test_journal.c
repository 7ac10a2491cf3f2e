/* What the journal is sent for an event: the real libsystemd, to a socket of the test's own where journald's
 * is. */
#include "agent/core/log_event.h"
#include "agent/log_sink.h"
#include "common/log.h"
#include "private_run.h"
#include "tests/unit/unit.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NOON         INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define JOURNAL      "/run/systemd/journal"
#define SOCKET       JOURNAL "/socket"
#define DATAGRAM_MAX 65536

static const struct log journal_log = {
    .format = LOG_FORMAT_SYSTEMD, .severity_max = SEVERITY_INFO, .fd = STDERR_FILENO, .program = "farmgated"};

static int open_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    (void)unlink(SOCKET);
    assert_true(mkdir(JOURNAL, 0755) == 0 || access(JOURNAL, W_OK) == 0);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* The next entry in the journal's own protocol, as lines "NAME=value": values with a newline come with their
 * length, and have "|" for it here. */
static void receive(int fd, char *ret, size_t ret_bytes)
{
    char *raw = malloc(DATAGRAM_MAX);
    ssize_t bytes = recv(fd, raw, DATAGRAM_MAX, 0);
    size_t length = 0;
    assert_true(bytes > 0);
    for (const char *at = raw, *end = raw + bytes; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at)),
                   *value = memchr(at, '=', (size_t)(end - at));
        assert_non_null(newline);
        size_t name_bytes, value_bytes;
        if (value && value < newline) {
            name_bytes = (size_t)(value++ - at);
            value_bytes = (size_t)(newline - value);
        } else {
            uint64_t little;
            name_bytes = (size_t)(newline - at);
            memcpy(&little, newline + 1, sizeof(little));
            value = newline + 1 + sizeof(little);
            value_bytes = (size_t)le64toh(little);
        }
        assert_true(length + name_bytes + value_bytes + 3 < ret_bytes);
        memcpy(ret + length, at, name_bytes);
        ret[length + name_bytes] = '=';
        for (size_t i = 0; i < value_bytes; i++)
            ret[length + name_bytes + 1 + i] = value[i] == '\n' ? '|' : value[i];
        length += name_bytes + value_bytes + 2;
        ret[length - 1] = '\n';
        at = value + value_bytes + 1;
    }
    ret[length] = '\0';
    free(raw);
}

/* The fields that we name, without what libsystemd adds. */
static const char *own_fields(const char *entry)
{
    static char own[8192];
    size_t length = 0;
    for (const char *line = entry; *line != '\0';) {
        size_t bytes = strcspn(line, "\n") + 1;
        if (strncmp(line, "SYSLOG_IDENTIFIER=", 18) != 0) {
            memcpy(own + length, line, bytes);
            length += bytes;
        }
        line += bytes;
    }
    own[length] = '\0';
    return own;
}

static void skip_without_run(void)
{
    if (!private_run_entered())
        skip();
}

static void test_every_field_stands_by_itself(void **state)
{
    (void)state;
    char entry[8192];
    skip_without_run();
    int fd = open_journal();
    struct log_event event = {.code = LOG_entitlement_applied, .at_ms = NOON, .id = 77};
    log_event_text(&event, "farm_id", "f");
    log_event_number(&event, "serial", 5);
    log_event_number(&event, "limit", -1);
    log_event_number(&event, "expires_at", NOON + 1);
    log_sink_write(&journal_log, &event, "{}");
    receive(fd, entry, sizeof(entry));
    char wanted[1024] = "MESSAGE=entitlement 5: limit -1, valid until 2026-01-01T00:00:00Z\nMESSAGE_ID=";
    strcat(wanted, log_event_form(LOG_entitlement_applied)->message_id);
    strcat(wanted, "\nPRIORITY=6\nFARMGATE_CODE=entitlement_applied\nFARMGATE_ID=77\n"
                   "FARMGATE_AT=2026-01-01T00:00:00.000Z\nFARMGATE_FARM_ID=f\nFARMGATE_SERIAL=5\n"
                   "FARMGATE_LIMIT=-1\nFARMGATE_EXPIRES_AT=2026-01-01T00:00:00.001Z\n");
    assert_string_equal(own_fields(entry), wanted);
    (void)close(fd);
}

static void test_never_and_no_id(void **state)
{
    (void)state;
    char entry[8192];
    skip_without_run();
    int fd = open_journal();
    struct log_event event = {.code = LOG_term_renewed, .at_ms = NOON};
    log_event_number(&event, "expires_at", 0);
    log_sink_write(&journal_log, &event, "{}");
    receive(fd, entry, sizeof(entry));
    assert_non_null(strstr(entry, "\nFARMGATE_EXPIRES_AT=never\n"));
    assert_null(strstr(entry, "FARMGATE_ID="));
    (void)close(fd);
}

/* Nothing is cut, and no value can pass for a field. */
static void test_long_texts_and_newlines_come_whole(void **state)
{
    (void)state;
    char entry[8192], detail[2000], line[2100] = "\nFARMGATE_DETAIL=";
    skip_without_run();
    int fd = open_journal();
    memset(detail, 'x', sizeof(detail));
    memcpy(detail + 10, "\nFARMGATE_USER=eve\n", 19);
    detail[sizeof(detail) - 1] = '\0';
    struct log_event event = {.code = LOG_settings_refused, .at_ms = NOON, .id = 1};
    log_event_text(&event, "detail", detail);
    log_sink_write(&journal_log, &event, "{}");
    receive(fd, entry, sizeof(entry));
    detail[10] = detail[28] = '|';
    assert_non_null(strstr(entry, strcat(strcat(line, detail), "\n")));
    (void)close(fd);
}

static void test_less_important_ones_are_left_out(void **state)
{
    (void)state;
    char byte;
    skip_without_run();
    int fd = open_journal();
    struct log log = journal_log;
    log.severity_max = SEVERITY_NOTICE;
    const struct log_event event = {.code = LOG_report_accepted, .at_ms = NOON, .id = 1};
    log_sink_write(&log, &event, "{}");
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    (void)close(fd);
}

static int clear(void **state)
{
    (void)unlink(SOCKET);
    (void)rmdir(JOURNAL);
    return private_run_clear(state);
}

int main(void)
{
    private_run_enter();
    (void)setenv("JOURNAL_STREAM", "1:1", 1); /* log_init has compared it with stderr */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_field_stands_by_itself, private_run_make, clear),
        cmocka_unit_test_setup_teardown(test_never_and_no_id, private_run_make, clear),
        cmocka_unit_test_setup_teardown(test_long_texts_and_newlines_come_whole, private_run_make, clear),
        cmocka_unit_test_setup_teardown(test_less_important_ones_are_left_out, private_run_make, clear),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
