/* hook_windows.c - the command runs by cmd.exe, in a job of its own: what it has begun ends with it. */
#include "hook.h"

#include "common/platform/windows/temporary.h"
#include "common/platform/windows/wide.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define SHELL        L"\\cmd.exe"
#define COMMAND_FORM L"cmd.exe /d /s /c \"%ls\""

/* Set by a handler that runs on a thread of its own, and has nothing else to know it by. */
static HANDLE interrupted;

static BOOL WINAPI on_control(DWORD control)
{
    (void)control;
    return SetEvent(interrupted);
}

/* The input as a file without a name that anybody knows: a command that does not read it cannot hold us up.
 */
static HANDLE input_file(const char *input)
{
    DWORD written, bytes = (DWORD)strlen(input);
    HANDLE file = temporary_open(true);
    if (file == INVALID_HANDLE_VALUE)
        return file;
    if (WriteFile(file, input, bytes, &written, NULL) && written == bytes &&
        SetFilePointer(file, 0, NULL, FILE_BEGIN) == 0)
        return file;
    (void)CloseHandle(file);
    return INVALID_HANDLE_VALUE;
}

/* A job that ends with its last handle, which is ours. */
static HANDLE make_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.BasicLimitInformation.LimitFlags =
                                                       JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (job)
        (void)SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof(limits));
    return job;
}

/* Values are UTF-8, which the C runtime's setenv() is not. NULL takes them away again. */
static void set_variables(const struct hook_variable *variables, size_t count, bool there)
{
    for (size_t i = 0; i < count; i++) {
        wchar_t *name = wide_text(variables[i].name), *value = there ? wide_text(variables[i].value) : NULL;
        if (name)
            (void)SetEnvironmentVariableW(name, value);
        free(name);
        free(value);
    }
}

static HANDLE for_child(DWORD which)
{
    HANDLE own = GetStdHandle(which), its = NULL;
    if (!DuplicateHandle(GetCurrentProcess(), own, GetCurrentProcess(), &its, 0, TRUE, DUPLICATE_SAME_ACCESS))
        return NULL;
    return its;
}

/* Windows' own: by its name alone the first is taken that lies in the program's directory or the current one.
 */
static bool find_shell(wchar_t ret[MAX_PATH])
{
    const size_t room = MAX_PATH - sizeof(SHELL) / sizeof(wchar_t);
    UINT length = GetSystemDirectoryW(ret, (UINT)room);
    if (length == 0 || length >= room)
        return false;
    wcscpy(ret + length, SHELL);
    return true;
}

static wchar_t *command_line(const char *command)
{
    wchar_t *wide = wide_text(command);
    size_t room = wide ? wcslen(wide) + sizeof(COMMAND_FORM) / sizeof(wchar_t) : 0;
    wchar_t *line = wide ? calloc(room, sizeof(*line)) : NULL;
    if (line)
        (void)_snwprintf(line, room, COMMAND_FORM, wide);
    free(wide);
    return line;
}

/* In the job before its first step; NULL with errno set. */
static HANDLE start(const char *command, HANDLE input, HANDLE job, DWORD *ret_id)
{
    HANDLE output = for_child(STD_OUTPUT_HANDLE), errors = for_child(STD_ERROR_HANDLE);
    STARTUPINFOW how = {.cb = sizeof(how),
                        .dwFlags = STARTF_USESTDHANDLES,
                        .hStdInput = input,
                        .hStdOutput = output,
                        .hStdError = errors};
    PROCESS_INFORMATION child = {0};
    wchar_t shell[MAX_PATH], *line = command_line(command);
    bool started = line && find_shell(shell) &&
                   CreateProcessW(shell, line, NULL, NULL, TRUE, CREATE_SUSPENDED | CREATE_NEW_PROCESS_GROUP,
                                  NULL, NULL, &how, &child);
    if (line && !started)
        wide_errno();
    free(line);
    if (output)
        (void)CloseHandle(output);
    if (errors)
        (void)CloseHandle(errors);
    if (!started)
        return NULL;
    (void)AssignProcessToJobObject(job, child.hProcess);
    (void)ResumeThread(child.hThread);
    (void)CloseHandle(child.hThread);
    *ret_id = child.dwProcessId;
    return child.hProcess;
}

/* Whatever the command has begun ends with it, also what does not heed a break. */
static void stop(HANDLE child, DWORD id, HANDLE job)
{
    (void)GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, id);
    (void)WaitForSingleObject(child, HOOK_KILL_MS);
    (void)TerminateJobObject(job, 1);
    (void)WaitForSingleObject(child, INFINITE);
}

static enum hook_result attend(HANDLE child, DWORD id, HANDLE job, unsigned limit_ms, int *ret_status)
{
    const HANDLE awaited[] = {child, interrupted};
    DWORD code = 1, event = WaitForMultipleObjects(2, awaited, FALSE, limit_ms);
    if (event != WAIT_OBJECT_0)
        stop(child, id, job);
    if (event == WAIT_TIMEOUT)
        return HOOK_TIMED_OUT;
    if (event != WAIT_OBJECT_0) {
        *ret_status = SIGINT;
        return HOOK_INTERRUPTED;
    }
    (void)GetExitCodeProcess(child, &code);
    *ret_status = (int)(code & 0xFF) << 8; /* see sys/wait.h */
    return code == 0 ? HOOK_DONE : HOOK_FAILED;
}

enum hook_result hook_run(const char *command, const struct hook_variable *variables, size_t count,
                          const char *input, unsigned limit_ms, int *ret_status)
{
    enum hook_result result = HOOK_NOT_STARTED;
    HANDLE file = input_file(input), job = make_job(), child = NULL;
    DWORD id = 0;
    errno = EIO;
    interrupted = CreateEventW(NULL, TRUE, FALSE, NULL);
    (void)SetConsoleCtrlHandler(on_control, TRUE);
    (void)fflush(NULL);
    set_variables(variables, count, true);
    if (file != INVALID_HANDLE_VALUE && job && interrupted)
        child = start(command, file, job, &id);
    if (child)
        result = attend(child, id, job, limit_ms, ret_status);
    else
        *ret_status = errno;
    set_variables(variables, count, false);
    (void)SetConsoleCtrlHandler(on_control, FALSE);
    const HANDLE opened[] = {child, job, interrupted, file == INVALID_HANDLE_VALUE ? NULL : file};
    for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++)
        if (opened[i])
            (void)CloseHandle(opened[i]);
    return result;
}
