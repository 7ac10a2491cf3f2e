/* installer.c - what the Windows Installer's tables have no words for: properties are looked at before
 * anything is done, the programs' own commands are run and heard, and data goes if that was asked for. A
 * library that farmgate.msi carries (farmgate.wxs says when each is called); the installer calls it on a
 * thread of its own.
 */
#include "agent/settings.h"
#include "common/config.h"
#include "common/licence_key.h"
#include "common/platform/windows/wide.h"
#include "folders.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <windows.h>

#include <msi.h>
#include <msiquery.h>

#define SAID_BYTES_MAX  8192 /* of a command; what comes after is left out */
#define MESSAGE_BYTES   (SAID_BYTES_MAX + 1024)
#define PATH_CHARACTERS 32768
#define AGENT_TRIES     10 /* until the service answers */
#define AGENT_WAIT_MS   1000
#define EXIT_NO_AGENT   3     /* of farmgate.exe */
#define END_WAIT_MS     20000 /* for a program that was told to stop */
#define END_LOOK_MS     100
#define DATA            L"CustomActionData"

UINT CALLBACK CheckProperties(MSIHANDLE session);
UINT CALLBACK RunCommand(MSIHANDLE session);
UINT CALLBACK TryActivation(MSIHANDLE session);
UINT CALLBACK AwaitEnd(MSIHANDLE session);
UINT CALLBACK RemoveData(MSIHANDLE session);

/* --- the installer ----------------------------------------------------------------------------------------
 */

/* A property's value in UTF-8, to be freed; NULL without memory. */
static char *property(MSIHANDLE session, const wchar_t *name)
{
    wchar_t nothing[1] = L"";
    DWORD count = 0;
    UINT error = MsiGetPropertyW(session, name, nothing, &count);
    if (error != ERROR_MORE_DATA && error != ERROR_SUCCESS)
        return NULL;
    wchar_t *wide = calloc((size_t)++count, sizeof(*wide));
    char *text = NULL;
    if (wide && MsiGetPropertyW(session, name, wide, &count) == ERROR_SUCCESS)
        text = wide_to_utf8(wide);
    if (wide)
        sodium_memzero(wide, wcslen(wide) * sizeof(*wide));
    free(wide);
    return text;
}

/* An error is shown where somebody looks, and stands in the log; anything else stands there alone. */
static void say(MSIHANDLE session, INSTALLMESSAGE kind, const char *text)
{
    wchar_t *wide = wide_text(text);
    MSIHANDLE record = MsiCreateRecord(1);
    if (wide && record) {
        (void)MsiRecordSetStringW(record, 0, L"[1]");
        (void)MsiRecordSetStringW(record, 1, wide);
        (void)MsiProcessMessage(session, kind, record);
    }
    if (record)
        (void)MsiCloseHandle(record);
    free(wide);
}

/* --- properties -------------------------------------------------------------------------------------------
 */

/* As the agent would judge it in its configuration. */
static bool check_setting(const char *path, const char *value, struct error_detail *ret_detail)
{
    char quoted[SETTINGS_PATH_BYTES_MAX + 3];
    struct settings *settings = calloc(1, sizeof(*settings));
    const struct config_setting *setting = config_find(&settings_table, path);
    bool good =
        settings && setting && snprintf(quoted, sizeof(quoted), "\"%s\"", value) < (int)sizeof(quoted);
    if (!good)
        error_detail_set(ret_detail, "too long");
    good = good && config_set(&settings_table, setting, quoted, settings, ret_detail) == 0;
    free(settings);
    return good;
}

static bool check_licence(const char *path, const char *value, struct error_detail *ret_detail)
{
    char canonical[LICENCE_KEY_TEXT_BYTES];
    (void)path;
    if (licence_key_parse(value, canonical)) {
        sodium_memzero(canonical, sizeof(canonical));
        return true;
    }
    error_detail_set(ret_detail,
                     "not a licence key: its characters do not fit each other; look for a typing error");
    return false;
}

/* In a command line, or in a configuration, it would not be what it was. */
static bool check_characters(const char *value, struct error_detail *ret_detail)
{
    for (; *value; value++)
        if (*value == '"' || *value == '\\' || *value == '|' || (unsigned char)*value <= ' ') {
            error_detail_set(ret_detail, "spaces and the characters \" \\ | cannot stand in it");
            return false;
        }
    return true;
}

struct property_row {
    const char *name;
    const char *path; /* of the setting that it becomes; NULL: none */
    bool (*check)(const char *path, const char *value, struct error_detail *ret_detail);
};

/* 0, or what the installer ends with, after it was said. */
static UINT check_property(MSIHANDLE session, const struct property_row *row)
{
    struct error_detail detail = {"out of memory"};
    char message[MESSAGE_BYTES];
    wchar_t *name = wide_text(row->name);
    char *value = name ? property(session, name) : NULL;
    bool good = value && (!*value || ((!row->path || check_characters(value, &detail)) &&
                                      row->check(row->path, value, &detail)));
    if (value)
        sodium_memzero(value, strlen(value));
    free(value);
    free(name);
    if (good)
        return ERROR_SUCCESS;
    size_t prefix = row->path ? strlen(row->path) : 0; /* the property is what was typed */
    const char *why = detail.text;
    if (row->path && strncmp(why, row->path, prefix) == 0 && strncmp(why + prefix, ": ", 2) == 0)
        why += prefix + 2;
    (void)snprintf(message, sizeof(message), "%s: %s", row->name, why);
    say(session, INSTALLMESSAGE_ERROR, message);
    return ERROR_INSTALL_FAILURE;
}

