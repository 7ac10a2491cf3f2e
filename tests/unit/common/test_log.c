#include "common/log.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one log_line writes. */
static const char *written(struct log log, int severity, const char *text, char *ret, size_t bytes)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log.fd = ends[1];
    log_line(&log, severity, "%s", text);
    close(ends[1]);
    ssize_t got = read(ends[0], ret, bytes - 1);
    close(ends[0]);
    assert_true(got >= 0);
    ret[got] = '\0';
    return ret;
}

static void writes_one_escaped_line(void **state)
{
    (void)state;
    static const struct {
        enum log_format format;
        int severity;
        const char *text, *line;
    } cases[] = {
        {LOG_FORMAT_HUMAN, 6, "ready", "farmgated: ready\n"},
        {LOG_FORMAT_HUMAN, 3, "no space", "farmgated: error: no space\n"},
        {LOG_FORMAT_HUMAN, 4, "late", "farmgated: warning: late\n"},
        {LOG_FORMAT_SYSTEMD, 3, "no space", "<3>no space\n"},
        {LOG_FORMAT_SYSTEMD, 99, "odd", ""},
        {LOG_FORMAT_SYSTEMD, -1, "worst", "<0>worst\n"},
        {LOG_FORMAT_HUMAN, 7, "chatter", ""},
        {LOG_FORMAT_SYSTEMD, 6, "two\nlines", "<6>two\\nlines\n"},
        {LOG_FORMAT_SYSTEMD, 6, "\x1b[2Jgone", "<6>\\x1b[2Jgone\n"},
        {LOG_FORMAT_SYSTEMD, 6, "c1 \xC2\x9B, bad \xFF", "<6>c1 \\xc2\\x9b, bad \\xff\n"},
        {LOG_FORMAT_SYSTEMD, 6, "J\xC3\xBCrgen", "<6>J\xC3\xBCrgen\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct log log = {.format = cases[i].format, .severity_max = 6, .program = "farmgated"};
        char line[256];
        assert_string_equal(written(log, cases[i].severity, cases[i].text, line, sizeof(line)),
                            cases[i].line);
    }
}

static void writes_json_lines(void **state)
{
    (void)state;
    struct log log = {.format = LOG_FORMAT_JSON, .severity_max = 6, .program = "farmgated"};
    char line[256];
    written(log, 4, "a \"quoted\"\nline", line, sizeof(line));
    assert_non_null(strstr(line, "\"program\":\"farmgated\",\"severity\":\"warning\","
                                 "\"text\":\"a \\\"quoted\\\"\\nline\"}\n"));
    assert_int_equal(strncmp(line, "{\"at\":\"20", 9), 0);
}

static void cuts_a_long_line(void **state)
{
    (void)state;
    struct log log = {.format = LOG_FORMAT_SYSTEMD, .severity_max = 6, .program = "farmgated"};
    char text[10000], line[20000];
    memset(text, '\x01', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    written(log, 6, text, line, sizeof(line));
    size_t length = strlen(line);
    assert_true(length > 4 * 2000 && length < 4 * 2048 + 10);
    assert_int_equal(line[length - 1], '\n');
}

static void knows_the_journal_by_its_stream(void **state)
{
    (void)state;
    struct log log;
    struct stat status;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_init(&log, "farmgated");
    assert_int_equal(log.format, LOG_FORMAT_SYSTEMD);
    setenv("JOURNAL_STREAM", "1:1", 1);
    log_init(&log, "farmgated");
    assert_int_equal(log.format, LOG_FORMAT_HUMAN);
    unsetenv("JOURNAL_STREAM");
    log_init(&log, "farmgated");
    assert_int_equal(log.format, LOG_FORMAT_HUMAN);
}

static void survives_a_closed_stderr(void **state)
{
    (void)state;
    struct log log = {.format = LOG_FORMAT_HUMAN, .severity_max = 6, .fd = -1, .program = "farmgated"};
    log_line(&log, 3, "nobody hears");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_one_escaped_line),  cmocka_unit_test(writes_json_lines),
        cmocka_unit_test(cuts_a_long_line),         cmocka_unit_test(knows_the_journal_by_its_stream),
        cmocka_unit_test(survives_a_closed_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
