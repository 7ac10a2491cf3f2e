/* The session source of Windows, with readings that this test makes up: when it reads, and what it says. */
#include "agent/sessions/wts_read.h"
#include "tests/unit/unit.h"
#include "wts_heard.h"

#include <stdlib.h>
#include <string.h>

#define NO_NOTE_MS      400  /* longer than a note takes to be heard, shorter than any timer */
#define RETRIED_MS      1400 /* longer than it waits after a first failure */
#define LOOKED_AGAIN_MS 1400 /* longer than it waits where a kind is only guessed */

/* What the next readings find, made and read under its lock. */
static struct {
    uv_mutex_t lock;
    uv_sem_t held; /* a reading waits for it while hold is set */
    bool hold;
    unsigned readings;
    int result;
    struct wts_trouble trouble;
    const char *user; /* NULL: nobody */
    const char *program;
} host;

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static void fill(struct wts_snapshot *ret)
{
    *ret = (struct wts_snapshot){.sessions = calloc(1, sizeof(*ret->sessions)),
                                 .processes = calloc(1, sizeof(*ret->processes)),
                                 .computer = copy("TS01")};
    if (!host.user || !ret->sessions || !ret->processes)
        return;
    ret->session_count = 1;
    ret->sessions[0] = (struct wts_session){
        .id = 2,
        .user = copy(host.user),
        .domain = copy("CORP"),
        .state = WTS_STATE_ACTIVE,
        .protocol = WTS_PROTOCOL_RDP,
    };
    if (host.program) {
        ret->process_count = 1;
        ret->processes[0] = (struct wts_process){.session = 2, .name = copy(host.program)};
    }
}

int wts_read(struct wts_snapshot *ret_snapshot, struct wts_trouble *ret_trouble)
{
    uv_mutex_lock(&host.lock);
    host.readings++;
    bool hold = host.hold;
    uv_mutex_unlock(&host.lock);
    if (hold)
        uv_sem_wait(&host.held);
    uv_mutex_lock(&host.lock);
    int result = host.result;
    *ret_trouble = host.trouble;
    if (result == 0)
        fill(ret_snapshot);
    uv_mutex_unlock(&host.lock);
    return result;
}

static unsigned readings(void)
{
    uv_mutex_lock(&host.lock);
    unsigned count = host.readings;
    uv_mutex_unlock(&host.lock);
    return count;
}

static void now_is(const char *user, const char *program)
{
    uv_mutex_lock(&host.lock);
    host.result = 0;
    host.trouble = (struct wts_trouble){0};
    host.user = user;
    host.program = program;
    uv_mutex_unlock(&host.lock);
}

static void now_fails(int result, struct wts_trouble trouble)
{
    uv_mutex_lock(&host.lock);
    host.result = result;
    host.trouble = trouble;
    uv_mutex_unlock(&host.lock);
}

static void now_holds(bool hold)
{
    uv_mutex_lock(&host.lock);
    host.hold = hold;
    uv_mutex_unlock(&host.lock);
    if (!hold)
        uv_sem_post(&host.held);
}

static void note(struct wts_heard *heard)
{
    heard->source->type->refresh(heard->source);
}

#define ANN "2 CORP\\ann desktop rdp active no\n"
#define BOB "2 CORP\\bob desktop rdp active no\n"

static void a_note_makes_it_read_anew(void **state)
{
    struct wts_heard heard;
    (void)state;
    now_is("ann", "explorer.exe");
    wts_heard_start(&heard);
    wts_heard_until_set(&heard, ANN);
    now_is("bob", "explorer.exe");
    wts_heard_run_ms(&heard, NO_NOTE_MS);
    assert_string_equal(heard.set, ANN);
    note(&heard);
    assert_string_equal(heard.set, ANN); /* nothing is said from within the call */
    wts_heard_until_set(&heard, BOB);
    now_is(NULL, NULL);
    note(&heard);
    wts_heard_until_set(&heard, "");
    assert_int_equal(heard.healths, 0);
    wts_heard_stop(&heard);
}

static void many_notes_are_few_readings(void **state)
{
    struct wts_heard heard;
    (void)state;
    now_is("ann", "explorer.exe");
    wts_heard_start(&heard);
    wts_heard_until_set(&heard, ANN);
    unsigned before = readings();
    for (unsigned i = 0; i < 100; i++)
        note(&heard);
    wts_heard_until_sets(&heard, heard.sets + 1);
    wts_heard_run_ms(&heard, NO_NOTE_MS);
    assert_in_range(readings() - before, 1, 3);
    wts_heard_stop(&heard);
}

