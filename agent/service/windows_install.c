/* windows_install.c - the service in Windows' list of services: put there, and taken away. */
#include "windows.h"
#include "windows_event.h"

#include "common/platform/paths.h"
#include "common/platform/windows/folder_rights.h"
#include "common/platform/windows/wide.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define FOLDER               "%ProgramData%/Farmgate"
#define PATH_CHARACTERS      32768 /* the longest that Windows has */
#define STOP_WAIT_MS         60000
#define STOP_LOOK_MS         100
#define RESTART_FIRST_MS     5000
#define RESTART_AGAIN_MS     60000
#define FAILURES_FORGOTTEN_S (24 * 60 * 60)
#define EXIT_USAGE           64
#define ACCESS \
    (SERVICE_CHANGE_CONFIG | SERVICE_START) /* to ask for restarts one must have the right to start */

static const wchar_t display_name[] = L"Farmgate licence agent";
static wchar_t description[] =
    L"Counts the concurrent users of this host's remote-desktop farm, reports their peak, "
    L"and keeps the farm's gate.";

/* Says what failed and why; EXIT_FAILURE. */
static int failed(const char *what)
{
    DWORD error = GetLastError();
    const char *advice = "";
    if (error == ERROR_ACCESS_DENIED)
        advice = ": run it as an administrator";
    else if (error == ERROR_SERVICE_EXISTS)
        advice = ": it is installed already";
    else if (error == ERROR_SERVICE_DOES_NOT_EXIST)
        advice = ": it is not installed";
    else if (error == ERROR_SERVICE_MARKED_FOR_DELETE)
        advice = ": it is being removed; close the list of services and try again";
    (void)fprintf(stderr, "farmgated: %s%s (Windows error %lu)\n", what, advice, error);
    return EXIT_FAILURE;
}

/* --- install ----------------------------------------------------------------------------------------------
 */

/* The file as every directory knows it; NULL, to be freed else. */
static wchar_t *whole_path(const char *path)
{
    wchar_t *wide = wide_path(path), *whole = calloc(PATH_CHARACTERS, sizeof(*whole));
    DWORD count = wide && whole ? GetFullPathNameW(wide, PATH_CHARACTERS, whole, NULL) : 0;
    free(wide);
    if (count > 0 && count < PATH_CHARACTERS)
        return whole;
    free(whole);
    return NULL;
}

/* The path of this program; NULL, to be freed else. */
static wchar_t *program_path(void)
{
    wchar_t *program = calloc(PATH_CHARACTERS, sizeof(*program));
    DWORD count = program ? GetModuleFileNameW(NULL, program, PATH_CHARACTERS) : 0;
    if (count > 0 && count < PATH_CHARACTERS)
        return program;
    free(program);
    return NULL;
}

/* Programs are started from longer paths, services are not. Said if it is too long; one that cannot be told
 * is left to make_command(). */
static bool may_be_a_service(void)
{
    wchar_t *program = program_path();
    size_t length = program ? wcslen(program) : 0;
    free(program);
    if (length < MAX_PATH)
        return true;
    (void)fprintf(
        stderr,
        "farmgated: Windows starts no service whose program's path is longer than %d characters; this one "
        "has %zu: move it\n",
        MAX_PATH - 1, length);
    return false;
}

/* Quoted: of a path with a space Windows would try its beginning first, which somebody else may have put
 * there. */
static wchar_t *make_command(const char *settings_path)
{
    wchar_t *program = program_path();
    wchar_t *settings = settings_path ? whole_path(settings_path) : NULL;
    wchar_t *command = calloc(PATH_CHARACTERS, sizeof(*command));
    int length = -1;
    if (command && program && (settings || !settings_path))
        length =
            swprintf(command, PATH_CHARACTERS, settings ? L"\"%ls\" %hs --config \"%ls\"" : L"\"%ls\" %hs",
                     program, WINDOWS_SERVICE_ARGUMENT, settings);
    free(program);
    free(settings);
    if (length > 0)
        return command;
    free(command);
    return NULL;
}

/* What CreateServiceW() has no room for. A service without one of them still serves. */
static void configure(SC_HANDLE service)
{
    SC_ACTION restarts[] = {{SC_ACTION_RESTART, RESTART_FIRST_MS},
                            {SC_ACTION_RESTART, RESTART_AGAIN_MS},
                            {SC_ACTION_RESTART, RESTART_AGAIN_MS}}; /* the last one goes on */
    SERVICE_DESCRIPTIONW about = {description};
    SERVICE_FAILURE_ACTIONSW failure = {.dwResetPeriod = FAILURES_FORGOTTEN_S,
                                        .cActions = sizeof(restarts) / sizeof(restarts[0]),
                                        .lpsaActions = restarts};
    SERVICE_FAILURE_ACTIONS_FLAG by_exit_code = {TRUE};
    SERVICE_DELAYED_AUTO_START_INFO delayed = {TRUE};
    SERVICE_SID_INFO sid = {
        SERVICE_SID_TYPE_UNRESTRICTED}; /* so that rights can be given to this service alone */
    const struct {
        DWORD level;
        void *value;
        const char *what;
    } more[] = {{SERVICE_CONFIG_DESCRIPTION, &about, "a description"},
                {SERVICE_CONFIG_FAILURE_ACTIONS, &failure, "a restart after a failure"},
                {SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &by_exit_code, "a restart after an exit code"},
                {SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed, "a delayed start"},
                {SERVICE_CONFIG_SERVICE_SID_INFO, &sid, "an identity of its own"}};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        if (!ChangeServiceConfig2W(service, more[i].level, more[i].value))
            (void)fprintf(stderr, "farmgated: the service is installed, but without %s (Windows error %lu)\n",
                          more[i].what, GetLastError());
}

