/* control - sends a service a control by its number, as sc.exe does and wine's cannot: control.exe NAME
 * NUMBER. It ends with Windows' error, 0 for none. */
#include <stdlib.h>
#include <windows.h>

int wmain(int argc, wchar_t **argv);

int wmain(int argc, wchar_t **argv)
{
    SERVICE_STATUS status;
    DWORD error = ERROR_SUCCESS;
    if (argc != 3)
        return ERROR_INVALID_PARAMETER;
    SC_HANDLE list = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = list ? OpenServiceW(list, argv[1], SERVICE_ALL_ACCESS) : NULL;
    if (!service || !ControlService(service, wcstoul(argv[2], NULL, 10), &status))
        error = GetLastError();
    if (service)
        (void)CloseServiceHandle(service);
    if (list)
        (void)CloseServiceHandle(list);
    return (int)error;
}
