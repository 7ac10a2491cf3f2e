#include "agent/account_lookup.h"
#include "agent/accounts.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The name service in the test's hands: getpwnam_r is linked with --wrap. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool blocked;   /* look-ups wait until it is false */
    int fails_with; /* errno of every look-up, 0: the real answer */
    unsigned calls, inside, inside_most;
} service = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

int __real_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t room,
                      struct passwd **result);
int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t room,
                      struct passwd **result);
int __wrap_getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t room,
                      struct passwd **result)
{
    pthread_mutex_lock(&service.lock);
    service.calls++;
    service.inside++;
    service.inside_most = service.inside > service.inside_most ? service.inside : service.inside_most;
    while (service.blocked)
        pthread_cond_wait(&service.moved, &service.lock);
    int fails_with = service.fails_with;
    service.inside--;
    pthread_mutex_unlock(&service.lock);
    if (fails_with != 0) {
        *result = NULL;
        return fails_with;
    }
    return __real_getpwnam_r(name, entry, buffer, room, result);
}

static int
    told_groups; /* getgrouplist's answer for "root": 0 the real one, -1 never enough room, else a count */
int __real_getgrouplist(const char *user, gid_t group, gid_t *groups, int *count);
int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *count);
int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *count)
{
    if (told_groups == 0)
        return __real_getgrouplist(user, group, groups, count);
    if (told_groups < 0 || *count < told_groups)
        return -1;
    for (int i = 0; i < told_groups; i++)
        groups[i] = i % 2 ? 4000000 + (gid_t)i : 0; /* every other one without a name */
    *count = told_groups;
    return told_groups;
}

static void set_service(bool blocked, int fails_with)
{
    pthread_mutex_lock(&service.lock);
    service.blocked = blocked;
    service.fails_with = fails_with;
    pthread_cond_broadcast(&service.moved);
    pthread_mutex_unlock(&service.lock);
}

struct room {
    uv_loop_t loop;
    struct accounts *accounts;
    unsigned answers, changes, closed;
    struct account last;
    char first_group[64];
};

static void on_answer(void *data, const struct account *account)
{
    struct room *room = data;
    room->answers++;
    room->last = *account;
    if (account->group_count > 0)
        snprintf(room->first_group, sizeof(room->first_group), "%s", account->groups[0]);
}

static void on_change(void *data)
{
    ((struct room *)data)->changes++;
}

static void on_closed(void *data)
{
    ((struct room *)data)->closed++;
}

static int open_room(void **state)
{
    struct room *room = calloc(1, sizeof(*room));
    uv_loop_init(&room->loop);
    room->accounts = accounts_create(&room->loop);
    accounts_on_change(room->accounts, on_change, room);
    service.calls = service.inside_most = 0;
    *state = room;
    return room->accounts ? 0 : -1;
}

static int close_room(void **state)
{
    struct room *room = *state;
    set_service(false, 0);
    told_groups = 0;
    if (room->accounts)
        accounts_close(room->accounts, on_closed, room);
    uv_run(&room->loop, UV_RUN_DEFAULT);
    int busy = uv_loop_close(&room->loop);
    bool ok = busy == 0 && room->closed == 1;
    free(room);
    return ok ? 0 : -1;
}

/* Turns the loop until something is true, at most 5 s. */
#define TURN_UNTIL(room, condition)                                      \
    for (unsigned turns_ = 0; !(condition) && turns_ < 5000; turns_++) { \
        uv_run(&(room)->loop, UV_RUN_NOWAIT);                            \
        usleep(1000);                                                    \
    }                                                                    \
    assert_true(condition)

