/* scripted_wtsapi32.c - a wtsapi32.dll that tells what stands in the file wtsapi32.script beside it, read
 * anew at every question. A line each; what follows the first word is "KEY VALUE" between semicolons:
 *
 *   session 3; user ann; domain CORP; state 0; protocol 2; remote 1; logon 133485408000000000; client PC-7;
 *     program rdpinit.exe; token administrator            (on one line; token: administrator, user, an error)
 *   process 1234; session 3; name rdpshell.exe
 *   error sessions 1702                                   (or processes, details, tokens; 0: without a
 * reason) empty                                                 (not even the services' session)
 *
 * "\uD83D" anywhere is one unit of UTF-16.
 *
 * It counts what it hands out and what comes back, by the right function, of the right type and length. */
#include "agent/sessions/wts_api.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define SCRIPT_NAME   L"wtsapi32.script"
#define SCRIPT_BYTES  65536
#define NO_TOKEN      1008
#define NO_SESSION    7022
#define SERVICES_HERE L"Services"

enum answer_type {
    ANSWER_PROCESSES = WTS_API_PROCESSES_0,
    ANSWER_SESSIONS = WTS_API_SESSIONS_1,
    ANSWER_ONE = 100
};

struct answer { /* stands before what is handed out */
    DWORD magic, type, count, unused;
};
#define MAGIC 0x57545341u

static volatile LONG outstanding, mistakes;

__declspec(dllexport) LONG scripted_outstanding(void);
__declspec(dllexport) LONG scripted_mistakes(void);

LONG scripted_outstanding(void)
{
    return outstanding;
}

LONG scripted_mistakes(void)
{
    return mistakes;
}

/* --- answers -------------------------------------------------------------------------------------------- */

static void *make_answer(enum answer_type type, DWORD count, size_t bytes)
{
    struct answer *answer = calloc(1, sizeof(*answer) + bytes);
    if (!answer)
        return NULL;
    *answer = (struct answer){.magic = MAGIC, .type = type, .count = count};
    (void)InterlockedIncrement(&outstanding);
    return answer + 1;
}

