/* sessions.c with sources whose every word the test says itself. */
#include "agent/sessions/sessions.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the sources ---------------------------------------------------------------------------------------- */

struct fake {
    struct source source;
    struct source_listener listener;
    unsigned refreshed;
};
static struct fake *fakes[2]; /* while they run */

static int start_fake(const struct source_settings *settings, const struct source_listener *listener,
                      struct source **ret, const struct source_type *type, unsigned place)
{
    struct fake *fake = calloc(1, sizeof(*fake));

    (void)settings;
    fake->source.type = type;
    fake->listener = *listener;
    fakes[place] = fake;
    *ret = &fake->source;
    return 0;
}

static void refresh_fake(struct source *source)
{
    ((struct fake *)source)->refreshed++;
}

static void stop_fake(struct source *source)
{
    for (size_t i = 0; i < COUNT(fakes); i++)
        if ((struct fake *)source == fakes[i])
            fakes[i] = NULL;
    free(source);
}

static const struct source_type first_type, second_type, broken_type;

static int start_first(const struct source_settings *settings, const struct source_listener *listener,
                       struct source **ret, struct error_detail *ret_detail)
{
    (void)ret_detail;
    return start_fake(settings, listener, ret, &first_type, 0);
}

static int start_second(const struct source_settings *settings, const struct source_listener *listener,
                        struct source **ret, struct error_detail *ret_detail)
{
    (void)ret_detail;
    return start_fake(settings, listener, ret, &second_type, 1);
}

static int start_broken(const struct source_settings *settings, const struct source_listener *listener,
                        struct source **ret, struct error_detail *ret_detail)
{
    (void)settings;
    (void)listener;
    (void)ret;
    error_detail_set(ret_detail, "it is broken");
    return ERROR_IO;
}

static const struct source_type first_type = {"first", start_first, refresh_fake, stop_fake};
static const struct source_type second_type = {"second", start_second, refresh_fake, stop_fake};
static const struct source_type broken_type = {"broken", start_broken, refresh_fake, stop_fake};
const struct source_type *const source_types[] = {&first_type, &second_type, &broken_type, NULL};

static struct session_facts rdp(const char *id, const char *user)
{
    return (struct session_facts){.host = "here",
                                  .id = id,
                                  .user = user,
                                  .service = "xrdp-sesman",
                                  .type = "x11",
                                  .session_class = "user",
                                  .connected_at_ms = 1000,
                                  .kind_known = -1,
                                  .route_known = -1,
                                  .administrator_known = -1};
}

static void tell_of(unsigned source, const char *host, const struct session_facts *sessions, size_t count)
{
    fakes[source]->listener.on_set(fakes[source]->listener.data, &fakes[source]->source, host, sessions,
                                   count, true);
}

static void tell(unsigned source, const struct session_facts *sessions, size_t count, bool complete)
{
    fakes[source]->listener.on_set(fakes[source]->listener.data, &fakes[source]->source, "here", sessions,
                                   count, complete);
}

/* --- the listener --------------------------------------------------------------------------------------- */

struct house {
    uv_loop_t loop;
    struct sessions *sessions;
    char handed[1024];  /* the last set: "id user administrator state" a line */
    unsigned elsewhere; /* sets of other hosts */
    unsigned sets, enumerated, asked;
    bool set_before_enumerated;
    int error;
    char error_source[32];
    unsigned limits;
    char limit[64]; /* "source: detail" */
    bool groups_known;
    const char *group; /* of everybody */
};

static void on_host_set(void *data, const char *host, const struct connection *connections, size_t count)
{
    struct house *house = data;
    size_t at = 0;

    if (strcmp(host, "here") != 0) {
        house->elsewhere++;
        return;
    }
    house->sets++;
    house->handed[0] = '\0';
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(house->handed + at, sizeof(house->handed) - at, "%s %s %s %s\n",
                               connections[i].id, connections[i].user,
                               administrator_name(connections[i].administrator),
                               connection_state_name(connections[i].state));
}

static void on_enumerated(void *data)
{
    struct house *house = data;

    house->enumerated++;
    house->set_before_enumerated = house->sets > 0;
}

