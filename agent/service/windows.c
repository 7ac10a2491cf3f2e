/* windows.c - run by Windows' service manager, or from a console. */
#include "windows.h"

#include "common/platform/windows/wide.h"
#include "service.h"
#include "windows_event.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define ACCEPTED                                                                  \
    (SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PRESHUTDOWN | \
     SERVICE_ACCEPT_PARAMCHANGE | SERVICE_ACCEPT_SESSIONCHANGE)
#define GUID_CHARACTERS   64
#define MACHINE_ID_BYTES  16
#define MACHINE_ID_DOMAIN "farmgate-machine-id-v1"

enum asked { ASKED_STOP, ASKED_RELOAD, ASKED_SESSIONS, ASKED_MAX };

/* The manager's calls bring nothing to know a program by, so there is one for the whole process. */
static struct manager {
    SRWLOCK lock; /* of `async`, which is the loop's to open and close and the manager's to ring */
    bool open;
    uv_async_t async;
    atomic_bool asked[ASKED_MAX];
    struct service_listener listener;

    SERVICE_STATUS_HANDLE handle; /* NULL: nobody manages us */
    SERVICE_STATUS status;
    int argc;
    char **argv;
    service_program_fn *program;
} manager = {.lock = SRWLOCK_INIT};

/* --- what the manager asks --------------------------------------------------------------------------------
 */

static void ask(enum asked what)
{
    atomic_store(&manager.asked[what], true);
    AcquireSRWLockShared(&manager.lock);
    if (manager.open)
        (void)uv_async_send(&manager.async);
    ReleaseSRWLockShared(&manager.lock);
}

DWORD WINAPI windows_service_control(DWORD control, DWORD event, void *about, void *data)
{
    (void)event;
    (void)about;
    (void)data;
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
    case SERVICE_CONTROL_PRESHUTDOWN:
        ask(ASKED_STOP);
        return NO_ERROR;
    case SERVICE_CONTROL_PARAMCHANGE:
        ask(ASKED_RELOAD);
        return NO_ERROR;
    case SERVICE_CONTROL_SESSIONCHANGE: /* whichever it was: all are read again */
        ask(ASKED_SESSIONS);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE: /* the manager keeps what it was told last */
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

static void on_asked(uv_async_t *async)
{
    (void)async;
    const struct service_listener *listener = &manager.listener;
    if (atomic_exchange(&manager.asked[ASKED_RELOAD], false))
        listener->reload(listener->data);
    if (atomic_exchange(&manager.asked[ASKED_SESSIONS], false))
        listener->sessions_changed(listener->data);
    if (atomic_exchange(&manager.asked[ASKED_STOP], false))
        listener->stop(listener->data);
}

int service_open(uv_loop_t *loop, const struct service_listener *listener)
{
    int error = uv_async_init(loop, &manager.async, on_asked);
    if (error)
        return error;
    manager.listener = *listener;
    AcquireSRWLockExclusive(&manager.lock);
    manager.open = true;
    ReleaseSRWLockExclusive(&manager.lock);
    return uv_async_send(&manager.async);
}

void service_close(void)
{
    AcquireSRWLockExclusive(&manager.lock);
    bool was_open = manager.open;
    manager.open = false;
    ReleaseSRWLockExclusive(&manager.lock);
    if (was_open)
        uv_close((uv_handle_t *)&manager.async, NULL);
}

/* --- what it is told --------------------------------------------------------------------------------------
 */

static bool pending(void)
{
    return manager.status.dwCurrentState == SERVICE_START_PENDING ||
           manager.status.dwCurrentState == SERVICE_STOP_PENDING;
}

static void tell(void)
{
    manager.status.dwWaitHint = pending() ? WINDOWS_SERVICE_PENDING_MS : 0;
    manager.status.dwControlsAccepted = manager.status.dwCurrentState == SERVICE_START_PENDING ? 0 : ACCEPTED;
    if (manager.handle)
        (void)SetServiceStatus(manager.handle, &manager.status);
}

static void enter(DWORD state)
{
    if (manager.status.dwCurrentState == state || manager.status.dwCurrentState == SERVICE_STOPPED)
        return;
    manager.status.dwCurrentState = state;
    manager.status.dwCheckPoint = pending() ? 1 : 0;
    tell();
}

void service_ready(const char *status)
{
    (void)status;
    enter(SERVICE_RUNNING);
}

void service_status(const char *status)
{
    (void)status;
}

void service_reloading(void)
{
}

void service_stopping(void)
{
    enter(SERVICE_STOP_PENDING);
}

/* No watchdog of the manager's: it wants to see progress while a service starts and stops. */
uint64_t service_watchdog_ms(void)
{
    return manager.handle ? WINDOWS_SERVICE_ALIVE_MS : 0;
}

void service_alive(void)
{
    if (!pending())
        return;
    manager.status.dwCheckPoint++;
    tell();
}

/* Failure actions are taken for an exit code as well: see windows_install.c. */
void service_ended(int exit_code)
{
    if (exit_code != 0) {
        manager.status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
        manager.status.dwServiceSpecificExitCode = (DWORD)exit_code;
    }
    enter(SERVICE_STOPPED);
}

/* --- running ----------------------------------------------------------------------------------------------
 */

static void WINAPI service_begin(DWORD argc, wchar_t **argv)
{
    (void)argc; /* what `sc start` adds: no options of ours come this way */
    (void)argv;
    manager.status = (SERVICE_STATUS){.dwServiceType = SERVICE_WIN32_OWN_PROCESS,
                                      .dwCurrentState = SERVICE_START_PENDING,
                                      .dwCheckPoint = 1};
    manager.handle = RegisterServiceCtrlHandlerExW(WINDOWS_SERVICE_NAME, windows_service_control, NULL);
    tell();
    service_ended(manager.program(manager.argc, manager.argv));
}

/* The program runs on the manager's thread while this one carries controls. */
static int run_managed(int argc, char **argv, service_program_fn *program)
{
    wchar_t name[] = WINDOWS_SERVICE_NAME;
    const SERVICE_TABLE_ENTRYW table[] = {{name, service_begin}, {NULL, NULL}};
    manager.argc = argc;
    manager.argv = argv;
    manager.program = program;
    if (StartServiceCtrlDispatcherW(table))
        return (int)manager.status.dwServiceSpecificExitCode;
    if (GetLastError() == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
        return program(argc, argv); /* somebody at a console tries the service's own command */
    (void)fprintf(stderr, "farmgated: the service manager does not take this program: error %lu\n",
                  GetLastError());
    return EXIT_FAILURE;
}

int service_main(int argc, char **argv, service_program_fn *program)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "install") == 0)
        return windows_service_install(argc - 1, argv + 1);
    if (strcmp(word, "uninstall") == 0)
        return windows_service_uninstall(argc - 1, argv + 1);
    if (strcmp(word, WINDOWS_SERVICE_ARGUMENT) != 0)
        return program(argc, argv);
    argv[1] = argv[0];
    return run_managed(argc - 1, argv + 1, program);
}

