/* planted - a library under the name of one of Windows' own, which leaves a file "planted" beside itself when
 * some program loads it. */
#include <wchar.h>
#include <windows.h>

#define MARK L"planted"

BOOL WINAPI DllMain(HINSTANCE library, DWORD reason, void *reserved);

BOOL WINAPI DllMain(HINSTANCE library, DWORD reason, void *reserved)
{
    wchar_t path[MAX_PATH + 16], *slash;
    (void)reserved;
    if (reason != DLL_PROCESS_ATTACH || !GetModuleFileNameW(library, path, MAX_PATH) ||
        !(slash = wcsrchr(path, L'\\')))
        return TRUE;
    wcscpy(slash + 1, MARK);
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    if (file != INVALID_HANDLE_VALUE)
        (void)CloseHandle(file);
    return TRUE;
}
