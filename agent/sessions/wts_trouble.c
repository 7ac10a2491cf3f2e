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

/* Why no sessions are listed, by what the service manager says of TermService, and what to do. */
static const struct {
    int code;
    const char *text, *remedy;
} by_service[] = {
    [WTS_SERVICE_UNKNOWN] = {ERROR_UNREACHABLE, "Remote Desktop Services do not answer",
                             "see to the service TermService"},
    [WTS_SERVICE_ABSENT] = {ERROR_NOT_FOUND,
                            "Remote Desktop Services are not installed (there is no service TermService)",
                            "install them, or take \"wts\" out of sessions.sources"},
    [WTS_SERVICE_DISABLED] = {ERROR_REFUSED, "Remote Desktop Services are disabled (the service TermService)",
                              "enable them: sc.exe config TermService start= demand"},
    [WTS_SERVICE_STOPPED] = {ERROR_UNREACHABLE,
                             "Remote Desktop Services do not run (the service TermService)",
                             "start them: sc.exe start TermService"},
    [WTS_SERVICE_STARTING] = {ERROR_UNREACHABLE, "Remote Desktop Services are still starting",
                              "wait for them"},
    [WTS_SERVICE_RUNNING] = {ERROR_UNREACHABLE, "Remote Desktop Services run, and tell no sessions yet",
                             "if that stays so, start the service TermService anew"},
};
static_assert(sizeof(by_service) / sizeof(by_service[0]) == WTS_SERVICE_MAX, "one for each");

bool wts_error_is_gone(uint32_t error)
{
    return error == WINDOWS_FILE_NOT_FOUND || error == WINDOWS_NO_TOKEN ||
           error == WINDOWS_NO_SUCH_LOGON_SESSION || error == WINDOWS_STATION_NOT_FOUND;
}

bool wts_trouble_is_a_right(const struct wts_trouble *trouble)
{
    return trouble->step != WTS_STEP_NONE && !trouble->empty &&
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

/* For whom something is too much to ask: ", CORP\svc,". */
static void whose(const struct wts_trouble *trouble, char ret[WTS_ACCOUNT_BYTES + 4])
{
    (void)snprintf(ret, WTS_ACCOUNT_BYTES + 4, trouble->account[0] != '\0' ? ", %s," : "%s",
                   trouble->account);
}

static int sessions_text(const struct wts_trouble *trouble, struct error_detail *ret_detail)
{
    char reason[BECAUSE_BYTES], account[WTS_ACCOUNT_BYTES + 4];

    because(trouble, reason);
    whose(trouble, account);
    if (wts_trouble_is_a_right(trouble)) {
        error_detail_set(
            ret_detail,
            "the sessions of this host cannot be listed, so that nobody new is counted: the account "
            "of the service%s may not (%s); run it as LocalSystem",
            account, reason);
        return ERROR_FORBIDDEN;
    }
    error_detail_set(ret_detail, "the sessions of this host cannot be listed: %s (%s); %s",
                     by_service[trouble->service].text, reason, by_service[trouble->service].remedy);
    return by_service[trouble->service].code;
}

/* Of a step past the list: what its absence means, and the right that it takes. */
static const struct {
    const char *missing, *right;
} parts[WTS_STEP_MAX] = {
    [WTS_STEP_DETAILS] = {"how some sessions are connected is not told, and they count as remote",
                          "may not ask for it"},
    [WTS_STEP_PROCESSES] =
        {"which sessions are of published applications is only guessed: no processes are told",
         "may not ask for them"},
    [WTS_STEP_TOKENS] =
        {"whether users are administrators is not told and counts as no, so that administrators' "
         "desktops take licences",
         "has not the right to act as part of the operating system (SeTcbPrivilege)"},
};

int wts_trouble_text(const struct wts_trouble *trouble, struct error_detail *ret_detail)
{
    char reason[BECAUSE_BYTES], account[WTS_ACCOUNT_BYTES + 4];

    if (trouble->step == WTS_STEP_NONE)
        return 0;
    if (trouble->step == WTS_STEP_SESSIONS)
        return sessions_text(trouble, ret_detail);
    because(trouble, reason);
    whose(trouble, account);
    if (!wts_trouble_is_a_right(trouble)) {
        error_detail_set(ret_detail, "%s (%s)", parts[trouble->step].missing, reason);
        return ERROR_IO;
    }
    error_detail_set(ret_detail, "%s: the account of the service%s %s (%s); run it as LocalSystem",
                     parts[trouble->step].missing, account, parts[trouble->step].right, reason);
    return ERROR_FORBIDDEN;
}
