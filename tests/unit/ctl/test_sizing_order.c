#include "agent/ctl/sizing/order.h"
#include "agent/ctl/sizing/repair.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)
#define T    INT64_C(1767225600000)

/* What came out: the sessions' names, and the instants as hours behind T. */
struct out {
    char sessions[512], hours[512];
    struct repairs repairs;
    int answer; /* of take */
};

static int take(void *data, const struct sizing_event *event)
{
    struct out *out = data;
    size_t used = strlen(out->sessions), hours_used = strlen(out->hours);
    snprintf(out->sessions + used, sizeof out->sessions - used, "%s%s", used == 0 ? "" : " ", event->session);
    snprintf(out->hours + hours_used, sizeof out->hours - hours_used, "%s%" PRId64, used == 0 ? "" : " ",
             (event->at_ms - T) / HOUR);
    return out->answer;
}

static struct order *order_into(struct out *out, bool all)
{
    struct order_settings settings = {all, take, out, &out->repairs};
    memset(out, 0, sizeof *out);
    struct order *order = order_create(&settings);
    assert_non_null(order);
    return order;
}

static int put(struct order_stream *stream, const char *session, int64_t at_ms)
{
    struct sizing_event event = {.at_ms = at_ms, .type = SIZING_LOGOFF, .host = "h", .session = session};
    struct log_place place = {"log", (uint64_t)session[0], true};
    return order_put(stream, &event, &place);
}

/* One stream's events, named a, b, c, … */
struct stamps {
    int64_t hours[24];
    size_t count;
};

static void expect_repaired(const struct stamps *stamps, const char *hours, uint64_t back, uint64_t ahead)
{
    struct out out;
    struct order *order = order_into(&out, false);
    struct order_stream *stream = order_add(order, 0, false, ORDER_UNKNOWN_MS, NULL);
    for (size_t i = 0; i < stamps->count; i++) {
        char session[2] = {(char)('a' + i), '\0'};
        assert_int_equal(put(stream, session, T + stamps->hours[i] * HOUR), 0);
    }
    assert_int_equal(order_end(stream), 0);
    assert_int_equal(order_flush(order, ORDER_NO_LIMIT_MS), 0);
    assert_string_equal(out.hours, hours);
    assert_int_equal(out.repairs.of[REPAIR_CLOCK_BACK].count, back);
    assert_int_equal(out.repairs.of[REPAIR_CLOCK_AHEAD].count, ahead);
    order_destroy(order);
}

static void a_clock_that_was_set_back_counts_as_of_the_instant_reached(void **state)
{
    (void)state;
    expect_repaired(&(struct stamps){{0, 5, 1, 2, 6}, 5}, "0 5 5 5 6", 2, 0);
    expect_repaired(&(struct stamps){{0, 5, 4, 5}, 4}, "0 4 5 5", 0, 0); /* an hour late is in order */
    /* but not before the clock stands again where it was set back */
    expect_repaired(&(struct stamps){{0, 5, 1, 4, 5, 6, 5}, 7}, "0 5 5 5 5 5 6", 2, 0);
    expect_repaired(&(struct stamps){{0, 5, 1, 7, 4, 8}, 6}, "0 5 5 7 7 8", 2, 0);
    expect_repaired(&(struct stamps){{8760, 0, 8760, 8761}, 4}, "8760 8760 8760 8761", 1, 0);
}

static void stamps_far_ahead_of_what_follows_move_nothing(void **state)
{
    (void)state;
    expect_repaired(&(struct stamps){{0, 100000, 1, 2, 3}, 5}, "0 1 1 2 3", 0, 1);
    expect_repaired(&(struct stamps){{0, 100000, 100001, 100001, 1, 2, 3, 4, 5}, 9}, "0 1 1 1 1 2 3 4 5", 0,
                    3);
    expect_repaired(&(struct stamps){{100000, 1, 2, 3}, 4}, "1 1 2 3", 0, 1); /* also as the first */
    expect_repaired(&(struct stamps){{0, 30, 1, 2, 3}, 5}, "0 1 1 2 3", 0, 1);
}

