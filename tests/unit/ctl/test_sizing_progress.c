#include "agent/ctl/sizing/progress.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static void a_line_tells_bytes_rate_and_time_left(void **state)
{
    (void)state;
    static const struct {
        uint64_t size_bytes, bytes;
        int64_t after_ms;
        const char *line;
    } told[] = {
        {0, 0, 1000, "0 B, 0 B/s"},
        {0, 3000, 2000, "2.9 KiB, 1.5 KiB/s"}, /* of a pipe nobody knows the end */
        {UINT64_C(4) << 30, UINT64_C(1) << 30, 10000, "1.0 GiB of 4.0 GiB, 102.4 MiB/s, 30 s left"},
        {UINT64_C(4) << 40, UINT64_C(1) << 30, 10000, "1.0 GiB of 4.0 TiB, 102.4 MiB/s, 11.4 h left"},
        {UINT64_C(61) << 20, UINT64_C(1) << 20, 10000, "1.0 MiB of 61.0 MiB, 102.4 KiB/s, 10 min left"},
        {1000, 0, 1000, "0 B, 0 B/s"},
        {1000, 1000, 0, "1000 B of 1000 B, 976.6 KiB/s, 0 s left"},
        {1000, 2000, 1000, "2.0 KiB, 2.0 KiB/s"}, /* it has grown */
    };
    for (size_t i = 0; i < COUNT(told); i++) {
        struct progress progress;
        char line[PROGRESS_LINE_BYTES];
        progress_begin(&progress, stdout, told[i].size_bytes, 5000);
        assert_string_equal(progress_line(&progress, told[i].bytes, 5000 + told[i].after_ms, line),
                            told[i].line);
    }
}

static void without_a_terminal_nothing_is_shown(void **state)
{
    (void)state;
    char *text = NULL;
    size_t bytes = 0;
    struct progress progress;
    FILE *file = tmpfile();
    assert_non_null(file);
    progress_begin(&progress, file, 1000, 0);
    assert_null(progress.file);
    progress_at(&progress, 500, 100000);
    progress_end(&progress);
    assert_int_equal(ftell(file), 0);
    (void)fclose(file);
    /* and where somebody looks, not at once and not too often */
    file = open_memstream(&text, &bytes);
    assert_non_null(file);
    progress.file = file;
    progress.shown_ms = PROGRESS_FIRST_MS - PROGRESS_EVERY_MS;
    progress_at(&progress, 100, PROGRESS_FIRST_MS - 1);
    progress_end(&progress);
    (void)fflush(file);
    assert_int_equal(bytes, 0);
    progress_at(&progress, 200, PROGRESS_FIRST_MS);
    progress_at(&progress, 300, PROGRESS_FIRST_MS + PROGRESS_EVERY_MS - 1);
    progress_end(&progress);
    (void)fclose(file);
    assert_string_equal(text, "\r\033[K200 B of 1000 B, 200 B/s, 4 s left\r\033[K");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_bytes_rate_and_time_left),
        cmocka_unit_test(without_a_terminal_nothing_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
