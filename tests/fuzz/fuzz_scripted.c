/* fuzz_scripted - the lines of a scripted source, and what is live after them. */
#include "agent/sessions/script_sessions.h"
#include "agent/sessions/source.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_set(void *data, const char *host, const struct session_facts *facts, size_t count)
{
    (void)data;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(facts[i].host, host) != 0 || facts[i].user[0] == '\0' || facts[i].kind_known >= KIND_MAX)
            abort();
        for (size_t j = 0; j < i; j++)
            if (strcmp(facts[i].id, facts[j].id) == 0)
                abort(); /* each id once */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_reader *reader = json_reader_create();
    struct script_sessions *sessions = script_sessions_create("here");

    while (reader != NULL && sessions != NULL && size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t bytes = end != NULL ? (size_t)(end - data) : size;
        struct script_line line;

        if (script_line_read(reader, (const char *)data, bytes, &line, NULL) == 0 && line.speed == 0)
            (void)script_sessions_apply(sessions, &line, line.ts_ms);
        data += bytes + (end != NULL);
        size -= bytes + (end != NULL);
    }
    if (sessions != NULL)
        (void)script_sessions_each_changed(sessions, check_set, NULL);
    script_sessions_destroy(sessions);
    json_reader_destroy(reader);
    return 0;
}
