/* agent_tell.c - how the agent speaks: an answer to a change, an event of its own. */
#include "agent.h"

#include "agent/core/core_error.h"
#include "agent/event_json.h"
#include "agent/last_words.h"
#include "agent/log_sink.h"

#include <stdlib.h>

struct agent_answer {
    api_done_fn *done;
    void *data;
};

struct agent_answer *agent_answer_later(api_done_fn *done, void *data)
{
    struct agent_answer *answer = malloc(sizeof(*answer));
    if (answer)
        *answer = (struct agent_answer){done, data};
    return answer;
}

void agent_answer(api_done_fn *done, void *data, int status, const char *code, const char *detail)
{
    struct api_outcome outcome = {.status = status, .code = code, .detail = detail, .moves_left = -1};
    done(data, &outcome);
}

bool agent_refuses(const struct agent *agent, api_done_fn *done, void *data)
{
    const char *why;
    if (agent->stopping)
        agent_answer(done, data, 503, "stopping", "the agent is stopping");
    else if (!commit_healthy(agent->commit, &why))
        agent_answer(done, data, 503, "store_unavailable", why);
    else
        return false;
    return true;
}

bool agent_refuses_to_lead(const struct agent *agent, api_done_fn *done, void *data)
{
    struct farm_place place;
    struct error_detail words;
    if (agent_refuses(agent, done, data))
        return true;
    farm_place(agent->farm, &place);
    if (place.part == FARM_ALONE || place.part == FARM_LEADS)
        return false;
    if (*place.leader)
        error_detail_set(&words, "%s leads this farm: ask there", place.leader);
    else
        error_detail_set(&words, "no host leads this farm now, as far as this one knows: ask again later");
    agent_answer(done, data, 409, "not_leader", words.text);
    return true;
}

bool agent_uses_files(const struct agent *agent)
{
    return !*agent->settings->authority_url && *agent->settings->authority_key;
}

bool agent_refuses_without_network(const struct agent *agent, enum agent_asked asked, api_done_fn *done,
                                   void *data)
{
    static const char *const words[] = {
        [AGENT_ASKED_ACTIVATE] =
            "this farm has no network to the authority: `farmgate activation request` writes the "
            "file that asks for an activation",
        [AGENT_ASKED_REPORT] =
            "this farm has no network to the authority: `farmgate activation request` writes the "
            "file that carries its windows",
        [AGENT_ASKED_RELEASE] =
            "this farm has no network to the authority: have it deactivated there, and import the "
            "answer to its next `farmgate activation request`",
    };
    if (*agent->settings->authority_url || (!agent_uses_files(agent) && asked != AGENT_ASKED_ACTIVATE))
        return false;
    agent_answer(done, data, 409, "no_authority",
                 agent_uses_files(agent) ? words[asked]
                                         : "set authority.url and authority.key in the configuration");
    return true;
}

void agent_answer_commit(void *data, int error, const char *detail)
{
    struct agent_answer *answer = data;
    static const struct {
        int error, status;
        const char *code;
    } table[] = {
        {0, 200, NULL},
        {CORE_UNKNOWN, 404, "unknown_connection"},
        {CORE_INVALID, 400, "invalid"},
        {CORE_FULL, 503, "table_full"},
        {CORE_NO_MEMORY, 503, "out_of_memory"},
        {CORE_NOT_OURS, 502, "authority_answer_invalid"},
        {CORE_OUTDATED, 502, "authority_answer_invalid"},
        {CORE_NOT_ACTIVE, 409, "not_activated"},
        {ERROR_CANCELLED, 503, "leader_changed"},
    };
    int status = 503;
    const char *code = "store_unavailable";
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].error == error) {
            status = table[i].status;
            code = table[i].code;
        }
    }
    agent_answer(answer->done, answer->data, status, code, detail);
    free(answer);
}