static void tells_the_groups_of_real_users(void **state)
{
    struct room *room = *state;
    struct passwd *root = getpwnam("root");
    assert_non_null(root);
    char primary[64];
    snprintf(primary, sizeof(primary), "%s", getgrgid(root->pw_gid)->gr_name);
    accounts_ask(room->accounts, "root", 5000, on_answer, room);
    assert_int_equal(room->answers, 0);
    TURN_UNTIL(room, room->answers == 1);
    assert_true(room->last.known && room->last.exists && room->last.superuser);
    assert_string_equal(room->first_group, primary);
    accounts_ask(room->accounts, "nobody", 5000, on_answer, room);
    TURN_UNTIL(room, room->answers == 2);
    assert_true(room->last.known && room->last.exists && !room->last.superuser);
    accounts_ask(room->accounts, "no such user", 5000, on_answer, room);
    TURN_UNTIL(room, room->answers == 3);
    assert_true(room->last.known && !room->last.exists && !room->last.superuser);
    assert_int_equal(room->last.group_count, 0);
}

static void answers_from_the_cache_at_once(void **state)
{
    struct room *room = *state;
    assert_false(accounts_get(room->accounts, "root").known);
    TURN_UNTIL(room, accounts_get(room->accounts, "root").known);
    unsigned calls = service.calls;
    accounts_ask(room->accounts, "root", 5000, on_answer, room);
    assert_int_equal(room->answers, 1);
    for (int i = 0; i < 20; i++)
        uv_run(&room->loop, UV_RUN_NOWAIT);
    assert_int_equal(service.calls, calls);
}

static void says_once_that_answers_came(void **state)
{
    struct room *room = *state;
    static const char *const users[] = {"root", "nobody", "daemon", "no-such-user"};
    set_service(true, 0);
    for (size_t i = 0; i < COUNT(users); i++)
        (void)accounts_get(room->accounts, users[i]);
    set_service(false, 0);
    TURN_UNTIL(room, accounts_get(room->accounts, "no-such-user").known);
    TURN_UNTIL(room, room->changes > 0);
    usleep(30000);
    for (int i = 0; i < 20; i++)
        uv_run(&room->loop, UV_RUN_NOWAIT);
    assert_true(room->changes >= 1 && room->changes <= 2);
}

static void at_most_two_look_ups_run_at_a_time(void **state)
{
    struct room *room = *state;
    char user[32];
    set_service(true, 0);
    for (int i = 0; i < 50; i++) {
        snprintf(user, sizeof(user), "nobody-%d", i);
        accounts_ask(room->accounts, user, 5000, on_answer, room);
    }
    TURN_UNTIL(room, service.inside == ACCOUNTS_THREADS);
    usleep(20000);
    uv_run(&room->loop, UV_RUN_NOWAIT);
    assert_int_equal(room->answers, 0);
    set_service(false, 0);
    TURN_UNTIL(room, room->answers == 50);
    assert_int_equal(service.inside_most, ACCOUNTS_THREADS);
}

static void a_slow_service_is_not_waited_for(void **state)
{
    struct room *room = *state;
    set_service(true, 0);
    uint64_t before = uv_hrtime();
    accounts_ask(room->accounts, "root", 50, on_answer, room);
    accounts_ask(room->accounts, "root", 20, on_answer, room);
    TURN_UNTIL(room, room->answers == 2);
    assert_true(uv_hrtime() - before >= UINT64_C(45000000));
    assert_false(room->last.known);
    assert_int_equal(service.calls, 1);
    set_service(false, 0);
    TURN_UNTIL(room, accounts_get(room->accounts, "root").known);
    assert_int_equal(room->answers, 2);
}

static void a_failing_service_leaves_users_unknown_and_is_given_peace(void **state)
{
    struct room *room = *state;
    set_service(false, EIO);
    accounts_ask(room->accounts, "root", 5000, on_answer, room);
    TURN_UNTIL(room, room->answers == 1);
    assert_false(room->last.known);
    set_service(false, 0);
    unsigned calls = service.calls;
    accounts_ask(room->accounts, "root", 5000, on_answer, room);
    assert_int_equal(room->answers, 2);
    assert_false(room->last.known);
    assert_int_equal(service.calls, calls);
    assert_int_equal(room->changes, 0);
}

static void an_error_of_getgrouplist_is_an_error(void **state)
{
    (void)state;
    told_groups = -1;
    assert_null(account_lookup("root"));
}

