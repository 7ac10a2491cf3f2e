/* wts_read.c - reads a host's sessions from Windows: wtsapi32 for all that concerns them, the process manager
 * for where a program lies, the service manager for why there is no answer. */
#include "wts_read.h"

#include "common/platform/windows/wide.h"
#include "wts_api.h"
#include "wts_token.h"

#define SECURITY_WIN32
#include <security.h>

#include <stdlib.h>
#include <string.h>

#define PATH_CHARACTERS      32768 /* the longest that Windows has */
#define COMPUTER_CHARACTERS  256
#define ACCOUNT_CHARACTERS   512
#define SERVICE_CONFIG_BYTES 8192 /* the most it can be */

static void trouble_with(struct wts_trouble *trouble, enum wts_step step, uint32_t error)
{
    if (trouble->step == WTS_STEP_NONE)
        *trouble = (struct wts_trouble){.step = step, .error = error};
}

/* A text that may be missing: false only without memory. */
static bool take_text(const wchar_t *text, char **ret)
{
    *ret = text != NULL && *text != L'\0' ? wide_to_utf8(text) : NULL;
    return *ret != NULL || text == NULL || *text == L'\0';
}

/* --- why there is no answer ----------------------------------------------------------------------------- */

static bool is_disabled(SC_HANDLE service)
{
    union {
        QUERY_SERVICE_CONFIGW config;
        BYTE bytes[SERVICE_CONFIG_BYTES];
    } answer;
    DWORD bytes;

    return QueryServiceConfigW(service, &answer.config, sizeof(answer), &bytes) &&
           answer.config.dwStartType == SERVICE_DISABLED;
}

static enum wts_service state_of(SC_HANDLE service)
{
    SERVICE_STATUS status;

    if (!QueryServiceStatus(service, &status))
        return WTS_SERVICE_UNKNOWN;
    if (status.dwCurrentState == SERVICE_RUNNING)
        return WTS_SERVICE_RUNNING;
    if (status.dwCurrentState == SERVICE_START_PENDING)
        return WTS_SERVICE_STARTING;
    return is_disabled(service) ? WTS_SERVICE_DISABLED : WTS_SERVICE_STOPPED;
}

static enum wts_service remote_desktop_services(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT), service;
    enum wts_service state = WTS_SERVICE_UNKNOWN;

    if (manager == NULL)
        return state;
    service = OpenServiceW(manager, L"TermService", SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG);
    if (service != NULL) {
        state = state_of(service);
        (void)CloseServiceHandle(service);
    } else if (GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST) {
        state = WTS_SERVICE_ABSENT;
    }
    (void)CloseServiceHandle(manager);
    return state;
}

/* --- sessions ------------------------------------------------------------------------------------------- */

/* An answer about a session, for wts_api_free; NULL with GetLastError() where there is none of that size. */
static void *ask(uint32_t session, enum wts_api_class what, DWORD bytes_min)
{
    void *answer = NULL;
    DWORD bytes = 0;

    SetLastError(0);
    if (!wts_api_query(WTS_API_THIS_SERVER, session, what, &answer, &bytes) || answer == NULL)
        return NULL;
    if (bytes >= bytes_min)
        return answer;
    wts_api_free(answer);
    SetLastError(ERROR_INVALID_DATA);
    return NULL;
}

static bool ask_text(uint32_t session, enum wts_api_class what, char **ret)
{
    wchar_t *answer = ask(session, what, sizeof(*answer));
    bool taken;

    if (answer == NULL)
        return true; /* such a text is no more than a hint */
    taken = take_text(answer, ret);
    wts_api_free(answer);
    return taken;
}

static void ask_how_it_is_connected(struct wts_session *session, struct wts_trouble *trouble)
{
    USHORT *protocol = ask(session->id, WTS_API_CLIENT_PROTOCOL, sizeof(*protocol));
    BYTE *remote;

    if (protocol != NULL) {
        session->protocol = *protocol;
        wts_api_free(protocol);
    } else if (!wts_error_is_gone(GetLastError())) {
        trouble_with(trouble, WTS_STEP_DETAILS, GetLastError());
    }
    remote = ask(session->id, WTS_API_IS_REMOTE, sizeof(*remote));
    if (remote != NULL) {
        session->remote = *remote != 0;
        wts_api_free(remote);
    }
}

static void ask_when_it_began(struct wts_session *session)
{
    struct wts_api_info *info = ask(session->id, WTS_API_SESSION_INFO, sizeof(*info));

    if (info == NULL)
        return;
    if (info->logon_time.QuadPart > 0)
        session->logon_time = (uint64_t)info->logon_time.QuadPart;
    wts_api_free(info);
}

static bool read_session(const struct wts_api_session *told, struct wts_session *session,
                         struct wts_trouble *trouble)
{
    uint32_t error;

    *session = (struct wts_session){.id = told->id,
                                    .state = told->state,
                                    .protocol = WTS_PROTOCOL_UNKNOWN,
                                    .remote = -1,
                                    .administrator = ADMINISTRATOR_UNKNOWN};
    if (!take_text(told->user, &session->user) || !take_text(told->domain, &session->domain))
        return false;
    if (!wts_session_is_users(session))
        return true;
    ask_how_it_is_connected(session, trouble);
    ask_when_it_began(session);
    if (!wts_token_administrator(session->id, &session->administrator, &error) && !wts_error_is_gone(error))
        trouble_with(trouble, WTS_STEP_TOKENS, error);
    return ask_text(session->id, WTS_API_CLIENT_NAME, &session->client) &&
           ask_text(session->id, WTS_API_INITIAL_PROGRAM, &session->initial_program);
}

