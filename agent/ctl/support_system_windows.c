#include "support_system.h"

#include <stdio.h>
#include <windows.h>

#define SERVICE_NAME L"farmgated"

void support_system_versions(struct text_buffer *text)
{
    text_buffer_print(text, "manager       Windows' service manager\n");
}

/* The log is in Windows' own, which whoever supports may ask for by its tools. */
void support_system_service(struct support *support)
{
    struct text_buffer text = {.text = NULL};
    SERVICE_STATUS state;
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = manager ? OpenServiceW(manager, SERVICE_NAME, SERVICE_QUERY_STATUS) : NULL;
    if (service && QueryServiceStatus(service, &state)) {
        text_buffer_print(&text, "service farmgated: state %lu, exit code %lu, of its own %lu\n",
                          state.dwCurrentState, state.dwWin32ExitCode, state.dwServiceSpecificExitCode);
        support_add(support, "unit.txt", false, &text);
    } else {
        support_missing(support, "unit.txt", "the service manager does not tell of the service farmgated");
    }
    if (service)
        (void)CloseServiceHandle(service);
    if (manager)
        (void)CloseServiceHandle(manager);
    support_missing(support, "journal.txt", "the agent's log is in Windows' event log");
}

size_t support_system_identity(char *ret, size_t bytes)
{
    DWORD count = (DWORD)bytes;
    LSTATUS status = RegGetValueA(HKEY_LOCAL_MACHINE, "SOFTWARE\\Microsoft\\Cryptography", "MachineGuid",
                                  RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, NULL, ret, &count);
    return status == ERROR_SUCCESS ? count : 0;
}