static void what_changes_during_a_reading_is_read_again(void **state)
{
    struct wts_heard heard;
    (void)state;
    now_is("ann", "explorer.exe");
    now_holds(true);
    unsigned before = readings();
    wts_heard_start(&heard);
    while (readings() == before)
        (void)uv_run(&heard.loop, UV_RUN_NOWAIT);
    note(&heard);
    wts_heard_run_ms(&heard, NO_NOTE_MS);
    assert_int_equal(readings() - before, 1); /* never two at once */
    assert_int_equal(heard.sets, 0);
    now_holds(false);
    wts_heard_until_sets(&heard, 2);
    wts_heard_run_ms(&heard, NO_NOTE_MS);
    assert_int_equal(readings() - before, 2);
    wts_heard_stop(&heard);
}

static void a_kind_that_is_guessed_is_looked_at_again(void **state)
{
    struct wts_heard heard;
    (void)state;
    now_is("ann", NULL);
    wts_heard_start(&heard);
    wts_heard_until_set(&heard, ANN);
    now_is("ann", "rdpshell.exe");
    wts_heard_until_set(&heard, "2 CORP\\ann application rdp active no\n");
    unsigned settled = readings();
    wts_heard_run_ms(&heard, LOOKED_AGAIN_MS);
    assert_int_equal(readings(), settled);
    wts_heard_stop(&heard);
}

/* While Remote Desktop Services start, it says why once, and tries again by itself. */
static void trouble_is_said_once_and_its_end_too(void **state)
{
    struct wts_heard heard;
    (void)state;
    now_fails(ERROR_IO, (struct wts_trouble){
                            .step = WTS_STEP_SESSIONS, .error = 1702, .service = WTS_SERVICE_STARTING});
    wts_heard_start(&heard);
    wts_heard_until_health(&heard, ERROR_UNREACHABLE, "still starting");
    unsigned before = readings();
    wts_heard_run_ms(&heard, RETRIED_MS);
    assert_true(readings() > before); /* by itself */
    assert_int_equal(heard.healths, 1);
    assert_int_equal(heard.sets, 0); /* nothing is known: nothing has ended */
    now_fails(ERROR_IO, (struct wts_trouble){.step = WTS_STEP_SESSIONS}); /* and it does not say why */
    note(&heard);
    wts_heard_until_health(&heard, ERROR_UNREACHABLE, "without a reason");
    now_is("ann", "explorer.exe");
    note(&heard);
    wts_heard_until_set(&heard, ANN);
    wts_heard_until_health(&heard, 0, "");
    assert_int_equal(heard.healths, 3);
    wts_heard_stop(&heard);
}

static void a_part_that_is_missing_is_said_beside_the_set(void **state)
{
    struct wts_heard heard;
    (void)state;
    now_is("ann", "explorer.exe");
    now_fails(0, (struct wts_trouble){.step = WTS_STEP_TOKENS, .error = 1314});
    wts_heard_start(&heard);
    wts_heard_until_health(&heard, HEARD_LIMIT, "administrators");
    assert_string_equal(heard.set, ANN);
    for (unsigned i = 2; i < 5; i++) {
        note(&heard);
        wts_heard_until_sets(&heard, i);
    }
    assert_int_equal(heard.healths, 1);
    now_is("ann", "explorer.exe");
    note(&heard);
    wts_heard_until_health(&heard, 0, "");
    wts_heard_stop(&heard);
}

static void without_memory_it_says_so_and_goes_on(void **state)
{
    struct wts_heard heard;
    (void)state;
    now_fails(ERROR_NO_MEMORY, (struct wts_trouble){0});
    wts_heard_start(&heard);
    wts_heard_until_health(&heard, ERROR_NO_MEMORY, "out of memory");
    now_is("ann", "explorer.exe");
    wts_heard_until_set(&heard, ANN);
    wts_heard_until_health(&heard, 0, "");
    wts_heard_stop(&heard);
}

static void it_may_be_stopped_at_any_time(void **state)
{
    struct wts_heard heard;
    (void)state;
    now_is("ann", "explorer.exe");
    for (unsigned turns = 0; turns < 6; turns++) {
        wts_heard_start(&heard);
        for (unsigned turn = 0; turn < turns; turn++)
            (void)uv_run(&heard.loop, UV_RUN_NOWAIT);
        note(&heard);
        wts_heard_stop(&heard);
    }
    now_holds(true); /* in the middle of a reading, which then finds it gone */
    unsigned before = readings();
    wts_heard_start(&heard);
    while (readings() == before)
        (void)uv_run(&heard.loop, UV_RUN_NOWAIT);
    now_holds(false);
    wts_heard_stop(&heard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_makes_it_read_anew),
        cmocka_unit_test(many_notes_are_few_readings),
        cmocka_unit_test(what_changes_during_a_reading_is_read_again),
        cmocka_unit_test(a_kind_that_is_guessed_is_looked_at_again),
        cmocka_unit_test(trouble_is_said_once_and_its_end_too),
        cmocka_unit_test(a_part_that_is_missing_is_said_beside_the_set),
        cmocka_unit_test(without_memory_it_says_so_and_goes_on),
        cmocka_unit_test(it_may_be_stopped_at_any_time),
    };
    if (uv_mutex_init(&host.lock) < 0 || uv_sem_init(&host.held, 0) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
