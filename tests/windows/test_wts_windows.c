/* The session source on Windows, all of it, with a wtsapi32.dll that tells what this test writes into its
 * script: a session's whole life, names of all kinds, and everything that Windows may refuse. */
#include "tests/unit/agent/wts_heard.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define LOGON    "133485408000000000" /* 2024-01-01T00:00:00Z */
#define LOGON_MS 1704067200000

/* In the directory of this program, where its wtsapi32.dll is. */
static wchar_t beside[MAX_PATH];

static const wchar_t *path_beside(const wchar_t *name, wchar_t ret[MAX_PATH])
{
    assert_true(wcslen(beside) + wcslen(name) < MAX_PATH);
    wcscpy(ret, beside);
    wcscat(ret, name);
    return ret;
}

/* --- the script ----------------------------------------------------------------------------------------- */

static void script_is(const char *text)
{
    wchar_t script[MAX_PATH], fresh[MAX_PATH];
    DWORD written;
    HANDLE file =
        CreateFileW(path_beside(L"wtsapi32.fresh", fresh), GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    assert_ptr_not_equal(file, INVALID_HANDLE_VALUE);
    assert_true(WriteFile(file, text, (DWORD)strlen(text), &written, NULL));
    assert_true(CloseHandle(file));
    assert_true(MoveFileExW(fresh, path_beside(L"wtsapi32.script", script), MOVEFILE_REPLACE_EXISTING));
}

/* Writes the script, and has the service manager's note come. */
static void now_is(struct wts_heard *heard, const char *text)
{
    script_is(text);
    source_wts.refresh(heard->source);
}

static LONG told_by_dll(const char *function)
{
    FARPROC found = GetProcAddress(GetModuleHandleW(L"wtsapi32.dll"), function);
    assert_non_null(found); /* else it is Windows' own */
    return ((LONG(*)(void))(void (*)(void))found)();
}

static void stop(struct wts_heard *heard)
{
    wts_heard_stop(heard);
    assert_int_equal(told_by_dll("scripted_outstanding"), 0);
    assert_int_equal(told_by_dll("scripted_mistakes"), 0);
}

/* --- programs under other names ------------------------------------------------------------------------- */

struct program {
    wchar_t path[MAX_PATH];
    PROCESS_INFORMATION process;
};

static void run_as(const wchar_t *directory, const wchar_t *name, struct program *ret)
{
    wchar_t sleeper[MAX_PATH];
    STARTUPINFOW startup = {.cb = sizeof(startup)};
    (void)CreateDirectoryW(directory, NULL);
    wcscpy(ret->path, directory);
    wcscat(ret->path, L"\\");
    wcscat(ret->path, name);
    assert_true(CopyFileW(path_beside(L"sleeper.exe", sleeper), ret->path, FALSE));
    assert_true(CreateProcessW(ret->path, NULL, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &ret->process));
}

static void end(struct program *program)
{
    assert_true(TerminateProcess(program->process.hProcess, 0));
    (void)WaitForSingleObject(program->process.hProcess, INFINITE);
    (void)CloseHandle(program->process.hProcess);
    (void)CloseHandle(program->process.hThread);
    (void)DeleteFileW(program->path);
}

static const char *process_line(const struct program *program, const char *name)
{
    static char line[64];
    (void)snprintf(line, sizeof(line), "process %lu; session 3; name %s\n", program->process.dwProcessId,
                   name);
    return line;
}

/* --- a session's life ----------------------------------------------------------------------------------- */

#define ANN_IS "session 3; user ann; domain CORP; client PC-7; logon " LOGON "; token user; "
#define RDP    "state 0; protocol 2; remote 1"
#define GONE   "state 4; protocol 0; remote 0"
#define SHELL  "process 999999; session 3; name explorer.exe\n"

static void from_connect_to_log_off(void **state)
{
    struct wts_heard heard;
    struct program rdpshell;
    wchar_t system[MAX_PATH];
    char script[512];
    (void)state;
    assert_true(GetSystemDirectoryW(system, MAX_PATH) > 0);
    run_as(system, L"rdpshell.exe", &rdpshell);

    script_is("session 65536; state 6; protocol 2\nsession 1; state 1; protocol 0\n");
    wts_heard_start(&heard);
    wts_heard_until_set(&heard, "");
    now_is(&heard, ANN_IS RDP "\n" SHELL);
    wts_heard_until_set(&heard, "3 CORP\\ann desktop rdp active no PC-7\n");
    assert_int_equal(heard.began_ms, LOGON_MS);
    now_is(&heard, "session 3; user ann; domain CORP; logon " LOGON "; token user; " GONE "\n" SHELL);
    wts_heard_until_set(&heard, "3 CORP\\ann desktop rdp disconnected no\n");
    (void)snprintf(script, sizeof(script), "%s%s", ANN_IS RDP "; program rdpinit.exe\n",
                   process_line(&rdpshell, "rdpshell.exe"));
    now_is(&heard, script); /* as the other kind */
    wts_heard_until_set(&heard, "3 CORP\\ann application rdp active no PC-7\n");
    assert_int_equal(heard.began_ms, LOGON_MS); /* it is the same log-on still */
    now_is(&heard, ANN_IS "state 7; protocol 2; remote 1\n");
    wts_heard_until_set(&heard, "3 CORP\\ann application rdp active no PC-7 closing\n");
    now_is(&heard, "");
    wts_heard_until_set(&heard, "");
    assert_int_equal(heard.healths, 0);
    stop(&heard);
    end(&rdpshell);
}

static void a_shell_counts_only_where_windows_has_it(void **state)
{
    struct wts_heard heard;
    struct program namesake;
    wchar_t elsewhere[MAX_PATH];
    char script[512];
    (void)state;
    run_as(path_beside(L"elsewhere", elsewhere), L"rdpshell.exe", &namesake);
    (void)snprintf(script, sizeof(script), "%s%s", ANN_IS RDP "\n" SHELL,
                   process_line(&namesake, "rdpshell.exe"));
    script_is(script);
    wts_heard_start(&heard);
    wts_heard_until_set(&heard, "3 CORP\\ann desktop rdp active no PC-7\n");
    stop(&heard);
    end(&namesake);
    (void)RemoveDirectoryW(elsewhere);
}

static void remote_and_console_are_told_apart(void **state)
{
    struct wts_heard heard;
    (void)state;
    script_is("session 1; user ann; domain CORP; protocol 0; remote 0; token user\n"
              "session 2; user bob; domain CORP; protocol 2; remote 1; token administrator; client PC-8\n"
              "session 3; user cem; domain CORP; protocol 0; remote 1; token user\n"
              "process 9; session 2; name explorer.exe\nprocess 10; session 3; name explorer.exe\n");
    wts_heard_start(&heard);
    wts_heard_until_set(&heard, "1 CORP\\ann desktop console active no\n"
                                "2 CORP\\bob desktop rdp active yes PC-8\n"
                                "3 CORP\\cem desktop rdp active no\n");
    stop(&heard);
}

static void names_are_kept_whole(void **state)
{
    struct wts_heard heard;
    char name[301], script[1024], set[1024];
    (void)state;
    script_is("session 2; user \xf0\xa0\xae\xb7\xe9\x87\x8e\xf0\x9f\x8c\xbb; domain \xc3\x84RZTE; state 4\n"
              "session 3; user ann@corp.example; state 4\n"
              "session 4; user a\\uD83Db\\uDE00; domain \\uD83D\\uDE00; state 4\n"); /* halves, and a whole */
    wts_heard_start(&heard);
    wts_heard_until_set(
        &heard,
        "2 \xc3\x84RZTE\\\xf0\xa0\xae\xb7\xe9\x87\x8e\xf0\x9f\x8c\xbb desktop rdp disconnected unknown\n"
        "3 ann@corp.example desktop rdp disconnected unknown\n"
        "4 \xf0\x9f\x98\x80\\a\xef\xbf\xbd\x62\xef\xbf\xbd desktop rdp disconnected unknown\n");
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void)snprintf(script, sizeof(script), "session 2; user %s; domain CORP; state 4\n", name);
    (void)snprintf(set, sizeof(set), "2 CORP\\%s desktop rdp disconnected unknown\n", name);
    now_is(&heard, script);
    wts_heard_until_set(&heard, set);
    stop(&heard);
}

