/* Who may try how often, who is slowed for others' guesses, and when those come back who were sent away. */
#include "cloud/api/backlog.h"
#include "cloud/api/visitors.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static struct source_address address(const char *text)
{
    struct source_address address;
    assert_true(source_parse(text, &address));
    return address;
}

static struct throttle_key key_of(const char *text)
{
    struct source_address source = address(text);
    return throttle_key_of_source(&source);
}

/* --- turns ---------------------------------------------------------------------------------------------- */

static void test_turns(void **state)
{
    struct throttle *throttle = throttle_create(60, 3, THROTTLE_SOURCES_MAX, 1); /* a turn a second */
    struct throttle_key one = key_of("192.0.2.1"), two = key_of("192.0.2.2");
    (void)state;
    assert_non_null(throttle);
    assert_false(throttle_remembers(throttle, &one));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(throttle_wait(throttle, &one, 1000), 0);
        assert_int_equal(throttle_take(throttle, &one, 1000), 0);
    }
    assert_true(throttle_remembers(throttle, &one));
    assert_int_equal(throttle_wait(throttle, &one, 1000), 1000);
    assert_int_equal(throttle_take(throttle, &one, 1000), 1000);
    assert_int_equal(throttle_take(throttle, &one, 1400), 600);
    assert_int_equal(throttle_take(throttle, &two, 1400), 0);
    assert_int_equal(throttle_take(throttle, &one, 2000), 0);
    assert_int_equal(throttle_take(throttle, &one, 2000), 1000);
    /* after a long rest no more than the burst */
    for (int i = 0; i < 3; i++)
        assert_int_equal(throttle_take(throttle, &one, 100000), 0);
    assert_int_equal(throttle_take(throttle, &one, 100000), 1000);
    throttle_destroy(throttle);
}

static void test_an_ipv6_network_is_one_source(void **state)
{
    struct throttle *throttle = throttle_create(1, 1, THROTTLE_SOURCES_MAX, 7);
    struct throttle_key one = key_of("2001:db8::1"), same = key_of("2001:db8::ffff:1"),
                        other = key_of("2001:db8:0:1::1");
    (void)state;
    assert_non_null(throttle);
    assert_int_equal(throttle_take(throttle, &one, 0), 0);
    assert_int_equal(throttle_take(throttle, &same, 0), 60000);
    assert_int_equal(throttle_take(throttle, &other, 0), 0);
    throttle_destroy(throttle);
}

