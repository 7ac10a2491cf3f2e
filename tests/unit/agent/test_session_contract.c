/* What source.h promises, of every source that was built in. */
#include "heard.h"
#include "private_run.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char script[64], utmp[64];

static int make_files(void **state)
{
    strcpy(script, "/tmp/farmgate-contract-XXXXXX");
    strcpy(utmp, "/tmp/farmgate-contract-XXXXXX");
    int a = mkstemp(script), b = mkstemp(utmp);
    return a < 0 || b < 0 || close(a) < 0 || close(b) < 0 ? -1 : private_run_make(state);
}

static int remove_files(void **state)
{
    (void)unlink(script);
    (void)unlink(utmp);
    return private_run_clear(state);
}

static struct source *start(const struct source_type *type, struct heard *heard)
{
    const struct source_settings settings = {
        .loop = &heard->loop, .host = "here", .scripted_file = script, .utmp_file = utmp};
    const struct source_listener listener = heard_listener(heard);
    struct error_detail detail;
    struct source *source = NULL;

    heard_init(heard);
    assert_int_equal(type->start(&settings, &listener, &source, &detail), 0);
    assert_ptr_equal(source->type, type);
    assert_int_equal(heard->sets + heard->healths, 0); /* nothing is said from within the call */
    return source;
}

static bool can_run(const struct source_type *type)
{
    return strcmp(type->name, "logind") != 0 || private_run_entered();
}

static void tells_its_set_and_tells_it_again_when_asked(void **state)
{
    (void)state;
    for (size_t i = 0; source_types[i] != NULL; i++) {
        struct heard heard;

        if (!can_run(source_types[i]))
            continue;
        struct source *source = start(source_types[i], &heard);
        heard_until(&heard, "");
        assert_true(heard.complete);
        unsigned sets = heard.sets;
        source->type->refresh(source);
        assert_int_equal(heard.sets, sets);
        heard_until_sets(&heard, sets + 1);
        assert_string_equal(heard.set, "");
        assert_int_equal(heard.healths, 0);
        heard_stop(&heard, source);
        heard_finish(&heard);
    }
}

static void says_nothing_after_it_is_stopped(void **state)
{
    (void)state;
    for (size_t i = 0; source_types[i] != NULL; i++)
        for (unsigned turns = 0; turns < 4; turns++) {
            struct heard heard;

            if (!can_run(source_types[i]))
                continue;
            struct source *source = start(source_types[i], &heard);
            for (unsigned turn = 0; turn < turns; turn++)
                uv_run(&heard.loop, UV_RUN_NOWAIT);
            source->type->refresh(source);
            heard_stop(&heard, source);
            heard_finish(&heard);
        }
}

static void is_silent_while_nothing_changes(void **state)
{
    (void)state;
    for (size_t i = 0; source_types[i] != NULL; i++) {
        struct heard heard;

        if (!can_run(source_types[i]))
            continue;
        struct source *source = start(source_types[i], &heard);
        heard_until(&heard, "");
        heard_run_ms(&heard, 300);
        unsigned sets = heard.sets;
        heard_run_ms(&heard, 1500);
        assert_int_equal(heard.sets, sets);
        heard_stop(&heard, source);
        heard_finish(&heard);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_its_set_and_tells_it_again_when_asked, make_files,
                                        remove_files),
        cmocka_unit_test_setup_teardown(says_nothing_after_it_is_stopped, make_files, remove_files),
        cmocka_unit_test_setup_teardown(is_silent_while_nothing_changes, make_files, remove_files),
    };

    private_run_enter();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