const char *service_help(void)
{
    return "\n"
           "  farmgated install [--replace] [--config FILE]\n"
           "                        make it a service of this machine, that starts with it;\n"
           "                        --replace: or make the one that is there what it should\n"
           "                        be, but for its account\n"
           "  farmgated uninstall   stop the service, and take it away\n"
           "\n"
           "The service starts it with " WINDOWS_SERVICE_ARGUMENT " before other options.\n";
}

/* --- the rest of the contract -----------------------------------------------------------------------------
 */

size_t service_sockets(struct service_socket ret[SERVICE_SOCKETS_MAX])
{
    (void)ret;
    return 0;
}

/* In a console whoever sits there reads it. */
bool service_has_log(void)
{
    return manager.handle != NULL;
}

bool service_log(const struct log_event_form *form, const char *sentence, const struct service_field *fields,
                 size_t count)
{
    return manager.handle && windows_event_report(form, sentence, fields, count);
}

/* Windows' own id of the machine is told to anybody; ours is made of it and cannot be led back to it. */
void service_machine_id(char *ret, size_t bytes)
{
    wchar_t guid[GUID_CHARACTERS];
    DWORD guid_bytes = sizeof(guid);
    unsigned char id[MACHINE_ID_BYTES];
    ret[0] = '\0';
    if (bytes < 2 * MACHINE_ID_BYTES + 1 ||
        RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Cryptography", L"MachineGuid",
                     RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, NULL, guid, &guid_bytes) != ERROR_SUCCESS)
        return;
    char *text = wide_to_utf8(guid);
    if (text && crypto_generichash(id, sizeof(id), (const unsigned char *)text, strlen(text),
                                   (const unsigned char *)MACHINE_ID_DOMAIN, strlen(MACHINE_ID_DOMAIN)) == 0)
        (void)sodium_bin2hex(ret, bytes, id, sizeof(id));
    free(text);
}