/* --- what Windows refuses ------------------------------------------------------------------------------- */

#define ANN_SET "3 CORP\\ann desktop rdp active no PC-7\n"

/* Whether the service TermService is there is the host's: what is said must fit to it. */
static int health_without_answer(const char **ret_words)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceW(manager, L"TermService", SERVICE_QUERY_STATUS);
    bool there = service != NULL;
    (void)CloseServiceHandle(service);
    (void)CloseServiceHandle(manager);
    *ret_words = there ? "Remote Desktop Services" : "not installed";
    return there ? ERROR_UNREACHABLE : ERROR_NOT_FOUND;
}

static void it_waits_for_remote_desktop_services(void **state)
{
    struct wts_heard heard;
    const char *words;
    int health = health_without_answer(&words);
    (void)state;
    script_is("error sessions 1702\n" ANN_IS RDP "\n" SHELL);
    wts_heard_start(&heard);
    wts_heard_until_health(&heard, health, words);
    assert_non_null(strstr(heard.detail, "Windows' error 1702"));
    script_is(ANN_IS RDP "\n" SHELL); /* and nobody notes that they have come */
    wts_heard_until_set(&heard, ANN_SET);
    wts_heard_until_health(&heard, 0, "");
    assert_int_equal(heard.healths, 2);
    stop(&heard);
}

static void a_list_that_cannot_be_ends_nobody(void **state)
{
    static const char *const scripts[] = {"error sessions 0\n", "empty\n", "error sessions 1722\n"};
    const char *words;
    int health = health_without_answer(&words);
    (void)state;
    for (size_t i = 0; i < COUNT(scripts); i++) {
        struct wts_heard heard;
        script_is(ANN_IS RDP "\n" SHELL);
        wts_heard_start(&heard);
        wts_heard_until_set(&heard, ANN_SET);
        now_is(&heard, scripts[i]);
        wts_heard_until_health(&heard, health, words);
        assert_string_equal(heard.set, ANN_SET);
        assert_int_equal(heard.sets, 1);
        stop(&heard);
    }
}