static void a_pause_is_no_wrong_stamp(void **state)
{
    (void)state;
    expect_repaired(&(struct stamps){{0, 720, 721, 1440}, 4}, "0 720 721 1440", 0, 0);
    expect_repaired(&(struct stamps){{0, 720}, 2}, "0 720", 0, 0);
    /* in a sparse log a wrong one is known all the same */
    expect_repaired(&(struct stamps){{0, 72, 100000, 144, 216}, 5}, "0 72 144 144 216", 0, 1);
    /* one that was set back behind a pause is no witness against it */
    expect_repaired(&(struct stamps){{0, 720, 2, 721, 722, 723}, 6}, "0 720 720 721 722 723", 1, 0);
}

static void strict_streams_refuse_what_is_later_than_an_hour(void **state)
{
    (void)state;
    struct out out;
    struct order *order = order_into(&out, false);
    struct order_stream *stream = order_add(order, 0, true, ORDER_UNKNOWN_MS, NULL);
    assert_int_equal(put(stream, "a", T + HOUR), 0);
    assert_int_equal(put(stream, "b", T), 0);
    assert_int_equal(put(stream, "c", T - 1), ERROR_INVALID);
    assert_int_equal(order_latest_ms(stream), T + HOUR);
    assert_int_equal(order_bound_ms(stream), T);
    order_destroy(order);
}

static void of_one_instant_streams_come_by_their_numbers(void **state)
{
    (void)state;
    struct out out;
    struct order *order = order_into(&out, false);
    struct order_stream *second = order_add(order, 1, true, ORDER_UNKNOWN_MS, NULL);
    struct order_stream *first = order_add(order, 0, true, ORDER_UNKNOWN_MS, NULL);
    assert_int_equal(put(second, "c", T), 0);
    assert_int_equal(put(second, "d", T), 0);
    assert_int_equal(put(first, "a", T), 0);
    assert_int_equal(put(first, "b", T), 0);
    assert_int_equal(order_end(first), 0);
    assert_int_equal(order_end(second), 0);
    assert_int_equal(order_flush(order, ORDER_NO_LIMIT_MS), 0);
    assert_string_equal(out.sessions, "a b c d");
    order_destroy(order);
}

static void what_holds_the_others_back_is_wanted(void **state)
{
    (void)state;
    struct out out;
    struct order *order = order_into(&out, false);
    int one, other;
    void *wanting;
    int64_t bound_ms;
    assert_false(order_wanting(order, &wanting, &bound_ms));
    struct order_stream *early = order_add(order, 0, true, T, &one);
    struct order_stream *late = order_add(order, 1, true, T + DAY, &other);
    assert_true(order_wanting(order, &wanting, &bound_ms));
    assert_ptr_equal(wanting, &one);
    assert_int_equal(bound_ms, T - HOUR);
    assert_int_equal(put(early, "a", T), 0);
    assert_int_equal(put(early, "b", T + 2 * DAY), 0);
    assert_int_equal(order_flush(order, ORDER_NO_LIMIT_MS), 0);
    assert_string_equal(out.sessions, "a");
    assert_true(order_wanting(order, &wanting, &bound_ms));
    assert_ptr_equal(wanting, &other);
    assert_int_equal(put(late, "c", T + DAY), 0);
    assert_int_equal(order_end(late), 0);
    assert_true(order_wanting(order, &wanting, &bound_ms));
    assert_ptr_equal(wanting, &one);
    assert_int_equal(order_end(early), 0);
    assert_false(order_wanting(order, &wanting, &bound_ms));
    assert_int_equal(order_flush(order, T + DAY), 0); /* a further stream is to begin there */
    assert_string_equal(out.sessions, "a");
    assert_int_equal(order_flush(order, ORDER_NO_LIMIT_MS), 0);
    assert_string_equal(out.sessions, "a c b");
    order_destroy(order);
}

