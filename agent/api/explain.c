/* GET /v1/explain: why the gate stands as it does, what happens next, and why each user counts or not. */
#include "api_internal.h"
#include "farm_show.h"
#include "reply.h"
#include "show.h"

#include <stdlib.h>
#include <string.h>

/* What is explained: the farm, or one user of it. */
struct subject {
    const struct core *core;
    struct core_status status;
    const char *asked;                /* the user's name as it was given; NULL: everybody */
    enum administrator administrator; /* whether that user is one, on this host */
};

static void write_verdict(struct json_writer *writer, const struct subject *subject,
                          const struct explain_farm *farm)
{
    const struct verdict *verdict = &subject->status.verdict;
    json_open_object(writer, "verdict");
    json_boolean(writer, "open", verdict->open);
    json_text(writer, "reason", verdict_reason_name(verdict->reason));
    json_text(writer, "admission", admission_name(verdict->admission));
    show_why(writer, "why", &farm->gate);
    json_close_object(writer);
}

static void write_machines(struct json_writer *writer, const struct explain_farm *farm)
{
    json_open_array(writer, "machines");
    for (int i = 0; i < EXPLAIN_MACHINE_MAX; i++) {
        json_open_object(writer, NULL);
        json_text(writer, "machine", farm->machines[i].machine);
        json_text(writer, "state", farm->machines[i].state);
        json_boolean(writer, "closes", farm->machines[i].closes);
        show_why(writer, "why", &farm->machines[i].why);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void write_next(struct json_writer *writer, const struct explain_farm *farm)
{
    json_open_array(writer, "next");
    for (size_t i = 0; i < farm->next_count; i++) {
        json_open_object(writer, NULL);
        json_time(writer, "at", farm->next[i].at_ms);
        show_sentence(writer, &farm->next[i].sentence);
        json_close_object(writer);
    }
    json_close_array(writer);
}

static void write_farm(struct json_writer *writer, const struct api *api, const struct subject *subject,
                       int64_t now_ms)
{
    struct explain_farm farm;
    explain_farm(&subject->status, now_ms, &farm);
    write_verdict(writer, subject, &farm);
    json_integer(writer, "concurrent_users", subject->status.level.concurrent_users);
    show_limit(writer, &subject->status);
    write_machines(writer, &farm);
    write_next(writer, &farm);
    show_why(writer, "remedies", &farm.remedies);
    show_setbacks(writer, api);
}

/* --- what the gate would answer ------------------------------------------------------------- */

static void write_admission(struct json_writer *writer, const struct api *api, const struct subject *subject,
                            const char *user, enum connection_kind kind)
{
    const struct core_status *status = &subject->status;
    const struct tally *tally = core_tally(subject->core);
    const struct admission_question question = {.user = user,
                                                .host = api->agent.host(api->agent.agent),
                                                .kind = kind,
                                                .administrator = subject->administrator};
    struct admission_answer answer = admission_decide(&status->verdict, status->strict, tally, &question);
    struct explain_why why;
    explain_admission(&question, &answer, tally_user_on_host(tally, question.user, question.host), &why);
    json_open_object(writer, NULL);
    json_text(writer, "host", question.host);
    json_text(writer, "kind", connection_kind_name(kind));
    json_boolean(writer, "gate", answer.gate);
    json_boolean(writer, "list", answer.list);
    json_text(writer, "reason", answer.code);
    show_why(writer, "why", &why);
    json_close_object(writer);
}

/* `user` is the name as first seen; NULL: everybody is explained. */
static void write_admissions(struct json_writer *writer, const struct api *api, const struct subject *subject,
                             const char *user)
{
    json_open_array(writer, "admission");
    for (int kind = 0; kind < KIND_MAX && user; kind++)
        write_admission(writer, api, subject, user, (enum connection_kind)kind);
    json_close_array(writer);
}

/* --- users and their connections ------------------------------------------------------------ */

static void write_user(struct json_writer *writer, const struct api *api, const struct subject *subject,
                       const struct tally_user *user)
{
    size_t left_out = user->connections == 0 ? show_ignored_count(api, user->name) : 0;
    struct explain_why why;
    struct farm_place place;
    api_place(api, &place);
    explain_user(user, left_out, place.whole ? NULL : api->agent.host(api->agent.agent), subject->asked,
                 &why);
    json_open_object(writer, NULL);
    json_text(writer, "user", user->name);
    json_boolean(writer, "counted", user->consuming > 0);
    json_integer(writer, "connections", user->connections);
    json_integer(writer, "consuming", user->consuming);
    show_why(writer, "why", &why);
    json_close_object(writer);
}

static void write_connections_of(struct json_writer *writer, const struct subject *subject,
                                 const struct show_list *list, const char *user)
{
    struct explain_connection_facts facts = {
        .user = user, .holder = explain_holder(list->entries, list->count), .lease_ends_ms = INT64_MAX};
    for (size_t i = 0; i < list->count; i++) {
        const struct tally_entry *entry = &list->entries[i];
        struct explain_why why;
        facts.disconnected_since_ms = core_disconnected_since_ms(subject->core, entry->number);
        if (subject->asked) /* of everybody it would be too much */
            facts.lease_ends_ms = core_lease_ends_ms(subject->core, entry->number);
        explain_connection(entry, &facts, &why);
        show_connection(writer, subject->core, entry, &(struct show_beside){.counted_as = user, .why = &why});
    }
}

/* The connections of the users, user by user. Returns whether there is room for them all. */
static bool write_connections(struct json_writer *writer, const struct subject *subject,
                              const struct show_users *users)
{
    size_t rows = 0;
    bool whole = true;
    json_open_array(writer, "connections");
    for (size_t i = 0; i < users->count && whole; i++) {
        struct show_list list = {.state = -1};
        show_collect(&list, core_tally(subject->core), NULL, users->users[i].name);
        whole = !list.failed && !list.more && rows + list.count <= API_ROWS_MAX;
        if (whole)
            write_connections_of(writer, subject, &list, users->users[i].name);
        rows += list.count;
        free(list.entries);
    }
    json_close_array(writer);
    return whole;
}

static void write_users(struct json_writer *writer, const struct api *api, const struct subject *subject,
                        const struct show_users *users)
{
    json_open_array(writer, "users");
    for (size_t i = 0; i < users->count; i++)
        write_user(writer, api, subject, &users->users[i]);
    json_close_array(writer);
    bool whole = write_connections(writer, subject, users);
    show_ignored(writer, api, subject->asked, NULL, true);
    json_boolean(writer, "more", users->more || !whole);
}

/* Whose connections are told: the farm's, or this host's own, and who knows the others. */
static void write_scope(struct json_writer *writer, const struct api *api)
{
    struct farm_place place;
    struct explain_why why;
    api_place(api, &place);
    explain_scope(place.whole, api->agent.host(api->agent.agent), place.leader, &why);
    farm_show_scope(writer, api);
    show_why(writer, "scope_why", &why);
}

/* --- the answer ----------------------------------------------------------------------------- */

static void answer(struct api *api, struct http_exchange *exchange, const struct subject *subject)
{
    const struct tally *tally = core_tally(subject->core);
    int64_t now_ms = api->agent.now_ms(api->agent.agent);
    struct tally_user user;
    struct show_users everybody = {0}, one = {.users = &user, .count = 1};
    if (!subject->asked)
        show_collect_users(&everybody, tally);
    else if (!tally_user(tally, subject->asked, &user) || user.connections == 0)
        user = (struct tally_user){.name = subject->asked};
    struct json_writer *writer = reply_open(exchange);
    if (writer) {
        json_text(writer, "host", api->agent.host(api->agent.agent));
        json_time(writer, "now", now_ms);
        write_farm(writer, api, subject, now_ms);
        write_scope(writer, api);
        write_admissions(writer, api, subject, subject->asked ? user.name : NULL);
        write_users(writer, api, subject, subject->asked ? &one : &everybody);
        reply_close(exchange, writer, 200);
    }
    free(everybody.users);
}

struct explain_call {
    struct call call;
    char user[CONNECTION_USER_BYTES_MAX + 1];
};

static struct subject subject_of(const struct api *api, const char *asked, enum administrator administrator)
{
    struct subject subject = {
        .core = api->agent.core(api->agent.agent), .asked = asked, .administrator = administrator};
    api_status(api, &subject.status);
    return subject;
}

static void account_known(void *data, const struct account *account)
{
    struct explain_call *asked = data;
    struct api *api = asked->call.api;
    if (asked->call.exchange) {
        struct subject subject =
            subject_of(api, asked->user, api->agent.administrator(api->agent.agent, account));
        answer(api, asked->call.exchange, &subject);
    }
    call_end(&asked->call);
}

void explain_get(struct api *api, struct http_exchange *exchange, const struct http_request *request)
{
    char user[CONNECTION_USER_BYTES_MAX + 1];
    if (!reply_text_parameter(exchange, request, "user", false, user, sizeof(user)))
        return;
    if (user[0] == '\0') {
        struct subject subject = subject_of(api, NULL, ADMINISTRATOR_NO);
        answer(api, exchange, &subject);
        return;
    }
    struct explain_call *asked = call_begin(api, exchange, sizeof(*asked));
    if (!asked)
        return;
    memcpy(asked->user, user, sizeof(user));
    accounts_ask(api->agent.accounts(api->agent.agent), asked->user, API_LOOKUP_MS, account_known, asked);
}
