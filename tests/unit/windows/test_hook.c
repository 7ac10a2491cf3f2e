/* An administrator's command by cmd.exe. */
#include "agent/ctl/hook.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENDLESS "for /l %i in (0,0,1) do @rem"

static void commands(void **state)
{
    static const struct {
        const char *command;
        unsigned limit_ms;
        enum hook_result result;
        int status; /* of HOOK_FAILED */
    } cases[] = {
        {"if \"%FARMGATE_CODE%\"==\"gate_closed\" (exit 0) else (exit 1)", 20000, HOOK_DONE, 0},
        {"findstr gate >nul", 20000, HOOK_DONE, 0},
        {"rem does not read its input", 20000, HOOK_DONE, 0},
        {"exit 3", 20000, HOOK_FAILED, 3},
        {ENDLESS, 300, HOOK_TIMED_OUT, 0},
        {"start /b cmd /c \"" ENDLESS "\" & " ENDLESS, 300, HOOK_TIMED_OUT, 0},
    };
    const struct hook_variable variables[] = {{"FARMGATE_CODE", "gate_closed"}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = 0;
        time_t began = time(NULL);
        enum hook_result result =
            hook_run(cases[i].command, variables, 1, "{\"gate\":1}", cases[i].limit_ms, &status);
        if (result != cases[i].result || time(NULL) - began > 10)
            fail_msg("%s: %d (%d) in %ld s", cases[i].command, (int)result, status,
                     (long)(time(NULL) - began));
        if (result == HOOK_FAILED)
            assert_int_equal(WEXITSTATUS(status), cases[i].status);
    }
}

/* Whoever may write where the command line is used must not choose what runs. */
static void another_cmd_in_the_current_directory_is_not_run(void **state)
{
    const struct hook_variable variables[] = {{"FARMGATE_CODE", "gate_closed"}};
    int status = 0;
    (void)state;
    FILE *planted = fopen("cmd.exe", "w");
    assert_non_null(planted);
    assert_true(fputs("no program", planted) >= 0);
    assert_int_equal(fclose(planted), 0);
    enum hook_result result = hook_run("exit 3", variables, 1, "", 20000, &status);
    assert_int_equal(unlink("cmd.exe"), 0);
    assert_int_equal(result, HOOK_FAILED);
    assert_int_equal(WEXITSTATUS(status), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands),
        cmocka_unit_test(another_cmd_in_the_current_directory_is_not_run),
    };
    return cmocka_run_group_tests_name("hooks", tests, NULL, NULL);
}
