/* other_process.h - what another process sees: the test's own program anew, as "PROGRAM WORK WHAT". */
#ifndef FARMGATE_TESTS_OTHER_PROCESS_H
#define FARMGATE_TESTS_OTHER_PROCESS_H

#include <limits.h>
#include <uv.h>

static inline void other_process_ended(uv_process_t *process, int64_t code, int signal_number)
{
    *(int64_t *)process->data = signal_number ? -1 : code;
    uv_close((uv_handle_t *)process, NULL);
}

/* With what code it ended; -1 if it could not be started or did not come to its end. */
static inline int64_t other_process(const char *work, const char *what)
{
    char program[PATH_MAX];
    size_t bytes = sizeof program;
    int64_t code = -1;
    uv_loop_t loop;
    uv_process_t process = {.data = &code};
    uv_stdio_container_t streams[] = {
        {.flags = UV_IGNORE}, {.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD, .data.fd = 2}};
    char *arguments[] = {program, (char *)(uintptr_t)work, (char *)(uintptr_t)what, NULL};
    const uv_process_options_t options = {.file = program,
                                          .args = arguments,
                                          .exit_cb = other_process_ended,
                                          .stdio = streams,
                                          .stdio_count = 3};
    if (uv_exepath(program, &bytes) || uv_loop_init(&loop))
        return -1;
    (void)uv_spawn(&loop, &process, &options);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) ? -1 : code;
}

#endif
