/* wts_trouble.c - what is wrong with Remote Desktop Services, in words for who runs the host. */
#include "wts_sessions.h"

#include <assert.h>
#include <stdio.h>

/* Windows' own numbers (winerror.h), which this file must know on every system. */
enum windows_error {
    WINDOWS_FILE_NOT_FOUND = 2, /* of a session: there is none of this number */
    WINDOWS_ACCESS_DENIED = 5,
    WINDOWS_NO_TOKEN = 1008,
    WINDOWS_PRIVILEGE_NOT_HELD = 1314,
    WINDOWS_NO_SUCH_LOGON_SESSION = 1312,
    WINDOWS_INVALID_BINDING = 1702,
    WINDOWS_SERVER_UNAVAILABLE = 1722,
    WINDOWS_STATION_NOT_FOUND = 7022,
};

#define BECAUSE_BYTES 96

/* Why no sessions are listed, by what the service manager says of TermService. */
static const struct {
    int code;
    const char *text;
} by_service[] = {
    [WTS_SERVICE_UNKNOWN] = {ERROR_UNREACHABLE, "Remote Desktop Services do not answer"},
    [WTS_SERVICE_ABSENT] = {ERROR_NOT_FOUND,
                            "Remote Desktop Services are not installed (there is no service TermService)"},
    [WTS_SERVICE_DISABLED] = {ERROR_REFUSED,
                              "Remote Desktop Services are disabled (the service TermService)"},
    [WTS_SERVICE_STOPPED] = {ERROR_UNREACHABLE,
                             "Remote Desktop Services do not run (the service TermService)"},
    [WTS_SERVICE_STARTING] = {ERROR_UNREACHABLE, "Remote Desktop Services are still starting"},
    [WTS_SERVICE_RUNNING] = {ERROR_UNREACHABLE, "Remote Desktop Services run, and tell no sessions yet"},
};
static_assert(sizeof(by_service) / sizeof(by_service[0]) == WTS_SERVICE_MAX, "one for each");

bool wts_error_is_gone(uint32_t error)
{
    return error == WINDOWS_FILE_NOT_FOUND || error == WINDOWS_NO_TOKEN ||
           error == WINDOWS_NO_SUCH_LOGON_SESSION || error == WINDOWS_STATION_NOT_FOUND;
}

static bool is_right_missing(const struct wts_trouble *trouble)
{
    return !trouble->empty &&
           (trouble->error == WINDOWS_ACCESS_DENIED || trouble->error == WINDOWS_PRIVILEGE_NOT_HELD);
}

static void because(const struct wts_trouble *trouble, char ret[BECAUSE_BYTES])
{
    if (trouble->empty)
        (void)snprintf(ret, BECAUSE_BYTES, "an empty list");
    else if (trouble->error == 0)
        (void)snprintf(ret, BECAUSE_BYTES, "a failure without a reason");
    else
        (void)snprintf(ret, BECAUSE_BYTES, "Windows' error %u", (unsigned)trouble->error);
}

static int sessions_text(const struct wts_trouble *trouble, struct error_detail *ret_detail)
{
    char reason[BECAUSE_BYTES];

    because(trouble, reason);
    if (is_right_missing(trouble)) {
        error_detail_set(ret_detail,
                         "the sessions of this host cannot be listed: the account of the service may not "
                         "(%s); run it as LocalSystem",
                         reason);
        return ERROR_FORBIDDEN;
    }
    error_detail_set(ret_detail, "the sessions of this host cannot be listed: %s (%s)",
                     by_service[trouble->service].text, reason);
    return by_service[trouble->service].code;
}

int wts_trouble_text(const struct wts_trouble *trouble, struct error_detail *ret_detail)
{
    static const char *const missing[WTS_STEP_MAX] = {
        [WTS_STEP_DETAILS] = "how some sessions are connected is not told, and they count as remote",
        [WTS_STEP_PROCESSES] =
            "which sessions are of published applications is only guessed: no processes are "
            "told",
        [WTS_STEP_TOKENS] = "whether some users are administrators is not told, and counts as no",
    };
    char reason[BECAUSE_BYTES];
    bool forbidden = is_right_missing(trouble);

    if (trouble->step == WTS_STEP_NONE)
        return 0;
    if (trouble->step == WTS_STEP_SESSIONS)
        return sessions_text(trouble, ret_detail);
    because(trouble, reason);
    error_detail_set(ret_detail, "%s (%s)%s", missing[trouble->step], reason,
                     forbidden ? "; run the service as LocalSystem" : "");
    return forbidden ? ERROR_FORBIDDEN : ERROR_IO;
}