static void many_groups_are_cut_and_nameless_ones_left_out(void **state)
{
    (void)state;
    told_groups = 1000;
    struct account_answer *answer = account_lookup("root");
    assert_non_null(answer);
    assert_int_equal(answer->group_count, ACCOUNTS_GROUPS_MAX);
    free(answer);
    told_groups = 10;
    answer = account_lookup("root");
    assert_int_equal(answer->group_count, 5);
    free(answer);
}

static void closing_answers_those_who_wait(void **state)
{
    struct room *room = *state;
    set_service(true, 0);
    for (int i = 0; i < 3; i++)
        accounts_ask(room->accounts, "root", 5000, on_answer, room);
    accounts_ask(room->accounts, "nobody", 5000, on_answer, room);
    TURN_UNTIL(room, service.inside > 0);
    accounts_close(room->accounts, on_closed, room);
    room->accounts = NULL;
    assert_int_equal(room->answers, 4);
    assert_false(room->last.known);
    TURN_UNTIL(room, room->closed == 1); /* while the look-up still hangs */
    assert_true(service.inside > 0);
}

static void ask_again(void *data, const struct account *account)
{
    struct room *room = data;
    on_answer(room, account);
    accounts_ask(room->accounts, "daemon", 5000, on_answer, room);
    (void)accounts_get(room->accounts, "nobody");
}

static void close_inside(void *data, const struct account *account)
{
    struct room *room = data;
    on_answer(room, account);
    struct accounts *accounts = room->accounts;
    room->accounts = NULL; /* closing answers the other one */
    accounts_close(accounts, on_closed, room);
}

static void an_answer_may_lead_to_anything(void **state)
{
    struct room *room = *state;
    accounts_ask(room->accounts, "root", 5000, ask_again, room);
    TURN_UNTIL(room, room->answers == 2);
    accounts_ask(room->accounts, "bin", 5000, close_inside, room);
    accounts_ask(room->accounts, "bin", 5000, close_inside, room);
    TURN_UNTIL(room, room->answers == 4);
}

static void the_cache_stays_within_its_limit(void **state)
{
    struct room *room = *state;
    char user[32];
    set_service(false, ENOENT);
    (void)accounts_get(room->accounts, "first");
    TURN_UNTIL(room, accounts_get(room->accounts, "first").known);
    for (int i = 0; i < ACCOUNTS_CACHED_MAX + 100; i++) {
        snprintf(user, sizeof(user), "u%d", i);
        (void)accounts_get(room->accounts, user);
        if (i % 64 == 0)
            uv_run(&room->loop, UV_RUN_NOWAIT);
    }
    for (int i = 0; i < 200; i++) { /* full of users that wait: nobody is thrown out for one more */
        snprintf(user, sizeof(user), "late%d", i);
        assert_false(accounts_get(room->accounts, user).known);
    }
    assert_false(accounts_get(room->accounts, "first").known);
    while (service.calls <= ACCOUNTS_CACHED_MAX) /* each look-up wakes the loop */
        uv_run(&room->loop, UV_RUN_ONCE);
    accounts_ask(room->accounts, "newcomer", 5000, on_answer, room);
    TURN_UNTIL(room, room->answers == 1);
    assert_true(room->last.known);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, open_room, close_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOM(tells_the_groups_of_real_users),
        IN_ROOM(answers_from_the_cache_at_once),
        IN_ROOM(says_once_that_answers_came),
        IN_ROOM(at_most_two_look_ups_run_at_a_time),
        IN_ROOM(a_slow_service_is_not_waited_for),
        IN_ROOM(a_failing_service_leaves_users_unknown_and_is_given_peace),
        IN_ROOM(an_error_of_getgrouplist_is_an_error),
        IN_ROOM(many_groups_are_cut_and_nameless_ones_left_out),
        IN_ROOM(closing_answers_those_who_wait),
        IN_ROOM(an_answer_may_lead_to_anything),
        IN_ROOM(the_cache_stays_within_its_limit),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
