#include "agent/sessions/told.h"
#include "common/error.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static struct session_facts facts_of(const char *id, const char *user, int64_t connected_at_ms)
{
    return (struct session_facts){.host = "here", .id = id, .user = user, .connected_at_ms = connected_at_ms};
}

/* "id user begin" of each, in order. */
static void assert_set(const struct told_set *set, const char *expected)
{
    char text[512] = "";
    size_t at = 0;

    for (size_t i = 0; i < set->count; i++)
        at +=
            (size_t)snprintf(text + at, sizeof(text) - at, "%s %s %lld\n", set->sessions[i].facts.id,
                             set->sessions[i].facts.user, (long long)set->sessions[i].facts.connected_at_ms);
    assert_string_equal(text, expected);
}

static void replaces_sorts_and_keeps_each_once(void **state)
{
    (void)state;
    struct told_set set = {0};
    char id[] = "b";
    const struct session_facts first[] = {facts_of(id, "bob", 7), facts_of("a", "alice", 5),
                                          facts_of("a", "alice", 5)};

    assert_int_equal(told_set_replace(&set, first, 3, true, 10, 100), 0);
    id[0] = 'x'; /* the texts are the set's own */
    assert_set(&set, "a alice 5\nb bob 7\n");
    assert_non_null(told_set_find(&set, "b"));
    assert_null(told_set_find(&set, "x"));
    assert_int_equal(told_set_replace(&set, NULL, 0, true, 10, 200), 0);
    assert_set(&set, "");
    told_set_finish(&set);
}

static void an_unknown_beginning_is_the_arrival(void **state)
{
    (void)state;
    struct told_set set = {0};
    struct session_facts session = facts_of("a", "alice", 0);

    told_set_replace(&set, &session, 1, true, 10, 100);
    told_set_replace(&set, &session, 1, true, 10, 200);
    assert_set(&set, "a alice 100\n");
    session.connected_at_ms = 90; /* learnt later */
    told_set_replace(&set, &session, 1, true, 10, 300);
    assert_set(&set, "a alice 90\n");
    session.connected_at_ms = 0;
    told_set_replace(&set, &session, 1, true, 10, 400);
    assert_set(&set, "a alice 90\n");
    session.user = "bob"; /* another session under the same id */
    told_set_replace(&set, &session, 1, true, 10, 500);
    assert_set(&set, "a bob 500\n");
    told_set_finish(&set);
}

static void an_incomplete_set_ends_nothing(void **state)
{
    (void)state;
    struct told_set set = {0};
    const struct session_facts both[] = {facts_of("a", "alice", 1), facts_of("b", "bob", 2)};
    const struct session_facts other[] = {facts_of("c", "carol", 3), facts_of("b", "bob", 2)};

    told_set_replace(&set, both, 2, true, 10, 100);
    set.sessions[0].handed_on = set.sessions[1].handed_on = true;
    told_set_replace(&set, other, 2, false, 10, 200);
    assert_set(&set, "a alice 1\nb bob 2\nc carol 3\n");
    assert_true(set.sessions[0].handed_on);
    assert_true(set.sessions[1].handed_on);
    assert_false(set.sessions[2].handed_on);
    told_set_replace(&set, other, 2, true, 10, 300);
    assert_set(&set, "b bob 2\nc carol 3\n");
    told_set_finish(&set);
}

static void takes_no_more_than_fits(void **state)
{
    (void)state;
    struct told_set set = {0};
    const struct session_facts both[] = {facts_of("a", "alice", 1), facts_of("b", "bob", 2)};

    assert_int_equal(told_set_replace(&set, both, 2, true, 1, 100), 0);
    assert_set(&set, "a alice 1\n");
    told_set_finish(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_sorts_and_keeps_each_once),
        cmocka_unit_test(an_unknown_beginning_is_the_arrival),
        cmocka_unit_test(an_incomplete_set_ends_nothing),
        cmocka_unit_test(takes_no_more_than_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