/* Where there is no configuration that may have the key already. */
static bool lacks_key(MSIHANDLE session)
{
    char *url = property(session, L"AUTHORITY_URL"), *key = property(session, L"AUTHORITY_KEY");
    bool lacks = url && *url && key && !*key && access(FOLDERS_CONFIGURATION "/farmgate.conf", F_OK) != 0;
    free(url);
    free(key);
    return lacks;
}

UINT CALLBACK CheckProperties(MSIHANDLE session)
{
    static const struct property_row rows[] = {{"AUTHORITY_URL", "authority.url", check_setting},
                                               {"AUTHORITY_KEY", "authority.key", check_setting},
                                               {"LICENSE_KEY", NULL, check_licence}};
    UINT code = ERROR_SUCCESS;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && code == ERROR_SUCCESS; i++)
        code = check_property(session, &rows[i]);
    if (code == ERROR_SUCCESS && lacks_key(session)) {
        say(session, INSTALLMESSAGE_ERROR,
            "AUTHORITY_KEY: missing: without the authority's public key its answers cannot be told from "
            "forgeries");
        code = ERROR_INSTALL_FAILURE;
    }
    return code;
}

/* --- commands ---------------------------------------------------------------------------------------------
 */

struct run {
    HANDLE input, output; /* our ends */
    PROCESS_INFORMATION process;
};

/* Ours is inherited by nobody. */
static bool make_pipe(bool we_write, HANDLE *ret_ours, HANDLE *ret_theirs)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof(inherited), .bInheritHandle = TRUE};
    HANDLE reading, writing;
    if (!CreatePipe(&reading, &writing, &inherited, 0))
        return false;
    *ret_ours = we_write ? writing : reading;
    *ret_theirs = we_write ? reading : writing;
    return SetHandleInformation(*ret_ours, HANDLE_FLAG_INHERIT, 0);
}

static bool start(wchar_t *command, struct run *ret)
{
    STARTUPINFOW how = {.cb = sizeof(how), .dwFlags = STARTF_USESTDHANDLES};
    *ret = (struct run){.input = NULL};
    bool good =
        make_pipe(true, &ret->input, &how.hStdInput) && make_pipe(false, &ret->output, &how.hStdOutput);
    how.hStdError = how.hStdOutput;
    good = good &&
           CreateProcessW(NULL, command, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &how, &ret->process);
    if (how.hStdInput)
        (void)CloseHandle(how.hStdInput);
    if (how.hStdOutput)
        (void)CloseHandle(how.hStdOutput);
    return good;
}

static void finish(struct run *run)
{
    const HANDLE handles[] = {run->input, run->output, run->process.hThread, run->process.hProcess};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        if (handles[i])
            (void)CloseHandle(handles[i]);
}

/* All that it says until it ends. */
static void hear(HANDLE output, char ret[SAID_BYTES_MAX + 1])
{
    char bytes[1024];
    DWORD got = 0;
    size_t count = 0;
    while (ReadFile(output, bytes, sizeof(bytes), &got, NULL) && got > 0) {
        size_t taken = got < SAID_BYTES_MAX - count ? got : SAID_BYTES_MAX - count;
        memcpy(ret + count, bytes, taken);
        count += taken;
    }
    while (count > 0 && (ret[count - 1] == '\n' || ret[count - 1] == '\r'))
        count--;
    ret[count] = '\0';
}

/* Its exit code, or -1 where it did not run. */
static int run(const char *command, const char *input, char ret_said[SAID_BYTES_MAX + 1])
{
    wchar_t *wide = wide_text(command);
    struct run run;
    DWORD code = 0, written;
    bool ran = wide && start(wide, &run);
    if (!ran)
        (void)snprintf(ret_said, SAID_BYTES_MAX + 1, "cannot be run (Windows error %lu)", GetLastError());
    if (ran) {
        (void)WriteFile(run.input, input, (DWORD)strlen(input), &written, NULL);
        (void)CloseHandle(run.input);
        run.input = NULL;
        hear(run.output, ret_said);
        (void)WaitForSingleObject(run.process.hProcess, INFINITE);
        ran = GetExitCodeProcess(run.process.hProcess, &code);
    }
    if (wide)
        finish(&run);
    free(wide);
    return ran ? (int)code : -1;
}

/* The action's data is "FIRST|SECOND": *ret_second is within what is to be freed. NULL: it is not. */
static char *two_parts(MSIHANDLE session, char **ret_second)
{
    char *data = property(session, DATA), *bar = data ? strchr(data, '|') : NULL;
    if (!bar) {
        free(data);
        return NULL;
    }
    *bar = '\0';
    *ret_second = bar + 1;
    return data;
}

