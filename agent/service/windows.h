/* windows.h - the service as Windows' service manager sees it: what windows.c and windows_install.c share,
 * and what tests drive that only a real manager does. */
#ifndef FARMGATE_AGENT_SERVICE_WINDOWS_H
#define FARMGATE_AGENT_SERVICE_WINDOWS_H

#include <stdint.h>
#include <windows.h>

#define WINDOWS_SERVICE_NAME       L"farmgated"
#define WINDOWS_SERVICE_ARGUMENT   "--service" /* the first: it is the manager that starts us */
#define WINDOWS_SERVICE_PENDING_MS 30000       /* silence that the manager is asked to endure */
#define WINDOWS_SERVICE_ALIVE_MS   2000        /* between two signs of life while starting or stopping */

/* The service's HandlerEx, on a thread of the manager's: Windows' error code, 0 for a control that was taken.
 * Which event it was, and what about, is not looked at. */
DWORD WINAPI windows_service_control(DWORD control, DWORD event, void *about, void *data);

/* `install` and `uninstall`: the exit code. */
int windows_service_install(int argc, char **argv);
int windows_service_uninstall(int argc, char **argv);

#endif
