/* test_probe.c - is it an etcd that may hold a farm? */
#include "agent/farm/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A store that is asked by hand, and what was told of it. */
struct fixture {
    struct probe *probe;
    struct etcd_told told;
    void *data; /* NULL: nothing is asked */
    char path[64], text[64];
    unsigned asked, told_times;
    int error;
    char detail[ERROR_DETAIL_BYTES];
    bool full;
};

static int64_t port_ask(void *etcd, const char *path, char *text, const struct etcd_told *told, void *data)
{
    struct fixture *fixture = etcd;
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s", path);
    (void)snprintf(fixture->text, sizeof(fixture->text), "%s", text);
    free(text);
    if (fixture->full)
        return ERROR_FULL;
    fixture->told = *told;
    fixture->data = data;
    return ++fixture->asked;
}

static void port_cancel(void *etcd, int64_t id)
{
    struct fixture *fixture = etcd;
    (void)id;
    fixture->told.done(fixture->data, ERROR_CANCELLED, "cancelled");
}

static void on_told(void *data, int error, const char *detail)
{
    struct fixture *fixture = data;
    fixture->told_times++;
    fixture->error = error;
    (void)snprintf(fixture->detail, sizeof(fixture->detail), "%s", detail);
}

static void open_probe(struct fixture *fixture, bool any_version)
{
    const struct probe_settings settings = {.port = {port_ask, port_cancel, fixture},
                                            .any_version = any_version,
                                            .told = on_told,
                                            .data = fixture};
    *fixture = (struct fixture){.probe = probe_create(&settings)};
    assert_non_null(fixture->probe);
    probe_pass(fixture->probe, 1000);
}

static void answer(struct fixture *fixture, const char *version, int error, const char *detail)
{
    struct wire_message message = {.failed = false};
    (void)snprintf(message.version, sizeof(message.version), "%s", version);
    if (error == 0)
        (void)fixture->told.message(fixture->data, &message);
    fixture->told.done(fixture->data, error, detail);
}

static void a_good_one_is_asked_once(void **state)
{
    struct fixture fixture;
    (void)state;
    open_probe(&fixture, false);
    assert_string_equal(fixture.path, WIRE_PATH_VERSION);
    assert_string_equal(fixture.text, "");
    assert_false(probe_is_good(fixture.probe));
    assert_int_equal(probe_due_ms(fixture.probe), INT64_MAX);
    answer(&fixture, "3.5.30", 0, "");
    assert_true(probe_is_good(fixture.probe));
    assert_int_equal(fixture.error, 0);
    assert_string_equal(fixture.detail, "");
    probe_pass(fixture.probe, 100000);
    assert_int_equal(fixture.asked, 1);
    assert_int_equal(probe_due_ms(fixture.probe), INT64_MAX);
    probe_destroy(fixture.probe);
}

static void one_that_is_too_old_is_refused_and_asked_again(void **state)
{
    struct fixture fixture;
    (void)state;
    open_probe(&fixture, false);
    answer(&fixture, "3.4.23", 0, "");
    assert_false(probe_is_good(fixture.probe));
    assert_int_equal(fixture.error, ERROR_REFUSED);
    assert_non_null(strstr(fixture.detail, "3.4.23 is too old"));
    assert_int_equal(probe_due_ms(fixture.probe), 1000 + PROBE_RETRY_FIRST_MS);
    probe_pass(fixture.probe, 1000 + PROBE_RETRY_FIRST_MS);
    answer(&fixture, "3.4.23", 0, "");
    assert_int_equal(fixture.told_times, 1); /* nothing new */
    assert_int_equal(probe_due_ms(fixture.probe), 1000 + 3 * PROBE_RETRY_FIRST_MS);
    probe_pass(fixture.probe, 2000);
    answer(&fixture, "3.6.9", 0, "");
    assert_true(probe_is_good(fixture.probe));
    assert_int_equal(fixture.told_times, 2);
    probe_destroy(fixture.probe);
}

static void any_version_is_taken_where_it_is_allowed_and_said(void **state)
{
    struct fixture fixture;
    (void)state;
    open_probe(&fixture, true);
    answer(&fixture, "3.4.23", 0, "");
    assert_true(probe_is_good(fixture.probe));
    assert_int_equal(fixture.error, 0);
    assert_non_null(strstr(fixture.detail, "too old"));
    probe_destroy(fixture.probe);
}

static void what_is_no_version_is_not_taken_anywhere(void **state)
{
    struct fixture fixture;
    (void)state;
    open_probe(&fixture, true);
    answer(&fixture, "", 0, "");
    assert_false(probe_is_good(fixture.probe));
    assert_int_equal(fixture.error, ERROR_INVALID);
    probe_destroy(fixture.probe);
}

static void what_is_wrong_is_told_when_it_changes(void **state)
{
    struct fixture fixture;
    (void)state;
    open_probe(&fixture, false);
    answer(&fixture, "", ERROR_UNREACHABLE, "connection refused");
    assert_int_equal(fixture.error, ERROR_UNREACHABLE);
    assert_string_equal(fixture.detail, "connection refused");
    probe_pass(fixture.probe, 10000);
    answer(&fixture, "", ERROR_UNREACHABLE, "connection refused");
    assert_int_equal(fixture.told_times, 1);
    probe_pass(fixture.probe, 20000);
    answer(&fixture, "", ERROR_REFUSED, "no JSON gateway there");
    assert_int_equal(fixture.told_times, 2);
    assert_int_equal(fixture.error, ERROR_REFUSED);
    probe_destroy(fixture.probe);
}

static void a_full_port_is_asked_later_and_a_wait_ends_with_the_probe(void **state)
{
    struct fixture fixture;
    (void)state;
    open_probe(&fixture, false);
    answer(&fixture, "nonsense", 0, "");
    assert_int_equal(fixture.error, ERROR_INVALID);
    fixture.full = true;
    for (int64_t now_ms = 2000; now_ms < 100000; now_ms += 1000)
        probe_pass(fixture.probe, now_ms);
    assert_true(probe_due_ms(fixture.probe) - 99000 <= PROBE_RETRY_LAST_MS);
    fixture.full = false;
    probe_pass(fixture.probe, 200000);
    assert_int_equal(fixture.asked, 2);
    probe_destroy(fixture.probe); /* what is under way is dropped: nothing is told */
    assert_int_equal(fixture.told_times, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_is_asked_once),
        cmocka_unit_test(one_that_is_too_old_is_refused_and_asked_again),
        cmocka_unit_test(any_version_is_taken_where_it_is_allowed_and_said),
        cmocka_unit_test(what_is_no_version_is_not_taken_anywhere),
        cmocka_unit_test(what_is_wrong_is_told_when_it_changes),
        cmocka_unit_test(a_full_port_is_asked_later_and_a_wait_ends_with_the_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