static void on_health(void *data, const char *source, int error, const char *detail)
{
    struct house *house = data;

    (void)detail;
    house->error = error;
    snprintf(house->error_source, sizeof(house->error_source), "%s", source);
}

static void on_limit(void *data, const char *source, const char *detail)
{
    struct house *house = data;

    house->limits++;
    snprintf(house->limit, sizeof(house->limit), "%s: %s", source, detail);
}

static void groups(void *data, const char *user, struct user_groups *ret)
{
    struct house *house = data;

    (void)user;
    house->asked++;
    *ret = (struct user_groups){.groups = &house->group, .group_count = 1, .known = house->groups_known};
}

static const char *const administrators[] = {"sudo"};
static struct classify_settings default_settings(void)
{
    struct classify_settings settings = {.administrator_groups = administrators,
                                         .administrator_group_count = 1};

    settings.rules = classify_default_rules(&settings.rule_count);
    return settings;
}
static struct classify_settings classify_settings;

static int open_house(struct house *house, const char (*names)[32], size_t count,
                      struct error_detail *ret_detail)
{
    const struct sessions_listener listener = {.on_host_set = on_host_set,
                                               .on_enumerated = on_enumerated,
                                               .on_health = on_health,
                                               .on_limit = on_limit,
                                               .groups = groups,
                                               .data = house};

    memset(house, 0, sizeof(*house));
    house->groups_known = true;
    house->group = "users";
    classify_settings = default_settings();
    assert_int_equal(uv_loop_init(&house->loop), 0);
    return sessions_start(&house->loop, "here", "", names, count, &classify_settings, &listener,
                          &house->sessions, ret_detail);
}

static void open_with(struct house *house, unsigned sources)
{
    static const char names[][32] = {"first", "api", "second"};
    struct error_detail detail;

    assert_int_equal(open_house(house, names, sources == 1 ? 2 : 3, &detail), 0);
}

static void close_house(struct house *house)
{
    sessions_stop(house->sessions);
    uv_run(&house->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&house->loop), 0);
    assert_null(fakes[0]);
    assert_null(fakes[1]);
}

static void run_ms(struct house *house, uint64_t ms)
{
    uint64_t end = uv_hrtime() + ms * 1000000;

    while (uv_hrtime() < end) {
        uv_run(&house->loop, UV_RUN_NOWAIT);
        uv_sleep(5);
    }
}

/* --- the tests ------------------------------------------------------------------------------------------ */

static void hands_on_when_every_source_has_told(void **state)
{
    (void)state;
    struct house house;
    struct session_facts one = rdp("c1", "alice"), two = rdp("c2", "bob");

    open_with(&house, 2);
    tell(0, &one, 1, true);
    assert_int_equal(house.sets, 0);
    assert_true(sessions_speak_of(house.sessions, "renamed")); /* the second may yet tell of it */
    tell(1, &two, 1, true);
    assert_true(sessions_speak_of(house.sessions, "here"));
    assert_false(sessions_speak_of(house.sessions, "renamed"));
    assert_string_equal(house.handed, "c1 alice no active\nc2 bob no active\n");
    assert_int_equal(house.enumerated, 1);
    assert_true(house.set_before_enumerated);
    two.state = CONNECTION_DISCONNECTED;
    tell(1, &two, 1, true);
    assert_string_equal(house.handed, "c1 alice no active\nc2 bob no disconnected\n");
    tell(0, NULL, 0, true);
    assert_string_equal(house.handed, "c2 bob no disconnected\n");
    assert_int_equal(house.enumerated, 1);
    close_house(&house);
}

static void every_host_is_told_before_the_first_is_handed_on(void **state)
{
    (void)state;
    struct house house;
    struct session_facts one = rdp("c1", "alice"), two = rdp("c1", "bob");

    open_with(&house, 1);
    tell_of(0, "there", &two, 1);
    assert_int_equal(house.elsewhere, 0);
    assert_true(sessions_speak_of(house.sessions, "yonder")); /* may yet be told of */
    tell_of(0, "yonder", &two, 1);
    tell(0, &one, 1, true);
    assert_int_equal(house.elsewhere, 2);
    assert_int_equal(house.enumerated, 1);
    assert_false(sessions_speak_of(house.sessions, "gone"));
    close_house(&house);
}

