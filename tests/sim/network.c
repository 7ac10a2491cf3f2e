#include "network.h"

#include "tests/property/chance.h"

#include <stdlib.h>
#include <string.h>

#define QUICK_MS    250
#define SLOW_MS     12000
#define LATE_MS     (2 * HOUR_MS)
#define LAST_GRANTS 4

struct message *message_create(enum message_type type, unsigned host, uint64_t number,
                               const struct window *windows, size_t count)
{
    struct message *message = calloc(1, sizeof(*message) + count * sizeof(*windows));
    if (message == NULL)
        abort();
    message->type = type;
    message->host = host;
    message->number = number;
    message->retry_after_ms = -1;
    message->count = count;
    if (count > 0)
        memcpy(message->windows, windows, count * sizeof(*windows));
    return message;
}

static struct message *twin(const struct message *message)
{
    struct message *copy = message_create(message->type, message->host, message->number, NULL, 0);
    copy = realloc(copy, sizeof(*copy) + message->count * sizeof(*message->windows));
    if (copy == NULL)
        abort();
    memcpy(copy, message, sizeof(*copy) + message->count * sizeof(*message->windows));
    return copy;
}

/* Choices hang on who sends and when, not on what was sent before: a run that leaves something out is the
 * same in the rest. */
static uint64_t chance_of(const struct network *network, unsigned host)
{
    uint64_t chance =
        network->seed ^ (uint64_t)*network->true_ms * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)host << 40;
    (void)chance_next(&chance);
    return chance;
}

static int64_t delay_ms(uint64_t *chance)
{
    unsigned bound = chance_percent(chance, 90) ? QUICK_MS : SLOW_MS;
    return 1 + chance_below(chance, bound);
}

static void pass_on(struct network *network, struct message *message, enum moment_type type, int64_t after_ms)
{
    heap_push(network->heap, (struct moment){.at_ms = *network->true_ms + after_ms,
                                             .type = type,
                                             .host = message->host,
                                             .what = message->number,
                                             .message = message});
}

static void give_up(struct network *network, const struct message *message, enum message_outcome outcome,
                    int64_t after_ms)
{
    struct message *word = message_create(message->type, message->host, message->number, NULL, 0);
    memcpy(word->farm_id, message->farm_id, sizeof(word->farm_id));
    word->outcome = outcome;
    if (outcome == OUTCOME_REFUSED)
        word->retry_after_ms = network->links[message->host].retry_after_ms;
    pass_on(network, word, MOMENT_ANSWER, after_ms);
}

/* ---- sending ------------------------------------------------------------------------------------------- */

static bool stops_on_the_way(struct network *network, struct message *message, uint64_t *chance)
{
    const struct link *link = &network->links[message->host];
    int64_t now_ms = *network->true_ms;
    if (now_ms < link->partition_ms) {
        witness_note(network->witness, HAPPENED_PARTITIONED);
        give_up(network, message, OUTCOME_UNREACHABLE, chance_percent(chance, 50) ? 1 : NETWORK_TIMEOUT_MS);
    } else if (now_ms < link->portal_ms) {
        witness_note(network->witness, HAPPENED_PORTAL);
        if (link->retry_after_ms >= 0)
            witness_note(network->witness, HAPPENED_RETRY_AFTER);
        give_up(network, message, OUTCOME_REFUSED, delay_ms(chance));
    } else {
        return false;
    }
    free(message);
    return true;
}

static void send_twice(struct network *network, struct message *message, uint64_t *chance)
{
    struct message *copy = twin(message);
    copy->deaf = true;
    witness_note(network->witness, HAPPENED_MESSAGE_TWICE);
    pass_on(network, copy, MOMENT_REQUEST, 1 + chance_below(chance, (unsigned)HOUR_MS));
}