/* Without it the Event Log has the strings of events, but not their texts. */
static void register_events(void)
{
    wchar_t *program = program_path();
    uint32_t error = program ? windows_event_register(program) : ERROR_NOT_ENOUGH_MEMORY;
    if (error != 0)
        (void)fprintf(
            stderr,
            "farmgated: the service is installed, but not as a source of the Event Log (Windows error %lu)\n",
            (unsigned long)error);
    free(program);
}

/* LocalSystem: no other account may ask for the token of a session's user, by which administrators are
 * known. */
static SC_HANDLE create(SC_HANDLE list, const wchar_t *command)
{
    return CreateServiceW(list, WINDOWS_SERVICE_NAME, display_name, ACCESS, SERVICE_WIN32_OWN_PROCESS,
                          SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, command, NULL, NULL, NULL, NULL, NULL);
}

/* One that is there is made what create() makes, but for its account. */
static SC_HANDLE replace(SC_HANDLE list, const wchar_t *command)
{
    SC_HANDLE service = OpenServiceW(list, WINDOWS_SERVICE_NAME, ACCESS);
    if (!service && GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST)
        return create(list, command);
    if (service &&
        !ChangeServiceConfigW(service, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START, SERVICE_ERROR_NORMAL,
                              command, NULL, NULL, NULL, NULL, NULL, display_name)) {
        DWORD error = GetLastError();
        (void)CloseServiceHandle(service);
        SetLastError(error);
        return NULL;
    }
    return service;
}

/* Before the service is there: it keeps secrets in it. */
static bool make_folder(void)
{
    struct error_detail detail;
    char path[PATH_MAX] = FOLDER;
    if (paths_resolve(FOLDER, path) != 0)
        error_detail_set(&detail, "Windows tells of no folder for the data of programs");
    else if (folder_rights_set(path, &detail) == 0)
        return true;
    (void)fprintf(stderr, "farmgated: %s: %s\n", path, detail.text);
    return false;
}

static int install(const wchar_t *command, bool replaces)
{
    if (!make_folder())
        return EXIT_FAILURE;
    SC_HANDLE list = OpenSCManagerW(NULL, NULL, SC_MANAGER_CREATE_SERVICE);
    if (!list)
        return failed("the list of services cannot be opened");
    SC_HANDLE service = replaces ? replace(list, command) : create(list, command);
    int code = service ? EXIT_SUCCESS : failed("the service cannot be installed");
    if (service) {
        configure(service);
        register_events();
        (void)printf("The service farmgated is installed: sc.exe start farmgated\n");
        (void)CloseServiceHandle(service);
    }
    (void)CloseServiceHandle(list);
    return code;
}

int windows_service_install(int argc, char **argv)
{
    static const struct option table[] = {{"config", required_argument, NULL, 'c'},
                                          {"replace", no_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *settings_path = NULL;
    bool replaces = false;
    int option;
    optind = 1;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "c:h", table, NULL)) == 'c' || option == 'r')
        if (option == 'c')
            settings_path = optarg;
        else
            replaces = true;
    if (option != -1 || optind < argc) {
        (void)fprintf(option == 'h' ? stdout : stderr,
                      "usage: farmgated install [--replace] [--config FILE]\n");
        return option == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
    }
    if (!may_be_a_service())
        return EXIT_FAILURE;
    wchar_t *command = make_command(settings_path);
    if (!command)
        return failed("the service's command cannot be made");
    int code = install(command, replaces);
    free(command);
    return code;
}

/* --- uninstall --------------------------------------------------------------------------------------------
 */

static bool stopped(SC_HANDLE service)
{
    SERVICE_STATUS status;
    return !QueryServiceStatus(service, &status) || status.dwCurrentState == SERVICE_STOPPED;
}

/* Asked again and again: one that is starting takes no control yet. */
static bool stop(SC_HANDLE service)
{
    SERVICE_STATUS status;
    for (unsigned waited_ms = 0; !stopped(service); waited_ms += STOP_LOOK_MS) {
        if (waited_ms >= STOP_WAIT_MS)
            return false;
        (void)ControlService(service, SERVICE_CONTROL_STOP, &status);
        Sleep(STOP_LOOK_MS);
    }
    return true;
}

static int uninstall(SC_HANDLE list)
{
    SC_HANDLE service =
        OpenServiceW(list, WINDOWS_SERVICE_NAME, SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE);
    if (!service)
        return failed("the service cannot be removed");
    if (!stop(service))
        (void)fprintf(stderr, "farmgated: the service does not stop; it is removed once it has\n");
    int code = DeleteService(service) ? EXIT_SUCCESS : failed("the service cannot be removed");
    (void)CloseServiceHandle(service);
    uint32_t error = code == EXIT_SUCCESS ? windows_event_unregister() : 0;
    if (error != 0)
        (void)fprintf(stderr, "farmgated: the source stays in the Event Log (Windows error %lu)\n",
                      (unsigned long)error);
    if (code == EXIT_SUCCESS)
        (void)printf("The service farmgated is removed; its configuration and state stay.\n");
    return code;
}

int windows_service_uninstall(int argc, char **argv)
{
    if (argc > 1) {
        bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
        (void)fprintf(help ? stdout : stderr, "usage: farmgated uninstall\n");
        return help ? EXIT_SUCCESS : EXIT_USAGE;
    }
    SC_HANDLE list = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    if (!list)
        return failed("the list of services cannot be opened");
    int code = uninstall(list);
    (void)CloseServiceHandle(list);
    return code;
}