static BOOL free_answer(void *what, DWORD type, DWORD count)
{
    struct answer *answer = what ? (struct answer *)what - 1 : NULL;
    if (!answer || answer->magic != MAGIC || answer->type != type || answer->count != count) {
        (void)InterlockedIncrement(&mistakes);
        SetLastError(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    answer->magic = 0;
    free(answer);
    (void)InterlockedDecrement(&outstanding);
    return TRUE;
}

/* --- the script ----------------------------------------------------------------------------------------- */

/* "\\uD83D" is that unit, half a character though it may be. */
static void put_units(wchar_t *script)
{
    wchar_t *to = script;
    for (const wchar_t *from = script; *from; to++) {
        bool unit = wcsncmp(from, L"\\u", 2) == 0 && wcsspn(from + 2, L"0123456789ABCDEF") >= 4;
        wchar_t digits[5] = {0};
        if (unit)
            wmemcpy(digits, from + 2, 4);
        *to = unit ? (wchar_t)wcstoul(digits, NULL, 16) : *from;
        from += unit ? 6 : 1;
    }
    *to = L'\0';
}

static wchar_t *read_script(void)
{
    static char bytes[SCRIPT_BYTES]; /* one question at a time: the callers hold the lock */
    wchar_t path[MAX_PATH], *slash;
    HMODULE self = NULL;
    DWORD count = 0;
    (void)GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                 GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                             (const wchar_t *)(const void *)&outstanding, &self);
    if (!GetModuleFileNameW(self, path, MAX_PATH) || !(slash = wcsrchr(path, L'\\')))
        return NULL;
    wcscpy(slash + 1, SCRIPT_NAME);
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return NULL;
    BOOL read = ReadFile(file, bytes, sizeof(bytes) - 1, &count, NULL);
    (void)CloseHandle(file);
    wchar_t *script = read ? calloc(count + 2, sizeof(*script)) : NULL;
    if (script && count > 0)
        (void)MultiByteToWideChar(CP_UTF8, 0, bytes, (int)count, script, (int)count + 1);
    if (script)
        put_units(script);
    return script;
}

static size_t line_length(const wchar_t *line)
{
    return wcscspn(line, L"\n");
}

static const wchar_t *next_line(const wchar_t *line)
{
    line += line_length(line);
    return *line ? line + 1 : line;
}

static BOOL begins(const wchar_t *line, const wchar_t *word)
{
    size_t length = wcslen(word);
    return wcsncmp(line, word, length) == 0 && wcschr(L" ;\n", line[length]);
}

/* The value of a key, in the line's own place; its length 0 if there is none. */
static const wchar_t *value(const wchar_t *line, const wchar_t *key, size_t *ret_length)
{
    const wchar_t *end = line + line_length(line);
    for (const wchar_t *part = line; part < end; part += wcscspn(part, L";\n") + 1) {
        while (*part == L' ')
            part++;
        if (part >= end || !begins(part, key))
            continue;
        part += wcslen(key) + 1;
        *ret_length = wcscspn(part, L";\n");
        return part;
    }
    *ret_length = 0;
    return L"";
}

static unsigned long long number(const wchar_t *line, const wchar_t *key, unsigned long long otherwise)
{
    size_t length;
    const wchar_t *text = value(line, key, &length);
    return length > 0 ? wcstoull(text, NULL, 10) : otherwise;
}

/* Copies a value to where there is room for it; NULL if there is none. */
static wchar_t *text(const wchar_t *line, const wchar_t *key, wchar_t **room)
{
    size_t length;
    const wchar_t *found = value(line, key, &length);
    if (length == 0)
        return NULL;
    wchar_t *copied = *room;
    wmemcpy(copied, found, length);
    copied[length] = L'\0';
    *room += length + 1;
    return copied;
}

/* "error WHAT NUMBER": whether there is such a line. */
static BOOL fails(const wchar_t *script, const wchar_t *what)
{
    for (const wchar_t *line = script; *line; line = next_line(line)) {
        if (!begins(line, L"error") || !begins(line + 6, what))
            continue;
        SetLastError(wcstoul(line + 6 + wcslen(what), NULL, 10));
        return TRUE;
    }
    return FALSE;
}

static DWORD count_of(const wchar_t *script, const wchar_t *word)
{
    DWORD count = 0;
    for (const wchar_t *line = script; *line; line = next_line(line))
        count += begins(line, word) ? 1 : 0;
    return count;
}

static const wchar_t *line_of_session(const wchar_t *script, DWORD id)
{
    for (const wchar_t *line = script; *line; line = next_line(line))
        if (begins(line, L"session") && number(line, L"session", 0) == id)
            return line;
    return NULL;
}

static SRWLOCK lock = SRWLOCK_INIT;

static wchar_t *open_script(void)
{
    AcquireSRWLockExclusive(&lock);
    wchar_t *script = read_script();
    if (script)
        return script;
    ReleaseSRWLockExclusive(&lock);
    SetLastError(RPC_S_SERVER_UNAVAILABLE);
    return NULL;
}

static void close_script(wchar_t *script)
{
    free(script);
    ReleaseSRWLockExclusive(&lock);
}

/* --- sessions and processes ----------------------------------------------------------------------------- */

static void fill_sessions(const wchar_t *script, struct wts_api_session *sessions, DWORD count)
{
    wchar_t *room = (wchar_t *)(sessions + count);
    sessions[0] = (struct wts_api_session){.state = 4, .name = (wchar_t *)(uintptr_t)SERVICES_HERE};
    sessions++;
    for (const wchar_t *line = script; *line; line = next_line(line)) {
        if (!begins(line, L"session"))
            continue;
        *sessions++ = (struct wts_api_session){.state = (int)number(line, L"state", 0),
                                               .id = (DWORD)number(line, L"session", 0),
                                               .user = text(line, L"user", &room),
                                               .domain = text(line, L"domain", &room)};
    }
}

static BOOL list_sessions(const wchar_t *script, struct wts_api_session **ret, DWORD *ret_count)
{
    BOOL empty = count_of(script, L"empty") > 0;
    DWORD count = empty ? 0 : 1 + count_of(script, L"session");
    if (fails(script, L"sessions"))
        return FALSE;
    struct wts_api_session *sessions =
        make_answer(ANSWER_SESSIONS, count, count * sizeof(*sessions) + wcslen(script) * 2 + 2);
    if (sessions && !empty)
        fill_sessions(script, sessions, count);
    *ret = sessions;
    *ret_count = count;
    return sessions != NULL;
}

BOOL WINAPI wts_api_sessions(HANDLE server, DWORD *level, DWORD filter, struct wts_api_session **ret,
                             DWORD *ret_count)
{
    wchar_t *script = open_script();
    if (!script)
        return FALSE;
    BOOL known = server == WTS_API_THIS_SERVER && *level == 1 && filter == 0;
    mistakes += !known;
    BOOL told = known && list_sessions(script, ret, ret_count);
    close_script(script);
    return told;
}

static BOOL list_processes(const wchar_t *script, struct wts_api_process **ret, DWORD *ret_count)
{
    DWORD count = count_of(script, L"process"), i = 0;
    if (fails(script, L"processes"))
        return FALSE;
    struct wts_api_process *processes =
        make_answer(ANSWER_PROCESSES, count, count * sizeof(*processes) + wcslen(script) * 2 + 2);
    if (!processes)
        return FALSE;
    wchar_t *room = (wchar_t *)(processes + count);
    for (const wchar_t *line = script; *line; line = next_line(line))
        if (begins(line, L"process"))
            processes[i++] = (struct wts_api_process){.session = (DWORD)number(line, L"session", 0),
                                                      .process = (DWORD)number(line, L"process", 0),
                                                      .name = text(line, L"name", &room)};
    *ret = processes;
    *ret_count = count;
    return TRUE;
}

BOOL WINAPI wts_api_processes(HANDLE server, DWORD *level, DWORD session, struct wts_api_process **ret,
                              DWORD *ret_count)
{
    wchar_t *script = open_script();
    if (!script)
        return FALSE;
    BOOL known = server == WTS_API_THIS_SERVER && *level == 0 && session == WTS_API_ANY_SESSION;
    mistakes += !known;
    BOOL told = known && list_processes(script, ret, ret_count);
    close_script(script);
    return told;
}

/* --- one session ---------------------------------------------------------------------------------------- */

static void *answer_text(const wchar_t *line, const wchar_t *key, DWORD *ret_bytes)
{
    size_t length;
    const wchar_t *found = value(line, key, &length);
    wchar_t *answer = make_answer(ANSWER_ONE, 0, (length + 1) * sizeof(*answer));
    if (answer)
        wmemcpy(answer, found, length);
    *ret_bytes = (DWORD)((length + 1) * sizeof(*answer));
    return answer;
}

static void *answer_bytes(const void *what, DWORD bytes, DWORD *ret_bytes)
{
    void *answer = make_answer(ANSWER_ONE, 0, bytes);
    if (answer)
        memcpy(answer, what, bytes);
    *ret_bytes = bytes;
    return answer;
}

static void *answer_about(const wchar_t *line, int what, DWORD *ret_bytes)
{
    USHORT protocol = (USHORT)number(line, L"protocol", 0);
    BOOL remote = number(line, L"remote", 0) != 0;
    struct wts_api_info info = {.logon_time.QuadPart = (LONGLONG)number(line, L"logon", 0)};
    switch (what) {
    case WTS_API_INITIAL_PROGRAM:
        return answer_text(line, L"program", ret_bytes);
    case WTS_API_CLIENT_NAME:
        return answer_text(line, L"client", ret_bytes);
    case WTS_API_CLIENT_PROTOCOL:
        return answer_bytes(&protocol, sizeof(protocol), ret_bytes);
    case WTS_API_SESSION_INFO:
        return answer_bytes(&info, sizeof(info), ret_bytes);
    case WTS_API_IS_REMOTE:
        return answer_bytes(&remote, sizeof(remote), ret_bytes);
    default:
        mistakes++;
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
}

BOOL WINAPI wts_api_query(HANDLE server, DWORD session, int what, void **ret, DWORD *ret_bytes)
{
    wchar_t *script = open_script();
    void *answer = NULL;
    if (!script)
        return FALSE;
    const wchar_t *line = line_of_session(script, session);
    mistakes += server != WTS_API_THIS_SERVER;
    if (!line)
        SetLastError(NO_SESSION);
    else if (!fails(script, L"details"))
        answer = answer_about(line, what, ret_bytes);
    close_script(script);
    *ret = answer;
    return answer != NULL;
}

/* This process' own token, or that without its groups of administrators. */
static BOOL make_token(BOOL administrator, HANDLE *ret)
{
    BYTE sid[SECURITY_MAX_SID_SIZE];
    DWORD bytes = sizeof(sid);
    SID_AND_ATTRIBUTES administrators = {.Sid = sid};
    HANDLE own;
    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &own))
        return FALSE;
    BOOL made = administrator ? DuplicateTokenEx(own, 0, NULL, SecurityIdentification, TokenPrimary, ret)
                              : CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, sid, &bytes) &&
                                    CreateRestrictedToken(own, 0, 1, &administrators, 0, NULL, 0, NULL, ret);
    (void)CloseHandle(own);
    return made;
}

BOOL WINAPI wts_api_token(ULONG session, HANDLE *ret)
{
    wchar_t *script = open_script();
    if (!script)
        return FALSE;
    size_t length;
    const wchar_t *line = line_of_session(script, session),
                  *kind = line ? value(line, L"token", &length) : L"";
    BOOL made = FALSE;
    if (begins(kind, L"administrator") || begins(kind, L"user"))
        made = make_token(kind[0] == L'a', ret);
    else if (!fails(script, L"tokens"))
        SetLastError(*kind ? wcstoul(kind, NULL, 10) : NO_TOKEN);
    close_script(script);
    return made;
}

void WINAPI wts_api_free(void *answer)
{
    (void)free_answer(answer, ANSWER_ONE, 0);
}

BOOL WINAPI wts_api_free_list(int type, void *list, ULONG count)
{
    return free_answer(list, (DWORD)type, count);
}