static void the_first_source_is_right_about_a_session(void **state)
{
    (void)state;
    struct house house;
    struct session_facts one = rdp("c1", "alice"), same = rdp("c1", "alice");

    same.state = CONNECTION_DISCONNECTED;
    open_with(&house, 2);
    tell(1, &same, 1, true);
    tell(0, &one, 1, true);
    assert_string_equal(house.handed, "c1 alice no active\n");
    tell(0, NULL, 0, true);
    assert_string_equal(house.handed, "c1 alice no disconnected\n");
    close_house(&house);
}

static void an_incomplete_set_ends_nothing(void **state)
{
    (void)state;
    struct house house;
    const struct session_facts both[] = {rdp("c1", "alice"), rdp("c2", "bob")};

    open_with(&house, 1);
    tell(0, &both[0], 1, false);
    assert_int_equal(house.sets, 0); /* what the store knows must not end by it either */
    assert_int_equal(house.enumerated, 0);
    tell(0, &both[1], 1, true);
    assert_string_equal(house.handed, "c2 bob no active\n");
    tell(0, &both[0], 1, false);
    assert_string_equal(house.handed, "c1 alice no active\nc2 bob no active\n");
    close_house(&house);
}

static bool list_ignored(void *data, const struct session_facts *facts, const struct classify_result *result)
{
    char *text = data;

    sprintf(text + strlen(text), "%s %s %d\n", facts->id,
            result->outcome == CLASSIFY_CLOSING ? "closing" : "ignored", result->rule);
    return true;
}

static void what_is_not_handed_on_can_be_seen(void **state)
{
    (void)state;
    struct house house;
    struct session_facts sessions[] = {rdp("c1", "alice"), rdp("c2", "bob"), rdp("c3", "carol"),
                                       rdp("c4", "bell\a")};
    char ignored[256] = "";

    sessions[1].closing = true;
    sessions[2].service = "sshd";
    open_with(&house, 1);
    tell(0, sessions, COUNT(sessions), true);
    assert_string_equal(house.handed, "c1 alice no active\n");
    sessions_each_ignored(house.sessions, list_ignored, ignored);
    assert_non_null(strstr(ignored, "c2 closing "));
    assert_non_null(strstr(ignored, "c3 ignored "));
    assert_non_null(strstr(ignored, "c4 ignored 0\n"));
    close_house(&house);
}

static void an_administrator_is_never_counted_first(void **state)
{
    (void)state;
    struct house house;
    struct session_facts both[] = {rdp("c1", "alice"), rdp("c2", "bob")};

    open_with(&house, 1);
    house.groups_known = false;
    tell(0, both, 1, true);
    assert_int_equal(house.enumerated, 0);
    house.groups_known = true;
    house.group = "sudo";
    sessions_groups_changed(house.sessions);
    assert_string_equal(house.handed, "c1 alice yes active\n");
    assert_int_equal(house.enumerated, 1);

    house.groups_known = false; /* bob's are asked for; alice, handed on, does not vanish */
    tell(0, both, 2, true);
    assert_string_equal(house.handed, "c1 alice unknown active\n");
    house.groups_known = true;
    sessions_groups_changed(house.sessions);
    assert_string_equal(house.handed, "c1 alice yes active\nc2 bob yes active\n");
    close_house(&house);
}

static void groups_that_never_come_are_not_waited_for(void **state)
{
    (void)state;
    struct house house;
    struct session_facts one = rdp("c1", "alice");

    open_with(&house, 1);
    house.groups_known = false;
    tell(0, &one, 1, true);
    run_ms(&house, SESSIONS_GROUPS_MS - 300);
    assert_int_equal(house.sets, 0);
    run_ms(&house, 700);
    assert_string_equal(house.handed, "c1 alice unknown active\n");
    assert_int_equal(house.enumerated, 1);
    close_house(&house);
}

static void a_source_that_knows_all_needs_no_groups(void **state)
{
    (void)state;
    struct house house;
    struct session_facts one = rdp("c1", "alice");

    one.kind_known = KIND_DESKTOP;
    one.route_known = ROUTE_BROKER;
    one.administrator_known = ADMINISTRATOR_YES;
    open_with(&house, 1);
    house.groups_known = false;
    tell(0, &one, 1, true);
    assert_string_equal(house.handed, "c1 alice yes active\n");
    assert_int_equal(house.asked, 0);
    close_house(&house);
}