static int read_sessions(struct wts_snapshot *snapshot, struct wts_trouble *trouble)
{
    struct wts_api_session *list = NULL;
    DWORD level = 1, count = 0;
    bool taken;

    SetLastError(0);
    if (!wts_api_sessions(WTS_API_THIS_SERVER, &level, 0, &list, &count)) {
        *trouble = (struct wts_trouble){
            .step = WTS_STEP_SESSIONS, .error = GetLastError(), .service = remote_desktop_services()};
        return ERROR_IO;
    }
    if (count == 0) {
        if (list != NULL)
            (void)wts_api_free_list(WTS_API_SESSIONS_1, list, count);
        *trouble = (struct wts_trouble){
            .step = WTS_STEP_SESSIONS, .empty = true, .service = remote_desktop_services()};
        return ERROR_IO;
    }
    snapshot->sessions = calloc(count, sizeof(*snapshot->sessions));
    taken = snapshot->sessions != NULL;
    for (DWORD i = 0; taken && i < count; i++)
        taken = read_session(&list[i], &snapshot->sessions[snapshot->session_count++], trouble);
    (void)wts_api_free_list(WTS_API_SESSIONS_1, list, count);
    return taken ? 0 : ERROR_NO_MEMORY;
}

/* --- processes ------------------------------------------------------------------------------------------ */

static char *path_of(DWORD id, wchar_t room[PATH_CHARACTERS])
{
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, id);
    DWORD count = PATH_CHARACTERS;
    bool told;

    if (process == NULL)
        return NULL;
    told = QueryFullProcessImageNameW(process, 0, room, &count);
    (void)CloseHandle(process);
    return told ? wide_to_utf8(room) : NULL;
}

/* Of those that matter; the others, thousands on a full host, are not kept. */
static bool read_process(const struct wts_api_process *told, struct wts_snapshot *snapshot, wchar_t *room)
{
    struct wts_process process = {.session = told->session};

    if (!take_text(told->name, &process.name))
        return false;
    if (process.name == NULL || !wts_program_matters(process.name)) {
        free(process.name);
        return true;
    }
    process.path = path_of(told->process, room);
    snapshot->processes[snapshot->process_count++] = process;
    return true;
}

static int read_processes(struct wts_snapshot *snapshot, struct wts_trouble *trouble)
{
    struct wts_api_process *list = NULL;
    DWORD level = 0, count = 0;
    wchar_t *room;
    bool taken;

    SetLastError(0);
    if (!wts_api_processes(WTS_API_THIS_SERVER, &level, WTS_API_ANY_SESSION, &list, &count)) {
        trouble_with(trouble, WTS_STEP_PROCESSES, GetLastError());
        return 0;
    }
    room = malloc(PATH_CHARACTERS * sizeof(*room));
    snapshot->processes = calloc((size_t)count + 1, sizeof(*snapshot->processes));
    taken = room != NULL && snapshot->processes != NULL;
    for (DWORD i = 0; taken && i < count; i++)
        taken = read_process(&list[i], snapshot, room);
    free(room);
    if (list != NULL)
        (void)wts_api_free_list(WTS_API_PROCESSES_0, list, count);
    return taken ? 0 : ERROR_NO_MEMORY;
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static int read_host(struct wts_snapshot *snapshot)
{
    wchar_t directory[MAX_PATH], computer[COMPUTER_CHARACTERS];
    DWORD count = COMPUTER_CHARACTERS;
    UINT length = GetSystemDirectoryW(directory, MAX_PATH);

    if (!take_text(length > 0 && length < MAX_PATH ? directory : NULL, &snapshot->system_directory) ||
        !take_text(GetComputerNameW(computer, &count) ? computer : NULL, &snapshot->computer))
        return ERROR_NO_MEMORY;
    return 0;
}

/* Whose rights these are. */
static void name_account(struct wts_trouble *trouble)
{
    wchar_t name[ACCOUNT_CHARACTERS];
    ULONG count = ACCOUNT_CHARACTERS;
    char *text = GetUserNameExW(NameSamCompatible, name, &count) ? wide_to_utf8(name) : NULL;

    if (text != NULL && strlen(text) < sizeof(trouble->account))
        memcpy(trouble->account, text, strlen(text) + 1);
    free(text);
}

int wts_read(struct wts_snapshot *ret_snapshot, struct wts_trouble *ret_trouble)
{
    struct wts_snapshot snapshot = {0};
    struct wts_trouble trouble = {0};
    int r;

    if (!wts_token_allowed()) /* to be said before the first session comes */
        trouble_with(&trouble, WTS_STEP_TOKENS, ERROR_PRIVILEGE_NOT_HELD);
    r = read_sessions(&snapshot, &trouble);
    if (r == 0)
        r = read_processes(&snapshot, &trouble);
    if (r == 0)
        r = read_host(&snapshot);
    if (wts_trouble_is_a_right(&trouble))
        name_account(&trouble);
    *ret_trouble = trouble;
    if (r == 0)
        *ret_snapshot = snapshot;
    else
        wts_snapshot_finish(&snapshot);
    return r;
}
