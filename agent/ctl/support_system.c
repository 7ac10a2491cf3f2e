#include "support_system.h"

#include "common/file.h"
#include "common/json_members.h"
#include "common/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OS_RELEASE    "/etc/os-release"
#define MACHINE_ID    "/etc/machine-id"
#define FILE_BYTES    65536
#define LINE_BYTES    65536
#define AS_NUMBER_(n) #n
#define AS_NUMBER(n)  AS_NUMBER_(n)
/* By name and no more: what is set in a unit's environment is not asked for. */
#define SHOW                                                                                                 \
    "LC_ALL=C timeout 10 systemctl show --no-pager -p Id -p LoadState -p ActiveState -p SubState -p Result " \
    "-p UnitFileState -p FragmentPath -p NRestarts -p ExecMainStatus -p ExecMainStartTimestamp "             \
    "-p ActiveEnterTimestamp -p InactiveEnterTimestamp -p MemoryCurrent -p TasksCurrent -p CPUUsageNSec "    \
    "farmgated.service farmgated.socket farmgated-admin.socket farmgate-hook.service 2>&1"
#define JOURNAL                                                                                  \
    "LC_ALL=C timeout 20 journalctl --no-pager -q -o json -n " AS_NUMBER(                        \
        SUPPORT_JOURNAL_MAX) " --output-fields=MESSAGE,PRIORITY,FARMGATE_CODE,FARMGATE_USER -u " \
                             "farmgated.service 2>/dev/null"

/* What a command prints, line by line; false: it could not be run, or said that it failed. */
static bool run(const char *command, void (*line)(void *data, const char *text), void *data)
{
    char *text = malloc(LINE_BYTES);
    FILE *pipe = text ? popen(command, "r") : NULL;
    if (!pipe) {
        free(text);
        return false;
    }
    while (fgets(text, LINE_BYTES, pipe))
        line(data, text);
    free(text);
    return pclose(pipe) == 0;
}

static void take_line(void *data, const char *text)
{
    text_buffer_add_text(data, text);
}

void support_system_versions(struct text_buffer *text)
{
    struct error_detail detail;
    struct text_buffer manager = {.text = NULL};
    char *release = NULL;
    size_t bytes;
    if (file_read(OS_RELEASE, FILE_BYTES, &release, &bytes, &detail) == 0) {
        const char *name = strstr(release, "PRETTY_NAME=");
        const char *value = name ? name + strlen("PRETTY_NAME=") : "unknown";
        text_buffer_print(text, "distribution  %.*s\n", (int)strcspn(value, "\n"), value);
    }
    free(release);
    if (run("LC_ALL=C timeout 10 systemctl --version 2>/dev/null", take_line, &manager) && manager.text)
        text_buffer_print(text, "manager       %.*s\n", (int)strcspn(manager.text, "\n"), manager.text);
    text_buffer_finish(&manager);
}

struct entry {
    char at[24], priority[4], code[64], user[512];
    const char *message;
};

static int take_member(void *data, const char *name, const char *value)
{
    struct support *support = ((void **)data)[0];
    struct text_buffer *text = ((void **)data)[1];
    struct entry *entry = ((void **)data)[2];
    if (!value)
        return 0;
    if (strcmp(name, "__REALTIME_TIMESTAMP") == 0)
        (void)snprintf(entry->at, sizeof(entry->at), "%s", value);
    else if (strcmp(name, "PRIORITY") == 0)
        (void)snprintf(entry->priority, sizeof(entry->priority), "%s", value);
    else if (strcmp(name, "FARMGATE_CODE") == 0)
        (void)snprintf(entry->code, sizeof(entry->code), "%s", value);
    else if (strcmp(name, "FARMGATE_USER") == 0 && !support_names_add(support->names, value))
        support->failed = true;
    else if (strcmp(name, "MESSAGE") == 0)
        text_buffer_print(text, "%s", value);
    return 0;
}

static void take_entry(void *data, const char *line)
{
    void **parts = data;
    struct text_buffer *journal = parts[1], message = {.text = NULL};
    struct entry entry = {.at = ""};
    void *of_entry[] = {parts[0], &message, &entry};
    char at[RFC3339_BYTES];
    if (json_members(line, strlen(line), take_member, of_entry) == 0 && message.text)
        text_buffer_print(journal, "%s %s %s %s\n", rfc3339_format(strtoll(entry.at, NULL, 10) / 1000, at),
                          entry.priority, entry.code[0] ? entry.code : "-", message.text);
    text_buffer_finish(&message);
}

void support_system_service(struct support *support)
{
    struct text_buffer unit = {.text = NULL}, journal = {.text = NULL};
    void *data[] = {support, &journal};
    if (run(SHOW, take_line, &unit) && unit.text) {
        support_add(support, "unit.txt", false, &unit);
    } else {
        support_missing(support, "unit.txt", "systemctl does not tell of the agent's units");
        text_buffer_finish(&unit);
    }
    if (run(JOURNAL, take_entry, data) && journal.text) {
        support_add(support, "journal.txt", false, &journal);
    } else {
        support_missing(support, "journal.txt",
                        "journalctl has nothing of farmgated.service; reading it takes root or the group "
                        "systemd-journal");
        text_buffer_finish(&journal);
    }
}

size_t support_system_identity(char *ret, size_t bytes)
{
    struct error_detail detail;
    char *text = NULL;
    size_t count = 0;
    if (file_read(MACHINE_ID, bytes, &text, &count, &detail) != 0)
        return 0;
    count = count < bytes ? count : bytes;
    memcpy(ret, text, count);
    free(text);
    return count;
}
