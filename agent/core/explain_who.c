#include "explain_say.h"

#include "tally.h"

#include <string.h>

/* ---- users --------------------------------------------------------------------------------------------- */

/* What is not known of other hosts is not denied. */
static enum explain_code user_code(const struct tally_user *user, size_t left_out, bool here_alone)
{
    if (user->consuming > 0)
        return user->connections == 1 ? EXPLAIN_user_counts : EXPLAIN_user_counts_once;
    if (here_alone)
        return user->connections + left_out > 0 ? EXPLAIN_user_does_not_count_here : EXPLAIN_user_not_here;
    if (user->connections > 0)
        return EXPLAIN_user_does_not_count;
    return left_out > 0 ? EXPLAIN_user_left_out : EXPLAIN_user_not_on;
}

void explain_user(const struct tally_user *user, size_t left_out, const char *host, const char *asked,
                  struct explain_why *ret)
{
    *ret = (struct explain_why){0};
    if (asked != NULL && strcmp(asked, user->name) != 0) {
        struct explain_sentence *same = explain_say(ret, EXPLAIN_user_same);
        explain_text(same, "asked", asked);
        explain_text(same, "user", user->name);
    }
    enum explain_code code = user_code(user, left_out, host != NULL);
    struct explain_sentence *sentence = explain_say(ret, code);
    explain_text(sentence, "user", user->name);
    if (code == EXPLAIN_user_counts_once) {
        explain_number(sentence, "consuming", user->consuming);
        explain_number(sentence, "connections", user->connections);
    }
    if (code == EXPLAIN_user_does_not_count_here || code == EXPLAIN_user_not_here)
        explain_text(sentence, "host", host);
}

static enum explain_code admission_code(const struct admission_answer *answer, bool is_here)
{
    if (answer->list)
        return EXPLAIN_would_start;
    if (answer->gate)
        return is_here ? EXPLAIN_would_return : EXPLAIN_would_open_desktop;
    return strcmp(answer->code, ADMISSION_NO_LICENSE) == 0 ? EXPLAIN_would_wait : EXPLAIN_would_be_refused;
}

void explain_admission(const struct admission_question *question, const struct admission_answer *answer,
                       bool is_here, struct explain_why *ret)
{
    *ret = (struct explain_why){0};
    enum explain_code code = admission_code(answer, is_here);
    struct explain_sentence *sentence = explain_say(ret, code);
    explain_text(sentence, "user", question->user);
    if (code != EXPLAIN_would_return && code != EXPLAIN_would_open_desktop)
        explain_text(sentence, "kind", connection_kind_name(question->kind));
    explain_text(sentence, "host", question->host);
    if (question->kind == KIND_DESKTOP && question->administrator == ADMINISTRATOR_UNKNOWN && !answer->list)
        explain_text(explain_say(ret, EXPLAIN_administrator_unknown), "user", question->user);
}

/* ---- hosts ----------------------------------------------------------------------------------------------
 */

void explain_scope(bool is_whole, const char *host, const char *leader, struct explain_why *ret)
{
    *ret = (struct explain_why){0};
    if (is_whole)
        return;
    bool is_led = leader[0] != '\0';
    struct explain_sentence *sentence =
        explain_say(ret, is_led ? EXPLAIN_speaks_for_itself : EXPLAIN_nobody_leads);
    explain_text(sentence, "host", host);
    if (is_led)
        explain_text(sentence, "leader", leader);
}

/* ---- connections --------------------------------------------------------------------------------------- */

static bool is_older(const struct connection *one, const struct connection *other)
{
    if (one->connected_at_ms != other->connected_at_ms)
        return one->connected_at_ms < other->connected_at_ms;
    int order = strcmp(one->host, other->host);
    return order != 0 ? order < 0 : strcmp(one->id, other->id) < 0;
}

const struct tally_entry *explain_holder(const struct tally_entry *entries, size_t count)
{
    const struct tally_entry *holder = NULL;
    for (size_t i = 0; i < count; i++)
        if (entries[i].reason == TALLY_COUNTED &&
            (holder == NULL || is_older(&entries[i].connection, &holder->connection)))
            holder = &entries[i];
    return holder;
}