/* "WHAT|COMMAND": the installation ends if it fails, and says what. */
UINT CALLBACK RunCommand(MSIHANDLE session)
{
    char said[SAID_BYTES_MAX + 1] = "", message[MESSAGE_BYTES];
    char *command = NULL, *what = two_parts(session, &command);
    int code = what ? run(command, "", said) : -1;
    if (code != 0) {
        (void)snprintf(message, sizeof(message), "%s: %s", what ? what : "Farmgate", said);
        say(session, INSTALLMESSAGE_ERROR, message);
    } else if (*said) {
        say(session, INSTALLMESSAGE_INFO, said);
    }
    free(what);
    return code == 0 ? ERROR_SUCCESS : ERROR_INSTALL_FAILURE;
}

/* "KEY|COMMAND": what becomes of it stands in the log. A host that is installed and not yet activated is what
 * the administrator has after any installation; one that is not installed helps nobody. */
UINT CALLBACK TryActivation(MSIHANDLE session)
{
    char said[SAID_BYTES_MAX + 1] = "", message[MESSAGE_BYTES];
    char *command = NULL, *key = two_parts(session, &command);
    int code = EXIT_NO_AGENT;
    for (int i = 0; key && i < AGENT_TRIES && code == EXIT_NO_AGENT; i++) {
        if (i > 0)
            Sleep(AGENT_WAIT_MS);
        code = run(command, key, said);
    }
    (void)snprintf(message, sizeof(message), "%s%s%s",
                   code == 0 ? "" : "The activation with LICENSE_KEY failed, the installation goes on: ",
                   said, code == 0 ? "" : "; try again: farmgate activate KEY");
    say(session, INSTALLMESSAGE_INFO, message);
    if (key)
        sodium_memzero(key, strlen(key));
    free(key);
    return ERROR_SUCCESS;
}

static bool is_running(const wchar_t *program)
{
    const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    HANDLE file = CreateFileW(program, GENERIC_WRITE, share, NULL, OPEN_EXISTING, 0, NULL);
    if (file != INVALID_HANDLE_VALUE)
        (void)CloseHandle(file);
    return file == INVALID_HANDLE_VALUE && GetLastError() != ERROR_FILE_NOT_FOUND &&
           GetLastError() != ERROR_PATH_NOT_FOUND;
}

/* "PROGRAM": a service says that it has stopped some instants before its program ends, which could not be
 * removed until then but by a restart of the machine. */
UINT CALLBACK AwaitEnd(MSIHANDLE session)
{
    char *path = property(session, DATA);
    wchar_t *program = path ? wide_path(path) : NULL;
    for (unsigned waited_ms = 0; program && is_running(program) && waited_ms < END_WAIT_MS;
         waited_ms += END_LOOK_MS)
        Sleep(END_LOOK_MS);
    free(program);
    free(path);
    return ERROR_SUCCESS;
}

/* --- data -------------------------------------------------------------------------------------------------
 */

static bool is_dots(const wchar_t *name)
{
    return wcscmp(name, L".") == 0 || wcscmp(name, L"..") == 0;
}

/* A link goes, what is behind it stays. `path` has room for PATH_CHARACTERS and is as it was afterwards. */
static bool remove_tree(wchar_t *path)
{
    WIN32_FIND_DATAW found;
    size_t length = wcslen(path);
    bool gone = true;
    if (length + MAX_PATH + 2 >= PATH_CHARACTERS)
        return false;
    wcscpy(path + length, L"\\*");
    HANDLE search = FindFirstFileW(path, &found);
    bool more = search != INVALID_HANDLE_VALUE;
    for (; more; more = FindNextFileW(search, &found)) {
        if (is_dots(found.cFileName))
            continue;
        wcscpy(path + length + 1, found.cFileName);
        bool directory = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
        if (!directory)
            gone = DeleteFileW(path) && gone;
        else if (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
            gone = RemoveDirectoryW(path) && gone;
        else
            gone = remove_tree(path) && gone;
    }
    if (search != INVALID_HANDLE_VALUE)
        (void)FindClose(search);
    path[length] = L'\0';
    return RemoveDirectoryW(path) && gone;
}

/* "DIRECTORY": configuration and state, for which somebody has asked by name. */
UINT CALLBACK RemoveData(MSIHANDLE session)
{
    char message[MESSAGE_BYTES];
    char *directory = property(session, DATA);
    wchar_t *name = directory && *directory ? wide_path(directory) : NULL;
    wchar_t *path = name ? calloc(PATH_CHARACTERS, sizeof(*path)) : NULL;
    bool gone = false;
    if (path && wcslen(name) < PATH_CHARACTERS) {
        wcscpy(path, name);
        for (size_t end = wcslen(path); end > 0 && path[end - 1] == L'\\'; end--)
            path[end - 1] = L'\0';
        gone = remove_tree(path);
    }
    (void)snprintf(message, sizeof(message), gone ? "%s is removed" : "%s could not be removed whole",
                   directory ? directory : "the data's folder");
    say(session, INSTALLMESSAGE_INFO, message);
    free(path);
    free(name);
    free(directory);
    return ERROR_SUCCESS;
}