static void what_is_refused_is_said_and_the_rest_is_told(void **state)
{
    static const struct {
        const char *script, *set;
        int health;
        const char *words;
    } cases[] = {
        {"error sessions 5\n", "nothing yet", ERROR_FORBIDDEN, "LocalSystem"},
        {"error details 0\n" ANN_IS RDP "\n" SHELL, "3 CORP\\ann desktop rdp active no\n", HEARD_LIMIT,
         "without a reason"},
        {"error details 5\n" ANN_IS RDP "\n" SHELL, "3 CORP\\ann desktop rdp active no\n", HEARD_LIMIT,
         "LocalSystem"},
        {"error processes 0\n" ANN_IS RDP "; program rdpinit.exe\n",
         "3 CORP\\ann application rdp active no PC-7\n", HEARD_LIMIT, "only guessed"},
        {"error tokens 1314\nsession 3; user ann; domain CORP; state 4\n",
         "3 CORP\\ann desktop rdp disconnected unknown\n", HEARD_LIMIT, "administrators"},
        {"error tokens 0\nsession 3; user ann; domain CORP; state 4\n",
         "3 CORP\\ann desktop rdp disconnected unknown\n", HEARD_LIMIT, "without a reason"},
        /* A session that goes meanwhile is nobody's failure. */
        {"error tokens 1008\nerror details 7022\nsession 3; user ann; domain CORP; state 4\n",
         "3 CORP\\ann desktop rdp disconnected unknown\n", 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wts_heard heard;
        script_is(cases[i].script);
        wts_heard_start(&heard);
        if (cases[i].words)
            wts_heard_until_health(&heard, cases[i].health, cases[i].words);
        wts_heard_until_set(&heard, cases[i].set);
        assert_int_equal(heard.healths, cases[i].words ? 1 : 0);
        stop(&heard);
    }
}

static void a_right_that_is_missing_is_said_once(void **state)
{
    struct wts_heard heard;
    (void)state;
    script_is("error tokens 1314\nsession 3; user ann; domain CORP; state 4\n");
    wts_heard_start(&heard);
    wts_heard_until_health(&heard, HEARD_LIMIT, "run it as LocalSystem");
    for (unsigned sets = heard.sets; sets < 5; sets++) {
        source_wts.refresh(heard.source);
        wts_heard_until_sets(&heard, sets + 1);
    }
    assert_int_equal(heard.healths, 1);
    stop(&heard);
}

/* For as long as this process lives. */
static void give_up_the_right(void)
{
    TOKEN_PRIVILEGES right = {.PrivilegeCount = 1, .Privileges[0].Attributes = SE_PRIVILEGE_REMOVED};
    HANDLE token;
    assert_true(LookupPrivilegeValueW(NULL, L"SeTcbPrivilege", &right.Privileges[0].Luid));
    assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES, &token));
    assert_true(AdjustTokenPrivileges(token, FALSE, &right, 0, NULL, NULL));
    assert_int_equal(GetLastError(), ERROR_SUCCESS); /* it was there */
    assert_true(CloseHandle(token));
}

/* Before anybody has come, with the account's name. */
static void an_account_without_the_right_is_named_at_once(void **state)
{
    struct wts_heard heard;
    char user[128] = "";
    DWORD room = sizeof(user);
    (void)state;
    give_up_the_right();
    assert_true(GetUserNameA(user, &room));
    script_is("session 1; state 1; protocol 0\n");
    wts_heard_start(&heard);
    wts_heard_until_health(&heard, HEARD_LIMIT, "SeTcbPrivilege");
    assert_string_equal(heard.set, "");
    assert_non_null(strstr(heard.detail, user));
    assert_non_null(strstr(heard.detail, "the account of the service, "));
    now_is(&heard, ANN_IS RDP "\n" SHELL); /* they are counted all the same */
    wts_heard_until_set(&heard, ANN_SET);
    assert_int_equal(heard.healths, 1);
    stop(&heard);
}

static int find_this_program(void)
{
    DWORD length = GetModuleFileNameW(NULL, beside, MAX_PATH);
    wchar_t *slash = length > 0 && length < MAX_PATH ? wcsrchr(beside, L'\\') : NULL;
    if (!slash)
        return -1;
    slash[1] = L'\0';
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_connect_to_log_off),
        cmocka_unit_test(a_shell_counts_only_where_windows_has_it),
        cmocka_unit_test(remote_and_console_are_told_apart),
        cmocka_unit_test(names_are_kept_whole),
        cmocka_unit_test(it_waits_for_remote_desktop_services),
        cmocka_unit_test(a_list_that_cannot_be_ends_nobody),
        cmocka_unit_test(what_is_refused_is_said_and_the_rest_is_told),
        cmocka_unit_test(a_right_that_is_missing_is_said_once),
        cmocka_unit_test(
            an_account_without_the_right_is_named_at_once), /* the last: it has none afterwards */
    };
    return find_this_program() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