static void send_in_bad_weather(struct network *network, struct message *message, uint64_t *chance)
{
    const struct link *link = &network->links[message->host];
    if (chance_percent(chance, link->twice))
        send_twice(network, message, chance);
    if (chance_percent(chance, link->lost)) {
        witness_note(network->witness, HAPPENED_MESSAGE_LOST);
        give_up(network, message, OUTCOME_UNREACHABLE, NETWORK_TIMEOUT_MS);
        message->deaf = true; /* the answer is lost, or already the request */
        if (chance_percent(chance, 50))
            pass_on(network, message, MOMENT_REQUEST, delay_ms(chance));
        else
            free(message);
    } else if (chance_percent(chance, link->late)) {
        witness_note(network->witness, HAPPENED_MESSAGE_LATE);
        give_up(network, message, OUTCOME_UNREACHABLE, NETWORK_TIMEOUT_MS);
        message->deaf = true;
        pass_on(network, message, MOMENT_REQUEST,
                NETWORK_TIMEOUT_MS + chance_below(chance, (unsigned)LATE_MS));
    } else {
        pass_on(network, message, MOMENT_REQUEST, delay_ms(chance));
    }
}

void network_send(struct network *network, struct message *message)
{
    uint64_t chance = chance_of(network, message->host);
    if (stops_on_the_way(network, message, &chance))
        return;
    if (*network->true_ms < network->links[message->host].weather_ms)
        send_in_bad_weather(network, message, &chance);
    else
        pass_on(network, message, MOMENT_REQUEST, delay_ms(&chance));
}

/* ---- arriving ------------------------------------------------------------------------------------------ */

static void handle(struct model_authority *authority, struct message *message)
{
    struct model_answer *answer = &message->answer;
    switch (message->type) {
    case MESSAGE_REPORT:
        model_authority_report(authority, message->farm_id, message->token, message->windows, message->count,
                               answer);
        break;
    case MESSAGE_ACTIVATE:
        model_authority_activate(authority, message->host, message->installation_id, message->key,
                                 message->move, answer);
        break;
    case MESSAGE_RELEASE:
        model_authority_release(authority, message->farm_id, message->token, answer);
        break;
    }
    message->outcome = answer->type == ANSWER_UNKNOWN ? OUTCOME_REFUSED : OUTCOME_ANSWERED;
}

/* Somebody in between answers a report with what the authority said some time ago. */
static void play_back(struct network *network, struct model_authority *authority, struct message *message,
                      uint64_t *chance)
{
    const struct model_farm_account *farm = model_authority_find(authority, message->farm_id);
    if (message->type != MESSAGE_REPORT || farm == NULL || farm->grants == 0 || !chance_percent(chance, 50))
        return;
    unsigned had = farm->grants < LAST_GRANTS ? farm->grants : LAST_GRANTS;
    message->answer.grant = farm->last_grant[chance_below(chance, had)];
    witness_note(network->witness, HAPPENED_OLD_ANSWER);
}

void network_arrive(struct network *network, struct model_authority *authority, struct message *message)
{
    struct link *link = &network->links[message->host];
    uint64_t chance = chance_of(network, message->host);
    if (*network->true_ms < network->authority_dead_ms) {
        witness_note(network->witness, HAPPENED_AUTHORITY_DEAD);
        if (!message->deaf)
            give_up(network, message, OUTCOME_UNREACHABLE, delay_ms(&chance));
        free(message);
        return;
    }
    if (message->number < link->last_handled)
        witness_note(network->witness, HAPPENED_MESSAGE_OVERTAKEN);
    else
        link->last_handled = message->number;
    handle(authority, message);
    if (message->deaf) {
        free(message);
        return;
    }
    if (*network->true_ms < link->old_answers_ms)
        play_back(network, authority, message, &chance);
    pass_on(network, message, MOMENT_ANSWER, delay_ms(&chance));
}

void network_heal(struct network *network)
{
    network->authority_dead_ms = 0;
    for (unsigned i = 0; i < PLAN_HOSTS_MAX; i++) {
        uint64_t last_handled = network->links[i].last_handled;
        network->links[i] = (struct link){.retry_after_ms = -1, .last_handled = last_handled};
    }
}
