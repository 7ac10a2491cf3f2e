/* wts_api.h - what is asked of wtsapi32.dll, declared here: mingw-w64's header knows only a part of it, and
 * more in every version. Only files for Windows include it. */
#ifndef FARMGATE_AGENT_SESSIONS_WTS_API_H
#define FARMGATE_AGENT_SESSIONS_WTS_API_H

#include <windows.h>

#define WTS_API_THIS_SERVER ((HANDLE)NULL)
#define WTS_API_ANY_SESSION ((DWORD)-2)

enum wts_api_class { /* WTS_INFO_CLASS */
                     WTS_API_INITIAL_PROGRAM = 0,
                     WTS_API_CLIENT_NAME = 10,
                     WTS_API_CLIENT_PROTOCOL = 16, /* USHORT */
                     WTS_API_SESSION_INFO = 24,    /* struct wts_api_info */
                     WTS_API_IS_REMOTE = 29,       /* BOOL */
};

enum wts_api_type { WTS_API_PROCESSES_0 = 0, WTS_API_SESSIONS_1 = 2 }; /* WTS_TYPE_CLASS */

struct wts_api_session { /* WTS_SESSION_INFO_1W */
    DWORD exec_env;
    int state;
    DWORD id;
    WCHAR *name, *host;
    WCHAR *user, *domain; /* NULL: nobody is logged on */
    WCHAR *farm;
};

struct wts_api_process { /* WTS_PROCESS_INFOW */
    DWORD session, process;
    WCHAR *name;
    void *user;
};

struct wts_api_info { /* WTSINFOW */
    int state;
    DWORD id, counts[6];
    WCHAR station[32], domain[17], user[21];
    LARGE_INTEGER connect_time, disconnect_time, last_input_time, logon_time, current_time;
};

/* Each returns FALSE on failure, and GetLastError() may be 0 then. */
BOOL WINAPI wts_api_sessions(HANDLE server, DWORD *level, DWORD filter, struct wts_api_session **ret,
                             DWORD *ret_count) __asm__("WTSEnumerateSessionsExW");
BOOL WINAPI wts_api_processes(HANDLE server, DWORD *level, DWORD session, struct wts_api_process **ret,
                              DWORD *ret_count) __asm__("WTSEnumerateProcessesExW");
BOOL WINAPI wts_api_query(HANDLE server, DWORD session, int wts_api_class, void **ret,
                          DWORD *ret_bytes) __asm__("WTSQuerySessionInformationW");
BOOL WINAPI wts_api_token(ULONG session, HANDLE *ret) __asm__("WTSQueryUserToken");

void WINAPI wts_api_free(void *answer) __asm__("WTSFreeMemory");
BOOL WINAPI wts_api_free_list(int wts_api_type, void *list, ULONG count) __asm__("WTSFreeMemoryExW");

#endif