void agent_say(struct agent *agent, enum log_event_code code, const char *name, const char *text)
{
    struct log_event event = {.code = code, .at_ms = clock_now_ms(&agent->clock)};
    if (name)
        log_event_text(&event, name, text);
    commit_log(agent->commit, &event);
}

void agent_say_unsaid(struct agent *agent)
{
    struct log_event event = {.code = LOG_refusals_not_said, .at_ms = clock_now_ms(&agent->clock)};
    uint64_t count = refusals_take(&agent->refusals);
    if (count == 0)
        return;
    log_event_number(&event, "count", (int64_t)count);
    commit_log(agent->commit, &event);
}

static void on_unsaid(uv_timer_t *timer)
{
    agent_say_unsaid(timer->data);
}

static void say_refused(struct agent *agent, const struct refusal *refusal)
{
    struct log_event event = {.code = LOG_user_refused, .at_ms = clock_now_ms(&agent->clock)};
    log_event_text(&event, "user", refusal->user);
    log_event_text(&event, "host", refusal->host);
    log_event_text(&event, "kind", connection_kind_name(refusal->kind));
    log_event_text(&event, "reason", refusal->reason);
    commit_log(agent->commit, &event);
}

void agent_refused(void *data, const struct admission_question *question, const char *reason)
{
    struct agent *agent = data;
    const struct refusal refusal = {question->user, question->host, question->kind, reason};
    if (agent->stopping)
        return;
    agent->counts.refusals++;
    switch (refusals_note(&agent->refusals, &refusal, uv_now(&agent->loop))) {
    case REFUSAL_SAY:
        say_refused(agent, &refusal);
        return;
    case REFUSAL_COUNTED:
        if (!uv_is_active((uv_handle_t *)&agent->unsaid))
            (void)uv_timer_start(&agent->unsaid, on_unsaid, REFUSALS_MINUTE_MS, 0);
        return;
    case REFUSAL_KNOWN:
        return;
    }
}

/* --- where it is written --- */

void agent_open_log_file(struct agent *agent)
{
    const struct settings *settings = agent->settings;
    event_file_configure(&agent->event_file, settings->log_file, settings->log_file_bytes,
                         (unsigned)settings->log_files_kept);
}

/* To be said as events, too, but not while one is being told. */
static void note_file_news(struct agent *agent, enum event_file_news news)
{
    if (news == EVENT_FILE_AS_EVER)
        return;
    if (news == EVENT_FILE_FAILS) {
        agent->file_fails = true;
        agent->file_why = agent->event_file.why;
    } else {
        agent->file_recovered = true;
        agent->file_missed = agent->event_file.missed;
    }
    if (!agent->stopping)
        (void)uv_timer_start(&agent->file_news, agent_on_file_news, 0, 0);
}

void agent_tell(struct agent *agent, const struct log_event *event, const char *json)
{
    log_sink_write(&agent->log, event, json);
    if (json && (int)log_event_severity(event->code) <= agent->log.severity_max)
        note_file_news(agent, event_file_write(&agent->event_file, json));
}

void agent_on_file_news(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    bool failed = agent->file_fails, recovered = agent->file_recovered;
    agent->file_fails = agent->file_recovered = false;
    if (!agent->commit || agent->stopping)
        return;
    if (failed) {
        struct log_event event = {.code = LOG_log_file_failed, .at_ms = clock_now_ms(&agent->clock)};
        log_event_text(&event, "file", agent->event_file.path);
        log_event_text(&event, "detail", agent->file_why.text);
        commit_log(agent->commit, &event);
    }
    if (recovered) {
        struct log_event event = {.code = LOG_log_file_recovered, .at_ms = clock_now_ms(&agent->clock)};
        log_event_text(&event, "file", agent->event_file.path);
        log_event_number(&event, "count", (int64_t)agent->file_missed);
        commit_log(agent->commit, &event);
    }
}

void agent_tell_failed(struct agent *agent, const char *detail, int exit_code)
{
    last_words(&agent->log, &agent->event_file, detail, exit_code);
}
