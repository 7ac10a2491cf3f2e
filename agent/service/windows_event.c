#include "windows_event.h"

#include "service.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

/* The source in the registry. An installer writes the same, with the program's whole path for PROGRAM, and
 * takes the key away when it removes the program:
 *
 *   HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\Farmgate
 *     EventMessageFile     REG_EXPAND_SZ  PROGRAM    the messages are in farmgated.exe itself
 *     CategoryMessageFile  REG_EXPAND_SZ  PROGRAM
 *     CategoryCount        REG_DWORD      7          LOG_EVENT_GROUPS
 *     TypesSupported       REG_DWORD      7          errors, warnings, information */
#define SOURCE L"Farmgate"
#define KEY    L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\" SOURCE

struct value {
    const wchar_t *name;
    DWORD number; /* PROGRAM: the path stands there */
};
#define PROGRAM 0
static const struct value values[] = {
    {L"EventMessageFile", PROGRAM},
    {L"CategoryMessageFile", PROGRAM},
    {L"CategoryCount", LOG_EVENT_GROUPS},
    {L"TypesSupported", EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE},
};

static uint32_t set_value(HKEY key, const struct value *value, const wchar_t *program)
{
    if (value->number != PROGRAM)
        return (uint32_t)RegSetValueExW(key, value->name, 0, REG_DWORD, (const BYTE *)&value->number,
                                        sizeof(value->number));
    return (uint32_t)RegSetValueExW(key, value->name, 0, REG_EXPAND_SZ, (const BYTE *)program,
                                    (DWORD)((wcslen(program) + 1) * sizeof(*program)));
}

uint32_t windows_event_register(const wchar_t *program)
{
    HKEY key;
    uint32_t error =
        (uint32_t)RegCreateKeyExW(HKEY_LOCAL_MACHINE, KEY, 0, NULL, 0, KEY_SET_VALUE, NULL, &key, NULL);
    if (error != ERROR_SUCCESS)
        return error;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]) && error == ERROR_SUCCESS; i++)
        error = set_value(key, &values[i], program);
    (void)RegCloseKey(key);
    return error;
}

uint32_t windows_event_unregister(void)
{
    uint32_t error = (uint32_t)RegDeleteKeyW(HKEY_LOCAL_MACHINE, KEY);
    return error == ERROR_FILE_NOT_FOUND ? ERROR_SUCCESS : error;
}

/* --- one event --------------------------------------------------------------------------------------------
 */

/* Whoever shows an event takes "%1" in a string for the first string, and "%%1" for a text of Windows' own: a
 * user's name must not be able to say such things. */
static bool begins_reference(const wchar_t *at)
{
    return *at == L'%' && (at[1] == L'%' || (at[1] >= L'0' && at[1] <= L'9'));
}

static wchar_t *make_string(const char *text)
{
    wchar_t *wide = calloc(2 * WINDOWS_EVENT_STRING_LENGTH + 1, sizeof(*wide));
    wchar_t *plain =
        wide ? wide + WINDOWS_EVENT_STRING_LENGTH : NULL; /* converted there, put right in front */
    size_t bytes = strlen(text), length = 0;
    if (!wide)
        return NULL;
    if (bytes > WINDOWS_EVENT_STRING_LENGTH) /* no byte becomes more than one unit */
        bytes = WINDOWS_EVENT_STRING_LENGTH;
    (void)MultiByteToWideChar(CP_UTF8, 0, text, (int)bytes, plain, WINDOWS_EVENT_STRING_LENGTH);
    for (const wchar_t *at = plain; *at && length + 2 < WINDOWS_EVENT_STRING_LENGTH; at++) {
        wchar_t unit = *at;
        bool reference = begins_reference(at);
        wide[length++] = unit;
        if (reference)
            wide[length++] = L' ';
    }
    wide[length] = L'\0';
    return wide;
}

static const char *value_of(const struct service_field *fields, size_t count, const char *name,
                            size_t name_bytes)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(fields[i].name) == name_bytes && memcmp(fields[i].name, name, name_bytes) == 0)
            return fields[i].value;
    return "";
}

/* How many there are. */
static size_t list_strings(const struct log_event_form *form, const char *sentence,
                           const struct service_field *fields, size_t count,
                           const char *ret[WINDOWS_EVENT_STRINGS_MAX])
{
    size_t listed = 0;
    for (const char *name = form->fields; *name != '\0';) {
        size_t bytes = strcspn(name, " ");
        ret[listed++] = value_of(fields, count, name, bytes);
        name += bytes + (name[bytes] == ' ');
    }
    ret[listed + WINDOWS_EVENT_SENTENCE] = sentence;
    ret[listed + WINDOWS_EVENT_AT] = value_of(fields, count, "at", strlen("at"));
    ret[listed + WINDOWS_EVENT_ID] = value_of(fields, count, "id", strlen("id"));
    return listed + WINDOWS_EVENT_OWN_MAX;
}

static WORD type_of(const struct log_event_form *form)
{
    static const WORD types[] = {[WINDOWS_EVENT_INFORMATION] = EVENTLOG_INFORMATION_TYPE,
                                 [WINDOWS_EVENT_WARNING] = EVENTLOG_WARNING_TYPE,
                                 [WINDOWS_EVENT_ERROR] = EVENTLOG_ERROR_TYPE};
    return types[windows_event_severity(form)];
}

bool windows_event_report(const struct log_event_form *form, const char *sentence,
                          const struct service_field *fields, size_t count)
{
    const char *texts[WINDOWS_EVENT_STRINGS_MAX];
    wchar_t *strings[WINDOWS_EVENT_STRINGS_MAX];
    size_t listed = list_strings(form, sentence, fields, count, texts), made = 0;
    while (made < listed && (strings[made] = make_string(texts[made])))
        made++;
    HANDLE log = made == listed ? RegisterEventSourceW(NULL, SOURCE) : NULL;
    bool taken = log && ReportEventW(log, type_of(form), windows_event_category(form), windows_event_id(form),
                                     NULL, (WORD)listed, 0, (const wchar_t **)strings, NULL);
    if (log)
        (void)DeregisterEventSource(log);
    while (made > 0)
        free(strings[--made]);
    return taken;
}
