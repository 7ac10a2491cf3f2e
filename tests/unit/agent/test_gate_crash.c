/* The agent may die between any two of its steps on the gate's files: what it leaves behind is right, and so
 * is what remains after the service manager has cleaned up (RULES §4: only deactivation survives the agent).
 */
#include "agent/gate.h"

#include "tests/unit/unit.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CRASHED 7

/* ---- an agent that dies ---- */

static int steps_left = INT_MAX; /* that may still be made to files */

static void step(void)
{
    if (steps_left-- == 0)
        _exit(CRASHED);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
ssize_t __real_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_write(int fd, const void *bytes, size_t count);

int __wrap_rename(const char *from, const char *to)
{
    step();
    return __real_rename(from, to);
}

int __wrap_unlink(const char *path)
{
    step();
    return __real_unlink(path);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t count)
{
    step();
    return __real_write(fd, bytes, count);
}

/* Runs `act` in a process that dies before its step number `steps`; false: it ended before. */
static bool dies(void (*act)(void *data), void *data, int steps)
{
    pid_t child = fork();
    int status;
    assert_true(child >= 0);
    if (child == 0) {
        steps_left = steps;
        act(data);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CRASHED);
    return WEXITSTATUS(status) == CRASHED;
}

/* ---- the files ---- */

static char directory[64];

static const char *in_directory(const char *name)
{
    static char path[sizeof(directory) + 256 + 1];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static bool exists(const char *name)
{
    struct stat status;
    return lstat(in_directory(name), &status) == 0;
}

/* "" if there is none. */
static void read_all(const char *name, char ret[256])
{
    FILE *file = fopen(in_directory(name), "r");
    size_t bytes = file ? fread(ret, 1, 255, file) : 0;
    ret[bytes] = '\0';
    if (file)
        (void)fclose(file);
}

static void make_directory(void)
{
    (void)strcpy(directory, "/tmp/farmgate-gate-XXXXXX");
    assert_non_null(mkdtemp(directory));
}

static void remove_directory(void)
{
    DIR *open_directory = opendir(directory);
    for (struct dirent *entry; open_directory && (entry = readdir(open_directory));)
        (void)unlink(in_directory(entry->d_name));
    (void)closedir(open_directory);
    assert_int_equal(rmdir(directory), 0);
}

/* ---- what the agent makes of them ---- */

static const struct scene {
    enum gate_state state;
    const char *text;
    const char *name; /* the only one in `present` */
} scenes[] = {
    {GATE_OPEN, "", "ann"},        {GATE_OPEN, "", "bob"},
    {GATE_RUN_OUT, "full", "ann"}, {GATE_RUN_OUT, "full, ask Frida", "bob"},
    {GATE_CLOSED, "over", "ann"},  {GATE_CLOSED, "revoked", "bob"},
};

struct change {
    struct gate gate;
    const struct scene *from, *to;
};

static void apply(struct gate *gate, const struct scene *scene)
{
    struct error_detail detail = {""};
    int error = gate_apply(gate, scene->state, scene->text, &scene->name, 1, &detail);
    if (error != 0)
        fail_msg("%s", detail.text);
}

static void make_change(void *data)
{
    struct change *change = data;
    apply(&change->gate, change->to);
}

static bool is_line(const char *text, const char *line)
{
    return strncmp(text, line, strlen(line)) == 0 && strcmp(text + strlen(line), "\n") == 0;
}

static bool stands(const char *nologin, const struct scene *scene)
{
    return scene->state != GATE_OPEN && is_line(nologin, scene->text);
}

static void expect_dead(const struct change *change)
{
    const struct scene *from = change->from, *to = change->to;
    char nologin[256], present[256];
    read_all("nologin", nologin);
    read_all("present", present);
    bool old = stands(nologin, from), new = stands(nologin, to);
    assert_true(old || new || !exists("nologin"));
    assert_true(is_line(present, from->name) || is_line(present, to->name));
    if (from->state != GATE_OPEN && to->state != GATE_OPEN) /* no moment without a gate */
        assert_true(exists("nologin"));
    if (new && !old) /* who may come back stands there before anybody is refused */
        assert_true(is_line(present, to->name));
    if ((old && from->state == GATE_RUN_OUT) || (new && to->state == GATE_RUN_OUT))
        assert_true(exists("run-out")); /* no nologin of a crowd stays for ever */
}

static void expect_cleaned(const struct change *change)
{
    const struct scene *from = change->from, *to = change->to;
    bool closed_before = from->state == GATE_CLOSED, closes = to->state == GATE_CLOSED;
    char nologin[256];
    read_all("nologin", nologin);
    assert_false(exists("run-out"));
    if (!closed_before && !closes)
        assert_false(exists("nologin"));
    if (closed_before && closes)
        assert_true(stands(nologin, from) || stands(nologin, to));
    if (closed_before && !closes) /* still, or no longer */
        assert_true(!exists("nologin") || stands(nologin, from));
    if (!closed_before && closes) /* not yet, or already */
        assert_true(!exists("nologin") || stands(nologin, to));
}

static void clean(void *data)
{
    struct error_detail detail = {""};
    (void)data;
    if (gate_after_stop(directory, &detail) != 0)
        fail_msg("%s", detail.text);
}

/* The agent dies before each of its steps from one scene to another. `known`: it is the one that made the
 * first, else one that finds the files of another. Returns the number of steps. */
static int die_everywhere(const struct scene *from, const struct scene *to, bool known)
{
    for (int steps = 0;; steps++) {
        struct change change = {.from = from, .to = to};
        struct gate made;
        struct error_detail detail;
        make_directory();
        gate_init(&made, directory);
        apply(&made, from);
        gate_init(&change.gate, directory);
        if (known)
            change.gate = made;
        bool died = dies(make_change, &change, steps);
        expect_dead(&change);
        clean(NULL);
        expect_cleaned(&change);
        made.directory[0] = '\0';
        assert_int_equal(gate_finish(&made, &detail), 0);
        remove_directory();
        if (!died)
            return steps;
    }
}

static void every_change_may_be_cut_off_anywhere(void **state)
{
    (void)state;
    for (size_t from = 0; from < COUNT(scenes); from++) {
        for (size_t to = 0; to < COUNT(scenes); to++) {
            int steps = die_everywhere(&scenes[from], &scenes[to], true);
            assert_int_equal(steps == 0, from == to); /* nothing to do, nothing done */
            assert_true(die_everywhere(&scenes[from], &scenes[to], false) > 0);
        }
    }
}

/* Cut off on the way from a crowd to a deactivation, and again on the way to another one. False: the first
 * was not cut off any more. */
static bool cut_off_twice(int first_steps, int second_steps, bool *ret_second_died)
{
    struct change first = {.from = &scenes[2], .to = &scenes[4]}, second = {.to = &scenes[5]};
    struct error_detail detail;
    char nologin[256];
    make_directory();
    gate_init(&first.gate, directory);
    apply(&first.gate, first.from);
    bool died = dies(make_change, &first, first_steps);
    read_all("nologin", nologin);
    bool deactivated = stands(nologin, first.to);
    gate_init(&second.gate, directory);
    *ret_second_died = dies(make_change, &second, second_steps);
    clean(NULL);
    read_all("nologin", nologin);
    assert_false(exists("run-out"));
    if (deactivated)
        assert_true(stands(nologin, first.to) || stands(nologin, second.to));
    else
        assert_true(!exists("nologin") || stands(nologin, second.to));
    assert_int_equal(gate_finish(&first.gate, &detail), 0);
    remove_directory();
    return died;
}

static void a_deactivation_that_stands_is_not_lost_on_the_way_to_another(void **state)
{
    (void)state;
    bool first_died = true;
    for (int first = 0; first_died; first++) {
        bool second_died = true;
        for (int second = 0; second_died; second++)
            first_died = cut_off_twice(first, second, &second_died);
    }
}

static void an_end_takes_away_what_must_not_stay(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scenes); i++) {
        struct gate gate;
        struct error_detail detail;
        char nologin[256];
        make_directory();
        gate_init(&gate, directory);
        apply(&gate, &scenes[i]);
        assert_int_equal(exists("run-out"), scenes[i].state == GATE_RUN_OUT);
        assert_int_equal(gate_finish(&gate, &detail), 0);
        assert_false(exists("run-out"));
        read_all("nologin", nologin);
        assert_int_equal(stands(nologin, &scenes[i]), scenes[i].state == GATE_CLOSED);
        assert_int_equal(exists("nologin"), scenes[i].state == GATE_CLOSED);
        assert_true(exists("present"));
        remove_directory();
    }
}

static void whoever_cleans_up_may_die_as_well(void **state)
{
    (void)state;
    for (int steps = 0, died = true; died; steps++) {
        struct gate gate;
        struct error_detail detail;
        make_directory();
        gate_init(&gate, directory);
        apply(&gate, &scenes[2]);
        died = dies(clean, NULL, steps);
        assert_true(exists("run-out") || !exists("nologin"));
        clean(NULL);
        assert_false(exists("nologin") || exists("run-out"));
        assert_int_equal(gate_finish(&gate, &detail), 0);
        remove_directory();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_may_be_cut_off_anywhere),
        cmocka_unit_test(whoever_cleans_up_may_die_as_well),
        cmocka_unit_test(a_deactivation_that_stands_is_not_lost_on_the_way_to_another),
        cmocka_unit_test(an_end_takes_away_what_must_not_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