/* More sources than there is room for: everything goes on, and each source alone is still limited. */
static void test_a_crowd(void **state)
{
    struct throttle *throttle = throttle_create(60, 2, THROTTLE_SOURCES_MAX, 99);
    (void)state;
    assert_non_null(throttle);
    for (int i = 0; i < 4 * THROTTLE_SOURCES_MAX; i++) {
        char text[SOURCE_TEXT_BYTES];
        (void)snprintf(text, sizeof text, "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
        struct throttle_key source = key_of(text);
        assert_int_equal(throttle_take(throttle, &source, i), 0);
        assert_int_equal(throttle_take(throttle, &source, i), 0);
        assert_true(throttle_take(throttle, &source, i) > 0);
    }
    throttle_destroy(throttle);
}

/* --- visitors ------------------------------------------------------------------------------------------- */

static const struct visitors_limits limits = {
    .calls_per_minute = 60, .calls_burst = 4, .wrong_per_minute = 60, .wrong_burst = 2};

struct party {
    struct visitors *visitors;
    int64_t now_ms, wait_ms;
};

static struct party begin(void)
{
    struct party party = {.visitors = visitors_create(&limits, 5), .now_ms = 1000000};
    assert_non_null(party.visitors);
    return party;
}

static struct visitor visitor(const char *from, const char *token)
{
    struct source_address source = address(from);
    return visitor_of(&source, token);
}

static enum visitors_verdict enter(struct party *party, const struct visitor *visitor)
{
    party->wait_ms = 0;
    return visitors_enter(party->visitors, visitor, party->now_ms, &party->wait_ms);
}

static enum visitors_verdict guess(struct party *party, const char *from, const char *token)
{
    struct visitor stranger = visitor(from, token);
    enum visitors_verdict verdict = enter(party, &stranger);
    if (verdict == VISITORS_WELCOME)
        visitors_wrong(party->visitors, &stranger.source, party->now_ms);
    return verdict;
}

static void test_a_token_has_its_limit(void **state)
{
    struct party party = begin();
    struct visitor farm = visitor("192.0.2.1", "right"), moved = visitor("192.0.2.2", "right"),
                   other = visitor("192.0.2.1", "another");
    (void)state;
    assert_int_equal(enter(&party, &farm), VISITORS_WELCOME);
    visitors_right(party.visitors, &farm, party.now_ms); /* its first turn */
    for (int i = 0; i < 3; i++) {
        assert_int_equal(enter(&party, &farm), VISITORS_WELCOME);
        visitors_right(party.visitors, &farm, party.now_ms);
    }
    assert_int_equal(enter(&party, &farm), VISITORS_TOO_MANY_CALLS);
    assert_int_equal(party.wait_ms, 1000);
    assert_int_equal(enter(&party, &moved), VISITORS_TOO_MANY_CALLS); /* from wherever */
    assert_int_equal(enter(&party, &other), VISITORS_WELCOME);
    party.now_ms += 1000;
    assert_int_equal(enter(&party, &farm), VISITORS_WELCOME);
    visitors_destroy(party.visitors);
}

static void test_guesses_slow_their_source_only(void **state)
{
    struct party party = begin();
    struct throttle_key guesser = key_of("192.0.2.9"), neighbour = key_of("192.0.2.10");
    (void)state;
    assert_int_equal(guess(&party, "192.0.2.9", "guess 1"), VISITORS_WELCOME);
    assert_int_equal(guess(&party, "192.0.2.9", "guess 2"), VISITORS_WELCOME);
    assert_int_equal(guess(&party, "192.0.2.9", "guess 3"), VISITORS_TOO_MANY_WRONG);
    assert_int_equal(party.wait_ms, 1000);
    assert_int_equal(visitors_guess_wait(party.visitors, &guesser, party.now_ms), 1000);
    assert_int_equal(visitors_guess_wait(party.visitors, &neighbour, party.now_ms), 0);
    assert_int_equal(guess(&party, "192.0.2.10", "guess 1"), VISITORS_WELCOME);
    party.now_ms += 1000;
    assert_int_equal(guess(&party, "192.0.2.9", "guess 4"), VISITORS_WELCOME);
    assert_int_equal(guess(&party, "192.0.2.9", "guess 5"), VISITORS_TOO_MANY_WRONG);
    visitors_destroy(party.visitors);
}

/* Farms behind one address do not suffer for one of them; one that comes for the first time has to wait. */
static void test_who_was_right_lately_is_welcome_beside_a_guesser(void **state)
{
    struct party party = begin();
    struct visitor farm = visitor("192.0.2.9", "right"), new_one = visitor("192.0.2.9", "new");
    (void)state;
    assert_int_equal(enter(&party, &farm), VISITORS_WELCOME);
    visitors_right(party.visitors, &farm, party.now_ms);
    for (int i = 0; i < 2; i++)
        assert_int_equal(guess(&party, "192.0.2.9", "guess"), VISITORS_WELCOME);
    assert_int_equal(enter(&party, &farm), VISITORS_WELCOME);
    assert_int_equal(enter(&party, &new_one), VISITORS_TOO_MANY_WRONG);
    visitors_destroy(party.visitors);
}

/* However many guesses come from however many sources: who was right is remembered. */
static void test_guesses_push_nobody_out(void **state)
{
    struct party party = begin();
    struct visitor farm = visitor("192.0.2.1", "right");
    (void)state;
    visitors_right(party.visitors, &farm, party.now_ms);
    for (int i = 0; i < 2 * THROTTLE_TOKENS_MAX; i++) {
        char from[SOURCE_TEXT_BYTES], token[24];
        (void)snprintf(from, sizeof from, "10.%d.%d.%d", i >> 16, (i >> 8) & 255, i & 255);
        (void)snprintf(token, sizeof token, "guess %d", i);
        assert_int_equal(guess(&party, from, token), VISITORS_WELCOME);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(enter(&party, &farm), VISITORS_WELCOME);
    assert_int_equal(enter(&party, &farm), VISITORS_TOO_MANY_CALLS);
    visitors_destroy(party.visitors);
}

/* --- those who are sent away ---------------------------------------------------------------------------- */

static unsigned highest_of(struct backlog *backlog, unsigned count, int64_t now_ms)
{
    unsigned highest = 0;
    uint32_t chance = 1;
    for (unsigned i = 0; i < count; i++) {
        chance = chance * UINT32_C(1664525) + UINT32_C(1013904223);
        unsigned seconds = backlog_send_away(backlog, chance >> 8, now_ms);
        assert_true(seconds >= 1);
        highest = seconds > highest ? seconds : highest;
    }
    return highest;
}

static void test_the_spread_grows_with_the_backlog(void **state)
{
    struct backlog backlog = {0};
    (void)state;
    assert_int_equal(highest_of(&backlog, 1000, 50000), BACKLOG_SPREAD_MS_MIN / 1000);
    unsigned more = highest_of(&backlog, 20000, 50000);
    assert_true(more > 30 && more <= 42); /* 21,000 turns of 2 ms */
    assert_int_equal(highest_of(&backlog, 1000000, 50000), BACKLOG_SPREAD_MS_MAX / 1000);
    /* and shrinks again with time */
    assert_int_equal(highest_of(&backlog, 1000, 50000 + BACKLOG_SPREAD_MS_MAX), BACKLOG_SPREAD_MS_MIN / 1000);
}

static void test_they_do_not_come_back_together(void **state)
{
    struct backlog backlog = {0};
    unsigned counts[BACKLOG_SPREAD_MS_MIN / 1000 + 1] = {0};
    uint32_t chance = 7;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        chance = chance * UINT32_C(1664525) + UINT32_C(1013904223);
        counts[backlog_send_away(&backlog, chance >> 8, 0)]++;
    }
    assert_int_equal(counts[0], 0);
    for (size_t i = 1; i < COUNT(counts); i++)
        assert_in_range(counts[i], 300, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_an_ipv6_network_is_one_source),
        cmocka_unit_test(test_a_crowd),
        cmocka_unit_test(test_a_token_has_its_limit),
        cmocka_unit_test(test_guesses_slow_their_source_only),
        cmocka_unit_test(test_who_was_right_lately_is_welcome_beside_a_guesser),
        cmocka_unit_test(test_guesses_push_nobody_out),
        cmocka_unit_test(test_the_spread_grows_with_the_backlog),
        cmocka_unit_test(test_they_do_not_come_back_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