static void all_are_sorted_by_their_stamps_if_wanted(void **state)
{
    (void)state;
    struct out out;
    struct order *order = order_into(&out, true);
    struct order_stream *strict = order_add(order, 0, true, ORDER_UNKNOWN_MS, NULL);
    struct order_stream *other = order_add(order, 1, false, ORDER_UNKNOWN_MS, NULL);
    assert_int_equal(put(strict, "d", T + 30 * DAY), 0);
    assert_int_equal(put(strict, "b", T), 0);
    assert_int_equal(put(other, "e", T + 300 * DAY), 0);
    assert_int_equal(put(other, "c", T + DAY), 0);
    assert_int_equal(put(other, "a", T - DAY), 0);
    assert_int_equal(order_flush(order, T + DAY), 0);
    assert_int_equal(order_end(strict), 0);
    assert_int_equal(order_flush(order, ORDER_NO_LIMIT_MS), 0);
    assert_string_equal(out.sessions, "");
    assert_int_equal(order_end(other), 0);
    assert_int_equal(order_flush(order, ORDER_NO_LIMIT_MS), 0);
    assert_string_equal(out.sessions, "a b c d e");
    order_destroy(order);
}

static void an_error_of_what_takes_the_events_is_handed_back(void **state)
{
    (void)state;
    struct out out;
    struct order *order = order_into(&out, false);
    struct order_stream *stream = order_add(order, 0, true, ORDER_UNKNOWN_MS, NULL);
    out.answer = ERROR_FULL;
    assert_int_equal(put(stream, "a", T), 0);
    assert_int_equal(put(stream, "b", T), 0);
    assert_int_equal(order_end(stream), 0);
    assert_int_equal(order_flush(order, ORDER_NO_LIMIT_MS), ERROR_FULL);
    assert_string_equal(out.sessions, "a");
    order_destroy(order);
}

static void sessions_of_streams_are_told_apart_by_their_prefixes(void **state)
{
    struct out out;
    struct order *order = order_into(&out, false);
    struct order_stream *one = order_add(order, 0, true, ORDER_UNKNOWN_MS, NULL);
    struct order_stream *other = order_add(order, 1, true, ORDER_UNKNOWN_MS, NULL);
    char longest[CONNECTION_ID_BYTES_MAX + 1];
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    order_prefix_sessions(one, "17/");
    assert_int_equal(put(one, "a", T), 0);
    assert_int_equal(put(other, "a", T), 0);
    assert_int_equal(put(one, "", T), 0); /* of a whole host */
    assert_int_equal(put(one, longest, T), ERROR_TOO_LARGE);
    assert_int_equal(put(one, longest + 2, T), ERROR_TOO_LARGE);
    assert_int_equal(put(one, longest + 3, T), 0);
    assert_int_equal(put(other, longest, T + 1), 0);
    assert_int_equal(order_end(one), 0);
    assert_int_equal(order_end(other), 0);
    assert_int_equal(order_flush(order, ORDER_NO_LIMIT_MS), 0);
    char expected[sizeof out.sessions];
    (void)snprintf(expected, sizeof expected, "17/a  17/%s a %s", longest + 3, longest);
    assert_string_equal(out.sessions, expected);
    order_destroy(order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_was_set_back_counts_as_of_the_instant_reached),
        cmocka_unit_test(stamps_far_ahead_of_what_follows_move_nothing),
        cmocka_unit_test(a_pause_is_no_wrong_stamp),
        cmocka_unit_test(strict_streams_refuse_what_is_later_than_an_hour),
        cmocka_unit_test(of_one_instant_streams_come_by_their_numbers),
        cmocka_unit_test(what_holds_the_others_back_is_wanted),
        cmocka_unit_test(sessions_of_streams_are_told_apart_by_their_prefixes),
        cmocka_unit_test(all_are_sorted_by_their_stamps_if_wanted),
        cmocka_unit_test(an_error_of_what_takes_the_events_is_handed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
