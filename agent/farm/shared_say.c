/* shared_say.c - what is said of the farm: as log events of this host. */
#include "shared_private.h"

#include <string.h>

void shared_say(struct shared *shared, enum log_event_code code, const char *name, const char *text)
{
    struct log_event event = {.code = code, .at_ms = shared_licence_ms(shared)};
    if (name != NULL)
        log_event_text(&event, name, text);
    shared->told.say(shared->told.data, &event);
}

static enum log_event_code code_of(enum farm_note note)
{
    switch (note) {
    case FARM_NOTE_MISSED:
        return LOG_farm_changes_missed;
    case FARM_NOTE_GAP:
        return LOG_farm_history_lost;
    case FARM_NOTE_LATE:
        return LOG_farm_history_late;
    case FARM_NOTE_LEFT_OUT:
        return LOG_farm_hosts_left_out;
    case FARM_NOTE_NO_COMPACTION:
        return LOG_farm_not_compacted;
    case FARM_NOTE_FOREIGN:
    case FARM_NOTE_UNREADABLE:
    case FARM_NOTE_OLD:
    case FARM_NOTE_MAX:
        break;
    }
    return LOG_farm_value_ignored;
}

static bool was_noted(struct shared *shared, enum farm_note note, const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)note;
    for (const char *at = key; *at != '\0'; at++)
        hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
    for (size_t i = 0; i < shared->noted_count; i++)
        if (shared->noted[i] == hash)
            return true;
    if (shared->noted_count == SHARED_NOTED_MAX)
        return true;
    shared->noted[shared->noted_count++] = hash;
    return false;
}

/* A key is told of once, whoever leads meanwhile; one that goes on being wrong says nothing new. */
void shared_say_note(struct shared *shared, enum farm_note note, const char *key, const char *detail)
{
    struct log_event event = {.code = code_of(note), .at_ms = shared_licence_ms(shared)};
    if (event.code == LOG_farm_value_ignored && was_noted(shared, note, key))
        return;
    if (log_event_has_field(event.code, "key", strlen("key")))
        log_event_text(&event, "key", key);
    log_event_text(&event, "detail", detail);
    shared->told.say(shared->told.data, &event);
}

void shared_say_writer(struct shared *shared, enum writer_saying saying, const char *detail)
{
    static const struct {
        enum log_event_code code;
        bool is_said;
    } table[WRITER_SAYING_MAX] = {
        [WRITER_WENT_BACK] = {LOG_farm_put_back, true},
        [WRITER_OTHER_LINE] = {LOG_farm_journal_other, true},
        [WRITER_UNREADABLE] = {LOG_farm_journal_other, true},
        [WRITER_FULL] = {LOG_farm_queue_full, true},
        [WRITER_ROOM] = {LOG_farm_queue_free, true},
        [WRITER_JOURNAL_BAD] = {LOG_farm_journal_failed, true},
        [WRITER_JOURNAL_GOOD] = {LOG_farm_journal_recovered, true},
    };
    if (table[saying].is_said)
        shared_say(shared, table[saying].code, "detail", detail);
}

/* Here, as the leader says it where it counts. */
void shared_say_verdict(struct shared *shared, const struct verdict *verdict)
{
    struct log_event event = {.code = verdict->open ? LOG_gate_opened : LOG_gate_closed,
                              .at_ms = shared_licence_ms(shared)};
    log_event_text(&event, "reason", verdict_reason_name(verdict->reason));
    log_event_text(&event, "detail", verdict_reason_text(verdict->reason));
    shared->told.say(shared->told.data, &event);
}
