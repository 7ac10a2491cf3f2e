/* The service's controls, as Windows' manager sends them: from a thread of its own, before the program
 * listens, while it does, and after. wine's manager sends but two of them. */
#include "agent/service/service.h"
#include "agent/service/windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <windows.h>

#include <cmocka.h>

#define BY_HAND 128 /* the first that users may define */

struct heard {
    unsigned stops, reloads, sessions;
};

static void on_stop(void *data)
{
    ((struct heard *)data)->stops++;
}

static void on_reload(void *data)
{
    ((struct heard *)data)->reloads++;
}

static void on_sessions(void *data)
{
    ((struct heard *)data)->sessions++;
}

struct sent {
    uint32_t control, event;
    void *about;
    unsigned times;
    uint32_t answer;
};

static void send_all(void *data)
{
    struct sent *sent = data;
    for (unsigned i = 0; i < sent->times; i++)
        sent->answer = windows_service_control(sent->control, sent->event, sent->about, NULL);
}

/* As the manager does; the loop is not turned meanwhile. */
static uint32_t send_whole(struct sent sent)
{
    uv_thread_t thread;
    sent.answer = UINT32_MAX;
    assert_int_equal(uv_thread_create(&thread, send_all, &sent), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
    return sent.answer;
}

static uint32_t send_control(uint32_t control, unsigned times)
{
    return send_whole((struct sent){.control = control, .times = times});
}

struct house {
    uv_loop_t loop;
    struct heard heard;
};

static void turn(struct house *house)
{
    for (int i = 0; i < 3; i++)
        (void)uv_run(&house->loop, UV_RUN_NOWAIT);
}

static int open_house(void **state)
{
    static struct house house;
    house = (struct house){.heard = {0}};
    *state = &house;
    return uv_loop_init(&house.loop);
}

static void listen_to(struct house *house)
{
    const struct service_listener listener = {on_stop, on_reload, on_sessions, &house->heard};
    assert_int_equal(service_open(&house->loop, &listener), 0);
}

static int close_house(void **state)
{
    struct house *house = *state;
    service_close();
    (void)uv_run(&house->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&house->loop);
}

static void each_control_is_heard_by_the_loop(void **state)
{
    static const struct {
        uint32_t control, answer;
        struct heard heard;
    } controls[] = {
        {SERVICE_CONTROL_STOP, NO_ERROR, {.stops = 1}},
        {SERVICE_CONTROL_SHUTDOWN, NO_ERROR, {.stops = 1}},
        {SERVICE_CONTROL_PRESHUTDOWN, NO_ERROR, {.stops = 1}},
        {SERVICE_CONTROL_PARAMCHANGE, NO_ERROR, {.reloads = 1}},
        {SERVICE_CONTROL_SESSIONCHANGE, NO_ERROR, {.sessions = 1}},
        {SERVICE_CONTROL_INTERROGATE, NO_ERROR, {0}},
        {SERVICE_CONTROL_PAUSE, ERROR_CALL_NOT_IMPLEMENTED, {0}},
        {BY_HAND, ERROR_CALL_NOT_IMPLEMENTED, {0}},
    };
    struct house *house = *state;
    listen_to(house);
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
        house->heard = (struct heard){0};
        assert_int_equal(send_control(controls[i].control, 1), controls[i].answer);
        assert_memory_equal(&house->heard, &(struct heard){0}, sizeof(struct heard)); /* not on that thread */
        turn(house);
        assert_memory_equal(&house->heard, &controls[i].heard, sizeof(struct heard));
    }
}

/* WTS_CONSOLE_CONNECT to WTS_SESSION_TERMINATE, and what may come to be. */
static void every_event_of_a_session_is_heard(void **state)
{
    struct house *house = *state;
    listen_to(house);
    turn(house);
    for (uint32_t event = 1; event <= 16; event++) {
        WTSSESSION_NOTIFICATION *about = malloc(sizeof(*about));
        assert_non_null(about);
        *about = (WTSSESSION_NOTIFICATION){.cbSize = sizeof(*about), .dwSessionId = 3};
        assert_int_equal(send_whole((struct sent){SERVICE_CONTROL_SESSIONCHANGE, event, about, 1, 0}),
                         NO_ERROR);
        free(about); /* it is the manager's, and gone when the loop turns */
        turn(house);
        assert_int_equal(house->heard.sessions, event);
    }
    assert_int_equal(house->heard.stops + house->heard.reloads, 0);
}

static void many_at_once_are_one(void **state)
{
    struct house *house = *state;
    listen_to(house);
    (void)send_control(SERVICE_CONTROL_SESSIONCHANGE, 1000);
    turn(house);
    assert_int_equal(house->heard.sessions, 1);
    (void)send_control(SERVICE_CONTROL_SESSIONCHANGE, 1);
    turn(house);
    assert_int_equal(house->heard.sessions, 2);
}

static void what_came_too_early_is_told_later(void **state)
{
    struct house *house = *state;
    assert_int_equal(send_control(SERVICE_CONTROL_STOP, 1), NO_ERROR);
    listen_to(house);
    turn(house);
    assert_int_equal(house->heard.stops, 1);
}

static void what_comes_too_late_is_taken_and_told_nobody(void **state)
{
    struct house *house = *state;
    listen_to(house);
    service_close();
    assert_int_equal(send_control(SERVICE_CONTROL_SESSIONCHANGE, 1), NO_ERROR);
    turn(house);
    assert_int_equal(house->heard.sessions, 0);
    listen_to(house); /* nothing of it is left over */
    turn(house);
    assert_int_equal(house->heard.sessions, 1);
}

/* --- the program ------------------------------------------------------------------------------------------
 */

static int count_arguments(int argc, char **argv)
{
    return argc == 3 && strcmp(argv[1], "--config") == 0 && strcmp(argv[2], "x") == 0 ? 42 : 1;
}

static void without_the_managers_word_it_just_runs(void **state)
{
    (void)state;
    char name[] = "farmgated", option[] = "--config", value[] = "x";
    char *argv[] = {name, option, value, NULL};
    assert_int_equal(service_main(3, argv, count_arguments), 42);
    assert_int_equal(service_watchdog_ms(), 0);
}

static void the_machines_id_is_of_our_own_making(void **state)
{
    (void)state;
    char id[64] = "", again[64] = "", small[8] = "x";
    service_machine_id(id, sizeof(id));
    service_machine_id(again, sizeof(again));
    assert_int_equal(strlen(id), 32);
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_string_equal(id, again);
    service_machine_id(small, sizeof(small));
    assert_string_equal(small, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_control_is_heard_by_the_loop, open_house, close_house),
        cmocka_unit_test_setup_teardown(every_event_of_a_session_is_heard, open_house, close_house),
        cmocka_unit_test_setup_teardown(many_at_once_are_one, open_house, close_house),
        cmocka_unit_test_setup_teardown(what_came_too_early_is_told_later, open_house, close_house),
        cmocka_unit_test_setup_teardown(what_comes_too_late_is_taken_and_told_nobody, open_house,
                                        close_house),
        cmocka_unit_test(without_the_managers_word_it_just_runs),
        cmocka_unit_test(the_machines_id_is_of_our_own_making),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