static void say_what(const struct connection *connection, int64_t disconnected_since_ms,
                     struct explain_why *ret)
{
    static const enum explain_code codes[KIND_MAX][3] = {
        [KIND_DESKTOP] = {EXPLAIN_desktop, EXPLAIN_desktop_disconnected, EXPLAIN_desktop_disconnected_since},
        [KIND_APPLICATION] = {EXPLAIN_application, EXPLAIN_application_disconnected,
                              EXPLAIN_application_disconnected_since},
    };
    bool disconnected = connection->state == CONNECTION_DISCONNECTED;
    bool since = disconnected && disconnected_since_ms != 0;
    struct explain_sentence *sentence = explain_say(ret, codes[connection->kind][disconnected + since]);
    explain_text(sentence, "route", connection_route_name(connection->route));
    if (since)
        explain_number(sentence, "since_at", disconnected_since_ms);
}

/* Why an administrator's connection counts, or one of whom that is not known. */
static void say_administrator(const struct connection *connection, struct explain_why *ret)
{
    if (connection->administrator == ADMINISTRATOR_UNKNOWN)
        explain_text(explain_say(ret, EXPLAIN_administrator_unknown), "user", connection->user);
    else if (connection->administrator == ADMINISTRATOR_YES && connection->kind == KIND_DESKTOP)
        explain_text(explain_say(ret, EXPLAIN_exempt_places_taken), "host", connection->host);
    else if (connection->administrator == ADMINISTRATOR_YES)
        explain_say(ret, EXPLAIN_administrator_application);
}

static void say_counted(const struct tally_entry *entry, const struct tally_entry *holder,
                        struct explain_why *ret)
{
    if (holder == NULL || holder->number == entry->number) {
        bool disconnected = entry->connection.state == CONNECTION_DISCONNECTED;
        explain_say(ret, disconnected ? EXPLAIN_consumes_until_it_ends : EXPLAIN_consumes);
    } else {
        struct explain_sentence *sentence = explain_say(ret, EXPLAIN_shares);
        explain_text(sentence, "session", holder->connection.id);
        explain_text(sentence, "host", holder->connection.host);
    }
    say_administrator(&entry->connection, ret);
}

static void say_reason(const struct tally_entry *entry, const struct tally_entry *holder,
                       struct explain_why *ret)
{
    struct explain_sentence *sentence;
    switch (entry->reason) {
    case TALLY_COUNTED:
        say_counted(entry, holder, ret);
        return;
    case TALLY_EXEMPT_FIRST:
    case TALLY_EXEMPT_SECOND:
        sentence = explain_say(ret, EXPLAIN_exempt);
        explain_number(sentence, "place", entry->reason == TALLY_EXEMPT_FIRST ? 1 : 2);
        explain_text(sentence, "host", entry->connection.host);
        return;
    case TALLY_ROUTE_NOT_COUNTED:
        explain_text(explain_say(ret, EXPLAIN_route_left_out), "route",
                     connection_route_name(entry->connection.route));
        return;
    case TALLY_DISCONNECTED_NOT_COUNTED:
        explain_say(ret, EXPLAIN_disconnected_left_out);
        return;
    case TALLY_REASON_MAX:
        break;
    }
}

void explain_connection(const struct tally_entry *entry, const struct explain_connection_facts *facts,
                        struct explain_why *ret)
{
    *ret = (struct explain_why){0};
    say_what(&entry->connection, facts->disconnected_since_ms, ret);
    if (strcmp(entry->connection.user, facts->user) != 0)
        explain_text(explain_say(ret, EXPLAIN_spelled_so), "user", entry->connection.user);
    say_reason(entry, facts->holder, ret);
    if (facts->lease_ends_ms != INT64_MAX)
        explain_number(explain_say(ret, EXPLAIN_leased), "lease_ends_at", facts->lease_ends_ms);
}

void explain_left_out(const struct session_facts *facts, const struct classify_result *result,
                      const struct classify_settings *rules, char rule_text[CLASSIFY_RULE_TEXT_BYTES],
                      struct explain_why *ret)
{
    *ret = (struct explain_why){0};
    if (result->outcome == CLASSIFY_CLOSING) {
        explain_say(ret, EXPLAIN_closing);
    } else if (result->rule == 0 || (size_t)result->rule > rules->rule_count) {
        explain_say(ret, classify_names_valid(facts) ? EXPLAIN_no_rule_fits : EXPLAIN_name_not_valid);
    } else {
        struct explain_sentence *sentence = explain_say(ret, EXPLAIN_ignored);
        classify_rule_text(&rules->rules[result->rule - 1], rule_text);
        explain_number(sentence, "rule", result->rule);
        explain_text(sentence, "rule_text", rule_text);
    }
}