static void a_silent_source_does_not_keep_the_gate_waiting(void **state)
{
    (void)state;
    struct house house;
    struct session_facts one = rdp("c1", "alice");

    open_with(&house, 2);
    tell(0, &one, 1, true);
    run_ms(&house, SESSIONS_ENUMERATE_MS - 500);
    assert_int_equal(house.enumerated, 0);
    run_ms(&house, 800);
    assert_int_equal(house.enumerated, 1);
    assert_string_equal(house.handed, "c1 alice no active\n");
    close_house(&house);
}

static void without_sources_it_is_enumerated_at_once(void **state)
{
    (void)state;
    static const char names[][32] = {"api"};
    struct house house;
    struct error_detail detail;

    assert_int_equal(open_house(&house, names, 1, &detail), 0);
    assert_int_equal(house.enumerated, 0); /* from the loop, not from within the call */
    assert_false(sessions_speak_of(house.sessions, "here"));
    run_ms(&house, 20);
    assert_int_equal(house.enumerated, 1);
    assert_int_equal(house.sets, 0);
    close_house(&house);
}

static void new_rules_hold_at_once(void **state)
{
    (void)state;
    static const struct classify_rule nobody = {.remote = -1, .ignore = true};
    static const struct classify_settings ignore_all = {.rules = &nobody, .rule_count = 1};
    struct house house;
    struct session_facts one = rdp("c1", "alice");

    open_with(&house, 1);
    tell(0, &one, 1, true);
    assert_string_equal(house.handed, "c1 alice no active\n");
    sessions_reconfigure(house.sessions, &ignore_all);
    assert_string_equal(house.handed, "");
    sessions_refresh(house.sessions);
    assert_int_equal(fakes[0]->refreshed, 1);
    close_house(&house);
}

static void health_names_the_source(void **state)
{
    (void)state;
    struct house house;

    open_with(&house, 2);
    fakes[1]->listener.on_limit(fakes[1]->listener.data, &fakes[1]->source, "not all of it");
    assert_string_equal(house.limit, "second: not all of it");
    assert_int_equal(house.limits, 1);
    assert_int_equal(house.error, 0);
    fakes[1]->listener.on_health(fakes[1]->listener.data, &fakes[1]->source, ERROR_IO, "gone");
    assert_int_equal(house.error, ERROR_IO);
    assert_string_equal(house.error_source, "second");
    close_house(&house);
}

static void a_source_that_cannot_start_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char name[1][32];
        int error;
        const char *detail;
    } cases[] = {
        {{"broken"}, ERROR_IO, "it is broken"},
        {{"magic"}, ERROR_NOT_FOUND, "there is no session source 'magic' here"},
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct house house;
        struct error_detail detail;
        char names[2][32] = {"first"};

        strcpy(names[1], cases[i].name[0]);
        assert_int_equal(open_house(&house, (const char(*)[32])names, 2, &detail), cases[i].error);
        assert_string_equal(detail.text, cases[i].detail);
        assert_null(house.sessions);
        assert_null(fakes[0]); /* what had started was stopped */
        uv_run(&house.loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&house.loop), 0);
    }
    sessions_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_on_when_every_source_has_told),
        cmocka_unit_test(every_host_is_told_before_the_first_is_handed_on),
        cmocka_unit_test(the_first_source_is_right_about_a_session),
        cmocka_unit_test(an_incomplete_set_ends_nothing),
        cmocka_unit_test(what_is_not_handed_on_can_be_seen),
        cmocka_unit_test(an_administrator_is_never_counted_first),
        cmocka_unit_test(groups_that_never_come_are_not_waited_for),
        cmocka_unit_test(a_source_that_knows_all_needs_no_groups),
        cmocka_unit_test(a_silent_source_does_not_keep_the_gate_waiting),
        cmocka_unit_test(without_sources_it_is_enumerated_at_once),
        cmocka_unit_test(new_rules_hold_at_once),
        cmocka_unit_test(health_names_the_source),
        cmocka_unit_test(a_source_that_cannot_start_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
